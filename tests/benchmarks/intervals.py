"""How often the intervals of `evaluate` contain the true value: `python tests/benchmarks/intervals.py`.

The coverage of Wilson's interval is computed exactly, over all outcomes of n texts. That of the bootstrap is simulated:
test sets are sampled from a population whose metrics are known from two million texts, with its proportions of labels.
"""

import argparse
from collections.abc import Callable

import numpy as np
import scipy.stats

from lstmctl.evaluation.intervals import bootstrap_intervals, wilson
from lstmctl.evaluation.report import WeightedMetrics
from lstmctl.model.classifier import predicted_indices

NAMES = ("balanced_accuracy", "f1_macro", "log_loss", "ece", "auc")
# Proportion of the positive label, and the factor by which logits are too large: 1 would be well calibrated.
POPULATIONS = ((0.5, 1.6), (0.2, 1.6), (0.2, 0.6))


def wilson_coverage(n: int, proportion: float) -> float:
    successes = np.arange(n + 1)
    limits = [wilson(int(count), n) for count in successes]
    covered = np.array([interval.low <= proportion <= interval.high for interval in limits])
    return float(scipy.stats.binom.pmf(successes, n, proportion) @ covered)


def sample_texts(
    generator: np.random.Generator, n: int, proportion: float, excess: float
) -> tuple[np.ndarray, np.ndarray]:
    """Truth (n,) and probabilities (n, 2) of texts whose log odds are known, and multiplied by `excess`."""
    truth = (np.arange(n) < round(n * proportion)).astype(int)
    score = generator.normal(np.where(truth == 1, 1, -1), 1)
    positive = 1 / (1 + np.exp(-excess * (2 * score + np.log(proportion / (1 - proportion)))))
    return truth, np.stack([1 - positive, positive], axis=1)


def weighted_metrics(truth: np.ndarray, probabilities: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """A function of weights (n,) that returns the metrics in `NAMES`."""
    metrics = WeightedMetrics(probabilities, predicted_indices(probabilities), truth, labels=("neg", "pos"))

    def measure(weights: np.ndarray) -> np.ndarray:
        values = metrics(weights)
        return np.array([values[name] for name in NAMES])

    return measure


def bootstrap_coverage(n: int, proportion: float, excess: float, *, sets: int, resamples: int) -> np.ndarray:
    generator = np.random.default_rng(0)
    truth, probabilities = sample_texts(generator, 2_000_000, proportion, excess)
    true = weighted_metrics(truth, probabilities)(np.ones(truth.size))
    covered = np.zeros(len(NAMES))
    for number in range(sets):
        truth, probabilities = sample_texts(generator, n, proportion, excess)
        limits = bootstrap_intervals(
            weighted_metrics(truth, probabilities),
            truth,
            biased=np.array([name == "ece" for name in NAMES]),
            resamples=resamples,
            seed=number,
        )
        covered += [
            interval is not None and interval.low <= value <= interval.high
            for interval, value in zip(limits, true, strict=True)
        ]
    return covered / sets


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=1_000)
    parser.add_argument("--resamples", type=int, default=500)
    arguments = parser.parse_args()
    print("Wilson, exact coverage of the 95 % interval\n\n| n | p = 0.5 | 0.9 | 0.99 |\n|---|---|---|---|")
    for n in (50, 500, 5_000):
        print(
            f"| {n:,} | "
            + " | ".join(f"{wilson_coverage(n, proportion):.3f}" for proportion in (0.5, 0.9, 0.99))
            + " |"
        )
    print(f"\nstratified bootstrap, {arguments.sets:,} sets, {arguments.resamples:,} bootstrap samples each\n")
    print(f"| n | positive | logits | {' | '.join(NAMES)} |\n|---|---|---|{'---|' * len(NAMES)}")
    for n in (500, 2_000):
        for proportion, excess in POPULATIONS:
            covered = bootstrap_coverage(n, proportion, excess, sets=arguments.sets, resamples=arguments.resamples)
            print(
                f"| {n:,} | {proportion:.0%} | × {excess} | " + " | ".join(f"{value:.3f}" for value in covered) + " |",
                flush=True,
            )


if __name__ == "__main__":
    main()
