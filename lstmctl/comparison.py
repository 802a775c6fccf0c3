"""Which of two models is better, on the same texts."""

import math
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lstmctl.metrics import check_same_length, wilson


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


def compare(first_right: NDArray[np.bool_], second_right: NDArray[np.bool_], *, confidence: float = 0.95) -> Comparison:
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
