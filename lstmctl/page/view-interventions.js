// What can be changed inside the network or in the sentence, and what such a change means, in sentences.

const GATE_TERMS = { forget: 'forget gate', input: 'input gate', candidate: 'candidate', output: 'output gate' };

// What a gate means that is held shut, open, or in between.
const HOLD_MEANINGS = {
  forget: {
    shut: 'each word erases everything that was remembered before it',
    open: 'nothing is ever erased',
    between: (value) => `each word keeps ${wholePercent(value)} of what was remembered before it`,
  },
  input: {
    shut: 'nothing is ever written, so the cell state stays empty',
    open: 'every candidate is written in full',
    between: (value) => `${wholePercent(value)} of every candidate is written`,
  },
  candidate: {
    shut: 'there is never anything to write',
    open: 'every word proposes the largest value there is',
    between: () => 'every word proposes this same new value',
  },
  output: {
    shut: 'nothing is ever read out, so the hidden state stays 0',
    open: 'all of the memory is read out at every word',
    between: (value) => `${wholePercent(value)} of the memory is read out at every word`,
  },
};

/** "The forget gate is held at 1: nothing is ever erased." */
function holdSentence(hold, model) {
  const { gate, value, unit } = hold;
  const meaning = HOLD_MEANINGS[gate];
  const told = value === 0 ? meaning.shut : value === 1 ? meaning.open : meaning.between(value);
  const only = unit === null ? '' : ' in this unit';
  return `The ${_heldWhat(hold, model)} is held at ${_heldAt(value)}: ${told}${only}.`;
}

/** A word in quotation marks; one from right to left does not turn what stands around it. */
function quoted(word) {
  return directionOf(word) === 'rtl' ? `“\u2068${word}\u2069”` : `“${word}”`;
}

/** What is changed inside the network, in a sentence for each change; '' if nothing is. */
function interventionSentence(app) {
  const { holds, cutBefore } = app.state;
  const sentences = holds.map((hold) => holdSentence(hold, app.model));
  if (cutBefore !== null && cutBefore < app.reading.words.length) {
    const word = shortened(app.reading.words[cutBefore], LONGEST_IN_HEADING);
    sentences.push(
      `Before ${quoted(word)} every cell state is set to 0: what the conveyor belt carried up to there is lost.`,
    );
  }
  return sentences.join(' ');
}

/** What is changed inside the network, in short: ["forget gate held at 0", …]. */
function heldInShort(app) {
  const { holds, cutBefore } = app.state;
  const parts = holds.map((hold) => `${_heldWhat(hold, app.model)} held at ${_heldAt(hold.value)}`);
  if (cutBefore !== null && cutBefore < app.reading.words.length) {
    const word = shortened(app.reading.words[cutBefore], LONGEST_IN_HEADING);
    parts.push(`cell state set to 0 before ${quoted(word)}`);
  }
  return parts;
}

/** "forget gate of unit 3 (layer 2, forward LSTM)" */
function _heldWhat({ gate, unit, lstm }, model) {
  const one = model.lstms.find((each) => each.name === lstm);
  const where = unit === null ? '' : ` of unit ${unit}`;
  const which = one && model.lstms.length > 1 ? ` (${lstmTitle(model, one)})` : '';
  return `${GATE_TERMS[gate]}${where}${which}`;
}

function _heldAt(value) {
  return plainNumber(value, Number.isInteger(value) ? 0 : 2);
}

/** The value at which a gate of a unit is held, or null. The last hold of this gate counts. */
function heldValue(holds, gate, lstm, unit) {
  let value = null;
  for (const hold of holds) {
    if (hold.gate === gate && (hold.lstm === null || hold.lstm === lstm) && (hold.unit === null || hold.unit === unit))
      value = hold.value;
  }
  return value;
}

/** Hold a gate at `value`, instead of what was held of it before, or let it go (null). `of`: {unit, lstm}, null for all. */
function holdGate(app, gate, value, of = { unit: null, lstm: null }) {
  const others = app.state.holds.filter((hold) => hold.gate !== gate);
  app.set({ holds: value === null ? others : [...others, { gate, value, unit: of.unit, lstm: of.lstm }] });
  const sentence = interventionSentence(app) || 'Nothing is held.';
  announce(`${sentence} P(${app.reading.label}) is ${percent(app.reading.probability)}.`);
}

/**
 * The text with the word that was read as number `index` replaced (null: removed). Spelling and punctuation of the rest
 * are kept where the words can be found in the text; elsewhere the text becomes its words with spaces between them.
 */
function textWithWord(model, text, index, replacement) {
  const { tokenizer } = model.config;
  const words = tokenize(text, tokenizer);
  const at = _placeInText(model, words, index);
  const wanted = [
    ...words.slice(0, at),
    ...(replacement === null ? [] : tokenize(replacement, tokenizer)),
    ...words.slice(at + 1),
  ];
  const place = _findWord(text, words, at);
  if (place !== null) {
    const [start, end] = place;
    let [head, tail] = [text.slice(0, start), text.slice(end)];
    if (replacement === null && /\s$|^$/.test(head)) tail = tail.replace(/^[^\S\n]+/, '');
    const changed = head + (replacement ?? '') + tail;
    if (JSON.stringify(tokenize(changed, tokenizer)) === JSON.stringify(wanted)) return changed;
  }
  return [...words.slice(0, at), ...(replacement === null ? [] : [replacement]), ...words.slice(at + 1)].join(' ');
}

/** Of a text that is too long a part is left out: which word of the text is the one read as number `index`? */
function _placeInText(model, words, index) {
  const { maxLen, cut, startWord } = model.config;
  const before = startWord === null ? 0 : 1;
  const [first, rest] = clipAt(words.length + before, maxLen, cut);
  const hasStart = before === 1 && (first > 0 || rest === 0);
  const read = index + (hasStart ? 1 : 0);
  return (read < first || first === rest ? read : read + rest - first) - before;
}

/** [start, end] of a word in the text, or null if the words cannot all be found one after the other. */
function _findWord(text, words, at) {
  const plain = text.toLowerCase().replaceAll('\u2019', "'");
  if (plain.length !== text.length) return null;
  let from = 0;
  for (let index = 0; index <= at; index++) {
    const start = plain.indexOf(words[index], from);
    if (start < 0) return null;
    from = start + words[index].length;
  }
  return [from - words[at].length, from];
}
