// Panel 4: one unit of one LSTM at one word. The drawing with its numbers, the six lines of `step`, and the same as a table.

// Text of the four boxes. `does` says in words what a value means.
const CELL_BOXES = {
  forget: { term: 'Forget gate', post: null, does: (value) => `keeps ${wholePercent(value)}` },
  input: { term: 'Input gate', post: 'decision gate', does: (value) => `writes ${wholePercent(value)}` },
  candidate: { term: 'Candidate', post: 'new value', does: () => 'could be written' },
  output: { term: 'Output gate', post: null, does: (value) => `shows ${wholePercent(value)}` },
};

// The six lines of `step` in lstmctl/model/lstm.py.
const STEP_LINES = {
  forget: 'forget = sigmoid(pre_activation(matrices.forget))',
  input: 'input = sigmoid(pre_activation(matrices.input))',
  candidate: 'candidate = np.tanh(pre_activation(matrices.candidate))',
  cell: 'cell = forget * memory.cell + input * candidate',
  output: 'output = sigmoid(pre_activation(matrices.output))',
  hidden: 'hidden = output * np.tanh(cell)',
};

/** A gate's value in percent, whole numbers. */
function wholePercent(value) {
  return `${Math.round(value * 100)}\u00a0%`;
}

function viewCell(root, app) {
  const heading = element('h2', {});
  const note = element('p', { class: 'note' });
  const ribbon = element('p', { class: 'cell-ribbon' });
  const formula = element('div', { class: 'cell-formula numbers' });
  const boxes = Object.fromEntries(Object.keys(CELL_BOXES).map((gate) => [gate, _gateBox(app, gate)]));
  const stage = element('div', { class: 'cell-stage' }, ...Object.values(boxes).map((box) => box.node));
  const legend = element('p', { class: 'cell-legend numbers' });
  const held = element('div', { class: 'cell-held' });
  const code = element('div', { class: 'cell-code' });
  const sums = _onDemand('cell-sums', 'Where the pre-activations come from', () => _sumsTable(app, shown[0]));
  const table = _onDemand('cell-table', 'The numbers of the drawing as a table', () => _numbersTable(shown[0]));
  const drawing = cellDrawing(stage, Object.values(boxes).map((box) => box.node));
  let shown = stepOf(app); // the numbers of the chosen word and of the one before; frames of a step share them
  const player = cellPlayer(app, (t) => drawing.draw(...shown, t), () => controls.update());
  const controls = _cellControls(app, player);
  root.prepend(
    heading,
    note,
    controls.node,
    ribbon,
    element('div', { class: 'cell-grid' },
      element('div', {}, stage, legend, held, formula),
      element('div', { class: 'cell-side' }, element('h3', {}, 'The six lines of ', element('code', {}, 'step')), code, sums.node, table.node)),
  );

  function draw() {
    shown = stepOf(app);
    const [numbers] = shown;
    controls.update();
    heading.textContent = _cellHeading(app, numbers);
    note.textContent = _cellNote(app);
    ribbon.replaceChildren(..._wordsAround(app));
    for (const box of Object.values(boxes)) box.update(numbers);
    legend.textContent = numbers ? `Gauges go from −${numbers.scale} to ${numbers.scale}: positive to the right, negative to the left and striped.` : '';
    held.replaceChildren(..._heldNote(app));
    code.replaceChildren(..._codeLines(numbers));
    formula.replaceChildren(..._formulaParts(numbers));
    for (const part of [sums, table]) part.update(Boolean(numbers));
    if (!player.moving) drawing.draw(...shown, 1);
  }

  const later = drawnWhenSeen(root, draw);
  app.subscribe((changed) => {
    // Somebody chose another word, unit or text elsewhere: what is moving now is no longer it.
    const has = (...names) => names.some((name) => changed.has(name));
    if (has('now', 'lstm', 'reading') && !player.stepping && (player.playing || player.moving)) player.pause();
    // Typing does not wait for a panel that nobody sees.
    if (has('text')) later();
    else if (has('reading', 'now', 'unit', 'lstm', 'unitOrder')) draw();
  });
  // Boxes grow when their text wraps. Arranging makes them equally high; then nothing changes any more.
  const sizes = new ResizeObserver(() => drawing.arrange());
  for (const one of [stage, ...Object.values(boxes).map((box) => box.node)]) sizes.observe(one);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
  draw();
  drawing.arrange();
}

