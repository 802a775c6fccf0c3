"""What naive Bayes knows of each word, as the first numbers of its embedding: they stay as they were counted.

With few texts an LSTM that has to find out for itself which words are good and which are bad learns its texts by heart
instead. Counting is better at that, and needs no training: the log odds of each label given the word. The LSTM learns
what to do with them, and in the rest of the embedding what they miss.

A text must not see odds in which it was counted itself: they would give its label away, and the LSTM would trust them
too much. So while training each text sees the odds as all the *other* texts tell them; a word that is nowhere else says
nothing. The finished model has the odds of all texts.

Source: naive Bayes as in `lstmctl.baseline`; log-count ratios as inputs of a classifier as in Wang and Manning,
Baselines and Bigrams (2012). Left out: bigrams.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lstmctl.config import FIRST_WORD, ModelConfig, TrainConfig
from lstmctl.lstm import Floats
from lstmctl.training.words import Ids


class WordOdds(NamedTuple):
    """Log odds of each word, and what is to be added for the texts that they were counted in."""

    table: Floats  # (vocab_size, columns): counted in all texts; zeros for padding and unknown words
    own: Floats  # (words of all texts, one after another): how log P(word | label of the text) changes without the text
    axes: Floats  # (labels, columns): odds = log P(word | label) (words, labels) @ axes

    @property
    def columns(self) -> int:
        """How many of the embedding's numbers they are."""
        return self.table.shape[1]


def word_odds(
    texts: Sequence[Ids], truth: NDArray[np.int64], model: ModelConfig, training: TrainConfig
) -> WordOdds | None:
    """The odds of the words of `texts`, each word ids of the model; truth (texts,). None where the recipe wants none.

    With two labels they are one number a word, log P(word | second) - log P(word | first); with more, one a label, log
    P(word | label) minus its mean. With more labels than half of the embedding has room for, the numbers are those
    directions in which the words differ most.
    """
    if training.word_odds != "naive-bayes":
        return None
    labels, words = len(model.labels), np.concatenate(texts)
    sizes = np.fromiter(map(len, texts), np.int64, len(texts))
    text = np.repeat(np.arange(len(texts)), sizes)
    label = truth[text]
    counts = np.bincount(label * model.vocab_size + words, minlength=labels * model.vocab_size)
    counts = counts.reshape(labels, model.vocab_size)
    counts[:, :FIRST_WORD] = 0
    known = words >= FIRST_WORD
    totals, kinds = counts.sum(axis=1), max(1, model.vocab_size - FIRST_WORD)

    def log_share(count: NDArray[np.int64], of: NDArray[np.int64]) -> NDArray[np.float64]:
        """With add-one smoothing."""
        share: NDArray[np.float64] = np.log(count + 1) - np.log(of + kinds)
        return share

    logs = log_share(counts, totals[:, None])
    # How often the text itself has the word, and any word.
    _, place, times = np.unique(text * model.vocab_size + words, return_inverse=True, return_counts=True)
    size = np.bincount(text, known, len(texts)).astype(np.int64)
    without = log_share(counts[label, words] - np.where(known, times[place], 0), totals[label] - size[text])
    own = np.where(known, without - logs[label, words], 0)
    axes = _axes(logs, counts.sum(axis=0), columns=max(1, model.embedding_dim // 2))
    table = logs.T @ axes
    table[:FIRST_WORD] = 0
    return WordOdds(table.astype(np.float32), own.astype(np.float32), axes.astype(np.float32))


def _axes(logs: NDArray[np.float64], times: NDArray[np.int64], *, columns: int) -> NDArray[np.float64]:
    """(labels, at most `columns`): which differences between labels are told. logs (labels, words); times (words,)."""
    labels = len(logs)
    if labels == 2:
        return np.array([[-1.0], [1.0]])
    differences = np.eye(labels) - 1 / labels
    if labels <= columns:
        return differences
    centred = differences @ logs
    _, directions = np.linalg.eigh(centred * times @ centred.T)  # in rising order of what they tell apart
    axes: NDArray[np.float64] = differences @ directions[:, : -columns - 1 : -1]
    return axes
