"""Stratified bootstrap: weighted metrics agree with scikit-learn, intervals with a slow bootstrap."""

import numpy as np
import pytest
import sklearn.metrics

from lstmctl.evaluation import intervals, metrics
from lstmctl.evaluation.report import WeightedMetrics, measure
from lstmctl.model.classifier import predicted_indices


def predictions(n, *, labels=2, seed=0, sharp=2.0, decimals=9):
    """Truth (n,) and probabilities (n, labels) that know something of it; few decimals make ties."""
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, labels, n)
    scores = generator.normal(0, 1, (n, labels))
    scores[np.arange(n), truth] += sharp
    probabilities = np.exp(scores).round(decimals)
    return truth, probabilities / probabilities.sum(axis=1, keepdims=True)


def plain(truth, probabilities):
    """The same numbers as `WeightedMetrics`, from scikit-learn, for texts that are repeated."""
    predicted, labels = predicted_indices(probabilities), range(probabilities.shape[1])
    occurring = sorted(set(truth) | set(predicted))
    values = [
        sklearn.metrics.balanced_accuracy_score(truth, predicted),
        sklearn.metrics.f1_score(truth, predicted, average="macro", labels=occurring, zero_division=0),
        sklearn.metrics.log_loss(truth, probabilities, labels=list(labels)),
        metrics.calibration_error(probabilities, truth, predicted),
    ]
    if probabilities.shape[1] == 2:
        values.append(sklearn.metrics.roc_auc_score(truth, probabilities[:, 1]))
    return [*values, *sklearn.metrics.f1_score(truth, predicted, average=None, labels=list(labels), zero_division=0)]


def weighted(truth, probabilities):
    metric = WeightedMetrics(
        probabilities, predicted_indices(probabilities), truth, labels=[str(n) for n in range(probabilities.shape[1])]
    )
    return lambda weights: list(metric(weights).values())


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
@pytest.mark.parametrize("decimals", [9, 1])
@pytest.mark.parametrize("labels", [2, 3, 7])
def test_weights_repeat_texts(labels, decimals):
    truth, probabilities = predictions(90, labels=labels, decimals=decimals)
    prepared = weighted(truth, probabilities)
    np.testing.assert_allclose(prepared(np.ones(90)), plain(truth, probabilities), atol=1e-9)
    for weights in intervals.bootstrap_samples(truth, resamples=5):
        repeated = np.repeat(np.arange(90), weights.astype(int))
        np.testing.assert_allclose(prepared(weights), plain(truth[repeated], probabilities[repeated]), atol=1e-9)


def test_samples_are_stratified():
    truth = np.array([0] * 7 + [2] * 5 + [1] * 30)
    for weights in intervals.bootstrap_samples(truth, resamples=20):
        assert [weights[truth == label].sum() for label in range(3)] == [7, 30, 5]
    first, again, other = (next(intervals.bootstrap_samples(truth, seed=seed)).tolist() for seed in (3, 3, 4))
    assert first == again != other


def test_agrees_with_slow_bootstrap():
    """Another random generator, one label after the other: equal within bootstrap error."""
    truth, probabilities = predictions(400)
    measured = measure(probabilities, truth, labels=("a", "b")).metrics
    generator = np.random.default_rng(99)
    samples = []
    for _ in range(600):
        indices = np.concatenate(
            [generator.choice(np.flatnonzero(truth == label), np.sum(truth == label)) for label in (0, 1)]
        )
        samples.append(plain(truth[indices], probabilities[indices]))
    samples = np.array(samples)
    low, high = np.percentile(samples, [2.5, 97.5], axis=0)
    names = ["balanced_accuracy", "f1_macro", "log_loss", "ece", "auc", "f1.a", "f1.b"]
    for index, name in enumerate(names):
        metric, width = measured[name], high[index] - low[index]
        expected = (low[index], high[index])
        if name == "ece":  # minus the bias of resampling
            unbiased, width = 2 * metric.value - samples[:, index].mean(), 2.18 * 2 * samples[:, index].std()
            expected = (max(0, unbiased - width / 2), unbiased + width / 2)
        assert metric.low == pytest.approx(expected[0], abs=0.15 * width), name
        assert metric.high == pytest.approx(expected[1], abs=0.15 * width), name
        if name != "ece":
            assert metric.low <= metric.value <= metric.high


@pytest.mark.parametrize(
    ("truth", "reason"),
    [
        ([0, 1] * 9, "fewer than 20 texts"),
        ([0] * 30 + [1], "a label with a single text"),
        ([0], "fewer than 20 texts"),
    ],
)
def test_reason_without_interval(truth, reason):
    truth = np.array(truth)
    probabilities = np.tile([0.6, 0.4], (truth.size, 1))
    measured = measure(probabilities, truth, labels=("a", "b")).metrics
    assert measured["log_loss"][1:] == (None, None, truth.size, reason)
    assert measured["accuracy"].low is not None  # Wilson's interval holds for any number


def test_no_interval_without_variation():
    """Without mistakes, every bootstrap sample is without mistakes."""
    truth = np.array([0, 1] * 20)
    probabilities = np.where(truth[:, None] == np.arange(2), 0.9, 0.1)
    measured = measure(probabilities, truth, labels=("a", "b")).metrics
    for name in ("balanced_accuracy", "f1_macro", "auc", "f1.a"):
        assert measured[name].value == 1
        assert (measured[name].low, measured[name].reason) == (None, "no variation across bootstrap samples")
    assert measured["accuracy"].low == pytest.approx(0.9124, abs=1e-4) and measured["accuracy"].high == 1


def test_single_label_has_no_auc():
    truth = np.zeros(40, int)
    probabilities = np.random.default_rng(0).dirichlet([3, 1], 40)
    measured = measure(probabilities, truth, labels=("a", "b")).metrics
    assert "auc" not in measured
    assert measured["log_loss"].low < measured["log_loss"].value < measured["log_loss"].high
