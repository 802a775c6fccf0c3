"""Word vectors: counts and values against a plain implementation, and words with similar neighbours."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmctl.training import embedding
from lstmctl.training.embedding import WINDOW, word_vectors

texts_of_ids = st.lists(st.lists(st.integers(0, 12), max_size=15), max_size=5)


def count_pairs(texts, vocab_size, contexts, window=WINDOW):
    """Pair by pair, in Python."""
    counts = np.zeros((vocab_size, contexts))
    for text in texts:
        for position, word in enumerate(text):
            for other in range(max(0, position - window), min(len(text), position + window + 1)):
                context, distance = text[other], abs(other - position)
                if distance and 2 <= word < vocab_size and 2 <= context < contexts:
                    counts[word, context] += (window + 1 - distance) / window
    return counts


@settings(max_examples=150, deadline=None)
@given(
    texts=texts_of_ids,
    contexts=st.integers(3, 8),
    rows=st.integers(1, 10),
    pairs=st.integers(18, 60),
    window=st.integers(1, 9),
)
def test_counts_of_pairs(texts, contexts, rows, pairs, window):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedding, "_ROWS", rows)
        patch.setattr(embedding, "_PAIRS", pairs)
        word_pairs = embedding._WordPairs([np.array(text, np.int32) for text in texts], 10, contexts, window)
        counts = np.concatenate([*word_pairs.count(0, contexts), *word_pairs.count(contexts, 10)])
    np.testing.assert_allclose(counts, count_pairs(texts, 10, contexts, window), rtol=1e-6)


def grouped_texts():
    """Ten groups of ten words; each text has words of one group and words common to all texts."""
    generator = np.random.default_rng(0)
    texts = []
    for number in range(600):
        kind = number % 10
        own, common = 22 + kind + 10 * generator.integers(0, 10, 12), 2 + generator.integers(0, 20, 12)
        texts.append(np.where(generator.random(12) < 0.6, own, common).astype(np.int32))
    return texts


def test_vectors_are_the_svd_of_the_ppmi():
    """Against NumPy's decomposition of the full matrix."""
    texts, size, dim = grouped_texts(), 122, 9
    ours = word_vectors(texts, vocab_size=size, dim=dim)
    counts = count_pairs([text.tolist() for text in texts], size, size)
    smoothed = counts.sum(axis=0) ** 0.75
    with np.errstate(divide="ignore", invalid="ignore"):
        ppmi = np.log(counts / (counts.sum(axis=1, keepdims=True) * smoothed / smoothed.sum()))
    left, sizes, _ = np.linalg.svd(np.nan_to_num(np.maximum(ppmi, 0)))
    theirs = left[:, :dim] * np.sqrt(sizes[:dim])
    theirs *= 0.2 / theirs[2:].std()
    # Singular vectors with nearly equal values may be rotated; angles between words do not depend on that.
    np.testing.assert_allclose(ours @ ours.T, theirs @ theirs.T, atol=2e-2)
    assert ours[2:].std() == pytest.approx(0.2, rel=1e-3)


@pytest.mark.parametrize("contexts", [8_000, 80])
def test_words_of_a_group_are_nearest(contexts, monkeypatch):
    """Also words that are too rare to be context words themselves."""
    monkeypatch.setattr(embedding, "CONTEXTS", contexts)
    vectors = word_vectors(grouped_texts(), vocab_size=122, dim=9)[22:]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    nearest = np.argsort(-(vectors @ vectors.T), axis=1)[:, 1:6]
    assert (nearest % 10 == np.arange(100)[:, None] % 10).mean() > 0.97


def test_vectors_are_reproducible():
    first, second = (word_vectors(grouped_texts(), vocab_size=122, dim=16) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("texts", [[], [[]], [[1, 1]], [[2]], [[2, 3]]], ids=str)
def test_words_without_neighbours(texts):
    vectors = word_vectors([np.array(text, np.int32) for text in texts], vocab_size=5, dim=8)
    assert vectors.shape == (5, 8)
    assert np.isfinite(vectors).all() and not vectors[[0, 1, 4]].any()
