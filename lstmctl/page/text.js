// From text to word ids, as lstmctl/model/text.py: the tokenizers `words-1` and `words-2`, the vocabulary, and `encode`.
// What a word is, is said there. Letters that are newer than the browser are separators.

const UNKNOWN = 1, FIRST_WORD = 2; // ids; 0 is padding

// White space as Python's `re` knows it: `\s` differs.
const LINE_BREAK_TAG = /<br[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*\/?>/gi;

/** The text in NFC and lower case, with ’ as ' and `<br />` as a space. */
function normalise(text) {
  return text.replace(LINE_BREAK_TAG, ' ').normalize('NFC').toLowerCase().normalize('NFC').replaceAll('\u2019', "'");
}

const DOTS = /\.\.+/g, FACE = /([:;])-?([\(\)])/g;
const MARK = String.raw`[!?\uff01\uff1f]|\.\.\.|:[\(\)]|;\)`;
const WORDS_1 = anyWord("'", '');
const WORDS_2 = anyWord(String.raw`(?:'|(?<=[0-9])[\/.](?=[0-9]))`, `|${MARK}`);

/** The words of a text, in order. */
function tokenize(text, tokenizer) {
  text = normalise(text);
  if (tokenizer === 'words-1') return text.match(WORDS_1) ?? [];
  text = text.replaceAll('\u2026', '...').replace(DOTS, '...').replace(FACE, '$1$2');
  return text.match(WORDS_2) ?? [];
}

/** A word in any script, as a regular expression. */
function anyWord(joiner, marks) {
  const scripts = ['Han', 'Hiragana', 'Katakana', 'Thai', 'Lao', 'Khmer', 'Myanmar'];
  const unspaced = scripts.map((script) => String.raw`\p{Script=${script}}`).join('') + String.raw`\u30fc`; // ー is in two scripts
  const lone = String.raw`[[${unspaced}]&&\p{L}]`;
  const word = String.raw`[[\p{L}\p{N}]--${lone}]`;
  // A joiner inside a word is part of it: Persian and the Indic scripts use U+200C and U+200D.
  const run = String.raw`${word}(?:${word}|\p{M}|[\u200c\u200d](?=[${word}\p{M}]))*`;
  // Signs such as © and ↔ are emoji only before U+FE0F.
  const signs = String.raw`[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u21aa]`;
  const picture = String.raw`(?:[\p{Extended_Pictographic}--${signs}](?:\ufe0f|\p{Emoji_Modifier})*|${signs}\ufe0f)`;
  const joined = String.raw`${picture}[\u{e0020}-\u{e007f}]*(?:\u200d${picture})*`;
  const flag = String.raw`\p{RI}\p{RI}?`, keycap = String.raw`[0-9#*]\ufe0f?\u20e3`;
  return new RegExp(String.raw`${flag}|${keycap}|${joined}|${lone}\p{M}*|${run}(?:${joiner}${run})*${marks}`, 'gv');
}

/** Which part of a text with so many words a model drops: from the first index up to the second. */
function clipAt(words, maxLen, cut) {
  if (words <= maxLen) return [0, 0];
  const first = {start: 0, middle: Math.floor(maxLen / 4), end: maxLen}[cut];
  return [first, words - (maxLen - first)];
}

/**
 * A text as a model reads it: the ids of `words` and of the start word in front of them, if there is one.
 * @returns {{ids: number[], words: string[], known: boolean[], total: number, cut: number}} `total` words are in the
 *   text, `cut` of them are left out because it is too long.
 */
function encode(model, text) {
  const {tokenizer, maxLen, cut, startWord} = model.config;
  const words = tokenize(text, tokenizer);
  const all = startWord === null ? words : [startWord, ...words];
  const [first, rest] = clipAt(all.length, maxLen, cut);
  const read = first === rest ? all : [...all.slice(0, first), ...all.slice(rest)];
  const ids = read.map((word) => model.vocabulary.get(word) ?? UNKNOWN);
  const hasStart = startWord !== null && (first > 0 || rest === 0);
  const own = hasStart ? read.slice(1) : read;
  return {
    ids,
    words: own,
    known: ids.slice(ids.length - own.length).map((id) => id !== UNKNOWN),
    total: words.length,
    cut: words.length - own.length,
  };
}
