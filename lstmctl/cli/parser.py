"""Typer's command and group classes, with our help layout and with the shared options on both sides of a command.

Help is plain text: importing a Markdown renderer to print it would triple the time of `--help`.
"""

import re
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from lstmctl.cli.options import SHARED, shared_parameters
from lstmctl.errors import UsageError

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
