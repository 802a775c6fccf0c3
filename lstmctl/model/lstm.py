"""The LSTM itself: four matrices, three gates and a new value, a conveyor belt, a hidden state.

A belt runs through time, one place on it for every unit. At each word

  the forget gate    looks at the word and at what was last said, and wipes some of the belt;
  the decision gate  (also: input gate) chooses where something will be written;
  the new value      (also: candidate) is what could be written there;
  the belt           keeps what was not wiped, and takes on what was decided;
  the output gate    chooses what of the belt is read out;
  the hidden state   is what is read out: it goes to the next word, and after the last one to the classifier.

Notation, for one layer with `inputs` numbers a word and `units` places on the belt. A leading batch axis is allowed.

  word      (inputs,)  the word's embedding, or the hidden state of the layer below
  memory    hidden (units,) and belt (units,); both are zero before the first word
  matrices  one for each gate and one for the new value: input (inputs, units), recurrent (units, units), bias (units,)

`step` is the story, one word at a time; `explain` and the tests use it. `run` is the same arithmetic for many texts at
once, made fast; a property test holds the two together.

Source: Hochreiter and Schmidhuber (1997), with the forget gate of Gers, Schmidhuber and Cummins (2000), as in
keras.layers.LSTM (https://keras.io/api/layers/recurrent_layers/lstm/). Left out: peepholes, recurrent dropout,
training (Keras trains; dropout does nothing afterwards).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class Memory(NamedTuple):
    """What a layer carries from word to word; each (units,) or (batch, units)."""

    hidden: Floats
    belt: Floats


class Gates(NamedTuple):
    """What happened at one word; each (units,) or (batch, units). Gates lie in 0…1, the new value in -1…1."""

    forget: Floats
    decision: Floats
    new_value: Floats
    output: Floats


class Matrix(NamedTuple):
    """One of the four: input (inputs, units), recurrent (units, units), bias (units,)."""

    input: Floats
    recurrent: Floats
    bias: Floats


class Matrices(NamedTuple):
    """The four matrices of a layer."""

    forget: Matrix
    decision: Matrix
    new_value: Matrix
    output: Matrix


# How Keras lays the four side by side: i, f, c, o. (PyTorch: i, f, g, o; ONNX: i, o, f, c.)
KERAS_ORDER = ("decision", "forget", "new_value", "output")


def matrices_from_keras(kernel: Floats, recurrent_kernel: Floats, bias: Floats) -> Matrices:
    """Cut the four matrices out of Keras's packed weights.

    kernel (inputs, 4·units), recurrent_kernel (units, 4·units), bias (4·units,).
    """
    parts = zip(
        *(np.split(packed, len(KERAS_ORDER), axis=-1) for packed in (kernel, recurrent_kernel, bias)), strict=True
    )
    return Matrices(**{name: Matrix(*part) for name, part in zip(KERAS_ORDER, parts, strict=True)})


def sigmoid(z: Floats) -> Floats:
    """1 / (1 + e⁻ᶻ), written with tanh, which cannot overflow."""
    half = z.dtype.type(0.5)
    value: Floats = half + half * np.tanh(half * z)
    return value


def step(word: Floats, memory: Memory, matrices: Matrices) -> tuple[Memory, Gates]:
    """Read one word: the memory after it, and what the gates did."""

    def look(matrix: Matrix) -> Floats:
        return word @ matrix.input + memory.hidden @ matrix.recurrent + matrix.bias

    forget = sigmoid(look(matrices.forget))
    decision = sigmoid(look(matrices.decision))
    new_value = np.tanh(look(matrices.new_value))
    belt = forget * memory.belt + decision * new_value
    output = sigmoid(look(matrices.output))
    hidden = output * np.tanh(belt)

    return Memory(hidden, belt), Gates(forget, decision, new_value, output)


# Matrix libraries choose another kernel, and so other last bits, for another number of rows. Every product here is made
# of blocks of this one size, so a text's bits cannot depend on which texts are computed beside it. Nor on its place
# among them: OpenBLAS treats 8 rows alike on every processor, but 16 on Haswell as 6 and 10.
BLOCK = 8


def blocked(rows: int) -> int:
    """`rows` rounded up to whole blocks."""
    return -(-rows // BLOCK) * BLOCK


def product(rows: Floats, matrix: Floats) -> Floats:
    """rows (n, k) @ matrix (k, m) → (n, m), with bits that do not depend on n."""
    n, k = rows.shape
    padded = rows
    if n % BLOCK:
        padded = np.zeros((blocked(n), k), rows.dtype)
        padded[:n] = rows
    result: Floats = np.matmul(padded.reshape(-1, BLOCK, k), matrix).reshape(-1, matrix.shape[1])
    return result[:n]


class Packed(NamedTuple):
    """The four matrices side by side for `run`, in the order forget, decision, output, new value.

    The first three are negated, the last one is multiplied by -2, so that one 1 / (1 + eᶻ) serves all four:
    σ(z) = 1 / (1 + e⁻ᶻ), and tanh(z) = 2·σ(2z) - 1. NumPy computes eᶻ twice as fast as tanh.
    """

    input: Floats  # (inputs, 4·units)
    recurrent: Floats  # (units, 4·units)
    bias: Floats  # (4·units,)


def pack(matrices: Matrices) -> Packed:
    """Lay the four matrices out for `run`."""
    order = (matrices.forget, matrices.decision, matrices.output, matrices.new_value)
    scales = [np.float32(-1)] * 3 + [np.float32(-2)]
    return Packed(
        *(
            np.ascontiguousarray(np.concatenate([scale * part for scale, part in zip(scales, parts, strict=True)], -1))
            for parts in zip(*order, strict=True)
        )
    )


def run(
    table: Floats,
    words: NDArray[np.int32],
    lengths: NDArray[np.int64],
    recurrent: Floats,
    *,
    every: Floats | None = None,
    highest: Floats | None = None,
) -> Floats:
    """Read many texts; returns the hidden state after each one's last word, (batch, units).

    table      (rows, 4·units): for every word its embedding times `Packed.input` plus `Packed.bias`, computed once, so
               that a word costs one look-up instead of one product.
    words      (longest, batch): row numbers in `table`, one column a text.
    lengths    (batch,): words of each text, longest first; 0 is allowed and leaves the memory empty.
    recurrent  `Packed.recurrent`.
    every      (longest, batch, units): is filled with the hidden state after each word, for a layer above.
    highest    (batch, units): each number is raised to the highest that the hidden state has there after any word.

    As texts end, fewer rows are computed. No text ever sees padding.
    """
    batch, units = lengths.size, recurrent.shape[0]
    hidden = np.zeros((blocked(batch), units), np.float32)
    belt = np.zeros((batch, units), np.float32)
    products = np.empty((hidden.shape[0] // BLOCK, BLOCK, 4 * units), np.float32)
    # running[t]: how many texts have a word at place t.
    running = np.searchsorted(-lengths, -np.arange(words.shape[0]), side="left")
    gates = [slice(gate * units, (gate + 1) * units) for gate in range(4)]
    inputs, said = np.empty((batch, 4 * units), np.float32), np.empty((batch, units), np.float32)
    with np.errstate(over="ignore"):  # eᶻ may be infinite; then 1 / (1 + eᶻ) is 0, as it should
        for place, (row, active) in enumerate(zip(words, running, strict=True)):
            blocks = blocked(active) // BLOCK
            np.matmul(hidden[: blocks * BLOCK].reshape(blocks, BLOCK, units), recurrent, out=products[:blocks])
            z = products[:blocks].reshape(-1, 4 * units)[:active]
            z += table.take(row[:active], axis=0, out=inputs[:active], mode="clip")  # without a check a word
            _logistic_of_minus(z)
            forget, decision, output, new_value = (z[:, gate] for gate in gates)
            _tanh_of_logistic(new_value)
            new_value *= decision
            kept, out = belt[:active], said[:active]
            kept *= forget
            kept += new_value
            np.multiply(kept, -2, out=out)
            _logistic_of_minus(out)
            _tanh_of_logistic(out)
            np.multiply(out, output, out=hidden[:active])
            if highest is not None:
                np.maximum(highest[:active], hidden[:active], out=highest[:active])
            if every is not None:
                every[place, :active] = hidden[:active]
    return hidden[:batch]


def _logistic_of_minus(z: Floats) -> None:
    """z → 1 / (1 + eᶻ), in place."""
    np.exp(z, out=z)
    z += 1
    np.reciprocal(z, out=z)


def _tanh_of_logistic(value: Floats) -> None:
    """σ(2x) → tanh(x), in place."""
    value += value
    value -= 1
