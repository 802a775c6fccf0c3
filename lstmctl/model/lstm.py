"""The LSTM itself: four matrices, three gates and a candidate, a cell state, a hidden state.

The cell state (the post: the conveyor belt) runs through time, one number for every unit. At each word

  the forget gate    decides how much of the cell state to keep, given the word and the previous hidden state;
  the input gate     (the post: the decision gate) decides how much of the candidate to write;
  the candidate      (the post: the new value) is what could be written;
  the cell state     is the sum of what is kept and what is written;
  the output gate    decides how much of the cell state to read out;
  the hidden state   is what is read out: input of the gates at the next word, and of the classifier after the last one.

Notation, for one layer with `inputs` numbers a word and `units` units. A leading batch axis is allowed.

  word      (inputs,)  the word's embedding, or the hidden state of the layer below
  memory    hidden (units,) and cell (units,); both are zero before the first word
  matrices  one for each gate and one for the candidate: kernel (inputs, units), recurrent (units, units), bias (units,)

`step` reads one word and is written for clarity; `explain` and the tests use it. `run` does the same arithmetic fast,
for many texts at once; a property test compares the two.

Source: Hochreiter and Schmidhuber (1997), with the forget gate of Gers, Schmidhuber and Cummins (2000), as in
keras.layers.LSTM (https://keras.io/api/layers/recurrent_layers/lstm/). Left out: peepholes, recurrent dropout,
training (Keras trains; dropout has no effect afterwards).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class Memory(NamedTuple):
    """What a layer carries from word to word; each (units,) or (batch, units)."""

    hidden: Floats
    cell: Floats


class Gates(NamedTuple):
    """The gates (0 to 1) and the candidate (-1 to 1) at one word; each (units,) or (batch, units)."""

    forget: Floats
    input: Floats
    candidate: Floats
    output: Floats


class Matrix(NamedTuple):
    """One of the four: kernel (inputs, units), recurrent (units, units), bias (units,)."""

    kernel: Floats
    recurrent: Floats
    bias: Floats


class Matrices(NamedTuple):
    """The four matrices of a layer."""

    forget: Matrix
    input: Matrix
    candidate: Matrix
    output: Matrix


# The order of the four in Keras's packed weights: i, f, c, o. (PyTorch: i, f, g, o; ONNX: i, o, f, c.)
KERAS_ORDER = ("input", "forget", "candidate", "output")


def matrices_from_keras(kernel: Floats, recurrent_kernel: Floats, bias: Floats) -> Matrices:
    """Split Keras's packed weights into the four matrices.

    kernel (inputs, 4·units), recurrent_kernel (units, 4·units), bias (4·units,).

    >>> packed = np.zeros((2, 12)), np.zeros((3, 12)), np.arange(12.0)
    >>> matrices_from_keras(*packed).forget.bias
    array([3., 4., 5.])
    """
    parts = zip(
        *(np.split(packed, len(KERAS_ORDER), axis=-1) for packed in (kernel, recurrent_kernel, bias)), strict=True
    )
    return Matrices(**{name: Matrix(*part) for name, part in zip(KERAS_ORDER, parts, strict=True)})


def sigmoid(z: Floats) -> Floats:
    """1 / (1 + e⁻ᶻ), computed with tanh, which cannot overflow.

    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    half = z.dtype.type(0.5)
    value: Floats = half + half * np.tanh(half * z)
    return value


def step(word: Floats, memory: Memory, matrices: Matrices) -> tuple[Memory, Gates]:
    """Read one word: the memory after it, and the gates.

    >>> zero = Matrix(np.zeros((2, 1)), np.zeros((1, 1)), np.zeros(1))
    >>> memory, gates = step(np.ones(2), Memory(np.zeros(1), np.ones(1)), Matrices(zero, zero, zero, zero))
    >>> gates.forget, memory.cell  # gates without weights are one half
    (array([0.5]), array([0.5]))
    """

    def pre_activation(matrix: Matrix) -> Floats:
        return word @ matrix.kernel + memory.hidden @ matrix.recurrent + matrix.bias

    forget = sigmoid(pre_activation(matrices.forget))
    input = sigmoid(pre_activation(matrices.input))
    candidate = np.tanh(pre_activation(matrices.candidate))
    cell = forget * memory.cell + input * candidate
    output = sigmoid(pre_activation(matrices.output))
    hidden = output * np.tanh(cell)

    return Memory(hidden, cell), Gates(forget, input, candidate, output)


# Matrix libraries choose a kernel by the number of rows, and kernels differ in the last bits. All products here consist
# of blocks of one size, so the bits of a text depend neither on the other texts in the batch nor on its position there:
# OpenBLAS computes 8 rows alike on every processor, but splits 16 into 6 and 10 on Haswell.
BLOCK = 8


