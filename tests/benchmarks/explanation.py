"""The cost of `predict --explain`: `python tests/benchmarks/explanation.py`, with a model in the registry.

Compares `predict --explain TEXT` with `predict TEXT` for a sentence of 16 words and a review of 500 words: whole
processes in turns, medians.
"""

import argparse
import statistics
import subprocess
import sys
import time

SENTENCE = "the acting was dull and the jokes were old but the ending is truly wonderful indeed"
REVIEW = " ".join((SENTENCE.split() * 40)[:500])


def seconds(*arguments: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "lstmctl", "predict", *arguments], check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("-m", "--model")
    arguments = parser.parse_args()
    model = ["-m", arguments.model] if arguments.model else []
    times: dict[str, list[float]] = {}
    for _ in range(arguments.runs):
        for name, call in {
            "predict, 16 words": [SENTENCE],
            "predict --explain, 16 words": ["--explain", SENTENCE],
            "predict, 500 words": [REVIEW],
            "predict --explain, 500 words": ["--explain", REVIEW],
        }.items():
            times.setdefault(name, []).append(seconds(*model, *call))
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, median in medians.items():
        print(f"{name:<30} {median:.3f} s   × {median / medians['predict, 16 words']:.2f}")


if __name__ == "__main__":
    main()
