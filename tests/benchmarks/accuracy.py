"""How accurate the recipes are beside what else reads texts on a CPU, on the same rows.

    pip install floret           (fastText's own trainer, kept up; the only thing that the project does not bring)
    python tests/benchmarks/datasets.py DATA
    python tests/benchmarks/accuracy.py --data rotten-tomatoes --rows 1000 2000 5000 --draws 5 --log LOG
    python tests/benchmarks/accuracy.py --file DATA/*.jsonl --rows 1000 --only-peers --log PEERS
    python tests/benchmarks/accuracy.py --file DATA/*.jsonl --rows 1000 --recipes standard --peers-from PEERS
    python tests/benchmarks/accuracy.py --data imdb --splits 3 --unlabelled FILE

With --rows, each draw takes so many rows at random for `train`, which divides them into training and validation part,
and up to 3,500 others to measure on. Labels with fewer than 5 rows in a draw are left out, and others drawn instead.
The peers (see peers.py) learn from all the rows that `train` is given, and are tuned by cross-validation on them.

Without --rows, the data are divided as `train` divides them, in as many ways as --splits; the draws are then seeds of
training. The peers learn from the training part; "both" is the accuracy in validation and test part together: more
texts to tell by, though the former chose the epoch of the LSTM.

--rare SHARE thins the second of two labels to that share, and also has the peers tuned for F1; --cross adds rows of
other data, whose labels are told apart: `rotten-tomatoes` with `--cross imdb` has four classes.

The figures are means and standard deviations over the draws; seconds are medians, for the peers with their tuning.
--log appends a line of JSON for each model and draw. --peers-from LOG takes peers from there if they were measured on
the same rows; --table LOG ... measures nothing and only prints what logs contain.
"""

import argparse
import hashlib
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from peers import PEERS, tune_and_predict
from sklearn.metrics import accuracy_score, f1_score

MOST_TESTED = 3_500
LEAST_OF_LABEL = 5
Rows = list[tuple[str, str]]
Entry = dict[str, Any]  # a line of the log


@cache
def all_rows(source: str) -> Rows:
    """(text, label) of all rows of named data or of a file as `datasets.py` writes it."""
    if source.endswith(".jsonl"):
        with open(source, encoding="utf-8") as file:
            return [(row["text"], row["label"]) for row in map(json.loads, file)]
    return [row for part in parts_of(source, split=0) for row in part]


def parts_of(source: str, *, split: int) -> tuple[Rows, Rows, Rows]:
    """Training, validation and test part as `train` divides the data."""
    from lstmctl.config import DataConfig
    from lstmctl.data.datasets import load

    data = load(DataConfig(source=source, split_seed=split), home=Path("/nowhere"))
    train, validation, test = (
        [(row.text, row.label) for row in part] for part in (data.train, data.validation, data.test)
    )
    return train, validation, test


class Drawn(NamedTuple):
    """The rows of one draw, and what `train` is told to use them."""

    key: Entry  # which data, how many rows, which draw
    learn: Rows  # what peers learn from
    validation: Rows  # empty with --rows
    test: Rows
    options: list[str]

    @property
    def described(self) -> Entry:
        """For the log. Of equal rows the hash is equal."""
        hashed = hashlib.sha256(json.dumps([self.learn, self.validation, self.test]).encode()).hexdigest()[:12]
        labels = len({label for _, label in self.learn})
        return {**self.key, "tested": len(self.test), "labels": labels, "hash": hashed}


def draw(rows: Rows, size: int, generator: random.Random, arguments: argparse.Namespace) -> tuple[Rows, Rows]:
    """`size` rows to learn from and others to measure on, each with the same labels."""
    rows = list(rows)
    generator.shuffle(rows)
    if arguments.cross:
        # Their last 25 words, so that it is not the length that tells.
        others = [(" ".join(text.split()[-25:]), label) for text, label in all_rows(arguments.cross)]
        generator.shuffle(others)
        half = min(len(rows), len(others))
        rows = [(text, f"first-{label}") for text, label in rows[:half]]
        rows += [(text, f"{arguments.cross}-{label}") for text, label in others[:half]]
        generator.shuffle(rows)
    if arguments.rare:
        first, second = sorted({label for _, label in rows})
        kept = round(sum(label == first for _, label in rows) * arguments.rare / (1 - arguments.rare))
        rare = [row for row in rows if row[1] == second][:kept]
        rows = [row for row in rows if row[1] == first] + rare
        generator.shuffle(rows)
    while True:
        learn, test = rows[:size], rows[size : size + MOST_TESTED]
        counts = Counter(label for _, label in learn)
        usable = {label for _, label in test if counts[label] >= LEAST_OF_LABEL}
        if all(label in usable for _, label in learn + test):
            return learn, test
        rows = [row for row in rows if row[1] in usable]


