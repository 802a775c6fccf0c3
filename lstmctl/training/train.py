"""A planned training run: fit, save checkpoints, choose the epoch, check, measure, register."""

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from lstmctl.errors import Interrupted, Signalled
from lstmctl.history import EpochRecord, best
from lstmctl.model.lstm import Floats
from lstmctl.process import signal_number, signals_deferred
from lstmctl.registry.card import ModelCard
from lstmctl.registry.runs import TrainingRun, new_run_id
from lstmctl.registry.store import Registry
from lstmctl.training import checkpoint, forward, framework
from lstmctl.training import network as networks
from lstmctl.training.finish import FinishedModel, finish_model
from lstmctl.training.fit import Fit
from lstmctl.training.prepare import Plan
from lstmctl.training.request import TrainingRequest
from lstmctl.training.resume import RunSettings
from lstmctl.training.watcher import Watcher

RESUME = "lstmctl train --resume --run"
SAVE_EVERY = 30.0  # seconds between two checkpoints within an epoch


@dataclass(frozen=True)
class Trained:
    """The result of a run."""

    plan: Plan
    reference: str
    history: tuple[EpochRecord, ...]
    epoch: int  # that became the model
    seconds: float
    kernel: str  # which LSTM trained it: see `forward.kernel_name`
    model: FinishedModel


def train(plan: Plan, request: TrainingRequest, registry: Registry, *, watcher: Watcher) -> Trained:
    """Train the plan of a request and register the model. A resumed run ends with exactly the weights that it would
    have had without the interruption.

    Raises:
        TrainingDiverged: the loss is no longer a number. Disagreement: NumPy and Keras disagree about the result.
        Interrupted: a signal came; after the first step, the run is saved. Busy: another process trains this run.
        NotFound: no such run. Rejected: none of its checkpoints can be used.
    """
    training = plan.training
    threads = framework.use_threads(training.threads)
    kernel = forward.kernel_name(framework.gpus(), ensemble_size=training.ensemble_size)
    groups = max(1, min(threads, training.batch_size // 16))  # a smaller group takes as long as one of 16
    fitting = Fit(networks.start(plan), plan, read=forward.kernel(kernel, parts=groups))
    card = _card(plan, request)
    with _open_run(plan, request, registry, threads=threads, card=card) as run:
        if request.run_id is not None:
            damaged = checkpoint.restore(fitting, run)
            watcher.resumed(fitting.state.history, fitting.progress(), damaged=damaged)
        weights, epoch = _fit(fitting, card, run=run, watcher=watcher)
        watcher.checking()
        try:
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


def _open_run(
    plan: Plan, request: TrainingRequest, registry: Registry, *, threads: int, card: ModelCard
) -> TrainingRun:
    """The run to resume, or a new one."""
    if request.run_id is not None:
        return TrainingRun.resume(registry.home, request.run_id)
    settings = RunSettings.of(
        plan, name=request.name, command=request.command, threads=threads, versions=dict(card.versions)
    )
    return TrainingRun.start(registry.home, new_run_id(request.name), settings.to_dict())


def _fit(fitting: Fit, card: ModelCard, *, run: TrainingRun, watcher: Watcher) -> tuple[dict[str, Floats], int]:
    """Train, with a checkpoint per epoch and every `SAVE_EVERY` seconds; weights and number of the chosen epoch."""
    keep, saved, saved_at = fitting.plan.training.keep, time.monotonic(), fitting.done
    chosen = checkpoint.chosen_weights(fitting, run)
    try:
        for event in fitting:
            if isinstance(event, EpochRecord):
                if keep == "last" or best(fitting.state.history) is event:
                    chosen = fitting.weights()
            else:
                watcher.progress(event)
            if isinstance(event, EpochRecord) or time.monotonic() - saved >= SAVE_EVERY:
                with signals_deferred():
                    checkpoint.save(fitting, run, card)
                    saved, saved_at = time.monotonic(), fitting.done
            if isinstance(event, EpochRecord):
                watcher.epoch(event)
    except (KeyboardInterrupt, Signalled) as interrupt:
        if fitting.done > saved_at:
            with signals_deferred():
                checkpoint.save(fitting, run, card)
        raise _interrupted(interrupt, run, fitting) from None
    history = fitting.state.history
    return chosen, (history[-1] if keep == "last" else best(history)).epoch


def _interrupted(interrupt: BaseException, run: TrainingRun, fitting: Fit) -> Interrupted:
    number = signal_number(interrupt)
    if not fitting.done:
        return Interrupted(number, "stopped before the first step", hint="run the same command again")
    state = fitting.state
    where = f"epoch {state.epoch}, step {state.sums.steps:,}" if state.sums.steps else f"epoch {len(state.history)}"
    return Interrupted(number, f"stopped after {where}; progress is saved", hint=f"{RESUME} {run.run_id}")


def _card(plan: Plan, request: TrainingRequest) -> ModelCard:
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
        versions=framework.versions(),
    )