/** Something that is made only while it is open; the summary stays, and with it the focus. */
function _onDemand(name, title, make) {
  const body = element('div', {});
  const node = element('details', { class: name, onToggle: () => update(!node.hidden) }, element('summary', {}, title), body);
  function update(there) {
    node.hidden = !there;
    body.replaceChildren(...(there && node.open ? [make()] : []));
  }
  return { node, update };
}

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
  for (let index = 0; index < reading.words.length; index++) largest = Math.max(largest, Math.abs(trace.cell[index * trace.units + unit]));
  const { question } = reading;
  const index = question.pass.ids.length - reading.words.length + word;
  const inputs = question.inputsOf(lstm, index);
  const before = question.memoryBefore(lstm, index).hidden;
  const held = Object.fromEntries(Object.keys(CELL_BOXES).map((gate) => [gate, heldValue(holds, gate, name, unit) !== null]));
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
    chosen: unit,
    hiddenVector: before,
    hiddenLimit: 1,
    hiddenLines: ['hidden state before', `${counted(trace.units, 'number')}, this unit ${cellNumber(before[unit])}`, counted(trace.units, 'number')],
    wordVector: inputs,
    wordLimit: niceLimit(_largestOf(inputs), 0.1),
    wordLines: [`“${reading.words[word]}”`, _inputNote(model, lstm, inputs.length), counted(inputs.length, 'number')],
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
  return ngramInputs ? `embedding: ${embeddingDim}, n-grams: ${ngramInputs}` : `embedding: ${counted(embeddingDim, 'number')}`;
}

function _largestOf(values) {
  let largest = 0;
  for (const value of values) largest = Math.max(largest, Math.abs(value));
  return largest;
}

function _cellHeading(app, numbers) {
  if (!numbers) return 'The cell: what happens to one number of memory at one word.';
  return `The cell at “${shortened(numbers.word, 24)}”: unit ${numbers.unit} keeps ${wholePercent(numbers.forget)} of its memory and writes ${wholePercent(numbers.input)} of the candidate.`;
}

function _cellNote(app) {
  const lstm = chosenLstm(app);
  const order = lstm.direction === 'backward' ? ' This LSTM reads from the end: steps go from the last word to the first.' : '';
  return `A gate is a door: 0 is shut, 1 is open. Hold one shut or open, and see what becomes of the answer.${order}`;
}

/** The chosen word with its neighbours. */
function _wordsAround(app) {
  const { words } = app.reading;
  const { now } = app.state;
  if (!words.length) return ['No words yet: type a sentence at the top.'];
  const [from, to] = [Math.max(0, now - 6), Math.min(words.length, Math.max(0, now) + 7)];
  const parts = words.slice(from, to).map((word, index) => element('bdi', { class: from + index === now ? 'now' : from + index > now ? 'later' : null }, word));
  if (now < 0) parts.unshift(element('span', { class: 'now' }, 'before the first word'));
  if (from > 0) parts.unshift('…');
  if (to < words.length) parts.push('…');
  return parts.flatMap((part) => [part, ' ']);
}

/** Two lines under each other: a number and what it is. */
function _formulaParts(numbers) {
  if (!numbers) return [];
  const term = (value, name, kind) => element('span', { class: `cell-term ${kind ?? ''}` }, element('b', {}, cellNumber(value)), element('small', {}, name));
  const sign = (text) => element('span', { class: 'cell-operator', 'aria-hidden': 'true' }, text);
  return [
    term(numbers.forget, 'forget gate', 'gate'), sign('×'), term(numbers.cellBefore, 'cell before'), sign('+'),
    term(numbers.input, 'input gate', 'gate'), sign('×'), term(numbers.candidate, 'candidate'), sign('='), term(numbers.cell, 'cell now', 'result'),
  ];
}

/** The lines as Python writes them, each with its numbers below. */
function _codeLines(numbers) {
  const n = numbers && ((value) => cellNumber(value));
  const gate = (name, f) => (numbers.held[name] ? `held at ${n(numbers[name])}, instead of ${f}(${n(numbers.preActivations[name])})` : `${f}(${n(numbers.preActivations[name])}) = ${n(numbers[name])}`);
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
    return element('div', { class: `cell-line${wasHeld ? ' is-held' : ''}` }, element('code', {}, line), numbers ? element('span', { class: 'numbers' }, filled[name]) : null);
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
    for (let row = 0; row < lstm.units; row++) hiddenPart += numbers.hiddenVector[row] * recurrent[row * lstm.units + unit];
    const total = numbers.preActivations[gate];
    return [term, total - hiddenPart - bias[unit], hiddenPart, bias[unit], total];
  });
  const columns = ['word @ kernel', 'hidden @ recurrent', 'bias', 'pre-activation'];
  return _tableOf('Pre-activations of the four matrices', ['matrix', ...columns], rows.map(([term, ...values]) => [term, ...values.map((value) => signed(value, 3))]));
}

