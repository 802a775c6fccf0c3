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
    element('div', { class: 'if-grid' },
      comparison,
      element('div', { class: 'if-controls no-print' }, holds.node, cut.node, words.node, element('p', {}, reset)),
      element('div', { class: 'if-figure' }, ngrams, figure.node)),
  );

  function resetAll() {
    const text = edits.base();
    edits.clear();
    app.set({ holds: [], cutBefore: null, ...(text === null ? {} : { text }) });
    announce('Everything is as it was.');
  }

  function draw() {
    const before = edits.reading();
    const after = _withLabel(app, before.label);
    const sentences = [interventionSentence(app), edits.sentence()].filter(Boolean).join(' ');
    const change = Boolean(sentences);
    heading.textContent = change ? _changeHeading(before, after) : 'What if … a gate stood open, the memory were cut, a word were not there?';
    meaning.textContent = sentences || 'Change one thing, here or at the gates of the drawing above, and compare the answer with the one before.';
    reset.disabled = !change;
    holds.update();
    cut.update();
    words.update();
    comparison.replaceChildren(..._answerCards(before, after, change));
    ngrams.hidden = after.ngrams === null;
    ngrams.textContent = after.ngrams === null ? '' : _ngramsSentence(after);
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
  const answer = same ? `the answer is still ${after.predicted}` : `the answer turns from ${before.predicted} to ${after.predicted}`;
  const [from, to] = [percent(before.probability), percent(after.probability)];
  return `With this change ${answer}: P(${before.label}) ${from === to ? `stays at ${to}` : `goes from ${from} to ${to}`}.`;
}

function _ngramsSentence(after) {
  return (
    `Not everything goes through the gates: this model also counts words, pairs and triples (n-grams). They alone say ` +
    `P(${after.label}) = ${percent(after.ngrams)} (the mark on the bars), whatever the gates do; the LSTM adds to that or takes from it.`
  );
}

