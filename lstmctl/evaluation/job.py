"""One model measured on texts: what it answers, and what there is to say without asking it."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lstmctl.config import DataConfig
from lstmctl.data.columns import Example
from lstmctl.evaluation.baselines import naive_bayes_accuracy
from lstmctl.evaluation.labelled_texts import answers, own_part, training_texts
from lstmctl.evaluation.metrics import best_f1_threshold
from lstmctl.evaluation.report import Evaluation, measure
from lstmctl.evaluation.slices import slices
from lstmctl.model.classifier import predicted_labels
from lstmctl.model.text import normalise
from lstmctl.registry.artifact import ModelFolder
from lstmctl.scoring.pool import ParallelMap


class Mistake(NamedTuple):
    """A text that was answered wrong."""

    row: int
    label: str
    answer: str
    probability: float  # of the answer
    text: str


class Measured(NamedTuple):
    """A model and how it did on the texts."""

    folder: ModelFolder
    evaluation: Evaluation
    right: NDArray[np.bool_]  # (texts,)
    threshold: float | None
    baseline: float | None
    slices: dict[str, Evaluation]
    worst: list[Mistake]


AUTO = "auto:f1"


def measure_model(
    folder: ModelFolder,
    examples: Sequence[Example],
    *,
    each: ParallelMap,
    threshold: float | str | None,
    by: str | None,
    worst: int,
    config: DataConfig,
    part: str | None,
    home: Path,
) -> tuple[Measured, int]:
    """How a model does on texts, and how many of these it has learned from: on those, any score flatters.

    `threshold` may be "auto:f1". `by` names slices, for which `config` says where the texts are from; `part` is the
    part of the model's own data that they are, if any.
    """
    labels = folder.card.config.labels
    if threshold == AUTO:
        threshold = _best_threshold(folder, each=each, home=home)
    limit = None if threshold is None else float(threshold)
    # Beside the processes that answer: meanwhile this one has little to do.
    with ThreadPoolExecutor(1) as beside:
        other_view = beside.submit(_without_model, folder, examples, part=part, home=home)
        predictions, probabilities, truth = answers(folder, examples, each=each)
    baseline, known = other_view.result()
    answered = predicted_labels(probabilities, threshold=limit)
    parts = slices(by, examples, predictions, config, home=home) if by is not None else {}
    measured = Measured(
        folder,
        measure(probabilities, truth, labels=labels, threshold=limit, temperature=folder.card.config.temperature),
        right=answered == truth,
        threshold=limit,
        baseline=baseline,
        slices={
            name: measure(probabilities[places], truth[places], labels=labels, threshold=limit)
            for name, places in parts.items()
        },
        worst=_mistakes(examples, probabilities, answered, labels)[:worst],
    )
    return measured, known


def _best_threshold(folder: ModelFolder, *, each: ParallelMap, home: Path) -> float:
    """The threshold with the best F1 of the positive label on the model's validation part."""
    examples, _ = own_part(folder, part="val", home=home)
    _, probabilities, truth = answers(folder, examples, each=each)
    return best_f1_threshold(probabilities[:, 1], truth)


def _mistakes(
    examples: Sequence[Example], probabilities: NDArray[np.float64], answered: NDArray[np.intp], labels: tuple[str, ...]
) -> list[Mistake]:
    """All mistakes, the most confident first."""
    wrong = [
        Mistake(example.row, example.label, labels[answer], float(row[answer]), example.text)
        for example, row, answer in zip(examples, probabilities, answered, strict=True)
        if labels[answer] != example.label
    ]
    return sorted(wrong, key=lambda mistake: (-mistake.probability, mistake.row))


class _WithoutModel(NamedTuple):
    """What there is to know about texts without asking the model."""

    baseline: float | None  # the accuracy of naive Bayes
    known: int  # texts that the model has learned from


def _without_model(folder: ModelFolder, examples: Sequence[Example], *, part: str | None, home: Path) -> _WithoutModel:
    """Naive Bayes as measured before training on a part of the model's own data; or on other texts, learned from the
    model's training texts, if those are there."""
    if part is not None:
        baselines: dict[str, dict[str, float]] = folder.metrics().get("baselines", {})
        return _WithoutModel(baselines.get("naive_bayes", {}).get({"test": "test", "val": "validation"}[part]), 0)
    trained_on = training_texts(folder, home=home)
    if not trained_on:
        return _WithoutModel(None, 0)
    learned = {normalise(example.text) for example in trained_on}
    known = sum(normalise(example.text) in learned for example in examples)
    return _WithoutModel(naive_bayes_accuracy(trained_on, examples, labels=folder.card.config.labels), known)
