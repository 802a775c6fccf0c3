"""`lstmctl train`: train a model and register it. Prints the model's reference, alone, on stdout."""

import inspect
import sys
import typing
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lstmctl.cli.console import Answer, Console
from lstmctl.cli.options import (
    DATA,
    complete_data,
    complete_recipe,
    complete_run,
    parse_duration,
    parse_renames,
    setting_option,
    settings,
)
from lstmctl.cli.registry_access import open_model, open_registry
from lstmctl.config import Config, DataConfig, NetworkConfig, TrainConfig
from lstmctl.errors import UsageError

if TYPE_CHECKING:
    from lstmctl.training.prepare import Plan
    from lstmctl.training.request import TrainingRequest

NAME = "train"
EXAMPLES = """
Examples:
  lstmctl train --epochs 3
  lstmctl train --data reviews.csv --text-column review --label-column stars
  lstmctl train --recipe accurate --unlabelled more.jsonl.gz
  lstmctl train --recipe classic
  lstmctl train --dry-run > mine.toml && lstmctl train --recipe mine.toml
  lstmctl train --resume                 continue the run that was stopped last
  model=$(lstmctl train -q --data reviews.csv) && lstmctl evaluate "$model"
"""
MODEL, TRAINING, RUN = "Model", "Training", "Run"
PANELS = (DATA, MODEL, TRAINING, RUN)
# Options whose values are written differently from those in a recipe.
_TYPES: dict[str, Any] = {"rename_label": list[str], "time_limit": str}


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of `DataConfig` and `TrainConfig`. Each is None unless it was given: the value then depends on
    the recipe, or on the run to resume."""
    signature = inspect.signature(command)
    own = [parameter for parameter in signature.parameters.values() if parameter.kind is not parameter.VAR_KEYWORD]
    added = [
        _parameter(config, name)
        for config in (DataConfig, TrainConfig)
        for name, setting in config.settings().items()
        if setting.option
    ]
    parameters = sorted([*own, *added], key=lambda parameter: PANELS.index(_panel(parameter)))
    command.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return command


def _parameter(config: type[Config], name: str) -> inspect.Parameter:
    panel = DATA if config is DataConfig else MODEL if name in NetworkConfig.settings() else TRAINING
    option = setting_option(config, name, panel=panel, complete=complete_data if name == "source" else None)
    kind = _TYPES.get(name, typing.get_type_hints(config)[name])
    annotation = Annotated[kind | None, option]  # type: ignore[valid-type]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _panel(parameter: inspect.Parameter) -> str:
    """The section of the help that lists a parameter."""
    return str(parameter.annotation.__metadata__[0].rich_help_panel)


@with_settings
def command(
    *,
    recipe: Annotated[
        str | None,
        typer.Option(
            "--recipe",
            metavar="NAME|FILE.toml",
            help="Named settings: standard, accurate, classic, or your own file.",
            show_default="standard",
            rich_help_panel=MODEL,
            autocompletion=complete_recipe,
        ),
    ] = None,
    positive: Annotated[
        str | None,
        typer.Option(
            "--positive",
            metavar="LABEL",
            help="The positive label (two-label data).",
            show_default="the last in sorted order",
            rich_help_panel=MODEL,
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            "--name", metavar="NAME", help="Name of the model.", show_default="from the data", rich_help_panel=RUN
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the run that was stopped last.", rich_help_panel=RUN)
    ] = False,
    run: Annotated[
        str | None,
        typer.Option(
            "--run",
            metavar="ID",
            help="With --resume: the run to continue (lstmctl models list --runs).",
            rich_help_panel=RUN,
            autocompletion=complete_run,
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Print the settings and their cost; train nothing.", rich_help_panel=RUN),
    ] = False,
    **options: Any,
) -> None:
    """Train a classifier and register it.

    It is evaluated on held-out texts.

    Prints the new model's reference, such as imdb@1, on stdout; everything else goes to stderr.
    """
    from lstmctl.cli.train.screen import PlanScreen, TrainingScreen
    from lstmctl.training.job import make_plan, run_training
    from lstmctl.training.request import new_request, resume_request

    if run is not None and not resume:
        raise UsageError("--run needs --resume", hint=f"lstmctl train --resume --run {run}")
    if resume and dry_run:
        raise UsageError("--dry-run cannot be combined with --resume", hint="lstmctl models list --runs lists the runs")
    options |= {"recipe": recipe, "name": name, "positive": positive}
    options["rename_label"] = parse_renames(options["rename_label"]) or None
    options["time_limit"] = parse_duration("--time-limit", options["time_limit"])
    given = {option: value for option, value in options.items() if value is not None}
    console, registry = Console.open(output=settings.output), open_registry()
    if resume:
        request = resume_request(registry.home, run, **given)
    else:
        request = new_request(command=("lstmctl", *sys.argv[1:]), **given)
    if dry_run:
        plan = make_plan(request, registry, watcher=PlanScreen(console), vectors=False)
        console.answer(_plan_answer(request, plan))
        return
    screen = TrainingScreen(console)
    trained = run_training(request, registry, watcher=screen, preload=True)
    screen.result(trained)
    reference = trained.reference
    console.answer(
        Answer(
            objects=lambda: [open_model(reference).describe()],
            rows=lambda: [[reference]],
            screen=lambda console: console.result(reference),
        )
    )


def _plan_answer(request: "TrainingRequest", plan: "Plan") -> Answer:
    """The settings as a recipe file, with their cost."""
    from dataclasses import replace

    from lstmctl import recipes
    from lstmctl.training.prepare import estimate_cost

    cost, origins = estimate_cost(plan), request.origins_in(plan)
    training = replace(plan.training, epochs=plan.epochs)
    values = {"schema": "lstmctl.plan/1", "model": request.name, "training": training.to_dict(), "origins": origins}
    lines = [
        f"# {request.name} · {len(plan.train):,} training texts · {plan.model.parameters:,} parameters",
        f"# about {cost.seconds:.0f} s on this machine and {cost.memory_bytes / 1e9:.1f} GB of memory",
        *recipes.to_toml(training, origins).splitlines(),
    ]
    return Answer(
        objects=lambda: [values | vars(cost)],
        rows=lambda: [[line] for line in lines],
        screen=lambda console: console.result("\n".join(lines)),
        drawing=True,
    )
