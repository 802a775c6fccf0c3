"""Command-line options that several commands share, and Typer's command classes with our help layout.

Three sections: the options that every command has, the options that some commands share (the same flag, help and
meaning everywhere), and the classes `Command` and `Group`. Help is plain text: importing a Markdown renderer would
triple the time of `--help`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperCommand, TyperGroup

from lstmctl.config import Config, DataConfig
from lstmctl.errors import UsageError

# --- options of every command: they store themselves in `settings`, wherever they stand on the line -----------------


@dataclass
class Settings:
    """Values of the options that every command has. One instance lives for one run of the program."""

    home: str | None = None
    format: Literal["auto", "table", "tsv", "json"] = "auto"
    color: Literal["auto", "always", "never"] = "auto"
    output: str | None = None
    force: bool = False
    quiet: bool = False
    verbose: bool = False
    debug: bool = False


settings = Settings()


def reset() -> None:
    """Restore the defaults: tests run the program many times in one process."""
    settings.__dict__.update(vars(Settings()))


def _store(context: typer.Context, parameter: Any, value: Any) -> None:
    source = context.get_parameter_source(parameter.name)
    if source is not None and source.name == "COMMANDLINE":
        name, stored = ("format", "json") if parameter.name == "json" else (parameter.name, value)
        setattr(settings, name, stored)


SHARED = "Everywhere"


def _shared(*flags: str, help: str, metavar: str | None = None) -> Any:  # noqa: A002
    return typer.Option(*flags, metavar=metavar, help=help, callback=_store, rich_help_panel=SHARED, show_default=False)


def _declare(
    home: Annotated[
        str | None, _shared("--home", metavar="DIR", help="Folder of models, runs and data (or LSTMCTL_HOME).")
    ] = None,
    format: Annotated[  # noqa: A002
        Literal["auto", "table", "tsv", "json"],
        _shared(
            "--format", metavar="KIND", help="table, tsv or json. Default: table on a terminal, tsv in a pipe or file."
        ),
    ] = "auto",
    json: Annotated[bool, _shared("--json", help="Short for --format json.")] = False,
    color: Annotated[
        Literal["auto", "always", "never"], _shared("--color", metavar="WHEN", help="auto, always or never.")
    ] = "auto",
    output: Annotated[str | None, _shared("-o", "--output", metavar="FILE", help="Write the output to a file.")] = None,
    force: Annotated[bool, _shared("--force", help="Let -o overwrite a file.")] = False,
    quiet: Annotated[bool, _shared("-q", "--quiet", help="Print errors only.")] = False,
    verbose: Annotated[bool, _shared("-v", "--verbose", help="Print more details.")] = False,
    debug: Annotated[bool, _shared("--debug", help="Show the traceback of a bug.")] = False,
) -> None: ...


@cache
def shared_parameters() -> tuple[Any, ...]:
    """These options as parameters for any command. They store themselves and are not passed to the command."""
    helper = typer.Typer(add_completion=False)
    helper.command(cls=TyperCommand)(_declare)
    parameters = typer.main.get_command(helper).params
    for parameter in parameters:
        parameter.expose_value = False
    return tuple(parameters)


# --- options that some commands share -------------------------------------------------------------------------------


def complete_model(incomplete: str) -> list[tuple[str, str]]:
    """Model references that start with `incomplete`. Lists folders and opens no model."""
    import os

    from lstmctl.registry.home import default_home
    from lstmctl.registry.store import Registry

    registry = Registry(default_home(settings.home, os.environ))
    return [(name, "") for name in registry.references() if name.startswith(incomplete)]


def complete_data(incomplete: str) -> list[tuple[str, str]]:
    """Names of data sets that start with `incomplete`."""
    from lstmctl.data.named import NAMES

    return [(name, about.description) for name, about in NAMES.items() if name.startswith(incomplete)]


def complete_recipe(incomplete: str) -> list[tuple[str, str]]:
    """Names of recipes that start with `incomplete`."""
    from lstmctl.recipes import names

    return [(name, "") for name in names() if name.startswith(incomplete)]


def complete_run(incomplete: str) -> list[tuple[str, str]]:
    """Ids of runs that start with `incomplete`, newest first."""
    import os

    from lstmctl.registry import home as homes

    runs = homes.list_names(homes.default_home(settings.home, os.environ), homes.CHECKPOINTS)
    return [(run, "") for run in reversed(runs) if run.startswith(incomplete)]


MODEL_HELP = "Model: name, name@3, name@tag, or a path with a /. Default: LSTMCTL_MODEL, else the newest model."

Model = Annotated[
    str | None,
    typer.Option("-m", "--model", metavar="MODEL", help=MODEL_HELP, autocompletion=complete_model),
]

Jobs = Annotated[
    int | None,
    typer.Option("-j", "--jobs", metavar="N", help="Number of worker processes.", show_default="one per core"),
]

DATA = "Data"


def setting_option(
    config: type[Config],
    name: str,
    *,
    panel: str = DATA,
    complete: Callable[[str], list[tuple[str, str]]] | None = None,
) -> Any:
    """The option of a setting, with the flags, help and default of its definition in `lstmctl.config`."""
    setting = config.settings()[name]
    return typer.Option(
        *setting.option.split(),
        metavar=setting.metavar,
        help=setting.help,
        show_default=setting.shown_default or False,
        rich_help_panel=panel,
        autocompletion=complete,
    )


TextColumn = Annotated[str, setting_option(DataConfig, "text_column")]
LabelColumn = Annotated[str, setting_option(DataConfig, "label_column")]
GroupColumn = Annotated[str | None, setting_option(DataConfig, "group_column")]
ValData = Annotated[str | None, setting_option(DataConfig, "val_source")]
TestData = Annotated[str | None, setting_option(DataConfig, "test_source")]
RenameLabel = Annotated[list[str] | None, setting_option(DataConfig, "rename_label")]


def parse_renames(pairs: list[str] | None) -> tuple[tuple[str, str], ...]:
    """`FROM=TO` options as pairs.

    >>> parse_renames(["1=pos", "0=neg"])
    (('1', 'pos'), ('0', 'neg'))
    """
    renames = []
    for pair in pairs or ():
        old, equals, new = pair.partition("=")
        if not (old and equals and new):
            raise UsageError(f'--rename-label "{pair}" is not FROM=TO', hint="--rename-label 1=pos")
        renames.append((old, new))
    return tuple(renames)


def parse_duration(option: str, text: str | None) -> float | None:
    """A duration in seconds.

    >>> parse_duration("--time-limit", "10m")
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
        raise UsageError(
            f'{option} "{text:.60}" is not a time', hint=f"{option} 90s, {option} 10m, {option} 2h"
        ) from error


