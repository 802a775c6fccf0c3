// The LSTM itself, as lstmctl/model/lstm.py: four matrices, three gates and a candidate, a cell state, a hidden state.
//
// The cell state (the post: the conveyor belt) runs through time, one number for every unit. At each word
//
//   the forget gate    decides how much of the cell state to keep, given the word and the previous hidden state;
//   the input gate     (the post: the decision gate) decides how much of the candidate to write;
//   the candidate      (the post: the new value) is what could be written;
//   the cell state     is the sum of what is kept and what is written;
//   the output gate    decides how much of the cell state to read out;
//   the hidden state   is what is read out: input of the gates at the next word, and of the classifier after the last one.
//
// `step` reads one word and is written for clarity; the cell view shows its numbers. `readWord` does the same arithmetic
// fast; a test compares the two.

const GATES = ['forget', 'input', 'candidate', 'output']; // three gates and the candidate, which can be held like them
const QUANTITIES = [...GATES, 'cell', 'hidden'];

function sigmoid(z) {
  return 0.5 + 0.5 * Math.tanh(0.5 * z);
}

/**
 * Read one word: the memory after it, and the gates.
 * @param word the word's inputs; @param memory {hidden, cell}; @param matrices by gate {kernel, recurrent, bias}
 * @param held by gate, the value of each unit that is held, NaN for the others; {}: none is
 */
function step(word, memory, matrices, held = {}) {
  const preActivation = (matrix) => plus(times(word, matrix.kernel), times(memory.hidden, matrix.recurrent), matrix.bias);
  const z = Object.fromEntries(GATES.map((name) => [name, preActivation(matrices[name])]));

  const forget = hold(z.forget.map(sigmoid), held.forget);
  const input = hold(z.input.map(sigmoid), held.input);
  const candidate = hold(z.candidate.map(Math.tanh), held.candidate);
  const cell = memory.cell.map((before, unit) => forget[unit] * before + input[unit] * candidate[unit]);
  const output = hold(z.output.map(sigmoid), held.output);
  const hidden = cell.map((value, unit) => output[unit] * Math.tanh(value));

  return {memory: {hidden, cell}, gates: {forget, input, candidate, output}, preActivations: z};
}

/** vector (n,) times matrix (n·m, row by row) → (m,) */
function times(vector, matrix) {
  const result = new Float64Array(matrix.length / vector.length);
  for (let row = 0; row < vector.length; row++) {
    for (let column = 0; column < result.length; column++) result[column] += vector[row] * matrix[row * result.length + column];
  }
  return result;
}

/** The sum of vectors. */
function plus(first, ...others) {
  return first.map((value, index) => others.reduce((sum, other) => sum + other[index], value));
}

/** Values, with those that are held in their place. */
function hold(values, held) {
  return held ? values.map((value, index) => (Number.isNaN(held[index]) ? value : held[index])) : values;
}

/** The four matrices of `lstm` side by side, for `readWord`: (inputs, 4·units), (units, 4·units), (4·units,). */
function pack(lstm) {
  const {inputs, units, matrices} = lstm;
  const packed = {
    units,
    kernel: new Float64Array(inputs * 4 * units),
    recurrent: new Float64Array(units * 4 * units),
    bias: new Float64Array(4 * units),
  };
  GATES.forEach((gate, place) => {
    const {kernel, recurrent, bias} = matrices[gate];
    for (const [source, target, rows] of [[kernel, packed.kernel, inputs], [recurrent, packed.recurrent, units], [bias, packed.bias, 1]]) {
      for (let row = 0; row < rows; row++) {
        target.set(source.subarray(row * units, (row + 1) * units), (4 * row + place) * units);
      }
    }
  });
  packed.blocks = blocksOf(packed);
  return packed;
}

/**
 * The first unit of each LSTM in a packed one, and the number of units: several LSTMs of an ensemble are one whose
 * recurrent matrices have blocks of numbers along the diagonal, and zeros beside them.
 */
function blocksOf({units, recurrent}) {
  const starts = [0];
  for (let unit = 1, reach = 0; unit < units; unit++) {
    // The furthest unit that those before this one are connected with, in either direction.
    for (let other = units - 1; other > reach; other--) {
      if ([0, 1, 2, 3].some((gate) => recurrent[(4 * (unit - 1) + gate) * units + other] !== 0
          || recurrent[(4 * other + gate) * units + unit - 1] !== 0)) reach = other;
    }
    if (reach < unit) {
      starts.push(unit);
      reach = unit;
    }
  }
  return [...starts, units];
}

/** z (4·units,) += inputs (n,) times rows `firstRow` … of the packed kernel. */
function addInputs(z, inputs, kernel, firstRow) {
  const columns = z.length;
  for (let row = 0; row < inputs.length; row++) {
    const value = inputs[row];
    if (value === 0) continue;
    const start = (firstRow + row) * columns;
    for (let column = 0; column < columns; column++) z[column] += value * kernel[start + column];
  }
}

/**
 * Read one word, in place: `z` (4·units,) comes with what the word contributes, and leaves with the gates and the
 * candidate; `hidden` and `cell` (units,) come with the memory before the word, and leave with that after it.
 * @param held (4·units,) in the order of `GATES`, NaN where a gate is free; null: none is held
 */
function readWord(z, hidden, cell, packed, held) {
  const {units, recurrent, blocks} = packed, columns = 4 * units;
  for (let block = 1; block < blocks.length; block++) {
    const first = blocks[block - 1], end = blocks[block];
    for (let row = first; row < end; row++) {
      const value = hidden[row];
      for (let gate = 0; gate < columns; gate += units) {
        const start = row * columns + gate;
        for (let column = first; column < end; column++) z[gate + column] += value * recurrent[start + column];
      }
    }
  }
  for (let column = 0; column < columns; column++) {
    const isCandidate = column >= 2 * units && column < 3 * units;
    z[column] = isCandidate ? 2 / (1 + Math.exp(-2 * z[column])) - 1 : 1 / (1 + Math.exp(-z[column]));
  }
  if (held !== null) {
    for (let column = 0; column < columns; column++) if (!Number.isNaN(held[column])) z[column] = held[column];
  }
  for (let unit = 0; unit < units; unit++) {
    cell[unit] = z[unit] * cell[unit] + z[units + unit] * z[2 * units + unit];
    hidden[unit] = z[3 * units + unit] * (2 / (1 + Math.exp(-2 * cell[unit])) - 1);
  }
}
