// How the heat map is drawn: one pixel a cell, enlarged without smoothing, then words, frames and numbers of units.

const LONGEST_LABEL = 16; // letters
const WIDEST_COLUMN = 8.75; // rem
const GUTTER = 4.625; // rem, as in view-heatmap.css
const SLANT = 0.95; // of words over narrow columns, in radians
const LARGEST_CANVAS = 16000; // pixels; browsers refuse more

/** Sizes in CSS pixels, and where words are: right to left for scripts that are written so. */
function mapLayout(app, available) {
  const {words} = app.reading;
  const units = app.unitOrder.length;
  const rightToLeft = directionOf(app.state.text) === 'rtl';
  const count = Math.max(1, words.length);
  const rem = rootSize();
  const rowHeight = Math.max(3, Math.min(Math.round(1.125 * rem), Math.floor((30 * rem) / units)));
  const labels = words.map((word) => _shortened(word));
  const measure = _measurer();
  const widest = labels.reduce((most, label) => Math.max(most, measure(label)), 0);
  const columns = (room) =>
    Math.min(LARGEST_CANVAS / count, Math.max(1.25, Math.min(WIDEST_COLUMN * rem, room / count)));
  const rotated = widest > columns(available) - 8;
  const top = rotated ? Math.round(widest * Math.sin(SLANT) + 1.6 * rem) : Math.round(1.75 * rem);
  // The labels of the last words lean out to the right of their columns.
  const slant = rotated ? Math.round(widest * Math.cos(SLANT)) + 8 : 0;
  const columnWidth = columns(available - slant);
  const width = Math.max(Math.round(columnWidth * count) + slant, 1);
  return {
    rem,
    units,
    rightToLeft,
    columnWidth,
    rowHeight,
    labels,
    rotated,
    top,
    width,
    height: top + rowHeight * units + 2,
    mapWidth: columnWidth * count,
    left: (word) => (rightToLeft ? count - 1 - word : word) * columnWidth,
    wordAt: (x) => {
      const column = Math.floor(x / columnWidth);
      return rightToLeft ? count - 1 - column : column;
    },
  };
}

function _measurer() {
  const context = (_measurer.context ??= document.createElement('canvas').getContext('2d'));
  context.font = _font();
  return (text) => context.measureText(text).width;
}

function _font(weight = 400) {
  return `${weight} ${0.8125 * rootSize()}px ${getComputedStyle(document.documentElement).fontFamily}`;
}

function _shortened(word) {
  const letters = Array.from(word);
  return letters.length > LONGEST_LABEL ? `${letters.slice(0, LONGEST_LABEL - 1).join('')}…` : word;
}

/** A canvas of this size in CSS pixels, sharp on every screen; returns its context. */
function sharpContext(canvas, width, height) {
  const density = Math.min(devicePixelRatio || 1, LARGEST_CANVAS / Math.max(width, height));
  canvas.width = Math.round(width * density);
  canvas.height = Math.round(height * density);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext('2d');
  context.scale(density, density);
  return context;
}

/** The cells as an image of words × units pixels. */
function mapImage({values, limit}, layout, unitOrder, quantity, colours = scaleColours()) {
  const units = unitOrder.length;
  const words = values.length / units;
  const image = new ImageData(Math.max(1, words), units);
  const gate = FROM_0_TO_1.includes(quantity);
  const shades = Array.from({length: 256}, (_, index) =>
    gate ? sequentialRgb(index / 255, colours) : divergingRgb((index / 255) * 2 - 1, colours),
  );
  for (let word = 0; word < words; word += 1) {
    const column = layout.rightToLeft ? words - 1 - word : word;
    for (let row = 0; row < units; row += 1) {
      const value = values[word * units + unitOrder[row]];
      const share = gate ? value : (value / limit + 1) / 2;
      const shade = shades[Math.max(0, Math.min(255, Math.round(share * 255)))];
      image.data.set(shade, (row * words + column) * 4);
      image.data[(row * words + column) * 4 + 3] = 255;
    }
  }
  return image;
}

