// Panel 4: one unit of one LSTM at one word. The drawing with its numbers, the six lines of `step`, and the same as a table.

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
  const drawing = cellDrawing(
    stage,
    Object.values(boxes).map((box) => box.node),
  );
  let told = ''; // what the note about held gates says
  let shown = stepOf(app); // the numbers of the chosen word and of the one before; frames of a step share them
  const player = cellPlayer(
    app,
    (t) => drawing.draw(...shown, t),
    () => controls.update(),
  );
  const controls = _cellControls(app, player);
  root.prepend(
    heading,
    note,
    controls.node,
    ribbon,
    element(
      'div',
      { class: 'cell-grid' },
      element('div', {}, stage, legend, held, formula),
      element(
        'div',
        { class: 'cell-side' },
        element('h3', {}, 'The six lines of ', element('code', {}, 'step')),
        element(
          'p',
          { class: 'note' },
          'From lstmctl/model/lstm.py: one step of the LSTM, at one word. A pre-activation is the weighted sum of the ' +
            'word and the hidden state before it, plus a bias, before sigmoid or tanh.',
        ),
        code,
        sums.node,
        table.node,
      ),
    ),
  );

  function draw() {
    shown = stepOf(app);
    const [numbers] = shown;
    controls.update();
    heading.textContent = _cellHeading(app, numbers);
    note.textContent = _cellNote(app);
    ribbon.dir = directionOf(app.state.text);
    ribbon.replaceChildren(..._wordsAround(app));
    for (const box of Object.values(boxes)) box.update(numbers);
    legend.textContent = numbers
      ? `Gauges go from −${numbers.scale} to ${numbers.scale}: positive to the right, negative to the left and striped.`
      : '';
    const change = interventionSentence(app) + app.reading.probability;
    if (change !== told) held.replaceChildren(..._heldNote(app)); // else whoever is on its button would lose it
    told = change;
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
  const node = element(
    'details',
    { class: name, onToggle: () => update(!node.hidden) },
    element('summary', {}, title),
    body,
  );
  function update(there) {
    node.hidden = !there;
    body.replaceChildren(...(there && node.open ? [make()] : []));
  }
  return { node, update };
}

function _cellHeading(app, numbers) {
  if (!numbers) return 'The cell: what happens to one number of memory at one word.';
  return `The cell at ${quoted(shortened(numbers.word, LONGEST_IN_HEADING))}: unit ${numbers.unit} keeps ${wholePercent(numbers.forget)} of its memory and writes ${wholePercent(numbers.input)} of the candidate.`;
}

function _cellNote(app) {
  const { padding, startWord } = app.model.config;
  const sentences = [
    'A gate is a door: 0 is shut, 1 is open. Hold one shut or open, in all units, and see how the answer changes.',
  ];
  const first = padding === 'pre' ? 'padding' : startWord === null ? null : 'a start word';
  if (chosenLstm(app).direction === 'backward') {
    sentences.push('This LSTM reads from the end: steps go from the last word to the first.');
  } else if (first !== null) {
    sentences.push(`This model reads ${first} before the first word, so its cell state does not start at 0.`);
  }
  return sentences.join(' ');
}

/** The chosen word with its neighbours. */
function _wordsAround(app) {
  const { words } = app.reading;
  const { now } = app.state;
  if (!words.length) return ['No words yet: type a sentence at the top.'];
  const backward = chosenLstm(app).direction === 'backward';
  const middle = now >= 0 ? now : backward ? words.length : 0;
  const [from, to] = [Math.max(0, middle - 6), Math.min(words.length, middle + 7)];
  const kind = (index) => (index === now ? 'now' : now >= 0 && (backward ? index > now : index < now) ? 'read' : null);
  const parts = words.slice(from, to).map((word, index) => element('bdi', { class: kind(from + index) }, word));
  if (now < 0) parts.splice(backward ? parts.length : 0, 0, element('span', { class: 'now' }, 'nothing read yet'));
  if (from > 0) parts.unshift('…');
  if (to < words.length) parts.push('…');
  return parts.flatMap((part) => [part, ' ']);
}

/** What is held, and what it does to the answer; nothing if nothing is. */
function _heldNote(app) {
  const sentence = interventionSentence(app);
  if (!sentence) return [];
  const { label } = app.reading;
  const [before, after] = percents(app.plain.probability, app.reading.probability);
  return [
    element('p', {}, sentence),
    element(
      'p',
      { class: 'cell-change numbers' },
      `P(${label}): `,
      element('b', {}, before),
      ' as learned → ',
      element('b', {}, after),
      ' now',
    ),
    element(
      'p',
      { class: 'no-print' },
      element(
        'button',
        { class: 'button', type: 'button', onClick: (event) => _letGo(event, app) },
        'Back to what it learned',
      ),
      ' ',
      element(
        'a',
        { href: '#what-if', onClick: (event) => _scrollTo(event, 'what-if') },
        'More of this below: what if …',
      ),
    ),
  ];
}

/** Nothing held, nothing cut. The button goes; the focus moves to the gates. */
function _letGo(event, app) {
  const gates = event.target.closest('#cell').querySelector('.cell-choice');
  app.set({ holds: [], cutBefore: null });
  gates.querySelector('input:checked').focus({ preventScroll: true });
  announce(`Nothing is held. P(${app.reading.label}) is ${percent(app.reading.probability)}.`);
}

/** Scroll to a section; the address keeps the sentence. */
function _scrollTo(event, id) {
  event.preventDefault();
  const section = document.getElementById(id);
  section.scrollIntoView({ behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth' });
  section.setAttribute('tabindex', '-1');
  section.focus({ preventScroll: true });
}
