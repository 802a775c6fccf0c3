"""The LSTM by hand, step by step, and fast: three ways to the same numbers."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmctl.model.lstm import (
    BLOCK,
    KERAS_ORDER,
    Matrices,
    Matrix,
    Memory,
    blocked,
    matrices_from_keras,
    pack,
    product,
    run,
    sigmoid,
    step,
)


def random_weights(generator, *, inputs, units):
    shapes = (inputs, 4 * units), (units, 4 * units), (4 * units,)
    return [generator.normal(0, 0.5, shape).astype(np.float32) for shape in shapes]


def test_one_unit_by_hand():
    """The textbook step with numbers that fit on paper: one input 1, one unit, hidden 0.5, cell 2."""

    def matrix(word, recurrent, bias):
        return Matrix(*(np.array(value, np.float64) for value in ([[word]], [[recurrent]], [bias])))

    matrices = Matrices(
        forget=matrix(1, 0, 0), input=matrix(0, 2, 0), candidate=matrix(0, 0, 1), output=matrix(-1, 2, 0.5)
    )
    memory, gates = step(np.array([1.0]), Memory(np.array([0.5]), np.array([2.0])), matrices)

    def logistic(z):
        return 1 / (1 + math.exp(-z))

    cell = logistic(1) * 2 + logistic(1) * math.tanh(1)
    assert gates.forget[0] == pytest.approx(logistic(1))
    assert gates.input[0] == pytest.approx(logistic(1))
    assert gates.candidate[0] == pytest.approx(math.tanh(1))
    assert gates.output[0] == pytest.approx(logistic(0.5))
    assert memory.cell[0] == pytest.approx(cell)
    assert memory.hidden[0] == pytest.approx(logistic(0.5) * math.tanh(cell))


def test_forget_gate_closed_and_open():
    def matrix(bias):
        return Matrix(np.zeros((1, 1)), np.zeros((1, 1)), np.array([bias]))

    def after(forget, input):
        matrices = Matrices(matrix(forget), matrix(input), candidate=matrix(1.0), output=matrix(0.0))
        return step(np.zeros(1), Memory(np.zeros(1), np.array([5.0])), matrices)[0].cell[0]

    assert after(forget=-100.0, input=-100.0) == pytest.approx(0)
    assert after(forget=100.0, input=-100.0) == pytest.approx(5)
    assert after(forget=100.0, input=100.0) == pytest.approx(5 + math.tanh(1))


def test_keras_gate_order():
    kernel = np.arange(8, dtype=np.float32).reshape(1, 8)  # two units: i i f f c c o o
    matrices = matrices_from_keras(kernel, np.zeros((2, 8), np.float32), np.zeros(8, np.float32))
    assert KERAS_ORDER == ("input", "forget", "candidate", "output")
    assert matrices.input.kernel.tolist() == [[0, 1]]
    assert matrices.forget.kernel.tolist() == [[2, 3]]
    assert matrices.candidate.kernel.tolist() == [[4, 5]]
    assert matrices.output.kernel.tolist() == [[6, 7]]


@given(z=st.floats(-(2.0**100), 2.0**100, width=32))
def test_sigmoid_is_safe_and_symmetric(z):
    value, mirrored = sigmoid(np.float32(z)), sigmoid(np.float32(-z))
    assert 0 <= value <= 1
    assert value + mirrored == pytest.approx(1, abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 1000),
    inputs=st.integers(1, 9),
    units=st.integers(1, 9),
    lengths=st.lists(st.integers(0, 25), min_size=1, max_size=40),
)
def test_run_equals_step(seed, inputs, units, lengths):
    """`run`, with its table, packed matrices, shrinking batch and blocks, equals `step` word by word."""
    generator = np.random.default_rng(seed)
    embedding = generator.normal(0, 1, (11, inputs)).astype(np.float32)
    matrices = matrices_from_keras(*random_weights(generator, inputs=inputs, units=units))
    lengths = np.array(sorted(lengths, reverse=True))
    words = generator.integers(0, 11, (lengths[0], lengths.size)).astype(np.int32)

    packed = pack(matrices)
    table = packed.table(embedding)
    states = np.zeros((*words.shape, units), np.float32)
    maximum = np.full((lengths.size, units), -0.25, np.float32)
    hidden = run(table, words, lengths, packed.recurrent, all_states=states, max_state=maximum)
    np.testing.assert_array_equal(hidden, run(table, words, lengths, packed.recurrent))

    for text, length in enumerate(lengths):
        memory, largest = Memory(np.zeros(units, np.float32), np.zeros(units, np.float32)), np.full(units, -0.25)
        for position, word in enumerate(words[:length, text]):
            memory, _ = step(embedding[word], memory, matrices)
            largest = np.maximum(largest, memory.hidden)
            np.testing.assert_allclose(states[position, text], memory.hidden, atol=1e-6)
        np.testing.assert_allclose(hidden[text], memory.hidden, atol=1e-6)
        np.testing.assert_allclose(maximum[text], largest, atol=1e-6)
        assert not states[length:, text].any()


@given(rows=st.integers(0, 100))
def test_blocked(rows):
    assert blocked(rows) % BLOCK == 0
    assert rows <= blocked(rows) < rows + BLOCK


@pytest.mark.parametrize(("inner", "outer"), [(32, 128), (50, 200), (7, 28), (64, 1), (128, 3), (300, 40)])
def test_product_bits_do_not_depend_on_the_batch(inner, outer):
    """At 50 × 200, OpenBLAS left to itself uses another kernel above a hundred rows."""
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(700, inner)).astype(np.float32)
    matrix = generator.normal(size=(inner, outer)).astype(np.float32)
    alone = np.concatenate([product(rows[number : number + 1], matrix) for number in range(700)])
    for count in (*range(1, 34), 100, 112, 113, 256, 511, 700):
        np.testing.assert_array_equal(product(rows[:count], matrix), alone[:count])
        several = product(rows[:count], np.stack([matrix, -matrix]))
        np.testing.assert_array_equal(several, [alone[:count], -alone[:count]])
