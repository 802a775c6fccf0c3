"""A whole training run: fit, checkpoint each epoch, choose the epoch, check, measure, register."""

import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, Protocol

import keras

from lstmctl.classifier import Classifier
from lstmctl.config import TrainConfig
from lstmctl.evaluation import Evaluation, measure
from lstmctl.history import EpochRecord, best
from lstmctl.lstm import Floats
from lstmctl.registry.artifact import ModelCard, pack
from lstmctl.registry.checkpoints import Run, new_run_id
from lstmctl.registry.store import Registry
from lstmctl.training import agreement
from lstmctl.training import network as networks
from lstmctl.training.fit import Progress, fit
from lstmctl.training.prepare import Plan


class Watcher(Protocol):
    """Who wants to know how training goes. The program's screen is one; tests and Python users bring their own."""

    def progress(self, progress: Progress) -> None:
        """Some steps were made."""

    def epoch(self, record: EpochRecord, *, checkpoint: str) -> None:
        """An epoch was finished, validated and saved as the checkpoint with that path."""

    def checking(self) -> None:
        """The last epoch is over; the model is being checked, measured and registered."""


@dataclass(frozen=True)
class Trained:
    """What came of it. `test` is None where the data has no test part."""

    reference: str
    history: tuple[EpochRecord, ...]
    epoch: int
    test: Evaluation | None
    difference: float  # between NumPy and Keras
    seconds: float


def train(plan: Plan, registry: Registry, *, name: str, watcher: Watcher, command: Sequence[str] = ()) -> Trained:
    """Train as planned and register the model under `name`.

    Raises:
        AnsweredNo: training diverged.
        Disagreement: NumPy and Keras do not agree about the result.
    """
    started = time.monotonic()
    network = networks.build(plan.model, dropout=plan.training.dropout, seed=plan.training.seed)
    card = _card(plan, command=command)
    with Run.start(registry.home, new_run_id(name), _about(plan, name=name, command=command)) as run:
        history, weights, epoch = _fit(network, plan, card, run=run, watcher=watcher)
        watcher.checking()
        networks.assign(network, weights)
        classifier = Classifier(plan.model, plan.vocabulary, weights)
        difference = agreement.check(network, classifier, plan)
        test = _test(classifier, plan)
        seconds = time.monotonic() - started
        files = pack(
            replace(card, epoch=epoch, seconds=seconds),
            vocabulary=plan.vocabulary,
            weights=weights,
            metrics=_metrics(plan, test),
            history=history,
        )
        reference = registry.register(name, files)
        run.finish()
    return Trained(reference, history, epoch, test, difference, seconds)


def _fit(
    network: keras.Model, plan: Plan, card: ModelCard, *, run: Run, watcher: Watcher
) -> tuple[tuple[EpochRecord, ...], dict[str, Floats], int]:
    """Train, with a checkpoint after each epoch: all epochs, and the weights and number of the chosen one."""
    history: list[EpochRecord] = []
    chosen: dict[str, Floats] = {}
    epoch = 0
    for event in fit(network, plan):
        if isinstance(event, Progress):
            watcher.progress(event)
            continue
        history.append(event)
        weights = networks.weights(network)
        if plan.training.keep == "last" or best(history) is event:
            chosen, epoch = weights, event.epoch
        files = pack(
            replace(card, epoch=event.epoch, seconds=sum(record.seconds for record in history)),
            vocabulary=plan.vocabulary,
            weights=weights,
            metrics={},
            history=tuple(history),
        )
        checkpoint = run.save(
            event.epoch * plan.steps,
            files,
            state={"epoch": event.epoch, "epochs": plan.epochs},
            best_step=best(history).epoch * plan.steps,
        )
        watcher.epoch(event, checkpoint=str(checkpoint))
    return tuple(history), chosen, epoch


def _test(classifier: Classifier, plan: Plan) -> Evaluation | None:
    if not plan.test.ids:
        return None
    return measure(classifier.probabilities(plan.test.ids), plan.test.truth, labels=plan.model.labels)


def _metrics(plan: Plan, test: Evaluation | None) -> dict[str, Any]:
    floors = plan.floors
    stored: dict[str, Any] = {
        "floors": {
            "majority_label": floors.majority_label,
            "majority": floors.majority,
            "naive_bayes": floors.naive_bayes,
        }
    }
    if test is not None:
        stored["test"] = measured = test.to_dict()
        for label, row in measured["confusion"].items():  # with many labels the table is large, and nearly all zeros
            measured["confusion"][label] = {answer: count for answer, count in row.items() if count}
    return stored


def _card(plan: Plan, *, command: Sequence[str]) -> ModelCard:
    packages = ("lstmctl", "keras", "tensorflow", "numpy")
    return ModelCard(
        config=plan.model,
        data=plan.data.config,
        data_sha256=plan.data.sha256,
        rows={"train": len(plan.train), "validation": len(plan.validation), "test": len(plan.test)},
        training=_resolved(plan),
        epoch=1,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=0.0,
        command=tuple(command),
        versions={"python": platform.python_version()} | {package: version(package) for package in packages},
    )


def _resolved(plan: Plan) -> TrainConfig:
    return replace(plan.training, epochs=plan.epochs)


def _about(plan: Plan, *, name: str, command: Sequence[str]) -> dict[str, Any]:
    return {
        "name": name,
        "epochs": plan.epochs,
        "steps": plan.steps,
        "command": list(command),
        "data": plan.data.config.to_dict(),
        "data_sha256": plan.data.sha256,
        "training": _resolved(plan).to_dict(),
        "backend": keras.backend.backend(),
    }
