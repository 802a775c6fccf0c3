"""What a model has to beat: the most frequent label, and naive Bayes on word counts.

Both take milliseconds and know nothing of word order. An LSTM that is no better has learned nothing from it.

Source: multinomial naive Bayes with add-one smoothing, as in Manning, Raghavan and Schütze, "Introduction to
Information Retrieval" (2008), chapter 13, and as scikit-learn's MultinomialNB(alpha=1), with which the tests compare.
Left out: word weights, bigrams, calibrated probabilities.

What needs no LSTM: the accuracies of the most frequent label and of naive Bayes, learned from the same texts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from lstmctl.config import FIRST_WORD
from lstmctl.data.columns import Example
from lstmctl.data.word_ids import Ids, learn_vocabulary, texts_to_ids
from lstmctl.evaluation.metrics import accuracy, confusion, f1_macro

Integers = NDArray[np.integer[Any]]


def majority(truth: Integers, *, labels: int) -> int:
    """The place of the most frequent label; of equals, the first.

    truth (texts,): the place of each training text's label.
    """
    return int(np.argmax(np.bincount(truth, minlength=labels)))


@dataclass(frozen=True)
class NaiveBayes:
    """log P(label | text) = prior + the sum of its words' likelihoods + a constant.

    A text is an array of word ids. Padding and unknown words say nothing, so a text of nothing else is decided by the
    prior alone. Takes 8 bytes for each pair of label and word.
    """

    prior: NDArray[np.float64]  # (labels,) log P(label); -inf for a label without training texts
    likelihood: NDArray[np.float64]  # (labels, vocab_size) log P(word | label); not used below FIRST_WORD

    @classmethod
    def fit(cls, ids: Sequence[Integers], truth: Integers, *, labels: int, vocab_size: int) -> Self:
        """Count the words of each label.

        ids of each text, below `vocab_size`, which counts the ids for padding and unknown too; truth (texts,).

        Raises:
            ValueError: there are no texts, not as many labels, or an id or label is out of range.
        """
        if len(ids) != len(truth) or len(ids) == 0:
            raise ValueError(f"{len(ids)} texts and {len(truth)} labels")
        texts = np.bincount(truth, minlength=labels)
        words, text = _flat(ids)
        if texts.size > labels or words.max(initial=0) >= vocab_size:
            raise ValueError(f"a label is not below {labels} or a word is not below {vocab_size}")
        cells = truth.astype(np.int64)[text] * vocab_size + words
        counts = np.bincount(cells, minlength=labels * vocab_size).reshape(labels, vocab_size) + 1
        likelihood = np.log(counts)
        likelihood -= np.log(counts[:, FIRST_WORD:].sum(axis=1, keepdims=True))
        prior = np.full(labels, -np.inf)
        np.log(texts / len(ids), out=prior, where=texts > 0)
        return cls(prior, likelihood)

    def predict(self, ids: Sequence[Integers]) -> NDArray[np.int64]:
        """(texts,) the place of each text's likeliest label; of equals, the first. Ids as in `fit`."""
        words, text = _flat(ids)
        scores = np.empty((len(self.prior), len(ids)))
        for row, prior, likelihood in zip(scores, self.prior, self.likelihood, strict=True):
            row[:] = prior + np.bincount(text, weights=likelihood[words], minlength=len(ids))
        likeliest: NDArray[np.int64] = scores.argmax(axis=0)
        return likeliest

    def accuracy(self, ids: Sequence[Integers], truth: Integers) -> float:
        """The share of texts (ids, and the places of their labels) that `predict` answers right.

        Raises:
            ValueError: there are no texts, or not as many labels.
        """
        return accuracy(truth, self.predict(ids))


def _flat(ids: Sequence[Integers]) -> tuple[Integers, NDArray[np.int64]]:
    """All known words of all texts, one after the other, and for each of them which text it is from."""
    words = np.concatenate([np.empty(0, np.int64), *ids])
    text = np.repeat(np.arange(len(ids)), [len(one) for one in ids])
    known = words >= FIRST_WORD
    return words[known], text[known]


Texts = tuple[Sequence[Ids], NDArray[np.int64]]  # texts as word ids, and the place of each one's label


@dataclass(frozen=True)
class Baselines:
    """What each gets right, by part."""

    majority_label: str
    majority: dict[str, float]  # accuracies
    naive_bayes: dict[str, float]
    naive_bayes_f1: dict[str, float]  # means over the labels
    answers: dict[str, NDArray[np.int64]]  # (texts,) of naive Bayes: the places of the labels


def measure_baselines(
    train: Texts, parts: Mapping[str, Texts], *, labels: tuple[str, ...], vocab_size: int
) -> Baselines:
    """Learn both from `train`, and measure them on `parts`; parts without texts are left out."""
    bayes = NaiveBayes.fit(*train, labels=len(labels), vocab_size=vocab_size)
    most_frequent = majority(train[1], labels=len(labels))
    measured = {name: part for name, part in parts.items() if part[1].size}
    answers = {name: bayes.predict(ids) for name, (ids, _) in measured.items()}
    return Baselines(
        majority_label=labels[most_frequent],
        majority={name: float(np.mean(truth == most_frequent)) for name, (_, truth) in measured.items()},
        naive_bayes={name: accuracy(truth, answers[name]) for name, (_, truth) in measured.items()},
        naive_bayes_f1={
            name: f1_macro(confusion(truth, answers[name], labels=len(labels))) for name, (_, truth) in measured.items()
        },
        answers=answers,
    )


def naive_bayes_accuracy(train: Sequence[Example], examples: Sequence[Example], *, labels: tuple[str, ...]) -> float:
    """How naive Bayes, learned from `train`, does on other examples: the baseline for a model of the same texts."""
    vocabulary, ids = learn_vocabulary([example.text for example in train])
    parts = {"other": (texts_to_ids(examples, vocabulary), label_indices(examples, labels))}
    baselines = measure_baselines((ids, label_indices(train, labels)), parts, labels=labels, vocab_size=len(vocabulary))
    return baselines.naive_bayes["other"]


def label_indices(examples: Sequence[Example], labels: tuple[str, ...]) -> NDArray[np.int64]:
    """(examples,): the place of each one's label among `labels`."""
    place = {label: number for number, label in enumerate(labels)}
    return np.array([place[example.label] for example in examples], np.int64)
