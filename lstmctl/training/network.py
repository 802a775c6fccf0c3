"""The model as a Keras network of stock layers, so that `keras.models.load_model` alone can open an export."""

import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from lstmctl.config import PADDING, ModelConfig
from lstmctl.data.word_ids import Ids
from lstmctl.model.classifier import Classifier
from lstmctl.model.lstm import Floats
from lstmctl.registry.artifact import ModelFolder
from lstmctl.training.ensemble import join_members, member_config
from lstmctl.training.prepare import Plan


def start(plan: Plan) -> keras.Model:
    """The network before its first step: each ensemble member has its own random weights; the embedding is that of the
    plan, if it has one. With n-grams the head starts at 0, so that the first predictions are those of the n-gram model.
    """
    config, training = plan.model, plan.training
    network = build(config, dropout=training.dropout, seed=training.seed)
    if plan.ensemble_size > 1:
        member = member_config(config, plan.ensemble_size)
        seeds = [(training.seed + 1_000_003 * number) % 2**31 for number in range(plan.ensemble_size)]
        parts = [weights(build(member, dropout=training.dropout, seed=seed), member) for seed in seeds]
        assign(network, config, join_members(config, parts))
    embedding = network.get_layer("embedding")
    embedding.trainable = plan.embedding_rate != 0
    if plan.vectors is not None:
        embedding.embeddings.assign(plan.vectors.vectors)
    if plan.ngrams is not None:
        network.get_layer("head").kernel.assign(np.zeros(config.shapes()["head.kernel"], np.float32))
    return network


def build(config: ModelConfig, *, dropout: float, seed: int) -> keras.Model:
    """Word ids (batch, words), padded as by `pad`, and with n-grams what `Classifier.ngram_parts` gives: inputs (batch,
    words, ModelConfig.ngram_inputs), if there are any, and logits (batch, outputs) → logits (batch, outputs)."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()  # one seed, one model; no measurable cost here
    words = keras.Input((None,), dtype="int32", name="words")
    masked = config.padding == "masked"
    inputs, mask = [words], None
    hidden = keras.layers.Embedding(config.vocab_size, config.embedding_dim, mask_zero=masked, name="embedding")(words)
    if config.ngram_inputs:
        inputs.append(keras.Input((None, config.ngram_inputs), name="ngram_inputs"))
        hidden = keras.layers.Concatenate(name="embedding_and_ngrams")([hidden, inputs[-1]])
        mask = keras.ops.not_equal(words, PADDING)  # `Concatenate` loses that of the embedding
    for number in range(config.layers):
        last, name = number == config.layers - 1, f"lstm.{number}"
        pooled = last and len(config.pools) > 1
        options = {"dropout": dropout, "return_sequences": pooled or not last, "return_state": pooled}
        lstm = keras.layers.LSTM(config.units, **options, name=f"{name}.forward")
        states = (keras.layers.Bidirectional(lstm, name=name) if config.bidirectional else lstm)(hidden, mask=mask)
        hidden = _pool(config, words, *states) if pooled else states
    logits = keras.layers.Dense(config.outputs, name="head")(hidden)
    if config.ngram_order:
        inputs.append(keras.Input((config.outputs,), name="ngram_logits"))
        logits = keras.layers.Add(name="logits")([logits, inputs[-1]])
    return keras.Model(inputs if len(inputs) > 1 else words, logits)


def _pool(config: ModelConfig, words: Any, all_states: Any, *last_states: Any) -> Any:
    """Word ids (batch, words), hidden states (batch, words, units · directions), then hidden and cell state of each
    direction after its last word → the inputs of the head. On padding, Keras repeats a text's last state, or has 0
    before its first, so the maximum is that of `ModelConfig.pools`."""
    # GlobalMaxPooling1D does not support masking. The names of the layers are part of exported files.
    max_state = keras.layers.ReLU(name="highest")(keras.ops.max(all_states, axis=1))
    pooled = [*last_states[::2], max_state]
    if "mean" in config.pools:
        read = words if config.padding == "masked" else words + 1
        inside = keras.ops.cast(keras.ops.not_equal(read, PADDING), "float32")[:, :, None]
        total = keras.ops.sum(all_states * inside, axis=1)
        pooled.append(total / keras.ops.maximum(keras.ops.sum(inside, axis=1), 1.0))
    return keras.layers.Concatenate(name="last_and_highest")(pooled)


def pad(texts: list[Ids], config: ModelConfig) -> Ids:
    """(texts, longest): padded on the right, at least one column wide; or (texts, max_len), padded on the left."""
    left = config.padding == "pre"
    width = config.max_len if left else max(1, *(text.size for text in texts))
    padded = np.full((len(texts), width), PADDING, np.int32)
    for row, text in zip(padded, texts, strict=True):
        start = width - text.size if left else 0
        row[start : start + text.size] = text
    return padded


def network_inputs(texts: list[Ids], classifier: Classifier) -> list[np.ndarray]:
    """The inputs of the network for texts given as word ids: padded, and with those of the n-grams."""
    config = classifier.config
    words = pad(texts, config)
    if not config.ngram_order:
        return [words]
    values, logits = classifier.ngram_parts(texts)
    inputs = np.zeros((*words.shape, values.shape[1]), np.float32)
    lengths = np.array([text.size for text in texts])
    inputs[np.arange(words.shape[1]) < lengths[:, None]] = values
    return [words, *([inputs] if values.shape[1] else []), logits.astype(np.float32)]


def lstm_layers(network: keras.Model, config: ModelConfig) -> list[dict[str, keras.layers.LSTM]]:
    """Each layer's LSTMs by direction."""
    if not config.bidirectional:
        return [{"forward": network.get_layer(f"lstm.{number}.forward")} for number in range(config.layers)]
    wrappers = [network.get_layer(f"lstm.{number}") for number in range(config.layers)]
    return [{"forward": wrapper.forward_layer, "backward": wrapper.backward_layer} for wrapper in wrappers]


