"""From the config.json of a .keras file to a ModelConfig, and to where in the file the weights lie."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from lstmctl.config import MAX_PARAMETER_BYTES, ModelConfig
from lstmctl.record import BOUNDS
from lstmctl.registry.keras_layers import Layer, check_names, checked, count, flag, layers_of, shown

MAX_FILE = 4 * MAX_PARAMETER_BYTES  # weights, what optimizers add to them, and some room
MAX_ANSWER_LINE = 2**20  # bytes of the child process's first line


class Place(NamedTuple):
    """Where an array lies in model.weights.h5, and its shape there."""

    path: str
    shape: tuple[int, ...]


class Network(NamedTuple):
    """What a .keras file computes. `config` has the file's own rows as vocabulary, and numbers as labels."""

    config: ModelConfig
    length: int | None  # words, padding included, that it was built for
    places: dict[str, Place]  # by the names of `config.shapes()`


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
    outputs = count(head, "units", most=1_000)
    _check_answer(
        [layer.settings.get("activation", "linear") for layer in layers if layer.kind in ("Dense", "Activation")],
        outputs,
    )
    config = ModelConfig(
        labels=tuple(map(str, range(max(2, outputs)))),
        vocab_size=count(embedding, "input_dim", most=BOUNDS["vocab_size"][1]),
        max_len=length or ModelConfig.max_len,
        padding="masked" if flag(embedding, "mask_zero") else "pre",
        embedding_dim=count(embedding, "output_dim", most=BOUNDS["embedding_dim"][1]),
        units=_units(readers),
        layers=len(readers),
        bidirectional=readers[0].kind == "Bidirectional",
    )
    if problem := config.problem():
        raise ValueError(" ".join(("has a network whose", *problem)))
    return Network(config, length, _places(config, embedding, readers, head, outputs))


def _length(root: Mapping[str, Any], layers: list[Layer]) -> int | None:
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


def _units(readers: list[Layer]) -> int:
    """The width that all LSTMs have."""
    if len({reader.kind for reader in readers}) != 1:
        raise ValueError("has LSTMs of which only some are bidirectional")
    widths = set()
    for number, reader in enumerate(readers):
        for direction, lstm in _directions(reader).items():
            widths.add(count(lstm, "units", most=BOUNDS["units"][1]))
            if flag(lstm, "return_sequences") != (number + 1 < len(readers)):
                raise ValueError("has an LSTM that does not pass on what the next layer reads")
            if flag(lstm, "go_backwards") != (direction == "backward"):
                raise ValueError("has an LSTM that reads in the wrong direction")
    if len(widths) != 1:
        raise ValueError("has LSTMs of several widths; one width is understood")
    return widths.pop()


def _directions(reader: Layer) -> dict[str, Layer]:
    if reader.kind == "LSTM":
        return {"forward": Layer("LSTM", f"{reader.path}/cell/vars", reader.settings)}
    found = {}
    for direction, setting in (("forward", "layer"), ("backward", "backward_layer")):
        kind, settings = checked(reader.settings.get(setting))
        if kind != "LSTM":
            raise ValueError(f"has a Bidirectional around a {kind}")
        found[direction] = Layer(kind, f"{reader.path}/{direction}_layer/cell/vars", settings)
    return found


def _places(config: ModelConfig, embedding: Layer, readers: list[Layer], head: Layer, outputs: int) -> dict[str, Place]:
    paths = {"embedding": f"{embedding.path}/vars/0"}
    for number, reader in enumerate(readers):
        for direction, lstm in _directions(reader).items():
            for place, part in enumerate(("kernel", "recurrent_kernel", "bias")):
                paths[f"lstm.{number}.{direction}.{part}"] = f"{lstm.path}/{place}"
    paths |= {"head.kernel": f"{head.path}/vars/0", "head.bias": f"{head.path}/vars/1"}
    shapes = config.shapes()
    shapes["head.kernel"], shapes["head.bias"] = (*shapes["head.kernel"][:1], outputs), (outputs,)
    return {name: Place(paths[name], shape) for name, shape in shapes.items()}
