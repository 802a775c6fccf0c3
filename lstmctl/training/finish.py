"""From the weights of the chosen epoch to a model: calibrated, compared with Keras, measured, packed."""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lstmctl.calibration import best_temperature, folded
from lstmctl.classifier import Classifier, choose, probabilities
from lstmctl.comparison import Comparison, compare
from lstmctl.evaluation import Evaluation, measure
from lstmctl.lstm import Floats
from lstmctl.metrics import log_loss
from lstmctl.registry.artifact import ModelCard, pack
from lstmctl.training import agreement
from lstmctl.training import network as networks
from lstmctl.training.fit import Fit
from lstmctl.training.prepare import Plan


class Finished(NamedTuple):
    """A model that is ready to be registered; the other fields are those of `Trained`."""

    files: dict[str, bytes]
    test: Evaluation | None
    lead: Comparison
    difference: float
    temperature: float


def finished(fitting: Fit, weights: dict[str, Floats], card: ModelCard) -> Finished:
    """Calibrate the chosen weights, compare NumPy with Keras, measure, and pack.

    Raises:
        Disagreement: NumPy and Keras do not agree about the model.
    """
    plan = fitting.plan
    weights, temperature = _calibrated(weights, plan)
    networks.assign(fitting.network, plan.model, weights)
    classifier = Classifier(plan.model, plan.vocabulary, weights)
    difference = agreement.check(fitting.network, classifier, plan)
    test, lead = _measured(classifier, plan, temperature=temperature)
    files = pack(
        replace(card, config=replace(plan.model, temperature=temperature)),
        vocabulary=plan.vocabulary,
        weights=weights,
        metrics=_metrics(plan, test),
        history=fitting.state.history,
    )
    return Finished(files, test, lead, difference, temperature)


def _calibrated(weights: dict[str, Floats], plan: Plan) -> tuple[dict[str, Floats], float]:
    """The weights with a head that is as sure as it is right on the validation texts, and the temperature that did it;
    or as they were, with 1, where that is no better."""
    if plan.training.calibration == "none":
        return weights, 1.0

    truth = plan.validation.truth

    def judged(weights: dict[str, Floats]) -> tuple[NDArray[np.float64], float]:
        logits = Classifier(plan.model, plan.vocabulary, weights).logits(plan.validation.ids)
        return logits, log_loss(probabilities(logits), truth)

    logits, before = judged(weights)
    temperature = best_temperature(logits, truth)
    better = folded(weights, temperature)
    return (better, temperature) if judged(better)[1] < before else (weights, 1.0)


def _measured(classifier: Classifier, plan: Plan, *, temperature: float) -> tuple[Evaluation | None, Comparison]:
    """The test part's evaluation, and the lead over naive Bayes there; of the validation part where there is none."""
    name, part = ("test", plan.test) if plan.test.ids else ("validation", plan.validation)
    answers = classifier.probabilities(part.ids)
    lead = compare(plan.floors.answers[name] == part.truth, choose(answers) == part.truth)
    if name != "test":
        return None, lead
    return measure(answers, part.truth, labels=plan.model.labels, temperature=temperature), lead


def _metrics(plan: Plan, test: Evaluation | None) -> dict[str, Any]:
    floors = plan.floors
    stored: dict[str, Any] = {
        "floors": {
            "majority_label": floors.majority_label,
            "majority": floors.majority,
            "naive_bayes": floors.naive_bayes,
            "naive_bayes_f1": floors.naive_bayes_f1,
        }
    }
    if test is not None:
        stored["test"] = measured = test.to_dict()
        for label, row in measured["confusion"].items():  # with many labels the table is large, and nearly all zeros
            measured["confusion"][label] = {answer: count for answer, count in row.items() if count}
    return stored
