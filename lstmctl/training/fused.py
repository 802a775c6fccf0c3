"""The LSTM as one operation for the CPU: TensorFlow's kernel for whole sequences, instead of a loop over the words.

Same weights, same numbers and same gradients as `keras.layers.LSTM` reading right-padded, masked texts; the tests hold
the two together. Three times as fast here, and a GPU has a better kernel of its own.

The gradient that TensorFlow 2.21 registers for BlockLSTMV2 calls the kernel of version 1, whose gates lie in another
order, and is wrong. Hence BlockLSTMGradV2 by name. Source: tf.raw_ops.BlockLSTMV2; gates in the order i, f, c, o.
"""

from collections.abc import Callable

import tensorflow as tf

Gradient = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor, tf.Tensor]]


def last_hidden(
    words: tf.Tensor, lengths: tf.Tensor, kernel: tf.Tensor, recurrent: tf.Tensor, bias: tf.Tensor
) -> tf.Tensor:
    """The hidden state after the last word of each text, (batch, units); zeros for a text without words.

    words      (batch, longest, inputs): embeddings, padded on the right with anything.
    lengths    (batch,): words of each text.
    kernel, recurrent, bias: as `keras.layers.LSTM` packs them.
    """
    hidden = _all_hidden(tf.transpose(words, [1, 0, 2]), tf.concat([kernel, recurrent], 0), bias)
    texts = tf.range(tf.shape(lengths)[0])
    last = tf.gather_nd(hidden, tf.stack([tf.maximum(lengths - 1, 0), texts], axis=1))
    return tf.where((lengths > 0)[:, None], last, 0.0)


@tf.custom_gradient
def _all_hidden(words: tf.Tensor, weights: tf.Tensor, bias: tf.Tensor) -> tuple[tf.Tensor, Gradient]:
    """words (longest, batch, inputs), weights (inputs + units, 4·units), bias (4·units,) → (longest, batch, units)."""
    units = tf.shape(weights)[1] // 4
    zeros = tf.zeros([tf.shape(words)[1], units])
    peephole = tf.zeros([units])
    inputs = {
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
    done = tf.raw_ops.BlockLSTMV2(**inputs, cell_clip=0.0)

    def gradient(of_hidden: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        back = tf.raw_ops.BlockLSTMGradV2(
            **inputs, **done._asdict(), cs_grad=tf.zeros_like(of_hidden), h_grad=of_hidden
        )
        return back.x_grad, back.w_grad, back.b_grad

    return done.h, gradient
