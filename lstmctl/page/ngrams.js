// The n-gram model inside a model, as lstmctl/model/ngrams.py: its weights are inputs of the LSTM at each word, and their
// sum over the text is added to the logits.
//
// A key is made of three word ids of 21 bits; here it is split into its lower and upper 32 bits.

/** The row in the table of the n-gram of the words `first`, `second`, `third`; 0 for those above it. -1: none. */
function findNgram(table, first, second, third) {
  const low = (third | (second << 21)) >>> 0, high = ((second >>> 11) | (first << 10)) >>> 0;
  let from = 0, to = table.low.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (table.high[middle] < high || (table.high[middle] === high && table.low[middle] < low)) from = middle + 1;
    else to = middle;
  }
  return from < table.low.length && table.high[from] === high && table.low[from] === low ? from : -1;
}

/** The rows of the n-grams that end at `position` of `ids`: of the word, the pair, the triple; -1 where there is none. */
function ngramRows(table, ids, position) {
  const rows = new Array(table.order).fill(-1);
  const word = (back) => (position >= back && ids[position - back] >= FIRST_WORD ? ids[position - back] : 0);
  const third = word(0), second = word(1), first = word(2);
  if (third) rows[0] = findNgram(table, 0, 0, third);
  if (third && second && table.order > 1) rows[1] = findNgram(table, 0, second, third);
  if (third && second && first && table.order > 2) rows[2] = findNgram(table, first, second, third);
  return rows;
}

/** The inputs of the LSTM at a word with these rows: for each order the weights for all outputs. */
function ngramInputs(table, rows) {
  const inputs = new Float32Array(table.inputs);
  if (table.inputs) {
    rows.forEach((row, order) => {
      if (row >= 0) inputs.set(table.weights.subarray(row * table.outputs, (row + 1) * table.outputs), order * table.outputs);
    });
  }
  return inputs;
}

/** The sum of the weights of the different n-grams of a text, which grows and shrinks with it. */
class NgramSum {
  constructor(table) {
    this.table = table;
    this.words = 0;
    this.counts = new Map(); // by row
    this.sums = new Float64Array(table.outputs);
  }

  /** Count the n-grams that end at one word (`times` 1), or no longer (-1). */
  add(rows, times = 1) {
    this.words += times;
    for (const row of rows) {
      if (row < 0) continue;
      const before = this.counts.get(row) ?? 0;
      this.counts.set(row, before + times);
      if (before === 0 || before + times === 0) {
        for (let output = 0; output < this.table.outputs; output++) {
          this.sums[output] += times * this.table.weights[row * this.table.outputs + output];
        }
      }
    }
  }

  /** (outputs,): the logits of the linear model. */
  logits() {
    const factor = this.table.scale / Math.sqrt(Math.max(this.words, 1));
    return this.table.bias.map((bias, output) => bias + factor * this.sums[output]);
  }
}
