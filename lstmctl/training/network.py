"""The model as Keras layers, and its weights by our names. Only stock layers, so that any Keras can read an export."""

from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf

from lstmctl.config import ModelConfig
from lstmctl.lstm import Floats


def build(config: ModelConfig, *, dropout: float, seed: int) -> keras.Model:
    """word ids (batch, words) → logits (batch, outputs). Right-padded with 0, and padding is masked."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()  # one seed, one model; costs nothing measurable here
    words = keras.Input((None,), dtype="int32", name="words")
    embedded = keras.layers.Embedding(config.vocab_size, config.embedding_dim, mask_zero=True, name="embedding")(words)
    hidden = keras.layers.LSTM(config.units, dropout=dropout, name="lstm.0.forward")(embedded)
    logits = keras.layers.Dense(config.outputs, name="head")(hidden)
    return keras.Model(words, logits)


def weights(network: keras.Model) -> dict[str, Floats]:
    """Copies of the network's weights, by the names of `ModelConfig.shapes`."""
    return {name: np.array(variable.numpy()) for name, variable in _variables(network).items()}


def assign(network: keras.Model, values: Mapping[str, Floats]) -> None:
    """Set the network's weights from arrays under the names of `ModelConfig.shapes`."""
    for name, variable in _variables(network).items():
        variable.assign(values[name])


def _variables(network: keras.Model) -> dict[str, keras.Variable]:
    named = {}
    for layer in network.layers:
        for variable in layer.trainable_variables:
            # The embedding's one table carries its layer's name alone; all others layer and kind.
            name = layer.name if layer.name == "embedding" else f"{layer.name}.{variable.name}"
            named[name] = variable
    return named


def probabilities(network: keras.Model, words: np.ndarray) -> np.ndarray:
    """What Keras itself answers for padded word ids (batch, words): (batch, labels), float64."""
    logits = np.asarray(network.predict_on_batch(words), np.float64)
    if logits.shape[1] == 1:
        positive = 1 / (1 + np.exp(-logits))
        return np.concatenate([1 - positive, positive], axis=1)
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)
