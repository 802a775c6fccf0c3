"""Ensembles: several LSTMs trained separately, whose logits are averaged, stored as one LSTM with blocks of zeros.

Networks with different initial weights make different mistakes; the mean of their logits makes fewer than any of them.
This needs no new kind of model. The members share the embedding, and their recurrent matrices become the diagonal
blocks of a larger one with zeros elsewhere: no member depends on another, and the head adds up their logits. While
training, each member has a loss of its own, and the zeros stay zeros, because their gradients are zero. The bias of the
head is shared too.

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
    """The configuration of a single member."""
    return replace(config, units=config.units // ensemble_size)


def member_slices(config: ModelConfig, member: int, ensemble_size: int) -> Slices:
    """Tensor name → for each of its axes, the indices that belong to the member."""

    def own(size: int, blocks: int = 1) -> NDArray[np.int64]:
        """The member's indices in each of `blocks` consecutive blocks of `size`."""
        part = size // ensemble_size
        return (np.arange(blocks)[:, None] * size + member * part + np.arange(part)).ravel()

    directions = len(config.directions)
    slices: Slices = {"embedding": (np.arange(config.vocab_size), np.arange(config.embedding_dim))}
    for layer in range(config.layers):
        first = np.arange(config.embedding_dim + config.ngram_inputs)
        inputs = first if layer == 0 else own(config.units, directions)
        for direction in config.directions:
            name, gates = f"lstm.{layer}.{direction}.", own(config.units, 4)
            slices[name + "kernel"] = (inputs, gates)
            slices[name + "recurrent_kernel"] = (own(config.units), gates)
            slices[name + "bias"] = (gates,)
    slices["head.kernel"] = (own(config.units, directions * len(config.pools)), np.arange(config.outputs))
    slices["head.bias"] = (np.arange(config.outputs),)
    return slices


def join_members(config: ModelConfig, parts: Sequence[Mapping[str, Floats]]) -> dict[str, Floats]:
    """The weights of a model whose logits are the mean of its members' logits."""
    weights = {name: np.zeros(shape, np.float32) for name, shape in config.shapes().items()}
    for member, part in enumerate(parts):
        for name, axes in member_slices(config, member, len(parts)).items():
            if name == "embedding":  # that of the first member
                weights[name] = parts[0][name]
                continue
            divisor = np.float32(len(parts)) if name.startswith("head.") else np.float32(1)
            weights[name][np.ix_(*axes)] += part[name] / divisor
    return weights
