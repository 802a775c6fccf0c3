// Panel 5: change something inside the network, or a word of the sentence, and compare the answer before and after.

function viewWhatIf(root, app) {
  const heading = element('h2', {});
  const meaning = element('p', { class: 'note' });
  const scope = { one: false }; // hold a gate in all units, or in the chosen one
  const edits = _wordEdits(app);
  const holds = _holdControls(app, scope);
  const cut = _cutControl(app);
  const words = _wordControls(app, edits);
  const reset = element('button', { class: 'button', type: 'button', onClick: () => resetAll() }, 'Undo all of it');
  const comparison = element('div', { class: 'if-comparison' });
  const figure = _comparisonFigure();
  const ngrams = element('p', { class: 'note if-ngrams' });
  root.append(
    heading,
    meaning,
    element(
      'div',
      { class: 'if-grid' },
      comparison,
      element('div', { class: 'if-controls no-print' }, holds.node, cut.node, words.node, element('p', {}, reset)),
      element('div', { class: 'if-figure' }, ngrams, figure.node),
    ),
  );

  function resetAll() {
    const text = edits.base();
    edits.clear();
    app.set({ holds: [], cutBefore: null, ...(text === null ? {} : { text }) });
    holds.node.querySelector('input:checked').focus({ preventScroll: true }); // the button is off now
    announce('Everything is as it was.');
  }

  function draw() {
    const before = edits.reading();
    const after = _withLabel(app, before.label);
    const sentences = [interventionSentence(app), edits.sentence()].filter(Boolean).join(' ');
    const change = Boolean(sentences);
    heading.textContent = change
      ? _changeHeading(before, after)
      : 'What if … a gate stood open, the memory were cut, a word were not there?';
    meaning.textContent =
      sentences ||
      'Change one thing, here or at the gates of the drawing above, and compare the answer with the one before.';
    reset.disabled = !change;
    holds.update();
    cut.update();
    words.update();
    comparison.replaceChildren(..._answerCards(before, after, change));
    ngrams.hidden = after.ngrams === null;
    if (after.ngrams !== null)
      ngrams.replaceChildren(
        _ngramsSentence(after, app.model),
        ' To see gates do all the work, train a model without them: ',
        element('code', {}, 'lstmctl train --recipe readable'),
        '.',
      );
    figure.draw(app, before, after, edits.slots(), change);
  }

  const later = drawnWhenSeen(root, draw);
  app.subscribe((changed) => {
    if (changed.has('text')) edits.follow();
    // The numbers of the answer are for everyone, also for a screen reader that has not scrolled here.
    if (['text', 'reading', 'holds', 'cutBefore', 'unit', 'lstm', 'now'].some((name) => changed.has(name))) later();
  });
  draw();
  new ResizeObserver(later).observe(root);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', later);
}

/** The present reading, of the label that the comparison is about. */
function _withLabel(app, label) {
  if (app.reading.label === label) return app.reading;
  return read(app.model, app.encoded, { label, holds: app.state.holds, cutBefore: app.state.cutBefore, traces: false });
}

function _changeHeading(before, after) {
  const same = before.predicted === after.predicted;
  const answer = same
    ? `the answer is still ${after.predicted}`
    : `the answer turns from ${before.predicted} to ${after.predicted}`;
  const [from, to] = percents(before.probability, after.probability, percentInWords);
  return `With this change ${answer}: P(${before.label}) ${from === to ? `stays at ${to}` : `goes from ${from} to ${to}`}.`;
}

function _ngramsSentence(after, model) {
  const kinds = ['words', 'words and pairs', 'words, pairs and triples'][model.config.ngramOrder - 1];
  return (
    `Not everything goes through the gates: this model also counts ${kinds} (n-grams). They alone say ` +
    `P(${after.label}) = ${percent(after.ngrams)} (the mark on the bars), whatever the gates do; the LSTM adds to that or takes from it.`
  );
}

/** Before, after, and the difference. */
function _answerCards(before, after, change) {
  const [from, to] = percents(before.probability, after.probability);
  const card = (title, reading, name, probability) =>
    element(
      'div',
      { class: `if-card ${name}` },
      element('h3', {}, title),
      element('p', { class: 'if-answer' }, element('bdi', {}, reading.predicted)),
      element(
        'p',
        { class: 'if-probability numbers' },
        `P(${reading.label}) = `,
        element('b', { 'data-exact': reading.probability }, probability),
      ),
      _probabilityBar(reading),
    );
  const difference = change ? pointsBetween(before.probability, after.probability) : 'nothing is changed yet';
  return [
    card('Before', before, 'before', from),
    element('p', { class: 'if-difference numbers' }, difference),
    card('After', after, 'after', to),
  ];
}

/** The probability as a bar, with a mark for what the n-grams alone say. */
function _probabilityBar(reading) {
  const fill = element('span', { class: 'if-fill' });
  fill.style.width = `${reading.probability * 100}%`;
  const bar = element('div', { class: 'if-bar', 'aria-hidden': 'true' }, fill);
  if (reading.ngrams !== null) {
    const mark = element('span', { class: 'if-mark', title: 'n-grams alone' });
    mark.style.left = `${reading.ngrams * 100}%`;
    bar.append(mark);
  }
  return bar;
}

// Two lines over the words

function _comparisonFigure() {
  const caption = element('figcaption', { class: 'if-legend' });
  const box = element('div', { class: 'line-box if-line' });
  const node = element('figure', {}, caption, box);
  const boxes = [];
  const line = lineOver(box);
  return {
    node,
    draw(app, before, after, slots, change) {
      node.hidden = slots.length === 0;
      if (node.hidden) return;
      caption.replaceChildren(
        `P(${before.label}) so far: `,
        element('span', { class: 'if-key before' }, 'before'),
        ' ',
        ...(change ? [element('span', { class: 'if-key after' }, 'after')] : []),
      );
      chooseChartHeight(box, slots.length);
      box.classList.remove('few'); // this one is narrower than the panel of the sentence
      box.dir = directionOf(app.state.text);
      keepSlots(box, boxes, slots.length + 1, () => element('span', { class: 'line-slot' }));
      boxes.forEach((one, index) => {
        const slot = slots[index - 1];
        one.textContent = slot ? slot.word : 'start';
        const kind = !slot ? 'start' : slot.after === null ? 'removed' : slot.before === null ? 'added' : '';
        one.className = `line-slot ${kind}`;
        one.title = kind === 'removed' ? 'only before' : kind === 'added' ? 'only after' : '';
      });
      balanceRows(box, boxes);
      const lines = [{ name: 'before', values: _valuesAt(before, slots, 'before') }];
      if (change) lines.push({ name: 'after', values: _valuesAt(after, slots, 'after') });
      const now = slots.findIndex((slot) => slot.after === app.state.now && app.state.now >= 0) + 1;
      line(boxes, lines, { now: now > 0 ? now : -1, baseline: 0.5, filled: false });
      node.setAttribute('aria-label', `Probability so far, before and after: ${slots.length} words`);
    },
  };
}

/** The probability so far at each slot; where a slot has no word of this reading, it stays what it was. */
function _valuesAt(reading, slots, side) {
  let value = reading.start;
  return [
    value,
    ...slots.map((slot) => {
      if (slot[side] !== null && slot[side] < reading.running.length) value = reading.running[slot[side]];
      return value;
    }),
  ];
}
