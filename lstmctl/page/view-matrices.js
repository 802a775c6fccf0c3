// The four matrices of an LSTM as heat maps: the word part above, the hidden part and the bias below. One column for each unit.

const MATRIX_SIZE = { width: 220, height: 460 }; // pixels on the screen, at a whole number of pixels a weight

function viewMatrices(root, app) {
  const note = element('p', { class: 'note' });
  const legend = element('div', { class: 'legend' });
  const maps = element('div', { class: 'matrix-maps' });
  const readout = element('p', { class: 'matrix-readout numbers', 'aria-live': 'polite' });
  const details = element(
    'details',
    { onToggle: () => draw() },
    element('summary', {}, 'The four matrices: what the gates have learned'),
    note,
    legend,
    maps,
    readout,
  );
  root.append(details);
  const figures = Object.entries(CELL_BOXES).map(([gate, { term, post }]) =>
    _matrixFigure(app, gate, term, post, (text) => (readout.textContent = text)),
  );
  maps.append(...figures.map((figure) => figure.node));
  let drawn = null; // which LSTM, in which theme

  function draw() {
    if (!details.open) return;
    const lstm = chosenLstm(app);
    const theme = matchMedia('(prefers-color-scheme: dark)').matches;
    const key = `${lstm.name} ${theme}`;
    if (drawn !== key) {
      const limit = matrixLimit(lstm);
      for (const figure of figures) figure.paint(lstm, limit);
      note.textContent =
        `Each column is one unit. Its value at a word is the sum of the word’s ${lstm.inputs} inputs and the ${lstm.units} previous hidden states, ` +
        'each times its weight here, plus the bias. Choose a column to look at another unit.';
      legend.replaceChildren(scaleLegend(diverging, -1, 1, [signed(-limit), '0', signed(limit)]));
      drawn = key;
    }
    for (const figure of figures) figure.choose(lstm, app.state.unit);
    readout.textContent = _columnSentence(lstm, app.state.unit);
  }

  app.subscribe((changed) => {
    if (changed.has('unit') || changed.has('lstm')) draw();
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
}

/** A round number that only few weights of the four matrices exceed: one weight far out should not make the others pale. */
function matrixLimit(lstm) {
  const sizes = [];
  for (const { kernel, recurrent, bias } of Object.values(lstm.matrices)) {
    for (const values of [kernel, recurrent, bias]) for (const value of values) sizes.push(Math.abs(value));
  }
  const sorted = Float32Array.from(sizes).sort();
  return niceLimit(sorted[Math.floor((sorted.length - 1) * 0.99)], 0.05);
}

/** The size of the weights of a unit's column in each matrix. */
function _columnSentence(lstm, unit) {
  const norm = (values) => {
    let sum = 0;
    for (let index = unit; index < values.length; index += lstm.units) sum += values[index] ** 2;
    return Math.sqrt(sum);
  };
  const parts = Object.entries(CELL_BOXES).map(([gate, { term }]) => {
    const { kernel, recurrent, bias } = lstm.matrices[gate];
    return `${term.toLowerCase()}: word ${plainNumber(norm(kernel))}, hidden ${plainNumber(norm(recurrent))}, bias ${signed(bias[unit])}`;
  });
  return `Unit ${unit}, length of its columns: ${parts.join(' · ')}`;
}

/** One matrix: a canvas with one pixel for each weight, and a frame around the chosen column. */
function _matrixFigure(app, gate, term, post, tell) {
  const canvas = element('canvas', { 'aria-hidden': 'true' });
  const frame = element('div', { class: 'matrix-chosen' });
  const box = element(
    'div',
    {
      class: 'matrix-box',
      tabindex: '0',
      role: 'slider',
      'aria-label': `${term}: unit`,
      'aria-valuemin': '0',
      'aria-orientation': 'horizontal',
      onClick: (event) => {
        const cell = at(event);
        if (cell) app.set({ unit: cell.unit });
      },
      onPointermove: (event) => {
        const cell = at(event);
        if (cell) tell(weightSentence(cell));
      },
      onPointerleave: () => tell(_columnSentence(chosenLstm(app), app.state.unit)),
      onKeydown: (event) => {
        const { unit } = app.state;
        const last = chosenLstm(app).units - 1;
        const to = {
          ArrowRight: unit + 1,
          ArrowUp: unit + 1,
          ArrowLeft: unit - 1,
          ArrowDown: unit - 1,
          Home: 0,
          End: last,
        }[event.key];
        if (to === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
        event.preventDefault();
        app.set({ unit: Math.max(0, Math.min(last, to)) });
      },
    },
    canvas,
    frame,
  );
  const labels = element('div', { class: 'matrix-labels', 'aria-hidden': 'true' });
  const scroller = element('div', { class: 'matrix-scroll' }, box, labels);
  const parts = element('figcaption', {}, element('b', {}, term), post ? element('i', {}, ` “${post}”`) : '');
  const node = element('figure', { class: 'matrix' }, parts, scroller);
  let size = 4;
  const gap = 1; // rows of the canvas between the parts

  function rowsOf(lstm) {
    return lstm.inputs + gap + lstm.units + gap + 1;
  }

  function at(event) {
    const lstm = chosenLstm(app);
    const bounds = canvas.getBoundingClientRect();
    const unit = Math.floor((event.clientX - bounds.left) / size);
    const row = Math.floor((event.clientY - bounds.top) / size);
    return unit < 0 || unit >= lstm.units || row < 0 || row >= rowsOf(lstm) ? null : { unit, row };
  }

  function weightSentence({ unit, row }) {
    const lstm = chosenLstm(app);
    const { kernel, recurrent, bias } = lstm.matrices[gate];
    const hiddenRow = row - lstm.inputs - gap;
    if (row < lstm.inputs)
      return `${term}: input ${row} of the word → unit ${unit}: ${signed(kernel[row * lstm.units + unit], 3)}`;
    if (hiddenRow >= 0 && hiddenRow < lstm.units)
      return `${term}: hidden state of unit ${hiddenRow} → unit ${unit}: ${signed(recurrent[hiddenRow * lstm.units + unit], 3)}`;
    if (row === rowsOf(lstm) - 1) return `${term}: bias of unit ${unit}: ${signed(bias[unit], 3)}`;
    return _columnSentence(lstm, app.state.unit);
  }

  return {
    node,
    paint(lstm, limit) {
      const { kernel, recurrent, bias } = lstm.matrices[gate];
      const rows = rowsOf(lstm);
      canvas.width = lstm.units;
      canvas.height = rows;
      const context = canvas.getContext('2d');
      const image = context.createImageData(lstm.units, rows);
      const colours = scaleColours();
      const put = (values, firstRow) => {
        for (let index = 0; index < values.length; index++) {
          const [red, green, blue] = divergingRgb(values[index] / limit, colours);
          image.data.set([red, green, blue, 255], (firstRow * lstm.units + index) * 4);
        }
      };
      put(kernel, 0);
      put(recurrent, lstm.inputs + gap);
      put(bias, rows - 1);
      context.putImageData(image, 0, 0);
      size = Math.max(
        1,
        Math.min(14, Math.floor(MATRIX_SIZE.width / lstm.units), Math.floor(MATRIX_SIZE.height / rows)),
      );
      canvas.style.width = `${lstm.units * size}px`;
      canvas.style.height = `${rows * size}px`;
      box.style.width = canvas.style.width;
      box.setAttribute('aria-valuemax', lstm.units - 1);
      const starts = [0, lstm.inputs + gap, rows - 1];
      const names = [`word\n${lstm.inputs} × ${lstm.units}`, `hidden\n${lstm.units} × ${lstm.units}`, 'bias'];
      labels.replaceChildren(
        ...starts.map((row, index) => {
          const label = element('span', {}, names[index]);
          label.style.top = `${row * size}px`;
          return label;
        }),
      );
      labels.style.left = canvas.style.width;
    },
    choose(lstm, unit) {
      frame.style.left = `${unit * size}px`;
      frame.style.width = `${size}px`;
      box.setAttribute('aria-valuenow', unit);
      box.setAttribute('aria-valuetext', `unit ${unit}`);
    },
  };
}
