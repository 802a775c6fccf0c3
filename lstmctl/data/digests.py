"""Eight bytes for each row that a model was made with: enough to recognise the rows again, wherever they are.

A digest is a BLAKE2b hash, keyed with 16 random bytes of the model, of the text in the normal form in which duplicates
are found (`splits.normal_form`): its label, the file, its format and its place do not matter. The texts cannot be read
from the digests; whoever has the model can test whether a text that they know was among its rows.

With n rows in a model, a text that is not among them has a digest of one of them with probability n / 2^64: for
500,000 rows, and as many texts to be looked up, one false match is expected in 70 million such evaluations.

A file of digests is 8 bytes that name the format, the key, and the digests of the training, validation and test rows,
each as a little-endian number of 64 bits, in increasing order within their part.
"""

import hashlib
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from lstmctl.data.splits import normal_form

PARTS = ("train", "validation", "test")
MOST_ROWS = 2**25  # of a model that keeps digests: 256 MiB
_MAGIC = b"lstmdig\1"
_KEY_BYTES = 16
_HEADER = len(_MAGIC) + _KEY_BYTES
_KIND = np.dtype("<u8")


def file_size(rows: Mapping[str, int]) -> int:
    """Bytes of a file of digests for these numbers of rows by part."""
    return _HEADER + _KIND.itemsize * sum(rows.get(part, 0) for part in PARTS)


@dataclass(frozen=True, eq=False)
class RowDigests:
    """The digests of the rows of a model: (rows,) numbers by part, sorted."""

    key: bytes
    parts: Mapping[str, NDArray[np.uint64]]

    @classmethod
    def of(cls, parts: Mapping[str, Iterable[str]], *, key: bytes | None = None) -> Self:
        """The digests of the texts of each part, with a new random key."""
        key = secrets.token_bytes(_KEY_BYTES) if key is None else key
        return cls(key, {part: np.sort(_digests(parts.get(part, ()), key)) for part in PARTS})

    def find(self, texts: Iterable[str]) -> dict[str, NDArray[np.bool_]]:
        """For each part, (texts,): which of the texts are in it. A text can be in several parts."""
        digests = _digests(texts, self.key)
        return {part: _is_in(digests, known) for part, known in self.parts.items()}

    def to_bytes(self) -> bytes:
        """The content of the file."""
        return b"".join([_MAGIC, self.key, *(self.parts[part].astype(_KIND).tobytes() for part in PARTS)])

    @classmethod
    def from_bytes(cls, data: bytes, rows: Mapping[str, int]) -> Self:
        """The digests in an untrusted file of a model with these numbers of rows by part. Raises ValueError with the
        reason."""
        if len(data) != file_size(rows):
            raise ValueError(f"has {len(data):,} bytes; for the rows of the model it would have {file_size(rows):,}")
        if not data.startswith(_MAGIC):
            raise ValueError("does not contain digests of rows")
        numbers = np.frombuffer(data, _KIND, offset=_HEADER).astype(np.uint64, copy=False)
        ends = np.cumsum([rows.get(part, 0) for part in PARTS])
        parts = dict(zip(PARTS, np.split(numbers, ends[:-1]), strict=True))
        if any((part[1:] < part[:-1]).any() for part in parts.values()):
            raise ValueError("has digests that are not in order")
        return cls(data[len(_MAGIC) : _HEADER], parts)


def _digests(texts: Iterable[str], key: bytes) -> NDArray[np.uint64]:
    """(texts,) the digest of each text."""
    blake2b, size = hashlib.blake2b, _KIND.itemsize
    data = b"".join(
        blake2b(normal_form(text).encode("utf-8", "surrogatepass"), digest_size=size, key=key).digest()
        for text in texts
    )
    return np.frombuffer(data, _KIND).astype(np.uint64)


def _is_in(digests: NDArray[np.uint64], known: NDArray[np.uint64]) -> NDArray[np.bool_]:
    if not known.size:
        return np.zeros(digests.shape, np.bool_)
    places = np.minimum(np.searchsorted(known, digests), known.size - 1)
    found: NDArray[np.bool_] = known[places] == digests
    return found


def any_of(found: Mapping[str, NDArray[np.bool_]], parts: Sequence[str]) -> NDArray[np.bool_]:
    """(texts,): which texts are in at least one of these parts; `found` is from `RowDigests.find`."""
    result: NDArray[np.bool_] = np.logical_or.reduce([found[part] for part in parts])
    return result
