// The picture of panels 1 to 3 as one SVG on white: the answer, the probability so far over the words, the heat map.

const PICTURE_WIDTH = 1200;
const PICTURE_MARGIN = 48;
const HELD_IN_A_LINE = 110; // characters of what is held
const CELLS_DRAWN_ONE_BY_ONE = 8000; // more become one small image, enlarged

// The light theme of page.css, whatever theme the page is in.
const PAPER_COLOURS = {
  positive: [33, 102, 172],
  negative: [202, 90, 12],
  middle: [243, 243, 241],
  low: [240, 241, 244],
  high: [62, 38, 128],
};
const PAPER = {ink: '#1b2130', soft: '#586071', line: '#dfe2e8', accent: '#5a3fc0'};

/** {text: SVG, width, height} of what the app shows. */
async function pictureOf(app) {
  const wordEffects = await effectsOf(app);
  const parts = [];
  let y = PICTURE_MARGIN + 20;
  y = _pictureAnswer(app, parts, y);
  y = _pictureWords(app, wordEffects, parts, y + 28);
  y = _pictureMap(app, parts, y + 34);
  const height = Math.round(y + PICTURE_MARGIN);
  const picture = svg(
    'svg',
    {
      xmlns: SVG,
      width: PICTURE_WIDTH,
      height,
      viewBox: `0 0 ${PICTURE_WIDTH} ${height}`,
      'font-family': 'system-ui, "Liberation Sans", sans-serif',
    },
    svg('title', {}, `${app.model.name}: ${app.state.text.slice(0, 200)}`),
    svg('rect', {width: PICTURE_WIDTH, height, fill: '#ffffff'}),
    ...parts,
  );
  return {text: new XMLSerializer().serializeToString(picture), width: PICTURE_WIDTH, height};
}

function _label(x, y, text, {size = 15, fill = PAPER.ink, anchor = 'start', weight = 400, ...rest} = {}) {
  return svg('text', {x, y, 'font-size': size, fill, 'text-anchor': anchor, 'font-weight': weight, ...rest}, text);
}

function _pictureAnswer(app, parts, y) {
  const {reading, model} = app;
  parts.push(
    _label(PICTURE_MARGIN, y, `${reading.predicted} ${percent(reading.predictedProbability)}`, {size: 30, weight: 700}),
  );
  parts.push(_label(PICTURE_WIDTH - PICTURE_MARGIN, y, model.name, {fill: PAPER.soft, anchor: 'end'}));
  parts.push(
    _label(
      PICTURE_MARGIN,
      y + 28,
      `Probability of ${reading.label} after each word; colour: effect of the word`,
      {fill: PAPER.soft},
    ),
  );
  const held = app.plain === reading ? [] : _linesOf(heldInShort(app), HELD_IN_A_LINE);
  held.forEach((line, index) => {
    const text = index ? line : `Of the changed network: ${line}`;
    parts.push(_label(PICTURE_MARGIN, y + 52 + 22 * index, text, {fill: PAPER.accent, weight: 600}));
  });
  return y + 28 + 22 * held.length + (held.length ? 2 : 0);
}

/** Short texts as lines of so many characters. */
function _linesOf(texts, length) {
  const lines = [];
  texts.forEach((text, index) => {
    const told = index < texts.length - 1 ? `${text},` : text;
    const last = lines.length - 1;
    if (last >= 0 && lines[last].length + told.length < length) lines[last] += ` ${told}`;
    else lines.push(told);
  });
  return lines;
}

/** Words in rows as wide as the picture: {word: index or -1 for the start, x (left), row, width}. */
function _pictureRows(words, rightToLeft) {
  const measure = document.createElement('canvas').getContext('2d');
  measure.font = '15px "Liberation Sans", sans-serif';
  const [low, high] = [PICTURE_MARGIN + 44, PICTURE_WIDTH - PICTURE_MARGIN];
  const placed = [];
  let [x, row] = [low, 0];
  ['start', ...words].forEach((word, index) => {
    const shown = _shortened(word);
    const width = Math.max(48, measure.measureText(shown).width * 1.12 + 18);
    if (x + width > high && x > low) [x, row] = [low, row + 1];
    placed.push({word: index - 1, shown, x: rightToLeft ? high + low - x - width : x, row, width});
    x += width + 4;
  });
  return placed;
}

