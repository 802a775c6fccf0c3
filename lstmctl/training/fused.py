"""The LSTM as one operation for the CPU: TensorFlow's kernel for whole sequences, instead of a loop over the words.

Same weights, outputs and gradients as `keras.layers.LSTM` reading right-padded, masked texts; the tests compare the
two. Three times as fast on a CPU; a GPU has a better kernel of its own.

The gradient that TensorFlow 2.21 registers for BlockLSTMV2 calls the kernel of version 1, whose gates have a different
order, and is wrong. Hence BlockLSTMGradV2 by name. Source: tf.raw_ops.BlockLSTMV2; gates in the order i, f, c, o.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

Gradient = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor, tf.Tensor]]


def hidden_states(
    words: tf.Tensor, kernel: tf.Tensor, recurrent: tf.Tensor, bias: tf.Tensor, *, parts: int = 1
) -> tf.Tensor:
    """The hidden state after each word, (longest, batch, units); undefined after a text's last word.

    words      (longest, batch, inputs): embeddings, or the hidden states of the layer below.
    kernel, recurrent, bias: as `keras.layers.LSTM` packs them.
    parts      number of groups of texts computed in parallel. The kernel itself gains nothing from a second thread at
               these sizes.
    """

    @tf.custom_gradient
    def compute(words: tf.Tensor, weights: tf.Tensor, bias: tf.Tensor) -> tuple[tf.Tensor, Gradient]:
        groups = [_group(words, number, parts) for number in range(parts)]
        inputs = [_inputs(group, weights, bias) for group in groups]
        done = [tf.raw_ops.BlockLSTMV2(**group, cell_clip=0.0) for group in inputs]

        def gradient(hidden_grad: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            back = []
            for number, (group, states) in enumerate(zip(inputs, done, strict=True)):
                h_grad = _group(hidden_grad, number, parts)
                cs_grad = tf.zeros_like(h_grad)
                back.append(tf.raw_ops.BlockLSTMGradV2(**group, **states._asdict(), cs_grad=cs_grad, h_grad=h_grad))
            words_grad = tf.concat([grads.x_grad for grads in back], axis=1)
            return words_grad, tf.add_n([grads.w_grad for grads in back]), tf.add_n([grads.b_grad for grads in back])

        return tf.concat([states.h for states in done], axis=1), gradient

    texts = tf.shape(words)[1]
    # The kernel leaves the gradient of an empty group unset, so every group gets at least one text, of zeros if needed.
    filled = tf.pad(words, [[0, 0], [0, -texts % parts], [0, 0]])
    return compute(filled, tf.concat([kernel, recurrent], 0), bias)[:, :texts]


def _group(batch: tf.Tensor, number: int, parts: int) -> tf.Tensor:
    """The texts of (longest, batch, …) in one of `parts` groups of neighbours."""
    size = tf.shape(batch)[1]
    return batch[:, size * number // parts : size * (number + 1) // parts]


def _inputs(words: tf.Tensor, weights: tf.Tensor, bias: tf.Tensor) -> dict[str, Any]:
    units = tf.shape(weights)[1] // 4
    zeros = tf.zeros([tf.shape(words)[1], units])
    peephole = tf.zeros([units])
    return {
        "seq_len_max": tf.shape(words, out_type=tf.int64)[0],
        "x": words,
        "cs_prev": zeros,
        "h_prev": zeros,
        "w": weights,
        "wci": peephole,
        "wcf": peephole,
        "wco": peephole,
        "b": bias,
        "use_peephole": False,
    }
