"""ROC curves and reliability diagrams are those of scikit-learn."""

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from lstmctl.evaluation.intervals import wilson
from lstmctl.evaluation.metrics import CALIBRATION_BINS, auc, calibration_error, reliability, roc


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


@given(st.integers(0, 2**32 - 1), st.integers(1, 200), st.integers(2, 4))
@settings(max_examples=40, deadline=None)
def test_reliability_agrees_with_sklearn(seed, n, labels):
    generator = np.random.default_rng(seed)
    probabilities, truth = generator.dirichlet(np.ones(labels), n), generator.integers(0, labels, n)
    predicted = probabilities.argmax(axis=1)
    bins = reliability(probabilities, truth, predicted)
    correct, confidence = truth == predicted, probabilities.max(axis=1)
    accuracies, means = calibration_curve(correct, confidence, n_bins=CALIBRATION_BINS)
    np.testing.assert_allclose([bin.accuracy for bin in bins], accuracies, atol=1e-12)
    np.testing.assert_allclose([bin.confidence for bin in bins], means, atol=1e-12)
    assert sum(bin.n for bin in bins) == n
    assert all(bin.interval == wilson(round(bin.accuracy * bin.n), bin.n) for bin in bins)
    gap = sum(bin.n * abs(bin.accuracy - bin.confidence) for bin in bins) / n
    assert gap == pytest.approx(calibration_error(probabilities, truth, predicted), abs=1e-9)
