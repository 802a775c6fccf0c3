"""The forward pass while training: with reproducible dropout, and the fastest LSTM for the device."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lstmctl.config import UNKNOWN, ModelConfig
from lstmctl.model.members import member_slices
from lstmctl.training import network as networks
from lstmctl.training.fused import hidden_states

Weights = list[tf.Tensor]  # kernel, recurrent kernel and bias
# (lstm, its weights, inputs (batch, longest, inputs), lengths (batch,)) → the output of the Keras layer `lstm` for
# texts padded on the right: hidden states (batch, longest, units) if it returns sequences, undefined beyond a text's
# length, else the one after the last word it reads, (batch, units).
Read = Callable[[keras.layers.LSTM, Weights, tf.Tensor, tf.Tensor], tf.Tensor]

_WORDS, _OUTPUT = 254 << 23, 255 << 23  # keep the seeds of their dropout apart from those of the layers


class Dropout(NamedTuple):
    """Dropout rates."""

    inputs: float  # of the inputs of each LSTM
    words: float = 0.0  # at which words become unknown words
    output: float = 0.0  # of the inputs of the head


def kernel_name(gpus: Sequence[object], *, ensemble_size: int = 1) -> str:
    """Which LSTM trains: "keras" on a GPU, which has its own kernel (cuDNN), else "fused". The members of an ensemble
    cannot be trained separately within the stock layer."""
    return "keras" if gpus and ensemble_size == 1 else "fused"


def kernel(name: str, *, parts: int) -> Read:
    """The LSTM of that name; the fused one computes `parts` groups of texts in parallel."""

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
    """Embedded words for all members: looked up once, so that the embedding has one gradient."""

    words: tf.Tensor  # (batch, longest, embedding_dim)
    unknown: tf.Tensor | None  # (embedding_dim,), of the unknown word, if word dropout needs it


def embed(network: keras.Model, words: tf.Tensor, *, unknown: bool) -> Embedded:
    """Look up words (batch, longest); `unknown` adds the embedding of the unknown word."""
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
    ngram_inputs: tf.Tensor | None = None,
    member: int = 0,
    ensemble_size: int = 1,
) -> tf.Tensor:
    """The logits of one ensemble member, (batch, outputs), as if it were alone, without those of the n-grams. lengths
    (batch,): words read per text; ngram_inputs (batch, longest, inputs): beside the embeddings.

    `seed` (2,) alone determines the dropout masks, so a step can be repeated exactly on any machine.
    """
    seed += [member << 20, 0]
    variables, slices = networks.variables(network, config), member_slices(config, member, ensemble_size)
    hidden = embedded.words
    own = {
        name: variable.value if ensemble_size == 1 else _member_part(variable.value, slices[name])
        for name, variable in variables.items()
        if name != "embedding"
    }
    if dropout.words > 0 and embedded.unknown is not None:
        kept = tf.random.stateless_uniform(tf.shape(hidden)[:2], seed + [0, _WORDS])[:, :, None] >= dropout.words
        hidden = tf.where(kept, hidden, embedded.unknown)
        ngram_inputs = ngram_inputs * tf.cast(kept, tf.float32) if ngram_inputs is not None else None
    if ngram_inputs is not None:
        hidden = tf.concat([hidden, ngram_inputs], axis=2)
    for number, layer in enumerate(networks.lstm_layers(network, config)):
        states = []
        for index, (direction, lstm) in enumerate(layer.items()):
            inputs = hidden
            if dropout.inputs > 0:
                inputs = drop(hidden, rate=dropout.inputs, seed=seed + [0, (2 * number + index) << 24])
            weights = [own[f"lstm.{number}.{direction}.{part}"] for part in ("kernel", "recurrent_kernel", "bias")]
            states.append(read(lstm, weights, inputs, lengths))
        hidden = tf.concat(states, axis=-1)
    if len(config.pools) > 1:
        hidden = _pool(states, lengths, mean="mean" in config.pools)
    if dropout.output > 0:
        kept = tf.random.stateless_uniform(tf.shape(hidden), seed + [0, _OUTPUT]) >= dropout.output
        hidden *= tf.cast(kept, tf.float32) / (1 - dropout.output)
    return hidden @ (ensemble_size * own["head.kernel"]) + own["head.bias"]


def _member_part(value: tf.Tensor, indices: Sequence[NDArray[np.int64]]) -> tf.Tensor:
    """A tensor at these indices of each of its axes."""
    for axis, own in enumerate(indices):
        value = tf.gather(value, own, axis=axis)
    return value


def drop(inputs: tf.Tensor, *, rate: float, seed: tf.Tensor) -> tf.Tensor:
    """Dropout on (batch, words, inputs): as in Keras, each text has one mask, the same for all of its words."""
    kept = tf.random.stateless_uniform([tf.shape(inputs)[0], 1, inputs.shape[2]], seed) >= rate
    return inputs * tf.cast(kept, tf.float32) / (1 - rate)


def _pool(states: list[tf.Tensor], lengths: tf.Tensor, *, mean: bool) -> tf.Tensor:
    """Hidden states (batch, longest, units) of each direction → last, maximum and perhaps mean, (batch, inputs of the
    head), as in `network`."""
    has_words = tf.cast(lengths > 0, tf.float32)[:, None]
    last = [_last(states[0], lengths), *(backward[:, 0] * has_words for backward in states[1:])]
    inside = tf.sequence_mask(lengths, tf.shape(states[0])[1])[:, :, None]
    maxima = [tf.reduce_max(tf.where(inside, all_states, 0.0), axis=1) for all_states in states]
    pooled = [*last, *map(tf.nn.relu, maxima)]
    if mean:
        divisor = tf.cast(tf.maximum(lengths, 1), tf.float32)[:, None]
        pooled += [tf.reduce_sum(tf.where(inside, all_states, 0.0), axis=1) / divisor for all_states in states]
    return tf.concat(pooled, axis=-1)


def _last(states: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    """(batch, units): the state after the last word of each text; zeros for a text without words."""
    texts = tf.range(tf.shape(lengths)[0])
    last = tf.gather_nd(states, tf.stack([texts, tf.maximum(lengths - 1, 0)], axis=1))
    return tf.where((lengths > 0)[:, None], last, 0.0)
