"""From the config.json of a .keras file to a ModelConfig and the locations of the weights in the file.

Every layer setting that affects predictions must have a value for which `lstm.py` computes the same, so that a file is
rejected rather than misread. Settings used only in training (initializers, regularizers, dropout) may have any value
made of Keras's own public names.

Source: `get_config` of https://keras.io/api/layers/ (Keras 3).
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from lstmctl.config import BOUNDS, MAX_PARAMETER_BYTES, ModelConfig

MAX_FILE = 4 * MAX_PARAMETER_BYTES  # weights, the state of an optimizer, and some room
MAX_RESULT_LINE = 2**20  # bytes of the child process's first line
# Modules of the classes that a file may name.
_PUBLIC = {f"keras.{part}" for part in ("initializers", "layers", "losses", "metrics", "models", "optimizers")}
_MODULES = [
    "keras", "keras.constraints", "keras.regularizers", "keras.optimizers.schedules", "keras.src.models.functional",
    *_PUBLIC,
]  # fmt: skip
_MASK = ("keras.src.ops.numpy", "NotEqual")  # module and class of the operation that masks padding
_TRAINING_ONLY = {
    "name", "trainable", "activity_regularizer", "bias_constraint", "bias_initializer", "bias_regularizer",
    "embeddings_constraint", "embeddings_initializer", "embeddings_regularizer", "kernel_constraint",
    "kernel_initializer", "kernel_regularizer", "recurrent_constraint", "recurrent_initializer",
    "recurrent_regularizer", "dropout", "recurrent_dropout", "seed", "unit_forget_bias", "input_length",
}  # fmt: skip
_CHAIN = re.compile("(InputLayer, )?Embedding(, (LSTM|Bidirectional))+, Dense(, Activation)?")  # apart from dropout
_ANY = object()
_NAME = re.compile(r"[^/\\]{1,200}")  # a name used as a path could lead out of a temporary folder
_PLAIN = {"quantization_config": None, "lora_rank": None, "lora_alpha": None}
# Layer → the settings it may have, and their required values.
_SETTINGS: dict[str, dict[str, Any]] = {
    "InputLayer": {"batch_shape": _ANY, "sparse": False, "ragged": False, "optional": False},
    "Embedding": {"input_dim": _ANY, "output_dim": _ANY, "mask_zero": _ANY} | _PLAIN,
    "Dropout": {"rate": _ANY, "noise_shape": _ANY},
    "SpatialDropout1D": {"rate": _ANY},
    "LSTM": {
        "units": _ANY, "return_sequences": _ANY, "go_backwards": _ANY, "activation": "tanh", "use_bias": True,
        "recurrent_activation": "sigmoid", "return_state": False, "stateful": False,
        "unroll": _ANY, "zero_output_for_mask": _ANY,  # neither changes the states that are read
    },
    "Bidirectional": {"layer": _ANY, "backward_layer": _ANY, "merge_mode": "concat"},
    "Dense": {"units": _ANY, "activation": _ANY, "use_bias": True} | _PLAIN,
    "Activation": {"activation": _ANY},
}  # fmt: skip
_SNAKE_CASE = {"InputLayer": "input_layer", "SpatialDropout1D": "spatial_dropout1d"}


class ArrayLocation(NamedTuple):
    """The path of an array in model.weights.h5, and its shape there."""

    path: str
    shape: tuple[int, ...]


class Network(NamedTuple):
    """The network of a .keras file. `config` has the file's own rows as vocabulary, and numbers as labels."""

    config: ModelConfig
    length: int | None  # words that every text must have, padding included; None: any number
    locations: dict[str, ArrayLocation]  # by the names of `config.shapes()`


class KerasLayer(NamedTuple):
    """A layer's class, the path of its weights in model.weights.h5, and its settings."""

    kind: str
    path: str
    settings: Mapping[str, Any]

    def number(self, name: str, *, maximum: int) -> int:
        """A setting that is a number from 1 to `maximum`."""
        value = self.settings.get(name)
        if type(value) is not int or not 1 <= value <= maximum:
            raise ValueError(f"has a {self.kind} with {name} = {_shown(value)}; 1 to {maximum:,} is supported")
        return value

    def flag(self, name: str) -> bool:
        """A setting that is true or false; false if it is missing."""
        value = self.settings.get(name, False)
        if type(value) is not bool:
            raise ValueError(f"has a {self.kind} with {name} = {_shown(value)}")
        return value


