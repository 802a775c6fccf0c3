// The controls of the cell: step, play, speed, and which word, unit and LSTM.

const CELL_SPEEDS = [
  ['0.5', '½ ×'],
  ['1', '1 ×'],
  ['2', '2 ×'],
  ['4', '4 ×'],
];

/** The bar of controls; `update()` after any change. */
function _cellControls(app, player) {
  const icon = (d) =>
    svg('svg', { class: 'cell-icon', viewBox: '0 0 16 16', 'aria-hidden': 'true' }, svg('path', { d }));
  const ICONS = {
    back: 'M11 3v10L4 8zM3 3h1.5v10H3z',
    play: 'M4 2.5v11l9.5-5.5z',
    pause: 'M4 3h3v10H4zM9 3h3v10H9z',
    step: 'M5 3v10l7-5zM11.5 3H13v10h-1.5z',
  };
  const button = (name, icons, listener) =>
    element(
      'button',
      { class: 'button', type: 'button', 'data-cell': name, onClick: listener },
      icon(icons),
      element('span', {}, ''),
    );
  const back = button('back', ICONS.back, () => stepped(() => player.back()));
  const play = button('play', ICONS.play, () => (player.playing ? player.pause() : player.play()));
  const forward = button('step', ICONS.step, () => stepped(() => player.forward()));
  back.lastChild.textContent = 'Back';
  forward.lastChild.textContent = 'Step';
  play.classList.add('primary');
  const speed = element(
    'select',
    { onChange: () => (player.speed = Number(speed.value)) },
    ...CELL_SPEEDS.map(([value, label]) => element('option', { value, selected: value === '1' }, label)),
  );
  const word = element('select', { onChange: () => app.set({ now: Number(word.value) }) });
  const unit = element('select', { onChange: () => app.set({ unit: Number(unit.value) }) });
  const lstm = element('select', { onChange: () => app.set({ lstm: lstm.value }) });
  lstm.append(...app.model.lstms.map((one) => element('option', { value: one.name }, lstmTitle(app.model, one))));
  const labelled = (label, field) => element('label', {}, element('span', {}, label), field);
  const node = element(
    'div',
    { class: 'cell-controls no-print' },
    element(
      'div',
      { class: 'cell-buttons', role: 'group', 'aria-label': 'Steps' },
      back,
      play,
      forward,
      labelled('Speed', speed),
    ),
    element(
      'div',
      { class: 'cell-choosers', role: 'group', 'aria-label': 'What is shown' },
      labelled('Word', word),
      labelled('Unit', unit),
      app.model.lstms.length > 1 ? labelled('LSTM', lstm) : null,
    ),
  );
  let listed = [null, null];

  /** A step by hand is told to a screen reader. */
  function stepped(go) {
    go();
    const [numbers] = stepOf(app);
    announce(numbers ? numbers.description : 'Before the first word.');
  }

  return {
    node,
    update() {
      const { words } = app.reading;
      const order = chosenLstm(app);
      if (listed[0] !== words) {
        word.replaceChildren(
          element('option', { value: -1 }, 'none yet'),
          ...words.map((text, index) => element('option', { value: index }, `${index + 1}. ${shortened(text, 20)}`)),
        );
      }
      if (listed[1] !== app.unitOrder)
        unit.replaceChildren(...app.unitOrder.map((index) => element('option', { value: index }, `unit ${index}`)));
      listed = [words, app.unitOrder];
      word.value = app.state.now;
      unit.value = app.state.unit;
      lstm.value = app.state.lstm;
      play.firstChild.firstChild.setAttribute('d', player.playing ? ICONS.pause : ICONS.play);
      play.lastChild.textContent = player.playing ? 'Pause' : 'Play';
      back.disabled = previousWord(order, app.state.now, words.length) === null;
      play.disabled = forward.disabled = words.length === 0;
    },
  };
}
