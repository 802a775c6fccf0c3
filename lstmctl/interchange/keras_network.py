"""From the config.json of a .keras file to a ModelConfig, and to where in the file the weights lie.

The layers in the config.json of a .keras file, each with the settings that make it compute what `lstm.py` computes.

Every setting must be one of those below, so that a file is refused rather than misread. What only matters while
training (initializers, regularizers, dropout) may be anything that is made of Keras's own public names.

Source: `get_config` of https://keras.io/api/layers/ (Keras 3).
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from lstmctl.config import BOUNDS, MAX_PARAMETER_BYTES, ModelConfig

# Where the classes come from that a file may name.
_PUBLIC = {f"keras.{part}" for part in ("initializers", "layers", "losses", "metrics", "models", "optimizers")}
_MODULES = {
    "keras", "keras.constraints", "keras.regularizers", "keras.optimizers.schedules", "keras.src.models.functional"
} | _PUBLIC  # fmt: skip
_TRAINING_ONLY = {
    "name", "trainable", "activity_regularizer", "bias_constraint", "bias_initializer", "bias_regularizer",
    "embeddings_constraint", "embeddings_initializer", "embeddings_regularizer", "kernel_constraint",
    "kernel_initializer", "kernel_regularizer", "recurrent_constraint", "recurrent_initializer",
    "recurrent_regularizer", "dropout", "recurrent_dropout", "seed", "unit_forget_bias", "input_length",
}  # fmt: skip
_MASK = ("keras.src.ops.numpy", "NotEqual")  # module and class of the operation that finds padding
_ANY = object()
_NAME = re.compile(r"[^/\\]{1,200}")  # those of paths have led out of temporary folders
_PLAIN = {"quantization_config": None, "lora_rank": None, "lora_alpha": None}
_LSTM = {
    "units": _ANY, "return_sequences": _ANY, "go_backwards": _ANY, "activation": "tanh", "use_bias": True,
    "recurrent_activation": "sigmoid", "return_state": False, "stateful": False,
    "unroll": _ANY, "zero_output_for_mask": _ANY,  # how it is computed; and what is put where nothing is read
}  # fmt: skip
# Layer → the settings that it may have, and what they must be.
_SETTINGS: dict[str, dict[str, Any]] = {
    "InputLayer": {"batch_shape": _ANY, "sparse": False, "ragged": False, "optional": False},
    "Embedding": {"input_dim": _ANY, "output_dim": _ANY, "mask_zero": _ANY} | _PLAIN,
    "Dropout": {"rate": _ANY, "noise_shape": _ANY},
    "SpatialDropout1D": {"rate": _ANY},
    "LSTM": _LSTM,
    "Bidirectional": {"layer": _ANY, "backward_layer": _ANY, "merge_mode": "concat"},
    "Dense": {"units": _ANY, "activation": _ANY, "use_bias": True} | _PLAIN,
    "Activation": {"activation": _ANY},
}


class KerasLayer(NamedTuple):
    """A layer's class, where its weights lie, and its settings."""

    kind: str
    path: str  # in model.weights.h5
    settings: Mapping[str, Any]


def check_names(value: Any) -> None:
    """Refuse whatever names code that is not one of Keras's public classes, wherever it stands. None is ever looked
    up; but a file that does so was made to be harmful, or is of a model that cannot be understood.
    """
    if isinstance(value, Mapping):
        if "class_name" in value:
            name, module, registered = value["class_name"], value.get("module"), value.get("registered_name")
            public = (
                module in list(_MODULES) or (module, name) == _MASK or (module is None and name == "__keras_tensor__")
            )
            code = name in ("function", "__lambda__") or (module == "keras.layers" and name not in list(_SETTINGS))
            if not public or code or registered not in (None, name):
                raise ValueError(f"names {shown(registered or name)} of {shown(module)}, which is not understood")
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            check_names(each)


def layers_of(root: Mapping[str, Any]) -> Iterator[KerasLayer]:
    """The layers in the order in which they are computed, each one's settings checked."""
    config = root.get("config")
    if root.get("class_name") not in ("Sequential", "Functional") or not isinstance(config, Mapping):
        raise ValueError(f"describes a {shown(root.get('class_name'))}, not a sequential or functional model")
    entries = config.get("layers")
    if not isinstance(entries, list) or not 0 < len(entries) <= 100:
        raise ValueError("has no layers, or more than 100")
    seen: Counter[str] = Counter()
    if root["class_name"] == "Functional":
        entries = _chained(entries)
    for entry in entries:
        kind, settings = checked_layer(entry)
        snake = {"LSTM": "lstm", "InputLayer": "input_layer", "SpatialDropout1D": "spatial_dropout1d"}
        name = snake.get(kind, kind.lower())
        path = f"layers/{name}" + (f"_{seen[name]}" if seen[name] else "")
        seen[name] += 1
        yield KerasLayer(kind, path, settings)


