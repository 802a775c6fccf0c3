"""Batches of similar length, in an order that is a function of (seed, epoch) alone."""

import numpy as np
from numpy.typing import NDArray

# Batches whose texts are sorted by length together. Fewer waste padding, many more would make the order less random.
GROUP = 50


def order(lengths: NDArray[np.int64], *, batch_size: int, seed: int, epoch: int) -> list[NDArray[np.int64]]:
    """Text numbers of each batch of an epoch: every text once, neighbours of similar length in one batch.

    Philox is keyed, not seeded: two epochs, or two seeds, never share a stream.
    """
    generator = np.random.Generator(np.random.Philox(key=[seed, epoch]))
    shuffled = generator.permutation(lengths.size)
    batches = []
    for start in range(0, lengths.size, GROUP * batch_size):
        group = shuffled[start : start + GROUP * batch_size]
        by_length = group[np.argsort(lengths[group], kind="stable")]
        batches += [by_length[place : place + batch_size] for place in range(0, by_length.size, batch_size)]
    return [batches[place] for place in generator.permutation(len(batches))]
