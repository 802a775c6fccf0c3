"""What `train` was asked to do: settings from options, recipes and unfinished runs, and then the doing."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from lstmctl.cli.console import Console
from lstmctl.cli.registry_access import open_registry
from lstmctl.config import DataConfig, TrainConfig, option_name

if TYPE_CHECKING:
    from lstmctl.cli.train.screen import TrainingScreen
    from lstmctl.training.prepare import Plan
    from lstmctl.training.resume import RunSettings


@dataclass(frozen=True)
class Job:
    """What is to be trained, as the command line says it."""

    name: str
    data: DataConfig
    training: TrainConfig
    positive: str | None
    origins: Mapping[str, str]  # where the value of each setting in `training` is from
    resume: tuple[str, "RunSettings"] | None = None  # a run's id, and what it was started with


def new_job(said: Mapping[str, Any], *, recipe: str | None, name: str | None, positive: str | None) -> Job:
    """Settings from options, else from the recipe, else from the standard recipe."""
    from lstmctl import recipes
    from lstmctl.registry.names import default_model_name

    data_said, training_said = _of(DataConfig, said), _of(TrainConfig, said)
    data = DataConfig(**data_said).validate()
    recipe = recipe if recipe is not None else recipes.DEFAULT
    training = recipes.resolve(recipe, training_said)
    origins = dict.fromkeys(vars(training), f"recipe {recipes.DEFAULT}")
    origins |= dict.fromkeys(recipes.read(recipe), f"recipe {recipe}")
    origins |= {setting: option_name(setting) for setting in training_said}
    if training != (training := recipes.with_unlabelled(training, data)):
        origins["word_vectors"] = "--unlabelled"
    return Job(name if name is not None else default_model_name(data.source), data, training, positive, origins)


def resumed_job(
    said: Mapping[str, Any], *, recipe: str | None, name: str | None, positive: str | None, run: str | None
) -> Job:
    """The settings that a run was started with; whatever else was said must be the same.

    Raises:
        UsageError: something else was said. NotFound, Busy, Rejected.
    """
    from lstmctl import recipes
    from lstmctl.training.resume import RunSettings, choose_run

    home = open_registry().home
    run_id = choose_run(home, run)
    about = RunSettings.read(home, run_id)
    also = {"name": name, "positive": positive}
    from_recipe = recipes.read(recipe) if recipe is not None else {}
    about.check_said(from_recipe | dict(said) | {key: value for key, value in also.items() if value is not None})
    origins = dict.fromkeys(vars(about.training), f"run {run_id}")
    return Job(about.name, about.data, about.training, None, origins, (run_id, about))


def run_training(console: Console, job: Job) -> str:
    """Train with the screen showing it; the reference of the registered model."""
    from lstmctl.cli.train.screen import TrainingScreen
    from lstmctl.training.framework import import_in_background, versions

    registry = open_registry()
    will_be = registry.next_reference(job.name)
    registry.prepare_for_writing()
    screen = TrainingScreen(console)
    framework = import_in_background()
    if job.resume is not None:
        for other in job.resume[1].other_versions(versions()):
            console.warn(f"{other}: the result may differ in its last digits from that of a run without a break")
    plan = _plan(console, job, screen)
    screen.plan(plan, will_be=will_be)
    origins = _origins(job, plan)
    for setting, value in plan.training.to_dict().items():
        console.detail(f"{setting} = {value} ({origins[setting]})")
    with console.waiting("loading TensorFlow"):
        framework.wait()
    from lstmctl.training.train import train

    with screen.table(plan):
        trained = train(
            plan,
            registry,
            name=job.name,
            watcher=screen,
            command=job.resume[1].command if job.resume else ["lstmctl", *sys.argv[1:]],
            resume=job.resume[0] if job.resume else None,
        )
    screen.result(plan, trained)
    return trained.reference


def show_plan(console: Console, job: Job) -> None:
    """Print the settings as a recipe file, with what they cost."""
    from lstmctl import recipes
    from lstmctl.training.prepare import estimate

    plan = _plan(console, job, None)
    cost = estimate(plan)
    training = replace(plan.training, epochs=plan.epochs)
    origins = _origins(job, plan)
    if console.format == "json":
        values = {"schema": "lstmctl.plan/1", "model": job.name, "training": training.to_dict(), "origins": origins}
        console.json(values | vars(cost))
        return
    console.result(f"# {job.name} · {len(plan.train):,} training texts · {plan.model.parameters:,} parameters")
    console.result(f"# about {cost.seconds:.0f} s on this machine and {cost.memory_bytes / 1e9:.1f} GB of memory")
    console.result(recipes.to_toml(training, origins))


def _plan(console: Console, job: Job, screen: "TrainingScreen | None") -> "Plan":
    """Read the texts and learn their words; of a run that goes on, make sure that they are the same."""
    from lstmctl.data.datasets import load, read_unlabelled
    from lstmctl.registry import runs
    from lstmctl.training.prepare import ordered_labels, prepare

    with console.waiting("reading the texts"):
        home = open_registry().home
        dataset, unlabelled = load(job.data, home=home), read_unlabelled(job.data)
        if job.resume is None:
            labels = ordered_labels(dataset.labels, positive=job.positive)
        else:
            job.resume[1].check_data(dataset)
            labels = job.resume[1].labels
    if screen is not None:
        screen.data(dataset, unlabelled=len(unlabelled))
    vectors = screen is not None and not (job.resume and runs.list_checkpoints(home, job.resume[0]))
    with console.waiting("learning the words"):
        plan = prepare(dataset, job.training, labels=labels, unlabelled=unlabelled, vectors=vectors)
    if job.resume is not None:
        job.resume[1].check_plan(plan)
    return plan


def _origins(job: Job, plan: "Plan") -> dict[str, str]:
    """Where the value of each setting is from, also of those that follow the data."""
    follow = ("epochs", "word_odds", "word_dropout", "output_dropout")
    adapted = [setting for setting in follow if getattr(job.training, setting) is None]
    return {**job.origins, **dict.fromkeys(adapted, f"for {len(plan.train):,} texts")}


def _of(record: type, said: Mapping[str, Any]) -> dict[str, Any]:
    """What was said about the settings in a record."""
    return {field.name: said[field.name] for field in fields(record) if field.name in said}
