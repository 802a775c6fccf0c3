"""One number that makes a model as sure as it is right: the temperature, by which its logits are divided.

It is fitted on validation texts after training and folded into the head's weights and bias, so the model that is
stored, explained and exported is the calibrated one; no answer changes, only its probability.

Source: Guo, Pleiss, Sun and Weinberger, On Calibration of Modern Neural Networks (2017), section 4.2.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmctl.evaluation.metrics import log_loss
from lstmctl.model.classifier import softmax
from lstmctl.model.lstm import Floats

FEWEST = 100  # validation texts: fewer say too little, above all where none is answered wrong
LOWEST, HIGHEST = 0.1, 10.0
_HALVINGS = 60


def best_temperature(logits: NDArray[np.float64], truth: NDArray[np.integer[Any]]) -> float:
    """The temperature with the lowest log loss of softmax(logits / temperature), at most 10. It is 1 for fewer than 100
    texts, and where the log loss still falls at 0.1: without mistakes, nothing says how sure is too sure.

    logits (texts, labels); truth (texts,). The log loss is convex in 1 / temperature, so halving finds it.
    """
    if len(truth) < FEWEST:
        return 1.0
    temperature = _lowest(logits, truth)
    return temperature if temperature > LOWEST else 1.0


def calibrated_log_loss(logits: NDArray[np.float64], truth: NDArray[np.integer[Any]]) -> float:
    """The lowest log loss of softmax(logits / temperature), with a temperature of 0.1 or more, of however few texts.

    At most log(labels), which says that the logits tell nothing: an infinite temperature has it.
    """
    tempered = log_loss(softmax(logits / _lowest(logits, truth)), truth)
    return min(tempered, math.log(logits.shape[1]))


def _lowest(logits: NDArray[np.float64], truth: NDArray[np.integer[Any]]) -> float:
    """The temperature between LOWEST and HIGHEST with the lowest log loss."""
    of_truth = logits[np.arange(len(truth)), truth]

    def slope(sharpness: float) -> float:
        """Of the log loss, with respect to 1 / temperature."""
        scaled = sharpness * logits
        weights = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        expected = (weights * logits).sum(axis=1) / weights.sum(axis=1)
        return float(np.mean(expected - of_truth))

    low, high = 1 / HIGHEST, 1 / LOWEST
    if slope(high) < 0:
        return LOWEST
    for _ in range(_HALVINGS):
        middle = (low * high) ** 0.5
        low, high = (low, middle) if slope(middle) > 0 else (middle, high)
    return float(1 / (low * high) ** 0.5)


def folded(weights: dict[str, Floats], temperature: float) -> dict[str, Floats]:
    """The weights with the head divided by the temperature."""
    head = {name: (weights[name] / np.float32(temperature)).astype(np.float32) for name in ("head.kernel", "head.bias")}
    return {**weights, **head}


def uncalibrated(probabilities: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """What the model would say with a temperature of 1: probabilities (texts, labels) before they were calibrated."""
    with np.errstate(divide="ignore"):
        logits = temperature * np.log(probabilities)
    logits -= logits.max(axis=1, keepdims=True)
    raised = np.exp(logits)
    result: NDArray[np.float64] = raised / raised.sum(axis=1, keepdims=True)
    return result
