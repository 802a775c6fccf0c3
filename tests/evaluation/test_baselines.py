"""Baselines: an example worked by hand, and agreement with scikit-learn."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.naive_bayes import MultinomialNB

from lstmctl.evaluation.baselines import NaiveBayes, majority

PADDING, UNKNOWN, GOOD, BAD, FILM = range(5)


def texts(*rows):
    return [np.array(row, np.int32) for row in rows]


def fitted(vocab_size=5):
    """Three texts: "good good film" is 1, "bad film" and "bad" are 0."""
    ids = texts([PADDING, GOOD, GOOD, FILM], [BAD, UNKNOWN, FILM], [BAD])
    return NaiveBayes.fit(ids, np.array([1, 0, 0]), labels=2, vocab_size=vocab_size)


def test_majority_takes_first_of_equals():
    assert majority(np.array([2, 1, 2, 0]), labels=3) == 2
    assert majority(np.array([2, 1, 1, 2]), labels=3) == 1


def test_naive_bayes_by_hand():
    """Label 0 has bad 2, film 1; label 1 has good 2, film 1; each of the three known words counts one more."""
    bayes = fitted()
    assert np.exp(bayes.prior) == pytest.approx([2 / 3, 1 / 3])
    assert np.exp(bayes.likelihood[0, GOOD:]) == pytest.approx([1 / 6, 3 / 6, 2 / 6])
    assert np.exp(bayes.likelihood[1, GOOD:]) == pytest.approx([3 / 6, 1 / 6, 2 / 6])
    # "good" alone: 2/3 · 1/6 against 1/3 · 3/6; "good bad" ties but for the prior.
    assert bayes.predict(texts([GOOD], [GOOD, BAD], [FILM])).tolist() == [1, 0, 0]


def test_unknown_words_leave_prior():
    bayes = fitted()
    assert bayes.predict(texts([], [PADDING, UNKNOWN], [GOOD, PADDING, UNKNOWN, UNKNOWN], [])).tolist() == [0, 0, 1, 0]


def test_first_of_equal_labels():
    bayes = NaiveBayes.fit(texts([GOOD], [BAD]), np.array([0, 1]), labels=2, vocab_size=5)
    assert bayes.predict(texts([FILM], [GOOD, BAD], [])).tolist() == [0, 0, 0]


def test_label_without_training_texts():
    bayes = NaiveBayes.fit(texts([GOOD], [BAD]), np.array([0, 2]), labels=4, vocab_size=5)
    assert bayes.prior[1] == bayes.prior[3] == -math.inf
    assert bayes.predict(texts([GOOD], [BAD], [FILM], [])).tolist() == [0, 2, 0, 0]


def test_predict_no_texts():
    assert fitted().predict([]).shape == (0,)


@given(st.integers(0, 2**32 - 1), st.integers(2, 4))
@settings(max_examples=30, deadline=None)
def test_naive_bayes_agrees_with_sklearn(seed, labels):
    generator = np.random.default_rng(seed)
    truth = np.concatenate([np.arange(labels), generator.integers(0, labels, 12)])
    ids = [generator.integers(0, 9, length) for length in generator.integers(0, 8, truth.size)]
    counts = np.array([np.bincount(text, minlength=9)[GOOD:] for text in ids])
    bayes = NaiveBayes.fit(ids, truth, labels=labels, vocab_size=9)
    expected = MultinomialNB(alpha=1).fit(counts, truth)
    np.testing.assert_allclose(bayes.prior, expected.class_log_prior_, rtol=1e-12)
    np.testing.assert_allclose(bayes.likelihood[:, GOOD:], expected.feature_log_prob_, rtol=1e-12)
    scores = expected.predict_joint_log_proba(counts)
    likeliest = scores[np.arange(truth.size), bayes.predict(ids)]
    np.testing.assert_allclose(likeliest, scores.max(axis=1), rtol=1e-12)  # equal but for ties


@pytest.mark.parametrize(
    ("ids", "truth"),
    [([], []), ([[GOOD]], [0, 1]), ([[GOOD], [5]], [0, 1]), ([[GOOD], [BAD]], [0, 2]), ([[GOOD]], [-1])],
)
def test_fit_rejects_bad_input(ids, truth):
    with pytest.raises(ValueError):
        NaiveBayes.fit(texts(*ids), np.array(truth, int), labels=2, vocab_size=5)
