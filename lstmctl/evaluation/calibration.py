"""Temperature scaling: one number that divides a model's logits, so that its confidence matches its accuracy.

It is fitted on validation texts after training and folded into the weights and bias of the head, so the model that is
stored, explained and exported is the calibrated one. Only probabilities change, never which label is most probable.

Source: Guo, Pleiss, Sun and Weinberger, On Calibration of Modern Neural Networks (2017), section 4.2; Platt,
Probabilistic Outputs for Support Vector Machines (1999), section 2.2, for the mistake that is expected in few texts.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmctl.evaluation.metrics import log_loss
from lstmctl.model.classifier import softmax
from lstmctl.model.lstm import Floats

LOWEST, HIGHEST = 0.1, 10.0
_BISECTIONS = 60


def calibrate(logits: NDArray[np.float64], truth: NDArray[np.integer[Any]]) -> tuple[float, float]:
    """The temperature that a model with these logits is delivered with, and its log loss on these texts then: 1 if no
    temperature lowers it.

    One mistake more than the texts show is expected, one in n + 2 (Platt): so without a mistake in few texts the model
    is not made surer than they can tell.

    logits (texts, labels); truth (texts,): indices of the true labels.
    """
    temperature = minimize_log_loss(logits, truth, mistakes=1 / (len(truth) + 2))
    as_it_is, calibrated = (log_loss(softmax(logits / divisor), truth) for divisor in (1.0, temperature))
    return (temperature, calibrated) if calibrated < as_it_is else (1.0, as_it_is)


def calibrated_log_loss(logits: NDArray[np.float64], truth: NDArray[np.integer[Any]]) -> float:
    """The log loss after `calibrate`, at most log(labels): that of a model that ignores the text."""
    return min(calibrate(logits, truth)[1], math.log(logits.shape[1]))


def lowest_log_loss(logits: NDArray[np.float64], truth: NDArray[np.integer[Any]]) -> float:
    """The lowest log loss with any temperature of 0.1 or more, at most log(labels): how well the logits order the
    texts, however large they are."""
    tempered = log_loss(softmax(logits / minimize_log_loss(logits, truth)), truth)
    return min(tempered, math.log(logits.shape[1]))


def minimize_log_loss(logits: NDArray[np.float64], truth: NDArray[np.integer[Any]], *, mistakes: float = 0.0) -> float:
    """The temperature between LOWEST and HIGHEST with the lowest log loss, which is convex in 1 / temperature.
    `mistakes` is the share of the texts that are taken to have another label, each other one alike."""
    true_logits = logits[np.arange(len(truth)), truth]
    others = (logits.sum(axis=1) - true_logits) / (logits.shape[1] - 1)
    target = float(np.mean((1 - mistakes) * true_logits + mistakes * others))

    def slope(inverse_temperature: float) -> float:
        """The derivative of the log loss with respect to 1 / temperature."""
        scaled = inverse_temperature * logits
        weights = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        weights /= weights.sum(axis=1, keepdims=True)
        return float(np.mean((weights * logits).sum(axis=1))) - target

    low, high = 1 / HIGHEST, 1 / LOWEST
    if slope(high) < 0:
        return LOWEST
    for _ in range(_BISECTIONS):
        middle = (low * high) ** 0.5
        low, high = (low, middle) if slope(middle) > 0 else (middle, high)
    return float(1 / (low * high) ** 0.5)


def folded(weights: dict[str, Floats], temperature: float) -> dict[str, Floats]:
    """The weights of a model with its head divided by the temperature."""
    head = {name: (weights[name] / np.float32(temperature)).astype(np.float32) for name in ("head.kernel", "head.bias")}
    return {**weights, **head}


def uncalibrated(probabilities: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """The probabilities (texts, labels) that the model would give with a temperature of 1.

    >>> uncalibrated(np.array([[0.25, 0.75]]), 2.0).round(3).tolist()
    [[0.1, 0.9]]
    """
    with np.errstate(divide="ignore"):
        logits = temperature * np.log(probabilities)
    exponentials: NDArray[np.float64] = np.exp(logits - logits.max(axis=1, keepdims=True))
    exponentials /= exponentials.sum(axis=1, keepdims=True)
    return exponentials
