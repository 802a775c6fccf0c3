// What is shown: the sentence, what the model makes of it, and what the reader looks at. Views subscribe and redraw.
//
//   app.set({text: 'a good film'})   the reading is computed at once, the effects of the words afterwards, in slices
//   app.subscribe((changed) => …)    changed: a set of names of `state`, "reading" and "effects"

// Typing does not wait for effects; they wait for a pause in typing.
const EFFECTS_AFTER_MS = 60;

function createApp(model, text) {
  const lastLayer = model.lstms.filter((lstm) => lstm.layer === model.lstms[model.lstms.length - 1].layer);
  const listeners = [];
  let running = null; // the AbortController of the effects in progress

  const app = {
    model,
    state: {
      text,
      now: -1, // index of the chosen word; -1: before any
      unit: 0,
      lstm: lastLayer[0].name,
      quantity: 'cell',
      holds: model.holds ?? [], // `predict --explain --hold` opens a page with some
      cutBefore: null,
      second: '',
    },
    encoded: null,
    reading: null, // with holds and cut
    plain: null, // without
    effects: null, // of the reading; null while they are computed
    unitOrder: [], // units of the chosen LSTM, by what they add to the answer
    subscribe(listener) {
      listeners.push(listener);
    },
    set(asked) {
      const changes = {...asked};
      const sameText = (changes.text ?? app.state.text) === app.state.text;
      if ('now' in changes && sameText) changes.now = _within(app, changes.now);
      const changed = new Set(Object.keys(changes).filter((name) => !_same(app.state[name], changes[name])));
      const atEnd = app.reading && app.state.now === app.reading.words.length - 1;
      Object.assign(app.state, changes);
      if (['text', 'holds', 'cutBefore'].some((name) => changed.has(name))) {
        _read(app);
        changed.add('reading');
        if (_follow(app, changes, atEnd)) changed.add('now');
        _startEffects();
      }
      if (changed.has('lstm')) {
        _sortUnits(app);
        app.state.unit = 'unit' in changes ? changes.unit : (app.unitOrder[0] ?? 0);
        changed.add('unit');
      }
      if (changed.size) _notify(changed);
    },
    /** Another text, read like the plain reading: the same label, nothing held. */
    readOther(other) {
      return read(model, encode(model, other), {label: app.plain.label, holds: [], cutBefore: null, traces: false});
    },
  };

  function _notify(changed) {
    for (const listener of listeners) listener(changed);
  }

  function _startEffects() {
    if (running) running.abort();
    running = new AbortController();
    app.effects = null;
    document.body.dataset.effects = 'pending';
    const {signal} = running;
    setTimeout(async () => {
      if (signal.aborted) return;
      const computed = await effects(model, app.encoded, _options(app), {signal}).catch((error) => {
        if (signal.aborted) return null;
        throw error;
      });
      if (signal.aborted || !computed) return;
      app.effects = computed;
      _sortUnits(app); // here, in a pause, rows may change places; under the reader's fingers they would flicker
      _notify(new Set(['effects', 'unitOrder']));
      document.body.dataset.effects = 'done';
    }, EFFECTS_AFTER_MS);
  }

  _read(app);
  app.state.now = app.reading.words.length - 1;
  _sortUnits(app);
  app.state.unit = app.unitOrder[0] ?? 0;
  _startEffects();
  return app;
}

function _same(one, other) {
  return one === other || (typeof one === 'object' && JSON.stringify(one) === JSON.stringify(other));
}

function _options(app) {
  const {holds, cutBefore} = app.state;
  return {label: app.plain.label, holds, cutBefore, traces: true};
}

function _read(app) {
  const {text, holds, cutBefore} = app.state;
  app.encoded = encode(app.model, text);
  app.plain = read(app.model, app.encoded, {label: null, holds: [], cutBefore: null, traces: true});
  const changes = holds.length > 0 || cutBefore !== null;
  app.reading = changes ? read(app.model, app.encoded, _options(app)) : app.plain;
  const {body} = document;
  body.dataset.label = app.reading.predicted;
  body.dataset.probability = app.reading.predictedProbability;
}

/** The index of a word that there is, or −1. */
function _within(app, index) {
  return Math.max(-1, Math.min(app.reading.words.length - 1, index));
}

/** The chosen word after the text has changed: the last one stays the last one. True if it moved. */
function _follow(app, changes, atEnd) {
  const last = app.reading.words.length - 1;
  const before = app.state.now;
  if (!('now' in changes) && atEnd) app.state.now = last;
  app.state.now = _within(app, app.state.now);
  return app.state.now !== before;
}

function _sortUnits(app) {
  const contributions = unitContributions(app.model, app.reading, app.state.lstm);
  app.unitOrder = Array.from(contributions.keys());
  app.unitOrder.sort((one, other) => Math.abs(contributions[other]) - Math.abs(contributions[one]));
}

/** The text in the address, `#text=…`, or null. */
function textInAddress() {
  const found = /^#text=(.*)$/s.exec(location.hash);
  if (!found) return null;
  try {
    return decodeURIComponent(found[1].replaceAll('+', ' '));
  } catch {
    return found[1]; // a lone %, typed by hand
  }
}

/** Address → text and text → address. The address follows after a pause: browsers limit how often it may change. */
function followAddress(app) {
  let timer = 0;
  addEventListener('hashchange', () => {
    const text = textInAddress();
    if (text !== null && text !== app.state.text) app.set({text});
  });
  app.subscribe((changed) => {
    if (!changed.has('text')) return;
    clearTimeout(timer);
    timer = setTimeout(() => history.replaceState(null, '', addressOf(app.state.text)), 300);
  });
}

function addressOf(text) {
  return `#text=${encodeURIComponent(text.replace(/\p{Surrogate}/gu, '\ufffd'))}`; // half a character has no encoding
}