CLUSTER = "On a cluster"
Engine = Annotated[
    Literal["local", "ray"],
    typer.Option(
        "--engine",
        metavar="local|ray",
        help="Run locally or on Ray.",
        rich_help_panel=CLUSTER,
    ),
]
RayAddress = Annotated[
    str | None,
    typer.Option(
        "--ray-address",
        metavar="ADDRESS",
        help="Address of the cluster: auto, or HOST:PORT.",
        show_default="RAY_ADDRESS, else a new local cluster",
        rich_help_panel=CLUSTER,
    ),
]


# --- Typer's command classes ----------------------------------------------------------------------------------------

# Typer's own endings of a help text: the default, which we write as a sentence, and what the usage line says already.
_DEFAULT, _REQUIRED = re.compile(r"  \[default: \(?(.+?)\)?\]"), "  [required]"


def _write_sections(context: typer.Context, formatter: Any, parameters: list[Any]) -> None:
    """Arguments, then the options grouped by their panel in order of first appearance, the shared ones last."""
    sections: dict[str, list[tuple[str, str]]] = {}
    for parameter in parameters:
        record = parameter.get_help_record(context)
        if record is not None:
            default = "Arguments" if parameter.param_type_name == "argument" else "Options"
            panel = SHARED if parameter.name == "help" else parameter.rich_help_panel or default
            names, text = record
            sections.setdefault(panel, []).append((names, _DEFAULT.sub(r" Default: \1.", text.replace(_REQUIRED, ""))))
    order = {"Arguments": 0, SHARED: 2}
    for name in sorted(sections, key=lambda name: order.get(name, 1)):
        with formatter.section(name):
            formatter.write_dl(sections[name])


class _SharedOptions:
    """Mix-in: adds the options of every command, and lays the help out in sections."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.params: list[Any] = [*self.params, *shared_parameters()]

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """The examples, line by line as written."""
        if epilog := getattr(self, "epilog", None):
            formatter.write("\n" + "\n".join(line.rstrip() for line in epilog.strip("\n").split("\n")) + "\n")


class Command(_SharedOptions, TyperCommand):
    """A command. A usage error without a hint of its own points to the command's help."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except UsageError as error:
            error.hint = error.hint or f"{ctx.command_path} --help"
            raise

    def format_options(self, ctx: Any, formatter: Any) -> None:
        _write_sections(ctx, formatter, self.get_params(ctx))


class Group(_SharedOptions, TyperGroup):
    """A group of commands, and the program itself."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        self.format_commands(ctx, formatter)
        _write_sections(ctx, formatter, self.get_params(ctx))
