"""The state of a training run to and from its checkpoints, so that a resumed run ends with the same weights."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from lstmctl.errors import NotFound, Rejected
from lstmctl.history import best
from lstmctl.model.lstm import Floats
from lstmctl.registry import runs, tensors
from lstmctl.registry.artifact import ModelFolder, pack
from lstmctl.registry.card import ModelCard
from lstmctl.registry.listing import MODEL_FOLDER
from lstmctl.registry.runs import TrainingRun
from lstmctl.training.fit import Fit, TrainingState

_MAX_VALUE = float(np.finfo(np.float32).max)  # optimizer slots may hold any finite number


def save(fitting: Fit, run: TrainingRun, card: ModelCard) -> None:
    """Save the state of `fitting`.

    Raises:
        PermissionDenied, StorageError: earlier checkpoints remain.
    """
    state, optimizer_slots = fitting.state, fitting.optimizer_arrays()
    files = pack(
        replace(card, epoch=len(state.history), seconds=fitting.seconds),
        vocabulary=fitting.plan.vocabulary,
        weights=fitting.weights(),
        metrics={},
        history=state.history,
    )
    run.save(
        fitting.done,
        files,
        state=state.to_dict(),
        optimizer=tensors.pack(optimizer_slots, _shapes(optimizer_slots), maximum=_MAX_VALUE),
        keep=_steps_to_keep(fitting),
    )


def restore(fitting: Fit, run: TrainingRun) -> list[str]:
    """Bring `fitting` to the run's newest usable checkpoint; with no checkpoints the run starts over. Returns why newer
    ones could not be used.

    Raises:
        Rejected: there are checkpoints, and all are damaged. PermissionDenied, StorageError.
    """
    damaged: list[str] = []
    saved = runs.list_checkpoints(run.home, run.run_id)
    for path in saved:
        try:
            _load(fitting, path)
            return damaged
        except (Rejected, NotFound) as error:
            damaged.append(error.message)
    if saved:
        raise Rejected(
            f"no checkpoint of {run.run_id} can be used: {damaged[0]}", hint="start a new run without --resume"
        )
    return damaged


def chosen_weights(fitting: Fit, run: TrainingRun) -> dict[str, Floats]:
    """The weights of the best epoch so far, or of the last if the recipe keeps that; empty before the first has ended.

    Raises:
        Rejected: the checkpoint of that epoch is damaged. PermissionDenied, StorageError.
    """
    history = fitting.state.history
    if not history or (fitting.plan.training.keep == "last" and fitting.state.sums.steps):
        return {}
    epoch = history[-1] if fitting.plan.training.keep == "last" else best(history)
    if epoch is history[-1] and not fitting.state.sums.steps:
        return fitting.weights()
    path = run.path / runs.step_folder(epoch.epoch * fitting.plan.steps)
    return _model(path).weights()


def _steps_to_keep(fitting: Fit) -> set[int]:
    """The steps that ended the best epoch, now and at the previous checkpoint: the run resumes from that one if the new
    one is damaged.
    """
    history = fitting.state.history
    return {best(known).epoch * fitting.plan.steps for known in (history, history[:-1]) if known}


def _load(fitting: Fit, path: Path) -> None:
    model = _model(path)
    values = runs.read_state(path)
    if model.card.config != fitting.plan.model:
        raise Rejected(f"{path} is not of this run", hint="start a new run without --resume")
    shapes = _shapes(fitting.optimizer_arrays())
    try:
        state = TrainingState.from_dict(values, model.history())
        optimizer = tensors.unpack(runs.read_optimizer(path, limit=tensors.limit(shapes)), shapes, maximum=_MAX_VALUE)
    except ValueError as error:
        raise Rejected(f"{path} cannot be used: it {error}", hint="start a new run without --resume") from error
    fitting.restore(state, model.weights(), optimizer)


def _model(path: Path) -> ModelFolder:
    return ModelFolder(path, f"{path}/", inside=(MODEL_FOLDER,))


def _shapes(arrays: dict[str, Floats]) -> dict[str, tuple[int, ...]]:
    return {name: array.shape for name, array in arrays.items()}
