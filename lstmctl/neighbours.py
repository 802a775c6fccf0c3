"""Which words a model takes for each other: neighbours in its embedding."""

import numpy as np
from numpy.typing import NDArray

from lstmctl.config import FIRST_WORD
from lstmctl.lstm import Floats


def nearest(embedding: Floats, word: int, count: int) -> list[tuple[int, float]]:
    """The words whose rows of `embedding` (vocab_size, dim) point most nearly the way the row of `word` does.

    Ids and cosines between -1 and 1, nearest first, without the word itself, padding and unknown. A row of zeros has
    no direction; its cosine with anything is 0.
    """
    rows = embedding.astype(np.float64)
    lengths = np.linalg.norm(rows, axis=1)
    directions = rows / np.where(lengths > 0, lengths, 1)[:, None]
    cosines: NDArray[np.float64] = directions @ directions[word]
    cosines[:FIRST_WORD] = cosines[word] = -np.inf
    order = np.argsort(-cosines, kind="stable")[: min(count, len(rows) - FIRST_WORD - 1)]
    return [(int(place), float(cosines[place])) for place in order]
