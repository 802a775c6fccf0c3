// The numbers of one unit at one word: for the drawing, as the six lines of `step`, and as tables.

// The six lines of `step` in lstmctl/model/lstm.py.
const STEP_LINES = {
  forget: 'forget = sigmoid(pre_activation(matrices.forget))',
  input: 'input = sigmoid(pre_activation(matrices.input))',
  candidate: 'candidate = np.tanh(pre_activation(matrices.candidate))',
  cell: 'cell = forget * memory.cell + input * candidate',
  output: 'output = sigmoid(pre_activation(matrices.output))',
  hidden: 'hidden = output * np.tanh(cell)',
};

/** Numbers of the chosen word, and of the word read before it (null if there is none): what `cellDrawing` draws. */
function stepOf(app) {
  const { now } = app.state;
  if (now < 0 || now >= app.reading.words.length) return [null, null];
  const previous = previousWord(chosenLstm(app), now, app.reading.words.length);
  return [cellNumbers(app, now), previous === null || previous < 0 ? null : cellNumbers(app, previous)];
}

/** All numbers of the chosen unit at `word`: those of `stepNumbers`, products, and the vectors that come in. */
function cellNumbers(app, word) {
  const { reading, model, state } = app;
  const { lstm: name, unit, holds } = state;
  const lstm = chosenLstm(app);
  const trace = reading.traces.find((one) => one.name === name);
  const numbers = stepNumbers(model, reading, name, word, unit);
  let largest = 1;
  for (let index = 0; index < reading.words.length; index++)
    largest = Math.max(largest, Math.abs(trace.cell[index * trace.units + unit]));
  const { question } = reading;
  const index = question.pass.ids.length - reading.words.length + word;
  const inputs = question.inputsOf(lstm, index);
  const before = question.memoryBefore(lstm, index).hidden;
  const held = Object.fromEntries(
    Object.keys(CELL_BOXES).map((gate) => [gate, heldValue(holds, gate, name, unit) !== null]),
  );
  const kept = numbers.forget * numbers.cellBefore;
  const written = numbers.input * numbers.candidate;
  return {
    ...numbers,
    kept,
    written,
    squashed: Math.tanh(numbers.cell),
    held,
    word: reading.words[word],
    unit,
    scale: niceLimit(largest, 1),
    cut: state.cutBefore === word,
    hiddenVector: before,
    hiddenLimit: 1,
    hiddenLines: [
      'hidden state before',
      `${counted(trace.units, 'number')}, this unit ${cellNumber(before[unit])}`,
      counted(trace.units, 'number'),
    ],
    wordVector: inputs,
    wordLimit: niceLimit(_largestOf(inputs), 0.1),
    wordLines: [quoted(reading.words[word]), _inputNote(model, lstm, inputs.length), counted(inputs.length, 'number')],
    description:
      `Unit ${unit} at the word ${reading.words[word]}. Forget gate ${cellNumber(numbers.forget)} times cell state before ${cellNumber(numbers.cellBefore)}, ` +
      `plus input gate ${cellNumber(numbers.input)} times candidate ${cellNumber(numbers.candidate)}, is cell state ${cellNumber(numbers.cell)}. ` +
      `Output gate ${cellNumber(numbers.output)} times its tanh is hidden state ${cellNumber(numbers.hidden)}.`,
  };
}

/** What the inputs of an LSTM at a word are. */
function _inputNote(model, lstm, count) {
  if (lstm.layer > 0) return `layer below: ${counted(count, 'number')}`;
  const { embeddingDim, ngramInputs } = model.config;
  return ngramInputs
    ? `embedding: ${embeddingDim}, n-grams: ${ngramInputs}`
    : `embedding: ${counted(embeddingDim, 'number')}`;
}

function _largestOf(values) {
  let largest = 0;
  for (const value of values) largest = Math.max(largest, Math.abs(value));
  return largest;
}

