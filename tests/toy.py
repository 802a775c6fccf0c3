"""A model that is small enough to be written by hand: good is positive, bad is negative. No TensorFlow."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from lstmctl.config import DataConfig, ModelConfig, TrainConfig
from lstmctl.data.digests import RowDigests
from lstmctl.evaluation.report import measure
from lstmctl.history import EpochRecord
from lstmctl.model.text import Vocabulary
from lstmctl.registry.artifact import ModelFolder, pack, shapes_of
from lstmctl.registry.card import ModelCard
from lstmctl.registry.store import Registry

WORDS = Vocabulary(["good", "bad", "film"], [30, 20, 10])
CONFIG = ModelConfig(labels=("neg", "pos"), vocab_size=len(WORDS), max_len=20, embedding_dim=2, units=3)


def toy_weights(config: ModelConfig = CONFIG) -> dict[str, np.ndarray]:
    """Each unit adds +tanh(1) to the belt for "good" and -tanh(1) for "bad", and forgets a little at each word."""
    weights = {name: np.zeros(shape, np.float32) for name, shape in config.shapes().items()}
    units = config.units
    weights["embedding"][2, 0], weights["embedding"][3, 0] = 1, -1
    decision, forget, candidate, output = (slice(gate * units, (gate + 1) * units) for gate in range(4))
    bias, kernel = weights["lstm.0.forward.bias"], weights["lstm.0.forward.kernel"]
    bias[decision], bias[forget], bias[output] = 2, 1.5, 2
    kernel[0, candidate] = 1
    weights["lstm.0.forward.recurrent_kernel"][:] = 0.01
    weights["head.kernel"][:, -1] = 1
    return weights


# The same with n-grams: good, bad, good film, bad film.
NGRAM_CONFIG = replace(CONFIG, ngrams="2", ngram_count=4)


def ngram_weights() -> dict[str, np.ndarray]:
    """The tensors of the model with n-grams."""
    return toy_weights(NGRAM_CONFIG) | {
        "ngrams.keys": np.array([2, 3, (2 << 21) + 4, (3 << 21) + 4], np.uint64),
        "ngrams.weights": np.array([[1], [-1], [0.5], [-0.5]], np.float16),
        "ngrams.scale": np.array([2], np.float32),
        "ngrams.bias": np.array([0.25], np.float32),
    }


def toy_history(epochs: int = 3) -> tuple[EpochRecord, ...]:
    return tuple(
        EpochRecord(
            epoch=epoch,
            loss=0.6 / epoch,
            accuracy=0.7 + 0.05 * epoch,
            val_loss=0.5 - 0.05 * epoch,
            val_accuracy=0.75 + 0.02 * epoch,
            val_low=0.70 + 0.02 * epoch,
            val_high=0.80 + 0.02 * epoch,
            learning_rate=1e-3,
            seconds=2.0,
        )
        for epoch in range(1, epochs + 1)
    )


def toy_files(*, digests: RowDigests | None = None, **changes: object) -> dict[str, bytes]:
    """The files of the model's folder; `changes` are fields of its card, `digests` those of its rows."""
    card = ModelCard(
        config=CONFIG,
        data=DataConfig(source="imdb"),
        data_sha256="0" * 64,
        rows={"train": 80, "validation": 20, "test": 10},
        training=TrainConfig(epochs=3, embedding_dim=2, units=3, max_len=20),
        epoch=3,
        created="2026-01-02T03:04:05+00:00",
        seconds=6.0,
        command=("lstmctl", "train", "--epochs", "3"),
        versions={"python": "3.11.7"},
    )
    answers = np.array([[0.9, 0.1]] * 4 + [[0.2, 0.8]] * 6)
    metrics = {
        "test": measure(answers, np.array([0] * 5 + [1] * 5), labels=("neg", "pos")).to_dict(),
        "baselines": {
            "majority_label": "neg",
            "majority": {"validation": 0.5, "test": 0.5},
            "naive_bayes": {"validation": 0.8, "test": 0.7},
        },
    }
    card = replace(card, **changes)
    if len(card.config.labels) != 2:
        del metrics["test"]
    weights = ngram_weights() if card.config == NGRAM_CONFIG else toy_weights(card.config)
    history = toy_history(card.epoch)
    return pack(card, vocabulary=WORDS, weights=weights, metrics=metrics, history=history, digests=digests)


