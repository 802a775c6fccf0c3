"""Ensembles: each member as if it were alone, the model their mean, and the zeros between them untouched."""

import numpy as np
import pytest
from training.test_agreement import random_ngrams
from training.test_fit import planned, start

from lstmctl.config import ModelConfig
from lstmctl.history import EpochRecord
from lstmctl.model.classifier import Classifier
from lstmctl.model.members import member_slices
from lstmctl.model.text import Vocabulary
from lstmctl.training.ensemble import join_members, member_config

SHAPES = [
    {},
    {"bidirectional": True, "pooling": "last+max"},
    {"layers": 2, "bidirectional": True, "labels": ("a", "b", "c")},
    {"pooling": "last+max+mean", "ngrams": "2"},
    {"layers": 2, "bidirectional": True, "pooling": "last+max+mean", "labels": ("a", "b", "c"), "ngrams": "3"},
]
WORDS = Vocabulary([f"w{number}" for number in range(28)], [1] * 28)
TEXTS = [np.array(text, np.int32) for text in ([2, 3, 4, 5], [6, 7, 29], [], [1])]


def parts_of(shape, members):
    """Members with random weights, the embedding of the first, and the table of n-grams that they share."""
    sizes = {"labels": ("a", "b"), "vocab_size": 30, "embedding_dim": 6, "units": 9, "ngram_count": "ngrams" in shape}
    config, table = ModelConfig(**sizes | shape), {}
    if config.ngram_order:
        config, table = random_ngrams(config, [np.arange(2, 30, dtype=np.int32), *TEXTS], seed=0)
    alone, generator = member_config(config, members), np.random.default_rng(0)
    shapes = alone.shapes().items()
    parts = [{name: generator.normal(0, 0.5, size).astype(np.float32) for name, size in shapes} for _ in range(members)]
    parts = [{**part, "embedding": parts[0]["embedding"]} for part in parts]
    return config, alone, parts, table


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_model_is_the_mean_of_its_members(shape):
    config, alone, parts, table = parts_of(shape, 3)
    assert alone.embedding_dim == config.embedding_dim
    together = Classifier(config, WORDS, join_members(config, parts) | table).logits(TEXTS)
    apart = [Classifier(alone, WORDS, part | table).logits(TEXTS) for part in parts]
    np.testing.assert_allclose(together, np.mean(apart, axis=0), atol=1e-6)
    assert np.std(apart, axis=0).max() > 0.1
    assert (np.std(apart, axis=0)[:, -1] > 0.01).all()


def test_embedding_is_that_of_the_first_member():
    config, _, parts, _ = parts_of({}, 3)
    others = [parts[0], *({**part, "embedding": part["embedding"] + 1} for part in parts[1:])]
    for name, value in join_members(config, others).items():
        np.testing.assert_array_equal(value, join_members(config, parts)[name])


@pytest.mark.training
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_member_in_training_is_as_alone(shape):
    import tensorflow as tf

    from lstmctl.training import forward
    from lstmctl.training import network as networks

    config, alone, parts, table = parts_of(shape, 3)
    parts = [{**part, "head.bias": parts[0]["head.bias"]} for part in parts]  # which they share
    network = networks.build(config, dropout=0.0, seed=0)
    networks.assign(network, config, join_members(config, parts))
    words, lengths = (
        forward.embed(network, networks.pad(TEXTS, config), unknown=False),
        tf.constant([text.size for text in TEXTS]),
    )
    together = Classifier(config, WORDS, join_members(config, parts) | table)
    own = together.ngram_parts(TEXTS)
    _, *more = networks.network_inputs(TEXTS, together)  # those of the n-grams
    settings = {
        "read": forward.kernel("fused", parts=1),
        "dropout": forward.Dropout(0.0),
        "seed": tf.constant([0, 0]),
        "ngram_inputs": more[0] if more else None,
    }
    for member, part in enumerate(parts):
        logits = forward.logits(network, config, words, lengths, member=member, ensemble_size=3, **settings)
        expected = Classifier(alone, WORDS, part | table).logits(TEXTS)[:, -config.outputs :]
        np.testing.assert_allclose(logits, expected - own.logits, atol=1e-5)


@pytest.mark.training
@pytest.mark.parametrize("shape", [{}, {"ngrams": "2", "pooling": "last+max+mean"}], ids=str)
def test_members_are_trained_separately(shape):
    plan = planned(ensemble_size=2, dropout=0.3, word_dropout=0.2, clip_norm=1.0, optimizer="adam", **shape)
    assert (plan.model.units, plan.model.embedding_dim) == (16, 8)
    fitting = start(plan)
    before = fitting.weights()
    records = [event for event in fitting if isinstance(event, EpochRecord)]
    assert records[-1].val_accuracy == (1.0 if not shape else pytest.approx(26 / 30, abs=0.05))
    after = fitting.weights()
    for name, value in after.items():
        own = np.zeros(value.shape, np.bool_)
        for member in range(2):
            own[np.ix_(*member_slices(plan.model, member, 2)[name])] = True
        assert not value[~own].any(), name
        assert (value[own] != before[name][own]).mean() > 0.5, name
    kernel = after["lstm.0.forward.kernel"]
    first, second = (
        kernel[np.ix_(*member_slices(plan.model, member, 2)["lstm.0.forward.kernel"])] for member in range(2)
    )
    assert np.abs(first - second).max() > 0.1
