"""Curves behind single numbers: the ROC curve behind an AUC, and the reliability diagram behind a calibration error.

Definitions are those of scikit-learn's roc_curve and calibration_curve, with which the tests compare.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lstmctl.metrics import CALIBRATION_BINS, Interval, calibration_bin, wilson

Floats = NDArray[np.floating[Any]]
Integers = NDArray[np.integer[Any]]


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
