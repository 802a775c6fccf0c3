"""Members of an ensemble are found in the weights, and computed apart with the results of the whole."""

import numpy as np
import pytest

from lstmctl.config import ModelConfig
from lstmctl.model import members
from lstmctl.model.classifier import Classifier
from lstmctl.model.members import member_count, member_slices
from lstmctl.model.text import Vocabulary

SHAPES = [
    {},
    {"bidirectional": True, "pooling": "last+max"},
    {"layers": 2, "pooling": "last+max+mean"},
    {"layers": 2, "bidirectional": True, "labels": ("a", "b", "c")},
    {"layers": 3, "bidirectional": True, "pooling": "last+max+mean"},
]
WORDS = Vocabulary([f"w{number}" for number in range(28)], [1] * 28)
shapes = pytest.mark.parametrize("shape", SHAPES, ids=str)


def ensemble(shape, count):
    """A configuration with 12 units, and random weights of that many members."""
    sizes = {"labels": ("a", "b"), "vocab_size": 30, "embedding_dim": 5, "units": 12}
    config, generator = ModelConfig(**sizes | shape), np.random.default_rng(0)
    weights = {name: np.zeros(size, np.float32) for name, size in config.shapes().items()}
    for member in range(count):
        for name, axes in member_slices(config, member, count).items():
            own = np.ix_(*axes)
            weights[name][own] = generator.normal(0, 0.5, weights[name][own].shape)
    return config, weights


@shapes
@pytest.mark.parametrize("count", [1, 2, 3, 6, 12])
def test_members_are_found(shape, count):
    assert member_count(*ensemble(shape, count)) == count


@shapes
def test_one_number_between_members_joins_them(shape):
    """Wherever it is: then one reads the hidden state of the other."""
    config, weights = ensemble(shape, 3)
    tried = 0
    for name, weight in weights.items():
        between = weight == 0
        for member in range(3):
            between[np.ix_(*member_slices(config, member, 3)[name])] = False
        places = np.argwhere(between)
        for place in map(tuple, places[:: max(1, len(places) // 40)]):
            weight[place] = 1e-30
            reads_it = "recurrent" in name or ("lstm" in name and ".0." not in name)
            assert member_count(config, weights) == (1 if reads_it else 3), name
            weight[place] = 0
            tried += 1
    assert tried > 40


def test_units_that_cannot_be_divided():
    config = ModelConfig(labels=("a", "b"), vocab_size=30, embedding_dim=5, units=13)
    assert member_count(config, {name: np.zeros(size) for name, size in config.shapes().items()}) == 13
    config = ModelConfig(labels=("a", "b"), vocab_size=30, embedding_dim=5, units=17)
    assert member_count(config, {name: np.zeros(size) for name, size in config.shapes().items()}) == 1


@shapes
@pytest.mark.parametrize("count", [2, 3])
def test_apart_as_together(shape, count, monkeypatch):
    """The same numbers as if the zeros were multiplied; and the same bits in every batch."""
    config, weights = ensemble(shape, count)
    generator = np.random.default_rng(1)
    texts = [generator.integers(0, 30, length).astype(np.int32) for length in generator.integers(0, 25, 150)]
    classifier = Classifier(config, WORDS, weights)
    apart = classifier.logits(texts)
    for start, stop in [(0, 1), (7, 8), (10, 12), (100, 117), (0, 100), (1, 150)]:
        assert classifier.logits(texts[start:stop]).tobytes() == apart[start:stop].tobytes()
    assert classifier.logits(texts[::-1])[::-1].tobytes() == apart.tobytes()
    monkeypatch.setattr(members, "member_count", lambda config, weights: 1)
    together = Classifier(config, WORDS, weights).logits(texts)
    np.testing.assert_allclose(apart, together, atol=1e-6)
    assert np.ptp(apart[:, -1]) > 0.5
