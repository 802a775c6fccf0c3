"""`lstmctl data`: what there is to train on, and what is wrong with it."""

import textwrap
from typing import Annotated, Any

import typer

from lstmctl.cli.console import Console
from lstmctl.cli.lines import tsv
from lstmctl.cli.options import (
    DATA,
    LabelColumn,
    RenameLabel,
    TextColumn,
    complete_data,
    parse_renames,
    settings,
)
from lstmctl.cli.parser import Command
from lstmctl.cli.session import open_registry
from lstmctl.config import DataConfig
from lstmctl.errors import ExitCode, UsageError

app = typer.Typer(name="data", help="Look at data sets.", no_args_is_help=True, rich_markup_mode=None)

EXAMPLES = """
Examples:
  lstmctl data list
  lstmctl data check --data reviews.csv --text-column review --label-column stars
  lstmctl train --data rotten-tomatoes
"""
CHECK_EXAMPLES = """
Examples:
  lstmctl data check                                       the film reviews
  lstmctl data check --data train.csv --test-data test.csv --strict
  lstmctl data check --data train.csv --json | jq .leaks
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


@app.command("check", cls=Command, epilog=CHECK_EXAMPLES)
def check_command(
    source: Annotated[
        str,
        typer.Option(
            "--data",
            metavar="NAME|FILE|DIR",
            help="Labelled texts.",
            rich_help_panel=DATA,
            autocompletion=complete_data,
        ),
    ] = "imdb",
    text_column: TextColumn = "text",
    label_column: LabelColumn = "label",
    group_column: Annotated[
        str | None,
        typer.Option(
            "--group-column", metavar="NAME", help="Rows with one value here stay together.", rich_help_panel=DATA
        ),
    ] = None,
    val_source: Annotated[
        str | None,
        typer.Option(
            "--val-data",
            metavar="FILE",
            help="Validation texts.",
            rich_help_panel=DATA,
        ),
    ] = None,
    test_source: Annotated[
        str | None,
        typer.Option(
            "--test-data",
            metavar="FILE",
            help="Test texts.",
            rich_help_panel=DATA,
        ),
    ] = None,
    rename_label: RenameLabel = None,
    max_len: Annotated[int, typer.Option("--max-len", metavar="N", help="Words that a model would read.")] = 500,
    vocab_size: Annotated[int, typer.Option("--vocab-size", metavar="N", help="Words that it would know.")] = 10_000,
    strict: Annotated[
        bool, typer.Option("--strict", help="End with 1 if there are copies, twins, leaks or empty texts.")
    ] = False,
) -> int:
    """Look for what misleads: leaks, twins, copies, empty texts.

    Leaks are texts in two parts, twins one text under two labels.

    The texts are divided as train would divide them, or as --val-data and --test-data say.
    """
    from lstmctl.cli.data_check import report
    from lstmctl.data import load, source_of
    from lstmctl.data.checks import check

    for name, value in (("--max-len", max_len), ("--vocab-size", vocab_size)):
        if value < 1:
            raise UsageError(f"{name} must be 1 or more, not {value}")
    console = Console.open(settings)
    config = DataConfig(
        source=source_of(source),
        text_column=text_column,
        label_column=label_column,
        group_column=group_column,
        val_source=source_of(val_source) if val_source is not None else None,
        test_source=source_of(test_source) if test_source is not None else None,
        rename_label=parse_renames(rename_label),
    )
    with console.waiting("reading the texts"):
        data = load(config, home=open_registry().home)
    with console.waiting("looking at them"):
        findings = check(data, vocab_size=vocab_size)
    report(console, data, findings, max_len=max_len)
    if strict and findings.problems:
        console.error(f"{findings.problems:,} rows of {data.name} are copies or empty")
        return int(ExitCode.NO)
    return int(ExitCode.DONE)
