"""What is said of one row: the object that `predict --json` writes, whoever writes it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lstmctl.data.columns import Example
    from lstmctl.model.classifier import Prediction

SCHEMA = "lstmctl.prediction/1"


def ranked(prediction: "Prediction", labels: Sequence[str], *, top_k: int | None) -> list[tuple[str, float]]:
    """Label and probability: the answer, or with `top_k` the most probable ones, of equal ones the answer first."""
    if top_k is None:
        return [(prediction.label, prediction.probability)]
    pairs = zip(labels, prediction.probabilities, strict=True)
    return sorted(pairs, key=lambda pair: (-pair[1], pair[0] != prediction.label))[:top_k]


def other_columns(row: "Example", text_column: str) -> dict[str, Any]:
    """All columns of a table's row but the text."""
    return {name: value for name, value in (row.columns or {}).items() if name != text_column}


def answer_object(
    row: "Example",
    prediction: "Prediction",
    labels: Sequence[str],
    *,
    reference: str,
    top_k: int | None = None,
    text_column: str | None = None,
) -> dict[str, Any]:
    """The answer to a row. `text_column` is named where the other columns are to be passed through."""
    answer: dict[str, Any] = {
        "schema": SCHEMA,
        "row": row.row,
        "text": row.text,
        "label": prediction.label,
        "probability": prediction.probability,
        "probabilities": dict(zip(labels, prediction.probabilities, strict=True)),
        **prediction.reading._asdict(),
        "model": reference,
    }
    if top_k is not None:
        top = ranked(prediction, labels, top_k=top_k)
        answer["top"] = [{"label": label, "probability": value} for label, value in top]
    if text_column is not None:
        from lstmctl.data.columns import column_json

        answer["columns"] = column_json(other_columns(row, text_column))
    return answer
