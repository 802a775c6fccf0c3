"""The gates of single units on a terminal: those that add most to the answer, as columns beside the words.

Means over all units hardly move; a unit that matters does. Where there are colours, each number has the background that
`plot --kind gates` gives it.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from lstmctl.cli.console import Console
from lstmctl.plots.figures import DIVERGING, SEQUENTIAL
from lstmctl.plots.text import Span
from lstmctl.plots.words import QUANTITIES

if TYPE_CHECKING:
    from lstmctl.model.explanation import Explanation

GAP = 2  # columns between two units


class Column(NamedTuple):
    """One quantity of a unit: its field in a trace, and its header, as wide as its numbers."""

    quantity: str
    header: str


ALL_COLUMNS = (
    Column("forget", "forget"),
    Column("input", "input"),
    Column("candidate", " cand."),
    Column("output", "output"),
    Column("cell", "  cell"),
)
FEW_COLUMNS = tuple(column for column in ALL_COLUMNS if column.quantity in ("forget", "input", "cell"))


class UnitTable:
    """The units of one explanation that add most to the log-odds of its label; a line for each word."""

    def __init__(self, console: Console, explanation: "Explanation", *, word_width: int) -> None:
        self.console, self.explanation, self.word_width = console, explanation, word_width
        names = [f"{unit.lstm}.{unit.unit}" for unit in explanation.units]
        longest = max(map(len, names), default=0)
        room = console.out.width - word_width
        all_width, few_width = (
            max(longest, sum(len(column.header) + 1 for column in columns) - 1)
            for columns in (ALL_COLUMNS, FEW_COLUMNS)
        )
        has_room = room >= (GAP + all_width) * min(len(names), 2)
        self.columns, self.width = (ALL_COLUMNS, all_width) if has_room else (FEW_COLUMNS, few_width)
        self.units = explanation.units[: room // (GAP + self.width)]
        self._names = names[: len(self.units)]

    def show(self, indices: Sequence[int | str]) -> None:
        """Write the names of the units, the headers, and a line for each index of a word, or the text of a gap."""
        if not self.units:
            return
        console = self.console
        self._header("unit", self._names, "")
        self._header("adds", [f"{unit.log_odds:+.2f}" for unit in self.units], "")
        self._header("word", [" ".join(column.header for column in self.columns)] * len(self.units), "dim")
        for index in indices:
            if isinstance(index, str):
                console.show((index, "dim"))
            else:
                self._line(index)

    def _header(self, name: str, cells: Sequence[str], style: str) -> None:
        """A line above the numbers, with a cell for each unit."""
        spans: list[Span] = [(f"{name:<{self.word_width}}", "dim")]
        spans += [(" " * GAP + f"{cell:<{self.width}}", style) for cell in cells]
        self.console.show(*spans)

    def _line(self, index: int) -> None:
        from rich.cells import cell_len

        style = "bold" if index in self.explanation.strongest else ""
        text = self.console.as_shown(self.explanation.words[index], self.word_width)
        after: list[Span] = []
        for lstm, unit, _ in self.units:
            drawn = -1
            after.append(" " * (GAP - 1))
            for quantity, header in self.columns:
                value = (
                    round(float(getattr(self.explanation.traces[lstm], quantity)[index, unit]), 2) + 0.0
                )  # never -0.00
                after += [" ", self._number(quantity, value, len(header))]
                drawn += 1 + len(header)
            after.append(" " * (self.width - drawn))
        space = " " * (self.word_width - cell_len(text))
        self.console.show_from(self.word_width, [(text, style), space], after)

    def _number(self, quantity: str, value: float, width: int) -> Span:
        """A number in a cell of the colour that it has in a heat map."""
        _, _, low, high = QUANTITIES[quantity]
        text = f"{value:.2f}" if low == 0 else f"{value:+.2f}"
        if not self.console.out.color:
            return text.rjust(width)
        colors = SEQUENTIAL if low == 0 else DIVERGING
        level = min(1.0, max(0.0, (value - low) / (high - low)))
        color = colors[round(level * (len(colors) - 1))]
        return text.rjust(width - 1) + " ", f"color({_ink(color)}) on color({color})"

    @property
    def legend(self) -> list[str]:
        """What the table shows, on lines that fit into 60 columns."""
        if not self.units:
            return []
        label = self.console.as_shown(self.explanation.label, 20)
        lines = [f"unit: those that add most · adds: to the log-odds of {label}"]
        if self.columns is ALL_COLUMNS:
            return [*lines, "cell = forget × cell before + input × candidate (cand.)"]
        return [*lines, "cell: its state after the word"]


def _ink(color: int) -> int:
    """Black or white, whichever is better to read on one of the 256 colours.

    >>> _ink(255), _ink(18)
    (16, 231)
    """
    from lstmctl.plots.figures import rgb

    red, green, blue = (int(rgb(color)[start : start + 2], 16) for start in (1, 3, 5))
    return 16 if 0.299 * red + 0.587 * green + 0.114 * blue > 115 else 231
