"""What `evaluate` does: choose labelled texts, predict them with each model, and measure the predictions.

A model is measured on texts that it was not trained on: the test part of its own data, or other data.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lstmctl.config import DataConfig
from lstmctl.data.columns import Example
from lstmctl.data.datasets import load, read_all
from lstmctl.data.sources import resolve_source
from lstmctl.errors import BadData, LstmctlError, NotFound, UsageError
from lstmctl.evaluation.baselines import label_indices, naive_bayes_accuracy
from lstmctl.evaluation.intervals import Comparison, compare_models
from lstmctl.evaluation.metrics import best_f1_threshold
from lstmctl.evaluation.report import Evaluation, measure
from lstmctl.evaluation.slices import slice_texts
from lstmctl.model.classifier import Classifier, Prediction
from lstmctl.model.text import normalise
from lstmctl.registry.artifact import ModelFolder
from lstmctl.scoring.pool import ParallelMap, map_texts

Part = Literal["test", "val"]
AutoF1 = Literal["auto:f1"]
_PART_NAMES = {"test": "test", "val": "validation"}


class LabelledTexts(NamedTuple):
    """Texts to measure models on."""

    examples: Sequence[Example]
    description: str
    config: DataConfig  # its `source` is where these texts come from
    part: Part | None  # of the models' own data; None: other data


def select_texts(
    folders: Sequence[ModelFolder], data: DataConfig | None, *, part: Part = "test", home: Path
) -> LabelledTexts:
    """The texts that models are measured on: of `data` its own test part if it has one, otherwise all texts. Where it
    is None, or the same data that the first model was trained on, a part of that.

    Raises:
        NotFound: the data does not exist. BadData: it changed since training, lacks the part, has labels that a model
        does not know, or the models were trained on different data.
    """
    texts, first = None, folders[0]
    if data is not None:
        config = replace(data, source=resolve_source(data.source))
        examples, sha256 = read_all(config, home=home)
        if sha256 != first.card.data_sha256:
            texts = LabelledTexts(examples, data.source, config, None)
    if texts is None:
        own = first.card.data, first.card.data_sha256
        if other := next((folder for folder in folders if (folder.card.data, folder.card.data_sha256) != own), None):
            raise BadData(
                f"{first.reference} and {other.reference} have different held-out texts",
                hint="--data names texts that neither was trained on",
            )
        texts = _read_part(first, part, home=home)
    for folder in folders:
        check_labels(texts.examples, folder.card.config.labels, model=folder.reference)
    return texts


def _read_part(folder: ModelFolder, part: Part, *, home: Path) -> LabelledTexts:
    """The test or validation part of the model's own data."""
    card = folder.card
    hint = f"lstmctl evaluate {folder.reference} --data FILE measures it on other texts"
    if card.data is None:
        raise NotFound(f"{folder.reference} was imported; its training data is unknown", hint=hint)
    try:
        dataset = load(card.data, home=home)
    except NotFound as error:
        raise NotFound(f"the data of {folder.reference} is gone: {error.message}", hint=hint) from error
    if dataset.sha256 != card.data_sha256:
        raise BadData(
            f"{card.data.source} has changed since {folder.reference} was trained on it",
            hint=f"lstmctl evaluate {folder.reference} --data {card.data.source} measures it as other data",
        )
    examples = {"test": dataset.test, "val": dataset.validation}[part]
    if not examples:
        raise BadData(f"the data of {folder.reference} has no {_PART_NAMES[part]} part", hint="name texts with --data")
    source = {"test": card.data.test_source, "val": card.data.val_source}[part] or card.data.source
    description = f"the {_PART_NAMES[part]} part of {dataset.name}"
    return LabelledTexts(examples, description, replace(card.data, source=source), part)


def check_labels(examples: Sequence[Example], labels: tuple[str, ...], *, model: str) -> None:
    """
    Raises:
        BadData: an example has a label that is not one of the model's `labels`.
    """
    unknown = sorted({example.label for example in examples} - set(labels))
    if unknown:
        row = next(example.row for example in examples if example.label == unknown[0])
        raise BadData(
            f'row {row}: {model} does not know the label "{unknown[0]}"; it knows {", ".join(labels)}',
            hint=" ".join(f"--rename-label '{label}=…'" for label in unknown[:3]),
        )


class LabelledPredictions(NamedTuple):
    """Predictions for labelled texts."""

    predictions: list[Prediction]
    probabilities: NDArray[np.float64]  # (texts, labels)
    truth: NDArray[np.int64]  # (texts,) indices of the true labels


def predict_examples(
    classifier: Classifier, examples: Sequence[Example], *, parallel_map: ParallelMap, threshold: float | None = None
) -> LabelledPredictions:
    """The predictions for examples, one or more, whose labels are the model's."""
    predict = partial(classifier.predict, threshold=threshold)
    predictions = map_texts(parallel_map, predict, [example.text for example in examples])
    probabilities = np.array([prediction.probabilities for prediction in predictions])
    return LabelledPredictions(predictions, probabilities, label_indices(examples, classifier.config.labels))


def predictions_on(
    folders: Sequence[ModelFolder], data: DataConfig | None, *, parallel_map: ParallelMap, home: Path
) -> tuple[list[LabelledPredictions], str]:
    """Each model's predictions for the texts that `select_texts` chooses, and a description of the texts."""
    examples, description, *_ = select_texts(folders, data, home=home)
    models = (folder.classifier() for folder in folders)
    return [predict_examples(model, examples, parallel_map=parallel_map) for model in models], description