function _numbersTable(numbers) {
  const rows = [
    ['Cell state before', numbers.cellBefore], ['Forget gate', numbers.forget], ['Kept: forget gate × cell state before', numbers.kept],
    ['Input gate (decision gate)', numbers.input], ['Candidate (new value)', numbers.candidate], ['Written: input gate × candidate', numbers.written],
    ['Cell state now (conveyor belt)', numbers.cell], ['tanh of the cell state', numbers.squashed],
    ['Output gate', numbers.output], ['Hidden state', numbers.hidden],
  ];
  return _tableOf(`Unit ${numbers.unit} at “${numbers.word}”`, ['What', 'Value'], rows.map(([name, value]) => [name, plainNumber(value, 4)]));
}

/** A table with a caption; the first cell of each row is its heading. */
function _tableOf(caption, head, rows) {
  const cells = (name, values, scope) => values.map((value) => element(name, { scope }, value));
  return element('div', { class: 'cell-scroll', tabindex: '0', role: 'group', 'aria-label': caption },
    element('table', { class: 'cell-numbers numbers' },
      element('caption', {}, caption),
      element('thead', {}, element('tr', {}, ...cells('th', head, 'col'))),
      element('tbody', {}, ...rows.map(([first, ...others]) => element('tr', {}, element('th', { scope: 'row' }, first), ...cells('td', others, null))))));
}

// The four boxes

const CELL_CHOICES = [['0', 'shut'], ['', 'learned'], ['1', 'open']];

/** One of the four boxes below the drawing: name, value, and for a gate the choice of holding it. */
function _gateBox(app, gate) {
  const { term, post, does } = CELL_BOXES[gate];
  const value = element('output', { class: 'cell-value numbers' });
  const meaning = element('p', { class: 'cell-does' });
  const title = element('h3', { id: `cell-gate-${gate}` }, term);
  const radios = CELL_CHOICES.map(([choice, label]) => {
    const input = element('input', { type: 'radio', name: `cell-hold-${gate}`, value: choice, onChange: () => holdGate(app, gate, choice === '' ? null : Number(choice)) });
    return [input, element('label', {}, input, element('span', {}, label))];
  });
  const choice = gate === 'candidate' ? null : element('div', { class: 'cell-choice no-print', role: 'radiogroup', 'aria-label': `${term}: hold it` }, ...radios.map(([, label]) => label));
  const node = element('div', { class: `cell-box ${gate}`, role: 'group', 'aria-labelledby': title.id }, title, element('p', { class: 'cell-quote' }, post ? `“${post}”` : ''), value, meaning, choice);
  return {
    node,
    update(numbers) {
      const held = heldValue(app.state.holds, gate, app.state.lstm, app.state.unit);
      const everywhere = heldEverywhere(app.state.holds, gate);
      value.replaceChildren(...(!numbers ? ['–'] : held !== null ? [cellNumber(held)] : [element('small', {}, gate === 'candidate' ? 'tanh' : 'σ'), ` ${cellNumber(numbers[gate])}`]));
      meaning.textContent = held !== null ? `held: ${does(held)}` : numbers ? does(numbers[gate]) : '';
      node.classList.toggle('is-held', held !== null);
      for (const [input] of radios) input.checked = input.value === '' ? held === null : everywhere !== null && Number(input.value) === everywhere;
    },
  };
}

/** The value at which a gate is held in all units of all LSTMs, or null. */
function heldEverywhere(holds, gate) {
  const found = holds.filter((hold) => hold.gate === gate);
  return found.length === 1 && found[0].unit === null && found[0].lstm === null ? found[0].value : null;
}

/** What is held, and what it does to the answer; nothing if nothing is. */
function _heldNote(app) {
  const { holds, cutBefore } = app.state;
  if (!holds.length && cutBefore === null) return [];
  const { label } = app.reading;
  return [
    element('p', {}, interventionSentence(app)),
    element('p', { class: 'cell-change numbers' }, `P(${label}): `, element('b', {}, percent(app.plain.probability)), ' as learned → ', element('b', {}, percent(app.reading.probability)), ' now'),
    element('p', { class: 'no-print' },
      element('button', { class: 'button', type: 'button', onClick: () => app.set({ holds: [], cutBefore: null }) }, 'Back to as learned'), ' ',
      element('a', { href: '#what-if', onClick: (event) => _scrollTo(event, 'what-if') }, 'More of this below: what if …')),
  ];
}

/** Scroll to a section; the address keeps the sentence. */
function _scrollTo(event, id) {
  event.preventDefault();
  const section = document.getElementById(id);
  section.scrollIntoView({ behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth' });
  section.setAttribute('tabindex', '-1');
  section.focus({ preventScroll: true });
}
