// Panel 2: the words as chips, coloured by what each does to the answer; choosing one sets "now" for all panels.
//
// Effects come later than the answer. Until then chips keep their colours, so that typing does not make them flicker.

const LEAST_EFFECT = 0.005; // of a decisive word: less is shown as 0.00
const NUMBERS_UP_TO = 80; // words; of longer texts only the decisive ones carry their number

function viewWords(root, app) {
  const heading = element('h2', {});
  const explanation = element('p', {class: 'note'});
  const list = element('div', {
    class: 'chips',
    role: 'listbox',
    'aria-orientation': 'horizontal',
    'aria-label': 'Words; the chosen one is shown in the panels below',
    onKeydown: (event) => _onKey(event),
    onClick: (event) => {
      const chip = event.target.closest('.chip');
      if (chip) app.set({now: chips.indexOf(chip)});
    },
  });
  const legend = element('div', {class: 'legend'});
  const chosen = element('p', {class: 'note numbers chosen-word'});
  root.append(heading, explanation, list, legend, chosen);
  const chips = [];
  const drawn = new WeakMap(); // chip → what it shows
  let shown = []; // the words of the chips
  let shownLabel = null; // the label of their effects
  let shownEffects = []; // their effects, NaN where not known yet
  let limit = 0.1; // the effect that has the full colour
  let digits = 2;
  let decisive = [];

  /** New words: a chip at either end that is still the same keeps its effect until the new ones come. */
  function carryOver() {
    const {words, label} = app.reading;
    const {start, end} = label === shownLabel ? commonEnds(shown, words) : {start: 0, end: 0};
    shownLabel = label;
    const carried = new Array(words.length).fill(Number.NaN);
    for (let index = 0; index < start; index += 1) carried[index] = shownEffects[index];
    for (let index = 1; index <= end; index += 1) {
      carried[words.length - index] = shownEffects[shownEffects.length - index];
    }
    shownEffects = carried;
    shown = words;
    decisive = decisive.filter((index) => index < start);
  }

  function takeEffects() {
    shownEffects = Array.from(app.effects);
    decisive = decisiveWords(app.effects);
    const largest = shownEffects.reduce((most, effect) => Math.max(most, Math.abs(effect)), 0);
    limit = niceLimit(largest, 0.1);
    digits = largest < 0.01 ? 4 : 2;
  }

  function showChips() {
    const {words, known} = app.reading;
    list.dir = directionOf(app.state.text);
    list.classList.toggle('few', words.length <= FEW_WORDS);
    list.classList.toggle('compact', words.length > NUMBERS_UP_TO);
    keepSlots(list, chips, words.length, () =>
      element(
        'div',
        {class: 'chip', role: 'option'},
        element('span', {class: 'chip-mark', 'aria-hidden': 'true'}),
        element('bdi', {class: 'chip-word'}),
        element('span', {class: 'chip-effect numbers', dir: 'ltr', 'aria-hidden': 'true'}),
      ),
    );
    chips.forEach((chip, index) => showChip(chip, words[index], known[index], index));
    showNow();
  }

  function showChip(chip, word, known, index) {
    const effect = shownEffects[index];
    const strong = decisive.includes(index);
    const key = [word, known, effect, strong, limit, digits, shown.length <= NUMBERS_UP_TO, _dark.matches].join(' ');
    if (drawn.get(chip) === key) return;
    drawn.set(chip, key);
    const [mark, text, number] = chip.children;
    const rgb = divergingRgb(effect / limit);
    chip.style.backgroundColor = css(rgb);
    chip.style.color = textOn(rgb);
    chip.classList.toggle('decisive', strong);
    chip.classList.toggle('unknown', !known);
    mark.textContent = strong ? (effect < 0 ? '▼' : '▲') : '';
    text.textContent = word;
    const numbered = strong || shown.length <= NUMBERS_UP_TO;
    number.textContent = Number.isNaN(effect) ? '\u00a0' : numbered ? signed(effect, digits) : '';
    const told = Number.isNaN(effect) ? '' : `, effect ${signed(effect)}`;
    chip.setAttribute('aria-label', `${word}${told}${strong ? ', decisive' : ''}${known ? '' : ', unknown word'}`);
  }

  function showNow() {
    const focused = Math.max(0, app.state.now);
    chips.forEach((chip, index) => {
      const now = index === app.state.now;
      if (chip.getAttribute('aria-selected') !== String(now)) chip.setAttribute('aria-selected', now);
      const tab = index === focused ? '0' : '-1';
      if (chip.getAttribute('tabindex') !== tab) chip.setAttribute('tabindex', tab);
    });
    chosen.textContent = aboutWord(app, app.effects?.[app.state.now]);
  }

  /** What matters most, in one sentence. */
  function headingParts() {
    const {words, label, probability} = app.reading;
    if (!words.length) return ['There are no words yet.'];
    if (!app.effects) return ['What each word does to the answer.'];
    const [strongest] = decisive;
    if (strongest === undefined) {
      return shownEffects.some((effect) => effect !== 0)
        ? ['No single word matters: without any one of them, the answer would change by less than a point.']
        : ['No word matters: without any one of them, the answer would be the same.'];
    }
    const other = Math.min(1, Math.max(0, probability - shownEffects[strongest]));
    const [without, now] = percents(other, probability, percentInWords);
    const little = Math.abs(shownEffects[strongest]) < 0.02;
    return [
      little ? 'No single word decides; “' : '“',
      element('bdi', {}, shortened(words[strongest], LONGEST_IN_HEADING)),
      little ? '” does most: without it, ' : '” matters most: without it, ',
      element('bdi', {}, label),
      ` would have ${without} instead of ${now}.`,
    ];
  }

  function showHeading() {
    const {words} = app.reading;
    list.hidden = legend.hidden = words.length === 0;
    const pending = words.length > 0 && !app.effects;
    root.classList.toggle('pending', pending);
    list.setAttribute('aria-busy', pending);
    if (!pending || !heading.firstChild) heading.replaceChildren(...headingParts());
    explanation.replaceChildren(
      'The colour of a word is its effect: the probability of ',
      element('bdi', {}, app.reading.label),
      ' with the word minus the probability without it. Choose a word to look inside the network at that moment.',
    );
    legend.replaceChildren(..._effectLegend(app, limit, decisive.length > 0));
  }

  function _onKey(event) {
    const forward = list.dir === 'rtl' ? 'ArrowLeft' : 'ArrowRight';
    const backward = list.dir === 'rtl' ? 'ArrowRight' : 'ArrowLeft';
    const last = chips.length - 1;
    const now = Math.max(0, app.state.now);
    const target = {
      [forward]: () => Math.min(last, now + 1),
      [backward]: () => Math.max(0, now - 1),
      Home: () => 0,
      End: () => last,
      ArrowDown: () => _chipBelow(chips, now, 1),
      ArrowUp: () => _chipBelow(chips, now, -1),
    }[event.key]?.();
    if (target === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    app.set({now: target});
    chips[target].focus();
  }

  const later = drawnWhenSeen(root, () => {
    showChips();
    showHeading();
  });
  app.subscribe((changed) => {
    if (changed.has('reading')) carryOver();
    if (changed.has('effects')) takeEffects();
    if (changed.has('reading') || changed.has('effects')) later();
    else if (changed.has('now')) showNow();
  });
  _dark.addEventListener('change', later);
  carryOver();
}

/** The words that matter most, and enough that one sees it. */
function decisiveWords(effects) {
  return strongestWords(effects).filter((index) => Math.abs(effects[index]) >= LEAST_EFFECT);
}

/** How many words at the start, and then at the end, two lists have in common. */
function commonEnds(one, other) {
  const shorter = Math.min(one.length, other.length);
  let start = 0;
  while (start < shorter && one[start] === other[start]) start += 1;
  let end = 0;
  while (end < shorter - start && one[one.length - 1 - end] === other[other.length - 1 - end]) end += 1;
  return {start, end};
}

/** The chip in the row below (1) or above (−1) that is nearest to chip `now`. */
function _chipBelow(chips, now, direction) {
  const box = (chip) => chip.getBoundingClientRect();
  const from = box(chips[now]);
  let best = now;
  let least = Infinity;
  chips.forEach((chip, index) => {
    const there = box(chip);
    const rows = Math.round((there.top - from.top) / (from.height + 1)) * direction;
    if (rows < 1) return;
    const distance = rows * 1e6 + Math.abs(there.left + there.width / 2 - from.left - from.width / 2);
    if (distance < least) [best, least] = [index, distance];
  });
  return best;
}

/** One line about the chosen word. */
function aboutWord(app, effect) {
  const {reading, state} = app;
  if (state.now < 0 || !reading.words.length) return '';
  const parts = [`Word ${state.now + 1} of ${reading.words.length}, “${reading.words[state.now]}”`];
  if (!reading.known[state.now]) parts.push('unknown to the model');
  if (effect !== undefined && !Number.isNaN(effect)) parts.push(`effect ${signed(effect, 3)}`);
  parts.push(`${reading.label} so far ${percent(reading.running[state.now])}`);
  return parts.join(' · ');
}

function _effectLegend(app, limit, marked) {
  const label = app.reading.label;
  return [
    scaleLegend(diverging, -1, 1, [`−${limit} against ${label}`, '0', `+${limit} for ${label}`]),
    marked ? element('span', {class: 'note'}, element('b', {}, '▲ ▼'), ' the words that matter most') : '',
    element('span', {class: 'note'}, element('span', {class: 'unknown-sample'}, 'dotted'), ' unknown word'),
  ];
}

/** A strip of colours with numbers under it: start, middle, end. */
function scaleLegend(colour, low, high, labels) {
  const strip = element('div', {class: 'scale-strip'});
  const stops = Array.from({length: 9}, (_, index) => colour(low + ((high - low) * index) / 8));
  strip.style.backgroundImage = `linear-gradient(to right, ${stops.join(', ')})`;
  return element(
    'div',
    {class: 'scale'},
    strip,
    element('div', {class: 'scale-labels numbers'}, ...labels.map((label) => element('span', {}, label))),
  );
}
