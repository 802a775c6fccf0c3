"""Temperature scaling: one number that divides a model's logits, so that its confidence matches its accuracy.

It is fitted on validation texts after training and folded into the weights and bias of the head, so the model that is
stored, explained and exported is the calibrated one. Only probabilities change, never which label is most probable.

Source: Guo, Pleiss, Sun and Weinberger, On Calibration of Modern Neural Networks (2017), section 4.2.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmctl.evaluation.metrics import log_loss
from lstmctl.model.classifier import softmax
from lstmctl.model.lstm import Floats

FEWEST = 100  # validation texts that a temperature is fitted on
LOWEST, HIGHEST = 0.1, 10.0
_BISECTIONS = 60


def best_temperature(logits: NDArray[np.float64], truth: NDArray[np.integer[Any]]) -> float:
    """The temperature, at most 10, with the lowest log loss of softmax(logits / temperature).

    1 for fewer than 100 texts, and where the log loss still falls at 0.1: without mistakes, overconfidence cannot be
    measured.

    logits (texts, labels); truth (texts,): indices of the true labels.
    """
    if len(truth) < FEWEST:
        return 1.0
    temperature = minimize_log_loss(logits, truth)
    return temperature if temperature > LOWEST else 1.0


def calibrated_log_loss(logits: NDArray[np.float64], truth: NDArray[np.integer[Any]]) -> float:
    """The lowest log loss of softmax(logits / temperature) with a temperature of 0.1 or more, on any number of texts.

    At most log(labels), the log loss of an infinite temperature, which ignores the logits.
    """
    tempered = log_loss(softmax(logits / minimize_log_loss(logits, truth)), truth)
    return min(tempered, math.log(logits.shape[1]))


def minimize_log_loss(logits: NDArray[np.float64], truth: NDArray[np.integer[Any]]) -> float:
    """The temperature between LOWEST and HIGHEST with the lowest log loss, which is convex in 1 / temperature."""
    true_logits = logits[np.arange(len(truth)), truth]

    def slope(inverse_temperature: float) -> float:
        """The derivative of the log loss with respect to 1 / temperature."""
        scaled = inverse_temperature * logits
        weights = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        expected = (weights * logits).sum(axis=1) / weights.sum(axis=1)
        return float(np.mean(expected - true_logits))

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
