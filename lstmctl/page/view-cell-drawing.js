// The cell as a drawing: the cell state rides a conveyor belt along the top, gates are doors that open as far as their value.
//
//   before ──▯ forget ──▶ kept ──▶ (+) ──▶ now ──┬──▶ next word
//                                   ▲            ▼ tanh
//                               written        squashed
//                                 ▭ input        ▭ output
//                               candidate      hidden ──▶
//
// One unit of the drawing is one pixel of the screen, so text keeps its size; `_cellLayout` arranges it for the width there is.
// A number is drawn as a crate with a gauge, to the right for positive and to the left for negative. During a step, copies of the crates
// travel from station to station (CELL_LEGS); at rest every station shows its crate.

// When each part of a step happens, as shares of its time.
const CELL_MOMENTS = { arrive: 0.16, gates: 0.3, doors: 0.54, sum: 0.72, tanh: 0.86, end: 1 };

// Who travels when: from station, to station, start, end, value at first, value then, and at which share of the way it changes.
const CELL_LEGS = [
  ['cell', 'exit', 0, CELL_MOMENTS.arrive, 'cellLeaving', 'cellLeaving', 1],
  ['entry', 'before', 0, CELL_MOMENTS.arrive, 'cellBefore', 'cellBefore', 1],
  ['before', 'kept', CELL_MOMENTS.gates, CELL_MOMENTS.doors, 'cellBefore', 'kept', 0.5],
  ['candidate', 'written', CELL_MOMENTS.gates, CELL_MOMENTS.doors, 'candidate', 'written', 0.5],
  ['kept', 'cell', CELL_MOMENTS.doors, CELL_MOMENTS.sum, 'kept', 'cell', 0.6],
  ['written', 'plus', CELL_MOMENTS.doors, (CELL_MOMENTS.doors + CELL_MOMENTS.sum) / 2, 'written', 'written', 1],
  ['cell', 'squashed', CELL_MOMENTS.sum, CELL_MOMENTS.tanh, 'cell', 'squashed', 0.75],
  ['squashed', 'hidden', CELL_MOMENTS.tanh, CELL_MOMENTS.end, 'squashed', 'hidden', 0.5],
];

// From when on the crate of a station is there.
const CELL_ARRIVALS = {
  before: CELL_MOMENTS.arrive,
  candidate: CELL_MOMENTS.gates,
  kept: CELL_MOMENTS.doors,
  written: CELL_MOMENTS.doors,
  cell: CELL_MOMENTS.sum,
  squashed: CELL_MOMENTS.tanh,
  hidden: CELL_MOMENTS.end,
};

const CELL_STATIONS = { before: 'cellBefore', candidate: 'candidate', kept: 'kept', written: 'written', cell: 'cell', squashed: 'squashed', hidden: 'hidden' };

/** Two digits; three below 0.1, so that small numbers are not all 0.00. */
function cellNumber(value) {
  return plainNumber(value, Math.abs(value) < 0.0995 && value !== 0 ? 3 : 2);
}

/** Where everything is, for a width in pixels; boxHeight: of the four boxes under the doors. */
function _cellLayout(width, boxHeight) {
  const narrow = width < 620;
  const crate = narrow ? { width: 58, height: 36 } : { width: 92, height: 48 };
  const gap = narrow ? 6 : 16;
  const box = (width - 3 * gap) / 4;
  const columns = [0, 1, 2, 3].map((index) => index * (box + gap) + box / 2);
  const belt = narrow ? 66 : 84; // the middle of the crates on the belt
  const beltTop = belt + crate.height / 2 + 1;
  const beltHeight = narrow ? 14 : 20;
  const upper = beltTop + beltHeight + (narrow ? 28 : 34) + crate.height / 2; // the crates above the lower doors
  const door = upper + crate.height / 2 + (narrow ? 20 : 26);
  const lower = door + (narrow ? 20 : 26) + crate.height / 2; // the crates below them
  const boxTop = lower + crate.height / 2 + 26;
  const before = crate.width / 2 + 1;
  const forget = Math.max(before + crate.width / 2 + (narrow ? 15 : 24), columns[0]);
  const plus = columns[2] - (narrow ? 6 : 0);
  const channel = width - crate.width / 2 - (narrow ? 12 : Math.min(64, width * 0.055));
  const kept = (forget + plus) / 2;
  const stations = {
    entry: [-crate.width, belt],
    exit: [width + crate.width, belt],
    before: [before, belt],
    kept: [kept, belt],
    plus: [plus, belt],
    cell: [Math.max((plus + channel) / 2, plus + crate.width / 2 + 16), belt],
    written: [plus, upper],
    candidate: [plus, lower],
    squashed: [channel, upper],
    hidden: [channel, lower],
  };
  const boxBottom = boxTop + boxHeight;
  return { width, narrow, crate, gap, box, columns, belt, beltTop, beltHeight, upper, door, lower, boxTop, boxBottom, forget, plus, channel, stations, bus: boxBottom + 22, height: boxBottom + 104 };
}

