"""`lstmctl train`: train a model and register it. Prints the model's reference, alone, on stdout."""

import inspect
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

from lstmctl import recipes
from lstmctl.cli.console import Answer, Console
from lstmctl.cli.options import (
    DATA,
    complete_data,
    open_model,
    open_registry,
    option,
    parse_renames,
    reading_settings,
    setting_option,
)
from lstmctl.config import DataConfig, NetworkConfig, TrainConfig
from lstmctl.errors import UsageError
from lstmctl.settings import Config

if TYPE_CHECKING:
    from lstmctl.training.prepare import Plan
    from lstmctl.training.request import TrainingRequest

EXAMPLES = """
Examples:
  lstmctl train --epochs 3
  lstmctl train --data reviews.csv --text-column review --label-column stars
  zcat reviews.csv.gz | lstmctl train --data -
  lstmctl train --recipe accurate --unlabelled more.jsonl.gz
  lstmctl train --recipe classic
  lstmctl train --dry-run > mine.toml && lstmctl train --recipe mine.toml
  lstmctl train --resume                 continue the run that was stopped last
  model=$(lstmctl train -q --data reviews.csv) && lstmctl evaluate "$model"
"""
MODEL, TRAINING, RUN = "Model", "Training", "Run"  # sections of the help
# Options whose values are written differently from those in a recipe.
_TYPES: dict[str, Any] = dict.fromkeys(("source", "text_column", "rename_label"), list[str]) | {"time_limit": str}


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of `DataConfig` and `TrainConfig`. Each is None unless it was given: the value then depends on
    the recipe, or on the run to resume."""
    signature = inspect.signature(command)
    own = [parameter for parameter in signature.parameters.values() if parameter.kind is not parameter.VAR_KEYWORD]
    fields = [(config, *item) for config in (DataConfig, TrainConfig) for item in config.settings().items()]
    usual = recipes.read(recipes.DEFAULT)  # what applies without --recipe
    added = [_parameter(config, name, usual) for config, name, setting in fields if setting.option]
    panels = (DATA, MODEL, TRAINING, RUN)
    by_panel = sorted(
        [*own, *added], key=lambda option: panels.index(option.annotation.__metadata__[0].rich_help_panel)
    )
    command.__signature__ = signature.replace(parameters=by_panel)  # type: ignore[attr-defined]
    return command


def _parameter(config: type[Config], name: str, usual: Mapping[str, Any]) -> inspect.Parameter:
    panel = DATA if config is DataConfig else MODEL if name in NetworkConfig.settings() else TRAINING
    complete = complete_data if name == "source" else None
    setting = config.settings()[name]
    if config is TrainConfig:
        setting = setting._replace(default=usual.get(name, setting.default))
    declared = setting_option(setting, panel=panel, complete=complete)
    kind = _TYPES.get(name, config.types()[name])
    annotation = Annotated[kind | None, declared]  # type: ignore[valid-type]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def complete_recipe(incomplete: str) -> list[str]:
    """Names of recipes that start with `incomplete`."""
    return [name for name in recipes.names() if name.startswith(incomplete)]


def complete_run(incomplete: str) -> list[str]:
    """Ids of runs that start with `incomplete`, newest first."""
    from lstmctl.registry.home import CHECKPOINTS, list_names

    return [run for run in reversed(list_names(open_registry().home, CHECKPOINTS)) if run.startswith(incomplete)]


_RECIPE_HELP = "Named settings: standard, accurate, readable, classic, or your own file."
_POSITIVE_HELP = "The positive label (two-label data)."
_RUN_HELP = "With --resume: the run to continue (lstmctl models list --runs)."


@with_settings
def command(
    *,
    recipe: Annotated[
        str | None,
        option("--recipe NAME|FILE.toml", _RECIPE_HELP, default="standard", panel=MODEL, complete=complete_recipe),
    ] = None,
    positive: Annotated[
        str | None, option("--positive LABEL", _POSITIVE_HELP, default="the last in sorted order", panel=MODEL)
    ] = None,
    name: Annotated[str | None, option("--name NAME", "Name of the model.", default="from the data", panel=RUN)] = None,
    resume: Annotated[bool, option("--resume", "Continue the run that was stopped last.", panel=RUN)] = False,
    run: Annotated[str | None, option("--run ID", _RUN_HELP, panel=RUN, complete=complete_run)] = None,
    dry_run: Annotated[
        bool, option("--dry-run", "Print the settings and their cost; train nothing.", panel=RUN)
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
    options["source"] = options["source"] or None
    name = name or ("stdin" if options["source"] == ["-"] and not resume else None)
    if "-" in (options["source"] or ()):
        options["source"] = _spool_stdin(options["source"])
    options |= {"recipe": recipe, "name": name, "positive": positive}
    options["rename_label"] = parse_renames(options["rename_label"]) or None
    options["time_limit"] = _parse_duration(options["time_limit"])
    written = ("text_column", "delimiter", "encoding", "no_header")
    options |= reading_settings(*(options[name] for name in written))
    options["no_header"] = options["no_header"] or None
    given = {name: value for name, value in options.items() if value is not None}
    console, registry = Console.open(), open_registry()
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
    references = [trained.reference]
    console.answer(Answer(objects=(open_model(reference).describe() for reference in references), rows=[references]))


def _spool_stdin(sources: list[str]) -> list[str]:
    """The sources, with standard input as a file in the home."""
    from lstmctl.data.spool import STDIN, spool

    if sources.count(STDIN) > 1:
        raise UsageError("--data names standard input twice", hint="name everything once")
    registry = open_registry()
    registry.prepare_for_writing()
    path = str(spool(sys.stdin.buffer if sys.stdin is not None else None, registry.home))
    return [path if source == STDIN else source for source in sources]


def _parse_duration(text: str | None) -> float | None:
    """A duration in seconds.

    >>> _parse_duration("10m")
    600.0
    """
    if text is None:
        return None
    number, unit = (text[:-1], text[-1]) if text[-1:] in ("s", "m", "h") else (text, "s")
    try:
        if not number.isascii():
            raise ValueError
        return float(number) * {"s": 1, "m": 60, "h": 3600}[unit]
    except ValueError as error:
        hint = "--time-limit 90s, --time-limit 10m, --time-limit 2h"
        raise UsageError(f'--time-limit "{text:.60}" is not a time', hint=hint) from error


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
        objects=[values | vars(cost)],
        rows=[[line] for line in lines],
        screen=lambda console: console.result("\n".join(lines)),
        drawing=True,
    )
