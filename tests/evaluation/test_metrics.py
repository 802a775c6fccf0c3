"""Metrics, ROC curves and reliability diagrams: worked examples, properties, agreement with scipy and scikit-learn."""

import math

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from lstmctl.evaluation import metrics
from lstmctl.evaluation.intervals import wilson
from lstmctl.evaluation.metrics import (
    CALIBRATION_BINS,
    FEWEST_IN_BIN,
    auc,
    average_precision,
    precision_recall,
    reliability,
    roc,
)

# Five texts, three labels: recall 1/2, 1 and 0; label 1 has one false positive.
TRUTH = np.array([0, 0, 1, 1, 2])
PREDICTED = np.array([0, 1, 1, 1, 0])


def pairs(labels):
    """True and predicted labels of one to thirty texts."""
    text = st.tuples(st.integers(0, labels - 1), st.integers(0, labels - 1))
    return st.lists(text, min_size=1, max_size=30).map(lambda rows: np.array(rows).T)


# --- intervals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0000, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_golden_numbers(successes, n, low, high):
    """The examples of Newcombe (1998), "Two-sided confidence intervals for the single proportion", method 3."""
    assert wilson(successes, n) == pytest.approx((low, high), abs=5e-5)


def test_wilson_by_hand():
    """1 of 2 with z = 1: centre 1/2, half = √(1/8 + 1/16) / (3/2)."""
    confidence = math.erf(1 / math.sqrt(2))
    low, high = wilson(1, 2, confidence=confidence)
    assert (low + high) / 2 == pytest.approx(0.5)
    assert high - low == pytest.approx(2 * math.sqrt(3 / 16) / 1.5)


@given(st.integers(1, 100_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.5, 0.999))
@settings(max_examples=60, deadline=None)
def test_wilson_agrees_with_scipy(case, confidence):
    successes, n = case
    interval = wilson(successes, n, confidence=confidence)
    expected = scipy.stats.binomtest(successes, n).proportion_ci(confidence, "wilson")
    assert interval.low == pytest.approx(expected.low, abs=1e-12)
    assert interval.high == pytest.approx(expected.high, abs=1e-12)
    assert 0 <= interval.low <= successes / n <= interval.high <= 1


@pytest.mark.parametrize("n", [1, 3, 7, 2500])
def test_wilson_ends_are_exact(n):
    assert wilson(0, n).low == 0.0
    assert wilson(n, n).high == 1.0
    assert 0.0 < wilson(0, n).high < 1.0


@pytest.mark.parametrize(
    ("successes", "n", "confidence", "reason"),
    [
        (0, 0, 0.95, "0 of 0"), (3, 2, 0.95, "3 of 2"), (-1, 2, 0.95, "-1 of 2"), (0, -1, 0.95, "0 of -1"),
        (1, 2, 1.0, "between 0 and 1"), (1, 2, 1.5, "between 0 and 1"), (1, 2, 0.0, "between 0 and 1"),
    ],
)  # fmt: skip
def test_wilson_rejects_bad_input(successes, n, confidence, reason):
    with pytest.raises(ValueError, match=reason):
        wilson(successes, n, confidence=confidence)


@pytest.mark.parametrize(("indices", "message"), [([0, 3], "0 to 3"), ([-1, 2], "-1 to 2")])
def test_confusion_rejects_other_indices(indices, message):
    valid = np.array([0, 2])
    for truth, predicted in ((np.array(indices), valid), (valid, np.array(indices))):
        with pytest.raises(ValueError, match=f"label indices must be 0 to 2, not {message}"):
            metrics.confusion(truth, predicted, labels=3)


# --- counts ---------------------------------------------------------------------------------------------------------


def test_confusion_by_hand():
    assert metrics.confusion(TRUTH, PREDICTED, labels=3).tolist() == [[1, 1, 0], [0, 2, 0], [1, 0, 0]]


