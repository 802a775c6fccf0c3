// Panel 1: the sentence, the answer, and the probability so far over each word.

const TOP_LABELS = 5;
const LISTED_WORDS = 30; // of a vocabulary, under the sentence

function viewText(root, app) {
  const {model} = app;
  const field = element('textarea', {
    id: 'sentence',
    class: 'field sentence',
    rows: 1,
    dir: 'auto',
    spellcheck: 'false',
    autocapitalize: 'off',
    'aria-describedby': 'read-summary',
    enterkeyhint: 'done',
    onBeforeinput: (event) => ['insertLineBreak', 'insertParagraph'].includes(event.inputType) && event.preventDefault(),
    onInput: () => write(),
  });
  field.value = app.state.text;
  const examples = model.examples.map((example) =>
    element('button', {class: 'button', type: 'button', dir: 'auto', onClick: () => _choose(example)}, example),
  );
  const answer = element('h2', {class: 'answer'});
  const bars = element('div', {class: 'answer-bars'});
  const heldWhat = element('span', {});
  const held = element(
    'p',
    {class: 'note held', hidden: true},
    'This is the answer of the changed network: ',
    heldWhat,
    ', under “What if”. ',
    element('button', {class: 'button', type: 'button', onClick: () => app.set({holds: [], cutBefore: null})}, 'Undo'),
  );
  const summary = element('p', {class: 'note numbers', id: 'read-summary'});
  const caption = element('h3', {class: 'line-caption'});
  const box = element('div', {
    class: 'line-box',
    'aria-hidden': 'true',
    onClick: (event) => {
      const {length} = app.reading.words;
      if (box.classList.contains('many')) app.set({now: wordInRow(box, event, length)});
    },
  });
  const draw = lineOver(box);
  const slots = [];
  root.append(
    element('label', {for: 'sentence', class: 'visually-hidden'}, 'Your sentence'),
    field,
    element(
      'div',
      {class: 'examples no-print'},
      element('span', {class: 'note', id: 'examples-label'}, 'Or try'),
      element('div', {role: 'group', 'aria-labelledby': 'examples-label'}, ...examples),
    ),
    ..._knownWords(model),
    answer,
    bars,
    held,
    element('figure', {class: 'line-figure'}, caption, box),
    summary,
  );

  /** What the reader wrote: ends of lines, which one does not see in it, become spaces. */
  function write() {
    if (field.value.includes('\n')) {
      const {selectionStart, selectionEnd} = field;
      field.value = field.value.replaceAll('\n', ' ');
      field.setSelectionRange(selectionStart, selectionEnd);
    }
    app.set({text: field.value});
  }

  function _choose(text) {
    app.set({text});
    field.focus({preventScroll: true});
  }

  function showAnswer() {
    const {reading} = app;
    const label = element('strong', {class: _side(app, reading.predicted)}, reading.predicted);
    const sure = percentInWords(reading.predictedProbability);
    answer.replaceChildren(
      ...(reading.words.length
        ? ['The answer is ', label, `, with a probability of ${sure}.`]
        : ['Before any word, the answer is ', label, `, with ${sure}.`]),
    );
    bars.replaceChildren(...(reading.probabilities.length === 2 ? _twoBars(app) : _topBars(app)));
    held.hidden = app.plain === reading;
    heldWhat.textContent = heldInShort(app).join(', ');
    summary.textContent = readSummary(app);
    announce(answer.textContent);
  }

  function showLine() {
    const {reading} = app;
    caption.replaceChildren(
      'Probability of ',
      element('bdi', {}, reading.label),
      ' so far ',
      element('span', {class: 'term'}, 'as if the text ended after this word'),
    );
    box.dir = directionOf(app.state.text);
    const many = chooseChartHeight(box, reading.words.length);
    keepSlots(box, slots, many ? 0 : reading.words.length + 1, (index) =>
      element('span', {class: 'line-slot', onClick: () => app.set({now: index - 1})}),
    );
    slots.forEach((slot, index) => {
      const word = index ? reading.words[index - 1] : 'start';
      if (slot.textContent !== word) slot.textContent = word;
      slot.className = !index ? 'line-slot start' : reading.known[index - 1] ? 'line-slot' : 'line-slot unknown';
    });
    balanceRows(box, slots);
    drawLine();
  }

  function drawLine() {
    const {reading} = app;
    const values = [reading.start, ...reading.running];
    const baseline = reading.probabilities.length === 2 ? 0.5 : 0;
    draw(slots.length ? slots : values, [{values, name: 'main'}], {
      now: app.state.now + 1,
      baseline,
      nowLabel: reading.words[app.state.now],
    });
  }

  const later = drawnWhenSeen(root, showLine);
  app.subscribe((changed) => {
    if (changed.has('text') && field.value !== app.state.text) field.value = app.state.text;
    if (changed.has('text')) fit();
    if (changed.has('reading')) showAnswer();
    if (changed.has('reading') || changed.has('now')) later();
  });
  /** As high as its text, up to about ten lines. */
  function fit() {
    if (CSS.supports('field-sizing', 'content')) return;
    field.style.height = 'auto';
    field.style.height = `${Math.min(field.scrollHeight + 2, 320)}px`;
  }
  new ResizeObserver(later).observe(box);
  fit();
  showAnswer();
}

