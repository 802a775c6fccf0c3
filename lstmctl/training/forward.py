"""The network's forward pass while it is trained: dropout that can be repeated, and the fastest LSTM for the device."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lstmctl.config import UNKNOWN, ModelConfig
from lstmctl.training import network as networks
from lstmctl.training.ensemble import member_slices as member_places
from lstmctl.training.fused import hidden_states

Weights = list[tf.Tensor]  # kernel, recurrent kernel and bias
# (lstm, its weights, inputs (batch, longest, inputs), lengths (batch,)) → what the Keras layer `lstm` makes of texts
# that are padded on the right: hidden states (batch, longest, units) where it returns sequences, with nothing of use
# beyond a text's length, else the last one it reads, (batch, units).
Read = Callable[[keras.layers.LSTM, Weights, tf.Tensor, tf.Tensor], tf.Tensor]

_WORDS, _OUTPUT = 254 << 23, 255 << 23  # what sets their dropout's seeds apart from those of the layers


class Dropout(NamedTuple):
    """Shares that are hidden while training."""

    inputs: float  # of what each LSTM reads
    words: float = 0.0  # become unknown words
    output: float = 0.0  # of what the head sees


def kernel_name(gpus: Sequence[object], *, ensemble_size: int = 1) -> str:
    """Which LSTM trains: "keras", where a GPU has its own kernel for that (cuDNN), else "fused". The stock layer has no
    part that could be trained by itself."""
    return "keras" if gpus and ensemble_size == 1 else "fused"


def kernel(name: str, *, parts: int) -> Read:
    """The LSTM of that name; the fused one in `parts` groups of texts side by side."""

    def fused(lstm: keras.layers.LSTM, weights: Weights, inputs: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        in_order = tf.reverse_sequence(inputs, lengths, seq_axis=1) if lstm.go_backwards else inputs
        states = tf.transpose(hidden_states(tf.transpose(in_order, [1, 0, 2]), *weights, parts=parts), [1, 0, 2])
        if not lstm.return_sequences:
            return _last(states, lengths)
        return tf.reverse_sequence(states, lengths, seq_axis=1) if lstm.go_backwards else states

    def stock(lstm: keras.layers.LSTM, weights: Weights, inputs: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        states = lstm(inputs, mask=tf.sequence_mask(lengths, tf.shape(inputs)[1]), training=False)
        if lstm.return_state:
            states = states[0]
        return tf.reverse(states, [1]) if lstm.go_backwards and lstm.return_sequences else states

    return {"fused": fused, "keras": stock}[name]


class Embedded(NamedTuple):
    """Words as the embedding has them, of all members: looked up once, so that there is one gradient of it."""

    words: tf.Tensor  # (batch, longest, embedding_dim)
    unknown: tf.Tensor | None  # (embedding_dim,), where some words are to become unknown ones


def embed(network: keras.Model, words: tf.Tensor, *, unknown: bool) -> Embedded:
    """words (batch, longest): their ids."""
    table = network.get_layer("embedding").embeddings.value
    if not unknown:
        return Embedded(tf.gather(table, words), None)
    rows = tf.gather(table, tf.concat([[UNKNOWN], tf.reshape(words, [-1])], axis=0))
    return Embedded(tf.reshape(rows[1:], [*tf.unstack(tf.shape(words)), table.shape[1]]), rows[0])


def logits(
    network: keras.Model,
    config: ModelConfig,
    embedded: Embedded,
    lengths: tf.Tensor,
    *,
    read: Read,
    dropout: Dropout,
    seed: tf.Tensor,
    odds: tf.Tensor | None = None,
    member: int = 0,
    ensemble_size: int = 1,
) -> tf.Tensor:
    """Texts, of which `lengths` (batch,) words are read → what a member of the model says of them, (batch, outputs): as
    if it were alone.

    `seed` (2,) alone decides what dropout hides, so a step can be repeated exactly, wherever it is run. `odds` (batch,
    longest, columns) is added to the first numbers of the words' embeddings, which are then not trained (`odds.py`).
    """
    seed += [member << 20, 0]
    variables, places = networks.variables(network, config), member_places(config, member, ensemble_size)
    columns = slice(places["embedding"][1][0], places["embedding"][1][-1] + 1)  # the member's, side by side
    hidden = embedded.words[:, :, columns]
    own = {
        name: _part(variable.value, places[name], whole=ensemble_size == 1)
        for name, variable in variables.items()
        if name != "embedding"
    }
    if dropout.words > 0 and embedded.unknown is not None:
        kept = tf.random.stateless_uniform(tf.shape(hidden)[:2], seed + [0, _WORDS])[:, :, None] >= dropout.words
        hidden = tf.where(kept, hidden, embedded.unknown[columns])
        odds = odds * tf.cast(kept, tf.float32) if odds is not None else None
    if odds is not None:
        counted = odds.shape[2]
        hidden = tf.concat([tf.stop_gradient(hidden[:, :, :counted]) + odds, hidden[:, :, counted:]], axis=2)
    for number, layer in enumerate(networks.lstm_layers(network, config)):
        states = []
        for place, (direction, lstm) in enumerate(layer.items()):
            inputs = hidden
            if dropout.inputs > 0:
                inputs = drop(hidden, share=dropout.inputs, seed=seed + [0, (2 * number + place) << 24])
            weights = [own[f"lstm.{number}.{direction}.{part}"] for part in ("kernel", "recurrent_kernel", "bias")]
            states.append(read(lstm, weights, inputs, lengths))
        hidden = tf.concat(states, axis=-1)
    if "max" in config.pools:
        hidden = _last_and_highest(states, lengths)
    if dropout.output > 0:
        kept = tf.random.stateless_uniform(tf.shape(hidden), seed + [0, _OUTPUT]) >= dropout.output
        hidden *= tf.cast(kept, tf.float32) / (1 - dropout.output)
    return hidden @ (ensemble_size * own["head.kernel"]) + own["head.bias"]


def _part(value: tf.Tensor, places: Sequence[NDArray[np.int64]], *, whole: bool) -> tf.Tensor:
    """The member's part of a tensor, by the places on each of its axes."""
    if whole:
        return value
    for axis, own in enumerate(places):
        value = tf.gather(value, own, axis=axis)
    return value


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