/**
 * Put the drawing into `stage` (positioned; holds the four gate boxes already). Returns
 *   arrange()                  after the width or the boxes have changed
 *   draw(numbers, previous, t) t: 0…1 within a step, 1 at rest; previous: numbers of the step before, or null
 * numbers: see `cellNumbers` in view-cell.js; null draws an empty cell.
 */
function cellDrawing(stage, boxes) {
  const title = svg('title', { id: 'cell-drawing-title' }, 'The LSTM cell');
  const description = svg('desc', { id: 'cell-drawing-description' });
  const root = svg('svg', { class: 'cell-drawing', role: 'img', 'aria-labelledby': 'cell-drawing-title cell-drawing-description', focusable: 'false' });
  stage.prepend(root);
  let parts = null;
  let last = [null, null, 1];

  function arrange() {
    const width = stage.clientWidth;
    if (!width) return;
    const probe = _cellLayout(width, 0);
    boxes.forEach((box, index) => {
      box.style.width = `${probe.box}px`;
      box.style.left = `${probe.columns[index] - probe.box / 2}px`;
      box.style.minHeight = '0';
    });
    const boxHeight = Math.max(...boxes.map((box) => box.offsetHeight));
    const place = _cellLayout(width, boxHeight);
    for (const box of boxes) {
      box.style.top = `${place.boxTop}px`;
      box.style.minHeight = `${boxHeight}px`;
    }
    stage.style.height = `${place.height}px`;
    root.setAttribute('viewBox', `0 0 ${width} ${place.height}`);
    root.setAttribute('width', width);
    root.setAttribute('height', place.height);
    parts = _cellParts(place);
    root.replaceChildren(title, description, ...parts.nodes);
    draw(...last);
  }

  function draw(numbers, previous, t) {
    last = [numbers, previous, t];
    if (!parts) return;
    _cellFrame(parts, numbers, previous, t);
    description.textContent = numbers ? numbers.description : 'No word has been read yet.';
  }

  return { arrange, draw };
}

