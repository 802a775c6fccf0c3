// The probability so far as a line over words that wrap like text. Each row of words has its own piece of the line.
// A long text gets one row without its words, which stand below anyway.

const FEW_WORDS = 10; // up to here, in larger type
const SPREAD_WORDS = 16; // up to here, spread over the width
const MANY_WORDS = 60; // up to here, words under the line; beyond, or if they fill five rows, the line alone, in one
const CROWDED_ROW = 4.5; // height of the line over one of several rows, in rem
const _widths = new WeakMap();
const WIDTH_OF_A_WORD = 3.9; // in a row, on average, in rem

/**
 * A drawing behind the words of `box`, which is positioned and leaves --chart-height above each word.
 * Returns draw(slots, lines, options): one slot (an element in `box`) for the start and one for each word;
 * lines: {values (a number per slot, 0…1), name: class of the line}[]; options: {now (slot or -1), baseline: 0.5 or 0}.
 */
function lineOver(box) {
  const drawing = svg('svg', {class: 'line-drawing', 'aria-hidden': 'true', focusable: 'false'});
  box.prepend(drawing);
  return (slots, lines, {now = -1, baseline = 0.5, filled = true, nowLabel = ''} = {}) => {
    const height = Number.parseFloat(getComputedStyle(box).getPropertyValue('--chart-height'));
    const rows = box.classList.contains('many') ? [_oneRow(box, slots.length)] : _rowsOf(slots, height);
    const width = box.clientWidth;
    const parts = [];
    for (const row of rows) {
      const y = (value) => row.top + height - value * (height - 2) - 1;
      parts.push(..._grid(box, row, y, width));
      if (now >= row.first && now < row.first + row.centres.length) {
        const {left, size} = row.boxes[now - row.first];
        const width = Math.max(5, size);
        parts.push(
          svg('rect', {
            class: 'line-now',
            x: left + (size - width) / 2,
            y: row.top,
            width,
            height: height + row.height,
            rx: Math.min(5, width / 3),
          }),
        );
      }
      if (row.height === 0 && nowLabel) parts.push(_labelUnder(row, now, nowLabel, height, width));
      for (const line of lines) parts.push(..._pieces(row, line, y, baseline, filled, slots.length));
    }
    drawing.setAttribute('height', box.clientHeight);
    drawing.setAttribute('width', width);
    drawing.replaceChildren(...parts);
  };
}

/** Slots by the row that they are in: {first: index, top, height, start, end (edges in reading order), centres, boxes}. */
function _rowsOf(slots, chartHeight) {
  const rows = [];
  const rightToLeft = slots.length > 0 && getComputedStyle(slots[0]).direction === 'rtl';
  slots.forEach((slot, index) => {
    const left = slot.offsetLeft;
    const size = slot.offsetWidth;
    const top = slot.offsetTop;
    let row = rows[rows.length - 1];
    if (!row || Math.abs(row.top - top) > 4) {
      row = {first: index, top, height: slot.offsetHeight - chartHeight, centres: [], boxes: []};
      rows.push(row);
    }
    row.centres.push(left + size / 2);
    row.boxes.push({left, size});
  });
  for (const row of rows) {
    const edges = row.boxes.flatMap(({left, size}) => [left, left + size]);
    const [low, high] = [Math.min(...edges), Math.max(...edges)];
    [row.start, row.end] = rightToLeft ? [high, low] : [low, high];
  }
  return rows;
}

/** Of a long text: all words at equal distances in one row; the words themselves are not shown. */
function _oneRow(box, count) {
  const low = Number.parseFloat(getComputedStyle(box).paddingLeft);
  const size = (box.clientWidth - low) / count;
  const place = box.dir === 'rtl' ? (index) => box.clientWidth - (index + 1) * size : (index) => low + index * size;
  const boxes = Array.from({length: count}, (_, index) => ({left: place(index), size}));
  const centres = boxes.map(({left}) => left + size / 2);
  return {first: 0, top: 0, height: 0, boxes, centres, start: centres[0], end: centres[count - 1]};
}

/** Of a long text: the word under the pointer, −1 for the start. */
function wordInRow(box, event, words) {
  const bounds = box.getBoundingClientRect();
  const low = Number.parseFloat(getComputedStyle(box).paddingLeft);
  const x = event.clientX - bounds.left;
  const share = box.dir === 'rtl' ? 1 - x / (bounds.width - low) : (x - low) / (bounds.width - low);
  const place = Math.floor(share * (words + 1));
  return Math.max(-1, Math.min(words - 1, place - 1));
}

function _labelUnder(row, now, label, height, width) {
  const x = row.centres[now];
  const anchor = x > width - 90 ? 'end' : x < 140 ? 'start' : 'middle';
  return svg('text', {class: 'line-word', x, y: height + 1.2 * rootSize(), 'text-anchor': anchor}, label);
}

function _grid(box, row, y, width) {
  const low = Number.parseFloat(getComputedStyle(box).paddingLeft);
  const lines = [1, 0.5, 0].map((value) =>
    svg('line', {class: value === 0.5 ? 'line-half' : 'line-grid', x1: low, x2: width, y1: y(value), y2: y(value)}),
  );
  const labels =
    low < 24
      ? []
      : [1, 0.5, 0].map((value) =>
          svg(
            'text',
            {class: 'line-label', x: low - 6, y: y(value), dy: '0.32em', 'text-anchor': 'end'},
            `${value * 100} %`,
          ),
        );
  return [...lines, ...labels];
}

