// Panel 6: two sentences side by side, aligned word by word, with the probability so far of both.

const CONTEXT = 8; // words around a difference in a long text
const LARGEST_ALIGNMENT = 4_000_000; // pairs of words; beyond, what lies between the common ends is not aligned

function viewPair(root, app) {
  let follows = true; // the second sentence is ours until the reader writes one
  const heading = element('h2', {});
  const first = _sentenceField('First sentence', 'the one at the top', (text) => app.set({text}));
  const second = _sentenceField('Second sentence', '', (text) => write({second: text}));
  const swap = element(
    'button',
    {class: 'button', type: 'button', onClick: () => write({text: app.state.second, second: app.state.text})},
    'Swap',
  );
  const copy = element(
    'button',
    {class: 'button', type: 'button', onClick: () => write({second: app.state.text})},
    'Copy the first',
  );
  const answers = element('div', {class: 'pair-answers'});
  const box = element('div', {class: 'line-box pair-box', 'aria-hidden': 'true'});
  const diff = element('p', {class: 'pair-diff', 'aria-hidden': 'true'});
  const key = element(
    'p',
    {class: 'legend note'},
    element('span', {class: 'key-line main'}, 'first'),
    element('span', {class: 'key-line other'}, 'second'),
    element('span', {}, element('span', {class: 'pair-differs'}, 'marked'), ' words differ'),
  );
  const held = element('span', {hidden: true}, ' Both are read as the model was trained: nothing is held here.');
  const table = element('details', {onToggle: () => showTable()}, element('summary', {}, 'Word by word, as a table'));
  const draw = lineOver(box);
  const slots = [];
  let compared = null;
  root.append(
    heading,
    element('p', {class: 'note'}, 'Change a word and see from where on the two part.', held),
    element('div', {class: 'pair-fields'}, first.label, second.label),
    element('div', {class: 'pair-buttons no-print'}, copy, swap),
    answers,
    element('figure', {class: 'line-figure'}, box, diff),
    key,
    table,
  );

  function show() {
    if (first.field.value !== app.state.text) first.field.value = app.state.text;
    if (second.field.value !== app.state.second) second.field.value = app.state.second;
    held.hidden = app.plain === app.reading;
    compared = compare(app.plain, app.readOther(app.state.second));
    heading.replaceChildren(...pairHeading(compared));
    answers.replaceChildren(..._bothAnswers(compared));
    showSlots();
    showTable();
  }

  function showSlots() {
    const {columns, one, other} = compared;
    box.dir = directionOf(app.state.text || app.state.second);
    const many = chooseChartHeight(box, columns.length);
    diff.hidden = !many;
    diff.dir = box.dir;
    diff.replaceChildren(...(many ? _diffOf(compared) : []));
    keepSlots(box, slots, many ? 0 : columns.length + 1, () => element('span', {class: 'line-slot pair-slot'}));
    if (many) return drawLines();
    slots[0].replaceChildren(element('bdi', {}, 'start'));
    slots[0].classList.add('start');
    columns.forEach((column, index) => {
      const upper = column.first === null ? '–' : one.words[column.first];
      const lower = column.second === null ? '–' : other.words[column.second];
      const name = (word) => (column.same || word === null ? null : 'pair-differs');
      slots[index + 1].replaceChildren(
        element('bdi', {class: name(column.first)}, upper),
        ...(column.same ? [] : [element('bdi', {class: `${name(column.second) ?? ''} other`}, lower)]),
      );
    });
    balanceRows(box, slots);
    return drawLines();
  }

  function drawLines() {
    if (!compared) return;
    const lines = [
      {values: compared.first, name: 'main'},
      {values: compared.second, name: 'other'},
    ];
    draw(slots.length ? slots : compared.first, lines, {filled: false});
  }

  function showTable() {
    while (table.children.length > 1) table.lastChild.remove();
    if (table.open && compared) table.append(_pairTable(compared));
  }

  function write(changes) {
    follows = false;
    app.set(changes);
  }

  const later = drawnWhenSeen(root, show);
  app.subscribe((changed) => {
    if (changed.has('effects') && follows) app.set({second: suggestedPartner(app)});
    if (changed.has('reading') || changed.has('second')) later();
  });
  new ResizeObserver(() => requestAnimationFrame(drawLines)).observe(box);
}

function _sentenceField(name, hint, onText) {
  const field = element('input', {
    class: 'field',
    type: 'text',
    dir: 'auto',
    spellcheck: 'false',
    onInput: () => onText(field.value),
  });
  return {field, label: element('label', {}, element('span', {class: 'note'}, name, hint ? `, ${hint}` : ''), field)};
}

/** Something to compare with: an example with nearly the same words, or the text without its most decisive word. */
function suggestedPartner(app) {
  const {words} = app.reading;
  const close = app.model.examples.find((example) => {
    const others = encode(app.model, example).words;
    const differing = align(words, others).filter((column) => !column.same).length;
    return differing > 0 && differing <= Math.max(words.length, others.length) / 3;
  });
  if (close !== undefined) return close;
  const [decisive] = strongestWords(app.effects);
  return words.filter((_, index) => index !== decisive).join(' ');
}

/**
 * Two readings, aligned: columns {first, second: index of the word or null, same}, and for each column (after one for
 * the start) the probabilities so far of both; where a sentence has no word, its probability stays.
 */
function compare(one, other) {
  const columns = align(one.words, other.words);
  const first = [one.start];
  const second = [other.start];
  for (const column of columns) {
    first.push(column.first === null ? first[first.length - 1] : one.running[column.first]);
    second.push(column.second === null ? second[second.length - 1] : other.running[column.second]);
  }
  return {one, other, columns, first, second};
}

