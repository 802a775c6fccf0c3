"""Options that several commands share: one flag, one help text, one meaning everywhere.

What answers: the options that choose it, and what work is then given to.

Typer's command and group classes, with our help layout and with the shared options on both sides of a command.

Help is plain text: importing a Markdown renderer to print it would triple the time of `--help`.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperCommand, TyperGroup

from lstmctl.errors import UsageError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from lstmctl.scoring.pool import ParallelMap

# --- shared by every command: they store themselves here, wherever on the line they stand -----------------------


@dataclass
class Settings:
    """What the shared options said. One instance lives for one run of the program."""

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
    """Forget what an earlier run in the same process said (tests run the program many times)."""
    settings.__dict__.update(vars(Settings()))


def _store(context: typer.Context, parameter: Any, value: Any) -> None:
    source = context.get_parameter_source(parameter.name)
    if source is not None and source.name == "COMMANDLINE":
        name, stored = ("format", "json") if parameter.name == "json" else (parameter.name, value)
        setattr(settings, name, stored)


SHARED = "Everywhere"


def _declare(
    home: Annotated[
        str | None,
        typer.Option(
            "--home",
            metavar="DIR",
            callback=_store,
            help="Where models live (or LSTMCTL_HOME).",
            rich_help_panel=SHARED,
        ),
    ] = None,
    format: Annotated[  # noqa: A002
        Literal["auto", "table", "tsv", "json"],
        typer.Option(
            "--format",
            metavar="KIND",
            callback=_store,
            help="table, tsv or json; auto is a table on a terminal, TSV in a pipe.",
            rich_help_panel=SHARED,
            show_default=False,
        ),
    ] = "auto",
    json: Annotated[
        bool, typer.Option("--json", callback=_store, help="Short for --format json.", rich_help_panel=SHARED)
    ] = False,
    color: Annotated[
        Literal["auto", "always", "never"],
        typer.Option(
            "--color",
            metavar="WHEN",
            callback=_store,
            help="auto, always or never.",
            rich_help_panel=SHARED,
            show_default=False,
        ),
    ] = "auto",
    output: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            callback=_store,
            help="Write the answer there, not to stdout.",
            rich_help_panel=SHARED,
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", callback=_store, help="Let -o overwrite a file.", rich_help_panel=SHARED),
    ] = False,
    quiet: Annotated[
        bool, typer.Option("-q", "--quiet", callback=_store, help="Errors only.", rich_help_panel=SHARED)
    ] = False,
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", callback=_store, help="Say more.", rich_help_panel=SHARED)
    ] = False,
    debug: Annotated[
        bool,
        typer.Option("--debug", callback=_store, help="Show the traceback of a bug.", rich_help_panel=SHARED),
    ] = False,
) -> None: ...


@cache
def shared_parameters() -> tuple[Any, ...]:
    """The shared options as parameters that any command can carry. They store themselves and are passed to no one."""
    from typer.core import TyperCommand

    helper = typer.Typer(add_completion=False)
    helper.command(cls=TyperCommand)(_declare)
    parameters = typer.main.get_command(helper).params
    for parameter in parameters:
        parameter.expose_value = False
    return tuple(parameters)


# --- shared by some ------------------------------------------------------------------------------------------------


def complete_model(incomplete: str) -> list[tuple[str, str]]:
    """Model references that begin with what was typed. Lists folders, opens no model."""
    import os

    from lstmctl.registry.home import default_home
    from lstmctl.registry.store import Registry

    registry = Registry(default_home(settings.home, os.environ))
    return [(name, "") for name in registry.references() if name.startswith(incomplete)]


def complete_data(incomplete: str) -> list[tuple[str, str]]:
    """Names of data sets that begin with what was typed."""
    from lstmctl.data.named import NAMES

    return [(name, about.description) for name, about in NAMES.items() if name.startswith(incomplete)]


def complete_recipe(incomplete: str) -> list[tuple[str, str]]:
    """Names of recipes that begin with what was typed."""
    from lstmctl.recipes import names

    return [(name, "") for name in names() if name.startswith(incomplete)]


def complete_run(incomplete: str) -> list[tuple[str, str]]:
    """Ids of runs that begin with what was typed. Lists a folder."""
    import os

    from lstmctl.registry import home as homes

    runs = homes.list_names(homes.default_home(settings.home, os.environ), homes.CHECKPOINTS)
    return [(run, "") for run in reversed(runs) if run.startswith(incomplete)]


MODEL_HELP = "The model: name, name@3, name@tag, or a path with a /. Default: LSTMCTL_MODEL, else the newest model."

Model = Annotated[
    str | None,
    typer.Option("-m", "--model", metavar="MODEL", help=MODEL_HELP, autocompletion=complete_model),
]

Jobs = Annotated[
    int | None,
    typer.Option("-j", "--jobs", metavar="N", help="Processes that answer.", show_default="one a core"),
]


def job_count(jobs: int | None) -> int:
    """How many processes to use.

    Raises:
        UsageError: no such number makes sense.
    """
    if jobs is None:
        from lstmctl.process import cores

        return cores()
    if not 1 <= jobs <= 1024:
        raise UsageError(f"--jobs must be 1 to 1,024, not {jobs}")
    return jobs


DATA = "Data"
TextColumn = Annotated[
    str, typer.Option("--text-column", metavar="NAME", help="Column with the text.", rich_help_panel=DATA)
]
LabelColumn = Annotated[
    str, typer.Option("--label-column", metavar="NAME", help="Column with the label.", rich_help_panel=DATA)
]
RenameLabel = Annotated[
    list[str] | None,
    typer.Option(
        "--rename-label",
        metavar="FROM=TO",
        help="Read the label FROM as TO; repeat for more.",
        rich_help_panel=DATA,
    ),
]


def parse_renames(pairs: list[str] | None) -> tuple[tuple[str, str], ...]:
    """`FROM=TO` options as pairs."""
    renames = []
    for pair in pairs or ():
        old, equals, new = pair.partition("=")
        if not (old and equals and new):
            raise UsageError(f'--rename-label "{pair}" is not FROM=TO', hint="--rename-label 1=pos")
        renames.append((old, new))
    return tuple(renames)


def parse_duration(option: str, text: str | None) -> float | None:
    """`90`, `90s`, `10m` or `2h` in seconds."""
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
        help="What answers: processes of this machine, or a cluster of many.",
        rich_help_panel=CLUSTER,
    ),
]
RayAddress = Annotated[
    str | None,
    typer.Option(
        "--ray-address",
        metavar="ADDRESS",
        help="The cluster: auto, or HOST:PORT.",
        show_default="RAY_ADDRESS, else one that is started here",
        rich_help_panel=CLUSTER,
    ),
]


def engine_of(engine: str, *, address: str | None, jobs: int | None) -> "AbstractContextManager[ParallelMap]":
    """What work is given to, once it is entered: processes of this machine, or a cluster.

    Raises:
        UsageError: the options do not go together.
    """
    processes = job_count(jobs)
    if engine == "ray":
        from lstmctl.scoring.ray_cluster import connected

        return connected(address, jobs=jobs)
    if address is not None:
        raise UsageError("--ray-address belongs to --engine ray")
    from contextlib import nullcontext
    from functools import partial

    from lstmctl.scoring.pool import parallel_map

    return nullcontext(partial(parallel_map, jobs=processes))


# How Typer ends a help text: with what the text itself says elsewhere, or with what the usage line says.
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
    """Mix-in: appends the shared options, which store themselves, and lays the help out in sections."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.params: list[Any] = [*self.params, *shared_parameters()]

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """The examples, with their lines kept as written."""
        if epilog := getattr(self, "epilog", None):
            formatter.write("\n" + "\n".join(line.rstrip() for line in epilog.strip("\n").split("\n")) + "\n")


class Command(_SharedOptions, TyperCommand):
    """A command. An error of usage that has no hint of its own leads to its help."""

    def invoke(self, ctx: Any) -> Any:
        """Run it."""
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