def blocked(rows: int) -> int:
    """`rows` rounded up to whole blocks.

    >>> blocked(9)
    16
    """
    return -(-rows // BLOCK) * BLOCK


def product(rows: Floats, matrix: Floats) -> Floats:
    """rows (n, k) @ matrix (…, k, m) → (…, n, m), with bits that do not depend on n."""
    n, k = rows.shape
    padded = rows
    if n % BLOCK:
        padded = np.zeros((blocked(n), k), rows.dtype)
        padded[:n] = rows
    *others, _, m = matrix.shape
    result: Floats = np.matmul(padded.reshape(-1, BLOCK, k), matrix[..., None, :, :]).reshape(*others, -1, m)
    return result[..., :n, :]


class Packed(NamedTuple):
    """The four matrices in one array each for `run`, in the order forget, input, output, candidate.

    The first three are multiplied by -1, the last by -2, so that one 1 / (1 + eᶻ) serves all four:
    σ(z) = 1 / (1 + e⁻ᶻ), and tanh(z) = 2·σ(2z) - 1. NumPy computes eᶻ twice as fast as tanh.
    """

    kernel: Floats  # (4, inputs, units)
    recurrent: Floats  # (4, units, units)
    bias: Floats  # (4, 1, units)

    def table(self, inputs: Floats) -> Floats:
        """(4, rows, units): what `run` adds for words, or states of the layer below, with inputs (rows, at most those
        of the kernel). The others are its `extra`."""
        table: Floats = product(inputs, self.kernel[:, : inputs.shape[1]]) + self.bias
        return table


def pack(matrices: Matrices) -> Packed:
    """Pack the four matrices for `run`."""
    scales = np.array([-1, -1, -1, -2], np.float32)[:, None, None]
    order = (matrices.forget, matrices.input, matrices.output, matrices.candidate)
    kernel, recurrent, bias = (np.stack(parts) for parts in zip(*order, strict=True))
    return Packed(scales * kernel, scales * recurrent, scales * bias[:, None])


def run(
    table: Floats,
    words: NDArray[np.int32],
    lengths: NDArray[np.int64],
    recurrent: Floats,
    *,
    extra: tuple[Floats, Floats] | None = None,
    all_states: Floats | None = None,
    max_state: Floats | None = None,
    sum_state: Floats | None = None,
) -> Floats:
    """Read many texts; returns the hidden state after each one's last word, (batch, units).

    table       (4, rows, units): `Packed.table` of each word's embedding, computed once, so that a word costs a look-up
                instead of a product.
    words       (longest, batch): row numbers in `table`, one column per text.
    lengths     (batch,): words of each text, longest first; 0 is allowed and leaves the memory at zero.
    recurrent   `Packed.recurrent`.
    extra       further inputs of each word (longest, batch, inputs), and the rows of `Packed.kernel` for them, (4,
                inputs, units): what is not a function of the word alone. They are multiplied together with the hidden
                state.
    all_states  (longest, batch, units): filled with the hidden state after each word, for a layer above.
    max_state   (batch, units): raised in place to the maximum of the hidden state over all words.
    sum_state   (batch, units): the hidden states of all words are added to it.

    As texts end, fewer rows are computed. Padding is never read.
    """
    batch, units = lengths.size, recurrent.shape[-1]
    inputs_beside, matrix = extra if extra is not None else (None, recurrent[:, :0])
    recurrent = np.concatenate([recurrent, matrix], axis=1)[:, None]
    read = np.zeros((blocked(batch), recurrent.shape[-2]), np.float32)  # hidden state, and further inputs of a word
    hidden = read[:, :units]
    cell = np.zeros((batch, units), np.float32)
    # One gate after the other: NumPy takes longer for a part of each row than for whole rows.
    products = np.empty((4, blocked(batch) // BLOCK, BLOCK, units), np.float32)
    pre_activations = products.reshape(4, -1, units)
    # running[t]: how many texts have a word at position t.
    running = np.searchsorted(-lengths, -np.arange(words.shape[0]), side="left")
    inputs, activated = np.empty((batch, units), np.float32), np.empty((batch, units), np.float32)
    with np.errstate(over="ignore"):  # eᶻ may be infinite; then 1 / (1 + eᶻ) is 0, as it should be
        for position, (row, active) in enumerate(zip(words, running, strict=True)):
            blocks = blocked(active) // BLOCK
            if inputs_beside is not None:
                read[:active, units:] = inputs_beside[position, :active]
            np.matmul(read[: blocks * BLOCK].reshape(blocks, BLOCK, -1), recurrent, out=products[:, :blocks])
            z = pre_activations[:, :active]
            for own, own_table in zip(z, table, strict=True):
                own_table.take(row[:active], axis=0, out=inputs[:active], mode="clip")  # no bounds check for each word
                np.add(own, inputs[:active], out=own)
            _logistic_of_minus(z)
            forget, write, output, candidate = z
            _tanh_of_logistic(candidate)
            candidate *= write
            kept, out = cell[:active], activated[:active]
            kept *= forget
            kept += candidate
            np.multiply(kept, -2, out=out)
            _logistic_of_minus(out)
            _tanh_of_logistic(out)
            np.multiply(out, output, out=hidden[:active])
            if max_state is not None:
                np.maximum(max_state[:active], hidden[:active], out=max_state[:active])
            if sum_state is not None:
                sum_state[:active] += hidden[:active]
            if all_states is not None:
                all_states[position, :active] = hidden[:active]
    return np.ascontiguousarray(hidden[:batch])


def _logistic_of_minus(z: Floats) -> None:
    """z → 1 / (1 + eᶻ), in place."""
    np.exp(z, out=z)
    z += 1
    np.reciprocal(z, out=z)


def _tanh_of_logistic(value: Floats) -> None:
    """σ(2x) → tanh(x), in place."""
    value += value
    value -= 1
