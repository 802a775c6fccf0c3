"""What naive Bayes knows of each word, as the first numbers of its embedding: they stay as they were counted.

With few texts an LSTM that has to find out for itself which words are good and which are bad learns its texts by heart
instead. Counting is better at that, and needs no training: the log odds of each label given the word. The LSTM learns
what to do with them, and in the rest of the embedding what they miss.

A text must not see odds in which it was counted itself: they would give its label away, and the LSTM would trust them
too much. So while training each text sees the odds as all the *other* texts tell them; a word that is nowhere else says
nothing. The finished model has the odds of all texts.

Source: naive Bayes as in `lstmctl.baseline`; log-count ratios as inputs of a classifier as in Wang and Manning,
Baselines and Bigrams (2012). Left out: bigrams.

Word vectors from the company that words keep: texts without labels are enough, and so more of them can be used.

Words that stand near the same words become vectors that are close to each other. Started from those, the LSTM knows
before its first step that *dreadful* is like *terrible*, which it may have seen once.

How often each pair of words stands at most 5 words apart, near pairs counting more, is turned into positive pointwise
mutual information: how much more often than by chance. The largest directions of that matrix are the vectors. Columns
are the most frequent words only; a rarer word is placed by how it stands to those. Nothing is drawn by chance but the
first guess of the directions, so the same texts give the same vectors.

Source: Levy, Goldberg and Dagan, Improving Distributional Similarity with Lessons Learned from Word Embeddings (2015):
PPMI-SVD with context distribution smoothing 0.75, eigenvalue weighting 0.5, no shift; the SVD as in Halko, Martinsson
and Tropp, Finding Structure with Randomness (2011), algorithm 4.4. Left out: subsampling of frequent words.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lstmctl.config import FIRST_WORD, PADDING, ModelConfig, TrainConfig
from lstmctl.data.word_ids import Ids
from lstmctl.model.lstm import Floats


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


WINDOW = 5  # words to either side
CONTEXTS = 8_000  # most frequent words that others are told by: a matrix of 256 MB
SPREAD = 0.2  # standard deviation of the vectors' numbers
_SMOOTHING = 0.75
_ROUNDS, _MORE = 6, 20  # of the SVD: multiplications with the matrix, and directions that are dropped in the end
_ROWS = 2_000  # words whose pairs are counted at a time
_PAIRS = 8_000_000  # counted in one go


def word_vectors(texts: Sequence[Ids], *, vocab_size: int, dim: int) -> Floats:
    """(vocab_size, dim): a vector for each word, 0 for padding, unknown words, and words without company.

    texts: word ids; those from `vocab_size` on count as unknown words.
    """
    contexts = min(vocab_size, CONTEXTS)
    stream = _Stream(texts, vocab_size, contexts)
    first = np.concatenate(list(stream.counts(0, contexts)))
    around = first.sum(axis=0, dtype=np.float64) ** _SMOOTHING
    chance = (around / max(around.sum(), 1)).astype(np.float32)
    for rows in np.array_split(first, -(-contexts // _ROWS)):
        _information(rows, chance)
    directions, sizes = _largest_directions(first, dim)
    to_vectors = directions / np.sqrt(np.maximum(sizes, 1e-6))
    parts = [first @ to_vectors]
    del first
    parts += [_information(rows, chance) @ to_vectors for rows in stream.counts(contexts, vocab_size)]
    vectors = np.zeros((vocab_size, dim), np.float32)
    vectors[:, : to_vectors.shape[1]] = np.concatenate(parts)
    spread = float(vectors[FIRST_WORD:].std()) if vocab_size > FIRST_WORD else 0.0
    return vectors * np.float32(SPREAD / spread) if spread else vectors


class _Stream:
    """All texts, one after another, with room between them, and where each word stands."""

    def __init__(self, texts: Sequence[Ids], vocab_size: int, contexts: int) -> None:
        gap = np.full(WINDOW, PADDING, np.int32)
        words = np.concatenate([gap, *(part for text in texts for part in (text, gap))])
        words = np.where(words < vocab_size, words, PADDING)
        self._words, self._contexts = words, contexts
        self._as_context = np.where((words >= FIRST_WORD) & (words < contexts), words, PADDING)
        self._places = np.argsort(words, kind="stable")  # of the first word, then those of the second …
        self._ends = np.cumsum(np.bincount(words, minlength=vocab_size))

    def counts(self, low: int, high: int) -> Iterator[Floats]:
        """How often each of the words from `low` to `high` has each context word near it: (some words, contexts)."""
        distances = np.array([step for step in range(-WINDOW, WINDOW + 1) if step])
        weights = ((WINDOW + 1 - np.abs(distances)) / WINDOW).astype(np.float32)
        for start in range(low, high, _ROWS):
            stop = min(start + _ROWS, high)
            counted = np.zeros((stop - start) * self._contexts)
            begin = max(start, FIRST_WORD) - 1
            places = self._places[self._ends[begin] : self._ends[max(stop - 1, begin)]]
            for first in range(0, places.size, _PAIRS // distances.size):
                some = places[first : first + _PAIRS // distances.size]
                row = (self._words[some] - start).astype(np.int64) * self._contexts
                pairs = row + self._as_context[some + distances[:, None]]
                counted += np.bincount(pairs.ravel(), np.repeat(weights, some.size), minlength=counted.size)
            counts = counted.reshape(stop - start, self._contexts)
            counts[:, :FIRST_WORD] = 0  # neither gaps nor unknown nor rare words are company
            yield counts.astype(np.float32)


def _information(counts: Floats, chance: Floats) -> Floats:
    """Counts (words, contexts) → how much more often than by chance, as a logarithm, at least 0; in place."""
    of_word = counts.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        np.divide(counts, of_word * chance, out=counts)
        np.log(counts, out=counts)
    np.maximum(counts, 0, out=counts)
    np.nan_to_num(counts, copy=False, nan=0.0)
    return counts


def _largest_directions(matrix: Floats, dim: int) -> tuple[Floats, NDArray[np.float32]]:
    """The `dim` largest right singular vectors of a square matrix as columns, each with a sign that is always the same,
    and their singular values; fewer of a smaller matrix."""
    size = min(len(matrix), dim + _MORE)
    basis = np.random.default_rng(0).normal(size=(len(matrix), size)).astype(np.float32)
    for _ in range(_ROUNDS):
        basis, _ = np.linalg.qr(matrix @ (matrix.T @ basis))
    _, sizes, rows = np.linalg.svd(basis.T @ matrix, full_matrices=False)
    directions = rows[:dim].T
    largest = np.abs(directions).argmax(axis=0)
    signs = np.where(directions[largest, np.arange(directions.shape[1])] < 0, -1, 1)
    return (directions * signs).astype(np.float32), sizes[:dim]
