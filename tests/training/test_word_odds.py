"""Naive Bayes log odds in the embedding: of all texts in the model, of all other texts for each training text."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from training.test_fit import planned

from lstmctl.config import FIRST_WORD, UNKNOWN, ModelConfig
from lstmctl.evaluation.baselines import NaiveBayes
from lstmctl.training.embedding import word_odds

ids = st.lists(st.integers(UNKNOWN, 6), max_size=6)
texts_and_labels = st.lists(st.tuples(ids, st.integers(0, 2)), min_size=1, max_size=8)


def likelihoods(texts, truth, *, labels, vocab_size):
    """log P(word | label) of the words that naive Bayes counts, from the module of the baselines."""
    return NaiveBayes.fit(texts, truth, labels=labels, vocab_size=vocab_size).likelihood


def odds_of(texts, truth, **shape):
    model = ModelConfig(**{"labels": ("a", "b"), "vocab_size": 7, "embedding_dim": 6, **shape})
    return word_odds(texts, truth, model)


@settings(max_examples=200, deadline=None)
@given(rows=texts_and_labels, labels=st.sampled_from([2, 3]))
def test_text_sees_the_odds_of_all_others(rows, labels):
    texts = [np.array(text, np.int32) for text, _ in rows]
    truth = np.array([label % labels for _, label in rows], np.int64)
    odds = odds_of(texts, truth, labels=("a", "b", "c")[:labels])

    def expected(logs, words):
        differences = logs[1:] - logs[:1] if labels == 2 else logs - logs.mean(axis=0)
        return differences.T[words]

    everything = likelihoods(texts, truth, labels=labels, vocab_size=7)
    known = np.arange(FIRST_WORD, 7)
    np.testing.assert_allclose(odds.table[known], expected(everything, known), atol=1e-6)
    assert not odds.table[:FIRST_WORD].any()
    start = 0
    for number, text in enumerate(texts):
        own = odds.own[start : start + len(text)]
        start += len(text)
        seen = odds.table[text] + own[:, None] * odds.axes[truth[number]]
        nothing = np.empty(0, np.int32)
        others = [nothing if index == number else words for index, words in enumerate(texts)]
        without = likelihoods(others, truth, labels=labels, vocab_size=7)
        words = text >= FIRST_WORD
        np.testing.assert_allclose(seen[words], expected(without, text[words]), atol=1e-6)
        assert not seen[~words].any()


def test_largest_contrasts_of_many_labels():
    """Twelve labels in four groups that use the same words: three directions separate them."""
    generator = np.random.default_rng(0)
    truth = np.repeat(np.arange(12), 20)
    texts = [2 + 10 * (label % 4) + generator.integers(0, 10, 30).astype(np.int32) for label in truth]
    labels = tuple("abcdefghijkl")
    full = odds_of(texts, truth, labels=labels, vocab_size=42, embedding_dim=24)
    few = odds_of(texts, truth, labels=labels, vocab_size=42, embedding_dim=6)
    assert (full.table.shape[1], few.table.shape[1]) == (12, 3)
    assert np.square(few.table).sum() > 0.97 * np.square(full.table).sum()


def test_recipe_without_odds():
    assert planned(word_odds="none").odds is None
    assert planned(word_odds="naive-bayes").odds is not None


@pytest.mark.training
@pytest.mark.parametrize("optimizer", ["rmsprop", "adam"])
def test_odds_are_not_trained(optimizer):
    from training.test_fit import start

    plan = planned(optimizer=optimizer, epochs=1)
    fitting = start(plan)
    before = fitting.weights()["embedding"]
    for _ in fitting:
        pass
    after = fitting.weights()["embedding"]
    np.testing.assert_array_equal(after[:, :1], plan.odds.table)
    assert (after[FIRST_WORD:, 1:] != before[FIRST_WORD:, 1:]).all()


@pytest.mark.training
def test_step_sees_the_odds_of_other_texts():
    """The forward pass of a step, against the same network with the odds that the text may see in its table."""
    import tensorflow as tf
    from training.test_fit import start

    from lstmctl.training import forward

    plan = planned(dropout=0.0)
    plan = replace(
        plan, odds=plan.odds._replace(own=1000 * plan.odds.own)
    )  # or the difference would be too small to notice
    fitting = start(plan)
    text = 5
    words, lengths, own = fitting._steps._batch(tf.constant([text]))
    truth = plan.train.truth[text]
    odds = own[:, :, None] * plan.odds.axes[truth][None, None]
    settings = {"read": forward.kernel("fused", parts=1), "dropout": forward.Dropout(0.0), "seed": tf.constant([0, 0])}
    seen = forward.logits(
        fitting.network,
        plan.model,
        forward.embed(fitting.network, words, unknown=False),
        lengths,
        odds=odds,
        **settings,
    )
    embeddings = fitting.network.get_layer("embedding").embeddings
    table = embeddings.numpy()
    read = plan.train.ids[text]
    begin = sum(map(len, plan.train.ids[:text]))
    table[read, 0] += plan.odds.own[begin : begin + len(read)] * plan.odds.axes[truth, 0]
    embeddings.assign(table)
    plain = forward.logits(
        fitting.network, plan.model, forward.embed(fitting.network, words, unknown=False), lengths, **settings
    )
    np.testing.assert_allclose(seen, plain, atol=1e-6)
    assert np.abs(plan.odds.own[begin : begin + len(read)]).min() > 0.1  # so the comparison is sharp
