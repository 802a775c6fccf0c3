// The controls of what-if: holding gates, cutting the memory, changing words.

// Holding gates

function _holdControls(app, scope) {
  const rows = Object.entries(CELL_BOXES).map(([gate, { term, post }]) => _holdRow(app, gate, term, post, scope));
  const where = element('div', {});
  const choice = segments(
    'Where gates are held',
    'if-scope',
    [
      ['all', 'in all units'],
      ['one', 'in the chosen unit'],
    ],
    'all',
    (value) => {
      scope.one = value === 'one';
      // What is held already moves along.
      const of = _scopeOf(app, scope);
      if (app.state.holds.length) app.set({ holds: app.state.holds.map((hold) => ({ ...hold, ...of })) });
      update();
    },
  );
  where.append(choice);
  const node = element(
    'fieldset',
    { class: 'if-group' },
    element('legend', {}, 'Hold a gate'),
    where,
    ...rows.map((row) => row.node),
  );

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
  const names =
    gate === 'candidate'
      ? [
          ['', 'as learned'],
          ['0', 'nothing'],
          ['1', 'at 1'],
        ]
      : [
          ['', 'as learned'],
          ['0', 'shut'],
          ['1', 'open'],
        ];
  const choice = segments(`${term}: hold it`, `if-hold-${gate}`, names, '', (value) =>
    hold(value === '' ? null : Number(value)),
  );
  const slider = element('input', {
    type: 'range',
    min: least,
    max: 1,
    step: 0.01,
    'aria-label': `${term}: hold at a value`,
    onInput: () => hold(Number(slider.value)),
  });
  const value = element('output', { class: 'numbers' });
  const name = element(
    'div',
    { class: 'if-name' },
    element('b', {}, term),
    post ? element('small', {}, ` “${post}”`) : null,
  );
  return {
    node: element('div', { class: 'if-hold' }, name, choice, element('div', { class: 'if-slider' }, slider, value)),
    update() {
      const found = app.state.holds.find((each) => each.gate === gate);
      const held = found ? found.value : null;
      for (const input of choice.querySelectorAll('input'))
        input.checked = input.value === '' ? held === null : Number(input.value) === held;
      const learned = _meanOf(app, gate);
      if (document.activeElement !== slider || held === null) slider.value = held ?? learned;
      slider.classList.toggle('free', held === null);
      value.textContent = held === null ? `mean ${plainNumber(learned)}` : plainNumber(held);
      slider.setAttribute(
        'aria-valuetext',
        held === null ? `as learned, mean ${plainNumber(learned)}` : `held at ${plainNumber(held)}`,
      );
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
  const node = element(
    'fieldset',
    { class: 'if-group' },
    element('legend', {}, 'Cut the memory'),
    element('div', { class: 'if-row' }, element('label', {}, 'Set every cell state to 0 before ', select), here),
  );
  let listed = null;

  function set(cutBefore) {
    app.set({ cutBefore });
    announce(
      `${interventionSentence(app) || 'The memory is not cut.'} P(${app.reading.label}) is ${percent(app.reading.probability)}.`,
    );
  }

  return {
    node,
    update() {
      const { words } = app.reading;
      if (listed !== words)
        select.replaceChildren(
          element('option', { value: '' }, 'no word'),
          ...words.map((word, index) => element('option', { value: index }, `${index + 1}. ${shortened(word, 20)}`)),
        );
      listed = words;
      const { cutBefore, now } = app.state;
      select.value = cutBefore !== null && cutBefore < words.length ? cutBefore : '';
      here.disabled = now < 0 || !words.length;
      here.textContent = here.disabled
        ? 'Cut before the chosen word'
        : `Cut before ${quoted(shortened(words[now], 16))}`;
    },
  };
}

// Changing words

/** What is missing in the box of the new word. */
function _missingWord(app, written) {
  const word = quoted(shortened(app.reading.words[app.state.now], LONGEST_IN_HEADING));
  if (!written) return `Write the word that is to stand instead of ${word}, or choose “Remove it”.`;
  return `${quoted(shortened(written, LONGEST_IN_HEADING))} has no word that the model could read.`;
}

function _wordControls(app, edits) {
  const choose = () => {
    problem.textContent = ''; // it speaks of another word
    app.set({ now: Number(select.value) });
  };
  const select = element('select', { onChange: choose });
  const field = element('input', {
    class: 'field',
    type: 'text',
    autocomplete: 'off',
    autocapitalize: 'off',
    spellcheck: 'false',
    'aria-label': 'Instead of it',
    placeholder: 'another word',
    onInput: () => (problem.textContent = ''),
  });
  const problem = element('p', { class: 'note if-problem', role: 'alert' });
  const hasWord = (text) => tokenize(text, app.model.config.tokenizer).length > 0;
  const replace = element('button', { class: 'button', type: 'submit' }, 'Replace');
  const remove = element(
    'button',
    { class: 'button', type: 'button', onClick: () => edits.change(app.state.now, null) },
    'Remove it',
  );
  const undo = element('button', { class: 'button', type: 'button', onClick: () => edits.undo() }, 'Undo');
  const form = element(
    'form',
    {
      class: 'if-row',
      onSubmit: (event) => {
        event.preventDefault();
        const written = field.value.trim();
        if (app.state.now < 0) return;
        problem.textContent = written && hasWord(written) ? '' : _missingWord(app, written);
        if (problem.textContent) {
          field.focus();
          return;
        }
        edits.change(app.state.now, written);
        field.value = '';
      },
    },
    field,
    replace,
    problem,
  );
  const node = element(
    'fieldset',
    { class: 'if-group' },
    element('legend', {}, 'Change a word'),
    element('div', { class: 'if-row' }, element('label', {}, 'The word ', select), remove, undo),
    form,
  );
  let listed = null;
  return {
    node,
    update() {
      const { words } = app.reading;
      if (listed !== words)
        select.replaceChildren(
          element('option', { value: -1 }, 'none chosen'),
          ...words.map((word, index) => element('option', { value: index }, `${index + 1}. ${shortened(word, 20)}`)),
        );
      listed = words;
      if (select.value !== String(app.state.now)) problem.textContent = '';
      select.value = app.state.now;
      remove.disabled = replace.disabled = app.state.now < 0;
      undo.disabled = !edits.any();
    },
  };
}
