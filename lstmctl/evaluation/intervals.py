"""Intervals for numbers that are no shares: the stratified bootstrap.

Texts are drawn again and again, with replacement, among those of the same label, so that every drawn set has as many of
each label as the real one; a test part that was divided label by label varies in just this way. A drawn set is a vector
of weights, how often each text is in it, so that a metric has to be prepared once only.

Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13 (percentile interval), and Davison and
Hinkley, Bootstrap Methods (1997), sections 5.2 (normal interval without bias) and 5.6 (a width found by simulation).
Left out: BCa, which 1,000 drawn sets are few for.

Which of two models is better, on the same texts.
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
    """Where the true share lies, with the confidence that was asked for."""

    low: float
    high: float


def wilson(successes: int, n: int, *, confidence: float = 0.95) -> Interval:
    """Wilson's score interval of a share: `successes` out of `n`.

    Stays inside 0…1 and is honest for few texts and near the ends, where ±1.96·√(p(1-p)/n) is not.

    Raises:
        ValueError: n is 0, successes are not 0…n, or the confidence is not between 0 and 1.
    """
    from statistics import NormalDist

    if n <= 0 or not 0 <= successes <= n:
        raise ValueError(f"{successes} of {n} is not a share")
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence lies between 0 and 1, not at {confidence}")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = successes / n
    scale = 1 + z * z / n
    centre = (share + z * z / (2 * n)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # The ends are exact: rounding must not leave 1e-17 where no text was right.
    return Interval(0.0 if successes == 0 else centre - half, 1.0 if successes == n else centre + half)


def check_same_length(first: NDArray[Any], second: NDArray[Any]) -> None:
    """
    Raises:
        ValueError: there are no texts, or not as many of one as of the other.
    """
    if len(first) != len(second) or len(first) == 0:
        raise ValueError(f"nothing to compare: {len(first)} and {len(second)} texts")


RESAMPLES, SEED = 1_000, 0
# More than the 1.96 of a normal distribution, because the bias is only estimated too: the width at which simulated
# intervals held the truth 95 times in 100 (tests/benchmarks/intervals.py).
BIASED_WIDTH = 2.18
FEWEST = 20  # texts: of fewer, drawn sets say little about the world


def resampled(truth: Integers, *, resamples: int = RESAMPLES, seed: int = SEED) -> Iterator[Weights]:
    """(n,) how often each text is in a drawn set; `resamples` of them, the same ones for the same seed."""
    generator = np.random.default_rng(seed)
    strata = [np.flatnonzero(truth == label) for label in np.unique(truth)]
    for _ in range(resamples):
        weights = np.empty(truth.size)
        for places in strata:
            drawn = generator.integers(0, places.size, places.size, np.int32)  # twice as fast as 64 bits
            weights[places] = np.bincount(drawn, minlength=places.size)
        yield weights


def refusal(truth: Integers) -> str | None:
    """Why no interval would be honest, or None."""
    if truth.size < FEWEST:
        return f"fewer than {FEWEST} texts"
    if np.unique(truth, return_counts=True)[1].min() < 2:
        return "a label with a single text"
    return None


def bootstrap_intervals(
    measure: Callable[[Weights], NDArray[np.float64]],
    truth: Integers,
    *,
    biased: NDArray[np.bool_],
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> list[Interval | None]:
    """An interval for each number that `measure` (weights (n,) → (k,)) gives.

    Percentiles of the drawn sets; where `biased` (k,), for a number that drawing again makes larger on average (a
    calibration error): the measured one minus that bias, plus and minus `BIASED_WIDTH` standard deviations of the drawn
    ones. None where every drawn set gives the same number: that would look like certainty.
    """
    drawn = np.array([measure(weights) for weights in resampled(truth, resamples=resamples, seed=seed)])
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    measured, width = measure(np.ones(truth.size)), BIASED_WIDTH * drawn.std(axis=0)
    unbiased = 2 * measured - drawn.mean(axis=0)
    low = np.where(biased, np.maximum(0, unbiased - width), low)
    high = np.where(biased, np.maximum(0, unbiased + width), high)
    varies = drawn.max(axis=0) > drawn.min(axis=0)
    return [Interval(float(a), float(b)) if ok else None for a, b, ok in zip(low, high, varies, strict=True)]


class Comparison(NamedTuple):
    """Two models on the same texts: the difference of their accuracies (second minus first), its interval, and how
    often a difference like this or larger would come by chance if they were equally good."""

    difference: float
    low: float
    high: float
    p: float
    only_first: int  # texts that only the first model answers right
    only_second: int
    n: int

    @property
    def distinguishable(self) -> bool:
        """Whether one of them is better for sure: both the interval and the test must say so."""
        return not self.low <= 0 <= self.high and self.p < 0.05


def compare_models(
    first_right: NDArray[np.bool_], second_right: NDArray[np.bool_], *, confidence: float = 0.95
) -> Comparison:
    """Compare two models by which texts (n,) each answers right.

    p is McNemar's exact test, two-sided: only texts on which the models differ count, and each is a fair coin if they
    are equally good. The interval is Newcombe's for paired proportions (1998, method 10 without continuity
    correction), made of Wilson's for each.

    Raises:
        ValueError: there are no texts, or not as many answers.
    """
    check_same_length(first_right, second_right)
    n = first_right.size
    both, only_first = int(np.sum(first_right & second_right)), int(np.sum(first_right & ~second_right))
    only_second = int(np.sum(~first_right & second_right))
    neither = n - both - only_first - only_second
    second, first = (both + only_second) / n, (both + only_first) / n
    of_second = wilson(both + only_second, n, confidence=confidence)
    of_first = wilson(both + only_first, n, confidence=confidence)
    phi = _correlation(both, only_first, only_second, neither)
    below, above = second - of_second.low, of_first.high - first
    low = second - first - math.sqrt(max(0.0, below**2 - 2 * phi * below * above + above**2))
    below, above = first - of_first.low, of_second.high - second
    high = second - first + math.sqrt(max(0.0, below**2 - 2 * phi * below * above + above**2))
    return Comparison(second - first, low, high, _coin(only_first, only_second), only_first, only_second, n)


def _correlation(both: int, only_first: int, only_second: int, neither: int) -> float:
    """Newcombe's φ of the fourfold table; 0 where a margin is empty."""
    margins = (both + only_first) * (only_second + neither) * (both + only_second) * (only_first + neither)
    return (both * neither - only_first * only_second) / math.sqrt(margins) if margins else 0.0


def _coin(heads: int, tails: int) -> float:
    """How often so uneven a result or worse comes of a fair coin, two-sided."""
    n, fewer = heads + tails, min(heads, tails)
    if n == 0:
        return 1.0
    # Exact, in integers: 2 · Σ C(n, k) / 2ⁿ
    ways, total = 1, 1
    for k in range(fewer):
        ways = ways * (n - k) // (k + 1)
        total += ways
    return min(1.0, float(Fraction(2 * total, 2**n)))
