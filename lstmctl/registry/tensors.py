"""Weights as safetensors: a header of names, types, shapes and places, then the numbers.

Written with the safetensors library. Read here, more strictly than by the library: what a file may hold is known from
the model's configuration beforehand, so anything else is refused. Layout: 8 bytes with the header's length, little
endian; the header, JSON; the tensors' bytes without a gap.
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lstmctl.registry import strictjson

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Tensors = Mapping[str, NDArray[np.float32]]

Shapes = Mapping[str, tuple[int, ...]]
# No training goes near this; and with it no product of the forward pass can leave the range of float32.
MAX_VALUE = 1e9
MAX_HEADER = 65_536  # bytes; a model of 8 bidirectional layers needs a tenth


def limit(shapes: Shapes) -> int:
    """The most bytes that a file with tensors of these shapes can have."""
    return 8 + MAX_HEADER + sum(_size(shape) for shape in shapes.values())


def pack(tensors: "Tensors", shapes: Shapes, *, most: float = MAX_VALUE) -> bytes:
    """The bytes of a file with exactly the tensors of `shapes`, with no value beyond `most`.

    Raises:
        ValueError: one is missing, unknown, of another shape or type, or has a value that is no number or too large.
    """
    import numpy as np
    from safetensors.numpy import save

    if wrong := set(tensors) ^ set(shapes):
        raise ValueError(f'has no use for "{min(wrong)}"' if min(wrong) in tensors else f'lacks "{min(wrong)}"')
    for name, shape in shapes.items():
        tensor = tensors[name]
        if tensor.dtype != np.float32 or tensor.shape != shape:
            raise ValueError(f'has "{name}" as {tensor.dtype} {tensor.shape}; it must be float32 {shape}')
    _check_values(tensors, most)
    return save({name: np.ascontiguousarray(tensors[name]) for name in shapes})


def unpack(data: bytes, shapes: Shapes, *, most: float = MAX_VALUE) -> "dict[str, NDArray[np.float32]]":
    """The tensors of a file, in the order of `shapes`: views of `data`, which cannot be written to.

    Raises:
        ValueError: saying in what the file differs from one with exactly these tensors, of finite float32 values.
    """
    import numpy as np

    start = 8 + int.from_bytes(data[:8], "little")
    # With a header of a multiple of 8 bytes, as the library writes it, every number lies where the processor likes it.
    if len(data) < 8 or start > min(len(data), 8 + MAX_HEADER) or start % 8:
        raise ValueError("has a header of an impossible length")
    places = _places(strictjson.parse_object(data[8:start]), shapes)
    if len(data) != start + sum(_size(shape) for shape in shapes.values()):
        raise ValueError("has the wrong length")
    tensors = {
        name: np.frombuffer(data, "<f4", math.prod(shape), start + places[name]).reshape(shape)
        for name, shape in shapes.items()
    }
    _check_values(tensors, most)
    return tensors


def _places(header: dict[str, Any], shapes: Shapes) -> dict[str, int]:
    """Where each tensor begins, from a header that says nothing but what `shapes` implies."""
    if set(header) != set(shapes):
        raise ValueError("has other tensors than its model")
    spans = []
    for name, shape in shapes.items():
        about = header[name]
        if not isinstance(about, dict) or set(about) != {"dtype", "shape", "data_offsets"}:
            raise ValueError(f'has no proper entry for "{name}"')
        if about["dtype"] != "F32" or about["shape"] != list(shape):
            raise ValueError(f'has "{name}" in another type or shape than its model')
        span = about["data_offsets"]
        if not isinstance(span, list) or len(span) != 2 or any(type(place) is not int for place in span):
            raise ValueError(f'has no proper place for "{name}"')
        if span[1] - span[0] != _size(shape):
            raise ValueError(f'has a place of the wrong size for "{name}"')
        spans.append((span[0], span[1], name))
    end = 0
    for first, last, name in sorted(spans):
        if first != end:
            raise ValueError(f'has a gap or an overlap before "{name}"')
        end = last
    return {name: first for first, _, name in spans}


def _check_values(tensors: "Tensors", most: float) -> None:
    import numpy as np

    for name, tensor in tensors.items():
        if not (np.abs(tensor) <= most).all():  # false for NaN too
            raise ValueError(f'has a value in "{name}" that is not finite, or absurdly large')


def _size(shape: tuple[int, ...]) -> int:
    return 4 * math.prod(shape)
