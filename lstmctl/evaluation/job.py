"""What `evaluate` does: predict the labels of texts that a model was not trained on, and measure the predictions.

Which texts these are is decided in `selection.py`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import combinations, pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lstmctl.config import DataConfig
from lstmctl.data.bad_rows import BadRows, skip_offered
from lstmctl.data.columns import ColumnNames, Example, column_text
from lstmctl.data.sources import open_source
from lstmctl.errors import UsageError
from lstmctl.evaluation.baselines import TITLES, label_indices, naive_bayes_accuracy
from lstmctl.evaluation.intervals import Comparison, compare_models
from lstmctl.evaluation.metrics import best_f1_threshold
from lstmctl.evaluation.report import Evaluation, measure
from lstmctl.evaluation.selection import (
    PART_NAMES,
    Choice,
    LabelledTexts,
    Part,
    select_texts,
    trained_rows,
    training_data,
)
from lstmctl.model.classifier import Classifier, Prediction, predicted_indices
from lstmctl.registry.artifact import ModelFolder
from lstmctl.scoring.pool import ParallelMap, ParallelMapContext, map_texts

AutoF1 = Literal["auto:f1"]
_MOST_VALUES = 20  # of a column; texts with rarer values form one slice
_BLOCK = 1_000  # texts whose n-grams are looked up at a time
_OTHERS = "(others)"
_UNKNOWN = {"none": 0.0, "up to 2 %": 0.02, "up to 5 %": 0.05, "up to 20 %": 0.2, "more": 1.0}  # proportion of words


class LabelledPredictions(NamedTuple):
    """Predictions for labelled texts."""

    predictions: list[Prediction]
    probabilities: NDArray[np.float64]  # (texts, labels)
    truth: NDArray[np.int64]  # (texts,) indices of the true labels


def predict_examples(
    classifier: Classifier, examples: Sequence[Example], *, parallel_map: ParallelMap, threshold: float | None = None
) -> LabelledPredictions:
    """The predictions for examples, one or more, whose labels are the model's."""
    predict = partial(classifier.predict_list, threshold=threshold)
    predictions = map_texts(parallel_map, predict, [example.text for example in examples])
    probabilities = np.array([prediction.probabilities for prediction in predictions])
    return LabelledPredictions(predictions, probabilities, label_indices(examples, classifier.config.labels))


def predictions_on(
    folders: Sequence[ModelFolder], data: DataConfig | None, *, parallel_map: ParallelMap, home: Path
) -> tuple[list[LabelledPredictions], str]:
    """Each model's predictions for the texts that `select_texts` chooses, and a description of the texts."""
    examples, description, *_ = select_texts(folders, Choice(data=data), home=home)
    models = (folder.classifier() for folder in folders)
    return [predict_examples(model, examples, parallel_map=parallel_map) for model in models], description


@dataclass(frozen=True, kw_only=True)
class EvaluationRequest:
    """What to measure models on, and how."""

    data: DataConfig | None = None  # other labelled texts; None: a part of the models' own data
    part: Part = "test"  # of the models' own data
    only_new: bool = False  # leave out rows that a model was trained on
    unknown_labels: Literal["stop", "drop"] = "stop"  # rows with labels that a model does not know
    threshold: float | AutoF1 | None = None  # "auto:f1": the one with the best F1 on the validation part
    by: str | None = None  # also measure slices: by "length", "unknown" words, or the values of a column
    worst: int = 0  # how many mistakes to list

    @property
    def choice(self) -> Choice:
        """The texts to measure on."""
        return Choice(data=self.data, part=self.part, only_new=self.only_new, unknown_labels=self.unknown_labels)

    def check(self, folders: Sequence[ModelFolder]) -> None:
        """Raise UsageError if the threshold is for more than two labels, or measured on the part it is chosen on."""
        for folder in folders:
            if self.threshold is not None and (labels := len(folder.card.config.labels)) != 2:
                raise UsageError(f"--threshold is for models with two labels; {folder.reference} has {labels}")
        if self.threshold == "auto:f1" and self.part == "val":
            message = "--threshold auto:f1 is chosen on the validation part, so it must not be measured there"
            raise UsageError(message, hint="leave out --part val")


class Mistake(NamedTuple):
    """A text whose predicted label is not the true one."""

    row: int
    label: str
    predicted: str
    probability: float  # of the predicted label
    text: str
    file: str = ""  # where there are several


