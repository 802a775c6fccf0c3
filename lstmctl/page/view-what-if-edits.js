// Changes of words in the sentence, with their undo, and where the words of the first and of the present sentence stand.

/**
 * What has been changed since the sentence was last typed: whoever types something else starts anew.
 * A slot is a place in the comparison, {before, after, word}: the index of a word in the first and in the present sentence;
 * null where it is not there.
 */
function _wordEdits(app) {
  let history = []; // {text, now, cutBefore, sentence}: what was there before each change, and what the change was
  let expected = null; // the text after the last change
  let base = null; // the reading of the text before the first change, nothing held

  const edits = {
    any: () => history.length > 0,
    /** The text before the first change, or null. */
    base: () => (history.length ? history[0].text : null),
    reading: () => base ?? app.plain,
    slots: () => _slots((base ?? app.plain).words, app.reading.words),
    sentence: () => history.map((one) => one.sentence).join(' '),
    clear() {
      history = [];
      expected = base = null;
    },
    /** The text has changed: by us, or by somebody else? */
    follow() {
      if (app.state.text !== expected) edits.clear();
    },
    /** Replace the word that was read as number `index` by one or more; null: remove it. */
    change(index, replacement) {
      const { text, now, cutBefore } = app.state;
      const word = shortened(app.reading.words[index], LONGEST_IN_HEADING);
      const sentence =
        replacement === null
          ? `${quoted(word)} is removed.`
          : `${quoted(word)} is replaced by ${quoted(shortened(replacement, 2 * LONGEST_IN_HEADING))}.`;
      base ??= app.plain;
      history.push({ text, now, cutBefore, sentence });
      expected = textWithWord(app.model, text, index, replacement);
      const { words } = encode(app.model, expected);
      // The cut stays before the word before which it is.
      const longer = words.length - app.reading.words.length;
      const moved = cutBefore !== null && cutBefore > index ? cutBefore + longer : cutBefore;
      app.set({ text: expected, now: Math.max(0, Math.min(now, words.length - 1)), cutBefore: moved });
      announce(`${sentence} P(${app.reading.label}) is ${percentInWords(app.reading.probability)}.`);
    },
    undo() {
      const last = history.pop();
      if (!last) return;
      expected = last.text;
      if (!history.length) base = null;
      app.set({ text: last.text, now: last.now, cutBefore: last.cutBefore });
      announce(`Undone. P(${app.reading.label}) is ${percentInWords(app.reading.probability)}.`);
    },
  };
  return edits;
}

function _slots(before, after) {
  if (before === after) return before.map((word, index) => ({ before: index, after: index, word }));
  return align(before, after).flatMap(({ first, second, same }) => {
    if (same) return [{ before: first, after: second, word: after[second] }];
    const slots = [];
    if (first !== null) slots.push({ before: first, after: null, word: before[first] });
    if (second !== null) slots.push({ before: null, after: second, word: after[second] });
    return slots;
  });
}