def test_scores_by_hand():
    confusion = metrics.confusion(TRUTH, PREDICTED, labels=3)
    assert metrics.per_label(confusion) == [
        (pytest.approx(1 / 2), pytest.approx(1 / 2), pytest.approx(1 / 2), 2),
        (pytest.approx(2 / 3), pytest.approx(1), pytest.approx(4 / 5), 2),
        (0, 0, 0, 1),
    ]
    assert metrics.accuracy(TRUTH, PREDICTED) == pytest.approx(3 / 5)
    assert metrics.balanced_accuracy(confusion) == pytest.approx((1 / 2 + 1 + 0) / 3)
    assert metrics.f1_macro(confusion) == pytest.approx((1 / 2 + 4 / 5 + 0) / 3)


def test_scores_are_plain_numbers():
    """They go into JSON."""
    for scores in metrics.per_label(metrics.confusion(TRUTH, PREDICTED, labels=3)):
        assert [type(value) for value in scores] == [float, float, float, int]


@given(pairs(4))
@settings(max_examples=60, deadline=None)
def test_counts_agree_with_sklearn(case):
    truth, predicted = case
    names, confusion = range(4), metrics.confusion(truth, predicted, labels=4)
    assert (confusion == sklearn.metrics.confusion_matrix(truth, predicted, labels=names)).all()
    expected = sklearn.metrics.precision_recall_fscore_support(truth, predicted, labels=names, zero_division=0)
    np.testing.assert_allclose(np.array(metrics.per_label(confusion)), np.array(expected).T, rtol=1e-12)
    assert metrics.accuracy(truth, predicted) == pytest.approx(sklearn.metrics.accuracy_score(truth, predicted))
    # scikit-learn warns of predicted labels that no text has; restricted to the true labels it is the same number.
    recalls = sklearn.metrics.recall_score(truth, predicted, labels=np.unique(truth), average="macro", zero_division=0)
    assert metrics.balanced_accuracy(confusion) == pytest.approx(recalls)
    macro = sklearn.metrics.f1_score(truth, predicted, average="macro", zero_division=0)
    assert metrics.f1_macro(confusion) == pytest.approx(macro)


@pytest.mark.parametrize(
    ("truth", "predicted"), [([], []), ([0, 1], [0]), ([0], [0, 1]), ([0, 2], [0, 1]), ([0, 1], [-1, 1])]
)
def test_confusion_rejects_bad_input(truth, predicted):
    with pytest.raises(ValueError):
        metrics.confusion(np.array(truth, int), np.array(predicted, int), labels=2)


def test_accuracy_rejects_no_texts():
    with pytest.raises(ValueError):
        metrics.accuracy(np.array([], int), np.array([], int))


# --- probabilities --------------------------------------------------------------------------------------------------


def test_log_loss_rejects_other_lengths():
    for rows in (0, 1, 3):
        with pytest.raises(ValueError, match="same length"):
            metrics.log_loss(np.full((rows, 2), 0.5), np.array([0, 1]))


def test_log_loss_by_hand():
    probabilities = np.array([[0.5, 0.5], [0.25, 0.75]])
    assert metrics.log_loss(probabilities, np.array([0, 0])) == pytest.approx((math.log(2) + math.log(4)) / 2)


def test_log_loss_is_finite():
    certain = np.array([[1.0, 0.0]])
    assert metrics.log_loss(certain, np.array([1])) == pytest.approx(15.9424, abs=1e-4)
    assert metrics.log_loss(certain, np.array([0])) == 0.0


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(2, 5))
@settings(max_examples=40, deadline=None)
def test_log_loss_agrees_with_sklearn(seed, n, labels):
    generator = np.random.default_rng(seed)
    probabilities = generator.dirichlet(np.full(labels, 0.3), n)
    probabilities = np.clip(probabilities, metrics.SMALLEST, None)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    truth = generator.integers(0, labels, n)
    expected = sklearn.metrics.log_loss(truth, probabilities, labels=range(labels))
    assert metrics.log_loss(probabilities, truth) == pytest.approx(expected, abs=1e-6)