/** All nodes, with handles on those that change. */
function _cellParts(place) {
  const { width, belt, beltTop, crate, stations, narrow, forget, plus, channel, door, columns, boxTop } = place;
  const nodes = [_cellDefinitions()];
  const text = (x, y, content, name, anchor = 'middle') => svg('text', { x, y, class: name, 'text-anchor': anchor }, content);

  // The belt with its rollers, and the channels that lead to it and away from it.
  const { beltHeight } = place;
  nodes.push(svg('rect', { class: 'cell-belt', x: 0, y: beltTop, width: width - 8, height: beltHeight, rx: beltHeight / 2 }));
  const rollers = [];
  const radius = beltHeight / 2 - 3;
  const count = Math.floor((width - 8 - beltHeight) / (radius * 5));
  for (let index = 0; index <= count; index++) {
    const roller = svg('g', {}, svg('circle', { class: 'cell-roller', r: radius }), svg('path', { class: 'cell-spoke', d: `M0 ${-radius}V${radius}M${-radius} 0H${radius}` }));
    rollers.push([roller, beltHeight / 2 + (index * (width - 8 - beltHeight)) / count]);
    nodes.push(roller);
  }
  nodes.push(svg('path', { class: 'cell-arrow', d: `M${width - 9} ${belt - 6}l8 6l-8 6z` }));
  const beltBottom = beltTop + beltHeight;
  nodes.push(svg('path', { class: 'cell-channel', d: `M${plus} ${boxTop}V${belt}M${channel} ${beltTop}V${place.lower}H${width - 10}` }));
  nodes.push(svg('path', { class: 'cell-arrow', d: `M${width - 11} ${place.lower - 5}l10 5l-10 5z` }));
  nodes.push(svg('path', { class: 'cell-arrow', d: `M${plus - 6} ${beltBottom + 9}l6 -9l6 9z` }));

  // Control wires: from the boxes to their doors.
  const doorWidth = crate.width + (narrow ? 6 : 14);
  const doorHeight = crate.height + (narrow ? 10 : 16);
  const outputWire = Math.max(columns[3] - place.box / 2 + 6, channel - doorWidth / 2 - 20);
  const wires = [
    `M${columns[0]} ${boxTop}V${beltBottom + 16}H${forget}V${belt + doorHeight / 2}`,
    `M${columns[1]} ${boxTop}V${door}H${plus - doorWidth / 2}`,
    `M${outputWire} ${boxTop}V${door}H${channel - doorWidth / 2}`,
  ];
  const wireNodes = wires.map((d) => svg('path', { class: 'cell-wire', d }));
  nodes.push(...wireNodes);

  // The bus below: the word and the previous hidden state go to all four boxes.
  const [left, right] = [columns[0], columns[3]];
  const risers = columns.map((x) => `M${x} ${place.bus}V${place.boxBottom + 9}`).join('');
  const sources = [width * 0.25, width * 0.75];
  nodes.push(svg('path', { class: 'cell-bus', d: `M${left} ${place.bus}H${right}${risers}${sources.map((x) => `M${x} ${place.bus + 20}V${place.bus}`).join('')}` }));
  for (const x of columns) nodes.push(svg('path', { class: 'cell-arrow', d: `M${x - 5} ${place.boxBottom + 10}l5 -9l5 9z` }));
  const pulses = [];
  for (const source of sources) {
    for (const x of columns) {
      const pulse = svg('circle', { class: 'cell-pulse', r: 4 });
      pulses.push([pulse, [[source, place.bus + 20], [source, place.bus], [x, place.bus], [x, place.boxBottom]]]);
      nodes.push(pulse);
    }
  }
  const vectors = sources.map((x) => _cellVector(x, place.bus + 20, Math.min(width * 0.5 - 12, 320)));
  nodes.push(...vectors.map((vector) => vector.node));

  // Captions.
  const caption = place.belt - crate.height / 2 - 8;
  nodes.push(
    svg('text', { x: 0, y: 14, class: 'cell-name' }, 'Cell state ', svg('tspan', { class: 'cell-post' }, '“conveyor belt”')),
    text(stations.before[0], caption, 'before', 'cell-caption'),
    text(stations.kept[0], caption, 'kept', 'cell-caption'),
    text(stations.cell[0], caption, 'now', 'cell-caption'),
    text(plus - crate.width / 2 - 6, place.upper + 4, 'written', 'cell-caption', 'end'),
    text(channel, place.lower + crate.height / 2 + 15, narrow ? 'hidden' : 'hidden state', 'cell-caption'),
  );
  if (!narrow) nodes.push(text(width - 2, 14, 'to the next word', 'cell-caption', 'end'));

  // Stations are dashed places until their crate has come.
  for (const [name, [x, y]] of Object.entries(stations)) {
    if (!(name in CELL_ARRIVALS)) continue;
    nodes.push(svg('rect', { class: 'cell-place', x: x - crate.width / 2, y: y - crate.height / 2, width: crate.width, height: crate.height, rx: 6 }));
  }
  const crates = {};
  for (const name of Object.keys(CELL_ARRIVALS)) {
    crates[name] = _cellCrate(crate);
    nodes.push(crates[name].node);
  }
  const travellers = CELL_LEGS.map(() => _cellCrate(crate));
  nodes.push(...travellers.map((traveller) => traveller.node));

  // Doors stand before the crates that pass them.
  const doors = {
    forget: _cellDoor(forget, belt, { across: 'belt', size: doorHeight, depth: narrow ? 16 : 26 }),
    input: _cellDoor(plus, door, { across: 'channel', size: doorWidth, depth: narrow ? 14 : 22 }),
    output: _cellDoor(channel, door, { across: 'channel', size: doorWidth, depth: narrow ? 14 : 22 }),
  };
  nodes.push(...Object.values(doors).map((one) => one.node));
  const factor = (x, y, anchor) => text(x, y, '', 'cell-factor', anchor);
  const factors = {
    forget: factor(forget, belt - doorHeight / 2 - 7, 'middle'),
    input: factor(plus - doorWidth / 2 - 8, door - 7, 'end'),
    output: factor(channel - doorWidth / 2 - 8, door - 7, 'end'),
  };
  if (!narrow) nodes.push(...Object.values(factors)); // else only the boxes tell them

  // The two operations.
  const tanhY = beltBottom + (narrow ? 13 : 16);
  nodes.push(
    svg('circle', { class: 'cell-operation', cx: plus, cy: belt, r: narrow ? 11 : 15 }),
    svg('path', { class: 'cell-sign', d: `M${plus - 6} ${belt}h12M${plus} ${belt - 6}v12` }),
    svg('rect', { class: 'cell-operation', x: channel - 21, y: tanhY - 10, width: 42, height: 20, rx: 10 }),
    text(channel, tanhY + 4, 'tanh', 'cell-function'),
  );
  return { place, nodes, rollers, beltBottom, wireNodes, pulses, vectors, crates, travellers, doors, factors };
}

