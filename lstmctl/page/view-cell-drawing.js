// The cell as a drawing: the cell state rides a conveyor belt along the top, gates are doors that open as far as their value.
//
//   before ──▯ forget ──▶ kept ──▶ (+) ──▶ now ──┬──▶ next word
//                                   ▲            ▼ tanh
//                               written        squashed
//                                 ▭ input        ▭ output
//                               candidate      hidden ──▶
//
// One unit of the drawing is one pixel of the screen, so text keeps its size; `_cellLayout` arranges it for the width
// there is. A number is drawn as a crate with a gauge. During a step, copies of the crates travel from station to station
// (view-cell-motion.js); at rest every station shows its crate.

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
  const door = upper + crate.height / 2 + (narrow ? 20 : 30);
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
  return {
    width,
    narrow,
    crate,
    gap,
    box,
    columns,
    belt,
    beltTop,
    beltHeight,
    upper,
    door,
    lower,
    boxTop,
    boxBottom,
    forget,
    plus,
    channel,
    stations,
    bus: boxBottom + 22,
    height: boxBottom + 104,
  };
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
  const root = svg('svg', {
    class: 'cell-drawing',
    role: 'img',
    'aria-labelledby': 'cell-drawing-title cell-drawing-description',
    focusable: 'false',
  });
  stage.prepend(root);
  let parts = null;
  let last = [null, null, 1];

  function arrange() {
    if (!stage.clientWidth) return;
    // Where there is room, the drawing grows with the text of the page.
    const rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
    const scale = stage.clientWidth / rem < 620 ? 1 : rem;
    const width = stage.clientWidth / scale;
    const probe = _cellLayout(width, 0);
    stage.classList.toggle('narrow', probe.narrow);
    stage.classList.toggle('stacked', probe.box < 146); // the choices of a gate under each other
    boxes.forEach((box, index) => {
      box.style.width = `${probe.box * scale}px`;
      box.style.left = `${(probe.columns[index] - probe.box / 2) * scale}px`;
      box.style.minHeight = '0';
    });
    const boxHeight = Math.max(...boxes.map((box) => box.offsetHeight));
    const place = _cellLayout(width, boxHeight / scale);
    for (const box of boxes) {
      box.style.top = `${place.boxTop * scale}px`;
      box.style.minHeight = `${boxHeight}px`;
    }
    stage.style.height = `${place.height * scale}px`;
    root.setAttribute('viewBox', `0 0 ${width} ${place.height}`);
    root.setAttribute('width', stage.clientWidth);
    root.setAttribute('height', place.height * scale);
    parts = _cellParts(place);
    root.replaceChildren(title, description, ...parts.nodes);
    draw(...last);
  }

  function draw(numbers, previous, t) {
    last = [numbers, previous, t];
    if (!parts) return;
    _cellFrame(parts, numbers, previous, t);
    if (t === 1) description.textContent = numbers ? numbers.description : 'No word has been read yet.';
  }

  return { arrange, draw };
}

/** All nodes, with handles on those that change. */
function _cellParts(place) {
  const { width, belt, beltTop, crate, stations, narrow, forget, plus, channel, door, columns, boxTop } = place;
  const nodes = [_cellDefinitions()];
  const text = (x, y, content, name, anchor = 'middle') =>
    svg('text', { x, y, class: name, 'text-anchor': anchor }, content);

  // The belt with its rollers, and the channels that lead to it and away from it.
  const { beltHeight } = place;
  nodes.push(
    svg('rect', { class: 'cell-belt', x: 0, y: beltTop, width: width - 8, height: beltHeight, rx: beltHeight / 2 }),
  );
  const rollers = [];
  const radius = beltHeight / 2 - 3;
  const count = Math.floor((width - 8 - beltHeight) / (radius * 5));
  for (let index = 0; index <= count; index++) {
    const roller = svg(
      'g',
      {},
      svg('circle', { class: 'cell-roller', r: radius }),
      svg('path', { class: 'cell-spoke', d: `M0 ${-radius}V${radius}M${-radius} 0H${radius}` }),
    );
    rollers.push([roller, beltHeight / 2 + (index * (width - 8 - beltHeight)) / count]);
    nodes.push(roller);
  }
  nodes.push(svg('path', { class: 'cell-arrow', d: `M${width - 9} ${belt - 6}l8 6l-8 6z` }));
  const beltBottom = beltTop + beltHeight;
  nodes.push(
    svg('path', {
      class: 'cell-channel',
      d: `M${plus} ${boxTop}V${belt}M${channel} ${beltTop}V${place.lower}H${width - 10}`,
    }),
  );
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
  nodes.push(
    svg('path', {
      class: 'cell-bus',
      d: `M${left} ${place.bus}H${right}${risers}${sources.map((x) => `M${x} ${place.bus + 20}V${place.bus}`).join('')}`,
    }),
  );
  for (const x of columns)
    nodes.push(svg('path', { class: 'cell-arrow', d: `M${x - 5} ${place.boxBottom + 10}l5 -9l5 9z` }));
  const pulses = [];
  for (const source of sources) {
    for (const x of columns) {
      const pulse = svg('circle', { class: 'cell-pulse', r: 4 });
      pulses.push([
        pulse,
        [
          [source, place.bus + 20],
          [source, place.bus],
          [x, place.bus],
          [x, place.boxBottom],
        ],
      ]);
      nodes.push(pulse);
    }
  }
  const vectors = sources.map((x) => _cellVector(x, place.bus + 20, Math.min(width * 0.5 - 12, 320)));
  nodes.push(...vectors.map((vector) => vector.node));

  // Captions.
  const caption = place.belt - crate.height / 2 - 8;
  const beforeCaption = text(stations.before[0], caption, 'before', 'cell-caption');
  nodes.push(
    beforeCaption,
    svg(
      'text',
      { x: 0, y: 14, class: 'cell-name' },
      'Cell state ',
      svg('tspan', { class: 'cell-post' }, '“conveyor belt”'),
    ),
    text(stations.kept[0], caption, 'kept', 'cell-caption'),
    text(stations.cell[0], caption, 'now', 'cell-caption'),
    text(plus - crate.width / 2 - 6, place.upper + 4, 'written', 'cell-caption', 'end'),
    text(channel, place.lower + crate.height / 2 + 15, narrow ? 'hidden' : 'hidden state', 'cell-caption'),
  );
  if (!narrow) nodes.push(text(width - 2, 14, 'to the next word', 'cell-caption', 'end'));

  // Stations are dashed places until their crate has come.
  for (const [name, [x, y]] of Object.entries(stations)) {
    if (!(name in CELL_ARRIVALS)) continue;
    nodes.push(
      svg('rect', {
        class: 'cell-place',
        x: x - crate.width / 2,
        y: y - crate.height / 2,
        width: crate.width,
        height: crate.height,
        rx: 6,
      }),
    );
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
    input: factor(plus - 7, door - 15, 'end'),
    output: factor(channel - 7, door - 15, 'end'),
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
  return {
    place,
    nodes,
    rollers,
    beltBottom,
    wireNodes,
    pulses,
    vectors,
    crates,
    travellers,
    doors,
    factors,
    beforeCaption,
    drawn: null,
  };
}
