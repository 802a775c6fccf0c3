// A text, what is held while it is read, and the answers for its parts: what explain.js is made of.
//
// For LSTMs that read forwards the states at a word do not depend on later words, so one pass gives all running
// probabilities, and an effect costs only the words after it, until it is forgotten. For other models see prefixes.js. Where
// texts are padded in front (padding "pre"), the memory after each number of paddings is computed once; it soon stops
// changing, and from then on texts of all lengths begin with the same memory.

const SETTLED = 1e-10; // change of a memory by one more padding that is none
const FORGOTTEN = 1e-9; // difference that a word made to a memory, and no longer makes
const STRETCH = 16; // words that are read before it is seen whether a word is forgotten
const KEPT = 6; // readings whose running probabilities, and holds whose paddings, are used again

/** A text as the model reads it with some gates held: what `read` and `effects` have in common. */
class Question {
  constructor(model, encoded, holds, cutBefore) {
    const {config} = model;
    this.model = model;
    this.words = encoded.ids.slice(encoded.ids.length - encoded.words.length); // their ids
    this.start = config.startWord === null ? [] : [model.vocabulary.get(config.startWord)];
    this.hasStart = encoded.ids.length > this.words.length;
    this.held = heldUnits(model, holds);
    this.holds = holds;
    this.cutBefore = cutBefore;
    this.signature = JSON.stringify([holds, cutBefore]);
    // Whether the states at a word depend on nothing after it.
    this.forward = !config.bidirectional;
    this.padded = config.padding === 'pre';
    this.pass = this.reading(encoded.ids, cutBefore);
  }

  /** Read ids, with what `padding` puts in front of them. */
  reading(ids, cutBefore, words = this.words.length) {
    const {model, held, padded} = this;
    const start = ids.length - words;
    const paddings = padded ? model.config.maxLen - ids.length : 0;
    const rows = allNgramRows(model, ids);
    const cut = cutBefore === null || cutBefore >= words ? -1 : start + cutBefore;
    if (this.forward) {
      const before = padded ? this.memoryAfter(paddings) : null;
      const states = passWords(model, ids, rows, {held, cutAt: cut, memories: before?.memories});
      return {ids, rows, start, states, before, paddings, padded: 0};
    }
    const all = [...new Array(paddings).fill(PADDING), ...ids];
    const states = passWords(model, all, rows, {held, cutAt: cut < 0 ? -1 : paddings + cut});
    return {ids: all, rows, start, states, before: null, paddings: 0, padded: paddings};
  }

  /** The probabilities of all labels after the whole of a pass. */
  answer(pass) {
    const lstms = lastLayer(this.model), {length} = pass.ids;
    const pools = lstms.map((lstm, place) => new Pool(lstm.units, pass.before?.pools[place]));
    lstms.forEach((lstm, place) => {
      for (let index = 0; index < length; index++) pools[place].add(pass.states[lstm.name].hidden, index);
    });
    const last = lstms.map((lstm) => this.lastHidden(pass, lstm, length));
    return headProbabilities(
      this.model, headInputs(this.model, last, pools, pass.paddings + length), this.ngramLogits(pass.rows),
    );
  }

  /** The hidden state of an LSTM after the last word that it reads, of the first `length`. */
  lastHidden(pass, lstm, length) {
    const {hidden, before} = pass.states[lstm.name], {units} = lstm;
    if (length === 0) return before.hidden;
    const index = lstm.direction === 'forward' ? length - 1 : 0;
    return hidden.subarray(index * units, (index + 1) * units);
  }

  /** (outputs,): the logits of the n-grams of a text with these rows; null without n-grams. */
  ngramLogits(rows = this.pass.rows) {
    if (this.model.ngrams === null) return null;
    const sum = new NgramSum(this.model.ngrams);
    rows.forEach((each) => sum.add(each));
    return sum.logits();
  }

  /** For 0, 1, … words: the probabilities of all labels. */
  running() {
    const {words, start} = this;
    const full = this.answer(this.pass);
    if (words.length === 0) return [full];
    if (this.forward && !this.padded && this.hasStart === start.length > 0) return this.shared();
    const kept = this.kept([...start, ...words]);
    const results = kept.probabilities;
    const prefixes = this.forward || !this.padded ? new Prefixes(this) : null;
    for (let length = 0; length < words.length; length++) {
      if (results[length] !== undefined) continue;
      if (prefixes === null) {
        results[length] = this.answer(this.reading([...start, ...words.slice(0, length)], this.cutBefore, length));
      } else {
        prefixes.grow(length);
        results[length] = prefixes.answer();
      }
    }
    results[words.length] = full;
    return results;
  }

  /** The same, from the pass over all words: their states do not depend on what follows. */
  shared() {
    const {model, pass} = this, lstms = lastLayer(model), results = [];
    const sum = model.ngrams === null ? null : new NgramSum(model.ngrams);
    const pools = lstms.map((lstm) => new Pool(lstm.units));
    for (let read = 0; read <= pass.ids.length; read++) {
      if (read > 0) {
        sum?.add(pass.rows[read - 1]);
        lstms.forEach((lstm, place) => pools[place].add(pass.states[lstm.name].hidden, read - 1));
      }
      if (read < pass.start) continue;
      const last = lstms.map((lstm) => this.lastHidden(pass, lstm, read));
      results.push(headProbabilities(model, headInputs(model, last, pools, read), sum?.logits() ?? null));
    }
    return results;
  }

