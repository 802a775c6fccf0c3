// The answers for longer and longer beginnings of a text, where one pass over the text does not give them: LSTMs that read
// backwards, and texts with padding in front, of which a longer text has less.
//
// From one beginning to the next only some states change: those after the new word, those of a backward LSTM before it,
// until it has forgotten the word, and those of a forward LSTM at the start, until it has forgotten the paddings. Only
// these are computed again.

class Prefixes {
  /** `question` is a Question; its words are read as far as `grow` says. */
  constructor(question) {
    const {model, start, words} = question;
    this.question = question;
    this.ids = [...start, ...words];
    this.rows = allNgramRows(model, this.ids);
    this.cutAt = question.cutBefore === null ? -1 : start.length + question.cutBefore;
    this.count = 0; // ids that are read
    this.sum = model.ngrams === null ? null : new NgramSum(model.ngrams);
    this.states = model.lstms.map((lstm) => ({
      lstm,
      before: {hidden: new Float64Array(lstm.units), cell: new Float64Array(lstm.units)},
      hidden: new Float64Array(this.ids.length * lstm.units),
      cell: new Float64Array(this.ids.length * lstm.units),
      changed: new Uint8Array(this.ids.length), // by the last growth
    }));
    // Of each LSTM of the last layer, the pools over the first 0, 1, … ids.
    this.pools = lastLayer(model).map((lstm) => [new Pool(lstm.units)]);
  }

  /** Read up to `words` words. */
  grow(words) {
    const {question} = this, {model} = question, count = question.start.length + words;
    if (this.sum) for (let index = this.count; index < count; index++) this.sum.add(this.rows[index]);
    this.before = question.padded ? question.memoryAfter(model.config.maxLen - count) : null;
    for (let layer = 0; layer < model.config.layers; layer++) {
      const below = this.states.filter((state) => state.lstm.layer === layer - 1);
      const own = this.states.filter((state) => state.lstm.layer === layer);
      for (const state of own) this.readAgain(state, below, count);
    }
    const last = this.states.slice(-this.pools.length);
    last.forEach((state, place) => {
      const pools = this.pools[place], first = state.changed.indexOf(1);
      for (let index = first < 0 ? count : first; index < count; index++) {
        pools[index + 1] = new Pool(state.lstm.units, pools[index]);
        pools[index + 1].add(state.hidden, index);
      }
    });
    this.count = count;
  }

  /** Compute the states of one LSTM that differ from those of the shorter text. */
  readAgain(state, below, count) {
    const {lstm, hidden, cell, changed} = state, {units} = lstm, forward = lstm.direction === 'forward';
    const before = this.before?.memories[lstm.name] ?? state.before;
    let differs = !isSame(before, state.before, FORGOTTEN); // the memory, from that of the shorter text
    state.before = before;
    changed.fill(0);
    const memory = {hidden: before.hidden.slice(), cell: before.cell.slice()};
    for (let read = 0; read < count; read++) {
      const index = forward ? read : count - 1 - read, at = index * units;
      const isNew = index >= this.count;
      if (!differs && !isNew && !below.some((each) => each.changed[index])) continue;
      const previous = forward ? index - 1 : index + 1;
      if (!differs && previous >= 0 && previous < count) {
        memory.hidden.set(hidden.subarray(previous * units, (previous + 1) * units));
        memory.cell.set(cell.subarray(previous * units, (previous + 1) * units));
      }
      if (index === this.cutAt) memory.cell.fill(0);
      this.readOne(lstm, below, index, memory);
      const stored = {hidden: hidden.subarray(at, at + units), cell: cell.subarray(at, at + units)};
      differs = isNew || !isSame(memory, stored, FORGOTTEN);
      if (differs) {
        stored.hidden.set(memory.hidden);
        stored.cell.set(memory.cell);
        changed[index] = 1;
      }
    }
  }

  /** One LSTM reads the id at `index`, in place. */
  readOne(lstm, below, index, memory) {
    const {model, held} = this.question, {packed, units} = lstm;
    const z = lstm.layer === 0 ? wordRow(model, lstm, this.ids[index]).slice() : packed.bias.slice();
    if (lstm.layer === 0 && model.config.ngramInputs) {
      addInputs(z, ngramInputs(model.ngrams, this.rows[index]), packed.kernel, model.config.embeddingDim);
    }
    below.forEach((state, place) => {
      addInputs(z, state.hidden.subarray(index * units, (index + 1) * units), packed.kernel, place * units);
    });
    readWord(z, memory.hidden, memory.cell, packed, held[lstm.name] ?? null);
  }

  /** The probabilities of all labels after the words that are read. */
  answer() {
    const {count, before, question} = this, {model} = question;
    const last = this.states.slice(-this.pools.length).map(({lstm, hidden, before: first}) => {
      const at = (lstm.direction === 'forward' ? count - 1 : 0) * lstm.units;
      return count === 0 ? first.hidden : hidden.subarray(at, at + lstm.units);
    });
    const pools = this.pools.map((each, place) => (
      before === null ? each[count] : mergedPool(each[count], before.pools[place])
    ));
    const inputs = headInputs(model, last, pools, question.padded ? model.config.maxLen : count);
    return headProbabilities(model, inputs, this.sum?.logits() ?? null);
  }
}
