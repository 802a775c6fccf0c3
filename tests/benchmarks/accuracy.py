"""How accurate the recipes are beside what else reads texts on a CPU, on the same rows.

    pip install floret           (fastText's own trainer, kept up; the only thing that the project does not bring)
    python tests/benchmarks/accuracy.py --data rotten-tomatoes --rows 1000 2000 5000 --seeds 3
    python tests/benchmarks/accuracy.py --data imdb --recipes standard accurate --seeds 2 --splits 3 --unlabelled FILE

With --rows, each seed draws so many texts of the data for training and validation, which `train` divides as ever, and
measures on up to 3,500 others. Without, the data is divided as `train` divides it, in as many ways as --splits, and
the seed is that of training. "Both" are validation and test part together: more texts to tell by, though the former
chose the epoch.
--rare SHARE thins the second of two labels to that share; --cross adds rows of other data, whose labels are told apart:
`rotten-tomatoes` with `--cross imdb` has four classes.

The peers learn from the training part, as the LSTM does; what the LSTM does with its validation part, choose an epoch
and calibrate, they have no use for. Their settings are those that are usual, not chosen on these data:

  naive Bayes       counts, add-one smoothing: the floor that `train` prints
  TF-IDF + LR       words and pairs, sublinear, logistic regression with C = 1, scikit-learn
  NB-SVM            words, pairs and triples that are there, times their log-count ratios, a linear SVM with C = 0.1
                    mixed with its mean weight, 0.25; Wang and Manning (2012); one against the rest for more labels
  fastText          floret.train_supervised, 10 epochs, pairs of words, 50 numbers

Prints, for each contender, mean and spread over the seeds of accuracy, mean F1, and seconds.
"""

import argparse
import itertools
import json
import math
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lstmctl.config import DataConfig
from lstmctl.data.datasets import load
from lstmctl.evaluation.metrics import confusion, f1_macro
from lstmctl.model.text import tokenize
from lstmctl.registry.listing import resolve_model

MOST_TESTED = 3_500
PEERS = ("TF-IDF + LR", "NB-SVM", "fastText")


def everything(source):
    """(text, label) of all rows of a named data set."""
    data = load(DataConfig(source=source), home=Path("/nowhere"))
    return [(example.text, example.label) for part in (data.train, data.validation, data.test) for example in part]


def rows_of(arguments, seed):
    """Training and test rows of a seed, with --rows."""
    rows = everything(arguments.data)
    generator = random.Random(seed)
    generator.shuffle(rows)
    if arguments.cross:
        # Their last 25 words, so that it is not the length that tells.
        others = [(" ".join(text.split()[-25:]), label) for text, label in everything(arguments.cross)]
        generator.shuffle(others)
        half = min(len(rows), len(others))
        rows = [(text, f"{arguments.data}-{label}") for text, label in rows[:half]]
        rows += [(text, f"{arguments.cross}-{label}") for text, label in others[:half]]
        generator.shuffle(rows)
    if arguments.rare:
        first, second = sorted({label for _, label in rows})
        kept = round(sum(label == first for _, label in rows) * arguments.rare / (1 - arguments.rare))
        rare = [row for row in rows if row[1] == second][:kept]
        rows = [row for row in rows if row[1] == first] + rare
        generator.shuffle(rows)
    return rows[: arguments.size], rows[arguments.size : arguments.size + MOST_TESTED]


def write(path, rows):
    path.write_text("".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in rows))


class Reached(NamedTuple):
    """One contender's figures, with one seed and one division of the data."""

    test: float  # accuracy
    f1: float  # mean F1 in the test part
    validation: float  # accuracy
    both: float  # of the texts of both parts
    seconds: float

    @classmethod
    def of(cls, validation, test, rows, *, f1, seconds):
        """From the accuracy in either part, and how many rows they have."""
        return cls(test, f1, validation, (validation * rows[0] + test * rows[1]) / sum(rows), seconds)


