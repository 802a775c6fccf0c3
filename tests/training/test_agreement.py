"""NumPy and Keras compute the same probabilities, on real texts of every length."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lstmctl.config import DataConfig, ModelConfig
from lstmctl.data.datasets import load
from lstmctl.data.word_ids import learn_vocabulary, truncate_ids
from lstmctl.errors import Disagreement
from lstmctl.model.classifier import Classifier, softmax
from lstmctl.model.ngrams import check_table, ngram_keys
from lstmctl.model.text import Vocabulary

pytestmark = pytest.mark.training

LONGEST = 2_000


def random_weights(config, *, seed, scale=0.35):
    """Larger than the initial weights of Keras: gates that open and close, as after long training."""
    generator = np.random.default_rng(seed)
    return {name: generator.normal(0, scale, shape).astype(np.float32) for name, shape in config.shapes().items()}


def random_ngrams(config, texts, *, seed):
    """The configuration with half of the n-grams of these texts, and their table, with random weights."""
    generator = np.random.default_rng(seed)
    keys = np.unique(np.concatenate(ngram_keys(texts, config.ngram_order)[2]))
    keys = keys[(keys > 0) & (generator.random(keys.size) < 0.5)]
    config = replace(config, ngram_count=keys.size).validate()
    table = {
        "ngrams.keys": keys,
        "ngrams.weights": generator.normal(0, 0.5, (keys.size, config.outputs)).astype(np.float16),
        "ngrams.scale": np.array([0.3], np.float32),
        "ngrams.bias": generator.normal(0, 0.5, config.outputs).astype(np.float32),
    }
    check_table(table, config)
    return config, table


def test_inputs_of_a_network_with_ngrams():
    from lstmctl.training import network as networks

    config = ModelConfig(labels=TWO, vocab_size=9, embedding_dim=2, units=3, ngrams="2", ngram_count=1)
    texts = [np.array(text, np.int32) for text in ([2, 3, 4], [], [5, 1])]
    config, table = random_ngrams(config, [*texts, np.arange(2, 9)], seed=0)
    classifier = Classifier(config, Vocabulary([], []), random_weights(config, seed=0) | table)
    words, inputs, logits = networks.network_inputs(texts, classifier)
    assert words.tolist() == [[2, 3, 4], [0, 0, 0], [5, 1, 0]]
    for row, text in zip(inputs, texts, strict=True):
        np.testing.assert_array_equal(row[: text.size], classifier.ngram_parts([text]).inputs)
        assert not row[text.size :].any()
    np.testing.assert_allclose(logits, classifier.ngram_parts(texts).logits, rtol=1e-6)
    assert {array.dtype for array in (inputs, logits)} == {np.dtype(np.float32)}


@pytest.fixture(scope="module")
def reviews():
    """1,000 real reviews of 0 to 2,000 words: the lengths are spread evenly, longer ones made of several."""
    data = load(DataConfig(limit=1_500), home=Path("/nowhere"))
    vocabulary, ids = learn_vocabulary([example.text for example in data.train], tokenizer="words-2")
    stream = np.concatenate(ids)
    starts = np.linspace(0, stream.size - LONGEST, 1_000).astype(int)
    lengths = np.linspace(0, LONGEST, 1_000).astype(int)
    texts = [stream[start : start + length] for start, length in zip(starts, lengths, strict=True)]
    return vocabulary.first(10_000), texts


TWO, THREE = ("neg", "pos"), ("a", "b", "c")
MANY = tuple(f"label {number}" for number in range(70))


@pytest.mark.parametrize(
    ("labels", "shape"),
    [
        (TWO, {}),
        (THREE, {}),
        (TWO, {"padding": "pre"}),
        (TWO, {"bidirectional": True}),
        (THREE, {"layers": 3}),
        (TWO, {"layers": 2, "bidirectional": True}),
        (TWO, {"layers": 2, "bidirectional": True, "padding": "pre"}),
        (TWO, {"pooling": "last+max"}),
        (THREE, {"layers": 2, "bidirectional": True, "pooling": "last+max"}),
        (TWO, {"pooling": "last+max+mean"}),
        (TWO, {"pooling": "last+max+mean", "padding": "pre"}),
        (THREE, {"layers": 2, "bidirectional": True, "pooling": "last+max+mean"}),
        (TWO, {"ngrams": "1"}),
        (TWO, {"ngrams": "2", "bidirectional": True}),
        (TWO, {"ngrams": "3", "pooling": "last+max"}),
        (TWO, {"ngrams": "3", "layers": 2, "bidirectional": True, "pooling": "last+max+mean"}),
        (THREE, {"ngrams": "1", "layers": 2}),
        (THREE, {"ngrams": "2", "pooling": "last+max+mean"}),
        (THREE, {"ngrams": "3", "bidirectional": True}),
        (MANY, {"ngrams": "1"}),
    ],
    ids=str,
)
def test_a_thousand_reviews(reviews, labels, shape):
    from lstmctl.training import network as networks

    vocabulary, texts = reviews
    texts = texts if not shape else texts[:: len(texts) // 100]  # Keras is slow at the others
    config = ModelConfig(
        labels=labels, vocab_size=len(vocabulary), max_len=LONGEST if not shape else 500, units=24, **shape
    )
    texts = truncate_ids(texts, config)
    assert {text.size for text in texts} >= {0, config.max_len}
    table = {}
    if config.ngram_order:
        config, table = random_ngrams(config, texts, seed=len(labels))
    network = networks.build(config, dropout=0.2, seed=0)
    weights = random_weights(config, seed=len(labels))
    networks.assign(network, config, weights)

    classifier = Classifier(config, vocabulary, weights | table)
    ours = classifier.probabilities(texts)
    theirs = np.concatenate(
        [
            networks.probabilities(network, networks.network_inputs(texts[start : start + 100], classifier))
            for start in range(0, len(texts), 100)
        ]
    )

    assert np.abs(ours - theirs).max() <= 1e-5
    assert np.ptp(ours[:, 0]) > 0.01  # the probabilities differ, so the comparison is sharp
    if config.ngram_order:  # neither inputs nor logits of the n-grams are left out
        parts = classifier.ngram_parts(texts)
        for other in (parts._replace(inputs=0 * parts.inputs), parts._replace(logits=0 * parts.logits)):
            without = softmax(classifier.logits(texts, ngrams=other))
            assert np.abs(without - ours).max() > (0.01 if other.inputs.size else -1)


def test_weights_into_keras_and_back():
    from lstmctl.training import network as networks

    config = ModelConfig(labels=THREE, vocab_size=20, embedding_dim=3, units=5, layers=2, bidirectional=True)
    weights = random_weights(config, seed=0)
    network = networks.build(config, dropout=0.0, seed=0)
    assert {name: value.shape for name, value in networks.weights(network, config).items()} == config.shapes()
    networks.assign(network, config, weights)
    for name, value in networks.weights(network, config).items():
        np.testing.assert_array_equal(value, weights[name])


def test_disagreement_is_an_error():
    from lstmctl.training import finish
    from lstmctl.training import network as networks
    from lstmctl.training.prepare import EncodedPart, Plan

    config = ModelConfig(labels=("neg", "pos"), vocab_size=20, embedding_dim=3, units=5, max_len=30)
    network = networks.build(config, dropout=0.0, seed=0)
    texts = [np.arange(2, 2 + length, dtype=np.int32) for length in range(15)]
    plan = object.__new__(Plan)
    object.__setattr__(plan, "model", config)
    object.__setattr__(plan, "validation", EncodedPart(texts, np.zeros(15, np.int64)))
    right = networks.weights(network, config)
    assert finish.check_agreement(network, Classifier(config, Vocabulary([], []), right), plan) <= 1e-5
    for name in right:
        wrong = {**right, name: right[name] + np.float32(0.01)}
        with pytest.raises(Disagreement, match="disagree"):
            finish.check_agreement(network, Classifier(config, Vocabulary([], []), wrong), plan)


def test_sample_has_all_lengths():
    from lstmctl.training.finish import sample_texts

    texts = [np.ones(length, np.int32) for length in range(200)]
    lengths = [len(text) for text in sample_texts(texts, max_len=500)]
    assert {0, 1, 500} <= set(lengths)
    assert len(lengths) <= 70
    assert sample_texts([np.empty(0, np.int32)], max_len=3)[-1].tolist() == [1, 1, 1]
