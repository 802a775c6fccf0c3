"""The network's forward pass while it is trained: dropout that can be repeated, and the fastest LSTM for the device."""

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from lstmctl.config import ModelConfig
from lstmctl.training import network as networks
from lstmctl.training.fused import hidden_states

# (lstm, inputs (batch, longest, inputs), lengths (batch,)) → what the Keras layer `lstm` makes of texts that are padded
# on the right: hidden states (batch, longest, units) where it returns sequences, with nothing of use beyond a text's
# length, else the last one it reads, (batch, units).
Read = Callable[[keras.layers.LSTM, tf.Tensor, tf.Tensor], tf.Tensor]


def kernel_name(gpus: Sequence[object]) -> str:
    """Which LSTM trains: "keras", where a GPU has its own kernel for that (cuDNN), else "fused"."""
    return "keras" if gpus else "fused"


def kernel(name: str, *, parts: int) -> Read:
    """The LSTM of that name; the fused one in `parts` groups of texts side by side."""

    def fused(lstm: keras.layers.LSTM, inputs: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        in_order = tf.reverse_sequence(inputs, lengths, seq_axis=1) if lstm.go_backwards else inputs
        weights = (variable.value for variable in lstm.trainable_variables)
        states = tf.transpose(hidden_states(tf.transpose(in_order, [1, 0, 2]), *weights, parts=parts), [1, 0, 2])
        if not lstm.return_sequences:
            return _last(states, lengths)
        return tf.reverse_sequence(states, lengths, seq_axis=1) if lstm.go_backwards else states

    def stock(lstm: keras.layers.LSTM, inputs: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        states = lstm(inputs, mask=tf.sequence_mask(lengths, tf.shape(inputs)[1]), training=False)
        return tf.reverse(states, [1]) if lstm.go_backwards and lstm.return_sequences else states

    return {"fused": fused, "keras": stock}[name]


def logits(
    network: keras.Model,
    config: ModelConfig,
    words: tf.Tensor,
    lengths: tf.Tensor,
    *,
    read: Read,
    dropout: float,
    seed: tf.Tensor,
) -> tf.Tensor:
    """words (batch, longest), of which `lengths` (batch,) are read → (batch, outputs).

    `seed` (2,) alone decides what dropout hides, so a step can be repeated exactly, wherever it is run.
    """
    hidden = tf.gather(network.get_layer("embedding").embeddings.value, words)
    for number, layer in enumerate(networks.lstm_layers(network, config)):
        states = []
        for place, lstm in enumerate(layer.values()):
            inputs = hidden
            if dropout > 0:
                inputs = drop(hidden, share=dropout, seed=seed + [0, (2 * number + place) << 24])
            states.append(read(lstm, inputs, lengths))
        hidden = tf.concat(states, axis=-1)
    return network.get_layer("head")(hidden)


def drop(inputs: tf.Tensor, *, share: float, seed: tf.Tensor) -> tf.Tensor:
    """Hide a share of (batch, words, inputs): as in Keras, each text has one mask, the same for all of its words."""
    kept = tf.random.stateless_uniform([tf.shape(inputs)[0], 1, inputs.shape[2]], seed) >= share
    return inputs * tf.cast(kept, tf.float32) / (1 - share)


def _last(states: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    """(batch, units): the state after the last word of each text; zeros for a text without words."""
    texts = tf.range(tf.shape(lengths)[0])
    last = tf.gather_nd(states, tf.stack([texts, tf.maximum(lengths - 1, 0)], axis=1))
    return tf.where((lengths > 0)[:, None], last, 0.0)
