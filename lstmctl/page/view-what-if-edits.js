// Changes of words in the sentence, and the comparison of the texts before and after them.

/**
 * Changes of words, with their undo. A slot is a place in the comparison: a word of the first text, of the present one, or
 * of both. Whoever types something else starts anew.
 */
function _wordEdits(app) {
  let history = []; // {text, now, slots, sentence}: what was there before each change
  let slots = null; // {before: index or null, after: index or null, word}[]
  let expected = null; // the text after the last change
  let base = null; // the reading of the text before the first change, nothing held

  const plainSlots = (words) => words.map((word, index) => ({ before: index, after: index, word }));

  const edits = {
    any: () => history.length > 0,
    base: () => (history.length ? history[0].text : null),
    reading: () => base ?? app.plain,
    slots: () => slots ?? plainSlots(app.reading.words),
    sentence: () => history.map((one) => one.sentence).join(' '),
    clear() {
      history = [];
      slots = expected = base = null;
    },
    /** The text has changed: by us, or by somebody else? */
    follow() {
      if (app.state.text !== expected) edits.clear();
    },
    change(index, replacement) {
      const { text, now, cutBefore } = app.state;
      const old = slots ?? plainSlots(app.reading.words);
      const word = app.reading.words[index];
      const changed = textWithWord(app.model, text, index, replacement);
      const added = replacement === null ? [] : tokenize(replacement, app.model.config.tokenizer);
      if (replacement !== null && !added.length) {
        announce('This is not a word.');
        return;
      }
      base ??= app.plain;
      history.push({
        text,
        now,
        cutBefore,
        slots: old,
        sentence:
          replacement === null
            ? `${quoted(word)} is removed.`
            : `${quoted(word)} is replaced by ${quoted(replacement)}.`,
      });
      const next = [];
      for (const slot of old) {
        if (slot.after !== index) {
          next.push({
            ...slot,
            after: slot.after !== null && slot.after > index ? slot.after + added.length - 1 : slot.after,
          });
          continue;
        }
        if (slot.before !== null) next.push({ before: slot.before, after: null, word: slot.word });
        added.forEach((word, place) => next.push({ before: null, after: index + place, word }));
      }
      expected = changed;
      // The cut stays before the word before which it is.
      const moved = cutBefore !== null && cutBefore > index ? cutBefore + added.length - 1 : cutBefore;
      slots = next;
      app.set({
        text: changed,
        now: Math.max(0, Math.min(now, encode(app.model, changed).words.length - 1)),
        cutBefore: moved,
      });
      announce(
        `${history[history.length - 1].sentence} P(${app.reading.label}) is ${percent(app.reading.probability)}.`,
      );
    },
    undo() {
      const last = history.pop();
      if (!last) return;
      expected = last.text;
      slots = history.length ? last.slots : null;
      if (!history.length) base = null;
      app.set({ text: last.text, now: last.now, cutBefore: last.cutBefore });
      announce(`Undone. P(${app.reading.label}) is ${percent(app.reading.probability)}.`);
    },
  };
  return edits;
}
