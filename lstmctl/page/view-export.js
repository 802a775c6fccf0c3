// Panel 7: take it with you: a picture, the numbers, a link.

function viewExport(root, app) {
  const status = element('p', {class: 'note', role: 'status'});
  const link = element('input', {
    class: 'field link',
    type: 'text',
    readonly: true,
    'aria-label': 'Link to this sentence',
    hidden: true,
  });
  const button = (label, action, id) =>
    element(
      'button',
      {
        class: 'button',
        type: 'button',
        id,
        onClick: () => action().then((text) => (status.textContent = text), failed),
      },
      label,
    );
  const failed = (error) => {
    status.textContent = `That did not work: ${error.message}`;
    throw error;
  };
  const name = () => `${app.model.name.replace(/[^\p{L}\p{N}.-]+/gu, '-')}-explained`;

  async function saveSvg() {
    const picture = await pictureOf(app);
    _save(new Blob([picture.text], {type: 'image/svg+xml'}), `${name()}.svg`);
    return 'Saved the picture as SVG: sharp at every size.';
  }

  async function savePng() {
    const picture = await pictureOf(app);
    _save(await rasterOf(picture, 2), `${name()}.png`);
    return 'Saved the picture as PNG.';
  }

  async function saveJson() {
    const text = `${JSON.stringify(await explanationOf(app))}\n`;
    _save(new Blob([text], {type: 'application/json'}), `${name()}.json`);
    return 'Saved all numbers as JSON, with the fields of “lstmctl predict --explain --json --all-units”.';
  }

  async function copyLink() {
    const address = location.href.split('#')[0] + addressOf(app.state.text);
    const held = heldInShort(app).join(', ');
    const only = held && ` It has the sentence only, not what is changed in the network: ${held}.`;
    try {
      await navigator.clipboard.writeText(address);
      link.hidden = true;
      return `Copied. The link opens this page with this sentence, where the file is.${only}`;
    } catch {
      link.value = address; // a file opened from disk may not write to the clipboard
      link.hidden = false;
      link.select();
      return `Copy the selected link.${only}`;
    }
  }

  root.append(
    element('h2', {}, 'Take it with you: a picture, every number, or a link.'),
    element('p', {class: 'note'}, 'The picture shows the answer, the words and the heat map above, on white.'),
    element(
      'div',
      {class: 'export-buttons'},
      button('Picture (SVG)', saveSvg, 'save-svg'),
      button('Picture (PNG)', savePng, 'save-png'),
      button('Numbers (JSON)', saveJson, 'save-json'),
      button('Copy link', copyLink, 'copy-link'),
    ),
    link,
    status,
  );
}

function _save(blob, name) {
  const address = URL.createObjectURL(blob);
  element('a', {href: address, download: name}).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/** Resolves with the effects of what is shown, once they are computed. */
function effectsOf(app) {
  if (app.effects) return Promise.resolve(app.effects);
  return new Promise((resolve) => {
    app.subscribe((changed) => changed.has('effects') && resolve(app.effects));
  });
}

/**
 * What `predict --explain --json --all-units` writes for this text. If the cell is cut, which only the page can do, also
 * `cell_cut_before`, the number of the word from 1.
 */
async function explanationOf(app) {
  const wordEffects = await effectsOf(app);
  const {model, reading, state} = app;
  const {traces} = reading;
  const lastLayer = traces[traces.length - 1].name.replace(/\.[^.]*$/, '.');
  const last = traces.filter((trace) => trace.name.startsWith(lastLayer));
  const changes = new Map(traces.map((trace) => [trace.name, cellChanges(model, reading, trace)]));
  const rows = (values, units, word) => Array.from(values.subarray(word * units, (word + 1) * units), _single);
  const mean = (numbers) => _single(numbers.reduce((sum, number) => sum + number, 0) / numbers.length);
  const overUnits = (values, word) =>
    mean(last.flatMap((trace) => Array.from(values(trace).subarray(word * trace.units, (word + 1) * trace.units))));
  const words = reading.words.map((word, index) => ({
    word,
    known: reading.known[index],
    forget: overUnits((trace) => trace.forget, index),
    input: overUnits((trace) => trace.input, index),
    output: overUnits((trace) => trace.output, index),
    cell_change: overUnits((trace) => changes.get(trace.name).map(Math.abs), index),
    probability: reading.running[index],
    effect: wordEffects[index],
    effect_log_odds: wordEffects.logOdds[index],
    units: Object.fromEntries(
      traces.map((trace) => [
        trace.name,
        Object.fromEntries([
          ...['forget', 'input', 'candidate', 'output', 'cell', 'hidden'].map((name) => [
            name,
            rows(trace[name], trace.units, index),
          ]),
          ['cell_change', rows(changes.get(trace.name), trace.units, index)],
        ]),
      ]),
    ),
  }));
  return {
    schema: 'lstmctl.explanation/1',
    row: 1,
    text: state.text,
    label: reading.predicted,
    probability: reading.predictedProbability,
    probabilities: Object.fromEntries(model.config.labels.map((label, index) => [label, reading.probabilities[index]])),
    explains: reading.label,
    start: reading.start,
    ngrams: reading.ngrams,
    strongest_units: strongestUnits(model, reading).map((unit) => ({...unit, log_odds: _single(unit.log_odds)})),
    held: state.holds.map(({gate, value, unit = null, lstm = null}) => ({gate, value, unit, lstm})),
    words,
    cut: reading.cut,
    model: model.name,
    ...(state.cutBefore === null ? {} : {cell_cut_before: state.cutBefore + 1}),
  };
}

/** The cell state after each word minus the one before it, in the order of reading; like the trace's arrays. */
function cellChanges(model, reading, trace) {
  const {units, cell, name} = trace;
  const words = reading.words.length;
  const backward = name.endsWith('.backward');
  const changes = new Float32Array(cell.length);
  for (let word = 0; word < words; word += 1) {
    const before = backward ? word + 1 : word - 1;
    for (let unit = 0; unit < units; unit += 1) {
      const at = word * units + unit;
      const isFirst = before < 0 || before >= words;
      changes[at] =
        cell[at] - (isFirst ? stepNumbers(model, reading, name, word, unit).cellBefore : cell[before * units + unit]);
    }
  }
  return changes;
}

/** A float32 in the seven digits that it has. */
function _single(value) {
  return Number(value.toPrecision(7));
}
