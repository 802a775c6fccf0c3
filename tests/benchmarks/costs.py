"""What predictions cost with several models, in processor time: `python tests/benchmarks/costs.py imdb@1 imdb@2`.

The 12,500 negative IMDB reviews, which come with the program, are predicted by `lstmctl predict -i FILE`, start-up and
both processes included. The models take turns; medians over the rounds, and of the ratios to the first model.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from lstmctl.config import DataConfig
from lstmctl.data.datasets import read_all
from lstmctl.registry.home import default_home


def used(model: str, path: Path) -> float:
    """Processor seconds of a prediction."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "lstmctl", "predict", "-m", model, "-i", str(path)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "reviews.jsonl"
        examples, *_ = read_all(DataConfig(source="imdb"), home=default_home(None, os.environ))
        texts = [example.text for example in examples if example.label == "neg"]
        path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
        rounds = [[used(model, path) for model in arguments.models] for _ in range(arguments.rounds)]
    print(f"| model | processor seconds for {len(texts):,} reviews | ratio |\n|---|---|---|")
    for number, model in enumerate(arguments.models):
        seconds = statistics.median(each[number] for each in rounds)
        ratio = statistics.median(each[number] / each[0] for each in rounds)
        print(f"| {model} | {seconds:.1f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
