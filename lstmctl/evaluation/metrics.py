"""How right a set of answers is: numbers in, numbers out.

What goes in, for n texts and a fixed order of the labels:

  truth          (n,) integers: the place of each text's true label
  predicted      (n,) integers: the place of the label that was answered
  probabilities  (n, labels) float64: each row sums to 1
  confusion      (labels, labels) integers, from `confusion`: a row for each true label, a column for each answer

Definitions are those of scikit-learn, with which the tests compare. Shares are of 1, losses in nats. Intervals are
Wilson's (1927), for shares alone.

Curves behind single numbers: the ROC curve behind an AUC, and the reliability diagram behind a calibration error.

Definitions are those of scikit-learn's roc_curve and calibration_curve, with which the tests compare.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lstmctl.evaluation.intervals import Interval, check_same_length, wilson

Floats = NDArray[np.floating[Any]]
Integers = NDArray[np.integer[Any]]

# The smallest probability that a log loss believes in. Models answer in float32, which cannot tell a probability from 1
# any closer than this; one sure mistake therefore costs at most 15.9 nats, and never infinity.
SMALLEST = float(np.finfo(np.float32).eps)


class LabelScores(NamedTuple):
    """One label against all others; `n` is the number of texts that truly have it."""

    precision: float
    recall: float
    f1: float
    n: int


def accuracy(truth: Integers, predicted: Integers) -> float:
    """The share of texts answered right.

    Raises:
        ValueError: there are no texts, or not as many answers.
    """
    check_same_length(truth, predicted)
    return float(np.mean(truth == predicted))


def confusion(truth: Integers, predicted: Integers, *, labels: int) -> NDArray[np.int64]:
    """Counts (labels, labels): a row for each true label, a column for each answer.

    Raises:
        ValueError: there are no texts, not as many answers, or a place that is not 0…labels-1.
    """
    check_same_length(truth, predicted)
    for places in (truth, predicted):
        if places.min() < 0 or places.max() >= labels:
            raise ValueError(f"labels have the places 0 to {labels - 1}, not {places.min()} to {places.max()}")
    cells = truth.astype(np.int64) * labels + predicted
    return np.bincount(cells, minlength=labels * labels).reshape(labels, labels)


def per_label(confusion: Integers) -> list[LabelScores]:
    """Precision, recall and F1 of every label, in order.

    Where nothing was there to be found or nothing was answered, 0/0 counts as 0, as with zero_division=0 in
    scikit-learn.
    """
    right, there, answered = np.diagonal(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    columns = _ratio(right, answered), _ratio(right, there), _ratio(2 * right, there + answered), there
    return [LabelScores(*scores) for scores in zip(*(column.tolist() for column in columns), strict=True)]


def balanced_accuracy(confusion: Integers) -> float:
    """The mean recall of the labels that occur in the truth: accuracy as if each were equally frequent."""
    return float(np.mean([scores.recall for scores in per_label(confusion) if scores.n]))


def f1_macro(confusion: Integers) -> float:
    """The mean F1 of the labels that occur in the truth or among the answers."""
    occurs = confusion.sum(axis=0) + confusion.sum(axis=1) > 0
    return float(np.mean([scores.f1 for scores, there in zip(per_label(confusion), occurs, strict=True) if there]))


def log_loss(probabilities: Floats, truth: Integers) -> float:
    """The mean of -log(probability of the true label), in nats; probabilities under `SMALLEST` count as that.

    Raises:
        ValueError: there are no texts, or not as many rows of probabilities.
    """
    check_same_length(probabilities, truth)
    of_truth = probabilities[np.arange(truth.size), truth].astype(np.float64)
    return float(-np.mean(np.log(np.maximum(of_truth, SMALLEST))))


def auc(scores: Floats, truth: Integers) -> float:
    """How often a text of label 1 scores higher than one of label 0, over all such pairs; a tie counts half.

    scores (n,) are probabilities of label 1, or anything that rises with them. This is the area under the ROC curve,
    by ranks (Mann-Whitney), so it costs one sort.

    Raises:
        ValueError: a score is NaN, or `truth` does not hold both 0 and 1 and nothing else.
    """
    check_same_length(scores, truth)
    positive = truth == 1
    ones, zeros = np.count_nonzero(positive), np.count_nonzero(truth == 0)
    if not ones or not zeros or ones + zeros != truth.size:
        raise ValueError("an AUC needs texts of label 0, texts of label 1, and no others")
    if np.isnan(scores).any():
        raise ValueError("an AUC needs scores, not NaN")
    _, group, sizes = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = np.cumsum(sizes) - (sizes - 1) / 2  # equal scores share the mean of their ranks, counted from 1
    return float((ranks[group][positive].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def best_f1_threshold(scores: Floats, truth: Integers) -> float:
    """The score (n,) from which on answering label 1 gives label 1 the best F1; of equals, the highest.

    Between two scores the middle is taken, so that a little noise does not change answers.

    Raises:
        ValueError: there are no texts, or not as many labels.
    """
    check_same_length(scores, truth)
    order = np.argsort(-scores, kind="stable")
    found = np.cumsum(truth[order] == 1)
    ends = np.flatnonzero(np.r_[scores[order][1:] < scores[order][:-1], True])  # equal scores are answered alike
    f1 = 2 * found[ends] / (ends + 1 + np.sum(truth == 1))
    end = ends[int(np.argmax(f1))]
    here = float(scores[order][end])
    return here if end + 1 == scores.size else (here + float(scores[order][end + 1])) / 2


CALIBRATION_BINS = 15


def calibration_error(probabilities: Floats, truth: Integers, predicted: Integers) -> float:
    """The expected calibration error (ECE): by how much the confidence in the answers misses their accuracy.

    Answers fall into 15 bins of equal width by their confidence, the probability of the label that was answered; the
    mean over all answers of |accuracy - mean confidence| of their bin. Source: Guo et al., On Calibration of Modern
    Neural Networks (2017). It is biased: never 0 for few texts, however well calibrated the model.

    Raises:
        ValueError: there are no texts, or not as many rows of probabilities.
    """
    check_same_length(probabilities, truth)
    confidence = probabilities[np.arange(truth.size), predicted]
    gaps = np.bincount(calibration_bin(confidence), confidence - (truth == predicted), CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / truth.size)


def calibration_bin(confidence: Floats) -> NDArray[np.intp]:
    """(n,) the place of each one's bin."""
    return np.minimum((confidence * CALIBRATION_BINS).astype(np.intp), CALIBRATION_BINS - 1)


