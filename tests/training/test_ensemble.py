"""Ensembles: each member as if it were alone, the model their mean, and the zeros between them untouched."""

import numpy as np
import pytest
from training.test_fit import planned, start

from lstmctl.config import ModelConfig
from lstmctl.history import EpochRecord
from lstmctl.model.classifier import Classifier
from lstmctl.model.text import Vocabulary
from lstmctl.training.ensemble import join_members, member_config, member_slices

SHAPES = [
    {},
    {"bidirectional": True, "pooling": "last+max"},
    {"layers": 2, "bidirectional": True, "labels": ("a", "b", "c")},
]
WORDS = Vocabulary([f"w{number}" for number in range(28)], [1] * 28)
TEXTS = [np.array(text, np.int32) for text in ([2, 3, 4, 5], [6, 7, 29], [], [1])]


def parts_of(shape, members):
    config = ModelConfig(**{"labels": ("a", "b"), "vocab_size": 30, "embedding_dim": 6, "units": 9, **shape})
    alone, generator = member_config(config, members), np.random.default_rng(0)
    shapes = alone.shapes().items()
    parts = [{name: generator.normal(0, 0.5, size).astype(np.float32) for name, size in shapes} for _ in range(members)]
    return config, alone, parts


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_model_is_the_mean_of_its_members(shape):
    config, alone, parts = parts_of(shape, 3)
    together = Classifier(config, WORDS, join_members(config, parts)).logits(TEXTS)
    apart = [Classifier(alone, WORDS, part).logits(TEXTS) for part in parts]
    np.testing.assert_allclose(together, np.mean(apart, axis=0), atol=1e-6)
    assert np.std(apart, axis=0).max() > 0.1


@pytest.mark.training
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_member_in_training_is_as_alone(shape):
    import tensorflow as tf

    from lstmctl.training import forward
    from lstmctl.training import network as networks

    config, alone, parts = parts_of(shape, 3)
    parts = [{**part, "head.bias": parts[0]["head.bias"]} for part in parts]  # which they share
    network = networks.build(config, dropout=0.0, seed=0)
    networks.assign(network, config, join_members(config, parts))
    words, lengths = (
        forward.embed(network, networks.pad(TEXTS, config), unknown=False),
        tf.constant([text.size for text in TEXTS]),
    )
    settings = {"read": forward.kernel("fused", parts=1), "dropout": forward.Dropout(0.0), "seed": tf.constant([0, 0])}
    for member, part in enumerate(parts):
        logits = forward.logits(network, config, words, lengths, member=member, ensemble_size=3, **settings)
        expected = Classifier(alone, WORDS, part).logits(TEXTS)[:, -config.outputs :]
        np.testing.assert_allclose(logits, expected, atol=1e-5)


@pytest.mark.training
def test_members_are_trained_separately():
    plan = planned(ensemble_size=2, dropout=0.3, word_dropout=0.2, clip_norm=1.0, optimizer="adam")
    fitting = start(plan)
    before = fitting.weights()
    records = [event for event in fitting if isinstance(event, EpochRecord)]
    assert records[-1].val_accuracy == 1.0
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