/** The line in one row, with its filling and its dots. It comes in from the row above and goes on into the row below. */
function _pieces(row, line, y, baseline, filled, slotCount) {
  const values = line.values;
  const points = row.centres.map((x, index) => [x, values[row.first + index]]);
  if (row.first > 0) points.unshift([row.start, (values[row.first - 1] + values[row.first]) / 2]);
  const next = row.first + row.centres.length;
  if (next < slotCount) points.push([row.end, (values[next - 1] + values[next]) / 2]);
  const parts = [];
  if (filled) {
    const crossed = _withCrossings(points, baseline);
    for (const [side, bound] of [
      ['positive', Math.max],
      ['negative', Math.min],
    ]) {
      const top = crossed.map(([x, value]) => `${x},${y(bound(value, baseline))}`);
      const shape = [`${crossed[0][0]},${y(baseline)}`, ...top, `${crossed[crossed.length - 1][0]},${y(baseline)}`];
      parts.push(svg('polygon', {class: `line-area ${side}`, points: shape.join(' ')}));
    }
  }
  parts.push(
    svg('polyline', {class: `line ${line.name}`, points: points.map(([x, value]) => `${x},${y(value)}`).join(' ')}),
  );
  if (slotCount <= MANY_WORDS) {
    row.centres.forEach((x, index) => {
      parts.push(svg('circle', {class: `line-dot ${line.name}`, cx: x, cy: y(values[row.first + index]), r: 3}));
    });
  }
  return parts;
}

/** The points and, between two on different sides of the baseline, the point on it. */
function _withCrossings(points, baseline) {
  const all = [];
  points.forEach(([x, value], index) => {
    if (index > 0) {
      const [x0, value0] = points[index - 1];
      if ((value0 - baseline) * (value - baseline) < 0) {
        all.push([x0 + ((x - x0) * (baseline - value0)) / (value - value0), baseline]);
      }
    }
    all.push([x, value]);
  });
  return all;
}

/** The width of a box, without making the browser lay out the page in the middle of a change. */
function _knownWidth(box) {
  if (!_widths.has(box)) {
    _widths.set(box, box.clientWidth || 1000);
    new ResizeObserver(() => _widths.set(box, box.clientWidth || 1000)).observe(box);
  }
  return _widths.get(box);
}

/**
 * Set --chart-height on `box` and how the words are shown: a few are spread out, many are not shown under the line.
 * Returns whether they are many.
 */
function chooseChartHeight(box, words) {
  const inOneRow = Math.floor(_knownWidth(box) / (WIDTH_OF_A_WORD * rootSize()));
  const many = words > Math.min(MANY_WORDS, 4 * inOneRow);
  box.style.setProperty('--chart-height', `${(words > SPREAD_WORDS && !many ? 4 : 8) * rootSize()}px`);
  box.classList.toggle('spread', words < Math.min(SPREAD_WORDS, inOneRow));
  box.classList.toggle('few', words <= FEW_WORDS);
  box.classList.toggle('many', many);
  return many;
}

/**
 * Where words fill several rows, give each row about as many, and lower the rows. Only the least widths of `slots` are set:
 * each row fills the box exactly. After `chooseChartHeight`.
 */
function balanceRows(box, slots) {
  for (const slot of slots) slot.style.minWidth = '';
  if (!slots.length) return;
  const spread = box.classList.contains('spread');
  box.classList.remove('spread'); // to measure
  const style = getComputedStyle(box);
  const gap = Number.parseFloat(style.columnGap) || 0;
  const room = box.clientWidth - Number.parseFloat(style.paddingLeft);
  const widths = slots.map((slot) => slot.getBoundingClientRect().width);
  const starts = rowStarts(widths, gap, room);
  if (starts.length < 2) {
    box.classList.toggle('spread', spread);
    return;
  }
  const height = Number.parseFloat(style.getPropertyValue('--chart-height'));
  box.style.setProperty('--chart-height', `${Math.min(height, CROWDED_ROW * rootSize())}px`);
  starts.forEach((start, row) => {
    const end = starts[row + 1] ?? slots.length;
    const used = widths.slice(start, end).reduce((sum, width) => sum + width + gap, -gap);
    const more = Math.max(0, (room - used) / (end - start) - 0.05); // a little less, so that rounding breaks no row
    for (let index = start; index < end; index += 1) slots[index].style.minWidth = `${widths[index] + more}px`;
  });
}

/** The index of the first word of each row: as few rows as there can be, of widths as equal as can be, none with one word. */
function rowStarts(widths, gap, room) {
  const count = widths.length;
  // best[i]: how to break the words from i on: {rows, cost, next: where the second row starts}
  const best = new Array(count + 1);
  best[count] = {rows: 0, cost: 0, next: count};
  for (let start = count - 1; start >= 0; start -= 1) {
    let used = -gap;
    for (let end = start + 1; end <= count; end += 1) {
      used += widths[end - 1] + gap;
      if (used > room && end > start + 1) break;
      const rest = best[end];
      const lone = end === start + 1 ? 4 : 0;
      const rows = rest.rows + 1;
      const cost = rest.cost + (1 - used / room) ** 2 + lone;
      const found = best[start];
      if (!found || rows < found.rows || (rows === found.rows && cost < found.cost)) best[start] = {rows, cost, next: end};
    }
  }
  const starts = [];
  for (let at = 0; at < count; at = best[at].next) starts.push(at);
  return starts;
}

/** Make `box` hold exactly `count` children of `make()` after its drawing, and return them. */
function keepSlots(box, slots, count, make) {
  while (slots.length > count) slots.pop().remove();
  const added = [];
  while (slots.length < count) {
    const slot = make(slots.length);
    slots.push(slot);
    added.push(slot);
  }
  box.append(...added);
  return slots;
}
