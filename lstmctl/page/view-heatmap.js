// Panel 3: units × words, for one of the six quantities of an LSTM.
//
// Scales do not stretch to fit: gates always go from 0 to 1, the others equally far to both sides of 0, in steps that
// rarely change. A stretched scale makes noise look like drama.

const SHOWN = {
  cell: {
    term: 'Cell state',
    post: 'conveyor belt',
    heading: 'What the network remembers: the cell state after each word.',
    meaning: 'Each row is one unit of memory, carried along from word to word like goods on a conveyor belt.',
  },
  forget: {
    term: 'Forget gate',
    post: null,
    heading: 'How much is kept: the forget gate at each word.',
    meaning: 'Each unit multiplies what it remembers by this number: 1 keeps everything, 0 erases it.',
  },
  input: {
    term: 'Input gate',
    post: 'decision gate',
    heading: 'How much is written: the input gate at each word.',
    meaning:
      'The decision gate: how much of the new value each unit adds to its memory, from 0, nothing, to 1, all of it.',
  },
  candidate: {
    term: 'Candidate',
    post: 'new value',
    heading: 'What could be written: the candidate at each word.',
    meaning:
      'The new value that each unit proposes, between −1 and 1. The input gate decides how much of it is written.',
  },
  output: {
    term: 'Output gate',
    post: null,
    heading: 'How much is read out: the output gate at each word.',
    meaning: 'How much of its memory each unit shows to the rest of the network: 1 all of it, 0 nothing.',
  },
  hidden: {
    term: 'Hidden state',
    post: null,
    heading: 'What is read out: the hidden state after each word.',
    meaning:
      'The part of the memory that the output gate lets through. The answer is made from it, and so is the next step.',
  },
};

const FROM_0_TO_1 = ['forget', 'input', 'output'];

