"""The members of an ensemble: LSTMs that are the diagonal blocks of a larger one, with zeros between them.

Such a model is stored like any other (`lstmctl.training.ensemble` says why and makes them). The blocks are found in the
weights, so that the forward pass need not multiply the zeros: with three members these are two thirds of the work.
"""

from collections.abc import Mapping
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmctl.config import ModelConfig
from lstmctl.model.lstm import KERAS_ORDER, Matrices, matrices_from_keras

MOST_MEMBERS = 16  # as `ensemble_size` in a recipe

Slices = dict[str, tuple[NDArray[np.int64], ...]]


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
            name, gates = f"lstm.{layer}.{direction}.", own(config.units, len(KERAS_ORDER))
            slices[name + "kernel"] = (inputs, gates)
            slices[name + "recurrent_kernel"] = (own(config.units), gates)
            slices[name + "bias"] = (gates,)
    slices["head.kernel"] = (own(config.units, directions * len(config.pools)), np.arange(config.outputs))
    slices["head.bias"] = (np.arange(config.outputs),)
    return slices


def member_count(config: ModelConfig, weights: Mapping[str, NDArray[Any]]) -> int:
    """Into how many LSTMs of equal size these weights fall, none of which reads another's hidden states; mostly 1."""
    reads_hidden_states = [
        weights[f"lstm.{layer}.{direction}.{part}"]
        for layer in range(config.layers)
        for direction in config.directions
        for part in (("recurrent_kernel", "kernel") if layer else ("recurrent_kernel",))
    ]
    for count in range(min(MOST_MEMBERS, config.units), 1, -1):
        if config.units % count == 0 and all(_is_block_diagonal(matrix, count) for matrix in reads_hidden_states):
            return count
    return 1


def _is_block_diagonal(matrix: NDArray[Any], count: int) -> bool:
    """Whether each of the four matrices in `matrix` (units, 4·units), or (2·units, 4·units) above two directions, has
    zeros outside `count` diagonal blocks."""
    part = matrix.shape[1] // (len(KERAS_ORDER) * count)
    blocks = matrix.reshape(-1, count, part, len(KERAS_ORDER), count, part)
    return not any(blocks[:, row, :, :, column].any() for row, column in permutations(range(count), 2))


def member_layers(config: ModelConfig, weights: Mapping[str, NDArray[Any]]) -> list[dict[str, list[Matrices]]]:
    """For each layer and direction, the matrices of every member."""
    count = member_count(config, weights)
    members = []
    for member in range(count):
        own = weights
        if count > 1:
            slices = member_slices(config, member, count)
            own = {name: weights[name][np.ix_(*slices[name])] for name in slices if name.startswith("lstm.")}
        members.append(own)
    return [
        {direction: [layer_matrices(own, layer, direction) for own in members] for direction in config.directions}
        for layer in range(config.layers)
    ]


def layer_matrices(weights: Mapping[str, NDArray[Any]], layer: int, direction: str) -> Matrices:
    """The matrices of one LSTM."""
    parts = ("kernel", "recurrent_kernel", "bias")
    return matrices_from_keras(*(weights[f"lstm.{layer}.{direction}.{part}"] for part in parts))
