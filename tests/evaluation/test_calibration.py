"""Calibration: the temperature minimizes the log loss, and folding it in changes probabilities only."""

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as st
from toy import CONFIG, WORDS, toy_weights

from lstmctl.evaluation import metrics
from lstmctl.evaluation.calibration import (
    HIGHEST,
    LOWEST,
    calibrate,
    calibrated_log_loss,
    folded,
    minimize_log_loss,
    uncalibrated,
)
from lstmctl.model.classifier import Classifier, predicted_indices


def softmax(logits):
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def sample(seed, labels, sharpness, n=400):
    """Random logits, and labels with the probabilities softmax(sharpness * logits)."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 2, (n, labels))
    if labels == 2:
        logits[:, 0] = 0
    truth = np.array([generator.choice(labels, p=row) for row in softmax(sharpness * logits)])
    return logits, truth


@given(st.integers(0, 2**32 - 1), st.integers(2, 5), st.floats(0.2, 3))
@settings(max_examples=40, deadline=None)
def test_agrees_with_scipy(seed, labels, sharpness):
    logits, truth = sample(seed, labels, sharpness)

    def loss(log_temperature):
        return metrics.log_loss(softmax(logits / np.exp(log_temperature)), truth)

    bounds = (np.log(LOWEST), np.log(HIGHEST))
    best = scipy.optimize.minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-9})
    ours = np.log(minimize_log_loss(logits, truth))
    assert loss(ours) <= best.fun + 1e-9
    assert loss(ours) <= loss(0) + 1e-12


def test_recovers_known_temperature():
    logits, truth = sample(0, 3, 1.0, n=20_000)
    temperature, loss = calibrate(logits * 2.5, truth)
    assert temperature == pytest.approx(2.5, rel=0.05)
    assert loss == metrics.log_loss(softmax(logits * 2.5 / temperature), truth)


def certain(n, mistakes, margin):
    """Logits of two labels with the same margin for each of n texts."""
    truth = np.arange(n) % 2
    logits = np.stack([np.zeros(n), np.where(truth == 1, margin, -margin)], axis=1)
    logits[:mistakes] *= -1
    return logits, truth


@pytest.mark.parametrize("n", [10, 60, 1_000])
def test_without_mistakes_a_model_is_as_sure_as_its_texts_can_tell(n):
    """One mistake more than was seen is expected, and no model is made less sure that was right to be sure."""
    logits, truth = certain(n, 0, 1.0)
    temperature, loss = calibrate(logits, truth)
    assert softmax(logits / temperature).max(axis=1) == pytest.approx((n + 1) / (n + 2), abs=1e-6)
    assert loss == pytest.approx(-np.log((n + 1) / (n + 2)), abs=1e-6)
    assert calibrate(*certain(n, 0, 20.0))[0] == 1


@pytest.mark.parametrize("n", [20, 100])
def test_a_model_that_is_too_sure_is_corrected_by_few_texts_too(n):
    logits, truth = certain(n, n // 10, 9.0)
    temperature, loss = calibrate(logits, truth)
    assert softmax(logits / temperature).max(axis=1) == pytest.approx(0.9, abs=0.05)
    assert loss < metrics.log_loss(softmax(logits), truth) / 2


@pytest.mark.parametrize("n", [20, 400])
def test_calibrated_log_loss(n):
    logits, truth = sample(0, 3, 1.0, n=n)
    best = min(metrics.log_loss(softmax(logits / t), truth) for t in np.geomspace(LOWEST, HIGHEST, 2_000))
    assert calibrated_log_loss(logits, truth) == pytest.approx(best, abs=2 / n**1.5 / 10)
    assert calibrated_log_loss(-logits, truth) == np.log(3)


def test_reversed_logits_give_highest_temperature():
    logits, truth = sample(0, 2, 1.0)
    assert calibrate(-logits, truth)[0] == pytest.approx(HIGHEST)


@pytest.mark.parametrize("temperature", [0.3, 1.7, 8.0])
def test_folding_and_undoing(temperature):
    before, after = (
        Classifier(CONFIG, WORDS, weights) for weights in (toy_weights(), folded(toy_weights(), temperature))
    )
    texts = [[2], [3], [4, 2], [], [2, 2, 3], [3] * 9, [1, 4]]
    logits, probabilities = before.logits(texts), after.probabilities(texts)
    np.testing.assert_allclose(probabilities, softmax(logits / temperature), atol=1e-6)
    assert predicted_indices(probabilities).tolist() == predicted_indices(before.probabilities(texts)).tolist()
    np.testing.assert_allclose(uncalibrated(probabilities, temperature), before.probabilities(texts), atol=1e-6)


def test_uncalibrated_extremes_stay_finite():
    certain = np.array([[0.0, 1.0], [1.0, 0.0], [0.5, 0.5]])
    np.testing.assert_allclose(uncalibrated(certain, 2.0), certain)
