"""Weights in safetensors bytes: written by the library, read more strictly."""

import json

import numpy as np
import pytest
from safetensors.numpy import load, save

from lstmctl.config import ModelConfig
from lstmctl.registry.tensors import MAX_HEADER, MAX_VALUE, limit, pack, unpack

SHAPES = {"embedding": (3, 2), "kernel": (2, 8), "bias": (8,)}


def tensors() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    return {name: generator.standard_normal(shape).astype(np.float32) for name, shape in SHAPES.items()}


def file(header: object, data: bytes = bytes(4 * 30), *, length: int | None = None) -> bytes:
    """A file with any header, padded as the library pads."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def header(**changes: object) -> dict[str, object]:
    entries: dict[str, object] = {
        "embedding": {"dtype": "F32", "shape": [3, 2], "data_offsets": [0, 24]},
        "kernel": {"dtype": "F32", "shape": [2, 8], "data_offsets": [24, 88]},
        "bias": {"dtype": "F32", "shape": [8], "data_offsets": [88, 120]},
    }
    return entries | changes


def entry(dtype: object = "F32", shape: object = (8,), data_offsets: object = (88, 120)) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": data_offsets}


def test_round_trip_with_the_library():
    original = tensors()
    data = pack(original, SHAPES)
    assert data == pack(dict(reversed(original.items())), SHAPES)
    for read in (unpack(data, SHAPES), load(data)):
        assert set(read) == set(SHAPES)
        for name, tensor in original.items():
            assert read[name].tobytes() == tensor.tobytes()
            assert read[name].dtype == np.float32


def test_non_contiguous_arrays():
    original = tensors() | {"kernel": np.arange(16, dtype=np.float32).reshape(8, 2).T}
    assert np.array_equal(unpack(pack(original, SHAPES), SHAPES)["kernel"], original["kernel"])


def test_header_of_largest_model():
    config = ModelConfig(labels=("a", "b"), layers=8, bidirectional=True, units=2, embedding_dim=2, vocab_size=2)
    shapes = config.shapes()
    data = pack({name: np.zeros(shape, np.float32) for name, shape in shapes.items()}, shapes)
    assert len(data) <= limit(shapes)
    assert int.from_bytes(data[:8], "little") < MAX_HEADER


def test_limit_is_exact():
    """The largest header that is read makes a file as large as may be, and one of eight bytes more is refused."""
    text = json.dumps(header()).encode()
    largest = file(text + b" " * (MAX_HEADER - len(text)))
    assert len(largest) == limit(SHAPES)
    assert set(unpack(largest, SHAPES)) == set(SHAPES)
    with pytest.raises(ValueError, match="invalid header length"):
        unpack(file(text + b" " * (MAX_HEADER + 8 - len(text))), SHAPES)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 2 * MAX_VALUE])
@pytest.mark.parametrize("name", SHAPES)
def test_non_finite_value_in_any_tensor(name, value):
    spoilt = tensors()
    spoilt[name].flat[-1] = value
    with pytest.raises(ValueError, match=f'"{name}" that is not finite'):
        pack(spoilt, SHAPES)
    with pytest.raises(ValueError, match=f'"{name}" that is not finite'):
        unpack(save(spoilt), SHAPES)


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.pop("bias"),
        lambda t: t.update(extra=t["bias"]),
        lambda t: t.update(bias=t["bias"][:7]),
        lambda t: t.update(kernel=t["kernel"].T),
        lambda t: t.update(bias=t["bias"].astype(np.float64)),
        lambda t: t.update(bias=t["bias"].astype(np.float16)),
        lambda t: t.update(bias=t["bias"].astype(np.int32)),
    ],
)
def test_wrong_tensors(change):
    others = tensors()
    change(others)
    with pytest.raises(ValueError, match="bias|kernel|extra"):
        pack(others, SHAPES)
    with pytest.raises(ValueError, match=r"tensors|bias|kernel"):
        unpack(save({name: np.ascontiguousarray(tensor) for name, tensor in others.items()}), SHAPES)


UNALIGNED = json.dumps(header()).encode() + b" " * (-len(json.dumps(header())) % 8 + 4)
ATTACKS = {
    "empty": b"",
    "short": b"1234567",
    "no header": file(b"", length=0),
    "header of 2^31": file(header(), length=2**31),
    "header of 2^63": file(header(), length=2**63),
    "header of 2^64-1": file(header(), length=2**64 - 1),
    "header past the end": file(header(), bytes(0), length=4096),
    "header over the limit": file(json.dumps(header()).encode() + b" " * MAX_HEADER),
    "header not aligned": b"".join([(len(UNALIGNED)).to_bytes(8, "little"), UNALIGNED, bytes(120)]),
    "header is a list": file([1]),
    "header is nested deeply": file(b"[" * 60_000),
    "header has a name twice": file(json.dumps(header()).encode()[:-1] + b', "bias": {}}'),
    "header has 3,000 tensors": file({f"t{number}": 0 for number in range(3_000)}),
    "metadata": file(header(__metadata__={"format": "pt"})),
    "a tensor is missing": file({name: value for name, value in header().items() if name != "bias"}),
    "an entry is a list": file(header(bias=[1])),
    "an entry has more": file(header(bias=entry() | {"strides": [1]})),
    "float64": file(header(bias=entry(dtype="F64"))),
    "an object as type": file(header(bias=entry(dtype={"a": 1}))),
    "another shape": file(header(bias=entry(shape=[4, 2]))),
    "a negative shape": file(header(bias=entry(shape=[-8]))),
    "a shape of 2^62": file(header(bias=entry(shape=[2**62]))),
    "an offset too many": file(header(bias=entry(data_offsets=[88, 120, 130]))),
    "no offsets": file(header(bias=entry(data_offsets=None))),
    "float offsets": file(header(bias=entry(data_offsets=[88.0, 120.0]))),
    "boolean offsets": file(header(embedding=entry(shape=[3, 2], data_offsets=[False, 24]))),
    "negative offsets": file(header(bias=entry(data_offsets=[-32, 0]))),
    "overlap": file(header(bias=entry(data_offsets=[24, 56]))),
    "gap": file(header(bias=entry(data_offsets=[92, 124])), bytes(124)),
    "a span of the wrong size": file(header(bias=entry(data_offsets=[88, 116])), bytes(116)),
    "an offset of 5,000 digits": file(json.dumps(header()).encode().replace(b"120", b"1" * 5_000)),
    "cut": file(header(), bytes(119)),
    "something at the end": file(header(), bytes(121)),
    "no numbers": file(header(), b""),
}


@pytest.mark.parametrize("data", ATTACKS.values(), ids=ATTACKS)
def test_hostile_files(data):
    with pytest.raises(ValueError, match="has |is "):
        unpack(data, SHAPES)


def test_any_order_in_the_file():
    data = file(
        {
            "bias": {"dtype": "F32", "shape": [8], "data_offsets": [0, 32]},
            "embedding": {"dtype": "F32", "shape": [3, 2], "data_offsets": [32, 56]},
            "kernel": {"dtype": "F32", "shape": [2, 8], "data_offsets": [56, 120]},
        },
        np.arange(30, dtype="<f4").tobytes(),
    )
    assert unpack(data, SHAPES)["embedding"].tolist() == [[8, 9], [10, 11], [12, 13]]