function viewHeatmap(root, app) {
  const heading = element('h2', {});
  const meaning = element('p', {class: 'note'});
  const choices = Object.entries(SHOWN).map(([name, {term, post}]) => [name, term, post && `· ${post}`]);
  const quantities = segments('What to show', 'quantity', choices, app.state.quantity, (quantity) =>
    app.set({quantity}),
  );
  const lstms = element('select', {onChange: () => app.set({lstm: lstms.value})});
  lstms.append(...app.model.lstms.map((lstm) => element('option', {value: lstm.name}, lstmTitle(app.model, lstm))));
  const chooser = app.model.lstms.length > 1 && element('label', {class: 'note'}, 'of the ', lstms);
  const gutter = element('canvas', {class: 'map-gutter', 'aria-hidden': 'true'});
  const canvas = element('canvas', {class: 'map', 'aria-hidden': 'true'});
  const scroller = element('div', {
    class: 'map-scroller',
    tabindex: '0',
    role: 'application',
    'aria-roledescription': 'heat map',
    'aria-describedby': 'map-keys',
    onKeydown: (event) => _onKey(event),
    onPointermove: (event) => point(_cellAt(event)),
    onPointerleave: () => point(null),
    onClick: (event) => {
      const cell = _cellAt(event);
      if (cell) app.set(cell.unit === null ? {now: cell.now} : cell);
    },
  });
  const pointer = element('div', {class: 'map-pointer', hidden: true});
  scroller.append(canvas, pointer);
  const readout = element('div', {class: 'readout'});
  const legend = element('div', {class: 'legend'});
  const table = element('details', {class: 'all-units', onToggle: () => showTable()});
  root.append(
    heading,
    meaning,
    element('div', {class: 'map-controls no-print'}, quantities, chooser),
    element(
      'div',
      {class: 'map-layout'},
      element('figure', {class: 'map-figure'}, element('div', {class: 'map-frame'}, gutter, scroller), legend),
      readout,
    ),
    element('p', {class: 'visually-hidden', id: 'map-keys'}, 'Left and right choose a word, up and down a unit.'),
    table,
  );
  let pointed = null;
  let layout = null;

  function draw() {
    const {quantity, lstm} = app.state;
    const about = SHOWN[quantity];
    heading.textContent = about.heading;
    meaning.textContent = `${about.meaning} Units that add most to the answer (grey bars) are on top.`;
    lstms.value = lstm;
    const {words} = app.reading;
    scroller.setAttribute('aria-label', `${about.term}, ${app.unitOrder.length} units at ${words.length} words`);
    root.classList.toggle('empty', words.length === 0);
    const trace = _traceOf(app);
    const limit = FROM_0_TO_1.includes(quantity) ? 1 : niceLimit(_largest(trace[quantity]), 0.25);
    legend.replaceChildren(_mapLegend(quantity, limit));
    layout = mapLayout(app, scroller.clientWidth);
    const before = canvas.width;
    drawMap(canvas, layout, app, {values: trace[quantity], limit});
    drawGutter(gutter, layout, app);
    if (canvas.width !== before) _bringIntoView();
    showReadout();
    showTable();
  }

  function showReadout() {
    const now = pointed ? pointed.now : app.state.now;
    const unit = pointed && pointed.unit !== null ? pointed.unit : app.state.unit;
    readout.replaceChildren(...readoutOf(app, now, unit));
  }

  function point(cell) {
    if (cell?.now === pointed?.now && cell?.unit === pointed?.unit) return;
    pointed = cell;
    pointer.hidden = !cell || cell.unit === null;
    if (!pointer.hidden) {
      pointer.style.left = `${layout.left(cell.now)}px`;
      pointer.style.top = `${layout.top + app.unitOrder.indexOf(cell.unit) * layout.rowHeight}px`;
      pointer.style.width = `${layout.columnWidth}px`;
      pointer.style.height = `${layout.rowHeight}px`;
    }
    showReadout();
  }

  function showTable() {
    table.hidden = app.state.now < 0;
    if (table.hidden) return;
    const word = app.reading.words[app.state.now];
    const title = element('summary', {}, `All units at “`, element('bdi', {}, word), '”, as a table');
    table.replaceChildren(title, ...(table.open ? [unitsTable(app)] : []));
  }

  function _cellAt(event) {
    if (!layout || !app.reading.words.length) return null;
    const bounds = canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - bounds.left, event.clientY - bounds.top];
    const now = layout.wordAt(x);
    const row = Math.floor((y - layout.top) / layout.rowHeight);
    if (now < 0 || now >= app.reading.words.length || row >= layout.units) return null;
    return {now, unit: row < 0 ? null : app.unitOrder[row]};
  }

  function _onKey(event) {
    const forward = layout.rightToLeft ? 'ArrowLeft' : 'ArrowRight';
    const backward = layout.rightToLeft ? 'ArrowRight' : 'ArrowLeft';
    const last = app.reading.words.length - 1;
    const {now, unit} = app.state;
    const row = app.unitOrder.indexOf(unit);
    const changes = {
      [forward]: {now: Math.min(last, now + 1)},
      [backward]: {now: Math.max(0, now - 1)},
      Home: {now: 0},
      End: {now: last},
      ArrowDown: {unit: app.unitOrder[Math.min(app.unitOrder.length - 1, row + 1)]},
      ArrowUp: {unit: app.unitOrder[Math.max(0, row - 1)]},
    }[event.key];
    if (!changes || last < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    app.set(changes);
    const value = _traceOf(app)[app.state.quantity][app.state.now * app.unitOrder.length + app.state.unit];
    announce(`${app.reading.words[app.state.now]}, unit ${app.state.unit}: ${plainNumber(value)}`);
  }

  function _bringIntoView() {
    if (app.state.now < 0 || !layout) return;
    const x = layout.left(app.state.now);
    if (x < scroller.scrollLeft) scroller.scrollLeft = x - 20;
    if (x + layout.columnWidth > scroller.scrollLeft + scroller.clientWidth) {
      scroller.scrollLeft = x + layout.columnWidth + 20 - scroller.clientWidth;
    }
  }

  const later = drawnWhenSeen(root, draw);
  app.subscribe((changed) => {
    if (changed.has('quantity')) root.querySelector(`input[value="${app.state.quantity}"]`).checked = true;
    if (changed.has('reading')) point(null);
    if (changed.has('now')) _bringIntoView();
    later();
  });
  new ResizeObserver(later).observe(scroller);
  _dark.addEventListener('change', later);
}

