"""The program: its commands, and the one place where errors become messages and exit codes."""

import os
import re
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from lstmctl import __version__, memory
from lstmctl.cli import options
from lstmctl.cli.console import Console, PipeClosed
from lstmctl.cli.options import Command, Group
from lstmctl.errors import (
    RESOURCES,
    ExitCode,
    LstmctlError,
    Signalled,
    StorageError,
    UsageError,
    closest_names,
    from_os_error,
)
from lstmctl.process import signal_number

EXAMPLES = """
Examples:
  lstmctl train --epochs 3               train on 25,000 film reviews
  lstmctl predict "great movie"          predict with the newest model
  lstmctl evaluate                       measure it on held-out reviews
  lstmctl train --data reviews.csv       train on your own texts
  lstmctl serve                          predict over HTTP

Exit codes: 0 done, 1 a check failed, 2 usage, 65 bad data, 66 not found,
  69 a package is missing, 70 a bug, 73 cannot create, 74 I/O error, 75 busy,
  76 model rejected, 77 permission, 128 + n ended by signal n.
"""

COMMANDS = ("train", "evaluate", "predict", "plot", "summary", "serve", "doctor", "completion", "models", "data")


class _Commands(Mapping[str, Any]):
    """Typer's commands by name. Each is imported and built when it is needed: `predict` does not wait for `train`."""

    def __getitem__(self, name: str) -> Any:
        if name not in COMMANDS:
            raise KeyError(name)
        return _build(name)

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


@cache
def _build(name: str) -> Any:
    """A command, from its module's function `command` and EXAMPLES, or a group of commands, from its `app`."""
    module = import_module(f"lstmctl.cli.{name}")
    helper = typer.Typer(rich_markup_mode=None)
    if hasattr(module, "app"):
        helper.add_typer(module.app, name=name, cls=Group)
    else:
        helper.command(name, cls=Command, epilog=module.EXAMPLES)(module.command)
    return typer.main.get_group(helper).commands[name]


class _Program(Group):
    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings | {"commands": _Commands()})


app = typer.Typer(
    name="lstmctl",
    cls=_Program,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    epilog=EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)


def _show_version(flag: bool) -> None:
    if flag:
        Console.current().result(f"lstmctl {__version__}")
        raise typer.Exit


