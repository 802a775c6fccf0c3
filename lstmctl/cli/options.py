"""Options that several commands share: one flag, one help text, one meaning everywhere."""

from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal

import typer

from lstmctl.errors import UsageError

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
    written: Any = None  # a file with the answer so far, where it goes to `output`


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

    runs = homes.names_in(homes.default_home(settings.home, os.environ), homes.CHECKPOINTS)
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
        from lstmctl.processors import cores

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