def register_toy(home: Path, name: str = "tiny", **changes: object) -> str:
    """Register the model; its reference."""
    return Registry(home).register(name, toy_files(**changes))


# Every kind of model there is, as changes of the smallest.
SHAPES = [
    {},
    {"labels": ("a", "b", "c")},
    {"padding": "pre"},
    {"bidirectional": True},
    {"layers": 2},
    {"layers": 3, "bidirectional": True, "labels": ("a", "b", "c", "d")},
    {"layers": 2, "bidirectional": True, "padding": "pre"},
    {"pooling": "last+max"},
    {"pooling": "last+max", "layers": 2, "bidirectional": True, "labels": ("a", "b", "c")},
    {"pooling": "last+max+mean"},
    {"pooling": "last+max+mean", "padding": "pre"},
    {"pooling": "last+max+mean", "layers": 2, "bidirectional": True, "labels": ("a", "b", "c")},
]
# Models with n-grams, which have more inputs.
NGRAM_SHAPES = [
    {"ngrams": "1"},
    {"ngrams": "2", "labels": ("a", "b", "c")},
    {"ngrams": "3", "bidirectional": True, "pooling": "last+max"},
    {"ngrams": "2", "layers": 2, "bidirectional": True, "pooling": "last+max+mean", "labels": ("a", "b", "c")},
    {"ngrams": "1", "labels": tuple(f"label {number}" for number in range(70))},
]


def register_random(home: Path, shape: dict[str, object]) -> ModelFolder:
    """A model with the words of the toy and random weights, by the name "it"; its folder."""
    config = ModelConfig(
        **{"labels": ("neg", "pos"), "vocab_size": 5, "max_len": 9, "embedding_dim": 4, "units": 6, **shape}
    )
    generator = np.random.default_rng(len(shape))
    keys = np.array([2, 4, (2 << 21) + 3, (4 << 21) + 4, (3 << 42) + (2 << 21) + 4], np.uint64)
    keys = keys[keys < 1 << 21 * config.ngram_order]
    config = replace(config, ngram_count=keys.size)
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
    weights = {name: generator.normal(0, 0.7, size).astype(np.float32) for name, size in shapes_of(config).items()}
    if config.ngram_order:
        weights |= {"ngrams.keys": keys, "ngrams.weights": weights["ngrams.weights"].astype(np.float16)}
    files = pack(card, vocabulary=WORDS, weights=weights, metrics={}, history=())
    return Registry(home).resolve(Registry(home).register("it", files))


def texts_and_answers(folder: ModelFolder) -> tuple[np.ndarray, np.ndarray]:
    """Texts of all lengths as word ids, padded as the model was trained, and what the model says of them."""
    config, generator = folder.card.config, np.random.default_rng(0)
    texts = [generator.integers(1, 5, length).astype(np.int32) for length in (*range(10), 9, 9)]
    before = config.padding == "pre"
    padded = [np.pad(text, (9 - text.size, 0) if before else (0, 9 - text.size)) for text in texts]
    return np.array(padded), folder.classifier().probabilities(texts)


def ngram_inputs(folder: ModelFolder, words: np.ndarray) -> dict[str, np.ndarray]:
    """What a model with n-grams reads beside the words (texts, longest), which are padded with zeros at the end."""
    classifier, inputs = folder.classifier(), {}
    parts = [classifier.ngram_parts([row[row > 0]]) for row in words]
    if folder.card.config.ngram_inputs:
        padded = [np.pad(part.inputs, ((0, words.shape[1] - len(part.inputs)), (0, 0))) for part in parts]
        inputs["ngram_inputs"] = np.array(padded)
    return inputs | {"ngram_logits": np.concatenate([part.logits for part in parts]).astype(np.float32)}
