"""The evaluation of one set of predictions: what `evaluate` shows and what training stores with a model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lstmctl.evaluation import metrics
from lstmctl.evaluation.calibration import uncalibrated
from lstmctl.evaluation.intervals import Integers, bootstrap_intervals, wilson
from lstmctl.evaluation.metrics import LabelScores
from lstmctl.model.classifier import predicted_indices

Floats = NDArray[np.float64]

_FEWEST_TEXTS = 20  # that a bootstrap needs
_MOST_LABELS = 50  # beyond that, bootstrapping the F1 of each label takes too long
_NO_VARIATION = "no variation across bootstrap samples"


class Metric(NamedTuple):
    """A number, its 95 % interval or the reason why it has none, and the number of texts it is computed from."""

    value: float
    low: float | None
    high: float | None
    n: int
    reason: str | None = None


@dataclass(frozen=True)
class Evaluation:
    """All metrics of n texts. `confusion` has a row for each true label and a column for each predicted one."""

    labels: tuple[str, ...]
    n: int
    metrics: dict[str, Metric]
    per_label: dict[str, LabelScores]
    confusion: list[list[int]]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        rows = [dict(zip(self.labels, row, strict=True)) for row in self.confusion]
        return {
            "n": self.n,
            "metrics": {name: metric._asdict() for name, metric in self.metrics.items()},
            "labels": {label: scores._asdict() for label, scores in self.per_label.items()},
            "confusion": dict(zip(self.labels, rows, strict=True)),
        }


def measure(
    probabilities: Floats,
    truth: Integers,
    *,
    labels: Sequence[str],
    threshold: float | None = None,
    temperature: float = 1.0,
) -> Evaluation:
    """Compare probabilities (texts, labels) with the indices of the true labels (texts,).

    Proportions have Wilson's interval, other metrics that of a stratified bootstrap, or the reason why there is none.
    `auc` is that of the second of two labels, the positive one; it is left out where only one label occurs. If the
    model was calibrated with a `temperature`, log loss and calibration error before that are included too.
    """
    predicted, n = predicted_indices(probabilities, threshold=threshold), len(truth)
    confusion = metrics.confusion(truth, predicted, labels=len(labels))
    per_label = dict(zip(labels, metrics.per_label(confusion), strict=True))
    values = {
        "balanced_accuracy": metrics.balanced_accuracy(confusion),
        "f1_macro": metrics.f1_macro(confusion),
        **_calibration_metrics(probabilities, predicted, truth),
    }
    if _has_auc(truth, labels):
        values["auc"] = metrics.auc(probabilities[:, 1], truth)
    values |= {f"f1.{label}": scores.f1 for label, scores in per_label.items()}
    results = {"accuracy": _proportion(metrics.accuracy(truth, predicted), np.trace(confusion), n)}
    results |= _with_bootstrap(values, probabilities, predicted, truth, labels=labels)
    for index, (label, scores) in enumerate(per_label.items()):
        correct = confusion[index, index]
        results[f"precision.{label}"] = _proportion(scores.precision, correct, confusion[:, index].sum())
        results[f"recall.{label}"] = _proportion(scores.recall, correct, scores.n)
        results[f"f1.{label}"] = results.pop(f"f1.{label}")._replace(n=scores.n)
    if temperature != 1:
        before = uncalibrated(probabilities, temperature)
        values = _calibration_metrics(before, predicted, truth)
        bootstrapped = _with_bootstrap(values, before, predicted, truth, labels=labels)
        results |= {f"{name}_uncalibrated": metric for name, metric in bootstrapped.items()}
    return Evaluation(tuple(labels), n, results, per_label, confusion.tolist())


def _calibration_metrics(probabilities: Floats, predicted: Integers, truth: Integers) -> dict[str, float]:
    ece = metrics.calibration_error(probabilities, truth, predicted)
    return {"log_loss": metrics.log_loss(probabilities, truth), "ece": ece}


def _has_auc(truth: Integers, labels: Sequence[str]) -> bool:
    return len(labels) == 2 and bool(0 < np.sum(truth) < len(truth))


def _proportion(value: float, successes: np.integer[Any], n: int | np.integer[Any]) -> Metric:
    """A metric with Wilson's interval; without one if there are no texts."""
    if n == 0:
        return Metric(value, None, None, 0, "no texts")
    return Metric(value, *wilson(int(successes), int(n)), int(n))


