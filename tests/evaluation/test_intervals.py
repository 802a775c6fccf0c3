"""Bootstrap intervals and the comparison of two models: published numbers, scikit-learn, scipy, a slow bootstrap."""

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmctl.evaluation import intervals, metrics
from lstmctl.evaluation.intervals import Comparison, compare_models
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


def paired(both, only_first, only_second, neither):
    first = [True] * (both + only_first) + [False] * (only_second + neither)
    second = [True] * both + [False] * only_first + [True] * only_second + [False] * neither
    return np.array(first), np.array(second)


@pytest.mark.parametrize(("table", "low", "high"), [((36, 2, 12, 0), 0.0569, 0.3404), ((36, 0, 14, 0), 0.1528, 0.4167)])
def test_newcombe_golden_numbers(table, low, high):
    """Examples of Newcombe (1998), "Improved confidence intervals for the difference between binomial proportions based
    on paired data", method 10."""
    comparison = compare_models(*paired(*table))
    assert (comparison.low, comparison.high) == pytest.approx((low, high), abs=5e-5)


@given(*[st.integers(0, 60)] * 4)
@settings(max_examples=100, deadline=None)
def test_comparison_agrees_with_scipy(both, only_first, only_second, neither):
    if both + only_first + only_second + neither == 0:
        return
    first, second = paired(both, only_first, only_second, neither)
    comparison = compare_models(first, second)
    expected = scipy.stats.binomtest(only_first, only_first + only_second).pvalue if only_first + only_second else 1
    assert comparison.p == pytest.approx(expected, abs=1e-9)
    assert comparison.difference == pytest.approx(second.mean() - first.mean())
    assert -1 - 1e-9 <= comparison.low <= comparison.difference + 1e-9 <= comparison.high + 2e-9 <= 1 + 3e-9
    mirrored = compare_models(second, first)
    assert (mirrored.low, mirrored.high) == pytest.approx((-comparison.high, -comparison.low), abs=1e-12)


def test_large_counts_do_not_overflow():
    comparison = compare_models(*paired(10, 20_000, 30_000, 5))
    assert 0 <= comparison.p < 1e-300 and comparison.low > 0


@pytest.mark.parametrize(
    ("table", "distinguishable"),
    [((80, 0, 0, 20), False), ((80, 2, 7, 11), False), ((80, 0, 15, 5), True), ((80, 15, 0, 5), True)],
)
def test_distinguishable(table, distinguishable):
    assert compare_models(*paired(*table)).distinguishable is distinguishable


def test_p_value_can_veto():
    """With five texts that only one model predicts correctly, the interval excludes 0, but p is above 0.05."""
    comparison = compare_models(*paired(40, 0, 5, 5))
    assert comparison.low > 0 and comparison.p > 0.05 and not comparison.distinguishable


@pytest.mark.parametrize(("first", "second"), [([], []), ([True], [True, False])])
def test_comparison_needs_same_texts(first, second):
    with pytest.raises(ValueError, match="same length"):
        compare_models(np.array(first, bool), np.array(second, bool))


@pytest.mark.parametrize(
    ("low", "high", "p", "distinguishable"),
    [(0.1, 0.2, 0.049, True), (-0.2, -0.1, 0.049, True), (0.1, 0.2, 0.05, False), (0, 0.2, 0.01, False),
     (-0.2, 0, 0.01, False), (-0.1, 0.1, 0.01, False)],
)  # fmt: skip
def test_distinguishable_at_limits(low, high, p, distinguishable):
    assert Comparison(0.1, low, high, p, only_first=1, only_second=2, n=100).distinguishable is distinguishable


def test_identical_models_have_p_1():
    assert compare_models(np.array([True, False]), np.array([True, False])).p == 1
