"""The JSON object of one prediction, the same from `predict --json` and in a folder of predictions."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lstmctl.data.columns import Example
    from lstmctl.model.classifier import Prediction
    from lstmctl.scoring.stream import PredictionRequest

SCHEMA = "lstmctl.prediction/1"


def ranked_labels(prediction: "Prediction", labels: Sequence[str], *, top_k: int | None) -> list[tuple[str, float]]:
    """Pairs of label and probability: the predicted one, or the `top_k` most probable. In a tie the predicted label
    comes first."""
    if top_k is None:
        return [(prediction.label, prediction.probability)]
    pairs = zip(labels, prediction.probabilities, strict=True)
    return sorted(pairs, key=lambda pair: (-pair[1], pair[0] != prediction.label))[:top_k]


def other_columns(example: "Example", text_column: str) -> dict[str, Any]:
    """All columns of a table's row except the text."""
    return {name: value for name, value in (example.columns or {}).items() if name != text_column}


def prediction_object(
    example: "Example", prediction: "Prediction", request: "PredictionRequest", *, labels: Sequence[str], reference: str
) -> dict[str, Any]:
    """The prediction for a row as a JSON object. `labels` and `reference` are the model's."""
    fields: dict[str, Any] = {
        "schema": SCHEMA,
        "row": example.row,
        "text": example.text,
        "label": prediction.label,
        "probability": prediction.probability,
        "probabilities": dict(zip(labels, prediction.probabilities, strict=True)),
        **prediction.reading._asdict(),
        "model": reference,
    }
    if request.top_k is not None:
        top = ranked_labels(prediction, labels, top_k=request.top_k)
        fields["top"] = [{"label": label, "probability": value} for label, value in top]
    if request.keep_columns:
        from lstmctl.data.columns import column_json

        fields["columns"] = column_json(other_columns(example, request.text_column))
    return fields
