""".keras files made without Keras: a valid one, and its parts for changed ones."""

import io
import json
import zipfile
from collections.abc import Callable, Collection, Mapping
from typing import Any

import h5py
import numpy as np

ROWS, DIMENSION, UNITS, LENGTH = 20, 3, 2, 8
SHAPES = {
    "layers/embedding/vars/0": (ROWS, DIMENSION),
    "layers/lstm/cell/vars/0": (DIMENSION, 4 * UNITS),
    "layers/lstm/cell/vars/1": (UNITS, 4 * UNITS),
    "layers/lstm/cell/vars/2": (4 * UNITS,),
    "layers/dense/vars/0": (UNITS, 1),
    "layers/dense/vars/1": (1,),
}


def layer(kind: str, **settings: Any) -> dict[str, Any]:
    """A layer as Keras saves it."""
    dtype = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}, "registered_name": None}
    config = {"name": kind.lower(), "trainable": True, "dtype": dtype, **settings}
    return {"module": "keras.layers", "class_name": kind, "config": config, "registered_name": None}


def architecture() -> dict[str, Any]:
    """The config.json of a small network like the post's."""
    orthogonal = {"module": "keras.initializers", "class_name": "Orthogonal", "config": {"gain": 1.0}}
    layers = [
        layer("InputLayer", batch_shape=[None, LENGTH], sparse=False, ragged=False),
        layer("Embedding", input_dim=ROWS, output_dim=DIMENSION, mask_zero=False),
        layer(
            "LSTM",
            units=UNITS,
            return_sequences=False,
            activation="tanh",
            recurrent_activation="sigmoid",
            use_bias=True,
            dropout=0.2,
            recurrent_initializer=orthogonal,
        ),
        layer("Dense", units=1, activation="sigmoid", use_bias=True),
    ]
    return {
        "module": "keras",
        "class_name": "Sequential",
        "config": {"name": "sequential", "layers": layers, "build_input_shape": [None, LENGTH]},
        "registered_name": None,
        "compile_config": {"loss": "binary_crossentropy", "metrics": ["acc"]},
    }


def functional() -> dict[str, Any]:
    """The same network as a functional model, with the mask operation that Keras saves for mask_zero."""
    root = architecture()
    layers = root["config"]["layers"]
    layers[1]["config"]["mask_zero"] = True
    for number, each in enumerate(layers):
        each["name"] = each["config"]["name"]
        arguments = [_tensor(layers[number - 1]["name"])] if number else []
        each["inbound_nodes"] = [{"args": arguments, "kwargs": {}}] if number else []
    mask = {
        "module": "keras.src.ops.numpy",
        "class_name": "NotEqual",
        "config": {"name": "not_equal"},
        "registered_name": "NotEqual",
        "name": "not_equal",
        "inbound_nodes": [{"args": [_tensor("inputlayer"), 0], "kwargs": {}}],
    }
    layers[2]["inbound_nodes"][0]["kwargs"] = {"training": False, "mask": _tensor("not_equal")}
    layers.insert(2, mask)
    root["config"] = {"name": "functional", "layers": layers}
    return root | {"module": "keras.src.models.functional", "class_name": "Functional"}


def _tensor(name: str) -> dict[str, Any]:
    config = {"shape": [None, None], "dtype": "float32", "keras_history": [name, 0, 0]}
    return {"class_name": "__keras_tensor__", "config": config}


def weights(change: Callable[[h5py.File], None] = lambda file: None, *, leave_out: Collection[str] = ()) -> bytes:
    """The model.weights.h5 of that network; `change` may modify it."""
    buffer = io.BytesIO()
    generator = np.random.default_rng(0)
    with h5py.File(buffer, "w") as file:
        for name, shape in SHAPES.items():
            if name not in leave_out:
                file.create_dataset(name, data=generator.normal(size=shape).astype("<f4"))
        change(file)
    return buffer.getvalue()


def zeros(*shape: int) -> Any:
    """Zeros of the right type."""
    return np.zeros(shape, "<f4")


def archive(members: Mapping[str, bytes], *, packed: int = zipfile.ZIP_STORED) -> bytes:
    """A ZIP archive of these members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", packed) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return buffer.getvalue()


def keras_file(
    config: Mapping[str, Any] | bytes | None = None, h5: bytes | None = None, *, packed: int = zipfile.ZIP_STORED
) -> bytes:
    """A complete .keras file."""
    text = config if isinstance(config, bytes) else json.dumps(config or architecture()).encode()
    return archive(
        {"metadata.json": b'{"keras_version": "3.13.0"}', "config.json": text, "model.weights.h5": h5 or weights()},
        packed=packed,
    )
