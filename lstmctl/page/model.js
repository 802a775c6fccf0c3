// A trained model: word ids → embedding and n-grams → LSTM → head → probabilities, as lstmctl/model/classifier.py.
//
// `passWords` reads a sequence once. What follows from it for parts of the sequence is explain.js.

const PADDING = 0;

/** The model in this page. Throws an Error with a sentence for the user if the browser is too old. */
async function readModel() {
  if (typeof DecompressionStream === 'undefined') throw new Error('This page needs a browser of 2023 or later.');
  const header = JSON.parse(document.getElementById('model').textContent);
  const packed = fromBase64(document.getElementById('weights').textContent);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'));
  return buildModel(header, await new Response(stream).arrayBuffer());
}

/** Bytes from base64; browsers before 2025 have no function of their own for it. */
function fromBase64(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const characters = atob(text), bytes = new Uint8Array(characters.length);
  for (let index = 0; index < bytes.length; index++) bytes[index] = characters.charCodeAt(index);
  return bytes;
}

/** The model of a header and its data: `header.parts` says where each tensor and the vocabulary are (see html.py). */
function buildModel(header, data) {
  const {config} = header;
  const part = (name) => readPart(header.parts[name], data);
  const words = part('vocabulary');
  const model = {
    name: header.name,
    examples: header.examples,
    text: header.text,
    holds: header.holds,
    config,
    words,
    rounded: Object.values(header.parts).some(({type}) => type === 'int8'), // of a small page
    vocabulary: new Map(words.map((word, index) => [word, FIRST_WORD + index])),
    embedding: part('embedding'),
    lstms: [],
    headKernel: part('head.kernel'),
    headBias: part('head.bias'),
    ngrams: null,
    memo: new Map(), // what depends on the model alone, or on it and what is held
  };
  let inputs = config.embeddingDim + config.ngramInputs;
  for (let layer = 0; layer < config.layers; layer++) {
    for (const direction of config.directions) {
      const name = `lstm.${layer}.${direction}`, {units} = config;
      const [kernel, recurrent, bias] = ['kernel', 'recurrent_kernel', 'bias'].map((each) => part(`${name}.${each}`));
      const matrices = {};
      ['input', 'forget', 'candidate', 'output'].forEach((gate, place) => { // the order of Keras
        const [columns, end] = [4 * units, (place + 1) * units];
        const own = (packed) => packed.filter((_, index) => index % columns >= place * units && index % columns < end);
        matrices[gate] = {kernel: own(kernel), recurrent: own(recurrent), bias: own(bias)};
      });
      // Pools are kept only where the head reads them.
      const pooledUnits = config.pools.length > 1 ? units : 0;
      const lstm = {name, layer, direction, inputs, units, pooledUnits, matrices};
      model.lstms.push({...lstm, packed: pack(lstm), rows: new Map()});
    }
    inputs = config.units * config.directions.length;
  }
  if (config.ngramOrder) {
    model.ngrams = {
      order: config.ngramOrder,
      outputs: config.outputs,
      inputs: config.ngramInputs,
      low: part('ngrams.low'),
      high: part('ngrams.high'),
      weights: part('ngrams.weights'),
      scale: part('ngrams.scale')[0],
      bias: Float64Array.from(part('ngrams.bias')),
    };
  }
  return model;
}

/** One part of the data: numbers, or the words of the vocabulary. The bytes of numbers are stored plane by plane. */
function readPart({offset, bytes, type, count, columns}, data) {
  const source = new Uint8Array(data, offset, bytes);
  if (type === 'words') {
    const text = new TextDecoder().decode(source);
    return text === '' ? [] : text.split('\n');
  }
  if (type === 'int8') { // a row of numbers, after the scales of all rows
    const rows = count / columns;
    const scales = new Float32Array(unshuffled(source.subarray(0, 4 * rows), 4).buffer);
    const values = new Int8Array(data, offset + 4 * rows, count);
    return Float32Array.from(values, (value, index) => value * scales[Math.floor(index / columns)]);
  }
  const width = {float32: 4, uint32: 4, float16: 2}[type];
  const {buffer} = unshuffled(source, width);
  if (type === 'float32') return new Float32Array(buffer);
  if (type === 'float16') return Float32Array.from(new Uint16Array(buffer), float16);
  return new Uint32Array(buffer);
}

/** First bytes of all numbers, second bytes, … → the bytes of each number together. */
function unshuffled(planes, width) {
  const result = new Uint8Array(planes.length), count = planes.length / width;
  for (let plane = 0; plane < width; plane++) {
    for (let index = 0; index < count; index++) result[index * width + plane] = planes[plane * count + index];
  }
  return result;
}

/** The number with these 16 bits. */
function float16(bits) {
  const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 0x1f, fraction = bits & 0x3ff;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}

/** (4·units,): what a word contributes to the gates of an LSTM of the first layer. Computed when it first occurs. */
function wordRow(model, lstm, id) {
  let row = lstm.rows.get(id);
  if (row === undefined) {
    const {embeddingDim} = model.config;
    row = lstm.packed.bias.slice();
    addInputs(row, model.embedding.subarray(id * embeddingDim, (id + 1) * embeddingDim), lstm.packed.kernel, 0);
    lstm.rows.set(id, row);
  }
  return row;
}