def draws(source: str, size: int, arguments: argparse.Namespace, folder: Path) -> Iterator[Drawn]:
    """The draws from some data: of `size` rows, or of all."""
    name = Path(source).name.removesuffix(".jsonl")
    seeds = range(arguments.seed_base, arguments.seed_base + arguments.draws)
    if not size:
        for split in range(arguments.splits):
            parts = parts_of(source, split=split)
            for seed in seeds:
                key = {"data": name, "rows": 0, "draw": seed, "split": split}
                yield Drawn(key, *parts, ["--data", source, "--split-seed", str(split), "--seed", str(seed)])
        return
    name += f" x {arguments.cross}" if arguments.cross else ""
    name += f", {arguments.rare:.0%} rare" if arguments.rare else ""
    rows = all_rows(source)
    if len(rows) < size * 1.1:
        print(f"{name} has {len(rows):,} rows: too few for {size:,}", file=sys.stderr)
        return
    for seed in seeds:
        learn, test = draw(rows, size, random.Random(seed), arguments)
        paths = [folder / f"{part}.jsonl" for part in ("train", "test")]
        for path, part in zip(paths, (learn, test), strict=True):
            path.write_text("".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in part))
        options = ["--data", str(paths[0]), "--test-data", str(paths[1]), "--seed", str(seed)]
        yield Drawn({"data": name, "rows": size, "draw": seed}, learn, [], test, options)


def run_train(drawn: Drawn, options: list[str], *, home: str) -> Entry:
    """Of `lstmctl train` with these options, in a process of its own."""
    from lstmctl.registry.listing import resolve_model

    started = time.perf_counter()
    command = [sys.executable, "-m", "lstmctl", "--home", home, "--quiet", "train", *drawn.options, *options]
    reference = subprocess.run([*command, "--name", "m"], check=True, text=True, stdout=subprocess.PIPE).stdout.strip()
    seconds = time.perf_counter() - started
    folder = resolve_model(Path(home), reference)
    measured = folder.metrics()["test"]["metrics"]
    entry = {"accuracy": measured["accuracy"]["value"], "f1": measured["f1_macro"]["value"], "seconds": seconds}
    if drawn.validation:
        validated, rows = folder.history()[folder.card.epoch - 1].val_accuracy, len(drawn.validation)
        right = validated * rows + entry["accuracy"] * len(drawn.test)
        entry["both"] = right / (rows + len(drawn.test))
    return entry


def run_peer(peer: str, drawn: Drawn, *, tune_for: str) -> Entry:
    started = time.perf_counter()
    rows = drawn.validation + drawn.test
    predicted = tune_and_predict(
        peer, drawn.learn, [text for text, _ in rows], seed=drawn.key["draw"], tune_for=tune_for
    )
    seconds = time.perf_counter() - started
    truth, found = [label for _, label in rows], predicted.labels
    first = len(drawn.validation)
    entry = {
        "accuracy": accuracy_score(truth[first:], found[first:]),
        "settings": predicted.setting,
        "seconds": seconds,
    }
    entry["f1"] = f1_score(truth[first:], found[first:], average="macro", zero_division=0)
    if drawn.validation:
        entry["both"] = accuracy_score(truth, found)
    return entry