def read_network(root: Mapping[str, Any]) -> Network:
    """The network that a config.json describes. ValueError: it contains something unsupported."""
    _check_classes(root)
    layers = list(_read_layers(root))
    length = _input_length(root, layers)
    kinds = ", ".join(layer.kind for layer in layers if "Dropout" not in layer.kind)
    if not _CHAIN.fullmatch(kinds):
        raise ValueError(f"has the layers {kinds:.200}; Embedding, LSTM and Dense layers are supported")
    by_kind = {layer.kind: layer for layer in layers}
    embedding, head = by_kind["Embedding"], by_kind["Dense"]
    lstms = [_directions(layer) for layer in layers if layer.kind in ("LSTM", "Bidirectional")]
    outputs = head.number("units", maximum=1_000)
    _check_activations(layers, outputs)
    config = ModelConfig(
        labels=tuple(map(str, range(max(2, outputs)))),
        vocab_size=embedding.number("input_dim", maximum=BOUNDS["vocab_size"][1]),
        max_len=length or ModelConfig.max_len,
        padding="masked" if embedding.flag("mask_zero") else "pre",
        embedding_dim=embedding.number("output_dim", maximum=BOUNDS["embedding_dim"][1]),
        units=_units(lstms),
        layers=len(lstms),
        bidirectional="backward" in lstms[0],
    )
    if problem := config.problem():
        raise ValueError(" ".join(("has a network whose", *problem)))
    paths = {"embedding": f"{embedding.path}/vars/0"}
    for number, layer in enumerate(lstms):
        for direction, lstm in layer.items():
            for index, part in enumerate(("kernel", "recurrent_kernel", "bias")):
                paths[f"lstm.{number}.{direction}.{part}"] = f"{lstm.path}/{index}"
    paths |= {"head.kernel": f"{head.path}/vars/0", "head.bias": f"{head.path}/vars/1"}
    shapes = config.shapes()
    shapes["head.kernel"], shapes["head.bias"] = (*shapes["head.kernel"][:1], outputs), (outputs,)
    return Network(config, length, {name: ArrayLocation(paths[name], shape) for name, shape in shapes.items()})


def _check_classes(value: Any) -> None:
    """Reject every name of code, at any depth, that is not a public class of Keras. Names are never looked up; but a
    file with another one is hostile or contains an unsupported model.
    """
    if isinstance(value, Mapping):
        if "class_name" in value:
            name, module, registered = value["class_name"], value.get("module"), value.get("registered_name")
            public = module in _MODULES or (module, name) == _MASK or (module is None and name == "__keras_tensor__")
            code = name in ("function", "__lambda__") or (module == "keras.layers" and name not in list(_SETTINGS))
            if not public or code or registered not in (None, name):
                raise ValueError(f"names {_shown(registered or name)} of {_shown(module)}, which is not supported")
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            _check_classes(item)


def _read_layers(root: Mapping[str, Any]) -> Iterator[KerasLayer]:
    """The layers in the order of computation, with their settings checked."""
    config = root.get("config")
    if root.get("class_name") not in ("Sequential", "Functional") or not isinstance(config, Mapping):
        raise ValueError(f"describes a {_shown(root.get('class_name'))}, not a sequential or functional model")
    entries = config.get("layers")
    if not isinstance(entries, list) or not 0 < len(entries) <= 100:
        raise ValueError("has no layers, or more than 100")
    if root["class_name"] == "Functional":
        entries = _chain(entries)
    counts: Counter[str] = Counter()
    for entry in entries:
        kind, settings = _read_settings(entry)
        name = _SNAKE_CASE.get(kind, kind.lower())
        path = f"layers/{name}" + (f"_{counts[name]}" if counts[name] else "")
        counts[name] += 1
        yield KerasLayer(kind, path, settings)


def _chain(entries: list[Any]) -> list[Any]:
    """The layers of a functional model, each reading the previous one, without the mask operation that Keras saves for
    an Embedding with mask_zero.
    """
    chain: list[Any] = []
    masks: set[Any] = set()
    settings = [_read_settings(entry)[1] for entry in entries if not _is_mask(entry)]
    has_mask = any(setting.get("mask_zero") for setting in settings)
    for entry in entries:
        nodes = entry.get("inbound_nodes")
        inputs = _input_names(nodes)
        if any(isinstance(value, Mapping) and value.get("training") for value in _walk(nodes)):
            raise ValueError("has a layer that is always in training mode")
        if _is_mask(entry):
            if not has_mask or not chain or inputs != [chain[0].get("name")] or _constants(nodes) != [0]:
                raise ValueError("has a mask for something other than padding")
            masks.add(str(entry.get("name")))
        elif [name for name in inputs if name not in masks] != [layer.get("name") for layer in chain[-1:]]:
            raise ValueError("has layers that do not form a simple chain")
        else:
            chain.append(entry)
    return chain


def _is_mask(entry: Any) -> bool:
    return isinstance(entry, Mapping) and (entry.get("module"), entry.get("class_name")) == _MASK


def _input_names(nodes: Any) -> list[str]:
    """The names of the layers that a layer of a functional model reads."""
    objects = [value for value in _walk(nodes) if isinstance(value, Mapping)]
    histories = [value["keras_history"] for value in objects if "keras_history" in value]
    if any(not isinstance(history, list) or len(history) != 3 or history[1:] != [0, 0] for history in histories):
        raise ValueError("has layers that are used more than once")
    return [str(history[0]) for history in histories]


