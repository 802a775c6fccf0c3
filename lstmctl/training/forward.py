"""The network's forward pass while it is trained: dropout that can be repeated, and the fastest LSTM for the device."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import keras
import tensorflow as tf

from lstmctl.config import UNKNOWN, ModelConfig
from lstmctl.training import network as networks
from lstmctl.training.fused import hidden_states

# (lstm, inputs (batch, longest, inputs), lengths (batch,)) → what the Keras layer `lstm` makes of texts that are padded
# on the right: hidden states (batch, longest, units) where it returns sequences, with nothing of use beyond a text's
# length, else the last one it reads, (batch, units).
Read = Callable[[keras.layers.LSTM, tf.Tensor, tf.Tensor], tf.Tensor]


_WORDS, _OUTPUT = 254 << 23, 255 << 23  # what sets their dropout's seeds apart from those of the layers


class Dropout(NamedTuple):
    """Shares that are hidden while training."""

    inputs: float  # of what each LSTM reads
    words: float = 0.0  # become unknown words
    output: float = 0.0  # of what the head sees


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
        if lstm.return_state:
            states = states[0]
        return tf.reverse(states, [1]) if lstm.go_backwards and lstm.return_sequences else states

    return {"fused": fused, "keras": stock}[name]


def logits(
    network: keras.Model,
    config: ModelConfig,
    words: tf.Tensor,
    lengths: tf.Tensor,
    *,
    read: Read,
    dropout: Dropout,
    seed: tf.Tensor,
    odds: tf.Tensor | None = None,
) -> tf.Tensor:
    """words (batch, longest), of which `lengths` (batch,) are read → (batch, outputs).

    `seed` (2,) alone decides what dropout hides, so a step can be repeated exactly, wherever it is run. `odds` (batch,
    longest, columns) is added to the first numbers of the words' embeddings, which are then not trained (`odds.py`).
    """
    if dropout.words > 0:
        kept = tf.random.stateless_uniform(tf.shape(words), seed + [0, _WORDS]) >= dropout.words
        words = tf.where(kept, words, UNKNOWN)
        odds = odds * tf.cast(kept, tf.float32)[:, :, None] if odds is not None else None
    hidden = tf.gather(network.get_layer("embedding").embeddings.value, words)
    if odds is not None:
        columns = odds.shape[2]
        hidden = tf.concat([tf.stop_gradient(hidden[:, :, :columns]) + odds, hidden[:, :, columns:]], axis=2)
    for number, layer in enumerate(networks.lstm_layers(network, config)):
        states = []
        for place, lstm in enumerate(layer.values()):
            inputs = hidden
            if dropout.inputs > 0:
                inputs = drop(hidden, share=dropout.inputs, seed=seed + [0, (2 * number + place) << 24])
            states.append(read(lstm, inputs, lengths))
        hidden = tf.concat(states, axis=-1)
    if "max" in config.pools:
        hidden = _last_and_highest(states, lengths)
    if dropout.output > 0:
        kept = tf.random.stateless_uniform(tf.shape(hidden), seed + [0, _OUTPUT]) >= dropout.output
        hidden *= tf.cast(kept, tf.float32) / (1 - dropout.output)
    return network.get_layer("head")(hidden)


def drop(inputs: tf.Tensor, *, share: float, seed: tf.Tensor) -> tf.Tensor:
    """Hide a share of (batch, words, inputs): as in Keras, each text has one mask, the same for all of its words."""
    kept = tf.random.stateless_uniform([tf.shape(inputs)[0], 1, inputs.shape[2]], seed) >= share
    return inputs * tf.cast(kept, tf.float32) / (1 - share)


def _last_and_highest(states: list[tf.Tensor], lengths: tf.Tensor) -> tf.Tensor:
    """Hidden states (batch, longest, units) of each direction → (batch, 2 · units · directions), as in `network`."""
    some = tf.cast(lengths > 0, tf.float32)[:, None]
    last = [_last(states[0], lengths), *(backward[:, 0] * some for backward in states[1:])]
    inside = tf.sequence_mask(lengths, tf.shape(states[0])[1])[:, :, None]
    highest = [tf.reduce_max(tf.where(inside, every, 0.0), axis=1) for every in states]
    return tf.concat([*last, *map(tf.nn.relu, highest)], axis=-1)


def _last(states: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    """(batch, units): the state after the last word of each text; zeros for a text without words."""
    texts = tf.range(tf.shape(lengths)[0])
    last = tf.gather_nd(states, tf.stack([texts, tf.maximum(lengths - 1, 0)], axis=1))
    return tf.where((lengths > 0)[:, None], last, 0.0)