def _chained(entries: list[Any]) -> list[Any]:
    """The layers of a functional model, each of which reads the one before; without the operation that tells padding
    from words, which Keras writes down for an Embedding with mask_zero.
    """
    chain: list[Any] = []
    masks: set[Any] = set()
    every_setting = [checked_layer(each)[1] for each in entries if not _is_mask(each)]
    masked = any(settings.get("mask_zero") for settings in every_setting)
    for entry in entries:
        nodes = entry.get("inbound_nodes")
        inputs = _inputs(nodes)
        if any(isinstance(each, Mapping) and each.get("training") for each in _within(nodes)):
            raise ValueError("has a layer that is always in training")
        if _is_mask(entry):
            if not masked or not chain or inputs != [chain[0].get("name")] or _constants(nodes) != [0]:
                raise ValueError("has a mask that hides something else than padding")
            masks.add(str(entry.get("name")))
        elif [name for name in inputs if name not in masks] != [each.get("name") for each in chain[-1:]]:
            raise ValueError("has layers that do not simply follow each other")
        else:
            chain.append(entry)
    return chain


def _is_mask(entry: Any) -> bool:
    return isinstance(entry, Mapping) and (entry.get("module"), entry.get("class_name")) == _MASK


def checked_layer(entry: Any) -> tuple[str, Mapping[str, Any]]:
    """A layer's class and settings."""
    kind = entry.get("class_name") if isinstance(entry, Mapping) else None
    if not isinstance(kind, str) or kind not in _SETTINGS:
        raise ValueError(f"has a layer {shown(kind)}, which is not understood")
    settings = entry.get("config")
    if not isinstance(settings, Mapping):
        raise ValueError(f"has a {kind} without settings")
    if not isinstance(settings.get("name", ""), str) or not _NAME.fullmatch(settings.get("name", "-")):
        raise ValueError(f"has a {kind} of the name {shown(settings['name'])}")
    for name, value in settings.items():
        if name in _TRAINING_ONLY:
            continue
        if name == "dtype":
            _check_dtype(kind, value)
        elif name not in _SETTINGS[kind]:
            raise ValueError(f"has a {kind} with the setting {shown(name)}, which is not understood")
        elif (right := _SETTINGS[kind][name]) is not _ANY and (value != right or type(value) is not type(right)):
            raise ValueError(f"has a {kind} with {name} = {shown(value)}; {right!r} is understood")
    return kind, settings


def _check_dtype(kind: str, value: Any) -> None:
    if isinstance(value, Mapping) and isinstance(value.get("config"), Mapping):
        value = value["config"].get("name") if value.get("class_name") == "DTypePolicy" else None
    if value != "float32" and not (kind == "InputLayer" and value in ("int32", "int64")):
        raise ValueError(f"has a {kind} that is computed in {shown(value)}; float32 is understood")


def _inputs(nodes: Any) -> list[str]:
    """The names of the layers that a layer of a functional model reads."""
    histories = [
        value["keras_history"] for value in _within(nodes) if isinstance(value, Mapping) and "keras_history" in value
    ]
    if any(not isinstance(each, list) or len(each) != 3 or each[1:] != [0, 0] for each in histories):
        raise ValueError("has layers that are used more than once")
    return [str(each[0]) for each in histories]


def _constants(nodes: Any) -> list[Any]:
    """The arguments of a layer of a functional model that are no layers."""
    if not isinstance(nodes, list):
        return []
    found = [node.get("args") for node in nodes if isinstance(node, Mapping)]
    return [
        each
        for arguments in found
        if isinstance(arguments, list)
        for each in arguments
        if not isinstance(each, Mapping)
    ]


def _within(value: Any) -> Iterator[Any]:
    yield value
    if isinstance(value, Mapping | list):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _within(each)


def count_setting(layer: KerasLayer, name: str, *, most: int) -> int:
    """A setting that is a number from 1 to `most`."""
    value = layer.settings.get(name)
    if type(value) is not int or not 1 <= value <= most:
        raise ValueError(f"has a {layer.kind} with {name} = {shown(value)}; it can be 1 to {most:,}")
    return value


def flag_setting(layer: KerasLayer, name: str) -> bool:
    """A setting that is true or false; false where it is not there."""
    value = layer.settings.get(name, False)
    if type(value) is not bool:
        raise ValueError(f"has a {layer.kind} with {name} = {shown(value)}")
    return value


def shown(value: Any) -> str:
    """Anything from a stranger's file, short and printable."""
    return ascii(value)[:60]


MAX_FILE = 4 * MAX_PARAMETER_BYTES  # weights, what optimizers add to them, and some room
MAX_ANSWER_LINE = 2**20  # bytes of the child process's first line


class ArrayLocation(NamedTuple):
    """Where an array lies in model.weights.h5, and its shape there."""

    path: str
    shape: tuple[int, ...]


class Network(NamedTuple):
    """What a .keras file computes. `config` has the file's own rows as vocabulary, and numbers as labels."""

    config: ModelConfig
    length: int | None  # words, padding included, that it was built for
    places: dict[str, ArrayLocation]  # by the names of `config.shapes()`