def test_auc_by_hand():
    """Pairs (0.8, 0.2) right, (0.8, 0.5) right, (0.5, 0.2) right, (0.5, 0.5) a tie."""
    assert metrics.auc(np.array([0.8, 0.5, 0.2, 0.5]), np.array([1, 1, 0, 0])) == pytest.approx(3.5 / 4)


def test_auc_extremes():
    truth = np.array([0, 0, 1])
    assert metrics.auc(np.array([1.0, 2.0, 3.0]), truth) == 1.0
    assert metrics.auc(np.array([3.0, 2.0, 1.0]), truth) == 0.0
    assert metrics.auc(np.zeros(3), truth) == 0.5


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 1)), min_size=2, max_size=40))
@settings(max_examples=60, deadline=None)
def test_auc_agrees_with_sklearn(case):
    scores, truth = np.array(case).T
    scores = scores / 6
    if truth.min() == truth.max():
        with pytest.raises(ValueError):
            metrics.auc(scores, truth)
        return
    area = metrics.auc(scores, truth)
    assert area == pytest.approx(sklearn.metrics.roc_auc_score(truth, scores))
    assert metrics.auc(1 - scores, truth) == pytest.approx(1 - area)
    assert metrics.auc(np.exp(scores), truth) == pytest.approx(area)  # only the order counts


@pytest.mark.parametrize(("scores", "truth"), [([0.1, 0.2, 0.3], [0, 1, 2]), ([0.1, math.nan], [0, 1]), ([], [])])
def test_auc_rejects_bad_input(scores, truth):
    with pytest.raises(ValueError):
        metrics.auc(np.array(scores), np.array(truth, int))


# --- calibration, threshold ------------------------------------------------------------------------------------------


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(2, 4))
@settings(max_examples=60, deadline=None)
def test_calibration_error_agrees_with_sklearn(seed, n, labels):
    from sklearn.calibration import calibration_curve

    generator = np.random.default_rng(seed)
    probabilities = generator.dirichlet(np.ones(labels), n)
    truth, predicted = generator.integers(0, labels, n), probabilities.argmax(axis=1)
    confidence, correct = probabilities.max(axis=1), truth == predicted
    accuracies, means = calibration_curve(correct, confidence, n_bins=metrics.CALIBRATION_BINS)
    counts, _ = np.histogram(confidence, np.linspace(0, 1, metrics.CALIBRATION_BINS + 1))
    expected = np.abs(accuracies - means) @ counts[counts > 0] / n
    assert metrics.calibration_error(probabilities, truth, predicted) == pytest.approx(expected, abs=1e-9)


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 1)), min_size=1, max_size=25))
@settings(max_examples=100, deadline=None)
def test_best_threshold_is_best(rows):
    scores, truth = np.array([score / 8 for score, _ in rows]), np.array([label for _, label in rows])

    def f1(threshold):
        return sklearn.metrics.f1_score(truth, scores >= threshold, zero_division=0)

    best = metrics.best_f1_threshold(scores, truth)
    assert f1(best) == pytest.approx(max(f1(score) for score in scores))


def test_highest_confidence_has_no_bin_of_its_own():
    """Confidence 1 and 0.95 share the last bin, so one mistake and one correct prediction partly cancel."""
    probabilities = np.array([[0.0, 1.0], [0.05, 0.95]])
    error = metrics.calibration_error(probabilities, np.array([0, 1]), np.array([1, 1]))
    assert error == pytest.approx(abs((1 - 0) + (0.95 - 1)) / 2)


@pytest.mark.parametrize(
    "measure",
    [
        metrics.accuracy,
        lambda a, b: metrics.confusion(a, b, labels=2),
        lambda a, b: metrics.log_loss(np.full((len(a), 2), 0.5), b),
        lambda a, b: metrics.auc(a / 2, b),
        lambda a, b: metrics.best_f1_threshold(a / 2, b),
        lambda a, b: metrics.calibration_error(np.full((len(a), 2), 0.5), b, b),
    ],
)
@pytest.mark.parametrize(("first", "second"), [([], []), ([0, 1], [0, 1, 1]), ([0, 1, 1], [0, 1])])
def test_metrics_reject_other_lengths(measure, first, second):
    with pytest.raises(ValueError, match="same length"):
        measure(np.array(first, int), np.array(second, int))