def variables(network: keras.Model, config: ModelConfig) -> dict[str, keras.Variable]:
    """The network's variables by the names of `config.shapes()`, in that order."""
    named = {"embedding": network.get_layer("embedding").embeddings}
    for number, layer in enumerate(lstm_layers(network, config)):
        for direction, lstm in layer.items():
            named |= {f"lstm.{number}.{direction}.{variable.name}": variable for variable in lstm.trainable_variables}
    head = network.get_layer("head")
    return named | {"head.kernel": head.kernel, "head.bias": head.bias}


def weights(network: keras.Model, config: ModelConfig) -> dict[str, Floats]:
    """Copies of the network's weights, by the names of `config.shapes()`."""
    return {name: np.array(variable.numpy()) for name, variable in variables(network, config).items()}


def assign(network: keras.Model, config: ModelConfig, values: Mapping[str, Floats]) -> None:
    """Set the network's weights from arrays under the names of `config.shapes()`."""
    for name, variable in variables(network, config).items():
        variable.assign(values[name])


def probabilities(network: keras.Model, inputs: list[np.ndarray]) -> np.ndarray:
    """The probabilities that Keras computes for the arrays of `network_inputs`: (batch, labels), float64."""
    logits = np.asarray(network.predict_on_batch(inputs if len(inputs) > 1 else inputs[0]), np.float64)
    if logits.shape[1] == 1:
        positive = 1 / (1 + np.exp(-logits))
        return np.concatenate([1 - positive, positive], axis=1)
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def to_keras(folder: ModelFolder) -> bytes:
    """A .keras file of the model: the inputs of `build` → probabilities, of the positive label (batch, 1), or with more
    than two labels of each label (batch, labels). Raises Rejected: the model cannot be used."""
    config, training = folder.card.config, folder.card.training
    dropout = training.dropout if training is not None else 0.0
    network = build(config, dropout=dropout, seed=0)
    assign(network, config, folder.weights())
    activation = keras.layers.Activation("sigmoid" if config.outputs == 1 else "softmax", name="probabilities")
    model = keras.Model(network.input, activation(network.output), name="lstmctl")
    with tempfile.TemporaryDirectory() as temporary:  # Keras can only write to a path
        path = Path(temporary) / "model.keras"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # from NumPy, about how Keras 3.15 copies arrays
            model.save(path)
        return path.read_bytes()
