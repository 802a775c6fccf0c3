"""A model as an ONNX graph: word ids in, probabilities out, for any runtime that reads ONNX.

Input `words` (batch, words), int64, padded with 0 as the model was trained: on the right, or for `classic` in front up
to max_len. Output `probabilities` (batch, labels), float32. Labels and vocabulary are in the model's metadata.

Source: the LSTM operator of ONNX, opset 14 (https://onnx.ai/onnx/operators/onnx__LSTM.html): gates in the order i, o,
f, c, one row a number of the gate, where Keras has i, f, c, o and one column.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lstmctl.config import PADDING, ModelConfig
from lstmctl.errors import MissingExtra
from lstmctl.model.lstm import KERAS_ORDER

if TYPE_CHECKING:
    from lstmctl.model.lstm import Floats
    from lstmctl.registry.artifact import ModelFolder

_ORDER = ("input", "output", "forget", "candidate")
_OPSET, _IR = 17, 8  # old enough for runtimes of the last years


def to_onnx(folder: "ModelFolder") -> bytes:
    """The bytes of the .onnx file.

    Raises:
        MissingExtra: the package onnx is not installed. Rejected: the model cannot be used.
    """
    try:
        from onnx import TensorProto, helper
    except ImportError as error:
        raise MissingExtra("onnx", extra="onnx") from error
    config, weights = folder.card.config, folder.weights()
    graph = _Graph()
    lengths = _lengths(graph, config)
    states = _embedded(graph, weights)
    for layer in range(config.layers):
        states = _read(graph, config, weights, layer, states=states, lengths=lengths)
    _answer(graph, config, weights, _pooled(graph, config))
    words = helper.make_tensor_value_info("words", TensorProto.INT64, ["batch", "words"])
    answer = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", len(config.labels)])
    made = helper.make_graph(graph.nodes, "lstmctl", [words], [answer], graph.constants)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", _OPSET)], producer_name="lstmctl")
    model.ir_version = _IR
    about = {
        "labels": json.dumps(config.labels, ensure_ascii=False),
        "config": json.dumps(config.to_dict(), ensure_ascii=False),
        "vocabulary": json.dumps(folder.vocabulary().words, ensure_ascii=False),
    }
    helper.set_model_props(model, about)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


class _Graph:
    """Nodes and constants so far. Both are known by their names; a node by that of its first output."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def node(self, kind: str, inputs: list[str], *outputs: str, **attributes: Any) -> str:
        from onnx import helper

        name = outputs[0] or outputs[-1]  # an output without a name is not used
        self.nodes.append(helper.make_node(kind, inputs, list(outputs), name=name, **attributes))
        return outputs[0]

    def constant(self, name: str, value: Any) -> str:
        import numpy as np
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name


def _lengths(graph: _Graph, config: ModelConfig) -> str:
    """(batch,): how many words of each text are read; no input at all where padding is read too."""
    import numpy as np
    from onnx import TensorProto

    if config.padding != "masked":
        return ""
    padding = graph.constant("padding", np.array(PADDING, np.int64))
    is_word = graph.node("Not", [graph.node("Equal", ["words", padding], "is_padding")], "is_word")
    ones = graph.node("Cast", [is_word], "ones", to=TensorProto.INT32)
    return graph.node("ReduceSum", [ones, graph.constant("axis", np.array([1], np.int64))], "lengths", keepdims=0)


def _embedded(graph: _Graph, weights: "Mapping[str, Floats]") -> str:
    """(words, batch, embedding_dim), as the LSTM operator reads."""
    embedding = graph.constant("embedding", weights["embedding"])
    return graph.node("Transpose", [graph.node("Gather", [embedding, "words"], "embedded")], "in_time", perm=[1, 0, 2])


def _read(
    graph: _Graph, config: ModelConfig, weights: "Mapping[str, Floats]", layer: int, *, states: str, lengths: str
) -> str:
    """A layer: (words, batch, inputs) → (words, batch, units · directions)."""
    import numpy as np

    name = f"lstm.{layer}"
    parts = [_packed(weights, f"{name}.{direction}") for direction in config.directions]
    matrices = [
        graph.constant(f"{name}.{letter}", np.stack(stacked))
        for letter, stacked in zip("WRB", zip(*parts, strict=True), strict=True)
    ]
    direction = "bidirectional" if config.bidirectional else "forward"
    inputs, outputs = [states, *matrices, lengths], (f"{name}.all", f"{name}.last")
    every = graph.node("LSTM", inputs, *outputs, hidden_size=config.units, direction=direction)
    by_text = graph.node("Transpose", [every], f"{name}.by_text", perm=[0, 2, 1, 3])
    merged = graph.constant(f"{name}.merged", np.array([0, 0, -1], np.int64))
    return graph.node("Reshape", [by_text, merged], f"{name}.states")


def _pooled(graph: _Graph, config: ModelConfig) -> str:
    """What the head sees of the last layer, as `ModelConfig.pools` says."""
    layer = f"lstm.{config.layers - 1}"
    last = graph.node("Transpose", [f"{layer}.last"], "last", perm=[1, 0, 2])
    last = graph.node("Flatten", [last], "said_last", axis=1)
    if "max" not in config.pools:
        return last
    most = graph.node("ReduceMax", [f"{layer}.all"], "max", axes=[0], keepdims=0)  # beyond the end of a text it says 0
    by_text = graph.node("Transpose", [graph.node("Relu", [most], "from_0")], "by_text", perm=[1, 0, 2])
    return graph.node("Concat", [last, graph.node("Flatten", [by_text], "highest", axis=1)], "hidden", axis=1)


def _answer(graph: _Graph, config: ModelConfig, weights: "Mapping[str, Floats]", hidden: str) -> None:
    """The head, and `probabilities`."""
    import numpy as np

    head = [graph.constant(name, weights[name]) for name in ("head.kernel", "head.bias")]
    logits = graph.node("Gemm", [hidden, *head], "logits")
    if config.outputs > 1:
        graph.node("Softmax", [logits], "probabilities", axis=1)
        return
    positive = graph.node("Sigmoid", [logits], "positive")
    one = graph.constant("one", np.array(1, np.float32))
    graph.node("Concat", [graph.node("Sub", [one, positive], "negative"), positive], "probabilities", axis=1)


def _packed(weights: "Mapping[str, Floats]", prefix: str) -> "tuple[Floats, Floats, Floats]":
    """W (4·units, inputs), R (4·units, units) and B (8·units,) of one direction, in ONNX's order of gates."""
    import numpy as np

    def reordered(part: str) -> "Floats":
        gates = dict(zip(KERAS_ORDER, np.split(weights[f"{prefix}.{part}"], 4, axis=-1), strict=True))
        return np.concatenate([gates[name] for name in _ORDER], axis=-1)

    bias = reordered("bias")
    return reordered("kernel").T, reordered("recurrent_kernel").T, np.concatenate([bias, np.zeros_like(bias)])
