"""The options that commands share and what they refer to, and Typer's command classes with our help layout.

Help is plain text: importing a Markdown renderer would triple the time of `--help`.
"""

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperCommand, TyperGroup

from lstmctl.cli.outputs import PICTURES, Format, ending, refuse_input
from lstmctl.config import DataConfig
from lstmctl.errors import UsageError
from lstmctl.settings import Setting

if TYPE_CHECKING:
    from lstmctl.plots.style import PictureStyle
    from lstmctl.registry.artifact import ModelFolder
    from lstmctl.registry.store import Registry

Completion = Callable[[str], Sequence[str | tuple[str, str]]]  # the start of a value → values, or (value, description)


def option(
    usage: str,
    help: str,  # noqa: A002
    *,
    default: bool | str = True,
    panel: str | None = None,
    complete: Completion | None = None,
    callback: Callable[..., None] | None = None,
) -> Any:
    """An option as its help shows it: "-m --model MODEL", or without a metavar for a flag.

    `default` is what the help says about the default value, or True for the value itself. `panel` is the section of the
    help.
    """
    words = usage.split()
    flags = [word for word in words if word.startswith("-")]
    return typer.Option(
        *flags,
        metavar=" ".join(words[len(flags) :]) or None,
        help=help,
        show_default=default,
        rich_help_panel=panel,
        autocompletion=complete,
        callback=callback,
    )


# --- options of every command: they store themselves in `settings`, wherever they stand on the line -----------------


@dataclass
class Settings:
    """Values of the options that every command has. One instance lives for one run of the program."""

    home: str | None = None
    format: Format = "auto"
    color: Literal["auto", "always", "never"] = "auto"
    output: str | None = None
    force: bool = False
    quiet: bool = False
    verbose: bool = False
    debug: bool = False


settings = Settings()
_given: dict[str, Any] = {}  # the shared options on the command line, before or behind the name of the command


def reset() -> None:
    """Restore the defaults: tests run the program many times in one process."""
    settings.__dict__.update(vars(Settings()))
    _given.clear()


def _store(context: typer.Context, parameter: Any, value: Any) -> None:
    source = context.get_parameter_source(parameter.name)
    if source is not None and source.name == "COMMANDLINE":
        name, stored = ("format", "json") if parameter.name == "json" else (parameter.name, value)
        if _given.get(name, stored) != stored:
            raise given_twice(f"--{name}", _given[name], stored)
        _given[name] = stored
        # The shell leaves --output=~/… as it is.
        if name == "output":
            stored = None if stored == "-" else os.path.expanduser(stored)  # - is standard output, as elsewhere
        setattr(settings, name, stored)


# Options with one value that may nevertheless be given several times; the others are checked by `Command`.
MAY_REPEAT = ("--data", "--text-column", "--allow-host", "--allow-origin")
_NO_PATHS = ("texts", "text", "title")  # parameters whose values are texts, even if they read like the name of a file


def given_twice(option: str, first: object, second: object) -> UsageError:
    """The error of an option that takes one value and was given two: the last one must not win silently."""
    return UsageError(f"{option} was given twice: {first} and {second}", hint=f"give {option} once")


SHARED = "Everywhere"


def _shared(usage: str, help: str) -> Any:  # noqa: A002
    return option(usage, help, default=False, panel=SHARED, callback=_store)


_FORMAT = _shared(
    "--format KIND", "table, tsv, csv or json. Default: by the ending of -o; table on a terminal, tsv in a pipe."
)


