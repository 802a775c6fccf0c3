"""Writes cli.md from the program's help, and the table of recipes.md from the definitions of the settings:
`python docs/reference/make.py`."""

import json
import os
import subprocess
import sys
import typing
from pathlib import Path
from typing import Any

import typer

from lstmctl.cli.main import app
from lstmctl.config import VECTORS, TrainConfig
from lstmctl.settings import Setting

HERE = Path(__file__).parent
WIDTH = "80"


def commands() -> list[str]:
    """The program itself, then every command and subcommand, in the order of the help."""
    names = [""]
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        names += [f"{name} {inner}" for inner in getattr(command, "commands", ())] or [name]
    return names


def help_of(command: str) -> str:
    """What `lstmctl COMMAND --help` prints."""
    environment = {**os.environ, "COLUMNS": WIDTH, "NO_COLOR": "1", "LC_ALL": "C.UTF-8"}
    arguments = [sys.executable, "-m", "lstmctl", *command.split(), "--help"]
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.rstrip()


def page() -> str:
    """The whole page."""
    parts = [
        "# Commands\n\nWritten by `python docs/reference/make.py` from the program's own help; a test keeps it so.\n"
        "The options under *Everywhere* can stand before or behind the command.\n"
    ]
    for command in commands():
        text = help_of(command)
        if command:
            text = text[: text.index("\nEverywhere:\n")].rstrip() + text[_end_of_shared(text) :]
        parts.append(f"## {' '.join(['lstmctl', command]).strip()}\n\n```\n{text.rstrip()}\n```\n")
    return "\n".join(parts)


def _end_of_shared(text: str) -> int:
    """Where the section of the shared options ends, which is shown once."""
    start = text.index("\nEverywhere:\n") + 1
    end = text.find("\n\n", start)
    return end if end >= 0 else len(text)


def recipes_page() -> str:
    """recipes.md, with its table of keys from the definitions of the settings."""
    text = (HERE / "recipes.md").read_text(encoding="utf-8")
    kinds = typing.get_type_hints(TrainConfig)
    rows = [_row(name, setting, kinds[name]) for name, setting in TrainConfig.settings().items()]
    header = "| key | meaning | values | default | option |\n|---|---|---|---|---|\n"
    return text[: text.index("| key |")] + header + "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _row(name: str, setting: Setting, kind: Any) -> list[str]:
    if setting.bounds is not None:
        low, high = setting.bounds
        values = f"{low:,} to {high:,}" if isinstance(low, int) else f"{low:g} to {high:g}"
    elif kind is bool:
        values = "`true`, `false`"
    elif setting.metavar == "NAME|FILE":
        values = ", ".join(f"`{json.dumps(name)}`" for name in VECTORS) + ", or the path of a file"
    else:
        literal = next(part for part in (kind, *typing.get_args(kind)) if typing.get_origin(part) is typing.Literal)
        values = ", ".join(f"`{json.dumps(choice)}`" for choice in typing.get_args(literal))
    default = setting.unset if setting.default is None else f"`{json.dumps(setting.default)}`"
    option = f"`{setting.option.split()[-1]}`" if setting.option else ""
    return [f"`{name}`", setting.help, values, default, option]


if __name__ == "__main__":
    (HERE / "cli.md").write_text(page(), encoding="utf-8")
    (HERE / "recipes.md").write_text(recipes_page(), encoding="utf-8")
