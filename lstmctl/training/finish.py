"""From the weights of the chosen epoch to a model: calibrated, compared with Keras, measured, packed.

A model is registered only if NumPy, which will serve it, computes the same probabilities as Keras, which trained it.
"""

from dataclasses import replace
from typing import Any, NamedTuple

import keras
import numpy as np

from lstmctl.data.datasets import Dataset
from lstmctl.data.digests import MOST_ROWS, RowDigests
from lstmctl.data.word_ids import Ids
from lstmctl.errors import Disagreement
from lstmctl.evaluation.calibration import calibrate, folded
from lstmctl.evaluation.intervals import Comparison, compare_models
from lstmctl.evaluation.metrics import best_f1_threshold
from lstmctl.evaluation.report import Evaluation, measure
from lstmctl.model.classifier import Classifier, predicted_indices, softmax
from lstmctl.model.lstm import Floats
from lstmctl.registry.artifact import pack
from lstmctl.registry.card import ModelCard
from lstmctl.training import network as networks
from lstmctl.training.fit import Fit
from lstmctl.training.prepare import Plan

TOLERANCE = 1e-5  # largest difference of any probability between NumPy and Keras
SAMPLE = 64  # texts on which they are compared


class FinishedModel(NamedTuple):
    """A model that is ready to be registered."""

    files: dict[str, bytes]
    test: Evaluation | None  # None if the data has no test part
    vs_baseline: Comparison  # with the strongest baseline, on the test part, or on validation if there is none
    difference: float  # between NumPy and Keras
    temperature: float  # of the calibration; 1 without one


def finish_model(fitting: Fit, weights: dict[str, Floats], card: ModelCard) -> FinishedModel:
    """Calibrate the chosen weights, compare NumPy with Keras, measure, and pack. Raises as `check_agreement`."""
    plan = fitting.plan
    weights, temperature = _calibrate(weights, plan)
    networks.assign(fitting.network, plan.model, weights)
    tensors = plan.tensors(weights, temperature=temperature)
    classifier = Classifier(plan.model, plan.vocabulary, tensors)
    difference = check_agreement(fitting.network, classifier, plan)
    test, vs_baseline = _measure(classifier, plan, temperature=temperature)
    card, metrics = replace(card, config=replace(plan.model, temperature=temperature)), _metrics(plan, test)
    if plan.ngrams is not None and plan.model.positive is not None:
        ngrams = plan.validation_ngrams(temperature)
        scores = softmax(classifier.logits(plan.validation.ids, ngrams=ngrams))[:, 1]
        metrics["best_f1_threshold"] = best_f1_threshold(scores, plan.validation.truth)
    files = pack(
        card,
        vocabulary=plan.vocabulary,
        weights=tensors,
        metrics=metrics,
        history=fitting.state.history,
        digests=_digests(plan.data),
    )
    return FinishedModel(files, test, vs_baseline, difference, temperature)


def check_agreement(network: keras.Model, classifier: Classifier, plan: Plan) -> float:
    """The largest difference between the probabilities of NumPy and Keras on real texts of 0 to max_len words. Raises
    Disagreement if it is larger than TOLERANCE."""
    texts = sample_texts(plan.validation.ids, max_len=plan.model.max_len)
    ours, theirs = (
        classifier.probabilities(texts),
        networks.probabilities(network, networks.network_inputs(texts, classifier)),
    )
    difference = float(np.abs(ours - theirs).max())
    if not difference <= TOLERANCE:  # also true for NaN
        raise Disagreement(
            f"NumPy and Keras disagree about this model by {difference:.1e} (allowed: {TOLERANCE:g}); it was not saved",
            hint="this is a bug in lstmctl: please report it, with the output of pip list",
        )
    return difference


def sample_texts(texts: list[Ids], *, max_len: int) -> list[Ids]:
    """Texts of all lengths: empty, one word, evenly spaced ones of the given texts, and one of max_len words."""
    by_length = sorted(texts, key=len)
    indices = np.linspace(0, len(by_length) - 1, min(SAMPLE, len(by_length))).round().astype(int)
    chosen = [by_length[index] for index in indices]
    words = np.concatenate([*chosen, np.ones(1, np.int32)])
    return [words[:0], words[:1], *chosen, np.resize(words, max_len)]


def _calibrate(weights: dict[str, Floats], plan: Plan) -> tuple[dict[str, Floats], float]:
    """The weights with the temperature of `calibrate` on validation applied to the head, and that temperature.
    The epoch was chosen by its loss with the same rule."""
    if plan.training.calibration == "none":
        return weights, 1.0
    classifier = Classifier(plan.model, plan.vocabulary, plan.tensors(weights))
    logits = classifier.logits(plan.validation.ids, ngrams=plan.validation.ngrams)
    temperature, _ = calibrate(logits, plan.validation.truth)
    return folded(weights, temperature), temperature


def _measure(classifier: Classifier, plan: Plan, *, temperature: float) -> tuple[Evaluation | None, Comparison]:
    """The evaluation of the test part, and the comparison with the strongest baseline; without a test part, on
    validation."""
    name, part = ("test", plan.test) if plan.test.ids else ("validation", plan.validation)
    own = plan.validation_ngrams(temperature) if name == "validation" else None
    probabilities = softmax(classifier.logits(part.ids, ngrams=own))
    correct = predicted_indices(probabilities) == part.truth
    vs_baseline = compare_models(plan.baselines.predicted[plan.baselines.strongest][name] == part.truth, correct)
    if name != "test":
        return None, vs_baseline
    return measure(probabilities, part.truth, labels=plan.model.labels, temperature=temperature), vs_baseline


def _digests(data: Dataset) -> RowDigests | None:
    """The digests of all rows; None if they are too many to be kept."""
    parts = {"train": data.train, "validation": data.validation, "test": data.test}
    if sum(map(len, parts.values())) > MOST_ROWS:
        return None
    return RowDigests.of({part: (example.text for example in examples) for part, examples in parts.items()})


def _metrics(plan: Plan, test: Evaluation | None) -> dict[str, Any]:
    """The content of metrics.json."""
    metrics: dict[str, Any] = {"baselines": plan.baselines.to_dict()}
    if test is not None:
        metrics["test"] = measured = test.to_dict()
        for label, row in measured["confusion"].items():  # with many labels the table is large and nearly all zeros
            measured["confusion"][label] = {predicted: count for predicted, count in row.items() if count}
    return metrics
