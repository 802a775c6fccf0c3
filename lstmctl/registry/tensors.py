"""Weights as safetensors: a header of names, types, shapes and offsets, then the numbers.

Written with the safetensors library; read here, more strictly than by the library: the tensors are known from the
model's configuration, so anything else is rejected. Layout: the length of the header in 8 bytes, little endian; the
header in JSON; the bytes of the tensors without gaps. Both functions raise ValueError with the reason if the tensors
are not exactly those of `shapes`, with the type of their name and finite values up to `maximum`.
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lstmctl.registry import strictjson

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Tensors = Mapping[str, NDArray[Any]]

Shapes = Mapping[str, tuple[int, ...]]
# Trained weights are far smaller; up to this value no product in the forward pass overflows float32.
MAX_VALUE = 1e9
# All tensors are float32 but these, of the n-gram table: the type in safetensors, in NumPy, and its size.
_FLOAT32 = ("F32", "<f4", 4)
_TYPES = {"ngrams.keys": ("U64", "<u8", 8), "ngrams.weights": ("F16", "<f2", 2)}
MAX_HEADER = 65_536  # bytes; a model of 8 bidirectional layers needs a tenth


def limit(shapes: Shapes) -> int:
    """The maximum size in bytes of a file with tensors of these shapes."""
    return 8 + MAX_HEADER + sum(map(_size, shapes, shapes.values()))


def pack(tensors: "Tensors", shapes: Shapes, *, maximum: float = MAX_VALUE) -> bytes:
    """The bytes of a file with these tensors."""
    import numpy as np
    from safetensors.numpy import save

    if wrong := set(tensors) ^ set(shapes):
        raise ValueError(f'has an unknown tensor "{min(wrong)}"' if min(wrong) in tensors else f'lacks "{min(wrong)}"')
    for name, shape in shapes.items():
        tensor = tensors[name]
        dtype = np.dtype(_type_of(name)[1])
        if tensor.dtype != dtype or tensor.shape != shape:
            raise ValueError(f'has "{name}" as {tensor.dtype} {tensor.shape}; it must be {dtype} {shape}')
    _check_values(tensors, maximum)
    return save({name: np.ascontiguousarray(tensors[name]) for name in shapes})


def unpack(data: bytes, shapes: Shapes, *, maximum: float = MAX_VALUE) -> "dict[str, NDArray[Any]]":
    """The tensors of a file, in the order of `shapes`: read-only views of `data`."""
    import numpy as np

    start = 8 + int.from_bytes(data[:8], "little")
    # The library pads the header to a multiple of 8 bytes, so that the numbers are aligned.
    if len(data) < 8 or start > min(len(data), 8 + MAX_HEADER) or start % 8:
        raise ValueError("has an invalid header length")
    offsets = _read_offsets(strictjson.parse_object(data[8:start]), shapes)
    if len(data) != start + sum(map(_size, shapes, shapes.values())):
        raise ValueError("has the wrong length")
    tensors = {
        name: np.frombuffer(data, _type_of(name)[1], math.prod(shape), start + offsets[name]).reshape(shape)
        for name, shape in shapes.items()
    }
    _check_values(tensors, maximum)
    return tensors


def _read_offsets(header: dict[str, Any], shapes: Shapes) -> dict[str, int]:
    """The offset of each tensor, from a header that must describe exactly the tensors of `shapes`."""
    if set(header) != set(shapes):
        raise ValueError("has other tensors than its model")
    spans = []
    for name, shape in shapes.items():
        entry = header[name]
        if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
            raise ValueError(f'has an invalid entry for "{name}"')
        if entry["dtype"] != _type_of(name)[0] or entry["shape"] != list(shape):
            raise ValueError(f'has "{name}" in another type or shape than its model')
        span = entry["data_offsets"]
        is_span = isinstance(span, list) and [type(offset) for offset in span] == [int, int]
        if not is_span or span[1] - span[0] != _size(name, shape):
            raise ValueError(f'has invalid offsets for "{name}"')
        spans.append((span[0], span[1], name))
    end = 0
    for first, last, name in sorted(spans):
        if first != end:
            raise ValueError(f'has a gap or an overlap before "{name}"')
        end = last
    return {name: first for first, _, name in spans}


def _check_values(tensors: "Tensors", maximum: float) -> None:
    """Raises ValueError for a value that is not finite or too large. Every prediction waits for it: no copies."""
    for name, tensor in tensors.items():
        if tensor.dtype.kind == "f" and tensor.size and not _are_within(tensor, maximum):
            raise ValueError(f'has a value in "{name}" that is not finite, or too large')


def _are_within(tensor: "NDArray[Any]", maximum: float) -> bool:
    import numpy as np

    if tensor.dtype == np.float16:  # NumPy has no fast arithmetic for it, but without the sign its bits sort as it does
        return bool(((tensor.view(np.uint16) & 0x7FFF) <= np.float16(min(maximum, 65504.0)).view(np.uint16)).all())
    return bool(tensor.max() <= maximum and tensor.min() >= -maximum)  # false for NaN too


def _type_of(name: str) -> tuple[str, str, int]:
    return _TYPES.get(name, _FLOAT32)


def _size(name: str, shape: tuple[int, ...]) -> int:
    return _type_of(name)[2] * math.prod(shape)
