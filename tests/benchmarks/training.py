"""Time to train the post's model for three epochs: the post's Keras script, PyTorch, and this program.

    pip install torch                        (the only requirement that the project does not install)
    python tests/benchmarks/training.py --runs 3

All three have the same 18,000 training and 4,500 validation reviews of `imdb`, as the same word ids, and train for
three epochs. Seconds are counted from the moment the library is loaded and the ids are there, and include building,
tracing and validation. Each contender runs in its own process; rounds are interleaved, each with another seed.

  keras    layers, compile and fit as in the post: padded in front to 500 words, validation data passed to fit
  torch    the same model: nn.LSTM over the same batches by length, last state selected, dropout as in Keras
  lstmctl  `train` with everything it does: progress, checkpoints, comparison with Keras, test part

Prints a table in Markdown, then accuracies on the 2,500 test reviews with the paired difference from Keras.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

CONTENDERS = ("keras", "torch", "lstmctl")
EPOCHS, BATCH, LONGEST = 3, 32, 500


def prepared():
    """The plan of the recipe `readable`: ids, labels, vocabulary."""
    from lstmctl import recipes
    from lstmctl.config import DataConfig
    from lstmctl.data.datasets import load
    from lstmctl.training.prepare import prepare

    data = load(DataConfig(), home=Path("/nowhere"))
    return prepare(data, recipes.resolve("readable", {"epochs": EPOCHS}), labels=data.labels, home=Path("/nowhere"))


def train_keras(plan, seed):
    os.environ["KERAS_BACKEND"], os.environ["TF_CPP_MIN_LOG_LEVEL"] = "tensorflow", "3"
    import keras

    started = time.perf_counter()
    keras.utils.set_random_seed(seed)
    parts = [keras.utils.pad_sequences(part.ids, maxlen=LONGEST) for part in (plan.train, plan.validation, plan.test)]
    model = keras.Sequential(
        [
            keras.layers.Embedding(plan.model.vocab_size, 32),
            keras.layers.LSTM(32, dropout=0.2),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.RMSprop(learning_rate=0.001), loss="binary_crossentropy", metrics=["acc"])
    model.fit(
        parts[0],
        plan.train.truth,
        batch_size=BATCH,
        epochs=EPOCHS,
        validation_data=(parts[1], plan.validation.truth),
        verbose=0,
    )
    seconds = time.perf_counter() - started
    return seconds, model.predict(parts[2], batch_size=256, verbose=0)[:, 0]


def train_torch(plan, seed):
    import torch

    from lstmctl.training.steps import batch_order

    started = time.perf_counter()
    torch.manual_seed(seed)
    embedding, lstm, head = torch.nn.Embedding(plan.model.vocab_size, 32), torch.nn.LSTM(32, 32), torch.nn.Linear(32, 1)
    parameters = [*embedding.parameters(), *lstm.parameters(), *head.parameters()]
    optimizer = torch.optim.RMSprop(parameters, lr=0.001, alpha=0.9, eps=1e-7)
    loss_of = torch.nn.BCEWithLogitsLoss()

    def logits(texts, *, training):
        lengths = torch.tensor([text.size for text in texts])
        words = np.zeros((max(1, int(lengths.max())), len(texts)), np.int64)
        for column, text in enumerate(texts):
            words[: text.size, column] = text
        embedded = embedding(torch.from_numpy(words))
        if training:
            embedded = embedded * torch.nn.functional.dropout(torch.ones(1, len(texts), 32), 0.2)
        states, _ = lstm(embedded)
        return head(states[(lengths - 1).clamp(min=0), torch.arange(len(texts))])[:, 0]

    def predict(texts):
        by_length = np.argsort([text.size for text in texts])
        result = np.empty(len(texts))
        with torch.no_grad():
            for start in range(0, len(texts), 256):
                batch = by_length[start : start + 256]
                result[batch] = torch.sigmoid(logits([texts[n] for n in batch], training=False)).numpy()
        return result

    lengths = np.array([text.size for text in plan.train.ids])
    for epoch in range(1, EPOCHS + 1):
        for batch in batch_order(lengths, batch_size=BATCH, seed=seed, epoch=epoch):
            optimizer.zero_grad()
            truth = torch.from_numpy(plan.train.truth[batch].astype(np.float32))
            loss_of(logits([plan.train.ids[n] for n in batch], training=True), truth).backward()
            optimizer.step()
        predict(plan.validation.ids)
    seconds = time.perf_counter() - started
    return seconds, predict(plan.test.ids)


def train_lstmctl(plan, seed):
    from dataclasses import replace

    from lstmctl.registry.store import Registry
    from lstmctl.training.framework import BackgroundImport

    BackgroundImport().wait()
    from lstmctl.training.job import Watcher, train
    from lstmctl.training.request import new_request

    plan = replace(plan, training=replace(plan.training, seed=seed))
    with tempfile.TemporaryDirectory() as home:
        started = time.perf_counter()
        trained = train(plan, new_request(name="imdb"), Registry(Path(home)), watcher=Watcher())
        seconds = time.perf_counter() - started
        classifier = Registry(Path(home)).resolve(trained.reference).classifier()
        return seconds, classifier.probabilities(plan.test.ids)[:, 1]


def contend(name, seed):
    """One contender, in this process: seconds, correct predictions on the test part, peak memory."""
    import resource

    plan = prepared()
    contender = {"keras": train_keras, "torch": train_torch, "lstmctl": train_lstmctl}[name]
    if name == "torch":
        import torch  # noqa: F401 - loading is not counted
    if name == "keras":
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
        import keras  # noqa: F401
    seconds, probabilities = contender(plan, seed)
    correct = ((probabilities >= 0.5) == plan.test.truth).astype(int).tolist()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(json.dumps({"seconds": seconds, "correct": correct, "memory": memory}))


def ratio(results, other, name):
    """Median over the rounds of the other's seconds divided by these; empty if it did not run."""
    pairs = zip(results.get(other, ()), results[name], strict=False)
    ratios = [theirs["seconds"] / ours["seconds"] for theirs, ours in pairs]
    return f"{statistics.median(ratios):.2f}" if ratios else ""


