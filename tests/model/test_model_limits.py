"""A small model cannot ask for unbounded work or memory."""

import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from toy import CONFIG, WORDS, toy_files, toy_weights

from lstmctl.config import MAX_PRODUCTS, MAX_STEPS, DataConfig, ModelConfig, TrainConfig
from lstmctl.data.columns import Example
from lstmctl.data.datasets import Dataset
from lstmctl.errors import Rejected, UsageError
from lstmctl.model import classifier
from lstmctl.model.classifier import Classifier
from lstmctl.registry import artifact
from lstmctl.training import prepare

HEAVY = [
    {"layers": 8, "bidirectional": True, "units": 61, "max_len": 100_000, "padding": "pre"},
    {"layers": 3, "max_len": 100_000},
    {"max_len": 100_000, "padding": "pre"},
    {"units": 1000, "max_len": 1_001, "padding": "pre"},
    {"units": 1000, "max_len": 10_001},
    {"units": 4096, "vocab_size": 200_000, "embedding_dim": 1},
]


@pytest.mark.parametrize("changes", HEAVY, ids=str)
def test_heavy_models_are_refused(changes):
    with pytest.raises(ValueError, match=r"max_len|vocab_size"):
        ModelConfig.from_dict(replace(CONFIG, **changes).to_dict())
    if "vocab_size" not in changes and changes.get("units", 3) == 3:
        card = toy_files()["model.json"]
        for name, value in changes.items():
            new = {True: "true"}.get(value, f'"{value}"' if isinstance(value, str) else value)
            old = getattr(CONFIG, name)
            old = {False: "false"}.get(old, f'"{old}"') if not isinstance(old, int) or isinstance(old, bool) else old
            card = card.replace(f'"{name}": {old}'.encode(), f'"{name}": {new}'.encode(), 1)
        with pytest.raises(Rejected):
            artifact.parse_card(card, "it")


def test_training_says_what_is_too_long():
    with pytest.raises(UsageError, match="--max-len must be at most 40,000 with 500 units, not 100000"):
        replace(CONFIG, units=500, max_len=100_000).validate()


def test_large_networks_are_not_built_for_an_estimate(monkeypatch):
    """The network that is timed is small, and so are its texts."""
    built = []
    monkeypatch.setattr(prepare, "Classifier", lambda config, *rest: built.append(config) or Timed(built))
    rows = [Example(number, f"{word} film " * 300, word) for number in range(40) for word in ("good", "bad")]
    data = Dataset("x", DataConfig(), "0" * 64, ("bad", "good"), tuple(rows), tuple(rows), tuple(rows))
    training = TrainConfig(units=4096, embedding_dim=4096, max_len=500, epochs=1, ensemble_size=1)
    plan = prepare.prepare(data, training, labels=("bad", "good"), home=Path("nowhere"), vectors=False)
    cost = prepare.estimate_cost(plan)
    assert built[0].units <= 512 and built[0].embedding_dim <= 512
    assert sum(map(len, built[1])) * built[0].products < 2 * 10**10
    assert cost.parameters > 10**8 and cost.memory_bytes > 10**9


class Timed:
    """A classifier that notes what it is given."""

    def __init__(self, seen):
        self.probabilities = seen.append


def test_usual_models_are_allowed():
    for changes in ({"units": 512, "max_len": 500, "layers": 2, "bidirectional": True}, {"max_len": 100_000}):
        assert replace(CONFIG, **changes).problem() is None
    assert MAX_STEPS.keys() == MAX_PRODUCTS.keys() == {"masked", "pre"}


@pytest.mark.parametrize("shape", [{}, {"padding": "pre"}, {"layers": 2, "bidirectional": True}], ids=str)
def test_few_texts_at_a_time_give_the_same_bits(monkeypatch, shape):
    config = replace(CONFIG, max_len=20, **shape)
    model = Classifier(config, WORDS, toy_weights(config))
    texts = ["good " * (number % 20) + "bad" for number in range(50)]
    before = model.predict(texts)
    monkeypatch.setattr(classifier, "_WORKING_NUMBERS", 300)
    ids = [model.encode(text).ids for text in texts]
    windows = list(model._windows(ids))
    assert len(windows) > 1 and [0, *(stop for _, stop in windows)] == [*(start for start, _ in windows), 50]
    assert model.predict(texts) == before


def test_memory_follows_the_limit_not_the_number_of_texts(monkeypatch):
    config = replace(CONFIG, layers=2, bidirectional=True, units=16, max_len=300, padding="pre")
    model = Classifier(config, WORDS, toy_weights(config))
    monkeypatch.setattr(classifier, "_WORKING_NUMBERS", 2**17)
    tracemalloc.start()
    try:
        peaks = []
        for count in (2, 16):
            tracemalloc.reset_peak()
            model.logits([np.array([2], np.int32)] * count)
            peaks.append(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]
