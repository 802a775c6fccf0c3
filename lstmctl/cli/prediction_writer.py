"""The answers of `predict` in the format that was asked for: lines with bars, TSV, or JSON Lines."""

from typing import TYPE_CHECKING

from lstmctl.cli.console import Console
from lstmctl.cli.lines import shortened, tsv, visible

if TYPE_CHECKING:
    from lstmctl.classifier import Prediction
    from lstmctl.data.rows import Row


class PredictionWriter:
    """Writes answers to the console, one row or line each."""

    def __init__(
        self, console: Console, labels: tuple[str, ...], *, reference: str, top_k: int | None, labels_only: bool
    ) -> None:
        self.console, self.labels, self.reference = console, labels, reference
        self.top_k, self.labels_only = top_k, labels_only
        self._label_width = max(len(visible(label)) for label in labels)

    def write(self, row: "Row", prediction: "Prediction") -> None:
        """The answer to one row."""
        if self.console.format == "json":
            self.console.json(self._object(row, prediction))
        elif self.console.format == "tsv":
            self.console.result(tsv(self._fields(prediction)))
        else:
            self._line(row, prediction)

    def _ranked(self, prediction: "Prediction") -> list[tuple[str, float]]:
        """Label and probability: the answer, or with -k the most probable ones."""
        if self.top_k is None:
            return [(prediction.label, prediction.probability)]
        pairs = zip(self.labels, prediction.probabilities, strict=True)
        return sorted(pairs, key=lambda pair: -pair[1])[: self.top_k]

    def _fields(self, prediction: "Prediction") -> list[str]:
        ranked = self._ranked(prediction)
        if self.labels_only:
            return [label for label, _ in ranked]
        return [field for label, probability in ranked for field in (label, f"{probability:.4f}")]

    def _object(self, row: "Row", prediction: "Prediction") -> dict[str, object]:
        encoded = prediction.encoded
        answer: dict[str, object] = {
            "schema": "lstmctl.prediction/1",
            "row": row.number,
            "text": row.text,
            "label": prediction.label,
            "probability": prediction.probability,
            "probabilities": dict(zip(self.labels, prediction.probabilities, strict=True)),
            "words": encoded.words,
            "known": len(encoded.ids) - len(encoded.unknown),
            "unknown": encoded.unknown,
            "cut": encoded.cut,
            "model": self.reference,
        }
        if self.top_k is not None:
            answer["top"] = [{"label": label, "probability": value} for label, value in self._ranked(prediction)]
        return answer

    def _line(self, row: "Row", prediction: "Prediction") -> None:
        from rich.cells import cell_len

        from lstmctl.charts import bar

        width = 14 if self.console.width >= 72 else 8
        for label, probability in self._ranked(prediction):
            drawn = bar(probability, width, unicode=self.console.unicode)
            shown = visible(label) + " " * (self._label_width - cell_len(visible(label)))
            numbers = "" if self.labels_only else f"  {probability:.2f}  {drawn:<{width}} "
            notes = _notes(prediction)
            room = self.console.width - cell_len(shown + numbers + notes) - 2
            self.console.show(
                (shown, "bold"), numbers, "  ", shortened(visible(row.text), max(12, room)), (notes, "dim")
            )


def _notes(prediction: "Prediction") -> str:
    """What of the text was not read."""
    encoded = prediction.encoded
    notes = [f"{len(encoded.unknown)} of {len(encoded.ids)} words unknown"] if encoded.unknown else []
    notes += [f"{encoded.cut} words cut"] if encoded.cut else []
    return "".join(f"   {note}" for note in notes)
