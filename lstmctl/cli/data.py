"""`lstmctl data`: what there is to train on."""

import textwrap
from typing import Any

import typer

from lstmctl.cli.console import Console
from lstmctl.cli.lines import tsv
from lstmctl.cli.options import settings
from lstmctl.cli.parser import Command

app = typer.Typer(name="data", help="Look at data sets.", no_args_is_help=True, rich_markup_mode=None)

EXAMPLES = """
Examples:
  lstmctl data list
  lstmctl train --data rotten-tomatoes
"""


@app.command("list", cls=Command, epilog=EXAMPLES)
def list_command() -> None:
    """List the named data sets."""
    from lstmctl.data.named import NAMES

    console = Console.open(settings)
    if console.format == "json":
        for name, about in NAMES.items():
            answer: dict[str, Any] = {"schema": "lstmctl.data/1", "name": name, "rows": about.rows}
            console.json(answer | {"labels": list(about.labels), "description": about.description})
    elif console.format == "tsv":
        console.result(tsv(("name", "rows", "labels", "description")))
        for name, about in NAMES.items():
            console.result(tsv((name, about.rows, ",".join(about.labels), about.description)))
    else:
        for name, about in NAMES.items():
            console.show((f"{name:<16}", "bold"), f" {about.rows:>6,} texts   labels {' '.join(about.labels)}")
            for line in textwrap.wrap(about.description, max(20, console.width - 4)):
                console.show(f"  {line}")
        console.note()
        console.note(("Your own texts: lstmctl train --data FILE, or a folder", "dim"))
