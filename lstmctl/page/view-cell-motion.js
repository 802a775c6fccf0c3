// What moves in the drawing of the cell: when each part of a step happens, who travels, and one frame of it.

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

const CELL_STATIONS = {
  before: 'cellBefore',
  candidate: 'candidate',
  kept: 'kept',
  written: 'written',
  cell: 'cell',
  squashed: 'squashed',
  hidden: 'hidden',
};

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
  for (const [roller, x] of rollers)
    roller.setAttribute('transform', `translate(${x} ${beltBottom - place.beltHeight / 2}) rotate(${turn})`);
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
    vectors[0].set([], 1, null, ['hidden state before', '', '']);
    vectors[1].set([], 1, null, ['the word', '', '']);
    parts.drawn = null;
    return;
  }
  const opened = moving
    ? _cellEase(Math.max(0, Math.min(1, (t - CELL_MOMENTS.arrive) / (CELL_MOMENTS.gates - CELL_MOMENTS.arrive))))
    : 1;
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
  if (parts.drawn === numbers) return;
  parts.drawn = numbers;
  parts.beforeCaption.textContent = numbers.cut ? 'cut' : 'before';
  vectors[0].set(numbers.hiddenVector, numbers.hiddenLimit, numbers.unit, numbers.hiddenLines);
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
