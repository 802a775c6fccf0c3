"""Word vectors: counts and numbers against the plainest way to the same, and words that keep the same company."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmctl.training import embedding
from lstmctl.training.embedding import WINDOW, word_vectors

texts_of_ids = st.lists(st.lists(st.integers(0, 12), max_size=15), max_size=5)


def counted(texts, vocab_size, contexts):
    """Pair by pair."""
    counts = np.zeros((vocab_size, contexts))
    for text in texts:
        for place, word in enumerate(text):
            for other in range(max(0, place - WINDOW), min(len(text), place + WINDOW + 1)):
                context, distance = text[other], abs(other - place)
                if distance and 2 <= word < vocab_size and 2 <= context < contexts:
                    counts[word, context] += (WINDOW + 1 - distance) / WINDOW
    return counts


@settings(max_examples=150, deadline=None)
@given(texts=texts_of_ids, contexts=st.integers(3, 8), rows=st.integers(1, 10), pairs=st.integers(10, 60))
def test_pairs_are_counted_however_the_work_is_divided(texts, contexts, rows, pairs):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedding, "_ROWS", rows)
        patch.setattr(embedding, "_PAIRS", pairs)
        stream = embedding._Stream([np.array(text, np.int32) for text in texts], 10, contexts)
        counts = np.concatenate([*stream.counts(0, contexts), *stream.counts(contexts, 10)])
    np.testing.assert_allclose(counts, counted(texts, 10, contexts), rtol=1e-6)


def company():
    """Ten kinds of words, ten words each; a text is made of the words of one kind and of words that all texts have."""
    generator = np.random.default_rng(0)
    texts = []
    for number in range(600):
        kind = number % 10
        own, common = 22 + kind + 10 * generator.integers(0, 10, 12), 2 + generator.integers(0, 20, 12)
        texts.append(np.where(generator.random(12) < 0.6, own, common).astype(np.int32))
    return texts


def test_they_are_the_largest_directions_of_the_information():
    """Against NumPy's own decomposition of the whole matrix."""
    texts, size, dim = company(), 122, 9
    ours = word_vectors(texts, vocab_size=size, dim=dim)
    counts = counted([text.tolist() for text in texts], size, size)
    around = counts.sum(axis=0) ** 0.75
    with np.errstate(divide="ignore", invalid="ignore"):
        information = np.log(counts / (counts.sum(axis=1, keepdims=True) * around / around.sum()))
    left, sizes, _ = np.linalg.svd(np.nan_to_num(np.maximum(information, 0)))
    theirs = left[:, :dim] * np.sqrt(sizes[:dim])
    theirs *= 0.2 / theirs[2:].std()
    # Directions of nearly the same size may be turned; angles between words do not depend on that.
    np.testing.assert_allclose(ours @ ours.T, theirs @ theirs.T, atol=2e-2)
    assert ours[2:].std() == pytest.approx(0.2, rel=1e-3)


@pytest.mark.parametrize("contexts", [8_000, 80])
def test_words_that_keep_the_same_company_are_alike(contexts, monkeypatch):
    """Also words that are too rare to be company themselves."""
    monkeypatch.setattr(embedding, "CONTEXTS", contexts)
    found = word_vectors(company(), vocab_size=122, dim=9)[22:]
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    nearest = np.argsort(-(found @ found.T), axis=1)[:, 1:6]
    assert (nearest % 10 == np.arange(100)[:, None] % 10).mean() > 0.97


def test_the_same_texts_give_the_same_vectors():
    first, second = (word_vectors(company(), vocab_size=122, dim=16) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("texts", [[], [[]], [[1, 1]], [[2]], [[2, 3]]], ids=str)
def test_words_without_company_have_none(texts):
    found = word_vectors([np.array(text, np.int32) for text in texts], vocab_size=5, dim=8)
    assert found.shape == (5, 8)
    assert np.isfinite(found).all() and not found[[0, 1, 4]].any()
