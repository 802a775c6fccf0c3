"""A model as an ONNX graph: word ids in, probabilities out.

Input `words` (batch, words), int64, padded with 0 as in training: on the right, or for the recipe `classic` on the left
up to max_len. A model with n-grams has two more inputs, computed by `Classifier.ngram_parts`: `ngram_inputs` (batch,
words, inputs), float32, zero on padding, unless it has very many labels; and `ngram_logits` (batch, outputs), float32.

Output `probabilities` (batch, labels), float32. The metadata contain the labels and the vocabulary.

Source: the LSTM operator of ONNX, opset 14 (https://onnx.ai/onnx/operators/onnx__LSTM.html): gates in the order i, o,
f, c, along rows, where Keras has i, f, c, o along columns.
"""

import json
from typing import Any

import numpy as np

from lstmctl.config import PADDING
from lstmctl.errors import MissingExtra
from lstmctl.model.lstm import KERAS_ORDER, Floats
from lstmctl.registry.artifact import ModelFolder

_ORDER = ("input", "output", "forget", "candidate")
_OPSET, _IR = 17, 8  # supported by runtimes since 2022


def to_onnx(folder: ModelFolder) -> bytes:
    """The bytes of the .onnx file. MissingExtra: the package onnx is not installed."""
    try:
        from onnx import TensorProto, helper
    except ImportError as error:
        raise MissingExtra("onnx", extra="onnx") from error
    config, graph = folder.card.config, _Graph(folder)
    words = helper.make_tensor_value_info("words", TensorProto.INT64, ["batch", "words"])
    probabilities = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", len(config.labels)])
    inputs = [words]
    if config.ngram_inputs:
        size = config.ngram_inputs
        inputs.append(helper.make_tensor_value_info("ngram_inputs", TensorProto.FLOAT, ["batch", "words", size]))
    if config.ngram_order:
        inputs.append(helper.make_tensor_value_info("ngram_logits", TensorProto.FLOAT, ["batch", config.outputs]))
    onnx_graph = helper.make_graph(graph.nodes, "lstmctl", inputs, [probabilities], graph.constants)
    model = helper.make_model(onnx_graph, opset_imports=[helper.make_opsetid("", _OPSET)], producer_name="lstmctl")
    model.ir_version = _IR
    metadata = {"labels": config.labels, "config": config.to_dict(), "vocabulary": folder.vocabulary().words}
    helper.set_model_props(model, {name: json.dumps(value, ensure_ascii=False) for name, value in metadata.items()})
    data: bytes = model.SerializeToString(deterministic=True)
    return data