/** Longest common subsequence; different words at the same place share a column. */
function align(one, other) {
  const {start, end} = commonEnds(one, other);
  const same = (first, second) => ({first, second, same: true});
  const columns = Array.from({length: start}, (_, index) => same(index, index));
  const middle = _commonPairs(one.slice(start, one.length - end), other.slice(start, other.length - end));
  let [i, j] = [start, start];
  const until = (iEnd, jEnd) => {
    while (i < iEnd || j < jEnd) {
      columns.push({first: i < iEnd ? i++ : null, second: j < jEnd ? j++ : null, same: false});
    }
  };
  for (const [first, second] of middle) {
    until(start + first, start + second);
    columns.push(same(i++, j++));
  }
  until(one.length - end, other.length - end);
  for (let index = 0; index < end; index += 1) columns.push(same(i++, j++));
  return columns;
}

/** [index in one, index in other] of the words of a longest common subsequence. */
function _commonPairs(one, other) {
  const [rows, width] = [one.length, other.length + 1];
  if (rows * width > LARGEST_ALIGNMENT) return [];
  const longest = new Uint32Array((rows + 1) * width);
  for (let i = rows - 1; i >= 0; i -= 1) {
    for (let j = other.length - 1; j >= 0; j -= 1) {
      longest[i * width + j] =
        one[i] === other[j]
          ? longest[(i + 1) * width + j + 1] + 1
          : Math.max(longest[(i + 1) * width + j], longest[i * width + j + 1]);
    }
  }
  const pairs = [];
  let [i, j] = [0, 0];
  while (i < rows && j < other.length) {
    if (one[i] === other[j]) pairs.push([i++, j++]);
    else if (longest[(i + 1) * width + j] >= longest[i * width + j + 1]) i += 1;
    else j += 1;
  }
  return pairs;
}

/** The difference in one sentence, as nodes and text. */
function pairHeading({one, other, columns}) {
  const [from, to] = percents(one.probability, other.probability, percentInWords);
  const differing = columns.filter((column) => !column.same);
  if (!differing.length) return ['Both sentences are the same to the model.'];
  const label = element('bdi', {}, one.label);
  const [only] = differing;
  const change = from === to ? ` at ${to}.` : ` from ${from} to ${to}.`;
  if (differing.length > 1) return ['From the first sentence to the second, ', label, from === to ? ` stays at ${to}.` : ` goes from ${from} to ${to}.`];
  if (only.first !== null && only.second !== null) {
    return [
      '“',
      element('bdi', {}, shortened(other.words[only.second], LONGEST_IN_HEADING)),
      '” instead of “',
      element('bdi', {}, shortened(one.words[only.first], LONGEST_IN_HEADING)),
      from === to ? '” leaves ' : '” takes ',
      label,
      change,
    ];
  }
  const [reading, index] = only.first === null ? [other, only.second] : [one, only.first];
  const word = element('bdi', {}, shortened(reading.words[index], LONGEST_IN_HEADING));
  return [
    only.first === null ? 'One more word, “' : 'One word less, “',
    word,
    from === to ? '”, leaves ' : '”, takes ',
    label,
    change,
  ];
}

function _bothAnswers({one, other}) {
  const [first, second] = percents(one.predictedProbability, other.predictedProbability);
  const answer = (reading, name, probability) =>
    element(
      'p',
      {},
      element('span', {class: `key-line ${name}`}, element('bdi', {}, reading.predicted)),
      ` ${probability}`,
    );
  const difference = element(
    'p',
    {class: 'note numbers'},
    element('bdi', {}, one.label),
    `: ${pointsBetween(one.probability, other.probability)}`,
  );
  return [answer(one, 'main', first), answer(other, 'other', second), difference];
}

/** Two long sentences as one text: words of one alone are marked, long runs of the same words are left out. */
function _diffOf({one, other, columns}) {
  const near = (index) =>
    columns.slice(Math.max(0, index - CONTEXT), index + CONTEXT + 1).some((column) => !column.same);
  const parts = [];
  columns.forEach(({first, second, same}, index) => {
    if (same && near(index)) parts.push(`${one.words[first]} `);
    else if (same && parts[parts.length - 1] !== '… ') parts.push('… ');
    if (same) return;
    if (first !== null) parts.push(element('bdi', {class: 'pair-differs'}, one.words[first]), ' ');
    if (second !== null) parts.push(element('bdi', {class: 'pair-differs other'}, other.words[second]), ' ');
  });
  return parts;
}

function _pairTable({one, other, columns, first, second}) {
  const word = (reading, index) => element('td', {}, element('bdi', {}, index === null ? '–' : reading.words[index]));
  const rows = columns.map((column, index) =>
    element(
      'tr',
      {},
      word(one, column.first),
      element('td', {}, percent(first[index + 1])),
      word(other, column.second),
      element('td', {}, percent(second[index + 1])),
      element('td', {}, `${signed((second[index + 1] - first[index + 1]) * 100, 1)}`),
    ),
  );
  const header = ['First', 'So far', 'Second', 'So far', 'Difference in points'];
  return element(
    'div',
    {class: 'table-box', tabindex: '0', role: 'region', 'aria-label': 'Both sentences word by word'},
    element(
      'table',
      {class: 'numbers'},
      element('thead', {}, element('tr', {}, ...header.map((name) => element('th', {scope: 'col'}, name)))),
      element('tbody', {}, ...rows),
    ),
  );
}
