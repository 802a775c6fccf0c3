// The four boxes under the doors: what a gate is called, its value, and the choice of holding it.

// Text of the four boxes. `does` says in words what a value means.
const CELL_BOXES = {
  forget: { term: 'Forget gate', post: null, does: (value) => `keeps ${wholePercent(value)}` },
  input: { term: 'Input gate', post: 'decision gate', does: (value) => `writes ${wholePercent(value)}` },
  candidate: { term: 'Candidate', post: 'new value', does: () => 'could be written' },
  output: { term: 'Output gate', post: null, does: (value) => `shows ${wholePercent(value)}` },
};

/** A gate's value in percent, whole numbers. */
function wholePercent(value) {
  return `${Math.round(value * 100)}\u00a0%`;
}

const CELL_CHOICES = [
  ['0', 'shut'],
  ['', 'learned'],
  ['1', 'open'],
];

/** One of the four boxes below the drawing: name, value, and for a gate the choice of holding it. */
function _gateBox(app, gate) {
  const { term, post, does } = CELL_BOXES[gate];
  const value = element('output', { class: 'cell-value numbers' });
  const meaning = element('p', { class: 'cell-does' });
  const title = element('h3', { id: `cell-gate-${gate}` }, term);
  const radios = CELL_CHOICES.map(([choice, label]) => {
    const input = element('input', {
      type: 'radio',
      name: `cell-hold-${gate}`,
      value: choice,
      onChange: () => holdGate(app, gate, choice === '' ? null : Number(choice)),
    });
    return [input, element('label', {}, input, element('span', {}, label))];
  });
  const choice =
    gate === 'candidate'
      ? null
      : element(
          'div',
          { class: 'cell-choice no-print', role: 'radiogroup', 'aria-label': `${term}: hold it` },
          ...radios.map(([, label]) => label),
        );
  const node = element(
    'div',
    { class: `cell-box ${gate}`, role: 'group', 'aria-labelledby': title.id },
    title,
    element('p', { class: 'cell-quote' }, post ? `“${post}”` : ''),
    value,
    meaning,
    choice,
  );
  return {
    node,
    update(numbers) {
      const held = heldValue(app.state.holds, gate, app.state.lstm, app.state.unit);
      const everywhere = heldEverywhere(app.state.holds, gate);
      value.replaceChildren(
        ...(!numbers
          ? ['–']
          : held !== null
            ? [cellNumber(held)]
            : [element('small', {}, gate === 'candidate' ? 'tanh' : 'σ'), ` ${cellNumber(numbers[gate])}`]),
      );
      meaning.textContent = held !== null ? `held: ${does(held)}` : numbers ? does(numbers[gate]) : '';
      node.classList.toggle('is-held', held !== null);
      for (const [input] of radios)
        input.checked = input.value === '' ? held === null : everywhere !== null && Number(input.value) === everywhere;
    },
  };
}

/** The value at which a gate is held in all units of all LSTMs, or null. */
function heldEverywhere(holds, gate) {
  const found = holds.filter((hold) => hold.gate === gate);
  return found.length === 1 && found[0].unit === null && found[0].lstm === null ? found[0].value : null;
}