class _Graph:
    """The nodes of a model's graph, from `words` to `probabilities`, and its constants."""

    def __init__(self, folder: ModelFolder) -> None:
        self.config, self.weights = folder.card.config, folder.weights()
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        lengths = self._lengths()
        embedded = self._node("Gather", [self._constant("embedding", self.weights["embedding"]), "words"], "embedded")
        if self.config.ngram_inputs:
            embedded = self._node("Concat", [embedded, "ngram_inputs"], "embedded_and_ngrams", axis=2)
        # (words, batch, inputs), the input layout of the LSTM operator
        states = self._node("Transpose", [embedded], "in_time", perm=[1, 0, 2])
        for layer in range(self.config.layers):
            states = self._lstm_layer(layer, states, lengths)
        self._head(self._pool(lengths))

    def _node(self, kind: str, inputs: list[str], *outputs: str, **attributes: Any) -> str:
        """Add a node, with the name of its first output."""
        from onnx import helper

        name = outputs[0] or outputs[-1]  # the name of an unused output is empty
        self.nodes.append(helper.make_node(kind, inputs, list(outputs), name=name, **attributes))
        return outputs[0]

    def _constant(self, name: str, value: Any) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def _lengths(self) -> str:
        """(batch,): the number of words of each text that are read; no input if padding is read too."""
        from onnx import TensorProto

        if self.config.padding != "masked":
            return ""
        padding = self._constant("padding", np.array(PADDING, np.int64))
        is_word = self._node("Not", [self._node("Equal", ["words", padding], "is_padding")], "is_word")
        ones = self._node("Cast", [is_word], "ones", to=TensorProto.INT32)
        axis = self._constant("axis", np.array([1], np.int64))
        return self._node("ReduceSum", [ones, axis], "lengths", keepdims=0)

    def _lstm_layer(self, layer: int, states: str, lengths: str) -> str:
        """A layer: (words, batch, inputs) → (words, batch, units · directions)."""
        config, name = self.config, f"lstm.{layer}"
        parts = [self._pack_direction(f"{name}.{direction}") for direction in config.directions]
        stacked = zip("WRB", map(np.stack, zip(*parts, strict=True)), strict=True)
        inputs = [states, *(self._constant(f"{name}.{letter}", matrices) for letter, matrices in stacked), lengths]
        outputs, direction = (f"{name}.all", f"{name}.last"), "bidirectional" if config.bidirectional else "forward"
        all_states = self._node("LSTM", inputs, *outputs, hidden_size=config.units, direction=direction)
        by_text = self._node("Transpose", [all_states], f"{name}.by_text", perm=[0, 2, 1, 3])
        merged = self._constant(f"{name}.merged", np.array([0, 0, -1], np.int64))
        return self._node("Reshape", [by_text, merged], f"{name}.states")

    def _pack_direction(self, prefix: str) -> tuple[Floats, Floats, Floats]:
        """W (4·units, inputs), R (4·units, units) and B (8·units,) of one direction, in ONNX's order of gates."""

        def reordered(part: str) -> Floats:
            gates = dict(zip(KERAS_ORDER, np.split(self.weights[f"{prefix}.{part}"], 4, axis=-1), strict=True))
            return np.concatenate([gates[name] for name in _ORDER], axis=-1)

        bias = reordered("bias")
        return reordered("kernel").T, reordered("recurrent_kernel").T, np.concatenate([bias, np.zeros_like(bias)])

    def _pool(self, lengths: str) -> str:
        """The input of the head: the states of the last layer, pooled as in `ModelConfig.pools`."""
        layer = f"lstm.{self.config.layers - 1}"
        last = self._node("Transpose", [f"{layer}.last"], "last", perm=[1, 0, 2])
        last = self._node("Flatten", [last], "last_state", axis=1)
        if "max" not in self.config.pools:
            return last
        # After the end of a text, states are 0.
        maximum = self._node("ReduceMax", [f"{layer}.all"], "max", axes=[0], keepdims=0)
        by_text = self._node("Transpose", [self._node("Relu", [maximum], "max_or_0")], "by_text", perm=[1, 0, 2])
        pooled = [last, self._node("Flatten", [by_text], "max_state", axis=1)]
        if "mean" in self.config.pools:
            pooled.append(self._mean(f"{layer}.all", lengths) if lengths else self._mean_of_all(f"{layer}.all"))
        return self._node("Concat", pooled, "hidden", axis=1)

    def _mean_of_all(self, all_states: str) -> str:
        """The mean of the states (words, directions, batch, units) where padding is read like words."""
        mean = self._node("ReduceMean", [all_states], "mean", axes=[0], keepdims=0)
        return self._node(
            "Flatten", [self._node("Transpose", [mean], "mean_by_text", perm=[1, 0, 2])], "mean_state", axis=1
        )

    def _mean(self, all_states: str, lengths: str) -> str:
        """The mean of the states (words, directions, batch, units) over the words of each text."""
        from onnx import TensorProto

        total = self._node(
            "ReduceSum", [all_states, self._constant("time", np.array([0], np.int64))], "sum", keepdims=0
        )
        total = self._node(
            "Flatten", [self._node("Transpose", [total], "sum_by_text", perm=[1, 0, 2])], "total", axis=1
        )
        words = self._node("Cast", [lengths], "words_read", to=TensorProto.FLOAT)
        words = self._node("Max", [words, self._constant("one_word", np.array(1, np.float32))], "at_least_one")
        column = self._constant("column", np.array([1], np.int64))
        return self._node("Div", [total, self._node("Unsqueeze", [words, column], "divisor")], "mean_state")

    def _head(self, hidden: str) -> None:
        """The head, and `probabilities`."""
        head = [self._constant(name, self.weights[name]) for name in ("head.kernel", "head.bias")]
        logits = self._node("Gemm", [hidden, *head], "logits")
        if self.config.ngram_order:
            logits = self._node("Add", [logits, "ngram_logits"], "all_logits")
        if self.config.outputs > 1:
            self._node("Softmax", [logits], "probabilities", axis=1)
            return
        positive = self._node("Sigmoid", [logits], "positive")
        one = self._constant("one", np.array(1, np.float32))
        self._node("Concat", [self._node("Sub", [one, positive], "negative"), positive], "probabilities", axis=1)