class ModelEvaluation(NamedTuple):
    """One model on the texts."""

    reference: str
    evaluation: Evaluation
    correct: NDArray[np.bool_]  # (texts,)
    threshold: float | None
    baselines: dict[str, float]  # accuracies by name, as in `baselines.TITLES`, of those that are known
    trained_on: int | None  # texts that the model was trained on, which inflate its score; None: not known
    slices: dict[str, Evaluation]
    worst: list[Mistake]  # the most confident first


class EvaluationResult(NamedTuple):
    """All models on the same texts, and each pair of them (first, second) compared."""

    description: str  # of the texts
    models: list[ModelEvaluation]
    comparisons: list[tuple[str, str, Comparison]]
    notes: tuple[str, ...] = ()  # about how the texts were chosen
    left_out: Mapping[str, int] = MappingProxyType({})  # rows of the data that were not measured: reason → number
    bad_rows: BadRows | None = None  # that were skipped, of data that the user names
    readings: tuple[str, ...] = ()  # how files were recognised, where that is not as usual

    @property
    def rows_left_out(self) -> dict[str, int]:
        """All rows of the data that were not measured: reason → number of rows."""
        return {**(self.bad_rows.kinds if self.bad_rows is not None else {}), **self.left_out}


def evaluate_models(
    folders: Sequence[ModelFolder], request: EvaluationRequest, *, pool: ParallelMapContext, home: Path
) -> EvaluationResult:
    """Measure one or more models on the texts that the request names. `home` is that of the registry.

    `pool` is entered when the texts have been read. Raises UsageError for a threshold or slices that do not fit, and
    as `select_texts` and `open_pool`.
    """
    request.check(folders)
    with skip_offered():
        texts = select_texts(folders, request.choice, home=home)
    with pool as parallel_map:
        models = [_evaluate_model(folder, texts, request, parallel_map=parallel_map, home=home) for folder in folders]
    comparisons = [
        (first.reference, second.reference, compare_models(first.correct, second.correct))
        for first, second in combinations(models, 2)
    ]
    return EvaluationResult(
        texts.description,
        models,
        comparisons,
        texts.notes,
        texts.left_out,
        texts.bad_rows,
        texts.readings,
    )


def _evaluate_model(
    folder: ModelFolder, texts: LabelledTexts, request: EvaluationRequest, *, parallel_map: ParallelMap, home: Path
) -> ModelEvaluation:
    classifier, examples, threshold = folder.classifier(), texts.examples, request.threshold
    predict = partial(predict_examples, classifier, parallel_map=parallel_map)
    if isinstance(threshold, str):
        # A model with n-grams knows the validation texts: `train` has chosen the threshold, out of fold.
        threshold = folder.metrics().get("best_f1_threshold")
        if threshold is None:
            choice = Choice(data=request.data if texts.own else None, part="val")
            validation = select_texts([folder], choice, home=home).examples
            _, probabilities, truth = predict(validation)
            threshold = best_f1_threshold(probabilities[:, 1], truth)
    with ThreadPoolExecutor(1) as executor:  # this process is nearly idle while others predict
        task = executor.submit(_baselines_and_overlap, folder, classifier, texts, home=home)
        predictions, probabilities, truth = predict(examples, threshold=threshold)
    baselines, trained_on = task.result()
    pairs = list(zip(examples, predictions, strict=True))
    mistakes = [
        Mistake(example.row, example.label, prediction.label, prediction.probability, example.text, example.file)
        for example, prediction in pairs
        if prediction.label != example.label
    ]
    slices = {} if request.by is None else _slice_texts(request.by, texts, predictions, home=home)
    config = classifier.config
    evaluate = partial(measure, labels=config.labels, threshold=threshold)
    return ModelEvaluation(
        folder.reference,
        evaluate(probabilities, truth, temperature=config.temperature),
        correct=np.array([prediction.label == example.label for example, prediction in pairs]),
        threshold=threshold,
        baselines=baselines,
        trained_on=trained_on,
        slices={name: evaluate(probabilities[indices], truth[indices]) for name, indices in slices.items()},
        worst=sorted(mistakes, key=lambda mistake: (-mistake.probability, mistake.row))[: request.worst],
    )


