"""From a request to a registered model: plan, fit, save checkpoints, choose the epoch, check, measure, register.

Importing this module does not import TensorFlow; training does. Nothing here prints: a `Watcher` gets the reports.
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lstmctl.data.bad_rows import BadRows, skip_offered
from lstmctl.data.datasets import Dataset, load, read_unlabelled
from lstmctl.data.dividing import Notice
from lstmctl.errors import Interrupted, Signalled
from lstmctl.history import EpochRecord
from lstmctl.model.lstm import Floats
from lstmctl.process import signal_number, signals_deferred
from lstmctl.registry import runs
from lstmctl.registry.card import ModelCard
from lstmctl.registry.store import Registry
from lstmctl.training.framework import BackgroundImport, check_installed, use_threads, versions
from lstmctl.training.prepare import Plan, ordered_labels, prepare
from lstmctl.training.request import TrainingRequest

if TYPE_CHECKING:
    from lstmctl.training.finish import FinishedModel
    from lstmctl.training.fit import Fit, Progress

SAVE_EVERY = 30.0  # seconds between two checkpoints within an epoch


class Watcher:
    """The reports of a run, in order. These do nothing; a subclass overrides those that it shows."""

    def waiting(self, activity: str) -> AbstractContextManager[None]:
        """A context around an activity that can take seconds, such as "reading the texts"."""
        return nullcontext()

    def warning(self, text: str, *, hint: str | None = None) -> None:
        """Something the user should know, and what to do about it."""

    def data(self, data: Dataset, *, unlabelled: int) -> None:
        """The texts were read; `unlabelled` is the number of unlabelled texts."""

    def plan(self, plan: Plan, *, reference: str, origins: Mapping[str, str]) -> None:
        """The run is planned. `reference` is that of the future model; `origins` say where each setting is from."""

    def training(self) -> AbstractContextManager[None]:
        """A context around training, checking and registering."""
        return nullcontext()

    def resumed(self, history: Sequence[EpochRecord], progress: "Progress", *, damaged: Sequence[str]) -> None:
        """A run continues after these epochs; `damaged` describes newer checkpoints that could not be used."""

    def progress(self, progress: "Progress") -> None:
        """Some steps are done."""

    def epoch(self, record: EpochRecord) -> None:
        """An epoch is finished, validated and saved."""

    def checking(self) -> None:
        """The last epoch is over; the model is being checked, measured and registered."""


@dataclass(frozen=True)
class Trained:
    """The result of a run."""

    plan: Plan
    reference: str
    history: tuple[EpochRecord, ...]
    epoch: int  # that became the model
    seconds: float
    kernel: str  # which LSTM trained it: see `forward.kernel_name`
    model: "FinishedModel"


def run_training(request: TrainingRequest, registry: Registry, *, watcher: Watcher, preload: bool = False) -> Trained:
    """Train a model and register it, or resume a run.

    `preload` loads TensorFlow while the texts are read. It continues after an error, so this is only for a program that
    then ends.

    Raises as `train`, and UsageError: settings that do not fit the data. BadData: texts that cannot be used.
    MissingExtra: TensorFlow or Keras is not installed.
    """
    check_installed()
    reference = registry.next_reference(request.name)
    registry.prepare_for_writing()
    framework = BackgroundImport() if preload else None
    if request.run is not None:
        for change in request.run.changed_versions(versions()):
            watcher.warning(f"{change}: the last digits of the result may differ from those of an uninterrupted run")
    plan = make_plan(request, registry, watcher=watcher)
    watcher.plan(plan, reference=reference, origins=request.origins_in(plan))
    with watcher.waiting("loading TensorFlow"):
        (framework or BackgroundImport()).wait()
    with watcher.training():
        return train(plan, request, registry, watcher=watcher)


def make_plan(request: TrainingRequest, registry: Registry, *, watcher: Watcher, vectors: bool = True) -> Plan:
    """Read the texts and learn the vocabulary; for a resumed run, check that both are unchanged.

    `vectors=False` skips word vectors, as does a run that has a checkpoint.
    """
    with watcher.waiting("reading the texts"):
        bad_texts = BadRows()
        with skip_offered():
            dataset = load(request.data, home=registry.home)
            unlabelled = read_unlabelled(request.data, bad_rows=bad_texts)
    if bad_texts.count:
        left_out = {**dataset.left_out, "unlabelled texts that cannot be read": bad_texts.count}
        warnings = (*dataset.warnings, Notice(bad_texts.describe()))
        dataset = replace(dataset, left_out=left_out, warnings=warnings)
    run = request.run
    if run is None:
        labels = ordered_labels(dataset.labels, positive=request.positive)
    else:
        run.check_data(dataset)
        labels = run.labels
    watcher.data(dataset, unlabelled=len(unlabelled))
    for text, hint in dataset.warnings:
        watcher.warning(text, hint=hint)
    if request.run_id is not None and runs.list_checkpoints(registry.home, request.run_id):
        vectors = False
    plan = prepare(
        dataset,
        request.training,
        labels=labels,
        home=registry.home,
        unlabelled=unlabelled,
        vectors=vectors,
        waiting=watcher.waiting,
    )
    if run is not None:
        run.check_vocabulary(plan)
    return plan


def train(plan: Plan, request: TrainingRequest, registry: Registry, *, watcher: Watcher) -> Trained:
    """Train the plan of a request and register the model. A resumed run ends with exactly the weights that it would
    have had without the interruption. TensorFlow must be loaded.

    Raises:
        TrainingDiverged: the loss is no longer a number. Disagreement: NumPy and Keras disagree about the result.
        Interrupted: a signal came; after the first step, the run is saved. Busy: another process trains this run.
        NotFound: no such run. Rejected: none of its checkpoints can be used.
    """
    import tensorflow as tf

    from lstmctl.training import checkpoint, forward
    from lstmctl.training import network as networks
    from lstmctl.training.finish import finish_model
    from lstmctl.training.fit import Fit

    training = plan.training
    threads = use_threads(training.threads)
    kernel = forward.kernel_name(tf.config.list_physical_devices("GPU"), ensemble_size=plan.ensemble_size)
    groups = max(1, min(threads, training.batch_size // 16))  # a smaller group takes as long as one of 16
    with signals_deferred():  # TensorFlow does not survive an exception everywhere while it builds the network
        fitting = Fit(networks.start(plan), plan, read=forward.kernel(kernel, parts=groups))
    card = _new_card(plan, request)
    if request.run_id is not None:
        run = runs.TrainingRun.resume(registry.home, request.run_id)
    else:
        settings = request.run_settings(plan, threads=threads, versions=card.versions)
        run = runs.TrainingRun.start(registry.home, runs.new_run_id(request.name), settings.to_dict())
    with run:
        if request.run_id is not None:
            damaged = checkpoint.restore(fitting, run)
            watcher.resumed(fitting.state.history, fitting.progress(), damaged=damaged)
        try:
            weights, epoch = _fit(fitting, card, run=run, watcher=watcher)
            watcher.checking()
            model = finish_model(fitting, weights, replace(card, epoch=epoch, seconds=fitting.seconds))
        except (KeyboardInterrupt, Signalled) as interrupt:
            raise _interrupted(interrupt, run, fitting) from None
        try:
            with signals_deferred():
                # A run may have been killed between these two steps.
                reference = registry.find_registered(request.name, model.files) if request.run_id else None
                reference = reference or registry.register(request.name, model.files)
                run.finish()
        except (KeyboardInterrupt, Signalled) as interrupt:
            message = f"stopped; {reference} is registered"
            raise Interrupted(signal_number(interrupt), message, hint="lstmctl models list") from None
    return Trained(plan, reference, fitting.state.history, epoch, fitting.seconds, kernel, model)


def _fit(fitting: "Fit", card: ModelCard, *, run: runs.TrainingRun, watcher: Watcher) -> tuple[dict[str, Floats], int]:
    """Train, with a checkpoint per epoch and every `SAVE_EVERY` seconds; weights and number of the chosen epoch."""
    from lstmctl.training import checkpoint

    saved, saved_at = time.monotonic(), fitting.done
    chosen = checkpoint.chosen_weights(fitting, run)
    try:
        for event in fitting:
            if isinstance(event, EpochRecord):
                if checkpoint.chosen_epoch(fitting) is event:
                    chosen = fitting.weights()
            else:
                watcher.progress(event)
            if isinstance(event, EpochRecord) or time.monotonic() - saved >= SAVE_EVERY:
                with signals_deferred():
                    checkpoint.save(fitting, run, card)
                    saved, saved_at = time.monotonic(), fitting.done
            if isinstance(event, EpochRecord):
                watcher.epoch(event)
    except (KeyboardInterrupt, Signalled):
        if fitting.done > saved_at:
            with signals_deferred():
                checkpoint.save(fitting, run, card)
        raise
    return chosen, checkpoint.chosen_epoch(fitting).epoch


def _interrupted(interrupt: BaseException, run: runs.TrainingRun, fitting: "Fit") -> Interrupted:
    number, state = signal_number(interrupt), fitting.state
    if not fitting.done:
        return Interrupted(number, "stopped before the first step", hint="run the same command again")
    where = f"epoch {state.epoch}, step {state.sums.steps:,}" if state.sums.steps else f"epoch {len(state.history)}"
    hint = f"lstmctl train --resume --run {run.run_id}"
    return Interrupted(number, f"stopped after {where}; progress is saved", hint=hint)


def _new_card(plan: Plan, request: TrainingRequest) -> ModelCard:
    """The card of the model; epoch and seconds are filled in when they are known."""
    return ModelCard(
        config=plan.model,
        data=plan.data.config,
        data_sha256=plan.data.sha256,
        rows={"train": len(plan.train), "validation": len(plan.validation), "test": len(plan.test)},
        training=replace(plan.training, epochs=plan.epochs),
        epoch=1,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=0.0,
        command=request.command,
        versions=versions(),
        skipped=plan.data.skipped,
    )
