"""Several LSTMs that are trained apart and answer together: one LSTM whose matrices have blocks of zeros.

Networks that start elsewhere make different mistakes; the mean of their logits makes fewer than any of them. No new
kind of model is needed for that. Place the embeddings of the members side by side, and their matrices along the
diagonal of larger ones, with zeros everywhere else: then no member sees anything of another, and the head adds up what
they say. While training each member has a loss of its own, and the zeros stay zeros, because nothing leads back to
them. Only the bias of the head is one for all.

Source: Hansen and Salamon, Neural Network Ensembles (1990). Left out: members that see different texts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lstmctl.config import ModelConfig
from lstmctl.model.lstm import Floats

Slices = dict[str, tuple[NDArray[np.int64], ...]]


def member_config(config: ModelConfig, ensemble_size: int) -> ModelConfig:
    """What one of the members is by itself."""
    return replace(config, embedding_dim=config.embedding_dim // ensemble_size, units=config.units // ensemble_size)


def member_slices(config: ModelConfig, member: int, ensemble_size: int) -> Slices:
    """Tensor name → for each of its axes, which places belong to the member."""

    def own(size: int, blocks: int = 1) -> NDArray[np.int64]:
        """Of so many `blocks` of `size`, one behind the other, the member's part of each."""
        part = size // ensemble_size
        return (np.arange(blocks)[:, None] * size + member * part + np.arange(part)).ravel()

    directions = len(config.directions)
    found: Slices = {"embedding": (np.arange(config.vocab_size), own(config.embedding_dim))}
    for layer in range(config.layers):
        inputs = own(config.embedding_dim) if layer == 0 else own(config.units, directions)
        for direction in config.directions:
            name, gates = f"lstm.{layer}.{direction}.", own(config.units, 4)
            found[name + "kernel"] = (inputs, gates)
            found[name + "recurrent_kernel"] = (own(config.units), gates)
            found[name + "bias"] = (gates,)
    found["head.kernel"] = (own(config.units, directions * len(config.pools)), np.arange(config.outputs))
    found["head.bias"] = (np.arange(config.outputs),)
    return found


def join_members(config: ModelConfig, parts: Sequence[Mapping[str, Floats]]) -> dict[str, Floats]:
    """The weights of a model that answers with the mean of its members' logits."""
    weights = {name: np.zeros(shape, np.float32) for name, shape in config.shapes().items()}
    for member, part in enumerate(parts):
        for name, axes in member_slices(config, member, len(parts)).items():
            share = np.float32(len(parts)) if name.startswith("head.") else np.float32(1)
            weights[name][np.ix_(*axes)] += part[name] / share
    return weights
