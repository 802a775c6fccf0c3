"""A model with less in it, for a small page: weights in 8 bits, and only the n-grams that matter most.

Each row of a matrix is rounded to steps between its largest number and the negative of it. Of the n-grams of several
words, a share with the largest weights stays. What that costs is not guessed: `measure_loss` compares the predictions
of both models for texts, those of the model's own test part if its data can be read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lstmctl.config import ModelConfig
from lstmctl.model.classifier import Classifier
from lstmctl.model.lstm import Floats
from lstmctl.model.ngrams import BITS
from lstmctl.model.text import Vocabulary

# Steps above zero, and the share of n-grams of several words that stays: the first that fits is taken. Fewer steps are
# compressed better, and cost less than n-grams that are missing.
SIZES = ((127, 1.0), (63, 1.0), (31, 1.0), (31, 0.75), (31, 0.5), (31, 0.25), (15, 0.1))


class SmallModel(NamedTuple):
    """The tensors of a model; those with a name in `scales` as int8, each row multiplied by its scale."""

    config: ModelConfig
    tensors: dict[str, NDArray[Any]]
    scales: dict[str, Floats]

    def classifier(self, vocabulary: Vocabulary) -> Classifier:
        """The model in memory, with the numbers that the page has."""
        weights = {
            name: tensor.astype(np.float32) * self.scales[name][:, None] if name in self.scales else tensor
            for name, tensor in self.tensors.items()
        }
        return Classifier(self.config, vocabulary, weights)


def make_small(
    config: ModelConfig, weights: "Mapping[str, NDArray[Any]]", *, steps: int = 127, share: float = 1.0
) -> SmallModel:
    """The small form of a model: with so many steps above zero, and this share of its n-grams of several words."""
    tensors, scales = dict(weights), {}
    if config.ngram_order:
        kept = _strongest(tensors["ngrams.keys"], tensors["ngrams.weights"], share)
        tensors |= {name: tensors[name][kept] for name in ("ngrams.keys", "ngrams.weights")}
        config = replace(config, ngram_count=int(kept.sum()))
    for name, tensor in tensors.items():
        if tensor.ndim == 2 and name != "ngrams.weights" and tensor.shape[1] > 1:
            largest = np.abs(tensor).max(axis=1).astype(np.float32)
            scale = np.where(largest > 0, largest / steps, 1).astype(np.float32)
            tensors[name] = np.round(tensor / scale[:, None]).astype(np.int8)
            scales[name] = scale
    return SmallModel(config, tensors, scales)


def _strongest(keys: NDArray[np.uint64], weights: NDArray[Any], share: float) -> NDArray[np.bool_]:
    """Which n-grams stay."""
    strength = np.abs(weights.astype(np.float32)).max(axis=1)
    kept = np.asarray(keys < np.uint64(1 << BITS))
    longer = np.flatnonzero(~kept)
    order = longer[np.argsort(-strength[longer], kind="stable")]
    kept[order[: round(share * len(longer))]] = True
    if not kept.any():
        kept[0] = True
    return kept


class Loss(NamedTuple):
    """What a small model predicts otherwise."""

    texts: int
    largest: float  # change of a probability
    mean: float
    changed: int  # texts with another label

    def describe(self, what: str) -> str:
        """In a sentence; `what` says which texts they are."""
        share = f"{self.changed:,} of {self.texts:,} {what} get another label"
        return f"{share}; probabilities change by {self.mean:.4f} on average, {self.largest:.3f} at most"


def measure_loss(full: Classifier, small: Classifier, texts: Sequence[str]) -> Loss:
    """The difference between the predictions of two models."""
    before, after = full.predict(texts), small.predict(texts)
    changes = [
        np.abs(np.subtract(one.probabilities, other.probabilities)).max()
        for one, other in zip(before, after, strict=True)
    ]
    changed = sum(one.label != other.label for one, other in zip(before, after, strict=True))
    return Loss(len(texts), float(np.max(changes)), float(np.mean(changes)), changed)


# For models whose data are elsewhere. Small talk of many kinds; no model is about them.
NEUTRAL = tuple(
    f"{subject} {verb} {judgement}"
    for subject in ("the film", "the food", "the delivery", "this book", "the service", "my order", "the room", "it")
    for verb in ("was", "was not", "is", "is never", "seems")
    for judgement in ("good", "bad", "great", "too late", "as expected", "wonderful", "awful", "fine", "boring", "fast")
)