def trained(options, *, home):
    """Of `lstmctl train` with these options: what was reached, what naive Bayes reached."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "lstmctl", "--home", home, "--quiet", "train", *options]
    reference = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout.strip()
    seconds = time.perf_counter() - started
    folder = resolve_model(Path(home), reference)
    measured, floors = folder.metrics()["test"]["metrics"], folder.metrics()["baselines"]
    validated = folder.history()[folder.card.epoch - 1].val_accuracy
    rows = folder.card.rows["validation"], folder.card.rows["test"]
    bayes, f1 = floors["naive_bayes"], floors["naive_bayes_f1"]["test"]
    return (
        Reached.of(validated, measured["accuracy"]["value"], rows, f1=measured["f1_macro"]["value"], seconds=seconds),
        Reached.of(bayes["validation"], bayes["test"], rows, f1=f1, seconds=math.nan),
    )


def vectorized(kind, train, test):
    """Sparse features of the texts of both parts."""
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

    settings = {"tokenizer": tokenize, "token_pattern": None, "lowercase": False}
    if kind == "TF-IDF + LR":
        vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2, **settings)
    else:
        vectorizer = CountVectorizer(ngram_range=(1, 3), binary=True, **settings)
    return vectorizer.fit_transform(train), vectorizer.transform(test)


def nb_svm(train, truth, test, *, labels):
    from sklearn.svm import LinearSVC

    scores = []
    for label in range(labels) if labels > 2 else (1,):
        ours = truth == label
        counts = [np.asarray(train[part].sum(axis=0)).ravel() + 1 for part in (ours, ~ours)]
        ratio = np.log(counts[0] / counts[0].sum()) - np.log(counts[1] / counts[1].sum())
        svm = LinearSVC(C=0.1).fit(train.multiply(ratio).tocsr(), ours)
        weights = svm.coef_[0]
        mixed = 0.75 * np.abs(weights).mean() + 0.25 * weights
        scores.append(test.multiply(ratio).tocsr() @ mixed + svm.intercept_[0])
    return np.argmax(scores, axis=0) if labels > 2 else (scores[0] > 0).astype(int)


def fasttext(train, truth, test, *, seed):
    import floret

    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        for text, label in zip(train, truth, strict=True):
            file.write(f"__label__{label} {' '.join(tokenize(text))}\n")
        file.flush()
        model = floret.train_supervised(
            file.name, epoch=10, wordNgrams=2, dim=50, lr=0.5, thread=1, seed=seed, bucket=500_000, verbose=0
        )
    # Below its `predict`, which does not go with NumPy 2.
    answers = [model.f.predict(" ".join(tokenize(text)) + "\n", 1, 0.0, "strict") for text in test]
    return np.array([int(answer[0][1].removeprefix("__label__")) if answer else 0 for answer in answers])


def asked(peer, data, *, seed):
    """What a peer reaches in the validation and test part, learned from the training part."""
    started = time.perf_counter()
    place = {label: number for number, label in enumerate(data.labels)}
    train, others = ([example.text for example in part] for part in (data.train, data.validation + data.test))
    truth = np.array([place[example.label] for example in data.train])
    if peer == "fastText":
        answers = fasttext(train, truth, others, seed=seed)
    else:
        features = vectorized(peer, train, others)
        if peer == "NB-SVM":
            answers = nb_svm(features[0], truth, features[1], labels=len(place))
        else:
            from sklearn.linear_model import LogisticRegression

            answers = LogisticRegression(max_iter=1_000).fit(features[0], truth).predict(features[1])
    seconds = time.perf_counter() - started
    expected = np.array([place[example.label] for example in data.validation + data.test])
    validated = len(data.validation)
    f1 = f1_macro(confusion(expected[validated:], answers[validated:], labels=len(place)))
    right = answers == expected
    parts = right[:validated].mean(), right[validated:].mean()
    return Reached.of(*parts, (validated, len(data.test)), f1=f1, seconds=seconds)


def measure(arguments, folder):
    """Contender → what it reached with each seed."""
    found = {}
    for split, seed in itertools.product(range(1 if arguments.size else arguments.splits), range(arguments.seeds)):
        config = DataConfig(source=arguments.data, split_seed=split)
        options = ["--data", arguments.data, "--split-seed", str(split)]
        if arguments.size:
            paths = [folder / f"{part}-{arguments.size}-{seed}.jsonl" for part in ("train", "test")]
            for path, rows in zip(paths, rows_of(arguments, seed), strict=True):
                write(path, rows)
            config = DataConfig(source=str(paths[0]), test_source=str(paths[1]))
            options = ["--data", str(paths[0]), "--test-data", str(paths[1])]
        for recipe in arguments.recipes:
            kinds = [(recipe, [])]
            if arguments.class_weight:
                kinds.append((f"{recipe}, --class-weight balanced", ["--class-weight", "balanced"]))
            if arguments.unlabelled:
                kinds.append((f"{recipe}, --unlabelled", ["--unlabelled", arguments.unlabelled]))
            for name, more in kinds:
                said = [*options, "--recipe", recipe, "--seed", str(seed), "--name", "m", *more]
                reached, bayes = trained(said, home=str(folder / "home"))
                print(f"  {name}, split {split}, seed {seed}: {reached}", file=sys.stderr, flush=True)
                found.setdefault(name, []).append(reached)
        found.setdefault("naive Bayes", []).append(bayes)
        if arguments.peers and (arguments.size or seed == 0):
            data = load(config, home=Path("/nowhere"))
            for peer in PEERS:
                found.setdefault(peer, []).append(asked(peer, data, seed=seed))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="rotten-tomatoes")
    parser.add_argument("--rows", type=int, nargs="*", default=[0])
    parser.add_argument("--cross")
    parser.add_argument("--rare", type=float)
    parser.add_argument("--recipes", nargs="*", default=["standard"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--splits", type=int, default=1, help="divisions of the data, without --rows")
    parser.add_argument("--unlabelled")
    parser.add_argument("--class-weight", action="store_true", help="also with balanced class weights")
    parser.add_argument("--no-peers", dest="peers", action="store_false")
    arguments = parser.parse_args()
    print("| texts | contender | accuracy | mean F1 | in validation | both | seconds |\n|---|---|---|---|---|---|---|")
    for size in arguments.rows:
        arguments.size = size
        with tempfile.TemporaryDirectory() as folder:
            found = measure(arguments, Path(folder))
        for name, reached in found.items():
            *shares, seconds = zip(*reached, strict=True)
            cells = [f"{statistics.mean(each):.4f} ±{np.std(each):.4f}" for each in shares]
            texts = f"{size:,}" if size else "all"
            print(f"| {texts} | {name} | {' | '.join(cells)} | {statistics.median(seconds):.0f} |", flush=True)


if __name__ == "__main__":
    main()
