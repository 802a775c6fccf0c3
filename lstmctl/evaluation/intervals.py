"""Confidence intervals, and which of two models is better on the same texts.

Proportions have Wilson's score interval (1927). Other metrics have that of a stratified bootstrap: texts are drawn with
replacement among those of the same label, so that every bootstrap sample has the test part's number of texts of each
label. A bootstrap sample is a vector of weights, how often each text is in it, so a metric is prepared only once.

Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13 (percentile interval), and Davison and
Hinkley, Bootstrap Methods (1997), sections 5.2 (normal interval, bias removed) and 5.6 (a width found by simulation).
Left out: BCa intervals, which need more than 1,000 bootstrap samples.
"""

import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.integer[Any]]
Weights = NDArray[np.float64]


class Interval(NamedTuple):
    """The lower and upper limit of a confidence interval."""

    low: float
    high: float


def check_same_length(first: NDArray[Any], second: NDArray[Any]) -> None:
    """Raise ValueError if the arrays are empty, or differ in length."""
    if len(first) != len(second) or len(first) == 0:
        raise ValueError(f"needs two arrays of the same length, 1 or more, not {len(first)} and {len(second)}")


def wilson(successes: int, n: int, *, confidence: float = 0.95) -> Interval:
    """Wilson's score interval of the proportion `successes` / `n`.

    It stays within 0…1 and keeps its coverage for few texts and near 0 and 1, where ±1.96·√(p(1-p)/n) does not.

    >>> low, high = wilson(9, 10)
    >>> round(low, 3), round(high, 3)
    (0.596, 0.982)

    Raises ValueError for n = 0, successes that are not 0…n, and a confidence that is not between 0 and 1.
    """
    from statistics import NormalDist

    if n <= 0 or not 0 <= successes <= n:
        raise ValueError(f"{successes} of {n} is not a proportion")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, not {confidence}")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    proportion = successes / n
    scale = 1 + z * z / n
    centre = (proportion + z * z / (2 * n)) / scale
    half = z / scale * math.sqrt(proportion * (1 - proportion) / n + z * z / (4 * n * n))
    # Exact ends: rounding must not leave 1e-17 for 0 successes.
    return Interval(0.0 if successes == 0 else centre - half, 1.0 if successes == n else centre + half)


RESAMPLES, SEED = 1_000, 0
# More than the 1.96 of a normal distribution, because the bias is an estimate too: the width at which simulated
# intervals contained the true value 95 times in 100 (tests/benchmarks/intervals.py).
BIASED_WIDTH = 2.18


def bootstrap_samples(truth: Integers, *, resamples: int = RESAMPLES, seed: int = SEED) -> Iterator[Weights]:
    """(n,) how often each text is in a bootstrap sample: `resamples` of them, the same for the same seed."""
    generator = np.random.default_rng(seed)
    strata = [np.flatnonzero(truth == label) for label in np.unique(truth)]
    for _ in range(resamples):
        weights = np.empty(truth.size)
        for indices in strata:
            sample = generator.integers(0, indices.size, indices.size, np.int32)  # twice as fast as 64 bits
            weights[indices] = np.bincount(sample, minlength=indices.size)
        yield weights


def bootstrap_intervals(
    measure: Callable[[Weights], NDArray[np.float64]],
    truth: Integers,
    *,
    biased: NDArray[np.bool_],
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> list[Interval | None]:
    """A 95 % interval for each of the k numbers that `measure` (weights (n,) → (k,)) returns.

    Percentiles of the bootstrap samples. Where `biased` (k,), because resampling makes the number larger on average (a
    calibration error): the number minus that bias, ± `BIASED_WIDTH` standard deviations of the bootstrap samples. None
    without variation across bootstrap samples: an interval of width 0 would look like certainty.
    """
    samples = np.array([measure(weights) for weights in bootstrap_samples(truth, resamples=resamples, seed=seed)])
    low, high = np.quantile(samples, [0.025, 0.975], axis=0)
    measured, width = measure(np.ones(truth.size)), BIASED_WIDTH * samples.std(axis=0)
    unbiased = 2 * measured - samples.mean(axis=0)
    low = np.where(biased, np.maximum(0, unbiased - width), low)
    high = np.where(biased, np.maximum(0, unbiased + width), high)
    varies = samples.max(axis=0) > samples.min(axis=0)
    return [Interval(float(a), float(b)) if ok else None for a, b, ok in zip(low, high, varies, strict=True)]


class Comparison(NamedTuple):
    """Two models on the same n texts. `difference` is that of their accuracies, second minus first; `p` is how likely a
    difference at least this large is if both are equally good."""

    difference: float
    low: float
    high: float
    p: float
    only_first: int  # texts that only the first model predicts correctly
    only_second: int
    n: int

    @property
    def distinguishable(self) -> bool:
        """Whether the difference is significant: both the interval and the test must say so."""
        return not self.low <= 0 <= self.high and self.p < 0.05


def compare_models(first_correct: NDArray[np.bool_], second_correct: NDArray[np.bool_]) -> Comparison:
    """Compare two models by which texts (n,), at least one, each predicts correctly.

    p is McNemar's exact test, two-sided: of the texts on which the models differ, each is as likely to favour either
    model if they are equally good. The interval is Newcombe's for paired proportions (1998, method 10 without
    continuity correction), built from the Wilson intervals of both.

    >>> comparison = compare_models(np.array([True, False, False]), np.array([True, True, True]))
    >>> comparison.only_second, comparison.p, comparison.distinguishable
    (2, 0.5, False)
    """
    check_same_length(first_correct, second_correct)
    n = first_correct.size
    both, only_first = int(np.sum(first_correct & second_correct)), int(np.sum(first_correct & ~second_correct))
    only_second = int(np.sum(~first_correct & second_correct))
    phi = _phi(both, only_first, only_second, n - both - only_first - only_second)
    first, second = (both + only_first) / n, (both + only_second) / n
    first_interval, second_interval = wilson(both + only_first, n), wilson(both + only_second, n)

    def margin(below: float, above: float) -> float:
        return math.sqrt(max(0.0, below**2 - 2 * phi * below * above + above**2))

    low = second - first - margin(second - second_interval.low, first_interval.high - first)
    high = second - first + margin(first - first_interval.low, second_interval.high - second)
    p = _sign_test(only_first, only_second)
    return Comparison(second - first, low, high, p, only_first, only_second, n)


def _phi(both: int, only_first: int, only_second: int, neither: int) -> float:
    """The correlation of the 2 × 2 table; 0 where a margin is empty."""
    margins = (both + only_first) * (only_second + neither) * (both + only_second) * (only_first + neither)
    return (both * neither - only_first * only_second) / math.sqrt(margins) if margins else 0.0


def _sign_test(first: int, second: int) -> float:
    """The two-sided p-value of counts `first` and `second` if both outcomes are equally likely."""
    n, fewer = first + second, min(first, second)
    if n == 0:
        return 1.0
    # Exact, in integers: 2 · Σ C(n, k) / 2ⁿ
    ways, total = 1, 1
    for k in range(fewer):
        ways = ways * (n - k) // (k + 1)
        total += ways
    return min(1.0, float(Fraction(2 * total, 2**n)))
