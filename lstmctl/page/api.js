// What the page offers to the console of the browser, and to tests: `const model = await lstmctl.readModel();
// lstmctl.read(model, lstmctl.encode(model, 'a good film')).probability`.

globalThis.lstmctl = {
  readModel, tokenize, encode, read, effects, unitContributions, stepNumbers, strongestWords, step, passWords, blocksOf,
  percents, pointsBetween, decisiveWords, rowStarts,
};
