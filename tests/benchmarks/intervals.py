"""How often the intervals of `evaluate` hold what they promise: `python tests/benchmarks/intervals.py`.

Wilson's is computed exactly: over all outcomes of n texts, how likely it is that the interval contains the truth. The
bootstrap's is simulated: test sets are drawn from a world whose true metrics are known from two million texts, with as
many texts of each label as the world has.
"""

import argparse

import numpy as np
import scipy.stats

from lstmctl.evaluation import intervals
from lstmctl.evaluation.intervals import wilson
from lstmctl.evaluation.report import _Weighted
from lstmctl.model.classifier import predicted_labels

NAMES = ("balanced_accuracy", "f1_macro", "log_loss", "ece", "auc")
# Share of the positive label, and by how much the logits are too large: well calibrated would be 1.
WORLDS = ((0.5, 1.6), (0.2, 1.6), (0.2, 0.6))


def wilson_coverage(n: int, share: float) -> float:
    successes = np.arange(n + 1)
    intervals = [wilson(int(count), n) for count in successes]
    holds = np.array([interval.low <= share <= interval.high for interval in intervals])
    return float(scipy.stats.binom.pmf(successes, n, share) @ holds)


def world(generator: np.random.Generator, n: int, share: float, excess: float) -> tuple[np.ndarray, np.ndarray]:
    """Truth (n,) and probabilities (n, 2) of texts whose true log odds are known, and overstated."""
    truth = (np.arange(n) < round(n * share)).astype(int)
    score = generator.normal(np.where(truth == 1, 1, -1), 1)
    positive = 1 / (1 + np.exp(-excess * (2 * score + np.log(share / (1 - share)))))
    return truth, np.stack([1 - positive, positive], axis=1)


def measured(truth: np.ndarray, probabilities: np.ndarray) -> _Weighted:
    return _Weighted(probabilities, predicted_labels(probabilities), truth, labels=2, auc=True)


def bootstrap_coverage(n: int, share: float, excess: float, *, sets: int, resamples: int) -> np.ndarray:
    generator = np.random.default_rng(0)
    truth, probabilities = world(generator, 2_000_000, share, excess)
    true = measured(truth, probabilities)(np.ones(truth.size))[: len(NAMES)]
    held = np.zeros(len(NAMES))
    for number in range(sets):
        truth, probabilities = world(generator, n, share, excess)
        weighted = measured(truth, probabilities)
        found = intervals.bootstrap_intervals(
            lambda weights, weighted=weighted: weighted(weights)[: len(NAMES)],
            truth,
            biased=np.array([name == "ece" for name in NAMES]),
            resamples=resamples,
            seed=number,
        )
        held += [
            interval is not None and interval.low <= value <= interval.high
            for interval, value in zip(found, true, strict=True)
        ]
    return held / sets


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=1_000)
    parser.add_argument("--resamples", type=int, default=500)
    arguments = parser.parse_args()
    print("Wilson, exact coverage of the 95 % interval\n\n| n | p = 0.5 | 0.9 | 0.99 |\n|---|---|---|---|")
    for n in (50, 500, 5_000):
        print(f"| {n:,} | " + " | ".join(f"{wilson_coverage(n, share):.3f}" for share in (0.5, 0.9, 0.99)) + " |")
    print(f"\nstratified bootstrap, {arguments.sets:,} sets, {arguments.resamples:,} drawn sets each\n")
    print(f"| n | positive | logits | {' | '.join(NAMES)} |\n|---|---|---|{'---|' * len(NAMES)}")
    for n in (500, 2_000):
        for share, excess in WORLDS:
            held = bootstrap_coverage(n, share, excess, sets=arguments.sets, resamples=arguments.resamples)
            print(
                f"| {n:,} | {share:.0%} | × {excess} | " + " | ".join(f"{value:.3f}" for value in held) + " |",
                flush=True,
            )


if __name__ == "__main__":
    main()
