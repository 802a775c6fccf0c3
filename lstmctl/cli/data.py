"""`lstmctl data`: what there is to train on."""

from typing import Any

import typer

from lstmctl.cli.console import Console, Piece, tsv
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

    console = Console(settings)
    if console.format == "json":
        for name, about in NAMES.items():
            answer: dict[str, Any] = {"schema": "lstmctl.data/1", "name": name, "rows": about.rows}
            console.json(answer | {"labels": list(about.labels), "description": about.description})
    elif console.format == "tsv":
        console.result(tsv(("name", "rows", "labels", "description")))
        for name, about in NAMES.items():
            console.result(tsv((name, about.rows, ",".join(about.labels), about.description)))
    else:
        rows: list[list[Piece]] = [
            [name, f"{about.rows:,}", " ".join(about.labels), about.description] for name, about in NAMES.items()
        ]
        console.table(["name", "texts", "labels", ""], rows, right=[1])
        console.note()
        console.note(("Your own: lstmctl train --data FILE.csv|tsv|jsonl|txt|parquet, also .gz, or a folder", "dim"))
