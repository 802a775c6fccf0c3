// Start: read the model, make the app, hand each view its section.

async function main() {
  const model = await readModel();
  document.title = `${model.name} · an LSTM reads`;
  const app = createApp(model, textInAddress() ?? model.text ?? model.examples[0] ?? '');
  const views = [
    ['text', viewText],
    ['words', viewWords],
    ['heatmap', viewHeatmap],
    ['cell', viewCell],
    ['matrices', viewMatrices],
    ['what-if', viewWhatIf],
    ['pair', viewPair],
    ['export', viewExport],
  ];
  describeModel(model);
  for (const [name, view] of views) view(document.getElementById(name), app);
  followAddress(app);
  document.body.dataset.ready = 'true';
}

/** The line above the title and the one at the end of the page. */
function describeModel(model) {
  const {config} = model;
  const parameters = counted(config.parameters, 'parameter');
  const layers = model.lstms.length > 1 ? `${model.lstms.length} LSTMs of ` : '';
  const labels = config.labels.length > 4 ? `one of ${config.labels.length} labels` : config.labels.join(' or ');
  document.getElementById('about-model').textContent =
    `${model.name} · ${layers}${config.units} units · ${parameters} · answers ${labels}`;
  document.getElementById('colophon').textContent =
    `Made with lstmctl. The ${model.rounded ? '' : 'whole '}model is in this file, ${parameters}; it needs no network and sends nothing.` +
    (model.rounded
      ? ' Its weights are rounded to make the file small (--small): its numbers differ a little from those of lstmctl predict.'
      : '');
}

main().catch((error) => {
  document.body.dataset.ready = 'failed';
  document
    .querySelector('main')
    .replaceChildren(
      element('p', {class: 'panel', role: 'alert'}, `This page cannot show its model: ${error.message}`),
    );
  throw error;
});
