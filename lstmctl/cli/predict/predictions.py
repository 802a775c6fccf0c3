"""The predictions of `predict` in the format asked for: lines with bars, TSV, or JSON Lines."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from lstmctl.cli.console import Answer, Console
from lstmctl.errors import BadData
from lstmctl.plots.text import Span, shortened, visible

if TYPE_CHECKING:
    from lstmctl.data.columns import Example
    from lstmctl.model.classifier import Prediction
    from lstmctl.scoring.stream import PredictionRequest

    Predicted = Sequence[tuple[Example, Prediction]]


class PredictionWriter:
    """Writes predictions to the console, batch by batch. `labels_given` are the labels predicted so far."""

    def __init__(
        self,
        console: Console,
        request: "PredictionRequest",
        labels: tuple[str, ...],
        *,
        reference: str,
        labels_only: bool,
    ) -> None:
        self.console, self.request, self.labels = console, request, labels
        self.reference, self.labels_only = reference, labels_only
        self.labels_given: set[str] = set()
        self._column_names: list[str] | None = None  # of the first row

    def write_all(self, predicted: "Predicted") -> None:
        """Write the predictions of one batch of rows."""
        self.labels_given.update(prediction.label for _, prediction in predicted)
        self.console.answer(
            Answer(
                objects=lambda: self._objects(predicted),
                rows=lambda: self._rows(predicted),
                screen=lambda console: self._show(console, predicted),
            )
        )

    def _objects(self, predicted: "Predicted") -> Iterator[dict[str, Any]]:
        from lstmctl.scoring.stream import prediction_object

        for example, prediction in predicted:
            yield prediction_object(example, prediction, self.request, labels=self.labels, reference=self.reference)

    def _rows(self, predicted: "Predicted") -> Iterator[list[str]]:
        for example, prediction in predicted:
            fields = []
            for label, probability in self._ranked(prediction):
                fields += [label] if self.labels_only else [label, f"{probability:.4f}"]
            yield [*fields, *self._other_columns(example)] if self.request.keep_columns else fields

    def _show(self, console: Console, predicted: "Predicted") -> None:
        width = max(len(visible(label)) for label in self.labels)
        for example, prediction in predicted:
            for label, probability in self._ranked(prediction):
                shown = None if self.labels_only else probability
                console.show(
                    *prediction_line(console, example.text, prediction, label=label, probability=shown, width=width)
                )

    def _ranked(self, prediction: "Prediction") -> list[tuple[str, float]]:
        from lstmctl.scoring.stream import ranked_labels

        return ranked_labels(prediction, self.labels, top_k=self.request.top_k)

    def _other_columns(self, example: "Example") -> list[str]:
        """The other columns as text: in TSV, the same ones in every row."""
        from lstmctl.data.columns import column_text
        from lstmctl.scoring.stream import other_columns

        others = other_columns(example, self.request.text_column)
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

    from lstmctl.plots.text import bar

    bar_width = 14 if console.width >= 72 else 8
    shown = visible(label) + " " * (width - cell_len(visible(label)))
    numbers = ""
    if probability is not None:
        numbers = f"  {probability:.2f}  {bar(probability, bar_width, unicode=console.unicode):<{bar_width}} "
    _, known, unknown, cut = prediction.reading
    notes = f"   {len(unknown)} of {known + len(unknown)} words unknown" if unknown else ""
    notes += f"   {cut} words cut" if cut else ""
    room = console.width - cell_len(shown + numbers + notes) - 2
    return [
        (shown, "bold"),
        numbers,
        "  ",
        shortened(console.as_shown(text), max(12, room), ellipsis=console.ellipsis),
        (notes, "dim"),
    ]
