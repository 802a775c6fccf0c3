"""Checkpoints of a training: all that it takes to go on as if nothing had happened.

Where a training run stands, to and from what a checkpoint keeps of it.
"""

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

_MOST = float(np.finfo(np.float32).max)  # the optimizer's numbers may be of any size


def save(fitting: Fit, run: TrainingRun, card: ModelCard) -> None:
    """Save where `fitting` stands.

    Raises:
        PermissionDenied, StorageError: the checkpoints before this one are still there.
    """
    state, gathered = fitting.state, fitting.optimizer_arrays()
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
        optimizer=tensors.pack(gathered, _shapes(gathered), maximum=_MOST),
        keep=_needed(fitting),
    )


def restore(fitting: Fit, run: TrainingRun) -> list[str]:
    """Take `fitting` to where the run stopped: its newest checkpoint, or an older one if that is damaged. Without any,
    the run begins anew. What was found to be damaged, in words.

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
        raise Rejected(f"no checkpoint of {run.run_id} can be used: {damaged[0]}", hint="start anew without --resume")
    return damaged


def chosen_weights(fitting: Fit, run: TrainingRun) -> dict[str, Floats]:
    """The weights of the best epoch so far, or of the last one if the recipe keeps that; none before the first is over.

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


def _needed(fitting: Fit) -> set[int]:
    """The steps after which the best epoch was over, also as it was known to the checkpoint before this one: should
    this one be damaged, the run goes on from there.
    """
    history = fitting.state.history
    return {best(known).epoch * fitting.plan.steps for known in (history, history[:-1]) if known}


def _load(fitting: Fit, path: Path) -> None:
    model = _model(path)
    values = runs.read_state(path)
    if model.card.config != fitting.plan.model:
        raise Rejected(f"{path} is not of this run", hint="start anew without --resume")
    shapes = _shapes(fitting.optimizer_arrays())
    try:
        state = TrainingState.from_dict(values, model.history())
        optimizer = tensors.unpack(runs.read_optimizer(path, limit=tensors.limit(shapes)), shapes, maximum=_MOST)
    except ValueError as error:
        raise Rejected(f"{path} cannot be used: it {error}", hint="start anew without --resume") from error
    fitting.restore(state, model.weights(), optimizer)


def _model(path: Path) -> ModelFolder:
    return ModelFolder(path, f"{path}/", inside=(MODEL_FOLDER,))


def _shapes(arrays: dict[str, Floats]) -> dict[str, tuple[int, ...]]:
    return {name: array.shape for name, array in arrays.items()}