@dataclass(frozen=True, kw_only=True)
class EvaluationRequest:
    """What to measure models on, and how."""

    data: DataConfig | None = None  # other labelled texts; None: a part of the models' own data
    part: Part = "test"  # of the models' own data
    threshold: float | AutoF1 | None = None  # "auto:f1": the one with the best F1 on the validation part
    by: str | None = None  # also measure slices: by "length", "unknown" words, or the values of a column
    worst: int = 0  # how many mistakes to list

    def check(self, folders: Sequence[ModelFolder]) -> None:
        """
        Raises:
            UsageError: a threshold for a model with more than two labels, or measured on the part it is chosen on.
        """
        if self.threshold is None:
            return
        for folder in folders:
            if (labels := len(folder.card.config.labels)) != 2:
                raise UsageError(f"--threshold is for models with two labels; {folder.reference} has {labels}")
        if self.threshold == "auto:f1" and self.part == "val":
            raise UsageError(
                "--threshold auto:f1 is chosen on the validation part, so it must not be measured there",
                hint="leave out --part val",
            )


class Mistake(NamedTuple):
    """A text whose predicted label is not the true one."""

    row: int
    label: str
    predicted: str
    probability: float  # of the predicted label
    text: str


class ModelEvaluation(NamedTuple):
    """One model on the texts."""

    reference: str
    evaluation: Evaluation
    correct: NDArray[np.bool_]  # (texts,)
    threshold: float | None
    baseline: float | None  # the accuracy of naive Bayes, where it is known
    trained_on: int  # texts that the model was trained on, which inflate its score
    slices: dict[str, Evaluation]
    worst: list[Mistake]  # the most confident first


class EvaluationResult(NamedTuple):
    """All models on the same texts, and each pair of them (first, second) compared."""

    description: str  # of the texts
    models: list[ModelEvaluation]
    comparisons: list[tuple[str, str, Comparison]]


def evaluate_models(
    folders: Sequence[ModelFolder], request: EvaluationRequest, *, parallel_map: ParallelMap, home: Path
) -> EvaluationResult:
    """Measure one or more models on the texts that the request names. `home` is that of the registry.

    Raises:
        UsageError: a threshold or slices that do not fit. And as `select_texts`.
    """
    request.check(folders)
    texts = select_texts(folders, request.data, part=request.part, home=home)
    models = [_evaluate_model(folder, texts, request, parallel_map=parallel_map, home=home) for folder in folders]
    comparisons = [
        (first.reference, second.reference, compare_models(first.correct, second.correct))
        for first, second in combinations(models, 2)
    ]
    return EvaluationResult(texts.description, models, comparisons)


def _evaluate_model(
    folder: ModelFolder, texts: LabelledTexts, request: EvaluationRequest, *, parallel_map: ParallelMap, home: Path
) -> ModelEvaluation:
    classifier, examples, threshold = folder.classifier(), texts.examples, request.threshold
    if isinstance(threshold, str):
        validation = select_texts([folder], None, part="val", home=home).examples
        _, probabilities, truth = predict_examples(classifier, validation, parallel_map=parallel_map)
        threshold = best_f1_threshold(probabilities[:, 1], truth)
    # In a thread: this process is nearly idle while others predict.
    with ThreadPoolExecutor(1) as executor:
        task = executor.submit(_naive_bayes_and_overlap, folder, texts, home=home)
        predictions, probabilities, truth = predict_examples(
            classifier, examples, parallel_map=parallel_map, threshold=threshold
        )
    baseline, trained_on = task.result()
    pairs = list(zip(examples, predictions, strict=True))
    mistakes = [
        Mistake(example.row, example.label, prediction.label, prediction.probability, example.text)
        for example, prediction in pairs
        if prediction.label != example.label
    ]
    slices = {} if request.by is None else slice_texts(request.by, examples, predictions, texts.config, home=home)
    config = classifier.config
    evaluate = partial(measure, labels=config.labels, threshold=threshold)
    return ModelEvaluation(
        folder.reference,
        evaluate(probabilities, truth, temperature=config.temperature),
        correct=np.array([prediction.label == example.label for example, prediction in pairs]),
        threshold=threshold,
        baseline=baseline,
        trained_on=trained_on,
        slices={name: evaluate(probabilities[indices], truth[indices]) for name, indices in slices.items()},
        worst=sorted(mistakes, key=lambda mistake: (-mistake.probability, mistake.row))[: request.worst],
    )


def _naive_bayes_and_overlap(folder: ModelFolder, texts: LabelledTexts, *, home: Path) -> tuple[float | None, int]:
    """The accuracy of naive Bayes on the texts, or None, and how many of them the model was trained on.

    On a part of the model's own data, as measured before training. On other texts, naive Bayes is fitted on the model's
    training texts, if they still exist unchanged.
    """
    card, dataset = folder.card, None
    if texts.part is not None:
        baselines: dict[str, dict[str, float]] = folder.metrics().get("baselines", {})
        return baselines.get("naive_bayes", {}).get(_PART_NAMES[texts.part]), 0
    with suppress(LstmctlError):
        dataset = load(card.data, home=home) if card.data is not None else None
    if dataset is None or dataset.sha256 != card.data_sha256:
        return None, 0
    trained_on = {normalise(example.text) for example in dataset.train}
    overlap = sum(normalise(example.text) in trained_on for example in texts.examples)
    return naive_bayes_accuracy(dataset.train, texts.examples, labels=card.config.labels), overlap
