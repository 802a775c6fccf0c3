"""How good a model is on labelled texts: the numbers that `evaluate` shows and that training stores with a model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lstmctl.evaluation import intervals, metrics
from lstmctl.evaluation.calibration import uncalibrated
from lstmctl.evaluation.intervals import wilson
from lstmctl.evaluation.metrics import LabelScores
from lstmctl.model.classifier import predicted_labels

_MOST_LABELS = 50  # for whose F1 intervals are drawn
_ALL_ALIKE = "every drawn set of texts gives the same"


class Metric(NamedTuple):
    """A number, with its 95 % interval or the reason why it has none, and how many texts it rests on."""

    value: float
    low: float | None
    high: float | None
    n: int
    reason: str | None = None


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
    temperature: float = 1.0,
) -> Evaluation:
    """Compare answers (texts, labels) with the truth (texts,).

    Shares have Wilson's interval; the rest that of a stratified bootstrap (`bootstrap`, seed 0), or a reason why not.
    Of a model that was calibrated with a `temperature`, log loss and calibration error are also given as they were
    before. With two labels `auc` is that of the second, positive one; it is left out where only one label occurs.
    """
    predicted, n = predicted_labels(probabilities, threshold=threshold), len(truth)
    confusion = metrics.confusion(truth, predicted, labels=len(labels))
    per_label = dict(zip(labels, metrics.per_label(confusion), strict=True))
    share = wilson(int(np.trace(confusion)), n)
    values = {
        "balanced_accuracy": metrics.balanced_accuracy(confusion),
        "f1_macro": metrics.f1_macro(confusion),
        "log_loss": metrics.log_loss(probabilities, truth),
        "ece": metrics.calibration_error(probabilities, truth, predicted),
    }
    if len(labels) == 2 and 0 < np.sum(truth) < n:
        values["auc"] = metrics.auc(probabilities[:, 1], truth)
    values |= {f"f1.{label}": scores.f1 for label, scores in per_label.items()}
    drawn = _drawn(probabilities, predicted, truth, values, labels=labels)
    measured = {"accuracy": Metric(metrics.accuracy(truth, predicted), share.low, share.high, n)}
    measured |= {name: Metric(value, *drawn[name][:2], n, drawn[name][2]) for name, value in values.items()}
    for place, (label, scores) in enumerate(per_label.items()):
        answered = confusion[:, place].sum()
        measured[f"precision.{label}"] = Metric(scores.precision, *_share(confusion[place, place], answered))
        measured[f"recall.{label}"] = Metric(scores.recall, *_share(confusion[place, place], scores.n))
        measured[f"f1.{label}"] = measured.pop(f"f1.{label}")._replace(n=scores.n)
    if temperature != 1:
        before = uncalibrated(probabilities, temperature)
        values = {
            "log_loss": metrics.log_loss(before, truth),
            "ece": metrics.calibration_error(before, truth, predicted),
        }
        drawn = _drawn(before, predicted, truth, values, labels=labels, only=slice(2, 4))
        measured |= {
            f"{name}_uncalibrated": Metric(value, *drawn[name][:2], n, drawn[name][2]) for name, value in values.items()
        }
    return Evaluation(tuple(labels), n, measured, per_label, confusion.tolist())


def _share(successes: np.integer[Any], n: int | np.integer[Any]) -> tuple[float | None, float | None, int, str | None]:
    """(low, high, n, reason) of a share; without texts there is no interval."""
    if n == 0:
        return None, None, 0, "no texts"
    interval = wilson(int(successes), int(n))
    return interval.low, interval.high, int(n), None


def _drawn(
    probabilities: NDArray[np.float64],
    predicted: NDArray[np.intp],
    truth: NDArray[np.int64],
    values: dict[str, float],
    *,
    labels: Sequence[str],
    only: slice = slice(None),
) -> dict[str, tuple[float | None, float | None, str | None]]:
    """(low, high, reason) of each of `values`, which are in the order of `_Weighted`, or some `only` of its numbers."""
    reason = intervals.refusal(truth)
    if reason is None and len(labels) > _MOST_LABELS:
        reason = f"more than {_MOST_LABELS} labels"
    if reason is not None:
        return dict.fromkeys(values, (None, None, reason))
    weighted = _Weighted(probabilities, predicted, truth, labels=len(labels), auc="auc" in values)
    biased = np.array([name == "ece" for name in values])
    found = intervals.bootstrap_intervals(lambda weights: weighted(weights)[only], truth, biased=biased)
    return {
        name: (interval.low, interval.high, None) if interval else (None, None, _ALL_ALIKE)
        for name, interval in zip(values, found, strict=True)
    }


class _Weighted:
    """The metrics of a set in which each text is as often as its weight says: balanced accuracy, mean F1, log loss,
    calibration error, AUC if wanted, and the F1 of each label. With weights of 1 they are those of `metrics`."""

    def __init__(
        self,
        probabilities: NDArray[np.float64],
        predicted: NDArray[np.intp],
        truth: NDArray[np.int64],
        *,
        labels: int,
        auc: bool,
    ) -> None:
        self._labels, self._auc = labels, auc
        self._cells = truth * labels + predicted
        of_truth = probabilities[np.arange(truth.size), truth]
        self._losses = -np.log(np.maximum(of_truth, metrics.SMALLEST))
        confidence = probabilities[np.arange(truth.size), predicted]
        self._bins, self._gaps = metrics.calibration_bin(confidence), confidence - (truth == predicted)
        if auc:
            self._order = np.argsort(probabilities[:, 1], kind="stable")
            scores = probabilities[self._order, 1]
            self._starts = np.flatnonzero(np.r_[True, scores[1:] > scores[:-1]])  # of groups of equal scores
            self._positive = (truth == 1)[self._order].astype(np.float64)

    def __call__(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        n, labels = weights.sum(), self._labels
        confusion = np.bincount(self._cells, weights, labels * labels).reshape(labels, labels)
        right, there, answered = np.diagonal(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
        occurs = there + answered > 0
        f1 = np.divide(2 * right, there + answered, out=np.zeros(labels), where=occurs)
        recall = right[there > 0] / there[there > 0]
        gaps = np.bincount(self._bins, weights * self._gaps, metrics.CALIBRATION_BINS)
        values = [recall.mean(), f1[occurs].mean(), weights @ self._losses / n, np.abs(gaps).sum() / n]
        if self._auc:
            ordered = weights[self._order]
            ones = ordered * self._positive
            if self._starts.size < ordered.size:
                ordered, ones = (np.add.reduceat(each, self._starts) for each in (ordered, ones))
            zeros = ordered - ones
            values.append(ones @ (np.cumsum(zeros) - zeros / 2) / (ones.sum() * zeros.sum()))
        return np.array([*values, *f1])
