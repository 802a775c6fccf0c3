"""The output of `predict --explain`: a table per text, TSV with a row per word, or JSON with an object per text."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from lstmctl.cli.console import Answer, Console
from lstmctl.cli.predict.predictions import prediction_line
from lstmctl.errors import UsageError
from lstmctl.plots.text import Span, balance, bar, shortened, visible

if TYPE_CHECKING:
    from lstmctl.data.columns import Example
    from lstmctl.model.explanation import Explanation

GATES = ("forget", "input", "output")
COLUMNS = ("row", "position", "word", "known", "probability", "effect", "cell_change", *GATES)
MOST_WORDS = 40  # of a text on a terminal; of a longer one, the STRONGEST words with NEIGHBOURS on both sides
STRONGEST, NEIGHBOURS = 10, 2
ABOVE, BELOW = "color(32)", "color(166)"  # colours of a probability above and below one half

_HEADERS = ("cell", *GATES)  # each as wide as its numbers
_GATES_WIDTH = sum(2 + len(name) for name in _HEADERS)


class ExplanationWriter:
    """Writes explanations to the console. `labels_given` are the labels predicted so far."""

    def __init__(self, console: Console, labels: tuple[str, ...], *, reference: str, all_units: bool) -> None:
        if all_units and console.format == "table":
            raise UsageError(
                "--all-units does not fit on a screen",
                hint="add --json or --format tsv · lstmctl plot --kind gates --text TEXT draws it",
            )
        self.console, self.labels, self.reference, self.all_units = console, labels, reference, all_units
        self.labels_given: set[str] = set()
        self._first = True
        self._legend: set[str] = set()  # lines of the legend that were shown already

    def write_all(self, explained: "Iterable[tuple[Example, Explanation]]") -> None:
        """The explanations of texts, in order."""
        for example, explanation in explained:
            self.write(example, explanation)

    def write(self, example: "Example", explanation: "Explanation") -> None:
        """The explanation of one text."""
        self.labels_given.add(explanation.prediction.label)
        self.console.answer(
            Answer(
                objects=lambda: [self._object(example, explanation)],
                rows=lambda: self._rows(example, explanation),
                screen=lambda console: self._show(console, example, explanation),
            )
        )
        self._first = False

    def _object(self, example: "Example", explanation: "Explanation") -> dict[str, object]:
        prediction = explanation.prediction
        means = {name: explanation.mean(name) for name in (*GATES, "cell_change")}
        words: list[dict[str, object]] = []
        for index, word in enumerate(explanation.words):
            words.append(
                {
                    "word": word,
                    "known": explanation.known[index],
                    **{name: _single(values[index]) for name, values in means.items()},
                    "probability": float(explanation.probability[index]),
                    "effect": float(explanation.effect[index]),
                }
            )
            if self.all_units:
                words[-1]["units"] = {
                    lstm: {name: list(map(_single, values[index].tolist())) for name, values in trace._asdict().items()}
                    for lstm, trace in explanation.traces.items()
                }
        return {
            "schema": "lstmctl.explanation/1",
            "row": example.row,
            "text": example.text,
            "label": prediction.label,
            "probability": prediction.probability,
            "probabilities": dict(zip(self.labels, prediction.probabilities, strict=True)),
            "explains": explanation.label,
            "start": explanation.start,
            "words": words,
            "cut": prediction.reading.cut,
            "model": self.reference,
        }

    def _rows(self, example: "Example", explanation: "Explanation") -> "Iterator[tuple[object, ...]]":
        """One row of fields for each word, after a header in front of the first text."""
        units = {
            f"{lstm}.{quantity}": values
            for lstm, trace in explanation.traces.items()
            for quantity, values in trace._asdict().items()
            if self.all_units
        }
        if self._first:
            yield *COLUMNS, *(f"{name}.{unit}" for name, values in units.items() for unit in range(values.shape[1]))
        numbers: list[Any] = [explanation.probability, explanation.effect]
        numbers += [explanation.mean(name) for name in ("cell_change", *GATES)]
        for index, word in enumerate(explanation.words):
            known = "yes" if explanation.known[index] else "no"
            values = [column[index] for column in numbers]
            values += [value for matrix in units.values() for value in matrix[index].tolist()]
            yield example.row, index + 1, word, known, *(f"{value:.6f}" for value in values)

    def _show(self, console: Console, example: "Example", explanation: "Explanation") -> None:
        if not self._first:
            console.show()
        prediction = explanation.prediction
        console.show(
            *prediction_line(
                console, example.text, prediction, label=prediction.label, probability=prediction.probability
            )
        )
        if explanation.words:
            console.show()
            table = WordTable(console, explanation)
            table.show()
            new = [line for line in table.legend() if line not in self._legend]
            for line in ["", *new] if new else []:
                console.show((line, "dim"))
            self._legend |= set(new)


class WordTable:
    """One explained text on a terminal: a line for each word."""

    def __init__(self, console: Console, explanation: "Explanation") -> None:
        from rich.cells import cell_len

        from lstmctl.model.explanation import strongest_words

        self.console, self.explanation = console, explanation
        self.with_gates = console.width >= 72
        longest = max(cell_len(console.as_shown(word)) for word in explanation.words)
        room = console.width - (_GATES_WIDTH if self.with_gates else 0)
        self.word_width = max(len("(start)"), min(longest, 20 if room >= 72 else 16 if room >= 46 else 10))
        # Between word and end: mark, probability, bar, effect, mark, and the spaces between them.
        bar_width = min(33, room - self.word_width - len("?  0.00    -0.00 <"))
        self.bar_width = max(5, bar_width - (bar_width + 1) % 2)
        self.strongest = set(strongest_words(explanation.effect))

    def show(self) -> None:
        """Header and words."""
        explanation, console = self.explanation, self.console
        columns = [explanation.mean(name) for name in ("cell_change", *GATES)] if self.with_gates else []
        headers: list[Span] = [(name, "dim") for name in _HEADERS[: len(columns)]]
        label = shortened(console.as_shown(explanation.label), max(4, self.bar_width - 6), ellipsis=console.ellipsis)
        so_far = f"{f'P({label}) so far':<{self.bar_width + 6}}"
        self._line(("word", "dim"), "", [(so_far, "dim")], ("effect", "dim"), headers)
        self._line(("(start)", "dim"), "", self._probability(explanation.start), "", [])
        for index in _shown(explanation):
            if isinstance(index, str):
                console.show((index, "dim"))
                continue
            style = "bold" if index in self.strongest else ""
            effect = f"{round(explanation.effect[index], 2) + 0.0:+.2f}"  # + 0: never -0.00
            self._line(
                (console.as_shown(explanation.words[index]), style),
                "" if explanation.known[index] else "?",
                self._probability(float(explanation.probability[index])),
                (effect + (" ◀" if style else ""), style),
                [f"{column[index]:>{len(name)}.2f}" for name, column in zip(_HEADERS, columns, strict=False)],
            )

    def _line(self, word: tuple[str, str], mark: str, probability: list[Span], effect: Span, gates: list[Span]) -> None:
        """One line: a word, `?` if it is unknown, and the other cells."""
        from rich.cells import cell_len

        text = shortened(word[0], self.word_width, ellipsis=self.console.ellipsis)
        space = " " * (self.word_width - cell_len(text))
        effect_width = len(effect if isinstance(effect, str) else effect[0])
        after = [(f"{mark:<1}", "dim"), "  ", *probability, "  ", effect, " " * (len("-0.00 <") - effect_width)]
        for gate in gates:
            after += ["  ", gate]
        self.console.show_from(self.word_width, [(text, word[1]), space], after)

    def _probability(self, value: float) -> list[Span]:
        """A number and its bar; from the middle if there are two labels."""
        unicode = self.console.unicode
        if len(self.explanation.prediction.probabilities) == 2:
            left, middle, right = balance(value, self.bar_width, unicode=unicode)
            right = right.ljust(self.bar_width // 2)
            return [f"{value:.2f}  ", (left, BELOW), (middle, "dim"), (right, ABOVE)]
        return [f"{value:.2f}  ", (f"{bar(value, self.bar_width, unicode=unicode):<{self.bar_width}}", ABOVE)]

    def legend(self) -> Iterator[str]:
        """The meaning of columns and marks."""
        label = visible(self.explanation.label)
        yield f"effect: P({label}) minus P({label}) without the word · ◀ strongest"
        if self.with_gates:
            yield "cell: size of its change · cell and gates are means over the units"
        if not all(self.explanation.known):
            yield "? unknown word"


def _shown(explanation: "Explanation") -> "Iterator[int | str]":
    """Indices of the words to show; in a long text the strongest and their neighbours, with a note for each gap."""
    effects = explanation.effect
    if len(effects) <= MOST_WORDS:
        yield from range(len(effects))
        return
    chosen: set[int] = set()
    for index in (-abs(effects)).argsort(kind="stable")[:STRONGEST]:
        chosen |= set(range(max(0, index - NEIGHBOURS), min(len(effects), index + NEIGHBOURS + 1)))
    previous = -1
    for index in [*sorted(chosen), len(effects)]:
        if index - previous == 2:
            yield index - 1  # one word takes no more room than a note about it
        elif index - previous > 2:
            yield f"… {index - previous - 1} words …"
        if index < len(effects):
            yield index
        previous = index


def _single(value: float) -> float:
    """Rounded to the precision of a 32-bit number."""
    return float(f"{value:.7g}")