/** "layer 2, backward", or "LSTM" if there is one alone. */
function lstmTitle(model, {layer, direction}) {
  const parts = [];
  if (new Set(model.lstms.map((lstm) => lstm.layer)).size > 1) parts.push(`layer ${layer + 1}`);
  if (model.config.directions.length > 1) parts.push(`${direction} LSTM`);
  return parts.join(', ') || 'LSTM';
}

function _traceOf(app) {
  return app.reading.traces.find((trace) => trace.name === app.state.lstm);
}

function _largest(values) {
  let largest = 0;
  for (const value of values) if (Math.abs(value) > largest) largest = Math.abs(value);
  return largest;
}

function _mapLegend(quantity, limit) {
  return FROM_0_TO_1.includes(quantity)
    ? scaleLegend(sequential, 0, 1, ['0 shut', '0.5', '1 open'])
    : scaleLegend(diverging, -1, 1, [`−${limit}`, '0', `+${limit}`]);
}

/** What stands beside the map: all six numbers of one unit at one word. */
function readoutOf(app, now, unit) {
  const {reading} = app;
  if (now < 0 || now >= reading.words.length) return [];
  const trace = _traceOf(app);
  const at = now * trace.units + unit;
  const rows = Object.entries(SHOWN).flatMap(([name, {term, post}]) => {
    const value = trace[name][at];
    const gate = FROM_0_TO_1.includes(name);
    const bar = element('span', {class: gate ? 'readout-bar gate' : value < 0 ? 'readout-bar below' : 'readout-bar'});
    const size = Math.min(1, Math.abs(value));
    bar.style.width = `${size * (gate ? 100 : 50)}%`;
    const chosen = name === app.state.quantity ? 'chosen' : null;
    return [
      element('dt', {class: chosen}, term, post ? element('small', {class: 'term'}, ` ${post}`) : null),
      element(
        'dd',
        {class: chosen},
        element('span', {class: gate ? 'readout-track' : 'readout-track middle'}, bar),
        element('b', {class: 'numbers'}, plainNumber(value)),
      ),
    ];
  });
  return [
    element('h3', {}, `Unit ${unit} at “`, element('bdi', {}, reading.words[now]), '”'),
    element('dl', {}, ...rows),
  ];
}

/** The numbers of all units at the chosen word. */
function unitsTable(app) {
  const {now} = app.state;
  const trace = _traceOf(app);
  const last = lastLayer(app.model).some((lstm) => lstm.name === app.state.lstm);
  const contributions = (last ? unitLogOdds : unitContributions)(app.model, app.reading, app.state.lstm);
  const names = Object.keys(SHOWN);
  const header = ['Unit', ...names.map((name) => SHOWN[name].term), last ? 'Adds to the answer (log-odds)' : 'Adds to the layer above'];
  const rows = app.unitOrder.map((unit) =>
    element(
      'tr',
      {},
      element('th', {scope: 'row'}, String(unit)),
      ...names.map((name) => element('td', {}, plainNumber(trace[name][now * trace.units + unit], 3))),
      element('td', {}, (last ? signed : plainNumber)(contributions[unit], 3)),
    ),
  );
  return element(
    'div',
    {class: 'table-box', tabindex: '0', role: 'region', 'aria-label': 'Numbers of all units'},
    element(
      'table',
      {class: 'numbers'},
      element('thead', {}, element('tr', {}, ...header.map((name) => element('th', {scope: 'col'}, name)))),
      element('tbody', {}, ...rows),
    ),
  );
}