function _pictureWords(app, wordEffects, parts, top) {
  const {reading} = app;
  const placed = _pictureRows(reading.words, directionOf(app.state.text) === 'rtl');
  const chart = reading.words.length > MANY_WORDS ? 36 : 90;
  const rowHeight = chart + 72;
  const limit = niceLimit(_largest(wordEffects), 0.1);
  const digits = _largest(wordEffects) < 0.01 ? 4 : 2;
  const decisive = decisiveWords(wordEffects);
  const valueOf = ({word}) => (word < 0 ? reading.start : reading.running[word]);
  const rows = _byRow(placed);
  for (const [row, slots] of rows) {
    const base = top + row * rowHeight;
    const yOf = (value) => base + (1 - value) * chart;
    for (const value of [0, 0.5, 1]) {
      parts.push(
        svg('line', {
          x1: PICTURE_MARGIN + 44,
          x2: PICTURE_WIDTH - PICTURE_MARGIN,
          y1: yOf(value),
          y2: yOf(value),
          stroke: PAPER.line,
        }),
      );
      parts.push(
        _label(PICTURE_MARGIN + 38, yOf(value) + 4, `${value * 100} %`, {size: 11, fill: PAPER.soft, anchor: 'end'}),
      );
    }
    const points = slots.map((slot) => `${slot.x + slot.width / 2},${yOf(valueOf(slot)).toFixed(2)}`);
    parts.push(
      svg('polyline', {
        points: points.join(' '),
        fill: 'none',
        stroke: PAPER.ink,
        'stroke-width': 2,
        'stroke-linejoin': 'round',
      }),
    );
    for (const slot of slots)
      parts.push(
        ..._pictureWord(slot, base + chart + 10, {
          reading,
          wordEffects,
          limit,
          digits,
          decisive,
          dot: yOf(valueOf(slot)),
        }),
      );
  }
  const bottom = top + (placed[placed.length - 1].row + 1) * rowHeight;
  const shades = (value) => css(divergingRgb(value / limit, PAPER_COLOURS));
  return _pictureLegend(parts, PICTURE_MARGIN + 44, bottom, shades, [-limit, 0, limit], `effect on ${reading.label}`);
}

function _byRow(placed) {
  const rows = new Map();
  for (const slot of placed) rows.set(slot.row, [...(rows.get(slot.row) ?? []), slot]);
  return rows;
}

function _pictureWord({word, shown, x, width}, y, {reading, wordEffects, limit, digits, decisive, dot}) {
  const middle = x + width / 2;
  const parts = [svg('circle', {cx: middle, cy: dot.toFixed(2), r: 3, fill: PAPER.ink})];
  if (word < 0)
    return [...parts, _label(middle, y + 18, shown, {fill: PAPER.soft, anchor: 'middle', 'font-style': 'italic'})];
  const effect = wordEffects[word];
  const rgb = divergingRgb(effect / limit, PAPER_COLOURS);
  const strong = decisive.includes(word);
  parts.push(svg('rect', {x, y, width, height: 40, rx: 6, fill: css(rgb)}));
  const decoration = reading.known[word] ? {} : {'text-decoration': 'underline dotted'};
  parts.push(
    _label(middle, y + 18, shown, {fill: textOn(rgb), anchor: 'middle', weight: strong ? 700 : 400, ...decoration}),
  );
  const mark = strong ? (effect < 0 ? '▼ ' : '▲ ') : '';
  parts.push(
    _label(middle, y + 33, `${mark}${signed(effect, digits)}`, {size: 11, fill: textOn(rgb), anchor: 'middle'}),
  );
  return parts;
}

