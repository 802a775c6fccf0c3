"""The program from Python: `import lstmctl; lstmctl.load("imdb@1").predict(["great movie"])`.

The same models, settings and results as on the command line. Only `train` needs TensorFlow, and loads it when called.
Errors are subclasses of `lstmctl.errors.LstmctlError`, whose `hint` says what to do.
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from lstmctl import recipes
from lstmctl.errors import UsageError
from lstmctl.evaluation.report import Evaluation, measure
from lstmctl.model.classifier import Classifier
from lstmctl.model.explanation import Explanation
from lstmctl.model.explanation import explain as explain_text
from lstmctl.model.strings import strings
from lstmctl.registry.home import default_home
from lstmctl.registry.store import Registry

Home = str | Path | None  # of the registry; None: LSTMCTL_HOME, or the user's data folder


def models(*, home: Home = None) -> list[str]:
    """References of all models, newest first, such as `["imdb@2", "imdb@1"]`."""
    return [entry.reference for entry in _registry(home).entries()]


def load(reference: str | None = None, *, home: Home = None) -> Classifier:
    """A model, ready to predict. None: LSTMCTL_MODEL, or the newest model.

    `.predict("one text")` returns a `Prediction`: its label, the label's probability, the probabilities of all labels
    (`.probabilities["pos"]`), and how much of the text was read. `.predict(texts)` returns a list of them, for texts in
    a list, an array, or a column of a data frame. `.labels` are the model's labels.

    Raises:
        UsageError: not a valid reference. NotFound: no such model. Rejected: it is damaged or hostile.
    """
    return _registry(home).resolve(reference or os.environ.get("LSTMCTL_MODEL")).classifier()


def explain(model: Classifier, text: str, *, label: str | None = None) -> Explanation:
    """How a model reads a text: probability after each word, effect of each word, gates and states of every unit.

    The numbers are about `label`; None: the positive label, or of more than two the predicted one.
    Raises UsageError if the text is not one string, or if the model has no such label.
    """
    if not isinstance(text, str):
        message = f"explain takes one string, not {type(text).__name__}"
        raise UsageError(message, hint="[lstmctl.explain(model, text) for text in texts]")
    return explain_text(model, text, label=label)


def evaluate(model: Classifier, texts: Iterable[str], labels: Iterable[str]) -> Evaluation:
    """Measure a model on texts whose labels are known: `.metrics["accuracy"]` has value, low and high.

    Texts and labels are lists, arrays, or columns of a data frame.

    Raises:
        UsageError: no texts, or not one label for each text; or a whole data frame. BadData: a text or a label that is
        missing or no string, or a label that is not one of the model's.
    """
    from lstmctl.data.columns import Example
    from lstmctl.evaluation.job import predict_examples
    from lstmctl.evaluation.selection import check_labels

    texts, labels = strings(texts), strings(labels, what="labels")
    if not texts or len(texts) != len(labels):
        raise UsageError(f"there are {len(texts)} texts, but {len(labels)} labels", hint="pass one label for each text")
    examples = [Example(row, text, label) for row, (text, label) in enumerate(zip(texts, labels, strict=True), start=1)]
    config = model.config
    check_labels(examples, config.labels, model="the model")
    _, probabilities, truth = predict_examples(model, examples, parallel_map=map)
    return measure(probabilities, truth, labels=config.labels, temperature=config.temperature)


def train(
    data: str | Path | Sequence[str | Path] = "imdb",
    *,
    name: str | None = None,
    recipe: str = recipes.DEFAULT,
    positive: str | None = None,
    home: Home = None,
    **settings: Any,
) -> str:
    """Train a model and register it; returns its reference. Prints nothing.

    data      the name of a data set, or a file or folder with labelled texts; or several of them.
    settings  fields of `DataConfig` and `TrainConfig`: epochs=3, text_column="review", unlabelled="more.jsonl".

    Raises:
        UsageError: an unknown setting or a value that is not possible. As `training.job.run_training`.
    """
    from lstmctl.training.job import Watcher, run_training
    from lstmctl.training.request import new_request

    paths = [data] if isinstance(data, str | os.PathLike) else data
    if not isinstance(paths, list | tuple) or not all(isinstance(path, str | os.PathLike) for path in paths):
        message = f"data is the name of a data set, a file or a folder, not {type(data).__name__}"
        raise UsageError(message, hint='frame.to_csv("reviews.csv", index=False) makes a file of a data frame')
    request = new_request(recipe=recipe, name=name, positive=positive, **{"source": data, **settings})
    return run_training(request, _registry(home), watcher=Watcher()).reference


def _registry(home: Home) -> Registry:
    return Registry(default_home(str(home) if home is not None else None, os.environ))
