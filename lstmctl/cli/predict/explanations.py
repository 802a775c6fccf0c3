"""The explanations of `predict --explain`: a screen of words, TSV with a row a word, or an object of JSON a text."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from lstmctl.cli.console import Console
from lstmctl.cli.predict.predictions import prediction_line
from lstmctl.errors import UsageError
from lstmctl.plots.text import Span, shortened, tsv, visible

if TYPE_CHECKING:
    from lstmctl.data.columns import Example
    from lstmctl.model.explanation import Explanation

GATES = ("forget", "input", "output")
COLUMNS = ("row", "position", "word", "known", "probability", "effect", "cell_change", *GATES)
MOST_WORDS = 40  # of a text, on a terminal
STRONGEST, NEIGHBOURS = 10, 2  # of a longer text: so many words, and so many beside each of them
TOWARDS, AWAY = "color(32)", "color(166)"  # colours of a probability above and below one half

_HEADERS = ("cell", "forget", "decide", "output")
_GATES_WIDTH = sum(2 + max(4, len(name)) for name in _HEADERS)


class ExplanationWriter:
    """Writes explanations to the console. `labels_given` are the labels there were."""

    def __init__(self, console: Console, labels: tuple[str, ...], *, reference: str, all_units: bool) -> None:
        if all_units and console.format == "table":
            raise UsageError(
                "--all-units is more than a screen can hold",
                hint="add --json or --format tsv · lstmctl plot --kind gates --text TEXT draws it",
            )
        self.console, self.labels, self.reference, self.all_units = console, labels, reference, all_units
        self.labels_given: set[str] = set()
        self._begun = False
        self._said: set[str] = set()  # lines that explain the screen: once is enough

    def write_all(self, explained: "Iterable[tuple[Example, Explanation]]") -> None:
        """The explanations of rows, in their order."""
        for row, explanation in explained:
            self.labels_given.add(explanation.prediction.label)
            if self.console.format == "json":
                self.console.json(self._object(row, explanation))
            elif self.console.format == "tsv":
                self._rows(row, explanation)
            else:
                self._screen(row, explanation)
            self._begun = True

    def _object(self, row: "Example", explanation: "Explanation") -> dict[str, object]:
        prediction = explanation.prediction
        words: list[dict[str, object]] = []
        gates = {name: explanation.mean(name) for name in (*GATES, "cell_change")}
        for place, word in enumerate(explanation.words):
            words.append(
                {
                    "word": word,
                    "known": explanation.known[place],
                    **{name: _short(values[place]) for name, values in gates.items()},
                    "probability": float(explanation.probability[place]),
                    "effect": float(explanation.effect[place]),
                }
            )
            if self.all_units:
                words[-1]["units"] = {
                    name: {quantity: [_short(value) for value in values] for quantity, values in units}
                    for name, units in _units(explanation, place)
                }
        return {
            "schema": "lstmctl.explanation/1",
            "row": row.row,
            "text": row.text,
            "label": prediction.label,
            "probability": prediction.probability,
            "probabilities": dict(zip(self.labels, prediction.probabilities, strict=True)),
            "explains": explanation.label,
            "start": explanation.start,
            "words": words,
            "cut": prediction.reading.cut,
            "model": self.reference,
        }

    def _rows(self, row: "Example", explanation: "Explanation") -> None:
        if not self._begun:
            columns = [
                f"{name}.{quantity}.{unit}"
                for name, trace in explanation.traces.items()
                for quantity, values in zip(trace._fields, trace, strict=True)
                for unit in range(values.shape[1])
            ]
            self.console.result(tsv((*COLUMNS, *(columns if self.all_units else ()))))
        gates = [explanation.mean(name) for name in ("cell_change", *GATES)]
        for place, word in enumerate(explanation.words):
            numbers = [explanation.probability[place], explanation.effect[place], *(values[place] for values in gates)]
            if self.all_units:
                numbers += [value for _, units in _units(explanation, place) for _, values in units for value in values]
            known = "yes" if explanation.known[place] else "no"
            self.console.result(tsv((row.row, place + 1, word, known, *(f"{value:.6f}" for value in numbers))))

    def _screen(self, row: "Example", explanation: "Explanation") -> None:
        if self._begun:
            self.console.show()
        answer = explanation.prediction
        self.console.show(
            *prediction_line(self.console, row.text, answer, label=answer.label, probability=answer.probability)
        )
        if explanation.words:
            self.console.show()
            screen = Screen(self.console, explanation)
            screen.show()
            meaning = [line for line in screen.meaning() if line not in self._said]
            for line in ["", *meaning] if meaning else []:
                self.console.show((line, "dim"))
            self._said |= set(meaning)


class Screen:
    """One explained text on a terminal: what its columns are, and its lines."""

    def __init__(self, console: Console, explanation: "Explanation") -> None:
        from rich.cells import cell_len

        from lstmctl.model.explanation import decisive

        self.console, self.explanation = console, explanation
        self.gates = console.width >= 72
        longest = max(cell_len(console.as_shown(word)) for word in explanation.words)
        room = console.width - (_GATES_WIDTH if self.gates else 0)
        self.word_width = max(len("(start)"), min(longest, 20 if room >= 72 else 16 if room >= 46 else 10))
        # Between word and end: mark, probability, bar, effect, mark, and the spaces between them.
        bar = min(33, room - self.word_width - len("?  0.00    -0.00 <"))
        self.bar_width = max(5, bar - (bar + 1) % 2)
        self.decisive = set(decisive(explanation.effect))

    def show(self) -> None:
        """Header and words."""
        explanation, console = self.explanation, self.console
        values = [explanation.mean(name) for name in ("cell_change", *GATES)]
        titles: list[Span] = [(f"{name:>{_width(name)}}", "dim") for name in _HEADERS] if self.gates else []
        label = shortened(console.as_shown(explanation.label), max(4, self.bar_width - 6), ellipsis=console.ellipsis)
        so_far = f"P({label}) so far"
        self._line(("word", "dim"), "", [(f"{so_far:<{self.bar_width + 6}}", "dim")], ("effect", "dim"), titles)
        self._line(("(start)", "dim"), "", self._probability(explanation.start), "", [])
        for place in _shown(explanation):
            if isinstance(place, str):
                console.show((place, "dim"))
                continue
            strong = place in self.decisive
            word = console.as_shown(explanation.words[place])
            effect = f"{round(explanation.effect[place], 2) + 0.0:+.2f}" + (" ◀" if strong else "")  # + 0: never -0.00
            self._line(
                (word, "bold") if strong else word,
                "" if explanation.known[place] else "?",
                self._probability(float(explanation.probability[place])),
                (effect, "bold") if strong else effect,
                [f"{column[place]:>{_width(name)}.2f}" for name, column in zip(_HEADERS, values, strict=True)]
                if self.gates
                else [],
            )

    def _line(self, word: Span, mark: str, probability: list[Span], effect: Span, gates: list[Span]) -> None:
        """One row: of the word, its mark, and the other cells."""
        from rich.cells import cell_len

        text, style = (word, "") if isinstance(word, str) else word
        text = shortened(text, self.word_width, ellipsis=self.console.ellipsis)
        space = " " * (self.word_width - cell_len(text))
        cell = effect if isinstance(effect, str) else effect[0]
        after = [(f"{mark:<1}", "dim"), "  ", *probability, "  ", effect, " " * (len("-0.00 <") - len(cell))]
        for gate in gates:
            after += ["  ", gate]
        self.console.show_from(self.word_width, [(text, style), space], after)

    def _probability(self, value: float) -> list[Span]:
        """A number and its bar, from the middle where there are two labels."""
        from lstmctl.plots.text import balance, bar

        unicode = self.console.unicode
        if len(self.explanation.prediction.probabilities) == 2:
            left, middle, right = balance(value, self.bar_width, unicode=unicode)
            right = right.ljust(self.bar_width // 2)
            return [f"{value:.2f}  ", (left, AWAY), (middle, "dim"), (right, TOWARDS)]
        return [f"{value:.2f}  ", (f"{bar(value, self.bar_width, unicode=unicode):<{self.bar_width}}", TOWARDS)]

    def meaning(self) -> Iterator[str]:
        """What the columns and marks mean."""
        label = visible(self.explanation.label)
        yield f"effect: P({label}) minus P({label}) without the word · ◀ strongest"
        if self.gates:
            yield "belt: its change; like the gates, a mean over the units: these only describe"
        if not all(self.explanation.known):
            yield "? the model does not know the word"


def _shown(explanation: "Explanation") -> "Iterator[int | str]":
    """Places of the words to show; of a long text the strongest and their neighbours, with what is left out."""
    effects = explanation.effect
    if len(effects) <= MOST_WORDS:
        yield from range(len(effects))
        return
    chosen: set[int] = set()
    for place in (-abs(effects)).argsort(kind="stable")[:STRONGEST]:
        chosen |= set(range(max(0, place - NEIGHBOURS), min(len(effects), place + NEIGHBOURS + 1)))
    before = -1
    for place in [*sorted(chosen), len(effects)]:
        if place - before == 2:
            yield place - 1  # a word takes no more room than a line that says it is left out
        elif place - before > 2:
            yield f"… {place - before - 1} words …"
        if place < len(effects):
            yield place
        before = place


def _units(explanation: "Explanation", place: int) -> "Iterator[tuple[str, list[tuple[str, list[float]]]]]":
    """What every unit did at a word: by LSTM, by quantity."""
    for name, trace in explanation.traces.items():
        yield name, [(quantity, values[place].tolist()) for quantity, values in zip(trace._fields, trace, strict=True)]


def _short(value: float) -> float:
    """As many digits as a 32-bit number has."""
    return float(f"{value:.7g}")


def _width(name: str) -> int:
    return max(4, len(name))