function _pictureMap(app, parts, top) {
  const {reading, state} = app;
  const {words} = reading;
  if (!words.length) return top;
  const trace = _traceOf(app);
  const gate = FROM_0_TO_1.includes(state.quantity);
  const values = trace[state.quantity];
  const limit = gate ? 1 : niceLimit(_largest(values), 0.25);
  const left = PICTURE_MARGIN + 44;
  const available = PICTURE_WIDTH - PICTURE_MARGIN - left - 60;
  const column = Math.min(76, available / words.length);
  const rowHeight = Math.max(4, Math.min(16, 480 / trace.units));
  const rightToLeft = directionOf(state.text) === 'rtl';
  const {term, post} = SHOWN[state.quantity];
  const name = post ? `${term} (${post})` : term;
  const several = app.model.lstms.length > 1 ? `, ${state.lstm}` : '';
  parts.push(_label(PICTURE_MARGIN, top, `${name} of ${trace.units} units${several}`, {size: 17, weight: 650}));
  const mapTop = top + 110;
  const every = Math.max(1, Math.ceil(15 / column));
  const xOf = (word) => left + (rightToLeft ? words.length - 1 - word : word) * column;
  words.forEach((word, index) => {
    if (index % every && index !== state.now) return;
    const [x, y] = [xOf(index) + column / 2, mapTop - 8];
    parts.push(_label(x, y, _shortened(word), {size: 13, transform: `rotate(-50 ${x} ${y})`}));
  });
  const shades = (value) =>
    css(gate ? sequentialRgb(value, PAPER_COLOURS) : divergingRgb(value / limit, PAPER_COLOURS));
  if (values.length <= CELLS_DRAWN_ONE_BY_ONE) {
    app.unitOrder.forEach((unit, row) => {
      words.forEach((_, word) => {
        const value = values[word * trace.units + unit];
        parts.push(
          svg('rect', {
            x: xOf(word).toFixed(2),
            y: mapTop + row * rowHeight,
            width: Math.max(1, column - 1).toFixed(2),
            height: Math.max(1, rowHeight - 1),
            fill: shades(value),
          }),
        );
      });
    });
  } else {
    const image = mapImage({values, limit}, {rightToLeft}, app.unitOrder, state.quantity, PAPER_COLOURS);
    parts.push(
      svg('image', {
        x: left,
        y: mapTop,
        width: column * words.length,
        height: rowHeight * trace.units,
        preserveAspectRatio: 'none',
        'image-rendering': 'pixelated',
        href: _pngOf(image),
      }),
    );
  }
  if (rowHeight >= 10) {
    app.unitOrder.forEach((unit, row) => {
      parts.push(
        _label(left - 8, mapTop + (row + 0.5) * rowHeight + 4, String(unit), {
          size: 11,
          fill: PAPER.soft,
          anchor: 'end',
        }),
      );
    });
  }
  const bottom = mapTop + rowHeight * trace.units + 18;
  return _pictureLegend(parts, left, bottom, shades, gate ? [0, 0.5, 1] : [-limit, 0, limit]);
}

function _pictureLegend(parts, left, top, shades, [low, middle, high], title = '') {
  parts.push(_label(left + 256, top + 10, title, {size: 12, fill: PAPER.soft}));
  for (let step = 0; step < 40; step += 1) {
    parts.push(
      svg('rect', {x: left + step * 6, y: top, width: 6.5, height: 10, fill: shades(low + ((high - low) * step) / 39)}),
    );
  }
  [low, middle, high].forEach((value, index) => {
    parts.push(
      _label(left + index * 120, top + 26, plainNumber(value).replace(/\.?0+$/, ''), {
        size: 12,
        fill: PAPER.soft,
        anchor: ['start', 'middle', 'end'][index],
      }),
    );
  });
  return top + 26;
}

function _pngOf(image) {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [image.width, image.height];
  canvas.getContext('2d').putImageData(image, 0, 0);
  return canvas.toDataURL('image/png');
}

/** The picture as a PNG, `density` pixels for each of its units; less for a very long one. */
async function rasterOf({text, width, height}, density) {
  const image = new Image();
  const loaded = new Promise((resolve, reject) => {
    image.onload = resolve;
    image.onerror = () => reject(new Error('the picture could not be drawn'));
  });
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await loaded;
  const scale = Math.min(density, LARGEST_CANVAS / height);
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [Math.round(width * scale), Math.round(height * scale)];
  canvas.getContext('2d').drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) => {
    canvas.toBlob(
      (blob) => (blob ? resolve(blob) : reject(new Error('the picture is too large for a PNG'))),
      'image/png',
    );
  });
}