function drawMap(canvas, layout, app, shown) {
  const context = sharpContext(canvas, layout.width, layout.height);
  const {words} = app.reading;
  if (!words.length) return;
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const image = mapImage(shown, layout, app.unitOrder, app.state.quantity);
  const small = document.createElement('canvas');
  [small.width, small.height] = [image.width, image.height];
  small.getContext('2d').putImageData(image, 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, layout.top, layout.mapWidth, layout.rowHeight * layout.units);
  _drawGaps(context, layout, words.length, colour('--paper'));
  _drawFrames(context, layout, app, {accent: colour('--accent'), paper: colour('--paper')});
  _drawLabels(context, layout, app.state.now, {
    ink: colour('--ink'),
    soft: colour('--ink-soft'),
    accent: colour('--accent'),
    accentInk: colour('--accent-ink'),
  });
}

function _drawGaps(context, layout, words, paper) {
  context.fillStyle = paper;
  const {columnWidth, rowHeight, units, top, mapWidth} = layout;
  if (columnWidth >= 8)
    for (let word = 1; word < words; word += 1) context.fillRect(word * columnWidth - 0.5, top, 1, rowHeight * units);
  if (rowHeight >= 8)
    for (let row = 1; row < units; row += 1) context.fillRect(0, top + row * rowHeight - 0.5, mapWidth, 1);
}

/** The column of the chosen word and its cell of the chosen unit: the accent, on paper, to be seen on every colour. */
function _drawFrames(context, layout, app, {accent, paper}) {
  if (app.state.now < 0) return;
  const {columnWidth, rowHeight, units, top} = layout;
  const [left, width] = [layout.left(app.state.now) + 0.5, Math.max(2, columnWidth - 1)];
  const row = app.unitOrder.indexOf(app.state.unit);
  const frames = [[top, rowHeight * units, 2]];
  if (row >= 0) frames.push([top + row * rowHeight, rowHeight, 3]);
  for (const [y, height, line] of frames) {
    for (const [colour, extra] of [
      [paper, 3],
      [accent, 0],
    ]) {
      context.strokeStyle = colour;
      context.lineWidth = line + extra;
      context.strokeRect(left, y, width, height);
    }
  }
}

/** Words over their columns; where there is no room for all, every second, third, … and always the chosen one. */
function _drawLabels(context, layout, now, colours) {
  const {labels, columnWidth, rotated, top, rem} = layout;
  const every = rotated ? Math.max(1, Math.ceil(rem / columnWidth)) : 1;
  const room = every > 1 ? (1.4 * rem) / columnWidth : 0;
  context.textBaseline = 'middle';
  labels.forEach((label, word) => {
    const chosen = word === now;
    if (!chosen && (word % every || Math.abs(word - now) < room)) return;
    context.font = _font(chosen ? 650 : 400);
    const width = context.measureText(label).width;
    context.save();
    context.translate(layout.left(word) + columnWidth / 2, top - 0.75 * rem);
    if (rotated) context.rotate(-SLANT);
    else context.translate(-width / 2, -2);
    if (chosen) {
      context.fillStyle = colours.accent;
      context.beginPath();
      context.roundRect(-0.35 * rem, -0.6 * rem, width + 0.7 * rem, 1.2 * rem, 0.4 * rem);
      context.fill();
    }
    context.fillStyle = chosen ? colours.accentInk : colours.ink;
    context.textAlign = 'left';
    context.fillText(label, 0, 0.5);
    context.restore();
  });
}

/** Left of the map: the number of each unit and a bar for what it adds to the answer. */
function drawGutter(canvas, layout, app) {
  const width = GUTTER * layout.rem;
  const context = sharpContext(canvas, width, layout.height);
  if (!app.reading.words.length) return;
  const style = getComputedStyle(document.documentElement);
  const contributions = unitContributions(app.model, app.reading, app.state.lstm);
  const most = Math.max(1e-9, ...Array.from(contributions, Math.abs));
  const {rowHeight, top, rem} = layout;
  context.textBaseline = 'middle';
  context.textAlign = 'right';
  context.font = `${Math.max(10, Math.min(0.75 * rem, rowHeight))}px ${style.fontFamily}`;
  app.unitOrder.forEach((unit, row) => {
    const y = top + row * rowHeight;
    const size = (contributions[unit] / most) * 2.5 * rem;
    context.fillStyle = style.getPropertyValue('--line-strong');
    context.fillRect(2.5 * rem - size, y + 1, Math.max(1, size), Math.max(1, rowHeight - 2));
    const chosen = unit === app.state.unit;
    if (rowHeight < 10 && !chosen) return;
    context.fillStyle = style.getPropertyValue(chosen ? '--accent' : '--ink-soft');
    context.fillText(chosen ? `▸ ${unit}` : String(unit), width - 6, y + rowHeight / 2 + 0.5);
  });
}