def _constants(nodes: Any) -> list[Any]:
    """The arguments of a layer of a functional model that are not layers."""
    if not isinstance(nodes, list):
        return []
    arguments = [node.get("args") for node in nodes if isinstance(node, Mapping)]
    values = [value for values in arguments if isinstance(values, list) for value in values]
    return [value for value in values if not isinstance(value, Mapping)]


def _walk(value: Any) -> Iterator[Any]:
    yield value
    if isinstance(value, Mapping | list):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _walk(item)


def _read_settings(entry: Any) -> tuple[str, Mapping[str, Any]]:
    """A layer's class and its checked settings."""
    kind = entry.get("class_name") if isinstance(entry, Mapping) else None
    if not isinstance(kind, str) or kind not in _SETTINGS:
        raise ValueError(f"has a layer {_shown(kind)}, which is not supported")
    settings = entry.get("config")
    if not isinstance(settings, Mapping):
        raise ValueError(f"has a {kind} without settings")
    if not isinstance(settings.get("name", ""), str) or not _NAME.fullmatch(settings.get("name", "-")):
        raise ValueError(f"has a {kind} named {_shown(settings['name'])}")
    for name, value in settings.items():
        if name in _TRAINING_ONLY:
            continue
        if name == "dtype":
            _check_dtype(kind, value)
        elif name not in _SETTINGS[kind]:
            raise ValueError(f"has a {kind} with the setting {_shown(name)}, which is not supported")
        elif (needed := _SETTINGS[kind][name]) is not _ANY and (value != needed or type(value) is not type(needed)):
            raise ValueError(f"has a {kind} with {name} = {_shown(value)}; {needed!r} is supported")
    return kind, settings


def _check_dtype(kind: str, value: Any) -> None:
    if isinstance(value, Mapping) and isinstance(value.get("config"), Mapping):
        value = value["config"].get("name") if value.get("class_name") == "DTypePolicy" else None
    if value != "float32" and not (kind == "InputLayer" and value in ("int32", "int64")):
        raise ValueError(f"has a {kind} with dtype {_shown(value)}; float32 is supported")


def _input_length(root: Mapping[str, Any], layers: list[KerasLayer]) -> int | None:
    """The number of words that every text must have; None: any number."""
    shapes = [layer.settings.get("batch_shape") for layer in layers if layer.kind == "InputLayer"]
    shape = (shapes or [root["config"].get("build_input_shape")])[0]
    if shape is None:
        return None
    if not isinstance(shape, list) or len(shape) != 2:
        raise ValueError("does not read texts of word ids")
    if shape[1] is not None and (type(shape[1]) is not int or not 1 <= shape[1] <= BOUNDS["max_len"][1]):
        raise ValueError(f"reads texts of {_shown(shape[1])} words")
    return shape[1]


def _check_activations(layers: list[KerasLayer], outputs: int) -> None:
    """The last activation gives probabilities; there is none before it."""
    dense = [layer for layer in layers if layer.kind in ("Dense", "Activation")]
    activations = [layer.settings.get("activation", "linear") for layer in dense]
    *inner, last = activations
    if inner not in ([], ["linear"]) or last != ("sigmoid" if outputs == 1 else "softmax"):
        names = " and ".join(map(_shown, activations))
        raise ValueError(f"ends with {outputs:,} outputs and {names}; sigmoid for one, softmax for more is supported")


def _units(lstms: list[dict[str, KerasLayer]]) -> int:
    """The width of all LSTMs."""
    if len({len(layer) for layer in lstms}) != 1:
        raise ValueError("has both unidirectional and bidirectional LSTMs")
    widths = set()
    for number, layer in enumerate(lstms, start=1):
        for direction, lstm in layer.items():
            widths.add(lstm.number("units", maximum=BOUNDS["units"][1]))
            if lstm.flag("return_sequences") != (number < len(lstms)):
                raise ValueError("has an LSTM whose return_sequences does not fit the next layer")
            if lstm.flag("go_backwards") != (direction == "backward"):
                raise ValueError("has an LSTM that reads in the wrong direction")
    if len(widths) != 1:
        raise ValueError("has LSTMs of several widths; one width is supported")
    return widths.pop()


def _directions(layer: KerasLayer) -> dict[str, KerasLayer]:
    """The LSTMs of a layer, by direction."""
    if layer.kind == "LSTM":
        return {"forward": KerasLayer("LSTM", f"{layer.path}/cell/vars", layer.settings)}
    directions = {}
    for direction, setting in (("forward", "layer"), ("backward", "backward_layer")):
        kind, settings = _read_settings(layer.settings.get(setting))
        if kind != "LSTM":
            raise ValueError(f"has a Bidirectional around a {kind}")
        directions[direction] = KerasLayer(kind, f"{layer.path}/{direction}_layer/cell/vars", settings)
    return directions


def _shown(value: Any) -> str:
    """Any value of an untrusted file, short and printable."""
    return ascii(value)[:60]
