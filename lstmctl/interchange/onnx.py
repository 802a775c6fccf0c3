"""A model as an ONNX graph: word ids in, probabilities out.

Input `words` (batch, words), int64, padded with 0 as in training: on the right, or for the recipe `classic` on the left
up to max_len. Output `probabilities` (batch, labels), float32. The metadata contain the labels and the vocabulary.

Source: the LSTM operator of ONNX, opset 14 (https://onnx.ai/onnx/operators/onnx__LSTM.html): gates in the order i, o,
f, c, along rows, where Keras has i, f, c, o along columns.
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
_OPSET, _IR = 17, 8  # supported by runtimes since 2022


def to_onnx(folder: "ModelFolder") -> bytes:
    """The bytes of the .onnx file. MissingExtra: the package onnx is not installed."""
    try:
        from onnx import TensorProto, helper
    except ImportError as error:
        raise MissingExtra("onnx", extra="onnx") from error
    config, weights = folder.card.config, folder.weights()
    graph = _Graph()
    lengths = _lengths(graph, config)
    states = _embed(graph, weights)
    for layer in range(config.layers):
        states = _lstm_layer(graph, config, weights, layer, states=states, lengths=lengths)
    _head(graph, config, weights, _pool(graph, config))
    words = helper.make_tensor_value_info("words", TensorProto.INT64, ["batch", "words"])
    probabilities = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", len(config.labels)])
    onnx_graph = helper.make_graph(graph.nodes, "lstmctl", [words], [probabilities], graph.constants)
    model = helper.make_model(onnx_graph, opset_imports=[helper.make_opsetid("", _OPSET)], producer_name="lstmctl")
    model.ir_version = _IR
    metadata = {
        "labels": json.dumps(config.labels, ensure_ascii=False),
        "config": json.dumps(config.to_dict(), ensure_ascii=False),
        "vocabulary": json.dumps(folder.vocabulary().words, ensure_ascii=False),
    }
    helper.set_model_props(model, metadata)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


class _Graph:
    """The nodes and constants so far. A node has the name of its first output."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def node(self, kind: str, inputs: list[str], *outputs: str, **attributes: Any) -> str:
        from onnx import helper

        name = outputs[0] or outputs[-1]  # the name of an unused output is empty
        self.nodes.append(helper.make_node(kind, inputs, list(outputs), name=name, **attributes))
        return outputs[0]

    def constant(self, name: str, value: Any) -> str:
        import numpy as np
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name


def _lengths(graph: _Graph, config: ModelConfig) -> str:
    """(batch,): the number of words of each text that are read; no input if padding is read too."""
    import numpy as np
    from onnx import TensorProto

    if config.padding != "masked":
        return ""
    padding = graph.constant("padding", np.array(PADDING, np.int64))
    is_word = graph.node("Not", [graph.node("Equal", ["words", padding], "is_padding")], "is_word")
    ones = graph.node("Cast", [is_word], "ones", to=TensorProto.INT32)
    return graph.node("ReduceSum", [ones, graph.constant("axis", np.array([1], np.int64))], "lengths", keepdims=0)


def _embed(graph: _Graph, weights: "Mapping[str, Floats]") -> str:
    """(words, batch, embedding_dim), the input layout of the LSTM operator."""
    embedding = graph.constant("embedding", weights["embedding"])
    return graph.node("Transpose", [graph.node("Gather", [embedding, "words"], "embedded")], "in_time", perm=[1, 0, 2])


def _lstm_layer(
    graph: _Graph, config: ModelConfig, weights: "Mapping[str, Floats]", layer: int, *, states: str, lengths: str
) -> str:
    """A layer: (words, batch, inputs) → (words, batch, units · directions)."""
    import numpy as np

    name = f"lstm.{layer}"
    parts = [_pack_direction(weights, f"{name}.{direction}") for direction in config.directions]
    matrices = [
        graph.constant(f"{name}.{letter}", np.stack(stacked))
        for letter, stacked in zip("WRB", zip(*parts, strict=True), strict=True)
    ]
    direction = "bidirectional" if config.bidirectional else "forward"
    inputs, outputs = [states, *matrices, lengths], (f"{name}.all", f"{name}.last")
    all_states = graph.node("LSTM", inputs, *outputs, hidden_size=config.units, direction=direction)
    by_text = graph.node("Transpose", [all_states], f"{name}.by_text", perm=[0, 2, 1, 3])
    merged = graph.constant(f"{name}.merged", np.array([0, 0, -1], np.int64))
    return graph.node("Reshape", [by_text, merged], f"{name}.states")


def _pool(graph: _Graph, config: ModelConfig) -> str:
    """The input of the head: the states of the last layer, pooled as in `ModelConfig.pools`."""
    layer = f"lstm.{config.layers - 1}"
    last = graph.node("Transpose", [f"{layer}.last"], "last", perm=[1, 0, 2])
    last = graph.node("Flatten", [last], "last_state", axis=1)
    if "max" not in config.pools:
        return last
    maximum = graph.node(
        "ReduceMax", [f"{layer}.all"], "max", axes=[0], keepdims=0
    )  # after the end of a text, states are 0
    by_text = graph.node("Transpose", [graph.node("Relu", [maximum], "max_or_0")], "by_text", perm=[1, 0, 2])
    return graph.node("Concat", [last, graph.node("Flatten", [by_text], "max_state", axis=1)], "hidden", axis=1)


def _head(graph: _Graph, config: ModelConfig, weights: "Mapping[str, Floats]", hidden: str) -> None:
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


def _pack_direction(weights: "Mapping[str, Floats]", prefix: str) -> "tuple[Floats, Floats, Floats]":
    """W (4·units, inputs), R (4·units, units) and B (8·units,) of one direction, in ONNX's order of gates."""
    import numpy as np

    def reordered(part: str) -> "Floats":
        gates = dict(zip(KERAS_ORDER, np.split(weights[f"{prefix}.{part}"], 4, axis=-1), strict=True))
        return np.concatenate([gates[name] for name in _ORDER], axis=-1)

    bias = reordered("bias")
    return reordered("kernel").T, reordered("recurrent_kernel").T, np.concatenate([bias, np.zeros_like(bias)])