@app.callback()
def program(
    version: Annotated[
        bool, typer.Option("--version", "-V", help="Show the version and exit.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    """Train, measure, explain and serve LSTM text classifiers."""


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return the exit code. Never raises; shows a traceback only with --debug."""
    options.reset()
    Console.reset()
    if "_LSTMCTL_COMPLETE" in os.environ:  # set by the scripts of `lstmctl completion`
        from typer.completion import completion_init  # type: ignore[attr-defined]  # exists, but is not re-exported

        completion_init()
    try:
        code = _run(arguments)
    except (KeyboardInterrupt, Signalled) as interrupt:
        code = 128 + signal_number(interrupt)
    return _flush(code)


def _run(arguments: Sequence[str]) -> int:
    try:
        result = app(list(arguments), standalone_mode=False, prog_name="lstmctl")
        Console.current().save()
    except PipeClosed:
        return int(ExitCode.PIPE_CLOSED)
    except LstmctlError as error:
        return Console.current().report(error)
    except TyperException as error:
        return _usage(error, arguments)
    except Exception as error:
        return _bug(error)
    return result if isinstance(result, int) else int(ExitCode.DONE)


# What other programs call things → the command here.
_ELSEWHERE = {
    **dict.fromkeys(("explain", "interpret", "why"), 'predict --explain "great movie"'),
    **dict.fromkeys(("classify", "infer", "run", "label"), 'predict "great movie"'),
    **dict.fromkeys(("fit", "learn"), "train"),
    **dict.fromkeys(("test", "score", "eval", "validate", "measure"), "evaluate"),
    **dict.fromkeys(("show", "info", "describe", "inspect"), "summary"),
    **dict.fromkeys(("list", "ls"), "models list"),
    **dict.fromkeys(("rm", "remove", "delete"), "models rm --help"),
    **dict.fromkeys(("export", "save", "convert"), "models export --help"),
    **dict.fromkeys(("import", "load"), "models import --help"),
    **dict.fromkeys(("tag", "verify", "restore", "prune"), "models --help"),
    **dict.fromkeys(("check", "split"), "data --help"),
    **dict.fromkeys(("draw", "curves", "graph"), "plot"),
    "version": "--version",
    "help": "--help",
}


def _meant_command(word: str, path: str) -> str | None:
    """The command that someone meant who wrote another word behind `path`."""
    if command := _ELSEWHERE.get(word.lower()):
        return f"lstmctl {command}"
    group = path.removeprefix("lstmctl").strip()
    names = list(_build(group).commands) if group in COMMANDS else COMMANDS
    near = closest_names(word.lower(), names, count=1)
    return f"{path} {near[0]}" if near else None


def _usage(error: Any, arguments: Sequence[str]) -> int:
    """Report an error of Typer's in our form: a message and a hint."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "lstmctl"
    message = error.format_message()
    if type(error).__name__ == "NoArgsIsHelpError":  # a bare `lstmctl`: help, on stderr
        sys.stderr.write(message + "\n")
        return int(ExitCode.USAGE)
    message = message[:1].lower() + message[1:].rstrip(".")
    message = message.replace("not a valid int", "not a whole number").replace("not a valid float", "not a number")
    hint = f"{path} --help"
    if unknown := re.match(r"no such command '(.*?)'", message):
        return Console.current().report(UsageError(unknown[0], hint=_meant_command(unknown[1], path) or hint))
    option = message.removeprefix("no such option: ").split(" ")[0]
    if message.startswith("no such option: -") and any(
        argument.startswith(option) and " " in argument for argument in arguments
    ):
        hint = f'a text that begins with a dash goes after --: {path} -- "{option}…"'
    return Console.current().report(UsageError(message, hint=hint))


def _bug(error: Exception) -> int:
    if options.settings.debug:
        traceback.print_exc()
    console = Console.current()
    if memory.was_short(error):
        about = " ".join(str(error).split()[:12]) or type(error).__name__
        return console.report(StorageError(f"{memory.SHORT} ({about:.100})", hint=memory.hint()))
    if isinstance(error, FileNotFoundError) and "No usable temporary directory" in str(error):
        message = "there is no folder for temporary files that can be written to"
        return console.report(StorageError(message, hint="TMPDIR=FOLDER before the command names one"))
    if (lacking := _lacking(error)) is not None:
        return console.report(from_os_error(lacking, "go on"))
    console.error(
        f"this is a bug in lstmctl: {type(error).__name__}: {error}",
        hint="run the same command with --debug and report what it prints",
    )
    return int(ExitCode.INTERNAL)


def _lacking(error: BaseException) -> OSError | None:
    """The error of the system that led to an error, if it is a lack of files, processes or room, which can
    be met anywhere, also while a module is loaded."""
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, OSError) and link.errno in RESOURCES:
            return link
        link = link.__cause__ or link.__context__
    return None


def _flush(code: int) -> int:
    """Flush the output; the exit code. An earlier failure takes precedence over one met here."""
    try:
        Console.current().flush()
        if code != ExitCode.PIPE_CLOSED:
            return code
    except PipeClosed:
        code = code or int(ExitCode.PIPE_CLOSED)
    except LstmctlError as error:
        code = code or Console.current().report(error)
    # Point stdout at /dev/null, so that the interpreter's last flush cannot fail and change the exit code.
    with suppress(OSError, ValueError):  # not a real file, or already closed
        target = sys.stdout.fileno()
        with open(os.devnull, "wb") as null:
            os.dup2(null.fileno(), target)
    return code
