"""Intervals for numbers that are no shares: the stratified bootstrap.

Texts are drawn again and again, with replacement, among those of the same label, so that every drawn set has as many of
each label as the real one; a test part that was divided label by label varies in just this way. A drawn set is a vector
of weights, how often each text is in it, so that a metric has to be prepared once only.

Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13 (percentile interval), and Davison and
Hinkley, Bootstrap Methods (1997), sections 5.2 (normal interval without bias) and 5.6 (a width found by simulation).
Left out: BCa, which 1,000 drawn sets are few for.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmctl.metrics import Interval

Integers = NDArray[np.integer[Any]]
Weights = NDArray[np.float64]

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


def intervals(
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