def report(results):
    print("\n| | seconds, each run | median | keras / it | torch / it | peak memory | test accuracy, each run |")
    print("|---|---|---|---|---|---|---|")
    for name, runs in results.items():
        seconds = [run["seconds"] for run in runs]
        cells = [
            name,
            " ".join(f"{second:.1f}" for second in seconds),
            f"{statistics.median(seconds):.1f}",
            ratio(results, "keras", name),
            ratio(results, "torch", name),
            f"{max(run['memory'] for run in runs) / 1e9:.2f} GB",
            " ".join(f"{np.mean(run['correct']):.4f}" for run in runs),
        ]
        print(f"| {' | '.join(cells)} |")
    if {"keras", "lstmctl"} <= set(results):
        ours, theirs = (np.mean([run["correct"] for run in results[name]], axis=0) for name in ("lstmctl", "keras"))
        difference = ours - theirs
        half = 1.96 * difference.std(ddof=1) / np.sqrt(difference.size)
        print(f"\naccuracy of lstmctl minus keras, paired over {difference.size} texts: ", end="")
        print(f"{difference.mean():+.4f} ({difference.mean() - half:+.4f} to {difference.mean() + half:+.4f})")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--only", choices=CONTENDERS, action="append")
    arguments.add_argument("--contender", choices=CONTENDERS, help=argparse.SUPPRESS)
    arguments.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    if chosen.contender:
        contend(chosen.contender, chosen.seed)
        return
    names = chosen.only or CONTENDERS
    results = {name: [] for name in names}
    for run in range(chosen.runs):
        for name in names:
            command = [sys.executable, __file__, "--contender", name, "--seed", str(run)]
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
            results[name].append(json.loads(done.stdout.splitlines()[-1]))
            print(f"{name} seed {run}: {results[name][-1]['seconds']:.1f} s", file=sys.stderr, flush=True)
    report(results)


if __name__ == "__main__":
    main()