def _declare(
    home: Annotated[str | None, _shared("--home DIR", "Folder of models, runs and data (or LSTMCTL_HOME).")] = None,
    format: Annotated[Format, _FORMAT] = "auto",  # noqa: A002
    json: Annotated[bool, _shared("--json", "Short for --format json.")] = False,
    color: Annotated[Literal["auto", "always", "never"], _shared("--color WHEN", "auto, always or never.")] = "auto",
    output: Annotated[
        str | None, _shared("-o --output FILE", "Write the output to a file, in the format of its ending.")
    ] = None,
    force: Annotated[bool, _shared("--force", "Let -o overwrite a file.")] = False,
    quiet: Annotated[bool, _shared("-q --quiet", "Print errors only.")] = False,
    verbose: Annotated[bool, _shared("-v --verbose", "Print more details.")] = False,
    debug: Annotated[bool, _shared("--debug", "Show the traceback of a bug.")] = False,
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


# --- the registry and its models ------------------------------------------------------------------------------------


def open_registry() -> "Registry":
    """The registry of --home, LSTMCTL_HOME or the user's data folder."""
    from lstmctl.registry.home import default_home
    from lstmctl.registry.store import Registry

    return Registry(default_home(settings.home, os.environ))


def open_model(reference: str | None) -> "ModelFolder":
    """The model with this reference; None: that of LSTMCTL_MODEL, else the newest."""
    reference = reference or os.environ.get("LSTMCTL_MODEL")
    folder = open_registry().resolve(os.path.expanduser(reference) if reference else None)
    refuse_input(settings.output, [str(folder.path)])
    return folder


def named_models(arguments: Sequence[str] | None, option: str | None) -> list[str | None]:
    """The models named by arguments and by -m; a single None, for the default model, if there are none."""
    return [*(arguments or []), *([option] if option is not None else [])] or [None]


def complete_model(incomplete: str) -> list[str]:
    """Model references that start with `incomplete`. Lists folders and opens no model."""
    return [reference for reference in open_registry().references() if reference.startswith(incomplete)]


# --- options that some commands share -------------------------------------------------------------------------------

DATA, CLUSTER = "Data", "On a cluster"
MODEL_HELP = "Model: name, name@3, name@tag, or a path with a /. Default: LSTMCTL_MODEL, else the newest model."


def setting_option(setting: Setting, *, panel: str = DATA, complete: Completion | None = None) -> Any:
    """The option of a setting, with the flags, help and default of its definition in `lstmctl.config`."""
    usage = f"{setting.option} {setting.metavar}"
    return option(usage, setting.help, default=setting.shown_default or False, panel=panel, complete=complete)


def data_option(help: str, *, default: bool | str = True) -> Any:  # noqa: A002
    """The option --data, which the commands describe in different words."""
    return option("--data NAME|FILE|DIR", help, default=default, panel=DATA, complete=complete_data)


def complete_data(incomplete: str) -> list[tuple[str, str]]:
    """Names of data sets that start with `incomplete`, with their descriptions."""
    from lstmctl.data.named import NAMES

    return [(name, about.description) for name, about in NAMES.items() if name.startswith(incomplete)]


_SETTINGS = DataConfig.settings()
TextColumn = Annotated[list[str] | None, setting_option(_SETTINGS["text_column"])]
LabelColumn = Annotated[str | None, setting_option(_SETTINGS["label_column"])]
Delimiter = Annotated[str | None, setting_option(_SETTINGS["delimiter"])]
Encoding = Annotated[str | None, setting_option(_SETTINGS["encoding"])]
NoHeader = Annotated[bool, setting_option(_SETTINGS["no_header"])]
GroupColumn = Annotated[str | None, setting_option(_SETTINGS["group_column"])]
ValData = Annotated[str | None, setting_option(_SETTINGS["val_source"])]
TestData = Annotated[str | None, setting_option(_SETTINGS["test_source"])]
RenameLabel = Annotated[list[str] | None, setting_option(_SETTINGS["rename_label"])]
BadRowsOption = Annotated[Literal["stop", "skip"], setting_option(_SETTINGS["bad_rows"])]

Model = Annotated[str | None, option("-m --model MODEL", MODEL_HELP, complete=complete_model)]
Models = Annotated[
    list[str] | None, typer.Argument(metavar="[MODEL]...", help=MODEL_HELP, autocompletion=complete_model)
]
Jobs = Annotated[int | None, option("-j --jobs N", "Number of worker processes.", default="one per core")]
Engine = Annotated[Literal["local", "ray"], option("--engine local|ray", "Run locally or on Ray.", panel=CLUSTER)]
_RAY_ADDRESS = "Address of the cluster: auto, or HOST:PORT."
RayAddress = Annotated[
    str | None,
    option("--ray-address ADDRESS", _RAY_ADDRESS, default="RAY_ADDRESS, else a new local cluster", panel=CLUSTER),
]


PICTURE = "Picture (-o FILE.svg, .png or .pdf)"
Size = Annotated[
    str | None, option("--size WxH", "Width and height in inches.", default="as the figure needs", panel=PICTURE)
]
Dpi = Annotated[int | None, option("--dpi N", "Pixels per inch.", default="150", panel=PICTURE)]
Title = Annotated[str | None, option("--title TEXT", "The title, instead of the usual one.", panel=PICTURE)]


def picture_style(size: str | None, dpi: int | None, title: str | None) -> "PictureStyle":
    """These options as one value. Raises UsageError for a value out of bounds, and if no picture is written."""
    from lstmctl.plots.style import PictureStyle

    style = PictureStyle.parse(size, dpi, title)
    if not style.is_usual and ending(settings.output) not in PICTURES:
        given = next(
            name for name, value in (("--size", size), ("--dpi", dpi), ("--title", title)) if value is not None
        )
        raise UsageError(f"{given} is for pictures, and none is written here", hint="-o picture.svg, or .png or .pdf")
    return style


def reading_settings(
    text_column: list[str] | None, delimiter: str | None, encoding: str | None, no_header: bool | None
) -> dict[str, Any]:
    """The options that say how tables are written, as the settings of the same names."""
    config = DataConfig(text_column=text_column, delimiter=delimiter, encoding=encoding, no_header=bool(no_header))  # type: ignore[arg-type]  # which normalizes it
    config.validate()
    return {name: getattr(config, name) for name in ("text_column", "delimiter", "encoding", "no_header")}


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


# --- Typer's command classes ----------------------------------------------------------------------------------------

# Typer's own endings of a help text: the default, which we write as a sentence, and what the usage line says already.
_DEFAULT, _REQUIRED = re.compile(r"  \[default: \(?(.+?)\)?\]"), "  [required]"


def _store_once(option: Any, store: Callable[[Any, Any], None], value: Any, state: Any) -> None:
    if option.dest in state.opts:
        raise given_twice(option.obj.opts[-1], state.opts[option.dest], value)
    store(value, state)


class _SharedOptions:
    """Mix-in: adds the options of every command, and lays the help out in sections."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.params: list[Any] = [*self.params, *shared_parameters()]

    def make_parser(self, ctx: Any) -> Any:
        """Typer's parser, which lets the last of several values win; here, a second one is an error."""
        parser = super().make_parser(ctx)  # type: ignore[misc]
        if ctx.resilient_parsing:  # for completion
            return parser
        for parsed in {*parser._long_opt.values(), *parser._short_opt.values()}:
            if parsed.action == "store" and not set(MAY_REPEAT) & set(parsed.obj.opts):
                parsed.process = partial(_store_once, parsed, parsed.process)
        return parser

    def format_options(self: Any, ctx: Any, formatter: Any) -> None:
        """Commands, arguments, then the options by panel in order of first appearance, the shared ones last."""
        if isinstance(self, TyperGroup):
            self.format_commands(ctx, formatter)
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": []}
        for parameter in self.get_params(ctx):
            if record := parameter.get_help_record(ctx):
                default = "Arguments" if parameter.param_type_name == "argument" else "Options"
                panel = SHARED if parameter.name == "help" else parameter.rich_help_panel or default
                text = _DEFAULT.sub(r" Default: \1.", record[1].replace(_REQUIRED, ""))
                sections.setdefault(panel, []).append((record[0], text))
        sections[SHARED] = sections.pop(SHARED)
        for name, lines in sections.items():
            if lines:
                with formatter.section(name):
                    formatter.write_dl(lines)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """The examples, line by line as written."""
        if epilog := getattr(self, "epilog", None):
            formatter.write("\n" + "\n".join(line.rstrip() for line in epilog.strip("\n").split("\n")) + "\n")


class Command(_SharedOptions, TyperCommand):
    """A command. -o is none of its inputs. A usage error without a hint of its own points to the command's help."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        refuse_input(settings.output, (value for name, value in ctx.params.items() if name not in _NO_PATHS))
        try:
            return super().invoke(ctx)
        except UsageError as error:
            error.hint = error.hint or f"{ctx.command_path} --help"
            raise


class Group(_SharedOptions, TyperGroup):
    """A group of commands, and the program itself."""