  /** Running probabilities of an earlier reading that begins with the same words, to be completed. */
  kept(ids) {
    const {memo} = this.model, earlier = memo.get('running') ?? [];
    const common = (entry) => {
      let length = 0;
      while (length < ids.length && length < entry.ids.length && ids[length] === entry.ids[length]) length++;
      return length;
    };
    let best = [], most = 0;
    for (const entry of earlier) {
      if (entry.signature === this.signature && common(entry) > most) {
        most = common(entry);
        best = entry.probabilities.slice(0, Math.max(0, most - this.start.length) + 1);
        // A text of which the start was cut has its last probability from another reading.
        if (entry.probabilities.length === best.length) best.pop();
      }
    }
    const entry = {signature: this.signature, ids, probabilities: best};
    memo.set('running', [entry, ...earlier].slice(0, KEPT));
    return entry;
  }

  /** The memories after 0, 1, … paddings, as far as they change: up to number `settled`. */
  paddings() {
    if (this.ownPaddings) return this.ownPaddings;
    const {model} = this, key = JSON.stringify(this.holds), earlier = model.memo.get('paddings') ?? [];
    let found = earlier.find((each) => each.key === key);
    if (found === undefined) {
      const lstms = lastLayer(model), {maxLen} = model.config;
      const zero = Object.fromEntries(
        model.lstms.map(({name, units}) => [name, {hidden: new Float64Array(units), cell: new Float64Array(units)}]),
      );
      const steps = [{memories: zero, pools: lstms.map((lstm) => new Pool(lstm.units))}];
      let settled = maxLen + 1;
      for (let number = 1; number <= maxLen && settled > maxLen; number++) {
        const {memories, pools} = steps[number - 1];
        const states = passWords(model, [PADDING], null, {held: this.held, memories});
        const next = Object.fromEntries(model.lstms.map(({name}) => [name, {hidden: states[name].hidden, cell: states[name].cell}]));
        const grown = pools.map((pool, place) => {
          const more = new Pool(pool.sum.length, pool);
          more.add(states[lstms[place].name].hidden, 0);
          return more;
        });
        steps.push({memories: next, pools: grown});
        if (model.lstms.every(({name}) => isSame(next[name], memories[name], SETTLED))) settled = number;
      }
      found = {key, steps, settled};
      model.memo.set('paddings', [found, ...earlier].slice(0, KEPT));
    }
    this.ownPaddings = found;
    return found;
  }

  /** Memories and pools after so many paddings. */
  memoryAfter(number) {
    const {steps, settled} = this.paddings();
    if (number < steps.length) return steps[number];
    const {memories, pools} = steps[settled];
    const more = number - settled, lstms = lastLayer(this.model);
    const grown = pools.map((pool, place) => {
      const {hidden} = memories[lstms[place].name];
      return {maximum: pool.maximum, sum: pool.sum.map((value, unit) => value + more * hidden[unit])};
    });
    return {memories, pools: grown};
  }

  /** The probabilities of all labels without the word at `index`. */
  without(index) {
    const {model, words, start, pass, cutBefore} = this;
    const ids = [...start, ...words.slice(0, index), ...words.slice(index + 1)];
    const cut = cutBefore !== null && index < cutBefore ? cutBefore - 1 : cutBefore;
    const sameStart = this.hasStart === start.length > 0;
    const settled = !this.padded || pass.paddings >= this.paddings().settled;
    if (!this.forward || !sameStart || !settled) return this.answer(this.reading(ids, cut, words.length - 1));
    // The memory before the word is that of the whole text.
    const from = start.length + index, lstms = lastLayer(model);
    const memories = Object.fromEntries(model.lstms.map((lstm) => [lstm.name, this.memoryBefore(lstm, from)]));
    const rows = model.ngrams === null ? null : this.rowsWithout(ids, from);
    const cutAt = cut === null || cut < index ? -1 : start.length + cut;
    const paddings = this.padded ? model.config.maxLen - ids.length : 0;
    const before = this.padded ? this.memoryAfter(paddings).pools : null;
    const pools = lstms.map((lstm, place) => new Pool(lstm.units, mergedPool(
      new Pool(lstm.units, before?.[place]), this.poolsBefore(place)[from],
    )));
    let last = lstms.map((lstm) => memories[lstm.name].hidden);
    for (let at = from, reached = memories; at < ids.length; at += STRETCH) {
      const to = Math.min(at + STRETCH, ids.length);
      const states = passWords(model, ids, rows, {held: this.held, cutAt, from: at, to, memories: reached});
      reached = Object.fromEntries(model.lstms.map((lstm) => [lstm.name, lastMemory(states[lstm.name], lstm.units)]));
      lstms.forEach((lstm, place) => {
        for (let index = 0; index < to - at; index++) pools[place].add(states[lstm.name].hidden, index);
      });
      last = lstms.map((lstm) => reached[lstm.name].hidden);
      if (to < ids.length && model.lstms.every((lstm) => isSame(reached[lstm.name], this.memoryBefore(lstm, to + 1), FORGOTTEN))) {
        // What follows is as in the whole text.
        lstms.forEach((lstm, place) => {
          pools[place] = mergedPool(pools[place], this.poolsAfter(place)[to + 1]);
        });
        last = lstms.map((lstm) => this.lastHidden(pass, lstm, pass.ids.length));
        break;
      }
    }
    return headProbabilities(model, headInputs(model, last, pools, paddings + ids.length), this.ngramLogits(rows));
  }

