"""`lstmctl train`: fit, checkpoint, register. Prints the model's reference, alone, on stdout."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from lstmctl.cli.console import Console
from lstmctl.cli.options import (
    DATA,
    RenameLabel,
    complete_data,
    complete_recipe,
    complete_run,
    parse_duration,
    parse_renames,
    settings,
)
from lstmctl.cli.session import describe, open_model, open_registry
from lstmctl.config import DataConfig, TrainConfig
from lstmctl.errors import UsageError
from lstmctl.record import option_name

if TYPE_CHECKING:
    from lstmctl.cli.training_screen import TrainingScreen
    from lstmctl.data import Dataset
    from lstmctl.training.prepare import Plan
    from lstmctl.training.resume import RunSettings

NAME = "train"
EXAMPLES = """
Examples:
  lstmctl train --epochs 3
  lstmctl train --data reviews.csv --text-column review --label-column stars
  lstmctl train --recipe classic
  lstmctl train --dry-run > mine.toml && lstmctl train --recipe mine.toml
  lstmctl train --resume                 go on with a run that was stopped
  model=$(lstmctl train -q --data reviews.csv) && lstmctl evaluate "$model"
"""
MODEL, FIT, RUN = "Model", "Fit", "Run"


def command(
    source: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="NAME|FILE|DIR",
            help="A data set (lstmctl data list), a file, or a folder of class folders.",
            show_default="imdb",
            autocompletion=complete_data,
            rich_help_panel=DATA,
        ),
    ] = None,
    text_column: Annotated[
        str | None,
        typer.Option(
            "--text-column",
            metavar="NAME",
            help="Column with the text.",
            show_default="text",
            rich_help_panel=DATA,
        ),
    ] = None,
    label_column: Annotated[
        str | None,
        typer.Option(
            "--label-column",
            metavar="NAME",
            help="Column with the label.",
            show_default="label",
            rich_help_panel=DATA,
        ),
    ] = None,
    group_column: Annotated[
        str | None,
        typer.Option(
            "--group-column",
            metavar="NAME",
            help="Rows with one value here stay together.",
            rich_help_panel=DATA,
        ),
    ] = None,
    val_source: Annotated[
        str | None,
        typer.Option(
            "--val-data",
            metavar="FILE",
            help="Validate on this.",
            rich_help_panel=DATA,
        ),
    ] = None,
    test_source: Annotated[
        str | None,
        typer.Option(
            "--test-data",
            metavar="FILE",
            help="Keep this aside for evaluate.",
            rich_help_panel=DATA,
        ),
    ] = None,
    val_split: Annotated[
        float | None,
        typer.Option(
            "--val-split",
            metavar="SHARE",
            help="Of what the test part leaves.",
            show_default="0.2",
            rich_help_panel=DATA,
        ),
    ] = None,
    test_split: Annotated[
        float | None,
        typer.Option(
            "--test-split",
            metavar="SHARE",
            help="Kept aside for evaluate.",
            show_default="0.1",
            rich_help_panel=DATA,
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit",
            metavar="N",
            help="At most N texts a part: a trial.",
            rich_help_panel=DATA,
        ),
    ] = None,
    positive: Annotated[
        str | None,
        typer.Option(
            "--positive",
            metavar="LABEL",
            help="Of two labels, the one that probabilities speak of.",
            show_default="the last in sorted order",
            rich_help_panel=DATA,
        ),
    ] = None,
    rename_label: RenameLabel = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            "--recipe",
            metavar="NAME|FILE.toml",
            help="Settings under a name: standard, classic, or your own.",
            show_default="standard",
            autocompletion=complete_recipe,
            rich_help_panel=MODEL,
        ),
    ] = None,
    vocab_size: Annotated[
        int | None,
        typer.Option(
            "--vocab-size",
            metavar="N",
            help="Words to learn, the most frequent.",
            show_default="10000",
            rich_help_panel=MODEL,
        ),
    ] = None,
    max_len: Annotated[
        int | None,
        typer.Option(
            "--max-len",
            metavar="N",
            help="Words read of a text, the last ones.",
            show_default="500",
            rich_help_panel=MODEL,
        ),
    ] = None,
    embedding_dim: Annotated[
        int | None,
        typer.Option(
            "--embedding-dim",
            metavar="N",
            help="Numbers that stand for a word.",
            show_default="32",
            rich_help_panel=MODEL,
        ),
    ] = None,
    units: Annotated[
        int | None,
        typer.Option(
            "--units",
            metavar="N",
            help="Places on the LSTM's belt.",
            show_default="32",
            rich_help_panel=MODEL,
        ),
    ] = None,
    dropout: Annotated[
        float | None,
        typer.Option(
            "--dropout",
            metavar="SHARE",
            help="Hidden of each word while training.",
            show_default="0.2",
            rich_help_panel=MODEL,
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            "-e",
            "--epochs",
            metavar="N",
            help="Times to read all training texts.",
            show_default="3, more for small data",
            rich_help_panel=FIT,
        ),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(
            "-b",
            "--batch-size",
            metavar="N",
            help="Texts a step.",
            show_default="32",
            rich_help_panel=FIT,
        ),
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(
            "--lr",
            metavar="RATE",
            help="Learning rate at its peak.",
            show_default="0.001",
            rich_help_panel=FIT,
        ),
    ] = None,
    class_weight: Annotated[
        Literal["none", "balanced"] | None,
        typer.Option(
            "--class-weight",
            metavar="none|balanced",
            help="balanced: rare labels count as much as frequent ones.",
            show_default="none",
            rich_help_panel=FIT,
        ),
    ] = None,
    early_stopping: Annotated[
        int | None,
        typer.Option(
            "--early-stopping",
            metavar="N",
            help="End after N epochs that did not get better.",
            rich_help_panel=FIT,
        ),
    ] = None,
    time_limit: Annotated[
        str | None,
        typer.Option(
            "--time-limit",
            metavar="TIME",
            help="End after 90s, 10m or 2h; the best epoch is kept.",
            rich_help_panel=FIT,
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed",
            metavar="N",
            help="Of weights, order and dropout.",
            show_default="0",
            rich_help_panel=FIT,
        ),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            "--threads",
            metavar="N",
            help="Threads to compute with.",
            show_default="one a core",
            rich_help_panel=FIT,
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            "--name",
            metavar="NAME",
            help="The model's name.",
            show_default="from the data",
            rich_help_panel=RUN,
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the newest run that was stopped.", rich_help_panel=RUN)
    ] = False,
    run: Annotated[
        str | None,
        typer.Option(
            "--run",
            metavar="ID",
            help="With --resume: that run (lstmctl models list --runs).",
            autocompletion=complete_run,
            rich_help_panel=RUN,
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Print the settings and what they cost; train nothing.", rich_help_panel=RUN),
    ] = False,
) -> None:
    """Train a classifier and register it.

    It is measured on texts that were kept aside.

    Prints the new model's reference, such as imdb@1, on stdout; everything else goes to stderr.
    """
    from lstmctl.data import source_of

    said = {
        "source": source_of(source) if source is not None else None,
        "text_column": text_column,
        "label_column": label_column,
        "group_column": group_column,
        "val_source": source_of(val_source) if val_source is not None else None,
        "test_source": source_of(test_source) if test_source is not None else None,
        "val_split": val_split,
        "test_split": test_split,
        "limit": limit,
        "rename_label": parse_renames(rename_label) or None,
        "vocab_size": vocab_size,
        "max_len": max_len,
        "embedding_dim": embedding_dim,
        "units": units,
        "dropout": dropout,
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "class_weight": class_weight,
        "early_stopping": early_stopping,
        "time_limit": parse_duration("--time-limit", time_limit),
        "seed": seed,
        "threads": threads,
    }
    said = {setting: value for setting, value in said.items() if value is not None}
    if run is not None and not resume:
        raise UsageError("--run goes with --resume", hint=f"lstmctl train --resume --run {run}")
    if resume and dry_run:
        raise UsageError("--dry-run does not go with --resume", hint="lstmctl models list --runs shows what there is")
    console = Console.open(settings)
    if dry_run:
        show_plan(console, new_job(said, recipe=recipe, name=name, positive=positive))
        return
    if resume:
        job = resumed_job(said, recipe=recipe, name=name, positive=positive, run=run)
    else:
        job = new_job(said, recipe=recipe, name=name, positive=positive)
    reference = run_training(console, job)
    if console.format == "json":
        console.json(describe(open_model(reference)))
    else:
        console.result(reference)


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
    from lstmctl.data import default_model_name

    data_said, training_said = _of(DataConfig, said), _of(TrainConfig, said)
    data = DataConfig(**data_said).validate()
    recipe = recipe if recipe is not None else recipes.DEFAULT
    training = recipes.resolve(recipe, training_said)
    origins = dict.fromkeys(vars(training), f"recipe {recipes.DEFAULT}")
    origins |= dict.fromkeys(recipes.read(recipe), f"recipe {recipe}")
    origins |= {setting: option_name(setting) for setting in training_said}
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
    from lstmctl.cli.training_screen import TrainingScreen
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
    for setting, value in job.training.to_dict().items():
        console.detail(f"{setting} = {value} ({job.origins[setting]})")
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
    from lstmctl.training.estimate import estimate

    plan = _plan(console, job, None)
    cost = estimate(plan)
    training = replace(plan.training, epochs=plan.epochs)
    origins = dict(job.origins)
    if job.training.epochs is None:
        origins["epochs"] = f"for {len(plan.train):,} texts"
    if console.format == "json":
        values = {"schema": "lstmctl.plan/1", "model": job.name, "training": training.to_dict(), "origins": origins}
        console.json(values | vars(cost))
        return
    console.result(f"# {job.name} · {len(plan.train):,} training texts · {plan.model.parameters:,} parameters")
    console.result(f"# about {cost.seconds:.0f} s on this machine and {cost.memory_bytes / 1e9:.1f} GB of memory")
    console.result(recipes.to_toml(training, origins))


def _plan(console: Console, job: Job, screen: "TrainingScreen | None") -> "Plan":
    """Read the texts and learn their words; of a run that goes on, make sure that they are the same."""
    from lstmctl.data import load
    from lstmctl.training.prepare import prepare

    with console.waiting("reading the texts"):
        dataset = load(job.data, home=open_registry().home)
        if job.resume is None:
            labels = _ordered(dataset, positive=job.positive)
        else:
            job.resume[1].check_data(dataset)
            labels = job.resume[1].labels
    if screen is not None:
        screen.data(dataset)
    with console.waiting("learning the words"):
        plan = prepare(dataset, job.training, labels=labels)
    if job.resume is not None:
        job.resume[1].check_plan(plan)
    return plan


def _of(record: type, said: Mapping[str, Any]) -> dict[str, Any]:
    """What was said about the settings in a record."""
    return {field.name: said[field.name] for field in fields(record) if field.name in said}


def _ordered(dataset: "Dataset", *, positive: str | None) -> tuple[str, ...]:
    """The labels in the order of the model's outputs: of two, the positive one is last."""
    labels = dataset.labels
    if positive is None:
        return labels
    if len(labels) != 2:
        raise UsageError(f"--positive needs data with two labels; these have {len(labels)}")
    if positive not in labels:
        raise UsageError(f'--positive "{positive}" is not a label of the data', hint=f"its labels: {' '.join(labels)}")
    return tuple(sorted(labels, key=lambda label: label == positive))
