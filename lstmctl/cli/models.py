"""`lstmctl models`: the registry."""

from typing import Annotated, Any

import typer

from lstmctl.cli.console import Console
from lstmctl.cli.lines import Piece, tsv, visible
from lstmctl.cli.options import complete_model, settings
from lstmctl.cli.parser import Command
from lstmctl.cli.session import default_reference, describe, open_registry

app = typer.Typer(name="models", help="List, remove and restore models.", no_args_is_help=True, rich_markup_mode=None)

LIST_EXAMPLES = """
Examples:
  lstmctl models list
  lstmctl models list --runs            unfinished training runs too
  lstmctl models list --json | jq -r .model
"""
REMOVE_EXAMPLES = """
Examples:
  lstmctl models rm imdb@3
  lstmctl models rm imdb --all
  lstmctl models restore imdb@3         undo
"""
COLUMNS = ("model", "tags", "data", "accuracy", "low", "high", "n", "epoch", "parameters", "bytes", "created")

Reference = Annotated[str, typer.Argument(metavar="MODEL", help="name@3.", autocompletion=complete_model)]
All = Annotated[bool, typer.Option("--all", help="Every version of the name.")]


@app.command("list", cls=Command, epilog=LIST_EXAMPLES)
def list_command(
    runs: Annotated[bool, typer.Option("--runs", help="Show unfinished training runs instead.")] = False,
) -> None:
    """List the models, newest first, or the unfinished training runs."""
    console = Console.open(settings)
    registry = open_registry()
    if runs:
        _show_runs(console)
        return
    entries = registry.entries()
    for entry in entries:
        if entry.error is not None:
            console.warn(entry.error.message, hint=entry.error.hint)
    described = [describe(entry.folder, tags=entry.tags) for entry in entries if entry.folder is not None]
    if console.format == "json":
        for values in described:
            console.json(values)
    elif console.format == "tsv":
        console.result(tsv(COLUMNS))
        for values in described:
            fields = [",".join(values[name]) if name == "tags" else values[name] for name in COLUMNS]
            console.result(tsv(fields))
    elif described:
        _screen(console, described)
    else:
        console.note("no models yet")
        console.hint("lstmctl train makes one")


def _screen(console: Console, described: list[dict[str, Any]]) -> None:
    wide = console.width >= 72
    rows: list[list[Piece]] = []
    for values in described:
        data = visible(str(values["data"]).rsplit("/", 1)[-1])
        score = "not measured"
        if values["accuracy"] is not None:
            score = f"{values['accuracy']:.3f} ±{(values['high'] - values['low']) / 2:.3f}"
        row: list[Piece] = [(values["model"], "bold"), " ".join(values["tags"]), score]
        row += [data, visible(values["created"][:16].replace("T", " "))] if wide else []
        rows.append([*row, f"{values['bytes'] / 1e6:.1f} MB"])
    header = ["model", "tags", "test accuracy", *(["data", "trained (UTC)"] if wide else []), "size"]
    console.table(header, rows, right=[len(header) - 1])
    total = sum(values["bytes"] for values in described) / 1e6
    count = f"{len(described)} model" + ("s" if len(described) > 1 else "")
    default = default_reference()
    use = f" Without -m, commands use {default}." if default else " All are trials; name one with -m."
    console.note((f"{count}, {total:.1f} MB.{use}", "dim"))


def _show_runs(console: Console) -> None:
    from lstmctl.registry.checkpoints import unfinished

    runs = unfinished(open_registry().home)
    if console.format == "json":
        for run in runs:
            console.json(
                {
                    "schema": "lstmctl.run/1",
                    "run": run.run_id,
                    "name": run.name,
                    "step": run.step,
                    "live": run.live,
                    "checkpoint": str(run.checkpoint) if run.checkpoint else None,
                }
            )
    elif console.format == "tsv":
        console.result(tsv(("run", "name", "step", "live", "checkpoint")))
        for run in runs:
            console.result(tsv((run.run_id, run.name, run.step, str(run.live).lower(), run.checkpoint or "")))
    elif runs:
        rows: list[list[Piece]] = [
            [run.run_id, run.name, f"{run.step or 0:,}", "training now" if run.live else "stopped"] for run in runs
        ]
        console.table(["run", "name", "step", "state"], rows, right=[2])
        stopped = [run for run in runs if not run.live]
        if stopped:
            console.hint(f"lstmctl train --resume --run {stopped[0].run_id}")
        if stopped and stopped[0].checkpoint:
            console.hint(f'lstmctl predict -m {stopped[0].checkpoint}/ "great movie"')
    else:
        console.note("no unfinished runs")


@app.command("rm", cls=Command, epilog=REMOVE_EXAMPLES)
def remove_command(model: Reference, every: All = False) -> None:
    """Remove a model; restore brings it back."""
    console = Console.open(settings)
    for reference in open_registry().remove(model, every=every):
        console.result(reference)
        console.note((f"undo: lstmctl models restore {reference}", "dim"))


@app.command("restore", cls=Command, epilog=REMOVE_EXAMPLES)
def restore_command(model: Annotated[str, typer.Argument(metavar="MODEL", help="name@3.")]) -> None:
    """Bring back a model that was removed."""
    console = Console.open(settings)
    console.result(open_registry().restore(model))
