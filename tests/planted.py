"""Labelled texts with known faults: for the test of `data check` and its benchmark."""

import csv
import random
from pathlib import Path
from typing import NamedTuple


class Planted(NamedTuple):
    """Two files, and the rows with each fault: of the training file; leaks are rows of the test file."""

    train: Path
    test: Path
    leaks: set[int]
    conflicting: set[int]
    duplicates: set[int]
    empty: set[int]


def disguised(text: str, dice: random.Random) -> str:
    """The same words with other case, punctuation, white space or markup."""
    words = text.split()
    return dice.choice(
        [
            text.upper(),
            ", ".join(words) + "!",
            "<p>" + " ".join(f"<b>{word}</b>" for word in words) + "</p>",
            "&quot;" + "\t ".join(words) + "&quot;&nbsp;",
            " ".join(words).title() + "<br /><br />",
        ]
    )


def plant(folder: Path, rows: int, *, seed: int = 0) -> Planted:
    """`rows` training texts, and a tenth as many test texts: 1 % of those leak from training, half of them disguised;
    0.5 % of training texts are conflicting duplicates, 2 % duplicates (half of them disguised), 3 % are empty."""
    dice = random.Random(seed)
    vocabulary = [f"word{number}" for number in range(5_000)]

    def fresh() -> str:
        return " ".join(dice.choices(vocabulary, k=dice.randint(20, 60)))

    found = Planted(folder / "train.csv", folder / "test.csv", set(), set(), set(), set())
    originals: list[tuple[str, str]] = []
    train: list[tuple[str, str]] = []
    while len(train) < rows:
        row, fate = len(train) + 2, dice.random()  # a row is known by its line; the first is the header
        text, label = (fresh(), dice.choice("ab"))
        if fate < 0.03:
            text = dice.choice(["", " ", "...", "<br />", "<p></p>", "&nbsp;"])
            found.empty.add(row)
        elif fate < 0.055 and originals:
            text, label = originals.pop(dice.randrange(len(originals)))  # each is repeated once
            text = disguised(text, dice) if dice.random() < 0.5 else text
            if fate < 0.035:
                label = "b" if label == "a" else "a"
                found.conflicting.add(row)
            else:
                found.duplicates.add(row)
        else:
            originals.append((text, label))
        train.append((text, label))
    test = []
    for row in range(2, rows // 10 + 2):
        text, label = fresh(), dice.choice("ab")
        if dice.random() < 0.01 or row == 2:
            text, label = originals.pop(dice.randrange(len(originals)))
            text = disguised(text, dice) if dice.random() < 0.5 else text
            found.leaks.add(row)
        test.append((text, label))
    for path, examples in ((found.train, train), (found.test, test)):
        with open(path, "w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("text", "label"), *examples])
    return found
