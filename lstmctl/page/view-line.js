// The probability so far as a line over words that wrap like text. Each row of words has its own piece of the line.

const MANY_WORDS = 60; // from here on: lower rows, no dots

/**
 * A drawing behind the words of `box`, which is positioned and leaves --chart-height above each word.
 * Returns draw(slots, lines, options): one slot (an element in `box`) for the start and one for each word;
 * lines: {values (a number per slot, 0…1), name: class of the line}[]; options: {now (slot or -1), baseline: 0.5 or 0}.
 */
function lineOver(box) {
  const drawing = svg('svg', { class: 'line-drawing', 'aria-hidden': 'true', focusable: 'false' });
  box.prepend(drawing);
  return (slots, lines, { now = -1, baseline = 0.5, filled = true } = {}) => {
    const height = Number.parseFloat(getComputedStyle(box).getPropertyValue('--chart-height'));
    const rows = _rowsOf(slots, height);
    const width = box.clientWidth;
    const parts = [];
    for (const row of rows) {
      const y = (value) => row.top + height - value * (height - 2) - 1;
      parts.push(..._grid(box, row, y, width));
      if (now >= row.first && now < row.first + row.centres.length) {
        const { left, size } = row.boxes[now - row.first];
        parts.push(svg('rect', { class: 'line-now', x: left - 2, y: row.top, width: size + 4, height: height + row.height, rx: 5 }));
      }
      for (const line of lines) parts.push(..._pieces(row, line, y, baseline, filled, slots.length));
    }
    drawing.setAttribute('height', box.scrollHeight);
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
      row = { first: index, top, height: slot.offsetHeight - chartHeight, centres: [], boxes: [] };
      rows.push(row);
    }
    row.centres.push(left + size / 2);
    row.boxes.push({ left, size });
  });
  for (const row of rows) {
    const edges = row.boxes.flatMap(({ left, size }) => [left, left + size]);
    const [low, high] = [Math.min(...edges), Math.max(...edges)];
    [row.start, row.end] = rightToLeft ? [high, low] : [low, high];
  }
  return rows;
}

function _grid(box, row, y, width) {
  const low = Number.parseFloat(getComputedStyle(box).paddingLeft);
  const lines = [1, 0.5, 0].map((value) =>
    svg('line', { class: value === 0.5 ? 'line-half' : 'line-grid', x1: low, x2: width, y1: y(value), y2: y(value) }),
  );
  const labels = low < 24 ? [] : [1, 0.5, 0].map((value) =>
    svg('text', { class: 'line-label', x: low - 6, y: y(value), dy: '0.32em', 'text-anchor': 'end' }, `${value * 100} %`),
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
    for (const [side, bound] of [['positive', Math.max], ['negative', Math.min]]) {
      const top = crossed.map(([x, value]) => `${x},${y(bound(value, baseline))}`);
      const shape = [`${crossed[0][0]},${y(baseline)}`, ...top, `${crossed[crossed.length - 1][0]},${y(baseline)}`];
      parts.push(svg('polygon', { class: `line-area ${side}`, points: shape.join(' ') }));
    }
  }
  parts.push(svg('polyline', { class: `line ${line.name}`, points: points.map(([x, value]) => `${x},${y(value)}`).join(' ') }));
  if (slotCount <= MANY_WORDS) {
    row.centres.forEach((x, index) => {
      parts.push(svg('circle', { class: `line-dot ${line.name}`, cx: x, cy: y(values[row.first + index]), r: 3 }));
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

/** Set --chart-height on `box`: the fewer words, the taller. */
function chooseChartHeight(box, words) {
  const height = words <= 16 ? 104 : words <= MANY_WORDS ? 60 : 34;
  box.style.setProperty('--chart-height', `${height}px`);
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
