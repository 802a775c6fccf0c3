"""From a request to a registered model. Importing this module does not import TensorFlow; `run_training` does."""

from typing import TYPE_CHECKING

from lstmctl.data.datasets import load, read_unlabelled
from lstmctl.registry import runs
from lstmctl.registry.store import Registry
from lstmctl.training.framework import import_in_background, versions
from lstmctl.training.prepare import Plan, ordered_labels, prepare
from lstmctl.training.request import TrainingRequest
from lstmctl.training.watcher import Watcher

if TYPE_CHECKING:
    from lstmctl.training.train import Trained


def run_training(
    request: TrainingRequest, registry: Registry, *, watcher: Watcher | None = None, preload: bool = False
) -> "Trained":
    """Train a model and register it, or resume a run.

    `preload` loads TensorFlow while the texts are read, and goes on loading it after an error: only for a program that
    then ends.

    Raises:
        UsageError: settings that do not fit the data. BadData: texts that cannot be used. MissingExtra: TensorFlow or
        Keras is not installed. And as `train.train`.
    """
    watcher = watcher if watcher is not None else Watcher()
    reference = registry.next_reference(request.name)
    registry.prepare_for_writing()
    framework = import_in_background() if preload else None
    if request.run is not None:
        for change in request.run.changed_versions(versions()):
            watcher.warning(f"{change}: the last digits of the result may differ from those of an uninterrupted run")
    plan = make_plan(request, registry, watcher=watcher)
    watcher.plan(plan, reference=reference, origins=request.origins_in(plan))
    with watcher.waiting("loading TensorFlow"):
        (framework or import_in_background()).wait()
    from lstmctl.training.train import train

    with watcher.training():
        return train(plan, request, registry, watcher=watcher)


def make_plan(request: TrainingRequest, registry: Registry, *, watcher: Watcher, vectors: bool = True) -> Plan:
    """Read the texts and learn the vocabulary; for a resumed run, check that both are unchanged.

    `vectors=False` skips word vectors, as does a run that has a checkpoint.
    """
    with watcher.waiting("reading the texts"):
        dataset, unlabelled = load(request.data, home=registry.home), read_unlabelled(request.data)
    run = request.run
    if run is None:
        labels = ordered_labels(dataset.labels, positive=request.positive)
    else:
        run.check_data(dataset)
        labels = run.labels
    watcher.data(dataset, unlabelled=len(unlabelled))
    if request.run_id is not None and runs.list_checkpoints(registry.home, request.run_id):
        vectors = False
    with watcher.waiting("learning the vocabulary"):
        plan = prepare(dataset, request.training, labels=labels, unlabelled=unlabelled, vectors=vectors)
    if run is not None:
        run.check_vocabulary(plan)
    return plan
