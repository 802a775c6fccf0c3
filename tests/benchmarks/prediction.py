"""Speed of prediction compared with Keras and ONNX Runtime, in one run: `python tests/benchmarks/prediction.py`.

Three comparisons; the programs take turns, and medians over the rounds are printed:

  end to end    reviews per second from a JSON Lines file to labels in a file: this program, start-up included, with 1
                process and with one per core; keras.Model.predict with TextVectorization, in batches of 32 (Keras's
                default) and 256
  forward pass  word ids → probabilities: this program, and ONNX Runtime on the exported model, with 1 and with all
                cores; ONNX Runtime gets padded batches, in the order of the texts and sorted by length
  first text    seconds until `predict TEXT` is done, and of a script that loads the .keras file and predicts

Needs the extra `onnx`, onnxruntime, and a model without n-grams, which the peers could not read:
`lstmctl train --recipe readable` makes one.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the program itself does
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from lstmctl.config import DataConfig
from lstmctl.data.datasets import read_all
from lstmctl.interchange.onnx import to_onnx
from lstmctl.model.classifier import Classifier
from lstmctl.process import cores
from lstmctl.registry.artifact import ModelFolder
from lstmctl.registry.home import default_home
from lstmctl.registry.store import Registry
from lstmctl.scoring.pool import WorkerPool
from lstmctl.training.network import to_keras

KERAS_SCRIPT = """
import sys
import keras
from keras.layers import TextVectorization
model = keras.models.load_model(sys.argv[1])
words = open(sys.argv[2], encoding="utf-8").read().split("\\n")
vectorize = TextVectorization(vocabulary=words, standardize="lower_and_strip_punctuation")
print(float(model.predict(vectorize([sys.argv[3]]), verbose=0)[0, 0]))
"""


def timed(function: Callable[[], object]) -> float:
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def compare(title: str, unit: str, candidates: dict[str, Callable[[], object]], rounds: int, amount: int = 0) -> None:
    """Run all in turns and print the medians of `amount` per second, or of seconds."""
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, function in candidates.items():
            seconds[name].append(timed(function))
    print(f"\n{title} ({unit}; median of {rounds}, then all)")
    first = statistics.median(seconds[next(iter(candidates))])
    for name, values in seconds.items():
        middle = statistics.median(values)
        shown = [f"{amount / value:,.0f}" if amount else f"{value:.2f}" for value in (middle, *values)]
        print(f"  {name:<44} {shown[0]:>8}   × {middle / first:5.2f}   {' '.join(shown[1:])}", flush=True)


def end_to_end(folder: ModelFolder, path: Path, keras_path: Path, rounds: int, amount: int) -> None:
    import keras
    from keras.layers import TextVectorization

    classifier, words = folder.classifier(), folder.vocabulary().words
    model = keras.models.load_model(keras_path)
    vectorize = TextVectorization(
        vocabulary=list(words), standardize="lower_and_strip_punctuation", pad_to_max_tokens=False
    )
    labels = folder.card.config.labels

    def ours(jobs: int) -> None:
        command = [sys.executable, "-m", "lstmctl", "predict", "-m", str(folder.path), "-i", str(path), "-j", str(jobs)]
        with open(path.with_suffix(".tsv"), "wb") as output:
            subprocess.run(command, stdout=output, check=True)

    def theirs(batch: int) -> None:
        with open(path, encoding="utf-8") as lines, open(path.with_suffix(".keras.tsv"), "w") as output:
            texts = [json.loads(line)["text"] for line in lines]
            ids = np.asarray(vectorize(texts))[:, : classifier.config.max_len]
            for (probability,) in model.predict(ids, batch_size=batch, verbose=0):
                output.write(f"{labels[int(probability >= 0.5)]}\t{probability:.4f}\n")

    theirs(256)  # traces its functions
    compare(
        "end to end, start-up of lstmctl included, loading of Keras not",
        "reviews per second",
        {
            f"lstmctl predict, {cores()} processes": lambda: ours(cores()),
            "lstmctl predict, 1 process": lambda: ours(1),
            "Keras predict, batches of 32": lambda: theirs(32),
            "Keras predict, batches of 256": lambda: theirs(256),
        },
        rounds,
        amount,
    )


def forward_pass(folder: ModelFolder, texts: list[str], rounds: int) -> None:
    import onnxruntime

    classifier = folder.classifier()
    ids = [np.array(classifier.encode(text).ids, np.int32) for text in texts]
    onnx = to_onnx(folder)

    def session(threads: int) -> "onnxruntime.InferenceSession":
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        return onnxruntime.InferenceSession(onnx, options)

    def padded(ordered: list[np.ndarray], size: int) -> list[np.ndarray]:
        batches = []
        for start in range(0, len(ordered), size):
            part = ordered[start : start + size]
            batch = np.zeros((len(part), max(1, *map(len, part))), np.int64)
            for row, text in zip(batch, part, strict=True):
                row[: len(text)] = text
            batches.append(batch)
        return batches

    sessions = {threads: session(threads) for threads in {1, cores()}}
    in_order, sorted_ids = padded(ids, 32), padded(sorted(ids, key=len), 32)

    class ByIds(Classifier):
        """A classifier of word ids: only the forward pass, on the same worker processes."""

        def predict(self, texts, *, threshold=None):  # type: ignore[no-untyped-def,override]
            return self.probabilities(texts)

    by_ids = ByIds(folder.card.config, folder.vocabulary(), folder.weights())

    def ours(jobs: int) -> None:
        with WorkerPool[None, object](by_ids.predict, jobs=jobs) as pool:
            for text in ids:
                pool.put(None, text)
            list(pool.drain())

    def theirs(threads: int, batches: list[np.ndarray]) -> None:
        for batch in batches:
            sessions[threads].run(None, {"words": batch})

    candidates: dict[str, Callable[[], object]] = {}
    for threads in sorted({1, cores()}, reverse=True):
        candidates[f"lstmctl, {threads} core(s)"] = partial(ours, threads)
        candidates[f"ONNX Runtime, {threads} core(s), in order"] = lambda threads=threads: theirs(threads, in_order)
        candidates[f"ONNX Runtime, {threads} core(s), sorted"] = lambda threads=threads: theirs(threads, sorted_ids)
    compare("forward pass, batches of 32 for ONNX Runtime", "reviews per second", candidates, rounds, len(ids))


def first_text(folder: ModelFolder, keras_path: Path, words: Path, rounds: int) -> None:
    def run(*command: str) -> Callable[[], object]:
        return lambda: subprocess.run([sys.executable, *command], check=True, capture_output=True)

    text = "a great movie"
    compare(
        "first text",
        "seconds",
        {
            "lstmctl predict TEXT": run("-m", "lstmctl", "predict", "-m", str(folder.path), text),
            "a Keras script": run("-c", KERAS_SCRIPT, str(keras_path), str(words), text),
        },
        rounds,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--texts", type=int, default=20_000, help="reviews of the data set imdb, repeated if necessary")
    parser.add_argument("--model", help="one without n-grams; default: the newest")
    arguments = parser.parse_args()
    home = default_home(None, os.environ)
    folder = Registry(home).resolve(arguments.model)
    if folder.card.config.ngram_order:
        parser.error(f"{folder.reference} has n-grams, which the peers do not read: lstmctl train --recipe readable")
    examples, *_ = read_all(DataConfig(source="imdb"), home=home)
    texts = [examples[number % len(examples)].text for number in range(arguments.texts)]
    classifier = folder.classifier()
    words = sum(len(classifier.encode(text).ids) for text in texts) / len(texts)
    print(f"{folder.reference}, {len(texts):,} reviews, {words:.0f} words read per review, {cores()} cores")
    with tempfile.TemporaryDirectory() as temporary:
        path, keras_path, vocabulary = (Path(temporary, name) for name in ("texts.jsonl", "model.keras", "words.txt"))
        path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
        keras_path.write_bytes(to_keras(folder))
        vocabulary.write_text("\n".join(folder.vocabulary().words), encoding="utf-8")
        first_text(folder, keras_path, vocabulary, arguments.runs)
        forward_pass(folder, texts, arguments.runs)
        end_to_end(folder, path, keras_path, arguments.runs, len(texts))


if __name__ == "__main__":
    main()