  /** The rows of the n-grams without the word at `from`: others only at the words that follow it. */
  rowsWithout(ids, from) {
    const rows = [...this.pass.rows.slice(0, from), ...this.pass.rows.slice(from + 1)];
    for (let at = from; at < Math.min(ids.length, from + this.model.ngrams.order - 1); at++) {
      rows[at] = ngramRows(this.model.ngrams, ids, at);
    }
    return rows;
  }

  /** The pools of an LSTM of the last layer over the first 0, 1, … ids. */
  poolsBefore(place) {
    this.pools ??= [];
    this.pools[place] ??= this.growingPools(place, (read) => read);
    return this.pools[place];
  }

  /** The pools of an LSTM of the last layer over the ids from 0, 1, … on. */
  poolsAfter(place) {
    this.poolsOfRest ??= [];
    this.poolsOfRest[place] ??= this.growingPools(place, (read) => this.pass.ids.length - 1 - read).reverse();
    return this.poolsOfRest[place];
  }

  growingPools(place, positionOf) {
    const lstm = lastLayer(this.model)[place], pools = [new Pool(lstm.units)];
    for (let read = 0; read < this.pass.ids.length; read++) {
      const next = new Pool(lstm.units, pools[read]);
      next.add(this.pass.states[lstm.name].hidden, positionOf(read));
      pools.push(next);
    }
    return pools;
  }

  /** The memory of an LSTM before it reads the id at `index`: for one that reads backwards, after the following id. */
  memoryBefore(lstm, index) {
    const {hidden, cell, before} = this.pass.states[lstm.name], {units} = lstm;
    const source = lstm.direction === 'forward' ? index - 1 : index + 1;
    if (source < 0 || source >= this.pass.ids.length) return before;
    return {
      hidden: hidden.slice(source * units, (source + 1) * units),
      cell: cell.slice(source * units, (source + 1) * units),
    };
  }

  /** What each LSTM computed at each word; states are those after it. */
  traces() {
    const {model, pass, words} = this, first = pass.ids.length - words.length;
    return model.lstms.map(({name, units}) => {
      const {gates, cell, hidden} = pass.states[name], trace = {name, units};
      GATES.forEach((gate, place) => {
        trace[gate] = new Float32Array(words.length * units);
        for (let word = 0; word < words.length; word++) {
          const start = ((first + word) * 4 + place) * units;
          trace[gate].set(gates.subarray(start, start + units), word * units);
        }
      });
      trace.cell = Float32Array.from(cell.subarray(first * units));
      trace.hidden = Float32Array.from(hidden.subarray(first * units));
      return trace;
    });
  }

  /** The inputs of an LSTM at the id at `index`. */
  inputsOf(lstm, index) {
    const {model, pass} = this;
    if (lstm.layer === 0) return wordInputs(model, pass.ids[index], pass.rows?.[index - pass.padded]);
    const below = model.lstms.filter((each) => each.layer === lstm.layer - 1);
    return below.flatMap(({name, units}) => Array.from(pass.states[name].hidden.subarray(index * units, (index + 1) * units)));
  }
}

/** Two pools as one. */
function mergedPool(one, other) {
  return {
    maximum: one.maximum.map((value, unit) => Math.max(value, other.maximum[unit])),
    sum: one.sum.map((value, unit) => value + other.sum[unit]),
  };
}

/** The memory after the last word of a pass, of a forward LSTM. */
function lastMemory({cell, hidden}, units) {
  return {hidden: hidden.slice(-units), cell: cell.slice(-units)};
}

/** Whether two memories are equal up to `tolerance`. */
function isSame(one, other, tolerance) {
  const close = (values, others) => values.every((value, unit) => Math.abs(value - others[unit]) <= tolerance);
  return close(one.hidden, other.hidden) && close(one.cell, other.cell);
}

/** What is held, as `passWords` takes it: by LSTM, for the four gates of all units, the value or NaN. */
function heldUnits(model, holds) {
  const held = {};
  for (const {gate, value, unit = null, lstm: name = null} of holds) {
    for (const lstm of model.lstms.filter((each) => name === null || each.name === name)) {
      held[lstm.name] ??= new Float64Array(4 * lstm.units).fill(NaN);
      const first = GATES.indexOf(gate) * lstm.units;
      if (unit === null) held[lstm.name].fill(value, first, first + lstm.units);
      else held[lstm.name][first + unit] = value;
    }
  }
  return held;
}
