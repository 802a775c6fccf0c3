"""A whole training run: fit, save checkpoints, choose the epoch, check, measure, register."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

from lstmctl.errors import Interrupted, Signalled
from lstmctl.evaluation.intervals import Comparison
from lstmctl.evaluation.report import Evaluation
from lstmctl.history import EpochRecord, best
from lstmctl.model.lstm import Floats
from lstmctl.process import signal_number, signals_deferred
from lstmctl.registry.card import ModelCard
from lstmctl.registry.runs import TrainingRun, new_run_id
from lstmctl.registry.store import Registry
from lstmctl.training import checkpoint, forward, framework
from lstmctl.training import network as networks
from lstmctl.training.finish import finish_model
from lstmctl.training.fit import Fit, Progress
from lstmctl.training.prepare import Plan
from lstmctl.training.resume import RunSettings

RESUME = "lstmctl train --resume --run"
SAVE_EVERY = 30.0  # seconds between two checkpoints within an epoch


class Watcher(Protocol):
    """Who wants to know how training goes. The program's screen is one; tests and Python users bring their own."""

    def resumed(self, history: Sequence[EpochRecord], progress: Progress, *, damaged: Sequence[str]) -> None:
        """A run goes on that stopped here, after these epochs; newer checkpoints were damaged, for these reasons."""

    def progress(self, progress: Progress) -> None:
        """Some steps were made."""

    def epoch(self, record: EpochRecord) -> None:
        """An epoch was finished, validated and saved."""

    def checking(self) -> None:
        """The last epoch is over; the model is being checked, measured and registered."""


class Silent:
    """A watcher that says nothing."""

    def resumed(self, history: Sequence[EpochRecord], progress: Progress, *, damaged: Sequence[str]) -> None:
        """Nothing."""

    def progress(self, progress: Progress) -> None:
        """Nothing."""

    def epoch(self, record: EpochRecord) -> None:
        """Nothing."""

    def checking(self) -> None:
        """Nothing."""


@dataclass(frozen=True)
class Trained:
    """What came of it. `test` is None where the data has no test part."""

    reference: str
    history: tuple[EpochRecord, ...]
    epoch: int
    test: Evaluation | None
    vs_baseline: Comparison  # over naive Bayes, on the test part, or where there is none on the validation part
    difference: float  # between NumPy and Keras
    seconds: float
    temperature: float  # of the calibration; 1 where there was none
    kernel: str  # which LSTM trained it: see `forward.kernel_name`


def train(
    plan: Plan,
    registry: Registry,
    *,
    name: str,
    watcher: Watcher,
    command: Sequence[str] = (),
    resume: str | None = None,
) -> Trained:
    """Train as planned and register the model under `name`; or go on with the run whose id is `resume`, of which `plan`
    must be the plan. A run that goes on ends with the very weights that it would have ended with.

    Raises:
        TrainingDiverged: training diverged. Disagreement: NumPy and Keras do not agree about the result.
        Interrupted: a signal came; from the first step on, the run is saved. Busy: the run is still going on.
        NotFound: there is no such run. Rejected: nothing that it saved can be used.
    """
    threads = framework.use_threads(plan.training.threads)
    kernel = forward.kernel_name(framework.gpus(), ensemble_size=plan.training.ensemble_size)
    parts = max(1, min(threads, plan.training.batch_size // 16))  # a smaller part costs as much time as one of 16
    network = networks.start(
        plan.model,
        ensemble_size=plan.training.ensemble_size,
        dropout=plan.training.dropout,
        seed=plan.training.seed,
        embedding=plan.starting_embedding(),
    )
    fitting = Fit(network, plan, read=forward.kernel(kernel, parts=parts))
    card = _card(plan, command=command)
    if resume is None:
        about = RunSettings.of(plan, name=name, command=command, threads=threads, versions=card.versions)
        run = TrainingRun.start(registry.home, new_run_id(name), about.to_dict())
    else:
        run = TrainingRun.resume(registry.home, resume)
    with run:
        if resume is not None:
            damaged = checkpoint.restore(fitting, run)
            watcher.resumed(fitting.state.history, fitting.progress(), damaged=damaged)
        weights, epoch = _fit(fitting, card, run=run, watcher=watcher)
        watcher.checking()
        try:
            done = finish_model(fitting, weights, replace(card, epoch=epoch, seconds=fitting.seconds))
        except (KeyboardInterrupt, Signalled) as interrupt:
            raise _interrupted(interrupt, run, fitting) from None
        try:
            with signals_deferred():
                reference = registry.find_registered(name, done.files) if resume else None
                reference = reference or registry.register(name, done.files)
                run.finish()
        except (KeyboardInterrupt, Signalled) as interrupt:
            message = f"stopped; {reference} is registered"
            raise Interrupted(signal_number(interrupt), message, hint="lstmctl models list") from None
    return Trained(
        reference,
        fitting.state.history,
        epoch,
        done.test,
        done.vs_baseline,
        done.difference,
        fitting.seconds,
        done.temperature,
        kernel,
    )


def _fit(fitting: Fit, card: ModelCard, *, run: TrainingRun, watcher: Watcher) -> tuple[dict[str, Floats], int]:
    """Train, with a checkpoint after each epoch and now and then between: the chosen epoch's weights and number."""
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
        return Interrupted(number, "stopped before the first step", hint="the same command begins anew")
    state = fitting.state
    where = f"epoch {state.epoch}, step {state.sums.steps:,}" if state.sums.steps else f"epoch {len(state.history)}"
    return Interrupted(number, f"stopped after {where}; all of it is saved", hint=f"{RESUME} {run.run_id}")


def _card(plan: Plan, *, command: Sequence[str]) -> ModelCard:
    return ModelCard(
        config=plan.model,
        data=plan.data.config,
        data_sha256=plan.data.sha256,
        rows={"train": len(plan.train), "validation": len(plan.validation), "test": len(plan.test)},
        training=replace(plan.training, epochs=plan.epochs),
        epoch=1,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=0.0,
        command=tuple(command),
        versions=framework.versions(),
    )