/** Which words a model with a small vocabulary knows; nothing for others. */
function _knownWords(model) {
  const words = model.words.filter((word) => word !== model.config.startWord);
  if (!words.length || words.length > LISTED_WORDS) return [];
  return [
    element(
      'p',
      {class: 'note known-words'},
      `This model knows only ${words.length === 1 ? 'one word' : `${words.length} words`}: `,
      ...words.flatMap((word, index) => [index ? ', ' : '', element('bdi', {}, word)]),
      '.',
    ),
  ];
}

/** "Read 12 words; 1 of them is unknown; 3 left out …" */
function readSummary(app) {
  const {reading, model} = app;
  const {config} = model;
  const read = reading.words.length;
  const unknown = reading.known.filter((known) => !known).length;
  const where = {start: 'at the start', end: 'at the end', middle: 'in the middle'}[config.cut];
  const parts = [`Read ${counted(read, 'word')}`, `${unknown} unknown`, `${reading.cut.toLocaleString('en')} left out`];
  if (reading.cut) parts[2] += ` ${where}, since this model reads at most ${config.maxLen.toLocaleString('en')}`;
  const more = [];
  if (unknown) more.push('Unknown words all look the same to the model.');
  if (reading.ngrams !== null && read) {
    more.push(`Its counts of words and word groups alone would give ${reading.label} ${percent(reading.ngrams)}.`);
  }
  return [`${parts.join(' · ')}.`, ...more].join(' ');
}

/** The class that colours a label: of two, the second is blue and the first orange. */
function _side(app, label) {
  const {positive} = app.model.config;
  return positive === null || label === positive ? 'positive' : 'negative';
}

function _twoBars(app) {
  const {labels} = app.model.config;
  const {probabilities} = app.reading;
  const share = element('span', {class: 'negative'});
  share.style.width = `${probabilities[0] * 100}%`;
  return [
    element(
      'div',
      {class: 'both-ends'},
      ...labels.map((label, index) =>
        element(
          'span',
          {class: index ? 'positive' : 'negative'},
          element('bdi', {}, label),
          ' ',
          element('b', {class: 'numbers'}, percent(probabilities[index])),
        ),
      ),
    ),
    element('div', {class: 'both-bar'}, share),
  ];
}

function _topBars(app) {
  const {labels} = app.model.config;
  const {probabilities, predicted} = app.reading;
  const order = labels.map((_, index) => index).sort((one, other) => probabilities[other] - probabilities[one]);
  const rows = order.slice(0, TOP_LABELS).map((index) => {
    const bar = element('span', {});
    bar.style.width = `${probabilities[index] * 100}%`;
    return element(
      'div',
      {class: labels[index] === predicted ? 'top-row chosen' : 'top-row'},
      element('bdi', {}, labels[index]),
      element('div', {class: 'top-bar'}, bar),
      element('b', {class: 'numbers'}, percent(probabilities[index])),
    );
  });
  const rest = order.slice(TOP_LABELS);
  if (rest.length) {
    const sum = rest.reduce((total, index) => total + probabilities[index], 0);
    rows.push(
      element('p', {class: 'note numbers'}, `${counted(rest.length, 'other label')} together: ${percent(sum)}`),
    );
  }
  return rows;
}