/** (inputs,): what an LSTM of the first layer reads at a word. */
function wordInputs(model, id, rows) {
  const {embeddingDim, ngramInputs: more} = model.config;
  const inputs = new Float32Array(embeddingDim + more);
  inputs.set(model.embedding.subarray(id * embeddingDim, (id + 1) * embeddingDim));
  if (more) inputs.set(ngramInputs(model.ngrams, rows), embeddingDim);
  return inputs;
}

/**
 * Read a sequence of word ids, layer by layer.
 * @param ngramRows for each id the rows of its n-grams; null without n-grams
 * @param held by name of an LSTM, as for `readWord`
 * @param cutAt every cell state is set to 0 before the id at this position is read; -1: never
 * @param from read from this position on, which all LSTMs reach with `memories` (forward LSTMs only); `to`: up to this one
 * @returns by name of an LSTM: gates (ids, 4·units), cell and hidden (ids, units) after each id from `from` on, and
 *   `before`, the memory before it
 */
function passWords(model, ids, rows, {held = {}, cutAt = -1, from = 0, to = ids.length, memories = null} = {}) {
  const count = to - from, states = {};
  let below = []; // the hidden states of the layer below, by direction
  for (let layer = 0; layer < model.config.layers; layer++) {
    const own = model.lstms.filter((lstm) => lstm.layer === layer);
    for (const lstm of own) {
      const {units} = lstm, forward = lstm.direction === 'forward';
      const before = memories?.[lstm.name] ?? {hidden: new Float64Array(units), cell: new Float64Array(units)};
      const hidden = before.hidden.slice(), cell = before.cell.slice();
      const state = {
        before,
        gates: new Float64Array(count * 4 * units),
        cell: new Float64Array(count * units),
        hidden: new Float64Array(count * units),
      };
      for (let read = 0; read < count; read++) {
        const index = forward ? read : count - 1 - read;
        const z = state.gates.subarray(index * 4 * units, (index + 1) * 4 * units);
        if (layer === 0) {
          z.set(wordRow(model, lstm, ids[from + index]));
          if (model.config.ngramInputs) {
            addInputs(z, ngramInputs(model.ngrams, rows[from + index]), lstm.packed.kernel, model.config.embeddingDim);
          }
        } else {
          z.set(lstm.packed.bias);
          below.forEach((values, place) => {
            addInputs(z, values.subarray(index * units, (index + 1) * units), lstm.packed.kernel, place * units);
          });
        }
        if (from + index === cutAt) cell.fill(0);
        readWord(z, hidden, cell, lstm.packed, held[lstm.name] ?? null);
        state.cell.set(cell, index * units);
        state.hidden.set(hidden, index * units);
      }
      states[lstm.name] = state;
    }
    below = own.map((lstm) => states[lstm.name].hidden);
  }
  return states;
}

/** The rows of the n-grams at each word; null if the model has none. */
function allNgramRows(model, ids) {
  return model.ngrams === null ? null : ids.map((_, position) => ngramRows(model.ngrams, ids, position));
}

/** The LSTMs of the last layer. */
function lastLayer(model) {
  return model.lstms.filter((lstm) => lstm.layer === model.config.layers - 1);
}

/** Maximum (at least 0) and sum of the hidden states of one LSTM, over more and more words. */
class Pool {
  constructor(units, start = null) {
    this.maximum = start?.maximum.slice() ?? new Float64Array(units);
    this.sum = start?.sum.slice() ?? new Float64Array(units);
  }

  add(hidden, index) {
    const units = this.sum.length;
    for (let unit = 0, at = index * units; unit < units; unit++, at++) {
      const value = hidden[at];
      if (value > this.maximum[unit]) this.maximum[unit] = value;
      this.sum[unit] += value;
    }
  }
}

/** (inputs of the head,) from the last hidden state and the pool of each LSTM of the last layer; `words` were read. */
function headInputs(model, last, pools, words) {
  const {pools: kinds} = model.config, result = [];
  for (const kind of kinds) {
    last.forEach((hidden, place) => {
      const {maximum, sum} = pools[place];
      if (kind === 'last') result.push(...hidden);
      else result.push(...(kind === 'max' ? maximum : sum.map((value) => value / Math.max(words, 1))));
    });
  }
  return result;
}

/** (labels,): probabilities from the inputs of the head and the logits of the n-grams (null: none). */
function headProbabilities(model, inputs, ngramLogits) {
  const logits = Array.from(plus(times(inputs, model.headKernel), model.headBias));
  const all = ngramLogits === null ? logits : logits.map((value, output) => value + ngramLogits[output]);
  return Object.assign(softmax(all), {logits: all});
}

/** ln(P / (1 − P)) of the label with this index, from logits (outputs,): exact where P rounds to 1. */
function logOdds(logits, index) {
  if (logits.length === 1) return index === 1 ? logits[0] : -logits[0];
  const others = Array.from(logits).filter((_, other) => other !== index), largest = Math.max(...others);
  return logits[index] - largest - Math.log(others.reduce((sum, logit) => sum + Math.exp(logit - largest), 0));
}

/** Logits (outputs,) → probabilities (labels,); one output is the logit of the second of two labels. */
function softmax(logits) {
  if (logits.length === 1) {
    const positive = sigmoid(logits[0]);
    return [1 - positive, positive];
  }
  const largest = Math.max(...logits), exponentials = logits.map((logit) => Math.exp(logit - largest));
  const sum = exponentials.reduce((total, value) => total + value, 0);
  return exponentials.map((value) => value / sum);
}

/** The index of the most probable label; of equally probable ones the later. */
function predictedIndex(probabilities) {
  return probabilities.lastIndexOf(Math.max(...probabilities));
}
