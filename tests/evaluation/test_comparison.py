"""Comparing two models: published numbers, agreement with scipy, and when a difference is significant."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmctl.evaluation.intervals import Comparison, compare_models


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
