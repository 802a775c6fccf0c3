"""`lstmctl plot --kind gates`: what every unit did at every word of a text, as a heat map, a picture or numbers."""

import math
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from lstmctl.cli.console import Console
from lstmctl.cli.options import settings
from lstmctl.errors import BadData, UsageError
from lstmctl.plots.text import Span, shortened, tsv, visible

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lstmctl.model.explanation import Explanation
    from lstmctl.registry.artifact import ModelFolder

LABEL_WIDTH = 16  # of a word
WIDEST = 120


class Quantity(NamedTuple):
    """Something that each unit has at each word, and what its numbers mean."""

    title: str
    meaning: str
    signed: bool = False  # as much below 0 as above; a gate lies between 0 and 1


QUANTITIES = {
    "forget": Quantity("forget gate", "0 wipes the belt, 1 keeps it"),
    "input": Quantity("decision gate", "0 writes nothing, 1 the whole new value"),
    "candidate": Quantity("new value", "what could be written on the belt", signed=True),
    "output": Quantity("output gate", "0 says nothing, 1 what is on the belt"),
    "cell": Quantity("conveyor belt", "what is remembered after the word", signed=True),
    "hidden": Quantity("hidden state", "what is said after the word", signed=True),
}

# Colours of the 256 that terminals share, and what they look like: light to dark; orange, light, blue.
STRENGTH = ((255, "#eeeeee"), (153, "#afd7ff"), (75, "#5fafff"), (32, "#0087d7"), (25, "#005faf"), (18, "#000087"))
BALANCE = (
    (130, "#af5f00"), (172, "#d78700"), (215, "#ffaf5f"), (223, "#ffd7af"), (255, "#eeeeee"),
    (153, "#afd7ff"), (75, "#5fafff"), (32, "#0087d7"), (25, "#005faf"),
)  # fmt: skip
# Without colours: the same in fewer steps.
SHADES, ASCII_SHADES, SIGNS = " ░▒▓█", " .:*#", "=- +#"


def plot_gates(console: Console, folder: "ModelFolder", text: str, *, show: str, lstm: str | None) -> None:
    """Draw one quantity of one LSTM for a text.

    Raises:
        UsageError: there is no such quantity or LSTM. BadData: the text has no word. MissingExtra: no matplotlib.
    """
    if show not in QUANTITIES:
        raise UsageError(f"--show must be one of {', '.join(QUANTITIES)}, not {visible(show)}")
    from lstmctl.model.explanation import explain

    explanation = explain(folder.classifier(), text)
    names = list(explanation.traces)
    name = lstm or next(each for each in reversed(names) if each.endswith(".forward"))
    if name not in explanation.traces:
        raise UsageError(f"--lstm must be one of {', '.join(names)}, not {visible(name)}")
    if not explanation.words:
        raise BadData("the text has no word to draw", hint='--text "not a good film"')
    values = getattr(explanation.traces[name], show.replace("-", "_"))
    heading = f"{QUANTITIES[show].title} · {folder.reference}" + (f" · {name}" if len(names) > 1 else "")
    if console.picture_format is not None:
        _picture(console, explanation, values, show=show, heading=heading, format=console.picture_format)
    elif settings.format == "json":
        rows = [[float(f"{value:.7g}") for value in row] for row in values.tolist()]
        answer = {"schema": "lstmctl.gates/1", "model": folder.reference, "text": text, "lstm": name, "show": show}
        console.json({**answer, "words": explanation.words, "values": rows})
    elif settings.format == "tsv":
        console.result(tsv(("position", "word", *(f"unit{unit}" for unit in range(values.shape[1])))))
        for place, (word, row) in enumerate(zip(explanation.words, values, strict=True), start=1):
            console.result(tsv((place, word, *(f"{value:.6f}" for value in row))))
    else:
        _screen(console, explanation, values, show=show, heading=heading)


def _picture(
    console: Console,
    explanation: "Explanation",
    values: "NDArray[Any]",
    *,
    show: str,
    heading: str,
    format: Literal["png", "svg"],  # noqa: A002
) -> None:
    from lstmctl.plots.pictures import HeatMap, heat_map_image

    quantity = QUANTITIES[show]
    low, high = _range(values, quantity)
    colors = [color for _, color in (BALANCE if quantity.signed else STRENGTH)]
    heat_map = HeatMap(heading, explanation.words, values, low, high, colors)
    console.write_bytes(heat_map_image(heat_map, format=format))


def _screen(console: Console, explanation: "Explanation", values: "NDArray[Any]", *, show: str, heading: str) -> None:
    """A line for each word, a cell or two for each unit; where there is no room, for the mean of some units."""
    from rich.cells import cell_len

    quantity = QUANTITIES[show]
    labels = [shortened(console.as_shown(word), LABEL_WIDTH, ellipsis=console.ellipsis) for word in explanation.words]
    label_width = max(cell_len("unit"), *map(cell_len, labels)) + 1
    room = max(8, min(console.width, WIDEST) - label_width - 1)
    units = values.shape[1]
    together = math.ceil(units / room)
    cell = max(1, min(2, room // units))
    if together > 1:
        import numpy as np

        starts = np.arange(0, units, together)
        values = np.add.reduceat(values, starts, axis=1) / np.diff(np.append(starts, units))
    low, high = _range(values, quantity)
    console.show((heading, "bold"))
    console.show()
    console.show((f"{'unit':<{label_width}}{_ticks(units, together, cell)}", "dim"))
    for label, row in zip(labels, values, strict=True):
        levels = [(float(value) - low) / ((high - low) or 1) for value in row]  # all alike: all at the low end
        cells = _cells(console, levels, cell, signed=quantity.signed)
        console.show_from(label_width, [label, " " * (label_width - cell_len(label))], cells)
    console.show()
    scale = _cells(console, [level / 10 for level in range(11)], 1, signed=quantity.signed)
    console.show((f"{low:.2f} ", "dim"), *scale, (f" {high:.2f}  {quantity.meaning}", "dim"))
    if together > 1:
        console.show((f"{units} units are more than the width: each cell is the mean of {together}", "dim"))


def _range(values: "NDArray[Any]", quantity: Quantity) -> tuple[float, float]:
    """From the lowest to the highest number, for there is little to be seen of most gates between 0 and 1."""
    if not quantity.signed:
        return float(values.min()), float(values.max())
    most = float(abs(values).max())
    return -most, most


def _ticks(units: int, together: int, cell: int) -> str:
    """Unit numbers above their cells, as far apart as they need."""
    apart = next(step for step in (1, 2, 5, 10, 20, 50, 100, 200, 500) if step * cell > len(str(units)))
    columns = range(0, -(-units // together), apart)
    return "".join(f"{column * together:<{apart * cell}}" for column in columns).rstrip()


def _cells(console: Console, levels: list[float], width: int, *, signed: bool) -> list[Span]:
    """Numbers between 0 and 1 as coloured cells, or as characters."""
    if console.color:
        colors = [number for number, _ in (BALANCE if signed else STRENGTH)]
        chosen = [colors[round(level * (len(colors) - 1))] for level in levels]
        return [(" " * width * len(list(same)), f"on color({color})") for color, same in groupby(chosen)]
    shades = SIGNS if signed else SHADES if console.unicode else ASCII_SHADES
    return ["".join(shades[round(level * (len(shades) - 1))] * width for level in levels)]
