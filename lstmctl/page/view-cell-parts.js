// The parts of the drawing of the cell: crates with numbers, doors, rows of numbers.

/** Two digits; three below 0.1, so that small numbers are not all 0.00. */
function cellNumber(value) {
  return plainNumber(value, Math.abs(value) < 0.0995 && value !== 0 ? 3 : 2);
}

function _cellDefinitions() {
  const pattern = svg('pattern', {
    id: 'cell-hatch',
    width: 5,
    height: 5,
    patternUnits: 'userSpaceOnUse',
    patternTransform: 'rotate(45)',
  });
  pattern.append(
    svg('rect', { class: 'cell-hatch-ground', width: 5, height: 5 }),
    svg('path', { class: 'cell-hatch-line', d: 'M0 0V5' }),
  );
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
          const cell = svg('rect', {
            x: x - width / 2 + 2 + index * size,
            y: y + 2,
            width: Math.max(0.6, size - (size > 3 ? 0.6 : 0)),
            height: 16,
          });
          cell.style.fill = diverging(value / limit);
          return cell;
        }),
      );
      if (chosen !== null) {
        cells.append(
          svg('rect', {
            class: 'cell-chosen',
            x: x - width / 2 + 1 + chosen * size,
            y: y - 3,
            width: Math.max(3, size + 1),
            height: 26,
            rx: 2,
          }),
        );
      }
      name.textContent = shortened(lines[0], Math.floor(width / 8));
      note.textContent = width < 200 ? lines[2] : lines[1];
    },
  };
}

const LONGEST_IN_HEADING = 24; // characters of a word

/** At most `length` characters, with an ellipsis if some are left out. */
function shortened(text, length) {
  const characters = Array.from(text);
  return characters.length <= length ? text : `${characters.slice(0, length - 1).join('')}…`;
}
