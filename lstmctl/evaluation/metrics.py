"""Metrics of predictions, with the definitions of scikit-learn: numbers in, numbers out.

Arguments, for n texts and a fixed order of the labels:

  truth          (n,) integers: the index of each text's true label
  predicted      (n,) integers: the index of each text's predicted label
  probabilities  (n, labels) float64: each row sums to 1
  scores         (n,) floats: the probability of label 1, or anything that increases with it
  confusion      (labels, labels) integers, from `confusion`: a row for each true label, a column for each predicted one

Losses are in nats. Functions raise ValueError without texts, with arrays of different lengths, or with labels that do
not fit: an index that is not 0…labels-1, or for an AUC and a ROC curve not both labels.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lstmctl.evaluation.intervals import Integers, Interval, check_same_length, wilson

Floats = NDArray[np.floating[Any]]

# Smaller probabilities count as this in a log loss: near 1, float32 is no more precise. A confident mistake therefore
# costs at most 15.9 nats, and never infinity.
SMALLEST = float(np.finfo(np.float32).eps)
CALIBRATION_BINS = 15
FEWEST_IN_BIN = 20  # texts of a bin in a reliability diagram


class LabelScores(NamedTuple):
    """One label against all others; `n` is its support, the number of texts that truly have it."""

    precision: float
    recall: float
    f1: float
    n: int


def accuracy(truth: Integers, predicted: Integers) -> float:
    """The proportion of texts whose predicted label is the true one.

    >>> accuracy(np.array([0, 1, 1, 0]), np.array([0, 1, 0, 0]))
    0.75
    """
    check_same_length(truth, predicted)
    return float(np.mean(truth == predicted))


def confusion(truth: Integers, predicted: Integers, *, labels: int) -> NDArray[np.int64]:
    """The confusion matrix (labels, labels): counts, a row for each true label, a column for each predicted one.

    >>> confusion(np.array([0, 1, 1, 0]), np.array([0, 1, 0, 0]), labels=2).tolist()
    [[2, 0], [1, 1]]
    """
    check_same_length(truth, predicted)
    for indices in (truth, predicted):
        if indices.min() < 0 or indices.max() >= labels:
            raise ValueError(f"label indices must be 0 to {labels - 1}, not {indices.min()} to {indices.max()}")
    cells = truth.astype(np.int64) * labels + predicted
    return np.bincount(cells, minlength=labels * labels).reshape(labels, labels)


def per_label(confusion: Integers) -> list[LabelScores]:
    """Precision, recall and F1 of every label, in order; 0/0 counts as 0, as with zero_division=0 in scikit-learn.

    >>> per_label(np.array([[2, 0], [1, 1]]))[1]
    LabelScores(precision=1.0, recall=0.5, f1=0.6666666666666666, n=2)
    """
    correct, support, predicted_count = np.diagonal(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    f1 = _ratio(2 * correct, support + predicted_count)
    columns = _ratio(correct, predicted_count), _ratio(correct, support), f1, support
    return [LabelScores(*scores) for scores in zip(*(column.tolist() for column in columns), strict=True)]


def balanced_accuracy(confusion: Integers) -> float:
    """The mean recall of the labels that occur in the truth: the accuracy if all labels were equally frequent."""
    return float(np.mean([scores.recall for scores in per_label(confusion) if scores.n]))


def f1_macro(confusion: Integers) -> float:
    """The mean F1 of the labels that occur in the truth or among the predictions."""
    occurs = confusion.sum(axis=0) + confusion.sum(axis=1) > 0
    return float(np.mean([scores.f1 for scores, ok in zip(per_label(confusion), occurs, strict=True) if ok]))


def _ratio(numerators: Integers, denominators: Integers) -> NDArray[np.float64]:
    return np.divide(numerators, denominators, out=np.zeros(numerators.shape), where=denominators != 0)


def log_loss(probabilities: Floats, truth: Integers) -> float:
    """The mean of -log(probability of the true label); probabilities below `SMALLEST` count as that."""
    check_same_length(probabilities, truth)
    true_probability = probabilities[np.arange(truth.size), truth].astype(np.float64)
    return float(-np.mean(np.log(np.maximum(true_probability, SMALLEST))))


def auc(scores: Floats, truth: Integers) -> float:
    """The area under the ROC curve: how often a text of label 1 scores higher than one of label 0; a tie counts half.

    Computed from ranks (Mann-Whitney), at the cost of one sort. A score of NaN is a ValueError.

    >>> auc(np.array([0.8, 0.5, 0.2, 0.5]), np.array([1, 1, 0, 0]))
    0.875
    """
    check_same_length(scores, truth)
    positive = truth == 1
    ones, zeros = np.count_nonzero(positive), np.count_nonzero(truth == 0)
    if not ones or not zeros or ones + zeros != truth.size:
        raise ValueError("an AUC needs texts of label 0, texts of label 1, and no others")
    if np.isnan(scores).any():
        raise ValueError("an AUC needs scores, not NaN")
    _, group, sizes = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = np.cumsum(sizes) - (sizes - 1) / 2  # equal scores share their mean rank, counted from 1
    return float((ranks[group][positive].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def roc(scores: Floats, truth: Integers) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """False and true positive rates (k,) from (0, 0) to (1, 1), one point for each distinct score."""
    _, true_positives, selected = _counts_by_threshold(scores, truth)
    false_positives = selected - true_positives
    if not true_positives[-1] or not false_positives[-1]:
        raise ValueError("a ROC curve needs texts of both labels")
    return np.r_[0, false_positives / false_positives[-1]], np.r_[0, true_positives / true_positives[-1]]


def precision_recall(scores: Floats, truth: Integers) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Recall and precision (k,) of label 1 by increasing recall: first (0, 1), as in scikit-learn, then one point for
    each distinct score.

    >>> recall, precision = precision_recall(np.array([0.9, 0.7, 0.5]), np.array([1, 0, 1]))
    >>> recall.tolist(), precision.round(2).tolist()
    ([0.0, 0.5, 0.5, 1.0], [1.0, 1.0, 0.5, 0.67])
    """
    check_same_length(scores, truth)
    _, true_positives, selected = _counts_by_threshold(scores, truth)
    if not true_positives[-1]:
        raise ValueError("a precision-recall curve needs texts of label 1")
    return np.r_[0, true_positives / true_positives[-1]], np.r_[1, true_positives / selected]


