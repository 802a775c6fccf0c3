"""The views of `models list`: models and unfinished runs."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lstmctl.cli.console import Answer, Console
from lstmctl.cli.registry_access import default_reference
from lstmctl.errors import UsageError
from lstmctl.plots.text import Span, visible

if TYPE_CHECKING:
    from lstmctl.registry.listing import Entry
    from lstmctl.registry.runs import UnfinishedRun

_COLUMNS = ("model", "tags", "data", "accuracy", "low", "high", "n", "epoch", "parameters", "bytes", "created")


def parse_minimum(text: str) -> tuple[str, float]:
    """`METRIC=X` as a pair.

    Raises:
        UsageError: it has another form.
    """
    metric, equals, number = text.partition("=")
    try:
        minimum = float(number) if metric and equals else math.nan
    except ValueError:
        minimum = math.nan
    if not math.isfinite(minimum):
        raise UsageError(f'--min "{text:.60}" is not METRIC=X', hint="--min accuracy=0.85")
    return metric, minimum


def models_answer(entries: "Sequence[Entry]", *, filtered: bool) -> Answer:
    """The models of readable entries; `filtered` if there may be others."""
    models = [entry.folder.describe(tags=entry.tags) for entry in entries if entry.folder is not None]

    def screen(console: Console) -> None:
        if models:
            _show_models(console, models)
        elif filtered:
            console.note("no such models")
        else:
            console.note("no models yet")
            console.hint("lstmctl train makes one")

    rows = ([",".join(model[name]) if name == "tags" else model[name] for name in _COLUMNS] for model in models)
    return Answer(objects=lambda: models, rows=lambda: [_COLUMNS, *rows], screen=screen)


def _show_models(console: Console, models: list[dict[str, Any]]) -> None:
    wide = console.width >= 72
    rows: list[list[Span]] = []
    for model in models:
        score = "not measured"
        if model["accuracy"] is not None:
            score = f"{model['accuracy']:.3f} ±{(model['high'] - model['low']) / 2:.3f}"
        row: list[Span] = [(model["model"], "bold"), " ".join(model["tags"]), score]
        if wide:
            data = visible(str(model["data"] or "imported").rsplit("/", 1)[-1])
            row += [data, visible(model["created"][:16].replace("T", " "))]
        rows.append([*row, f"{model['bytes'] / 1e6:.1f} MB"])
    header = ["model", "tags", "test accuracy", *(["data", "trained (UTC)"] if wide else []), "size"]
    console.table(header, rows, right=[len(header) - 1])
    total = sum(model["bytes"] for model in models) / 1e6
    count = f"{len(models)} model" + ("s" if len(models) > 1 else "")
    default = default_reference()
    usage = f"Default model: {default}." if default else "All are trial models; name one with -m."
    console.note((f"{count}, {total:.1f} MB. {usage}", "dim"))


def runs_answer(runs: "Sequence[UnfinishedRun]") -> Answer:
    """The unfinished training runs."""
    columns = ("run", "name", "step", "live", "checkpoint")
    values = [(run.run_id, run.name, run.step, run.live, run.checkpoint and str(run.checkpoint)) for run in runs]
    objects = [{"schema": "lstmctl.run/1", **dict(zip(columns, row, strict=True))} for row in values]
    rows = [(*row[:3], str(row[3]).lower(), row[4]) for row in values]

    def screen(console: Console) -> None:
        if not runs:
            console.note("no unfinished runs")
            return
        table: list[list[Span]] = [
            [run.run_id, run.name, f"{run.step or 0:,}", "training now" if run.live else "stopped"] for run in runs
        ]
        console.table(["run", "name", "step", "state"], table, right=[2])
        if stopped := next((run for run in runs if not run.live), None):
            console.hint(f"lstmctl train --resume --run {stopped.run_id}")
            if stopped.checkpoint:
                console.hint(f'lstmctl predict -m {stopped.checkpoint}/ "great movie"')

    return Answer(objects=lambda: objects, rows=lambda: [columns, *rows], screen=screen)
