"""Word vectors learned from texts: where the embedding starts.

Words with similar neighbours get similar vectors. Starting from these, the LSTM knows before its first
step that *dreadful*, which may occur once, is like *terrible*. No labels are needed, so unlabelled texts can be used.
Pairs of words at most 5 words apart are counted, closer pairs with more weight, and the counts are turned into positive
pointwise mutual information (PPMI): by how much the pair is more frequent than by chance. The largest singular vectors
of that matrix give the word vectors. Its columns are the most frequent words only; a rarer word is projected by its
PPMI with those. Only the start of the iteration is random, with a fixed seed, so the same texts give the same vectors.

Source: Levy, Goldberg and Dagan, Improving Distributional Similarity with Lessons Learned from Word Embeddings (2015):
PPMI-SVD with context distribution smoothing 0.75, eigenvalue weighting 0.5, no shift; the SVD as in Halko, Martinsson
and Tropp, Finding Structure with Randomness (2011), algorithm 4.4. Left out: subsampling of frequent words.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from lstmctl.config import FIRST_WORD, PADDING
from lstmctl.data.word_ids import Ids
from lstmctl.model.lstm import Floats

WINDOW = 5  # words to either side, unless told otherwise
CONTEXTS = 8_000  # most frequent words, the columns of the matrix: 256 MB
SCALE = 0.2  # standard deviation of the vectors' values
_SMOOTHING = 0.75
_ITERATIONS, _OVERSAMPLING = 6, 20  # of the SVD: multiplications with the matrix, and directions dropped in the end
_ROWS = 2_000  # words whose pairs are counted at a time
_PAIRS = 8_000_000  # counted in one call


def word_vectors(texts: Sequence[Ids], *, vocab_size: int, dim: int, window: int = WINDOW) -> Floats:
    """(vocab_size, dim): a vector for each word; zeros for padding, unknown words, and words without neighbours. Ids
    from `vocab_size` on count as unknown words. Pairs of words at most `window` words apart are counted."""
    contexts = min(vocab_size, CONTEXTS)
    pairs = _WordPairs(texts, vocab_size, contexts, window)
    square = np.concatenate(list(pairs.count(0, contexts)))
    smoothed = square.sum(axis=0, dtype=np.float64) ** _SMOOTHING
    chance = (smoothed / max(smoothed.sum(), 1)).astype(np.float32)
    for rows in np.array_split(square, -(-contexts // _ROWS)):
        _to_ppmi(rows, chance)
    directions, singular_values = _largest_singular_vectors(square, dim)
    projection = directions / np.sqrt(np.maximum(singular_values, 1e-6))
    parts = [square @ projection]
    del square
    parts += [_to_ppmi(rows, chance) @ projection for rows in pairs.count(contexts, vocab_size)]
    vectors = np.zeros((vocab_size, dim), np.float32)
    vectors[:, : projection.shape[1]] = np.concatenate(parts)
    deviation = float(vectors[FIRST_WORD:].std()) if vocab_size > FIRST_WORD else 0.0
    return vectors * np.float32(SCALE / deviation) if deviation else vectors


class _WordPairs:
    """All texts, concatenated with gaps between them, and the positions of each word."""

    def __init__(self, texts: Sequence[Ids], vocab_size: int, contexts: int, window: int) -> None:
        self._window = window
        gap = np.full(window, PADDING, np.int32)
        words = np.concatenate([gap, *(part for text in texts for part in (text, gap))])
        words = np.where(words < vocab_size, words, PADDING)
        self._words, self._contexts = words, contexts
        self._as_context = np.where((words >= FIRST_WORD) & (words < contexts), words, PADDING)
        self._positions = np.argsort(words, kind="stable")  # of the first word, then of the second …
        self._ends = np.cumsum(np.bincount(words, minlength=vocab_size))

    def count(self, low: int, high: int) -> Iterator[Floats]:
        """Weighted counts of context words for the words from `low` to `high`, some at a time: (words, contexts)."""
        window = self._window
        distances = np.array([step for step in range(-window, window + 1) if step])
        weights = ((window + 1 - np.abs(distances)) / window).astype(np.float32)
        for start in range(low, high, _ROWS):
            stop = min(start + _ROWS, high)
            total = np.zeros((stop - start) * self._contexts)
            begin = max(start, FIRST_WORD) - 1
            positions = self._positions[self._ends[begin] : self._ends[max(stop - 1, begin)]]
            for first in range(0, positions.size, _PAIRS // distances.size):
                chunk = positions[first : first + _PAIRS // distances.size]
                row = (self._words[chunk] - start).astype(np.int64) * self._contexts
                pairs = row + self._as_context[chunk + distances[:, None]]
                total += np.bincount(pairs.ravel(), np.repeat(weights, chunk.size), minlength=total.size)
            counts = total.reshape(stop - start, self._contexts)
            counts[:, :FIRST_WORD] = 0  # gaps, unknown words and rare words are no context
            yield counts.astype(np.float32)


def _to_ppmi(counts: Floats, chance: Floats) -> Floats:
    """Counts (words, contexts) → positive pointwise mutual information, in place."""
    totals = counts.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        np.divide(counts, totals * chance, out=counts)
        np.log(counts, out=counts)
    np.maximum(counts, 0, out=counts)
    return np.nan_to_num(counts, copy=False, nan=0.0)


def _largest_singular_vectors(matrix: Floats, dim: int) -> tuple[Floats, NDArray[np.float32]]:
    """The `dim` largest right singular vectors of a square matrix as columns, with reproducible signs, and their
    singular values; fewer of a smaller matrix."""
    size = min(len(matrix), dim + _OVERSAMPLING)
    basis = np.random.default_rng(0).normal(size=(len(matrix), size)).astype(np.float32)
    for _ in range(_ITERATIONS):
        basis, _ = np.linalg.qr(matrix @ (matrix.T @ basis))
    _, singular_values, rows = np.linalg.svd(basis.T @ matrix, full_matrices=False)
    directions = rows[:dim].T
    largest = np.abs(directions).argmax(axis=0)
    signs = np.where(directions[largest, np.arange(directions.shape[1])] < 0, -1, 1)
    return (directions * signs).astype(np.float32), singular_values[:dim]