def average_precision(scores: Floats, truth: Integers) -> float:
    """The area under the steps of the precision-recall curve: the mean precision, weighted by the gain in recall.

    >>> round(average_precision(np.array([0.9, 0.7, 0.5]), np.array([1, 0, 1])), 3)
    0.833
    """
    recall, precision = precision_recall(scores, truth)
    return float(np.sum(np.diff(recall) * precision[1:]))


def best_f1_threshold(scores: Floats, truth: Integers) -> float:
    """The threshold with the best F1 of label 1, which is predicted where score ≥ threshold; of equals the highest.

    It lies midway between two scores, so that small differences in scores do not change predictions.

    >>> round(best_f1_threshold(np.array([0.9, 0.7, 0.5, 0.3]), np.array([1, 1, 0, 0])), 3)
    0.6
    """
    check_same_length(scores, truth)
    thresholds, true_positives, selected = _counts_by_threshold(scores, truth)
    best = int(np.argmax(2 * true_positives / (selected + np.sum(truth == 1))))
    return float(np.mean(thresholds[best : best + 2], dtype=np.float64))


def _counts_by_threshold(scores: Floats, truth: Integers) -> tuple[Floats, Integers, Integers]:
    """For each distinct score, highest first: the score, and of the texts that score at least that, how many are of
    label 1 and how many there are; each (k,)."""
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.r_[scores[order][1:] < scores[order][:-1], True])  # equal scores are selected together
    return scores[order][ends], np.cumsum(truth[order] == 1)[ends], ends + 1


class Bin(NamedTuple):
    """Predictions of similar confidence: mean confidence, accuracy with its 95 % interval, and number of texts."""

    confidence: float
    accuracy: float
    interval: Interval
    n: int


def calibration_error(probabilities: Floats, truth: Integers, predicted: Integers) -> float:
    """The expected calibration error (ECE): how far confidence is from accuracy.

    Confidence is the probability of the predicted label. Predictions fall into 15 bins of equal width by confidence;
    the ECE is the mean over all predictions of |accuracy - mean confidence| of their bin. Source: Guo et al., On
    Calibration of Modern Neural Networks (2017). It is biased: above 0 on few texts, however well calibrated the model.
    """
    check_same_length(probabilities, truth)
    confidence = probabilities[np.arange(truth.size), predicted]
    gaps = np.bincount(calibration_bin(confidence), confidence - (truth == predicted), CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / truth.size)


def reliability(probabilities: Floats, truth: Integers, predicted: Integers) -> list[Bin]:
    """The reliability diagram: the bins of the calibration error, by increasing confidence. Neighbouring bins are
    joined until each has 20 texts, if there are that many: the accuracy of a few texts says nothing.
    """
    check_same_length(probabilities, truth)
    confidence = probabilities[np.arange(truth.size), predicted]
    correct, indices = truth == predicted, calibration_bin(confidence)
    sizes = np.bincount(indices, minlength=CALIBRATION_BINS)
    starts, collected = [0], 0  # the first of the equal bins in each joined bin
    for index, size in enumerate(sizes):
        if collected >= FEWEST_IN_BIN:
            starts.append(index)
            collected = 0
        collected += size
    if collected < FEWEST_IN_BIN and len(starts) > 1:
        starts.pop()
    joined, bins = np.searchsorted(starts, indices, side="right"), []
    for index in np.unique(joined):
        inside = joined == index
        n, successes = int(inside.sum()), int(correct[inside].sum())
        bins.append(Bin(float(confidence[inside].mean()), successes / n, wilson(successes, n), n))
    return bins


def calibration_bin(confidence: Floats) -> NDArray[np.intp]:
    """(n,) the index of each prediction's bin."""
    return np.minimum((confidence * CALIBRATION_BINS).astype(np.intp), CALIBRATION_BINS - 1)
