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

from lstmctl.config import ModelConfig
from lstmctl.model.lstm import Floats
from lstmctl.model.members import member_slices


def member_config(config: ModelConfig, ensemble_size: int) -> ModelConfig:
    """The configuration of a single member."""
    return replace(config, units=config.units // ensemble_size)


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