def _no_bootstrap_reason(truth: Integers, labels: Sequence[str]) -> str | None:
    """Why a bootstrap interval would be misleading or too slow, or None."""
    if truth.size < _FEWEST_TEXTS:
        return f"fewer than {_FEWEST_TEXTS} texts"
    if np.unique(truth, return_counts=True)[1].min() < 2:
        return "a label with a single text"
    return f"more than {_MOST_LABELS} labels" if len(labels) > _MOST_LABELS else None


def _with_bootstrap(
    values: Mapping[str, float], probabilities: Floats, predicted: Integers, truth: Integers, *, labels: Sequence[str]
) -> dict[str, Metric]:
    """`values`, two or more of the names and numbers of `WeightedMetrics`, with intervals."""
    if reason := _no_bootstrap_reason(truth, labels):
        return {name: Metric(value, None, None, truth.size, reason) for name, value in values.items()}
    weighted, select = WeightedMetrics(probabilities, predicted, truth, labels=labels), itemgetter(*values)
    biased = np.array([name == "ece" for name in values])
    intervals = bootstrap_intervals(lambda weights: np.array(select(weighted(weights))), truth, biased=biased)
    results = {}
    for (name, value), interval in zip(values.items(), intervals, strict=True):
        low, high = interval or (None, None)
        results[name] = Metric(value, low, high, truth.size, None if interval else _NO_VARIATION)
    return results


class WeightedMetrics:
    """The metrics of weighted texts, for example of a bootstrap sample: a text counts as often as its weight.

    Called with weights (texts,), it returns values by name: balanced accuracy, macro F1, log loss, ECE, the AUC of two
    labels that both occur, and the F1 of each label. With weights of 1 they are those of `metrics`.
    """

    def __init__(self, probabilities: Floats, predicted: Integers, truth: Integers, *, labels: Sequence[str]) -> None:
        self._labels, self._has_auc = labels, _has_auc(truth, labels)
        self._cells = truth * len(labels) + predicted
        true_probability = probabilities[np.arange(truth.size), truth]
        self._losses = -np.log(np.maximum(true_probability, metrics.SMALLEST))
        confidence = probabilities[np.arange(truth.size), predicted]
        self._bins, self._gaps = metrics.calibration_bin(confidence), confidence - (truth == predicted)
        if self._has_auc:
            self._order = np.argsort(probabilities[:, 1], kind="stable")
            scores = probabilities[self._order, 1]
            self._starts = np.flatnonzero(np.r_[True, scores[1:] > scores[:-1]])  # of groups of equal scores
            self._positive = (truth == 1)[self._order].astype(np.float64)

    def __call__(self, weights: Floats) -> dict[str, np.floating[Any]]:
        n, labels = weights.sum(), len(self._labels)
        confusion = np.bincount(self._cells, weights, labels * labels).reshape(labels, labels)
        correct, support, predicted_count = np.diagonal(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
        occurs = support + predicted_count > 0
        f1 = np.divide(2 * correct, support + predicted_count, out=np.zeros(labels), where=occurs)
        recall = correct[support > 0] / support[support > 0]
        gaps = np.bincount(self._bins, weights * self._gaps, metrics.CALIBRATION_BINS)
        values = {
            "balanced_accuracy": recall.mean(),
            "f1_macro": f1[occurs].mean(),
            "log_loss": weights @ self._losses / n,
            "ece": np.abs(gaps).sum() / n,
        }
        if self._has_auc:
            values["auc"] = self._auc(weights)
        return values | {f"f1.{label}": score for label, score in zip(self._labels, f1, strict=True)}

    def _auc(self, weights: Floats) -> np.floating[Any]:
        ordered = weights[self._order]
        ones = ordered * self._positive
        if self._starts.size < ordered.size:
            ordered, ones = (np.add.reduceat(values, self._starts) for values in (ordered, ones))
        zeros = ordered - ones
        area: np.floating[Any] = ones @ (np.cumsum(zeros) - zeros / 2) / (ones.sum() * zeros.sum())
        return area