function _cellDefinitions() {
  const pattern = svg('pattern', { id: 'cell-hatch', width: 5, height: 5, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)' });
  pattern.append(svg('rect', { class: 'cell-hatch-ground', width: 5, height: 5 }), svg('path', { class: 'cell-hatch-line', d: 'M0 0V5' }));
  return svg('defs', {}, pattern);
}

/** A number in a frame, above a gauge: to the right from the middle if positive, to the left and hatched if negative. */
function _cellCrate({ width, height }) {
  const [half, gaugeHeight] = [width / 2 - 7, height > 40 ? 8 : 6];
  const gaugeTop = height / 2 - gaugeHeight - (height > 40 ? 6 : 5);
  const fill = svg('rect', { class: 'cell-fill', y: gaugeTop, height: gaugeHeight });
  const label = svg('text', { class: 'cell-number', y: gaugeTop - 6, 'text-anchor': 'middle' });
  const node = svg(
    'g',
    { class: 'cell-crate' },
    svg('rect', { class: 'cell-frame', x: -width / 2, y: -height / 2, width, height, rx: 6 }),
    svg('rect', { class: 'cell-gauge', x: -half, y: gaugeTop, width: 2 * half, height: gaugeHeight, rx: 2 }),
    fill,
    svg('path', { class: 'cell-middle', d: `M0 ${gaugeTop - 1.5}v${gaugeHeight + 3}` }),
    label,
  );
  return {
    node,
    set(x, y, value, scale) {
      const length = half * Math.min(1, Math.abs(value) / scale);
      node.setAttribute('transform', `translate(${x} ${y})`);
      fill.setAttribute('x', value < 0 ? -length : 0);
      fill.setAttribute('width', length);
      fill.setAttribute('class', `cell-fill ${value < 0 ? 'negative' : 'positive'}`);
      label.textContent = cellNumber(value);
    },
    show(visible) {
      node.setAttribute('visibility', visible ? 'visible' : 'hidden');
    },
  };
}

/** Two shutters that leave an opening as large as the value: from above and below across the belt, from the sides across a channel. */
function _cellDoor(x, y, { across, size, depth }) {
  const flat = across === 'belt';
  const box = (from, length, name) =>
    flat
      ? svg('rect', { class: name, x: x - depth / 2, y: y + from, width: depth, height: length })
      : svg('rect', { class: name, x: x + from, y: y - depth / 2, width: length, height: depth });
  const frame = box(-size / 2, size, 'cell-doorway');
  frame.setAttribute('rx', 4);
  const shutters = [box(-size / 2, 0, 'cell-shutter'), box(size / 2, 0, 'cell-shutter')];
  const node = svg('g', { class: 'cell-door' }, frame, ...shutters);
  return {
    node,
    set(value, held) {
      const closed = ((1 - Math.max(0, Math.min(1, value))) * size) / 2;
      shutters.forEach((shutter, index) => {
        shutter.setAttribute(flat ? 'height' : 'width', closed);
        if (index === 1) shutter.setAttribute(flat ? 'y' : 'x', (flat ? y : x) + size / 2 - closed);
      });
      node.setAttribute('class', held ? 'cell-door is-held' : 'cell-door');
    },
  };
}

/** A row of cells, one for each number of a vector, with two lines of text below. */
function _cellVector(x, y, width) {
  const cells = svg('g', {});
  const frame = svg('rect', { class: 'cell-vector', x: x - width / 2, y, width, height: 20, rx: 4 });
  const name = svg('text', { class: 'cell-name', x, y: y + 38, 'text-anchor': 'middle' });
  const note = svg('text', { class: 'cell-caption', x, y: y + 55, 'text-anchor': 'middle' });
  return {
    node: svg('g', {}, cells, frame, name, note),
    set(values, limit, chosen, lines) {
      const size = (width - 4) / Math.max(1, values.length);
      cells.replaceChildren(
        ...Array.from(values, (value, index) => {
          const cell = svg('rect', { x: x - width / 2 + 2 + index * size, y: y + 2, width: Math.max(0.6, size - (size > 3 ? 0.6 : 0)), height: 16 });
          cell.style.fill = diverging(value / limit);
          return cell;
        }),
      );
      if (chosen !== null) {
        cells.append(svg('rect', { class: 'cell-chosen', x: x - width / 2 + 1 + chosen * size, y: y - 3, width: Math.max(3, size + 1), height: 26, rx: 2 }));
      }
      name.textContent = shortened(lines[0], Math.floor(width / 8));
      note.textContent = width < 200 ? lines[2] : lines[1];
    },
  };
}

/** At most `length` characters, with an ellipsis if some are left out. */
function shortened(text, length) {
  const characters = Array.from(text);
  return characters.length <= length ? text : `${characters.slice(0, length - 1).join('')}…`;
}

function _cellEase(share) {
  return share * share * (3 - 2 * share);
}

function _cellAlong(points, share) {
  const lengths = points.slice(1).map(([x, y], index) => Math.hypot(x - points[index][0], y - points[index][1]));
  let left = share * lengths.reduce((sum, length) => sum + length, 0);
  for (let index = 0; index < lengths.length; index++) {
    if (left <= lengths[index] || index === lengths.length - 1) {
      const part = lengths[index] ? Math.min(1, left / lengths[index]) : 1;
      const [[x0, y0], [x1, y1]] = [points[index], points[index + 1]];
      return [x0 + (x1 - x0) * part, y0 + (y1 - y0) * part];
    }
    left -= lengths[index];
  }
  return points[0];
}

/** Everything that changes, at share `t` of a step. */
function _cellFrame(parts, numbers, previous, t) {
  const { place, rollers, beltBottom, pulses, crates, travellers, doors, factors, vectors } = parts;
  const moving = t < 1;
  const turn = moving ? t * 720 : 0;
  for (const [roller, x] of rollers) roller.setAttribute('transform', `translate(${x} ${beltBottom - place.beltHeight / 2}) rotate(${turn})`);
  for (const crate of [...Object.values(crates), ...travellers]) crate.show(false);
  const arriving = moving && t < CELL_MOMENTS.gates;
  for (const [pulse, path] of pulses) {
    pulse.setAttribute('visibility', arriving ? 'visible' : 'hidden');
    if (!arriving) continue;
    const [x, y] = _cellAlong(path, _cellEase(t / CELL_MOMENTS.gates));
    pulse.setAttribute('cx', x);
    pulse.setAttribute('cy', y);
  }
  if (!numbers) {
    for (const name of ['forget', 'input', 'output']) {
      doors[name].set(0, false);
      factors[name].textContent = '';
    }
    for (const vector of vectors) vector.set([], 1, null, ['', '', '']);
    return;
  }
  const opened = moving ? _cellEase(Math.max(0, Math.min(1, (t - CELL_MOMENTS.arrive) / (CELL_MOMENTS.gates - CELL_MOMENTS.arrive)))) : 1;
  for (const name of ['forget', 'input', 'output']) {
    const from = previous ? previous[name] : 0;
    doors[name].set(from + (numbers[name] - from) * opened, numbers.held[name]);
    factors[name].textContent = opened === 1 ? `× ${cellNumber(numbers[name])}` : '';
  }
  for (const [name, arrival] of Object.entries(CELL_ARRIVALS)) {
    if (t < arrival) continue;
    crates[name].show(true);
    crates[name].set(...place.stations[name], numbers[CELL_STATIONS[name]], numbers.scale);
  }
  if (moving) _cellTravellers(parts, { ...numbers, cellLeaving: previous ? previous.cell : null }, t);
  vectors[0].set(numbers.hiddenVector, numbers.hiddenLimit, numbers.chosen, numbers.hiddenLines);
  vectors[1].set(numbers.wordVector, numbers.wordLimit, null, numbers.wordLines);
}

function _cellTravellers({ place, travellers }, numbers, t) {
  CELL_LEGS.forEach(([from, to, start, end, valueFrom, valueTo, changesAt], index) => {
    if (t < start || t >= end || numbers[valueFrom] === null) return;
    const share = _cellEase((t - start) / (end - start));
    const [a, b] = [place.stations[from], place.stations[to]];
    // From the belt into the channel the way has a corner.
    const corner = from === 'cell' && to === 'squashed' ? [[b[0], a[1]]] : [];
    const [x, y] = _cellAlong([a, ...corner, b], share);
    const value = share < changesAt ? numbers[valueFrom] : numbers[valueTo];
    travellers[index].show(true);
    travellers[index].set(x, y, value, numbers.scale);
  });
}
