"""The state of a training run to and from its checkpoints, so that a resumed run ends with the same weights."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from lstmctl.errors import NotFound, Rejected
from lstmctl.history import EpochRecord, best
from lstmctl.model.lstm import Floats
from lstmctl.registry import runs, tensors
from lstmctl.registry.artifact import ModelFolder, pack
from lstmctl.registry.card import ModelCard
from lstmctl.registry.listing import MODEL_FOLDER
from lstmctl.registry.runs import TrainingRun
from lstmctl.training.fit import Fit, TrainingState

_MAX_VALUE = float(np.finfo(np.float32).max)  # optimizer slots may hold any finite number
_HINT = "start a new run without --resume"


def save(fitting: Fit, run: TrainingRun, card: ModelCard) -> None:
    """Save the state of `fitting`. If this raises PermissionDenied or StorageError, earlier checkpoints remain."""
    history, slots = fitting.state.history, fitting.optimizer_arrays()
    files = pack(
        replace(card, epoch=len(history), seconds=fitting.seconds),
        vocabulary=fitting.plan.vocabulary,
        weights=fitting.plan.tensors(fitting.weights()),
        metrics={},
        history=history,
    )
    # The best epoch, now and at the previous checkpoint: the run resumes from that one if the new one is damaged.
    leaders = [best(known) for known in (history, history[:-1]) if known]
    run.save(
        fitting.done,
        files,
        state=fitting.state.to_dict(),
        optimizer=tensors.pack(slots, _shapes(slots), maximum=_MAX_VALUE),
        keep={leader.epoch * fitting.plan.steps for leader in leaders},
    )


def restore(fitting: Fit, run: TrainingRun) -> list[str]:
    """Bring `fitting` to the run's newest usable checkpoint; with no checkpoints the run starts over. Returns why newer
    ones could not be used. Raises Rejected if all are damaged, PermissionDenied, StorageError."""
    damaged: list[str] = []
    for path in runs.list_checkpoints(run.home, run.run_id):
        try:
            _load(fitting, path, run)
            return damaged
        except (Rejected, NotFound) as error:
            damaged.append(error.message)
    if damaged:
        raise Rejected(f"no checkpoint of {run.run_id} can be used: {damaged[0]}", hint=_HINT)
    return damaged


def chosen_epoch(fitting: Fit) -> EpochRecord:
    """The best finished epoch, or the last one if the recipe keeps that."""
    history = fitting.state.history
    return history[-1] if fitting.plan.training.keep == "last" else best(history)


def chosen_weights(fitting: Fit, run: TrainingRun) -> dict[str, Floats]:
    """The weights of `chosen_epoch`; empty before the first epoch has ended, or if a later one will replace them.
    Raises Rejected if the checkpoint of that epoch is damaged, PermissionDenied, StorageError."""
    history, between_epochs = fitting.state.history, not fitting.state.sums.steps
    if not history or (fitting.plan.training.keep == "last" and not between_epochs):
        return {}
    epoch = chosen_epoch(fitting)
    if epoch is history[-1] and between_epochs:
        return fitting.weights()
    path = run.path / runs.step_folder(epoch.epoch * fitting.plan.steps)
    model = _model(path)
    _check_belongs(model, path, fitting, run)
    return model.weights()


def _check_belongs(model: ModelFolder, path: Path, fitting: Fit, run: TrainingRun) -> None:
    """Raise Rejected for a checkpoint of another run, or of other settings. Those of earlier versions are compared by
    the settings in the model's card."""
    card, plan = model.card, fitting.plan
    known = run.check_belongs(path)
    same = card.config == plan.model
    if not known:
        settings = replace(plan.training, epochs=plan.epochs)
        saved = replace(card.training, threads=settings.threads) if card.training is not None else None
        same = same and card.data_sha256 == plan.data.sha256 and saved == settings
    if not same:
        raise Rejected(f"{path} is not of this run: its settings are others", hint=_HINT)


def _load(fitting: Fit, path: Path, run: TrainingRun) -> None:
    model = _model(path)
    values = runs.read_state(path)
    _check_belongs(model, path, fitting, run)
    shapes = _shapes(fitting.optimizer_arrays())
    try:
        state = TrainingState.from_dict(values, model.history())
        optimizer = tensors.unpack(runs.read_optimizer(path, limit=tensors.limit(shapes)), shapes, maximum=_MAX_VALUE)
    except ValueError as error:
        raise Rejected(f"{path} cannot be used: it {error}", hint=_HINT) from error
    fitting.restore(state, model.weights(), optimizer)


def _model(path: Path) -> ModelFolder:
    return ModelFolder(path, f"{path}/", inside=(MODEL_FOLDER,))


def _shapes(arrays: dict[str, Floats]) -> dict[str, tuple[int, ...]]:
    return {name: array.shape for name, array in arrays.items()}
