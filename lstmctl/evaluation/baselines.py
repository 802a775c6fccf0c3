"""Baselines that every model should outperform: the most frequent label, naive Bayes, and a linear model of n-grams.

None of them reads more than a few words in order, so an LSTM that does no better has learned nothing from it. Where a
model has n-grams inside, these alone are the linear model: a logistic regression with settings chosen by
cross-validation. For other models, TF-IDF with logistic regression is trained beside them (`training/tfidf.py`).

Source: multinomial naive Bayes with add-one smoothing, as in Manning, Raghavan and Schütze, "Introduction to
Information Retrieval" (2008), chapter 13, and as scikit-learn's MultinomialNB(alpha=1), with which the tests compare.
Left out: word weights, bigrams, calibrated probabilities.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from lstmctl.config import FIRST_WORD
from lstmctl.data.columns import Example
from lstmctl.data.word_ids import Ids, learn_vocabulary, texts_to_ids
from lstmctl.evaluation.intervals import Integers
from lstmctl.evaluation.metrics import accuracy, confusion, f1_macro


def label_indices(examples: Sequence[Example], labels: tuple[str, ...]) -> NDArray[np.int64]:
    """(examples,): the index of each one's label among `labels`."""
    indices = {label: index for index, label in enumerate(labels)}
    return np.array([indices[example.label] for example in examples], np.int64)


def majority(truth: Integers, *, labels: int) -> int:
    """The index of the most frequent label; of equally frequent ones the first.

    >>> majority(np.array([2, 1, 2, 0]), labels=3)
    2
    """
    return int(np.argmax(np.bincount(truth, minlength=labels)))


@dataclass(frozen=True)
class NaiveBayes:
    """log P(label | text) = the label's prior + the sum of the likelihoods of the text's words + a constant.

    A text is an array of word ids. Padding and unknown words are ignored, so a text without known words gets the label
    with the highest prior. Takes 8 bytes for each pair of label and word.
    """

    prior: NDArray[np.float64]  # (labels,) log P(label); -inf for a label without training texts
    likelihood: NDArray[np.float64]  # (labels, vocab_size) log P(word | label); not used below FIRST_WORD

    @classmethod
    def fit(cls, ids: Sequence[Integers], truth: Integers, *, labels: int, vocab_size: int) -> Self:
        """Count the words of each label. Raises ValueError without texts, or if the arguments do not fit.

        ids: the word ids of each text, below `vocab_size`, which includes padding and unknown; truth (texts,).
        """
        if len(ids) != len(truth) or len(ids) == 0:
            raise ValueError(f"{len(ids)} texts and {len(truth)} labels")
        texts = np.bincount(truth, minlength=labels)
        words, text = _concatenate(ids)
        if texts.size > labels or words.max(initial=0) >= vocab_size:
            raise ValueError(f"labels must be below {labels} and word ids below {vocab_size}")
        cells = truth.astype(np.int64)[text] * vocab_size + words
        counts = np.bincount(cells, minlength=labels * vocab_size).reshape(labels, vocab_size) + 1
        likelihood = np.log(counts)
        likelihood -= np.log(counts[:, FIRST_WORD:].sum(axis=1, keepdims=True))
        prior = np.full(labels, -np.inf)
        np.log(texts / len(ids), out=prior, where=texts > 0)
        return cls(prior, likelihood)

    def predict(self, ids: Sequence[Integers]) -> NDArray[np.int64]:
        """(texts,) the index of each text's most likely label; of equally likely ones the first. Ids as in `fit`."""
        words, text = _concatenate(ids)
        scores = np.empty((len(self.prior), len(ids)))
        for row, prior, likelihood in zip(scores, self.prior, self.likelihood, strict=True):
            row[:] = prior + np.bincount(text, weights=likelihood[words], minlength=len(ids))
        likeliest: NDArray[np.int64] = scores.argmax(axis=0)
        return likeliest


def _concatenate(ids: Sequence[Integers]) -> tuple[Integers, NDArray[np.int64]]:
    """The known words of all texts in one array, and for each of them the index of its text."""
    words = np.concatenate([np.empty(0, np.int64), *ids])
    text = np.repeat(np.arange(len(ids)), [len(row) for row in ids])
    known = words >= FIRST_WORD
    return words[known], text[known]


Texts = tuple[Sequence[Ids], NDArray[np.int64]]  # word ids of each text, and the indices of their labels


# The names of the baselines in metrics.json and in the output of `evaluate`, and as they are shown.
TITLES = {"naive_bayes": "naive Bayes", "tfidf": "TF-IDF + LR", "ngrams": "n-grams alone"}


@dataclass(frozen=True)
class Baselines:
    """The predictions and scores of the baselines: by name, as in `TITLES`, then by part."""

    majority_label: str
    majority: dict[str, float]  # accuracies by part
    predicted: dict[str, dict[str, NDArray[np.int64]]]  # (texts,): label indices
    accuracy: dict[str, dict[str, float]]
    f1: dict[str, dict[str, float]]  # macro F1

    def with_predictions(
        self, name: str, predicted: Mapping[str, NDArray[np.int64]], truths: Mapping[str, Integers], *, labels: int
    ) -> Self:
        """The same with a further baseline, from its predictions for each part; parts without texts are left out."""
        own = {part: predicted[part] for part in self.majority}
        f1 = {part: f1_macro(confusion(truths[part], values, labels=labels)) for part, values in own.items()}
        return replace(
            self,
            predicted={**self.predicted, name: own},
            accuracy={**self.accuracy, name: {part: accuracy(truths[part], values) for part, values in own.items()}},
            f1={**self.f1, name: f1},
        )

    @property
    def strongest(self) -> str:
        """The name of the baseline with the highest validation accuracy; of equal ones the one measured last."""
        return max(reversed(self.accuracy), key=lambda name: self.accuracy[name]["validation"])

    def to_dict(self) -> dict[str, Any]:
        """As in metrics.json."""
        f1 = {f"{name}_f1": scores for name, scores in self.f1.items()}
        return {"majority_label": self.majority_label, "majority": self.majority, **self.accuracy, **f1}


def measure_baselines(
    train: Texts, parts: Mapping[str, Texts], *, labels: tuple[str, ...], vocab_size: int
) -> Baselines:
    """Most frequent label and naive Bayes of `train`, measured on `parts`; parts without texts are left out."""
    n = len(labels)
    bayes, most_frequent = NaiveBayes.fit(*train, labels=n, vocab_size=vocab_size), majority(train[1], labels=n)
    truths = {name: truth for name, (_, truth) in parts.items() if truth.size}
    shares = {name: float(np.mean(truth == most_frequent)) for name, truth in truths.items()}
    predicted = {name: bayes.predict(parts[name][0]) for name in truths}
    baselines = Baselines(labels[most_frequent], shares, predicted={}, accuracy={}, f1={})
    return baselines.with_predictions("naive_bayes", predicted, truths, labels=n)


def naive_bayes_accuracy(
    train: Sequence[Example], test: Sequence[Example], *, labels: tuple[str, ...], tokenizer: str
) -> float:
    """The accuracy on `test` of naive Bayes fitted on `train`."""
    vocabulary, ids = learn_vocabulary([example.text for example in train], tokenizer=tokenizer)
    bayes = NaiveBayes.fit(ids, label_indices(train, labels), labels=len(labels), vocab_size=len(vocabulary))
    return accuracy(label_indices(test, labels), bayes.predict(texts_to_ids(test, vocabulary, tokenizer=tokenizer)))
