"""The answers of `predict` in the format that was asked for: lines with bars, TSV, or JSON Lines."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from lstmctl.cli.console import Console
from lstmctl.errors import BadData, UsageError
from lstmctl.plots.text import Span, shortened, tsv, visible
from lstmctl.scoring.prediction_json import answer_object, other_columns, ranked

if TYPE_CHECKING:
    from lstmctl.data.columns import Example
    from lstmctl.model.classifier import Prediction


def check_answers(labels: tuple[str, ...], *, top_k: int | None, threshold: float | None) -> None:
    """See that a model with these labels can be asked so.

    Raises:
        UsageError: it cannot.
    """
    if top_k is not None and not 1 <= top_k <= len(labels):
        raise UsageError(f"--top-k must be 1 to {len(labels)}, the model's number of labels, not {top_k}")
    if threshold is not None and len(labels) != 2:
        raise UsageError(f"--threshold needs a model with two labels; this one has {len(labels)}")
    if threshold is not None and not 0 <= threshold <= 1:
        raise UsageError(f"--threshold must be between 0 and 1, not {threshold:g}")


class PredictionWriter:
    """Writes answers to the console, one row or line each. `labels_given` are the labels there were.

    `text_column` is named where all other columns are to be passed through.
    """

    def __init__(
        self,
        console: Console,
        labels: tuple[str, ...],
        *,
        reference: str,
        top_k: int | None,
        labels_only: bool,
        text_column: str | None,
    ) -> None:
        self.console, self.labels, self.reference = console, labels, reference
        self.top_k, self.labels_only, self.text_column = top_k, labels_only, text_column
        self.labels_given: set[str] = set()
        self._label_width = max(len(visible(label)) for label in labels)
        self._columns: list[str] | None = None

    def write_all(self, answered: "Iterable[tuple[Example, Prediction]]") -> None:
        """The answers to rows, in their order."""
        for row, prediction in answered:
            self.write(row, prediction)

    def write(self, row: "Example", prediction: "Prediction") -> None:
        """The answer to one row."""
        self.labels_given.add(prediction.label)
        if self.console.format == "json":
            self.console.json(self._object(row, prediction))
        elif self.console.format == "tsv":
            self.console.result(tsv([*self._fields(prediction), *self._passed_on(row)]))
        else:
            self._line(row, prediction)

    def _ranked(self, prediction: "Prediction") -> list[tuple[str, float]]:
        return ranked(prediction, self.labels, top_k=self.top_k)

    def _fields(self, prediction: "Prediction") -> list[str]:
        ranked = self._ranked(prediction)
        if self.labels_only:
            return [label for label, _ in ranked]
        return [field for label, probability in ranked for field in (label, f"{probability:.4f}")]

    def _object(self, row: "Example", prediction: "Prediction") -> dict[str, Any]:
        return answer_object(
            row,
            prediction,
            self.labels,
            reference=self.reference,
            top_k=self.top_k,
            text_column=self.text_column,
        )

    def _passed_on(self, row: "Example") -> list[str]:
        """The other columns as text, the same ones in every row."""
        if self.text_column is None:
            return []
        from lstmctl.data.columns import column_text

        others = other_columns(row, self.text_column)
        if self._columns is None:
            self._columns = list(others)
        if list(others) != self._columns:
            raise BadData(f"row {row.row} has other columns than the first", hint="--json keeps them by name")
        return [column_text(value) for value in others.values()]

    def _line(self, row: "Example", prediction: "Prediction") -> None:
        for label, probability in self._ranked(prediction):
            drawn = None if self.labels_only else probability
            self.console.show(
                *answer_line(
                    self.console, row.text, prediction, label=label, probability=drawn, width=self._label_width
                )
            )


def answer_line(
    console: Console, text: str, prediction: "Prediction", *, label: str, probability: float | None, width: int = 0
) -> list[Span]:
    """A label and its probability with a bar, the text, and what of it was not read."""
    from rich.cells import cell_len

    from lstmctl.plots.text import bar

    bar_width = 14 if console.width >= 72 else 8
    shown = visible(label) + " " * (width - cell_len(visible(label)))
    numbers = ""
    if probability is not None:
        numbers = f"  {probability:.2f}  {bar(probability, bar_width, unicode=console.unicode):<{bar_width}} "
    notes = _notes(prediction)
    room = console.width - cell_len(shown + numbers + notes) - 2
    return [
        (shown, "bold"),
        numbers,
        "  ",
        shortened(console.as_shown(text), max(12, room), ellipsis=console.ellipsis),
        (notes, "dim"),
    ]


def _notes(prediction: "Prediction") -> str:
    """What of the text was not read."""
    _, known, unknown, cut = prediction.reading
    notes = [f"{len(unknown)} of {known + len(unknown)} words unknown"] if unknown else []
    notes += [f"{cut} words cut"] if cut else []
    return "".join(f"   {note}" for note in notes)
