"""How good a model is on labelled texts: the numbers that `evaluate` shows and that training stores with a model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lstmctl import metrics
from lstmctl.classifier import choose
from lstmctl.metrics import LabelScores


class Metric(NamedTuple):
    """A number, with its 95 % interval where it has one, and how many texts it rests on."""

    value: float
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True)
class Evaluation:
    """Everything measured on one set of texts. `confusion` has a row for each true label, a column for each answer."""

    labels: tuple[str, ...]
    n: int
    metrics: dict[str, Metric]
    per_label: dict[str, LabelScores]
    confusion: list[list[int]]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        return {
            "n": self.n,
            "metrics": {name: metric._asdict() for name, metric in self.metrics.items()},
            "labels": {label: scores._asdict() for label, scores in self.per_label.items()},
            "confusion": {
                label: dict(zip(self.labels, row, strict=True))
                for label, row in zip(self.labels, self.confusion, strict=True)
            },
        }


def measure(
    probabilities: NDArray[np.float64],
    truth: NDArray[np.int64],
    *,
    labels: Sequence[str],
    threshold: float | None = None,
) -> Evaluation:
    """Compare answers (texts, labels) with the truth (texts,).

    With two labels `auc` is that of the second, positive one; it is left out where only one label occurs.
    """
    predicted, n = choose(probabilities, threshold=threshold), len(truth)
    confusion = metrics.confusion(truth, predicted, labels=len(labels))
    per_label = dict(zip(labels, metrics.per_label(confusion), strict=True))
    share = metrics.wilson(int(np.trace(confusion)), n)
    measured = {
        "accuracy": Metric(metrics.accuracy(truth, predicted), share.low, share.high, n),
        "balanced_accuracy": Metric(metrics.balanced_accuracy(confusion), None, None, n),
        "f1_macro": Metric(metrics.f1_macro(confusion), None, None, n),
        "log_loss": Metric(metrics.log_loss(probabilities, truth), None, None, n),
    }
    if len(labels) == 2 and 0 < np.sum(truth) < n:
        measured["auc"] = Metric(metrics.auc(probabilities[:, 1], truth), None, None, n)
    for place, (label, scores) in enumerate(per_label.items()):
        measured[f"precision.{label}"] = Metric(
            scores.precision, *_interval(confusion[place, place], confusion[:, place].sum())
        )
        measured[f"recall.{label}"] = Metric(scores.recall, *_interval(confusion[place, place], scores.n))
        measured[f"f1.{label}"] = Metric(scores.f1, None, None, scores.n)
    return Evaluation(tuple(labels), n, measured, per_label, confusion.tolist())


def _interval(successes: np.integer[Any], n: int | np.integer[Any]) -> tuple[float | None, float | None, int]:
    """(low, high, n) of a share; without texts there is no interval."""
    if n == 0:
        return None, None, 0
    interval = metrics.wilson(int(successes), int(n))
    return interval.low, interval.high, int(n)
