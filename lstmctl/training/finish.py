"""From the weights of the chosen epoch to a model: calibrated, compared with Keras, measured, packed.

The check before a model is registered: NumPy, which will serve it, must answer what Keras answers.
"""

from dataclasses import replace
from typing import Any, NamedTuple

import keras
import numpy as np
from numpy.typing import NDArray

from lstmctl.data.word_ids import Ids
from lstmctl.errors import Disagreement
from lstmctl.evaluation.calibration import best_temperature, folded
from lstmctl.evaluation.intervals import Comparison, compare_models
from lstmctl.evaluation.metrics import log_loss
from lstmctl.evaluation.report import Evaluation, measure
from lstmctl.model.classifier import Classifier, predicted_indices, softmax
from lstmctl.model.lstm import Floats
from lstmctl.registry.artifact import pack
from lstmctl.registry.card import ModelCard
from lstmctl.training import network as networks
from lstmctl.training.fit import Fit
from lstmctl.training.prepare import Plan


class Finished(NamedTuple):
    """A model that is ready to be registered; the other fields are those of `Trained`."""

    files: dict[str, bytes]
    test: Evaluation | None
    vs_baseline: Comparison
    difference: float
    temperature: float


def finish_model(fitting: Fit, weights: dict[str, Floats], card: ModelCard) -> Finished:
    """Calibrate the chosen weights, compare NumPy with Keras, measure, and pack.

    Raises:
        Disagreement: NumPy and Keras do not agree about the model.
    """
    plan = fitting.plan
    weights, temperature = _calibrated(weights, plan)
    networks.assign(fitting.network, plan.model, weights)
    classifier = Classifier(plan.model, plan.vocabulary, weights)
    difference = check_agreement(fitting.network, classifier, plan)
    test, vs_baseline = _measured(classifier, plan, temperature=temperature)
    files = pack(
        replace(card, config=replace(plan.model, temperature=temperature)),
        vocabulary=plan.vocabulary,
        weights=weights,
        metrics=_metrics(plan, test),
        history=fitting.state.history,
    )
    return Finished(files, test, vs_baseline, difference, temperature)


def _calibrated(weights: dict[str, Floats], plan: Plan) -> tuple[dict[str, Floats], float]:
    """The weights with a head that is as sure as it is right on the validation texts, and the temperature that did it;
    or as they were, with 1, where that is no better."""
    if plan.training.calibration == "none":
        return weights, 1.0

    truth = plan.validation.truth

    def judged(weights: dict[str, Floats]) -> tuple[NDArray[np.float64], float]:
        logits = Classifier(plan.model, plan.vocabulary, weights).logits(plan.validation.ids)
        return logits, log_loss(softmax(logits), truth)

    logits, before = judged(weights)
    temperature = best_temperature(logits, truth)
    better = folded(weights, temperature)
    return (better, temperature) if judged(better)[1] < before else (weights, 1.0)


def _measured(classifier: Classifier, plan: Plan, *, temperature: float) -> tuple[Evaluation | None, Comparison]:
    """The test part's evaluation, and the comparison with naive Bayes; on validation where there is no test part."""
    name, part = ("test", plan.test) if plan.test.ids else ("validation", plan.validation)
    answers = classifier.probabilities(part.ids)
    vs_baseline = compare_models(plan.baselines.predicted[name] == part.truth, predicted_indices(answers) == part.truth)
    if name != "test":
        return None, vs_baseline
    return measure(answers, part.truth, labels=plan.model.labels, temperature=temperature), vs_baseline


def _metrics(plan: Plan, test: Evaluation | None) -> dict[str, Any]:
    baselines = plan.baselines
    stored: dict[str, Any] = {
        "baselines": {
            "majority_label": baselines.majority_label,
            "majority": baselines.majority,
            "naive_bayes": baselines.naive_bayes,
            "naive_bayes_f1": baselines.naive_bayes_f1,
        }
    }
    if test is not None:
        stored["test"] = measured = test.to_dict()
        for label, row in measured["confusion"].items():  # with many labels the table is large, and nearly all zeros
            measured["confusion"][label] = {answer: count for answer, count in row.items() if count}
    return stored


TOLERANCE = 1e-5  # largest difference of any probability
TEXTS = 64


def check_agreement(network: keras.Model, classifier: Classifier, plan: Plan) -> float:
    """The largest difference between the two forward passes on real texts of 0 to max_len words.

    Raises:
        Disagreement: it is larger than TOLERANCE.
    """
    texts = sample_texts(plan.validation.ids, max_len=plan.model.max_len)
    ours, theirs = classifier.probabilities(texts), networks.probabilities(network, networks.pad(texts, plan.model))
    difference = float(np.abs(ours - theirs).max())
    if not difference <= TOLERANCE:  # also true for NaN
        raise Disagreement(
            f"NumPy and Keras disagree about this model by {difference:.1e} (allowed: {TOLERANCE:g}); it was not saved",
            hint="this is a bug in lstmctl: please report it, with what pip list prints",
        )
    return difference


def sample_texts(texts: list[Ids], *, max_len: int) -> list[Ids]:
    """Texts of all lengths: none, one word, evenly spaced ones of the given texts, and one of max_len words."""
    by_length = sorted(texts, key=len)
    places = np.linspace(0, len(by_length) - 1, min(TEXTS, len(by_length))).round().astype(int)
    chosen = [by_length[place] for place in places]
    words = np.concatenate([*chosen, np.ones(1, np.int32)])
    return [words[:0], words[:1], *chosen, np.resize(words, max_len)]