/** Before, after, and the difference. */
function _answerCards(before, after, change) {
  const card = (title, reading, name) =>
    element('div', { class: `if-card ${name}` },
      element('h3', {}, title),
      element('p', { class: 'if-answer' }, element('bdi', {}, reading.predicted)),
      element('p', { class: 'if-probability numbers' }, `P(${reading.label}) = `, element('b', { 'data-exact': reading.probability }, percent(reading.probability))),
      _probabilityBar(reading));
  const points = (after.probability - before.probability) * 100;
  const direction = Math.abs(points) < 0.05 ? 'no difference' : `${points > 0 ? '▲' : '▼'} ${signed(points, Math.abs(points) < 10 ? 1 : 0)} points`;
  return [card('Before', before, 'before'), element('p', { class: 'if-difference numbers' }, change ? direction : 'nothing is changed yet'), card('After', after, 'after')];
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

// Holding gates

function _holdControls(app, scope) {
  const rows = Object.entries(CELL_BOXES).map(([gate, { term, post }]) => _holdRow(app, gate, term, post, scope));
  const where = element('div', {});
  const choice = segments('Where gates are held', 'if-scope', [['all', 'in all units'], ['one', 'in the chosen unit']], 'all', (value) => {
    scope.one = value === 'one';
    // What is held already moves along.
    const of = _scopeOf(app, scope);
    if (app.state.holds.length) app.set({ holds: app.state.holds.map((hold) => ({ ...hold, ...of })) });
    update();
  });
  where.append(choice);
  const node = element('fieldset', { class: 'if-group' }, element('legend', {}, 'Hold a gate'), where, ...rows.map((row) => row.node));

  function update() {
    choice.querySelectorAll('span')[1].textContent = `in unit ${app.state.unit} only`;
    for (const row of rows) row.update();
  }
  return { node, update };
}

function _scopeOf(app, scope) {
  return scope.one ? { unit: app.state.unit, lstm: app.state.lstm } : { unit: null, lstm: null };
}

function _holdRow(app, gate, term, post, scope) {
  const least = gate === 'candidate' ? -1 : 0;
  const hold = (value) => holdGate(app, gate, value, _scopeOf(app, scope));
  const names = gate === 'candidate' ? [['', 'as learned'], ['0', 'nothing'], ['1', 'at 1']] : [['', 'as learned'], ['0', 'shut'], ['1', 'open']];
  const choice = segments(`${term}: hold it`, `if-hold-${gate}`, names, '', (value) => hold(value === '' ? null : Number(value)));
  const slider = element('input', { type: 'range', min: least, max: 1, step: 0.01, 'aria-label': `${term}: hold at a value`, onInput: () => hold(Number(slider.value)) });
  const value = element('output', { class: 'numbers' });
  const name = element('div', { class: 'if-name' }, element('b', {}, term), post ? element('small', {}, ` “${post}”`) : null);
  return {
    node: element('div', { class: 'if-hold' }, name, choice, element('div', { class: 'if-slider' }, slider, value)),
    update() {
      const found = app.state.holds.find((each) => each.gate === gate);
      const held = found ? found.value : null;
      for (const input of choice.querySelectorAll('input')) input.checked = input.value === '' ? held === null : Number(input.value) === held;
      const learned = _meanOf(app, gate);
      if (document.activeElement !== slider || held === null) slider.value = held ?? learned;
      slider.classList.toggle('free', held === null);
      value.textContent = held === null ? `mean ${plainNumber(learned)}` : plainNumber(held);
      slider.setAttribute('aria-valuetext', held === null ? `as learned, mean ${plainNumber(learned)}` : `held at ${plainNumber(held)}`);
    },
  };
}

/** The mean of a gate over all words and units of the chosen LSTM, as learned. */
function _meanOf(app, gate) {
  const trace = app.plain.traces.find((one) => one.name === app.state.lstm);
  const values = trace[gate];
  let sum = 0;
  for (const value of values) sum += value;
  return values.length ? sum / values.length : 0;
}

// Cutting the cell state

function _cutControl(app) {
  const select = element('select', { onChange: () => set(select.value === '' ? null : Number(select.value)) });
  const here = element('button', { class: 'button', type: 'button', onClick: () => set(Math.max(0, app.state.now)) });
  const node = element('fieldset', { class: 'if-group' },
    element('legend', {}, 'Cut the memory'),
    element('div', { class: 'if-row' }, element('label', {}, 'Set every cell state to 0 before ', select), here));
  let listed = null;

  function set(cutBefore) {
    app.set({ cutBefore });
    announce(`${interventionSentence(app) || 'The memory is not cut.'} P(${app.reading.label}) is ${percent(app.reading.probability)}.`);
  }

  return {
    node,
    update() {
      const { words } = app.reading;
      if (listed !== words) select.replaceChildren(element('option', { value: '' }, 'no word'), ...words.map((word, index) => element('option', { value: index }, `${index + 1}. ${shortened(word, 20)}`)));
      listed = words;
      const { cutBefore, now } = app.state;
      select.value = cutBefore !== null && cutBefore < words.length ? cutBefore : '';
      here.disabled = now < 0 || !words.length;
      here.textContent = here.disabled ? 'Cut before the chosen word' : `Cut before “${shortened(words[now], 16)}”`;
    },
  };
}

// Changing words

function _wordControls(app, edits) {
  const select = element('select', { onChange: () => app.set({ now: Number(select.value) }) });
  const field = element('input', { class: 'field', type: 'text', autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false', 'aria-label': 'Instead of it', placeholder: 'another word' });
  const replace = element('button', { class: 'button', type: 'submit' }, 'Replace');
  const remove = element('button', { class: 'button', type: 'button', onClick: () => edits.change(app.state.now, null) }, 'Remove it');
  const undo = element('button', { class: 'button', type: 'button', onClick: () => edits.undo() }, 'Undo');
  const form = element('form', { class: 'if-row', onSubmit: (event) => {
    event.preventDefault();
    if (!field.value.trim() || app.state.now < 0) return;
    edits.change(app.state.now, field.value.trim());
    field.value = '';
  } }, field, replace);
  const node = element('fieldset', { class: 'if-group' },
    element('legend', {}, 'Change a word'),
    element('div', { class: 'if-row' }, element('label', {}, 'The word ', select), remove, undo), form);
  let listed = null;
  return {
    node,
    update() {
      const { words } = app.reading;
      if (listed !== words) select.replaceChildren(...words.map((word, index) => element('option', { value: index }, `${index + 1}. ${shortened(word, 20)}`)));
      listed = words;
      select.value = app.state.now;
      remove.disabled = replace.disabled = app.state.now < 0;
      undo.disabled = !edits.any();
    },
  };
}

/**
 * Changes of words, with their undo. A slot is a place in the comparison: a word of the first text, of the present one, or
 * of both. Whoever types something else starts anew.
 */
function _wordEdits(app) {
  let history = []; // {text, now, slots, sentence}: what was there before each change
  let slots = null; // {before: index or null, after: index or null, word}[]
  let expected = null; // the text after the last change
  let base = null; // the reading of the text before the first change, nothing held

  const plainSlots = (words) => words.map((word, index) => ({ before: index, after: index, word }));

  const edits = {
    any: () => history.length > 0,
    base: () => (history.length ? history[0].text : null),
    reading: () => base ?? app.plain,
    slots: () => slots ?? plainSlots(app.reading.words),
    sentence: () => history.map((one) => one.sentence).join(' '),
    clear() {
      history = [];
      slots = expected = base = null;
    },
    /** The text has changed: by us, or by somebody else? */
    follow() {
      if (app.state.text !== expected) edits.clear();
    },
    change(index, replacement) {
      const { text, now, cutBefore } = app.state;
      const old = slots ?? plainSlots(app.reading.words);
      const word = app.reading.words[index];
      const changed = textWithWord(app.model, text, index, replacement);
      const added = replacement === null ? [] : tokenize(replacement, app.model.config.tokenizer);
      if (replacement !== null && !added.length) {
        announce('This is not a word.');
        return;
      }
      base ??= app.plain;
      history.push({ text, now, cutBefore, slots: old, sentence: replacement === null ? `“${word}” is removed.` : `“${word}” is replaced by “${replacement}”.` });
      const next = [];
      for (const slot of old) {
        if (slot.after !== index) {
          next.push({ ...slot, after: slot.after !== null && slot.after > index ? slot.after + added.length - 1 : slot.after });
          continue;
        }
        if (slot.before !== null) next.push({ before: slot.before, after: null, word: slot.word });
        added.forEach((word, place) => next.push({ before: null, after: index + place, word }));
      }
      expected = changed;
      // The cut stays before the word before which it is.
      const moved = cutBefore !== null && cutBefore > index ? cutBefore + added.length - 1 : cutBefore;
      slots = next;
      app.set({ text: changed, now: Math.max(0, Math.min(now, encode(app.model, changed).words.length - 1)), cutBefore: moved });
      announce(`${history[history.length - 1].sentence} P(${app.reading.label}) is ${percent(app.reading.probability)}.`);
    },
    undo() {
      const last = history.pop();
      if (!last) return;
      expected = last.text;
      slots = history.length ? last.slots : null;
      if (!history.length) base = null;
      app.set({ text: last.text, now: last.now, cutBefore: last.cutBefore });
      announce(`Undone. P(${app.reading.label}) is ${percent(app.reading.probability)}.`);
    },
  };
  return edits;
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
        element('span', { class: 'if-key before' }, 'before'), ' ',
        ...(change ? [element('span', { class: 'if-key after' }, 'after')] : []),
      );
      chooseChartHeight(box, slots.length);
      box.dir = directionOf(app.state.text);
      keepSlots(box, boxes, slots.length + 1, () => element('span', { class: 'line-slot' }));
      boxes.forEach((one, index) => {
        const slot = slots[index - 1];
        one.textContent = slot ? slot.word : 'start';
        const kind = !slot ? 'start' : slot.after === null ? 'removed' : slot.before === null ? 'added' : '';
        one.className = `line-slot ${kind}`;
        one.title = kind === 'removed' ? 'only before' : kind === 'added' ? 'only after' : '';
      });
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
  return [value, ...slots.map((slot) => {
    if (slot[side] !== null && slot[side] < reading.running.length) value = reading.running[slot[side]];
    return value;
  })];
}