def _baselines_and_overlap(
    folder: ModelFolder, classifier: Classifier, texts: LabelledTexts, *, home: Path
) -> tuple[dict[str, float], int | None]:
    """The accuracies of the baselines on the texts, and how many of them the model was trained on, which includes the
    validation texts if it has n-grams.

    On a part of the model's own data, as measured before training. On other texts, those that can be had: the model's
    n-grams alone, and naive Bayes, fitted on the model's training texts if they still exist unchanged.
    """
    card = folder.card
    if texts.part is not None:
        measured: dict[str, Any] = folder.metrics().get("baselines", {})
        part = PART_NAMES[texts.part]
        known = len(texts.examples) if part == "validation" and card.config.ngram_order else 0
        return {name: measured[name][part] for name in TITLES if part in measured.get(name, {})}, known
    baselines = _ngrams_alone(classifier, texts.examples)
    dataset = training_data(folder, home=home)
    trained = trained_rows(folder, texts.examples, data=dataset)
    overlap = None if trained is None else int(trained.sum())
    if dataset is None:
        return baselines, overlap
    labels, tokenizer = card.config.labels, card.config.tokenizer
    bayes = naive_bayes_accuracy(dataset.train, texts.examples, labels=labels, tokenizer=tokenizer)
    return {"naive_bayes": bayes, **baselines}, overlap


def _ngrams_alone(classifier: Classifier, examples: Sequence[Example]) -> dict[str, float]:
    """{"ngrams": the accuracy of the model's n-grams without its LSTM}; empty if it has none."""
    if classifier.ngrams is None or not examples:
        return {}
    right = 0
    for start in range(0, len(examples), _BLOCK):
        block = examples[start : start + _BLOCK]
        probabilities = classifier.ngram_probabilities([classifier.encode(example.text).ids for example in block])
        assert probabilities is not None  # noqa: S101  # it has n-grams
        predicted = predicted_indices(probabilities)
        right += int((predicted == label_indices(block, classifier.config.labels)).sum())
    return {"ngrams": right / len(examples)}


# --- the slices of --by ------------------------------------------------------------------------------------------


def _slice_texts(
    by: str, texts: LabelledTexts, predictions: Sequence[Prediction], *, home: Path
) -> dict[str, list[int]]:
    """The name of each slice and the indices of its texts, in the order in which slices are shown.

    `by` is "length", "unknown", or a column. Raises UsageError if the source of the texts has no such column.
    """
    readings = [prediction.reading for prediction in predictions]
    if by == "length":
        return _by_length([reading.words for reading in readings])
    if by == "unknown":
        proportions = [len(reading.unknown) / max(1, reading.words) for reading in readings]
        names = [next(name for name, most in _UNKNOWN.items() if proportion <= most) for proportion in proportions]
        return _group("unknown words: ", names, list(_UNKNOWN))
    values = _read_column(by, texts.config, home=home)
    names = [values.get((example.file, example.row, example.text), "") for example in texts.examples]
    frequent = [value for value, _ in Counter(names).most_common(_MOST_VALUES)]
    names = [name if name in frequent else _OTHERS for name in names]
    return _group(f"{by}=", names, [*sorted(frequent), _OTHERS])


def _by_length(words: Sequence[int]) -> dict[str, list[int]]:
    """Quartiles of the number of words; fewer slices where quartiles coincide."""
    ends = sorted({int(end) for end in np.quantile(words, [0.25, 0.5, 0.75, 1], method="lower")})
    ranges = [(last + 1, end) for last, end in pairwise([-1, *ends])]
    names = [f"{end:,} words" if start == end else f"{start:,}–{end:,} words" for start, end in ranges]
    return _group("", [names[int(np.searchsorted(ends, count))] for count in words], names)


def _group(prefix: str, names: Sequence[str], order: Sequence[str]) -> dict[str, list[int]]:
    """The indices of each name that occurs, by name with a prefix."""
    groups: dict[str, list[int]] = {name: [] for name in order}
    for index, name in enumerate(names):
        groups[name].append(index)
    return {prefix + name: indices for name, indices in groups.items() if indices}


def _read_column(name: str, config: DataConfig, *, home: Path) -> dict[tuple[str, int, str], str]:
    """The value of another column, by file, row number and text."""
    columns = ColumnNames.of(config, keep=True)
    skip = BadRows() if config.bad_rows == "skip" else None  # they were counted when the texts were chosen
    source = open_source(config.sources, columns, home=home, skip_bad_row=skip)
    if not source.has_columns:
        raise UsageError(f"--by {name}: {source.name} has no columns", hint="--by length or --by unknown")
    values = {}
    for _, row in source.rows:
        fields = row.columns or {}
        if name not in fields:
            raise UsageError(f"--by {name}: no such column", hint=f"the columns are {', '.join(fields)}")
        values[row.file, row.row, row.text] = column_text(fields[name])
    return values