def _ratio(parts: Integers, wholes: Integers) -> NDArray[np.float64]:
    return np.divide(parts, wholes, out=np.zeros(parts.shape), where=wholes != 0)


class Bin(NamedTuple):
    """Answers of similar confidence: its mean, the share that is right with its 95 % interval, and how many."""

    confidence: float
    accuracy: float
    interval: Interval
    n: int


def roc(scores: Floats, truth: Integers) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """False and true positive rates (k,) from (0, 0) to (1, 1), a point for each different score (n,).

    Raises:
        ValueError: `truth` (n,) does not hold both 0 and 1.
    """
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.r_[scores[order][1:] < scores[order][:-1], True])
    positive = np.cumsum(truth[order] == 1)[ends]
    negative = ends + 1 - positive
    if not positive[-1] or not negative[-1]:
        raise ValueError("a ROC curve needs texts of both labels")
    return np.r_[0, negative / negative[-1]], np.r_[0, positive / positive[-1]]


def reliability(probabilities: Floats, truth: Integers, predicted: Integers) -> list[Bin]:
    """The bins of the calibration error that have answers, from unsure to sure."""
    confidence = probabilities[np.arange(truth.size), predicted]
    right, bins = truth == predicted, calibration_bin(confidence)
    found = []
    for number in range(CALIBRATION_BINS):
        inside = bins == number
        if n := int(inside.sum()):
            count = int(right[inside].sum())
            found.append(Bin(float(confidence[inside].mean()), count / n, wilson(count, n), n))
    return found
