"""Small random models with words of many scripts: one of each architecture."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from lstmctl.config import DataConfig, ModelConfig, TrainConfig
from lstmctl.model.ngrams import BITS
from lstmctl.model.text import Vocabulary
from lstmctl.registry.artifact import ModelFolder, pack, shapes_of
from lstmctl.registry.card import ModelCard
from lstmctl.registry.store import Registry

_WORDS = """
the film was not good bad a and it of <start> don't l'été 8/10 3.5 10 ! ? ... :) :( ;) great dull wonderful é naïve
фильм очень хороший не плохой ταινία καλή δεν είναι सिनेमा अच्छा नहीं فيلم جيد ليس סרט טוב לא 영화 좋다 안 好 不 电 影
很 の ス タ ー ห นั ง ดี מאוד 👍🏽 😀 👨‍👩‍👧 🇫🇷 ❤️ phim không hay ფილმი კარგი ֆիլմ լավ சினிமா நல்ல
"""
WORDS = _WORDS.split()

ARCHITECTURES = {
    "plain": {},
    "classic": {"padding": "pre", "max_len": 60},
    "stacked": {"layers": 2, "tokenizer": "words-2"},
    "bidirectional": {"bidirectional": True, "pooling": "last+max+mean", "layers": 2},
    "n-grams": {"ngrams": "3", "tokenizer": "words-2", "pooling": "last+max", "cut": "middle"},
    "many labels": {
        "ngrams": "2",
        "labels": tuple(f"label {number}" for number in range(70)),
        "pooling": "last+max+mean",
    },
    "ensemble": {"ensemble": 2, "labels": ("a", "b", "c"), "pooling": "last+max+mean", "ngrams": "1"},
    "start word": {"start_word": "<start>", "cut": "end", "padding": "pre", "bidirectional": True, "max_len": 40},
}


def make_model(home: Path, name: str, *, seed: int = 0, **changes: object) -> ModelFolder:
    """The model of an architecture, or a plain one with changes; registered in `home`."""
    shape = {**ARCHITECTURES.get(name, {}), **changes}
    ensemble = shape.pop("ensemble", 1)
    vocabulary = Vocabulary(WORDS, range(len(WORDS), 0, -1))
    defaults = {"labels": ("neg", "pos"), "vocab_size": len(vocabulary), "max_len": 80, "embedding_dim": 6, "units": 8}
    config = ModelConfig(**{**defaults, **shape})
    generator = np.random.default_rng(seed)
    keys = np.unique(
        np.concatenate(
            [_keys(generator, order + 1, config) for order in range(config.ngram_order)] or [np.empty(0, np.uint64)]
        )
    )
    config = replace(config, ngram_count=keys.size)
    weights = {each: generator.normal(0, 0.6, size).astype(np.float32) for each, size in shapes_of(config).items()}
    if ensemble > 1:  # independent LSTMs side by side
        units, own = config.units, config.units // ensemble
        same = np.arange(units)[:, None] // own == np.arange(units) // own
        weights["lstm.0.forward.recurrent_kernel"] *= np.tile(same, 4)
    if config.ngram_order:
        weights |= {
            "ngrams.keys": keys.astype(np.uint64),
            "ngrams.weights": weights["ngrams.weights"].astype(np.float16),
        }
    card = ModelCard(
        config=config,
        data=DataConfig(),
        data_sha256="0" * 64,
        rows={},
        training=TrainConfig(),
        epoch=0,
        created="2026-01-02T03:04:05+00:00",
        seconds=0.0,
        command=(),
        versions={},
    )
    files = pack(card, vocabulary=vocabulary, weights=weights, metrics={}, history=())
    registry = Registry(home)
    return registry.resolve(registry.register("it", files))


def _keys(generator: np.random.Generator, order: int, config: ModelConfig) -> np.ndarray:
    """Keys of n-grams of one length: half of all words, and as many longer ones."""
    words = generator.integers(2, config.vocab_size, (3 * config.vocab_size, order)).astype(np.uint64)
    return sum(words[:, place] << np.uint64(BITS * (order - 1 - place)) for place in range(order))
