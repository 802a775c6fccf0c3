"""The training loop: steps, and a validation after each epoch. It reports; it neither prints nor saves."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import keras
import numpy as np

from lstmctl.errors import TrainingDiverged
from lstmctl.evaluation.calibration import calibrated_log_loss
from lstmctl.evaluation.intervals import wilson
from lstmctl.evaluation.metrics import accuracy, log_loss
from lstmctl.history import EpochRecord, best
from lstmctl.model.classifier import Classifier, predicted_indices, softmax
from lstmctl.model.lstm import Floats
from lstmctl.process import signals_deferred
from lstmctl.training import forward
from lstmctl.training import network as networks
from lstmctl.training.prepare import Plan
from lstmctl.training.steps import Steps, Sums, batch_order

CHUNK_SECONDS = 0.4  # of steps run in one call; signals and progress wait for it


@dataclass(frozen=True)
class TrainingState:
    """All that the rest of a run depends on, besides weights and optimizer. Batch order and dropout need no state: they
    are functions of (seed, epoch) and of (seed, step)."""

    epoch: int = 1  # in progress; its first `sums.steps` steps are done
    sums: Sums = Sums()
    seconds: float = 0.0  # spent in this epoch
    history: tuple[EpochRecord, ...] = field(default=())  # of the finished epochs

    def to_dict(self) -> dict[str, Any]:
        """As JSON values, without the history, which a checkpoint keeps in its model folder."""
        return {"epoch": self.epoch, "seconds": self.seconds, "sums": vars(self.sums)}

    @classmethod
    def from_dict(cls, values: Any, history: tuple[EpochRecord, ...]) -> Self:
        """Read what `to_dict` wrote. Raises ValueError for anything else."""
        sums = values.get("sums")
        kinds = {"steps": int, "losses": float, "right": float, "seen": int}
        if not isinstance(sums, dict) or {name: type(value) for name, value in sums.items()} != kinds:
            raise ValueError("has no valid sums")
        epoch, seconds = values.get("epoch"), values.get("seconds")
        if type(epoch) is not int or type(seconds) is not float or epoch != len(history) + 1:
            raise ValueError("does not match its history")
        return cls(epoch, Sums(**sums), seconds, history)


@dataclass(frozen=True)
class Progress:
    """The progress within an epoch; loss and accuracy are running means."""

    epoch: int
    step: int
    loss: float
    accuracy: float


class Fit:
    """Iterating over it trains: it yields a `Progress` from time to time, and an `EpochRecord` after each epoch.

    `network`, optimizer and `state` are consistent whenever other code runs, also after a signal or an error has ended
    the iteration; a new iteration continues from there.
    """

    def __init__(self, network: keras.Model, plan: Plan, *, read: forward.Read) -> None:
        self.network = network
        self.plan = plan
        self.state = TrainingState()
        self._steps = Steps(network, plan, read=read)
        self._lengths = np.array([text.size for text in plan.train.ids])
        self._chunk = 1  # the first step also sets up TensorFlow, which takes a while

    @property
    def done(self) -> int:
        """Steps done in all epochs."""
        return (self.state.epoch - 1) * self.plan.steps + self.state.sums.steps

    @property
    def seconds(self) -> float:
        """Time spent on training and validation in all epochs."""
        return self.state.seconds + sum(record.seconds for record in self.state.history)

    def progress(self) -> Progress:
        """The progress of the current epoch."""
        sums = self.state.sums
        seen = max(1, sums.seen)
        return Progress(self.state.epoch, sums.steps, sums.losses / seen, sums.right / seen)

    def weights(self) -> dict[str, Floats]:
        """Copies of the network's weights, by the names of `ModelConfig.shapes`."""
        return networks.weights(self.network, self.plan.model)

    def optimizer_arrays(self) -> dict[str, Floats]:
        """Copies of the optimizer's slots; its number of steps is `done`."""
        return {name: np.array(variable.numpy()) for name, variable in self._steps.optimizer_slots().items()}

    def restore(self, state: TrainingState, weights: Mapping[str, Floats], optimizer: Mapping[str, Floats]) -> None:
        """Continue from this state."""
        networks.assign(self.network, self.plan.model, weights)
        for name, variable in self._steps.optimizer_slots().items():
            variable.assign(optimizer[name])
        self.state = state
        self._steps.optimizer.iterations.assign(self.done)

    def __iter__(self) -> Iterator[Progress | EpochRecord]:
        """Train to the end. Raises TrainingDiverged if the loss is no longer a finite number."""
        with signals_deferred():  # as when the network is built
            self._steps.trace()
        while self.state.epoch <= self.plan.epochs and not self._should_stop():
            yield from self._train()
            yield self._validate()

    def _train(self) -> Iterator[Progress]:
        """The remaining steps of the epoch."""
        training, epoch = self.plan.training, self.state.epoch
        batches = batch_order(self._lengths, batch_size=training.batch_size, seed=training.seed, epoch=epoch)
        while self.state.sums.steps < len(batches) and not self._time_is_up():
            with signals_deferred():
                started = time.monotonic()
                before = self.state.sums
                stop = min(len(batches), before.steps + self._chunk)
                sums = self._steps.run(batches, before, stop=stop, done=self.done - before.steps)
                seconds = time.monotonic() - started
                self.state = replace(self.state, sums=sums, seconds=self.state.seconds + seconds)
            if not np.isfinite(sums.losses):
                raise TrainingDiverged(
                    f"training diverged in epoch {epoch} at step {sums.steps:,}: the loss is no longer a number",
                    hint=f"try a smaller learning rate: --lr {training.learning_rate / 10:g}",
                )
            step_seconds = seconds / (sums.steps - before.steps)
            self._chunk = max(1, min(4 * self._chunk, int(CHUNK_SECONDS / step_seconds)))
            yield self.progress()

    def _validate(self) -> EpochRecord:
        """Validate with the forward pass that will serve the model, and end the epoch."""
        started = time.monotonic()
        plan, state = self.plan, self.state
        classifier, truth = Classifier(plan.model, plan.vocabulary, plan.tensors(self.weights())), plan.validation.truth
        logits = classifier.logits(plan.validation.ids, ngrams=plan.validation.ngrams)
        probabilities = softmax(logits)
        predicted = predicted_indices(probabilities)
        calibrated = None
        if plan.training.calibration == "temperature":
            calibrated = calibrated_log_loss(logits, truth)
        interval = wilson(int(np.sum(predicted == truth)), len(truth))
        record = EpochRecord(
            epoch=state.epoch,
            loss=state.sums.losses / state.sums.seen,
            accuracy=state.sums.right / state.sums.seen,
            val_loss=log_loss(probabilities, truth),
            val_accuracy=accuracy(truth, predicted),
            val_low=interval.low,
            val_high=interval.high,
            learning_rate=float(self._steps.optimizer.learning_rate),
            seconds=state.seconds + time.monotonic() - started,
            val_calibrated_loss=calibrated,
        )
        self.state = TrainingState(epoch=state.epoch + 1, sums=Sums(), history=(*state.history, record))
        return record

    def _should_stop(self) -> bool:
        """Whether to stop before the last epoch."""
        patience, history = self.plan.training.early_stopping, self.state.history
        waited = history[-1].epoch - best(history).epoch if history else 0
        return self._time_is_up() or (patience is not None and waited >= patience)

    def _time_is_up(self) -> bool:
        """Whether the time limit is reached and at least one step is done."""
        limit = self.plan.training.time_limit
        return limit is not None and self.done > 0 and self.seconds >= limit
