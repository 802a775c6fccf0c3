"""What `predict` writes: a line per prediction, or with --explain a table per text; as TSV, or as JSON Lines."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from lstmctl.cli.console import Answer, Console
from lstmctl.cli.outputs import ending
from lstmctl.cli.predict.units import UnitTable
from lstmctl.errors import BadData, UsageError
from lstmctl.plots.text import ABOVE, BELOW, Span, balance, bar, visible

if TYPE_CHECKING:
    from lstmctl.data.columns import Example
    from lstmctl.model.classifier import Classifier, Prediction
    from lstmctl.model.explanation import Explanation
    from lstmctl.model.what_if import Hold
    from lstmctl.registry.artifact import ModelFolder
    from lstmctl.scoring.stream import PredictionRequest

    Predicted = Sequence[tuple[Example, Prediction]]

GATES = ("forget", "input", "output")
COLUMNS = (
    "row", "position", "word", "known", "probability", "effect", "cell_change", *GATES, "effect_log_odds", "explains"
)  # fmt: skip
MOST_WORDS = 40  # of a text on a terminal; of a longer one, the STRONGEST words with NEIGHBOURS on both sides
STRONGEST, NEIGHBOURS = 10, 2

PARQUET = ".parquet"
TABLES = (".csv", ".tsv", ".tab")  # endings of -o
_HEADERS = ("change", *GATES)  # each at least as wide as its numbers
_GATES_WIDTH = sum(2 + len(name) for name in _HEADERS)


class PredictionWriter:
    """Writes predictions to the console, batch by batch. `labels_given` are the labels predicted so far.

    A table in a file (.csv, .tsv, .parquet) has a header, and the row and its text in front of the prediction, so that
    `train` and `evaluate` can read it. In a pipe it has the prediction only, and a header with --header.
    """

    def __init__(
        self,
        console: Console,
        folder: "ModelFolder",
        request: "PredictionRequest",
        *,
        labels_only: bool,
        header: bool = False,
    ) -> None:
        self.console, self.request, self.labels_only = console, request, labels_only
        self.reference, self.labels = folder.reference, folder.card.config.labels
        self.labels_given: set[str] = set()
        self._column_names: list[str] | None = None  # of the first row
        self._written = 0  # rows
        suffix = ending(console.output)
        self._in_file = suffix in TABLES
        self._header_left = header or self._in_file
        self._parquet: Any = None
        if suffix == PARQUET:
            from lstmctl.scoring.job import open_writer

            self._parquet = open_writer("parquet", console.open_bytes(), self.labels)
            self._write_parquet = self._parquet.__enter__()

    def write_all(self, predicted: "Predicted") -> None:
        """Write the predictions of one batch of rows."""
        self.labels_given.update(prediction.label for _, prediction in predicted)
        objects, rows = self._objects(predicted), self._rows(predicted)
        if self._parquet is not None:
            self._write_parquet(list(objects))
        else:
            self.console.answer(Answer(objects, rows, screen=partial(self._show, predicted), records=True))
        self._written += len(predicted)

    def finish(self) -> None:
        """Write what follows the last row. Not called if the answer is not complete."""
        if self._parquet is not None:
            self._parquet.__exit__(None, None, None)
        elif not self._written:  # the header of an empty table, or an empty array
            self.console.answer(Answer((), self._rows(()), screen=lambda console: None, records=True))

    def _objects(self, predicted: "Predicted") -> Iterator[dict[str, Any]]:
        from lstmctl.scoring.stream import prediction_object

        about: Any = {"labels": self.labels, "reference": self.reference}
        for example, prediction in predicted:
            yield prediction_object(example, prediction, self.request, **about)

    def _rows(self, predicted: "Predicted") -> Iterator[list[str]]:
        for place, (example, prediction) in enumerate(predicted, start=self._written + 1):
            row = place if self.request.has_lines or example.file else example.row
            line = [str(example.row)] if self.request.has_lines else []
            fields = [str(row), *line, example.text] if self._in_file else []
            for label, probability in self._ranked(prediction):
                fields += [label] if self.labels_only else [label, f"{probability:.4f}"]
            fields += [example.file] if example.file else []
            if self.request.keep_columns:
                fields += self._other_columns(example)
            if self._header_left:
                yield self._header(files=bool(example.file))
            yield fields
        if self._header_left:
            yield self._header(files=False)

    def _header(self, *, files: bool) -> list[str]:
        """The names of the columns; a copied column with the name of one of ours is called input_NAME."""
        self._header_left = False
        line = ["line"] if self.request.has_lines else []
        names = ["row", *line, "text"] if self._in_file else []
        for place in range(1, (self.request.top_k or 1) + 1):
            end = "" if place == 1 else f"_{place}"
            names += [f"label{end}"] if self.labels_only else [f"label{end}", f"probability{end}"]
        names += ["file"] if files else []
        for column in self._column_names or ():
            name = column
            while name in names:
                name = f"input_{name}"
            names.append(name)
        return names

    def _show(self, predicted: "Predicted", console: Console) -> None:
        width = max(len(visible(label)) for label in self.labels)
        for example, prediction in predicted:
            for label, probability in self._ranked(prediction):
                shown = None if self.labels_only else probability
                text = f"{example.file}  {example.text}" if example.file else example.text
                line = prediction_line(console, text, prediction, label=label, probability=shown, width=width)
                console.show(*line)

    def _ranked(self, prediction: "Prediction") -> list[tuple[str, float]]:
        from lstmctl.scoring.stream import ranked_labels

        return ranked_labels(prediction, self.labels, top_k=self.request.top_k)

    def _other_columns(self, example: "Example") -> list[str]:
        """The other columns as text: in TSV, the same ones in every row."""
        from lstmctl.data.columns import column_text
        from lstmctl.scoring.stream import other_columns

        others = other_columns(example, self.request.columns.texts)
        if self._column_names is None:
            self._column_names = list(others)
        if list(others) != self._column_names:
            raise BadData(f"row {example.row} has other columns than the first", hint="--json keeps them by name")
        return [column_text(value) for value in others.values()]


def prediction_line(
    console: Console, text: str, prediction: "Prediction", *, label: str, probability: float | None, width: int = 0
) -> list[Span]:
    """A label, padded to `width`, its probability with a bar, the text, and how much of it was not read."""
    from rich.cells import cell_len

    bar_width = 14 if console.out.width >= 72 else 8
    shown = visible(label) + " " * (width - cell_len(visible(label)))
    numbers = ""
    if probability is not None:
        numbers = f"  {probability:.2f}  {bar(probability, bar_width):<{bar_width}} "
    _, known, unknown, cut = prediction.reading
    notes = f"   {len(unknown)} of {known + len(unknown)} words unknown" if unknown else ""
    notes += f"   {cut} words cut" if cut else ""
    room = console.out.width - cell_len(shown + numbers + notes) - 2
    return [(shown, "bold"), numbers, "  ", console.as_shown(text, max(12, room)), (notes, "dim")]


class ExplanationWriter:
    """Writes explanations to the console. `labels_given` are the labels predicted so far."""

    def __init__(
        self, console: Console, folder: "ModelFolder", *, all_units: bool, holds: "Sequence[Hold]" = ()
    ) -> None:
        """`holds` are the gates that are held in all explanations."""
        if all_units and console.format == "table":
            raise UsageError(
                "--all-units does not fit on a screen",
                hint="add --json or --format tsv · lstmctl plot --kind gates --text TEXT draws it",
            )
        self.console, self.folder, self.all_units, self.holds = console, folder, all_units, holds
        self.labels_given: set[str] = set()
        self._first = True
        self._free: Classifier | None = None  # the model with no gate held
        self._legend: set[str] = set()  # lines of the legend that were shown already

    def write_all(self, explained: "Iterable[tuple[Example, Explanation]]") -> None:
        """Write the explanations of texts, in order."""
        for example, explanation in explained:
            self.labels_given.add(explanation.prediction.label)
            self.console.answer(
                Answer(
                    objects=self._objects(example, explanation),
                    rows=self._rows(example, explanation),
                    screen=partial(self._show, example, explanation),
                    records=True,
                )
            )
            self._first = False

    def finish(self) -> None:
        """Nothing follows the last text."""

    def _objects(self, example: "Example", explanation: "Explanation") -> Iterator[dict[str, object]]:
        from lstmctl.scoring.stream import explanation_object

        about: dict[str, Any] = {"labels": self.folder.card.config.labels, "reference": self.folder.reference}
        yield explanation_object(example, explanation, all_units=self.all_units, holds=self.holds, **about)

    def _rows(self, example: "Example", explanation: "Explanation") -> "Iterator[tuple[object, ...]]":
        """One row of fields for each word, after a header in front of the first text."""
        units = {
            f"{lstm}.{quantity}": values
            for lstm, trace in explanation.traces.items()
            for quantity, values in trace._asdict().items()
            if self.all_units
        }
        if self._first:
            header = *COLUMNS, *(f"{name}.{unit}" for name, values in units.items() for unit in range(values.shape[1]))
            header = (*header, "held") if self.holds else header
            yield (*header, "file") if example.file else header
        numbers: list[Any] = [explanation.probability, explanation.effect]
        numbers += [*(explanation.mean(name) for name in ("cell_change", *GATES)), explanation.effect_log_odds]
        for index, word in enumerate(explanation.words):
            known = "yes" if explanation.known[index] else "no"
            values = [f"{column[index]:.6f}" for column in numbers]
            of_units = [f"{value:.6f}" for matrix in units.values() for value in matrix[index].tolist()]
            row = example.row, index + 1, word, known, *values, explanation.label, *of_units
            row = (*row, " ".join(map(str, self.holds))) if self.holds else row
            yield (*row, example.file) if example.file else row

    def _show(self, example: "Example", explanation: "Explanation", console: Console) -> None:
        if not self._first:
            console.show()
        label, probability, *_ = prediction = explanation.prediction
        console.show(*prediction_line(console, example.text, prediction, label=label, probability=probability))
        if self.holds:
            for line in self._held(example.text, explanation.label):
                console.show((line, "dim"))
        if explanation.words:
            console.show()
            table = WordTable(console, explanation)
            table.show()
            if explanation.ngrams is not None:
                text = f"P({visible(explanation.label)}) by the n-grams alone {explanation.ngrams:.2f}"
                console.show()
                console.show((text, "dim"))
            units = UnitTable(console, explanation, word_width=table.word_width)
            console.show()
            units.show(list(_shown(explanation)))
            new = [line for line in (*table.legend(), *units.legend) if line not in self._legend]
            for line in ["", *new] if new else []:
                console.show((line, "dim"))
            self._legend |= set(new)

    def _held(self, text: str, label: str) -> list[str]:
        """What is held, and the answer without that."""
        from lstmctl.model.what_if import describe_hold

        self._free = self._free or self.folder.classifier()
        free = self._free.predict(text).probabilities[label]
        return [*map(describe_hold, self.holds), f"P({visible(label)}) with no gate held {free:.2f}"]


class WordTable:
    """One explained text on a terminal: a line for each word."""

    def __init__(self, console: Console, explanation: "Explanation") -> None:
        from rich.cells import cell_len

        self.console, self.explanation = console, explanation
        self.with_gates = console.out.width >= 72
        longest = max(cell_len(console.as_shown(word)) for word in explanation.words)
        room = console.out.width - (_GATES_WIDTH if self.with_gates else 0)
        self.word_width = max(len("(start)"), min(longest, 20 if room >= 72 else 16 if room >= 46 else 10))
        # Effects in log-odds where those on the probability say little; 46 columns have room for them.
        self.with_log_odds = explanation.nearly_certain and room >= 46
        self.effect_width = len("effect  log-odds <") if self.with_log_odds else len("-0.00 <")
        # Between word and end: mark, probability, bar, effect, mark, and the spaces between them.
        bar_width = min(33, room - self.word_width - len("?  0.00    ") - self.effect_width)
        self.bar_width = max(5, bar_width - (bar_width + 1) % 2)
        self.strongest = set(explanation.strongest)

    def show(self) -> None:
        """Write the header and a line per word."""
        explanation, console = self.explanation, self.console
        columns = [explanation.mean(name) for name in ("cell_change", *GATES)] if self.with_gates else []
        headers: list[Span] = [(name, "dim") for name in _HEADERS[: len(columns)]]
        label = console.as_shown(explanation.label, max(4, self.bar_width - 6))
        so_far = f"{f'P({label}) so far':<{self.bar_width + 6}}"
        effects = "effect  log-odds" if self.with_log_odds else "effect"
        self._line(("word", "dim"), "", [(so_far, "dim")], (effects, "dim"), headers)
        self._line(("(start)", "dim"), "", self._probability(explanation.start), "", [])
        for index in _shown(explanation):
            if isinstance(index, str):
                console.show((index, "dim"))
                continue
            style = "bold" if index in self.strongest else ""
            effect = f"{round(explanation.effect[index], 2) + 0.0:+.2f}"  # + 0: never -0.00
            if self.with_log_odds:
                effect = f"{effect:<6}  {round(explanation.effect_log_odds[index], 2) + 0.0:+8.2f}"
            self._line(
                (explanation.words[index], style),
                "" if explanation.known[index] else "?",
                self._probability(float(explanation.probability[index])),
                (effect + (" ◀" if style else ""), style),
                [f"{column[index]:>{len(name)}.2f}" for name, column in zip(_HEADERS, columns, strict=False)],
            )

    def _line(self, word: tuple[str, str], mark: str, probability: list[Span], effect: Span, gates: list[Span]) -> None:
        """One line: a word, `?` if it is unknown, and the other cells."""
        from rich.cells import cell_len

        text = self.console.as_shown(word[0], self.word_width)
        space = " " * (self.word_width - cell_len(text))
        effect_width = len(effect if isinstance(effect, str) else effect[0])
        after = [(f"{mark:<1}", "dim"), "  ", *probability, "  ", effect, " " * (self.effect_width - effect_width)]
        for gate in gates:
            after += ["  ", gate]
        self.console.show_from(self.word_width, [(text, word[1]), space], after)

    def _probability(self, value: float) -> list[Span]:
        """A number and its bar; from the middle if there are two labels."""
        if len(self.explanation.prediction.probabilities) == 2:
            left, middle, right = balance(value, self.bar_width)
            return [f"{value:.2f}  ", (left, BELOW), (middle, "dim"), (right.ljust(self.bar_width // 2), ABOVE)]
        return [f"{value:.2f}  ", (f"{bar(value, self.bar_width):<{self.bar_width}}", ABOVE)]

    def legend(self) -> Iterator[str]:
        """The meaning of columns and marks."""
        label = visible(self.explanation.label)
        yield f"effect: P({label}) minus P({label}) without the word · ◀ strongest"
        if self.with_log_odds:
            yield f"log-odds: the effect on ln(P / (1 - P)) of {label}"
        if self.with_gates:
            yield "change: of the cell state, its size · change and gates: means over the units"
        if not all(self.explanation.known):
            yield "? unknown word"


def _shown(explanation: "Explanation") -> "Iterator[int | str]":
    """Indices of the words to show; in a long text the strongest and their neighbours, with a note for each gap."""
    effects = explanation.effect_log_odds if explanation.nearly_certain else explanation.effect
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
