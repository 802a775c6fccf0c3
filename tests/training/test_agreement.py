"""NumPy and Keras compute the same probabilities, on real texts of every length."""

from pathlib import Path

import numpy as np
import pytest

from lstmctl.config import DataConfig, ModelConfig
from lstmctl.data.datasets import load
from lstmctl.data.word_ids import learn_vocabulary, truncate_ids
from lstmctl.errors import Disagreement
from lstmctl.model.classifier import Classifier
from lstmctl.model.text import Vocabulary

pytestmark = pytest.mark.training

LONGEST = 2_000


def random_weights(config, *, seed, scale=0.35):
    """Larger than the initial weights of Keras: gates that open and close, as after long training."""
    generator = np.random.default_rng(seed)
    return {name: generator.normal(0, scale, shape).astype(np.float32) for name, shape in config.shapes().items()}


@pytest.fixture(scope="module")
def reviews():
    """1,000 real reviews of 0 to 2,000 words: the lengths are spread evenly, longer ones made of several."""
    data = load(DataConfig(limit=1_500), home=Path("/nowhere"))
    vocabulary, ids = learn_vocabulary([example.text for example in data.train])
    stream = np.concatenate(ids)
    starts = np.linspace(0, stream.size - LONGEST, 1_000).astype(int)
    lengths = np.linspace(0, LONGEST, 1_000).astype(int)
    texts = [stream[start : start + length] for start, length in zip(starts, lengths, strict=True)]
    return vocabulary.first(10_000), texts


TWO, THREE = ("neg", "pos"), ("a", "b", "c")


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
    network = networks.build(config, dropout=0.2, seed=0)
    weights = random_weights(config, seed=len(labels))
    networks.assign(network, config, weights)
    texts = truncate_ids(texts, config)

    ours = Classifier(config, vocabulary, weights).probabilities(texts)
    theirs = np.concatenate(
        [
            networks.probabilities(network, networks.pad(texts[start : start + 100], config))
            for start in range(0, len(texts), 100)
        ]
    )

    assert np.abs(ours - theirs).max() <= 1e-5
    assert np.ptp(ours[:, 0]) > 0.01  # the probabilities differ, so the comparison is sharp


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