def test_best_threshold_takes_highest_of_equals():
    """F1 is 2/3 at threshold 0.9 (precision 1, recall 1/2) and at 0.3 (precision 1/2, recall 1)."""
    scores, truth = np.array([0.9, 0.7, 0.5, 0.3]), np.array([1, 0, 0, 1])
    assert metrics.best_f1_threshold(scores, truth) == pytest.approx(0.8)
    assert metrics.best_f1_threshold(scores[:1], truth[:1]) == 0.9


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 1)), min_size=2, max_size=40))
@settings(max_examples=80, deadline=None)
def test_roc_agrees_with_sklearn(rows):
    scores, truth = np.array([score / 6 for score, _ in rows]), np.array([label for _, label in rows])
    if len(set(truth)) < 2:
        with pytest.raises(ValueError, match="texts of both labels"):
            roc(scores, truth)
        return
    false, true = roc(scores, truth)
    expected = sklearn.metrics.roc_curve(truth, scores, drop_intermediate=False)
    np.testing.assert_allclose(false, expected[0], atol=1e-12)
    np.testing.assert_allclose(true, expected[1], atol=1e-12)
    assert np.trapezoid(true, false) == pytest.approx(auc(scores, truth), abs=1e-9)


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 1)), min_size=1, max_size=40))
@settings(max_examples=80, deadline=None)
def test_precision_and_recall_agree_with_sklearn(rows):
    scores, truth = np.array([score / 6 for score, _ in rows]), np.array([label for _, label in rows])
    if not truth.any():
        with pytest.raises(ValueError, match="texts of label 1"):
            precision_recall(scores, truth)
        return
    recall, precision = precision_recall(scores, truth)
    expected = sklearn.metrics.precision_recall_curve(truth, scores)
    np.testing.assert_allclose(precision[::-1], expected[0], atol=1e-12)
    np.testing.assert_allclose(recall[::-1], expected[1], atol=1e-12)
    area = average_precision(scores, truth)
    assert area == pytest.approx(sklearn.metrics.average_precision_score(truth, scores))


@given(st.integers(0, 2**32 - 1), st.integers(1, 400), st.integers(2, 4))
@settings(max_examples=60, deadline=None)
def test_reliability_joins_the_bins_of_sklearn(seed, n, labels):
    generator = np.random.default_rng(seed)
    probabilities, truth = generator.dirichlet(np.ones(labels), n), generator.integers(0, labels, n)
    predicted = probabilities.argmax(axis=1)
    bins = reliability(probabilities, truth, predicted)
    correct, confidence = truth == predicted, probabilities.max(axis=1)
    assert sum(bin.n for bin in bins) == n
    assert len(bins) == 1 or min(bin.n for bin in bins) >= FEWEST_IN_BIN
    assert [bin.confidence for bin in bins] == sorted(bin.confidence for bin in bins)
    assert all(bin.interval == wilson(round(bin.accuracy * bin.n), bin.n) for bin in bins)
    # Each joined bin is some neighbouring ones of scikit-learn.
    sizes = np.histogram(np.minimum(confidence, 1 - 1e-12), CALIBRATION_BINS, (0, 1))[0]
    accuracies, means = calibration_curve(correct, confidence, n_bins=CALIBRATION_BINS)
    parts = iter(zip(sizes[sizes > 0], accuracies, means, strict=True))
    for joined in bins:
        size, right, total = 0, 0.0, 0.0
        while size < joined.n:
            count, accuracy, mean = next(parts)
            size, right, total = size + count, right + count * accuracy, total + count * mean
        assert (size, right / size, total / size) == pytest.approx((joined.n, joined.accuracy, joined.confidence))
