"""What needs no LSTM: the accuracies of the most frequent label and of naive Bayes, learned from the same texts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lstmctl.baseline import NaiveBayes, majority
from lstmctl.data import Example
from lstmctl.metrics import accuracy, confusion, f1_macro
from lstmctl.training.words import Ids, learn_words, read_words

Part = tuple[Sequence[Ids], NDArray[np.int64]]  # texts as word ids, and the place of each one's label


@dataclass(frozen=True)
class Floors:
    """What each gets right, by part."""

    majority_label: str
    majority: dict[str, float]  # accuracies
    naive_bayes: dict[str, float]
    naive_bayes_f1: dict[str, float]  # means over the labels
    answers: dict[str, NDArray[np.int64]]  # (texts,) of naive Bayes: the places of the labels


def measure_floors(train: Part, parts: Mapping[str, Part], *, labels: tuple[str, ...], vocab_size: int) -> Floors:
    """Learn both from `train`, and measure them on `parts`; parts without texts are left out."""
    bayes = NaiveBayes.fit(*train, labels=len(labels), vocab_size=vocab_size)
    most_frequent = majority(train[1], labels=len(labels))
    measured = {name: part for name, part in parts.items() if part[1].size}
    answers = {name: bayes.predict(ids) for name, (ids, _) in measured.items()}
    return Floors(
        majority_label=labels[most_frequent],
        majority={name: float(np.mean(truth == most_frequent)) for name, (_, truth) in measured.items()},
        naive_bayes={name: accuracy(truth, answers[name]) for name, (_, truth) in measured.items()},
        naive_bayes_f1={
            name: f1_macro(confusion(truth, answers[name], labels=len(labels))) for name, (_, truth) in measured.items()
        },
        answers=answers,
    )


def naive_bayes_accuracy(train: Sequence[Example], examples: Sequence[Example], *, labels: tuple[str, ...]) -> float:
    """How naive Bayes, learned from `train`, does on other examples: the floor for a model of the same texts."""
    vocabulary, ids = learn_words([example.text for example in train])
    parts = {"other": (read_words(examples, vocabulary), places(examples, labels))}
    floors = measure_floors((ids, places(train, labels)), parts, labels=labels, vocab_size=len(vocabulary))
    return floors.naive_bayes["other"]


def places(examples: Sequence[Example], labels: tuple[str, ...]) -> NDArray[np.int64]:
    """(examples,): the place of each one's label among `labels`."""
    place = {label: number for number, label in enumerate(labels)}
    return np.array([place[example.label] for example in examples], np.int64)