def measure(drawn: Drawn, arguments: argparse.Namespace, known: list[Entry], home: str) -> Iterator[Entry]:
    """All models on the rows of a draw."""
    described = drawn.described
    if not arguments.only_peers:
        variants = {"": []}
        if arguments.class_weight:
            variants[", --class-weight balanced"] = ["--class-weight", "balanced"]
        if arguments.unlabelled:
            variants[", --unlabelled"] = ["--unlabelled", arguments.unlabelled]
        for recipe in arguments.recipes:
            for suffix, more in variants.items():
                entry = run_train(drawn, ["--recipe", recipe, *more], home=home)
                yield {**described, "model": recipe + suffix, **entry}
    for tune_for in ("accuracy", "f1") if arguments.rare else ("accuracy",):
        for peer in arguments.peers:
            name = peer + (", for F1" if tune_for == "f1" else "")
            wanted = {**described, "model": name}
            if "split" in wanted:
                wanted["draw"] = arguments.seed_base  # a peer has no seed of training: once for each split
                if drawn.key["draw"] != arguments.seed_base:
                    continue
            found = [entry for entry in known if wanted.items() <= entry.items()]
            yield found[-1] if found else {**wanted, **run_peer(peer, drawn, tune_for=tune_for)}


def table(entries: Iterable[Entry]) -> list[str]:
    """Rows of Markdown: each model on each data, over the draws. What was measured twice counts as measured last."""
    keys = ("data", "rows", "model", "split", "draw")
    groups: dict[tuple[str, int, str], list[Entry]] = {}
    for entry in {tuple(map(entry.get, keys)): entry for entry in entries}.values():
        groups.setdefault((entry["data"], entry["rows"], entry["model"]), []).append(entry)
    rows = []
    for (data, size, model), group in groups.items():
        cells = [data, f"{size:,}" if size else "all", str(group[0]["labels"]), model]
        for measure in ("accuracy", "f1", "both"):
            values = [entry[measure] for entry in group if measure in entry]
            deviation = statistics.stdev(values) if len(values) > 1 else 0
            cells.append(f"{statistics.mean(values):.4f} ±{deviation:.4f}" if values else "")
        cells += [f"{statistics.median(entry['seconds'] for entry in group):.0f}", str(len(group))]
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def read_log(path: str) -> list[Entry]:
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="*", default=[], help="named data (rotten-tomatoes)")
    parser.add_argument("--file", nargs="*", default=[], help="files of JSON Lines, with text and label")
    parser.add_argument("--rows", type=int, nargs="*", default=[0])
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--seed-base", type=int, default=0, help="the first draw; the others follow")
    parser.add_argument("--splits", type=int, default=1, help="divisions of the data, without --rows")
    parser.add_argument("--cross", help="more data, whose labels are told apart")
    parser.add_argument("--rare", type=float, help="share of the second of two labels")
    parser.add_argument("--recipes", nargs="*", default=["standard"])
    parser.add_argument("--unlabelled", help="also with this file of unlabelled texts")
    parser.add_argument("--class-weight", action="store_true", help="also with balanced class weights")
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=list(PEERS), metavar="PEER")
    parser.add_argument("--no-peers", dest="peers", action="store_const", const=[])
    parser.add_argument("--only-peers", action="store_true")
    parser.add_argument("--peers-from", metavar="LOG")
    parser.add_argument("--log", type=Path)
    parser.add_argument("--table", nargs="*", metavar="LOG", help="only print these logs")
    arguments = parser.parse_args()
    print("| data | rows | classes | model | accuracy | macro F1 | both | seconds | draws |")
    print("|---|---|---|---|---|---|---|---|---|")
    if arguments.table is not None:
        print("\n".join(table(entry for path in arguments.table for entry in read_log(path))))
        return
    known = read_log(arguments.peers_from) if arguments.peers_from else []
    for source in [*arguments.data, *arguments.file] or ["rotten-tomatoes"]:
        for size in arguments.rows:
            entries = []
            with tempfile.TemporaryDirectory() as folder:
                for drawn in draws(source, size, arguments, Path(folder)):
                    for entry in measure(drawn, arguments, known, f"{folder}/home"):
                        entries.append(entry)
                        if arguments.log:
                            with arguments.log.open("a") as log:
                                log.write(json.dumps(entry) + "\n")
                        print(json.dumps(entry), file=sys.stderr, flush=True)
            for row in table(entries):
                print(row, flush=True)


if __name__ == "__main__":
    main()
