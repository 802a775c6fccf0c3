"""A model as an ONNX graph: word ids in, probabilities out, for any runtime that reads ONNX.

Input `words` (batch, words), int64, padded with 0 as the model was trained: on the right, or for `classic` in front up
to max_len. Output `probabilities` (batch, labels), float32. Labels and vocabulary are in the model's metadata.

Source: the LSTM operator of ONNX, opset 14 (https://onnx.ai/onnx/operators/onnx__LSTM.html): gates in the order i, o,
f, c, one row a number of the gate, where Keras has i, f, c, o and one column.
"""

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from lstmctl.config import PADDING, ModelConfig
from lstmctl.errors import MissingExtra
from lstmctl.lstm import KERAS_ORDER

if TYPE_CHECKING:
    from lstmctl.lstm import Floats
    from lstmctl.registry.model_folder import ModelFolder

_ORDER = ("decision", "output", "forget", "new_value")
_OPSET, _IR = 17, 8  # old enough for runtimes of the last years


def to_onnx(folder: "ModelFolder") -> bytes:
    """The bytes of the .onnx file.

    Raises:
        MissingExtra: the package onnx is not installed. Rejected: the model cannot be used.
    """
    try:
        from onnx import TensorProto, helper, numpy_helper
    except ImportError as error:
        raise MissingExtra("onnx", extra="onnx") from error
    import numpy as np

    config, weights = folder.card.config, folder.weights()
    nodes: list[Any] = []
    constants: dict[str, np.ndarray[Any, Any]] = {"embedding": weights["embedding"]}

    def node(kind: str, inputs: list[str], outputs: list[str], **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, inputs, outputs, name=outputs[0] or outputs[-1], **attributes))
        return outputs[0]

    lengths = ""  # all of it is read
    if config.padding == "masked":
        constants |= {"padding": np.array(PADDING, np.int64), "axis": np.array([1], np.int64)}
        node("Equal", ["words", "padding"], ["is_padding"])
        node("Not", ["is_padding"], ["is_word"])
        node("Cast", ["is_word"], ["ones"], to=TensorProto.INT32)
        lengths = node("ReduceSum", ["ones", "axis"], ["lengths"], keepdims=0)
    node("Gather", ["embedding", "words"], ["embedded"])
    states = node("Transpose", ["embedded"], ["in_time"], perm=[1, 0, 2])
    constants["merged"] = np.array([0, 0, -1], np.int64)
    for layer in range(config.layers):
        name = f"lstm.{layer}"
        parts = [_packed(weights, f"{name}.{direction}") for direction in config.directions]
        for letter, stacked in zip("WRB", zip(*parts, strict=True), strict=True):
            constants[f"{name}.{letter}"] = np.stack(stacked)
        inputs = [states, *(f"{name}.{letter}" for letter in "WRB"), lengths]
        outputs = [f"{name}.all", f"{name}.last"]
        direction = "bidirectional" if config.bidirectional else "forward"
        node("LSTM", inputs, outputs, hidden_size=config.units, direction=direction)
        node("Transpose", [outputs[0]], [f"{name}.by_text"], perm=[0, 2, 1, 3])
        states = node("Reshape", [f"{name}.by_text", "merged"], [f"{name}.states"])
    hidden = _pooled(node, config)
    constants |= {"head.kernel": weights["head.kernel"], "head.bias": weights["head.bias"]}
    node("Gemm", [hidden, "head.kernel", "head.bias"], ["logits"])
    if config.outputs == 1:
        constants["one"] = np.array(1, np.float32)
        node("Sigmoid", ["logits"], ["positive"])
        node("Sub", ["one", "positive"], ["negative"])
        node("Concat", ["negative", "positive"], ["probabilities"], axis=1)
    else:
        node("Softmax", ["logits"], ["probabilities"], axis=1)
    graph = helper.make_graph(
        nodes,
        "lstmctl",
        [helper.make_tensor_value_info("words", TensorProto.INT64, ["batch", "words"])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", len(config.labels)])],
        [numpy_helper.from_array(np.ascontiguousarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], producer_name="lstmctl")
    model.ir_version = _IR
    about = {
        "labels": json.dumps(config.labels, ensure_ascii=False),
        "config": json.dumps(config.to_dict(), ensure_ascii=False),
        "vocabulary": json.dumps(folder.vocabulary().words, ensure_ascii=False),
    }
    helper.set_model_props(model, about)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def _pooled(node: Callable[..., str], config: ModelConfig) -> str:
    """What the head sees of the last layer, as `ModelConfig.pools` says."""
    layer = f"lstm.{config.layers - 1}"
    node("Transpose", [f"{layer}.last"], ["last"], perm=[1, 0, 2])
    last = node("Flatten", ["last"], ["said_last"], axis=1)
    if "max" not in config.pools:
        return last
    node("ReduceMax", [f"{layer}.all"], ["max"], axes=[0], keepdims=0)  # beyond the end of a text it says 0
    node("Relu", ["max"], ["from_0"])
    node("Transpose", ["from_0"], ["by_text"], perm=[1, 0, 2])
    node("Flatten", ["by_text"], ["highest"], axis=1)
    return node("Concat", [last, "highest"], ["hidden"], axis=1)


def _packed(weights: "Mapping[str, Floats]", prefix: str) -> "tuple[Floats, Floats, Floats]":
    """W (4·units, inputs), R (4·units, units) and B (8·units,) of one direction, in ONNX's order of gates."""
    import numpy as np

    def reordered(part: str) -> "Floats":
        gates = dict(zip(KERAS_ORDER, np.split(weights[f"{prefix}.{part}"], 4, axis=-1), strict=True))
        return np.concatenate([gates[name] for name in _ORDER], axis=-1)

    bias = reordered("bias")
    return reordered("kernel").T, reordered("recurrent_kernel").T, np.concatenate([bias, np.zeros_like(bias)])
