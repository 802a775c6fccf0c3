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
from lstmctl.model.lstm import Floats
from lstmctl.registry.artifact import ModelFolder
from lstmctl.training.ensemble import join_members, member_config
from lstmctl.training.prepare import Plan


def start(plan: Plan) -> keras.Model:
    """The network before its first step: each ensemble member has its own random weights, replaced by the plan's
    `starting_embedding` where that is not NaN."""
    config, training = plan.model, plan.training
    network = build(config, dropout=training.dropout, seed=training.seed)
    if training.ensemble_size > 1:
        member = member_config(config, training.ensemble_size)
        seeds = [(training.seed + 1_000_003 * number) % 2**31 for number in range(training.ensemble_size)]
        parts = [weights(build(member, dropout=training.dropout, seed=seed), member) for seed in seeds]
        assign(network, config, join_members(config, parts))
    if (embedding := plan.starting_embedding()) is not None:
        embeddings = network.get_layer("embedding").embeddings
        embeddings.assign(np.where(np.isnan(embedding), embeddings.numpy(), embedding))
    return network


def build(config: ModelConfig, *, dropout: float, seed: int) -> keras.Model:
    """Word ids (batch, words), padded as by `pad` → logits (batch, outputs)."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()  # one seed, one model; no measurable cost here
    words = keras.Input((None,), dtype="int32", name="words")
    masked = config.padding == "masked"
    hidden = keras.layers.Embedding(config.vocab_size, config.embedding_dim, mask_zero=masked, name="embedding")(words)
    for number in range(config.layers):
        last, name = number == config.layers - 1, f"lstm.{number}"
        pooled = last and "max" in config.pools
        options = {"dropout": dropout, "return_sequences": pooled or not last, "return_state": pooled}
        lstm = keras.layers.LSTM(config.units, **options, name=f"{name}.forward")
        states = (keras.layers.Bidirectional(lstm, name=name) if config.bidirectional else lstm)(hidden)
        hidden = _last_and_max(*states) if pooled else states
    logits = keras.layers.Dense(config.outputs, name="head")(hidden)
    return keras.Model(words, logits)


def _last_and_max(all_states: Any, *last_states: Any) -> Any:
    """Hidden states (batch, words, units · directions), then hidden and cell state of each direction after its last
    word → (batch, 2 · units · directions). On padding, Keras repeats a text's last state, or has 0 before its first, so
    the maximum is that of `ModelConfig.pools`."""
    # GlobalMaxPooling1D does not support masking. The names of the layers are part of exported files.
    max_state = keras.layers.ReLU(name="highest")(keras.ops.max(all_states, axis=1))
    return keras.layers.Concatenate(name="last_and_highest")([*last_states[::2], max_state])


def pad(texts: list[Ids], config: ModelConfig) -> Ids:
    """(texts, longest): padded on the right, at least one column wide; or (texts, max_len), padded on the left."""
    left = config.padding == "pre"
    width = config.max_len if left else max(1, *(text.size for text in texts))
    padded = np.full((len(texts), width), PADDING, np.int32)
    for row, text in zip(padded, texts, strict=True):
        start = width - text.size if left else 0
        row[start : start + text.size] = text
    return padded


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


def probabilities(network: keras.Model, words: np.ndarray) -> np.ndarray:
    """The probabilities that Keras computes for padded word ids (batch, words): (batch, labels), float64."""
    logits = np.asarray(network.predict_on_batch(words), np.float64)
    if logits.shape[1] == 1:
        positive = 1 / (1 + np.exp(-logits))
        return np.concatenate([1 - positive, positive], axis=1)
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def to_keras(folder: ModelFolder) -> bytes:
    """A .keras file of the model: word ids (batch, words), padded as by `pad` → probabilities, of the positive label
    (batch, 1), or with more than two labels of each label (batch, labels). Raises Rejected: the model cannot be used.
    """
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