def read_network(root: Mapping[str, Any]) -> Network:
    """The network that a config.json describes.

    Raises:
        ValueError: it has something that is not understood.
    """
    check_names(root)
    layers = list(layers_of(root))
    kinds = [layer.kind for layer in layers if "Dropout" not in layer.kind]
    length = _length(root, layers)
    if kinds[:1] == ["InputLayer"]:
        kinds = kinds[1:]
    readers = [layer for layer in layers if layer.kind in ("LSTM", "Bidirectional")]
    names = {"LSTM" if kind == "Bidirectional" else kind for kind in kinds[1 : 1 + len(readers)]}
    tail = kinds[1 + len(readers) :]
    if kinds[:1] != ["Embedding"] or names != {"LSTM"} or tail not in (["Dense"], ["Dense", "Activation"]):
        raise ValueError(f"has the layers {', '.join(kinds)[:200]}; an Embedding, LSTMs and a Dense are understood")
    embedding = next(layer for layer in layers if layer.kind == "Embedding")
    head = next(layer for layer in layers if layer.kind == "Dense")
    outputs = count_setting(head, "units", most=1_000)
    _check_answer(
        [layer.settings.get("activation", "linear") for layer in layers if layer.kind in ("Dense", "Activation")],
        outputs,
    )
    config = ModelConfig(
        labels=tuple(map(str, range(max(2, outputs)))),
        vocab_size=count_setting(embedding, "input_dim", most=BOUNDS["vocab_size"][1]),
        max_len=length or ModelConfig.max_len,
        padding="masked" if flag_setting(embedding, "mask_zero") else "pre",
        embedding_dim=count_setting(embedding, "output_dim", most=BOUNDS["embedding_dim"][1]),
        units=_units(readers),
        layers=len(readers),
        bidirectional=readers[0].kind == "Bidirectional",
    )
    if problem := config.problem():
        raise ValueError(" ".join(("has a network whose", *problem)))
    return Network(config, length, _locations(config, embedding, readers, head, outputs))


def _length(root: Mapping[str, Any], layers: list[KerasLayer]) -> int | None:
    """The number of words that every text must have; None where any will do."""
    shapes = [layer.settings.get("batch_shape") for layer in layers if layer.kind == "InputLayer"]
    shape = (shapes or [root["config"].get("build_input_shape")])[0]
    if shape is None:
        return None
    if not isinstance(shape, list) or len(shape) != 2:
        raise ValueError("does not read texts of word ids")
    if shape[1] is not None and (type(shape[1]) is not int or not 1 <= shape[1] <= BOUNDS["max_len"][1]):
        raise ValueError(f"reads texts of {shown(shape[1])} words")
    return shape[1]


def _check_answer(activations: list[Any], outputs: int) -> None:
    """The last activation makes probabilities, and before it there is none."""
    *before, last = activations
    if before not in ([], ["linear"]) or last != ("sigmoid" if outputs == 1 else "softmax"):
        found = " and ".join(map(shown, activations))
        raise ValueError(f"ends with {outputs:,} outputs and {found}; sigmoid for one, softmax for more is understood")


def _units(readers: list[KerasLayer]) -> int:
    """The width that all LSTMs have."""
    if len({reader.kind for reader in readers}) != 1:
        raise ValueError("has LSTMs of which only some are bidirectional")
    widths = set()
    for number, reader in enumerate(readers):
        for direction, lstm in _directions(reader).items():
            widths.add(count_setting(lstm, "units", most=BOUNDS["units"][1]))
            if flag_setting(lstm, "return_sequences") != (number + 1 < len(readers)):
                raise ValueError("has an LSTM that does not pass on what the next layer reads")
            if flag_setting(lstm, "go_backwards") != (direction == "backward"):
                raise ValueError("has an LSTM that reads in the wrong direction")
    if len(widths) != 1:
        raise ValueError("has LSTMs of several widths; one width is understood")
    return widths.pop()


def _directions(reader: KerasLayer) -> dict[str, KerasLayer]:
    if reader.kind == "LSTM":
        return {"forward": KerasLayer("LSTM", f"{reader.path}/cell/vars", reader.settings)}
    found = {}
    for direction, setting in (("forward", "layer"), ("backward", "backward_layer")):
        kind, settings = checked_layer(reader.settings.get(setting))
        if kind != "LSTM":
            raise ValueError(f"has a Bidirectional around a {kind}")
        found[direction] = KerasLayer(kind, f"{reader.path}/{direction}_layer/cell/vars", settings)
    return found


def _locations(
    config: ModelConfig, embedding: KerasLayer, readers: list[KerasLayer], head: KerasLayer, outputs: int
) -> dict[str, ArrayLocation]:
    paths = {"embedding": f"{embedding.path}/vars/0"}
    for number, reader in enumerate(readers):
        for direction, lstm in _directions(reader).items():
            for place, part in enumerate(("kernel", "recurrent_kernel", "bias")):
                paths[f"lstm.{number}.{direction}.{part}"] = f"{lstm.path}/{place}"
    paths |= {"head.kernel": f"{head.path}/vars/0", "head.bias": f"{head.path}/vars/1"}
    shapes = config.shapes()
    shapes["head.kernel"], shapes["head.bias"] = (*shapes["head.kernel"][:1], outputs), (outputs,)
    return {name: ArrayLocation(paths[name], shape) for name, shape in shapes.items()}
