// How a model reads a text, word by word, as lstmctl/model/explanation.py and lstmctl/model/what_if.py.
//
// The running probability after word t is the prediction for the first t words; the effect of a word is the prediction
// for all words minus that without it. Both are ordinary predictions for other texts, which question.js makes.

const SLICE_MS = 8; // of work in one go, before the page may redraw

/**
 * How the model reads a text.
 * @param options label (of all probabilities; null: the positive label, or the predicted one of more than two), holds,
 *   cutBefore (null: never), traces (whether to return them)
 */
function read(model, encoded, {label = null, holds = [], cutBefore = null, traces = true} = {}) {
  const question = new Question(model, encoded, holds, cutBefore);
  const {config} = model, {words} = encoded, running = question.running();
  const probabilities = running[words.length];
  const predicted = config.labels[predictedIndex(probabilities)];
  const explained = label ?? config.positive ?? predicted, index = config.labels.indexOf(explained);
  const byNgrams = model.ngrams === null ? null : softmax(Array.from(question.ngramLogits()));
  return {
    ...encoded,
    label: explained,
    predicted,
    predictedProbability: Math.max(...probabilities),
    probabilities,
    probability: probabilities[index],
    start: running[0][index],
    running: Float64Array.from(running.slice(1), (values) => values[index]),
    ngrams: byNgrams === null ? null : byNgrams[index],
    traces: traces ? question.traces() : [],
    question,
  };
}

/**
 * The effect of each word on the probability of a label; its property `logOdds` has those on the log-odds. Works in slices, between which the page can redraw.
 * @param control signal (an AbortSignal: the promise is rejected with its reason), onProgress(done, words)
 */
async function effects(model, encoded, options = {}, {signal = null, onProgress = null} = {}) {
  const reading = read(model, encoded, {...options, traces: false});
  const index = model.config.labels.indexOf(reading.label);
  const result = new Float64Array(encoded.words.length);
  result.logOdds = new Float64Array(encoded.words.length);
  let until = performance.now() + SLICE_MS;
  for (let word = 0; word < result.length; word++) {
    if (performance.now() > until) {
      onProgress?.(word, result.length);
      await nextTask();
      until = performance.now() + SLICE_MS;
    }
    signal?.throwIfAborted();
    const without = reading.question.without(word);
    result[word] = reading.probability - without[index];
    result.logOdds[word] = logOdds(reading.probabilities.logits, index) - logOdds(without.logits, index);
  }
  onProgress?.(result.length, result.length);
  return result;
}

/** A promise for the next task: after pending input and drawing had their turn. */
function nextTask() {
  return new Promise((resolve) => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => {
      channel.port1.close();
      resolve();
    };
    channel.port2.postMessage(null);
  });
}

/**
 * (units,): what each unit of an LSTM adds to the answer, for sorting. In the last layer, the size of what it adds to the
 * log-odds of the label; below, of what it adds to the layer above.
 */
function unitContributions(model, reading, name) {
  const lstm = model.lstms.find((each) => each.name === name), {units, layer} = lstm;
  if (layer + 1 === model.config.layers) return unitLogOdds(model, reading, name).map(Math.abs);
  const result = new Float64Array(units), {hidden} = reading.question.pass.states[name];
  const place = model.lstms.filter((each) => each.layer === layer).indexOf(lstm);
  for (const above of model.lstms.filter((each) => each.layer === layer + 1)) {
    for (let unit = 0; unit < units; unit++) {
      let squares = 0, size = 0;
      for (let column = 0; column < 4 * units; column++) {
        squares += above.packed.kernel[(place * units + unit) * 4 * units + column] ** 2;
      }
      for (let at = unit; at < hidden.length; at += units) size += Math.abs(hidden[at]);
      result[unit] += Math.sqrt(squares) * size;
    }
  }
  return result;
}

/**
 * (units,): what each unit of an LSTM of the last layer adds to the log-odds of the label. With more than two labels, what
 * it adds to the logits of the others counts by their probabilities: log-odds are not linear in these, that is their slope.
 */
function unitLogOdds(model, reading, name) {
  const lstms = lastLayer(model), place = lstms.findIndex((each) => each.name === name), {units} = lstms[place];
  const result = new Float64Array(units), {pass} = reading.question, {length} = pass.ids, {outputs} = model.config;
  const pools = lstms.map((each, index) => new Pool(each.pooledUnits, pass.before?.pools[index]));
  lstms.forEach((each, index) => {
    for (let at = 0; at < length; at++) pools[index].add(pass.states[each.name].hidden, at);
  });
  const inputs = headInputs(model, lstms.map((each) => reading.question.lastHidden(pass, each, length)), pools, pass.paddings + length);
  const index = model.config.labels.indexOf(reading.label);
  const others = reading.probabilities.reduce((sum, value, other) => (other === index ? sum : sum + value), 0);
  const share = (output) => (others > 0 ? reading.probabilities[output] / others : 1 / (outputs - 1));
  const weightOf = outputs === 1
    ? (weights) => (index === 1 ? weights[0] : -weights[0])
    : (weights) => weights.reduce((sum, weight, output) => sum + (output === index ? weight : -share(output) * weight), 0);
  model.config.pools.forEach((_, kind) => {
    for (let unit = 0; unit < units; unit++) {
      const row = (kind * lstms.length + place) * units + unit;
      result[unit] += weightOf(model.headKernel.subarray(row * outputs, (row + 1) * outputs)) * inputs[row];
    }
  });
  return result;
}

/** The two or three units of the last layer that add most to the log-odds of the label. */
function strongestUnits(model, reading) {
  const shares = lastLayer(model).flatMap(({name}) =>
    Array.from(unitLogOdds(model, reading, name), (value, unit) => ({lstm: name, unit, log_odds: value})),
  );
  return strongestWords(shares.map((share) => share.log_odds)).map((index) => shares[index]);
}

/** The numbers of one unit at one word, as `step` computes them. */
function stepNumbers(model, reading, name, word, unit) {
  const {question} = reading, lstm = model.lstms.find((each) => each.name === name);
  const index = question.pass.ids.length - question.words.length + word;
  const before = question.memoryBefore(lstm, index);
  const isCut = question.cutBefore === word;
  const memory = {hidden: before.hidden, cell: isCut ? before.cell.map(() => 0) : before.cell};
  const packed = question.held[name];
  const held = packed === undefined ? {} : Object.fromEntries(
    GATES.map((gate, place) => [gate, packed.subarray(place * lstm.units, (place + 1) * lstm.units)]),
  );
  const result = step(question.inputsOf(lstm, index), memory, lstm.matrices, held);
  const own = (values) => Object.fromEntries(GATES.map((gate) => [gate, values[gate][unit]]));
  return {
    ...own(result.gates),
    cellBefore: memory.cell[unit],
    hiddenBefore: memory.hidden[unit],
    cell: result.memory.cell[unit],
    hidden: result.memory.hidden[unit],
    preActivations: own(result.preActivations),
  };
}

/** The indices of the two or three strongest words, as lstmctl.model.explanation.strongest_words. */
function strongestWords(effects) {
  const order = Array.from(effects, (_, index) => index).filter((index) => effects[index] !== 0);
  order.sort((one, other) => Math.abs(effects[other]) - Math.abs(effects[one]) || one - other);
  const strongest = order.slice(0, 3);
  if (strongest.length === 3 && Math.abs(effects[strongest[2]]) < Math.abs(effects[strongest[1]]) / 2) strongest.pop();
  return strongest;
}