/** Two lines under each other: a number and what it is. */
function _formulaParts(numbers) {
  if (!numbers) return [];
  const term = (value, name, kind) =>
    element(
      'span',
      { class: `cell-term ${kind ?? ''}` },
      element('b', {}, cellNumber(value)),
      element('small', {}, name),
    );
  const sign = (text) => element('span', { class: 'cell-operator', 'aria-hidden': 'true' }, text);
  return [
    term(numbers.forget, 'forget gate', 'gate'),
    sign('×'),
    term(numbers.cellBefore, 'cell before'),
    sign('+'),
    term(numbers.input, 'input gate', 'gate'),
    sign('×'),
    term(numbers.candidate, 'candidate'),
    sign('='),
    term(numbers.cell, 'cell now', 'result'),
  ];
}

/** The lines as Python writes them, each with its numbers below. */
function _codeLines(numbers) {
  const n = numbers && ((value) => cellNumber(value));
  const gate = (name, f) =>
    numbers.held[name]
      ? `held at ${n(numbers[name])}, instead of ${f}(${n(numbers.preActivations[name])})`
      : `${f}(${n(numbers.preActivations[name])}) = ${n(numbers[name])}`;
  const filled = numbers && {
    forget: gate('forget', 'sigmoid'),
    input: gate('input', 'sigmoid'),
    candidate: gate('candidate', 'tanh'),
    cell: `${n(numbers.forget)} × ${n(numbers.cellBefore)} + ${n(numbers.input)} × ${n(numbers.candidate)} = ${n(numbers.cell)}`,
    output: gate('output', 'sigmoid'),
    hidden: `${n(numbers.output)} × tanh(${n(numbers.cell)}) = ${n(numbers.hidden)}`,
  };
  const lines = Object.entries(STEP_LINES).map(([name, line]) => {
    const wasHeld = numbers && numbers.held[name];
    return element(
      'div',
      { class: `cell-line${wasHeld ? ' is-held' : ''}` },
      element('code', {}, line),
      numbers ? element('span', { class: 'numbers' }, filled[name]) : null,
    );
  });
  return lines;
}

/** word part + hidden part + bias = pre-activation, for the four matrices. */
function _sumsTable(app, numbers) {
  const lstm = chosenLstm(app);
  const { unit } = app.state;
  const rows = Object.entries(CELL_BOXES).map(([gate, { term }]) => {
    const { recurrent, bias } = lstm.matrices[gate];
    let hiddenPart = 0;
    for (let row = 0; row < lstm.units; row++)
      hiddenPart += numbers.hiddenVector[row] * recurrent[row * lstm.units + unit];
    const total = numbers.preActivations[gate];
    return [term, total - hiddenPart - bias[unit], hiddenPart, bias[unit], total];
  });
  const columns = ['word @ kernel', 'hidden @ recurrent', 'bias', 'pre-activation'];
  return _tableOf(
    'Pre-activations of the four matrices',
    ['matrix', ...columns],
    rows.map(([term, ...values]) => [term, ...values.map((value) => signed(value, 3))]),
  );
}

function _numbersTable(numbers) {
  const rows = [
    ['Cell state before', numbers.cellBefore],
    ['Forget gate', numbers.forget],
    ['Kept: forget gate × cell state before', numbers.kept],
    ['Input gate (decision gate)', numbers.input],
    ['Candidate (new value)', numbers.candidate],
    ['Written: input gate × candidate', numbers.written],
    ['Cell state now (conveyor belt)', numbers.cell],
    ['tanh of the cell state', numbers.squashed],
    ['Output gate', numbers.output],
    ['Hidden state', numbers.hidden],
  ];
  return _tableOf(
    `Unit ${numbers.unit} at ${quoted(numbers.word)}`,
    ['What', 'Value'],
    rows.map(([name, value]) => [name, plainNumber(value, 4)]),
  );
}

/** A table with a caption; the first cell of each row is its heading. */
function _tableOf(caption, head, rows) {
  const cells = (name, values, scope) => values.map((value) => element(name, { scope }, value));
  return element(
    'div',
    { class: 'cell-scroll', tabindex: '0', role: 'group', 'aria-label': caption },
    element(
      'table',
      { class: 'cell-numbers numbers' },
      element('caption', {}, caption),
      element('thead', {}, element('tr', {}, ...cells('th', head, 'col'))),
      element(
        'tbody',
        {},
        ...rows.map(([first, ...others]) =>
          element('tr', {}, element('th', { scope: 'row' }, first), ...cells('td', others, null)),
        ),
      ),
    ),
  );
}
