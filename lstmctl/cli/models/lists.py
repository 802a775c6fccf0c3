"""What `models list` shows: which models, in which order, and unfinished runs."""

import math
from typing import TYPE_CHECKING, Any

from lstmctl.cli.console import Console
from lstmctl.cli.registry_access import default_reference, open_registry
from lstmctl.errors import UsageError
from lstmctl.plots.text import Span, tsv, visible

if TYPE_CHECKING:
    from lstmctl.registry.listing import Entry

COLUMNS = ("model", "tags", "data", "accuracy", "low", "high", "n", "epoch", "parameters", "bytes", "created")
SORTS = ("created", "name", "bytes", "parameters")


def choose(entries: "list[Entry]", *, sort: str, tag: str | None, least: list[tuple[str, float]]) -> "list[Entry]":
    """Of a registry's readable entries, newest first, those wanted, in the order wanted: names rise, all else falls.

    Raises:
        UsageError: no model has been measured by the metric to sort by.
    """
    wanted = [entry for entry in entries if entry.folder is not None and (tag is None or tag in entry.tags)]
    for metric, low in least:
        wanted = [entry for entry in wanted if _metric(entry, metric) >= low]
    if sort == "created":
        return wanted
    if sort == "name":
        return sorted(wanted, key=lambda entry: (entry.reference.partition("@")[0], -entry.age[1]))
    if sort not in SORTS and entries and all(_metric(entry, sort) == -math.inf for entry in entries):
        known = {name for entry in entries if entry.folder for name in _metrics(entry)}
        raise UsageError(f'no model was measured by "{sort}"', hint=f"--sort {'|'.join([*SORTS, *sorted(known)])}")
    return sorted(wanted, key=lambda entry: _metric(entry, sort), reverse=True)


def _metrics(entry: "Entry") -> dict[str, float]:
    """What a model was measured by on its test part."""
    test = entry.folder.metrics().get("test") if entry.folder is not None else None
    return {name: metric["value"] for name, metric in test["metrics"].items()} if test else {}


def _metric(entry: "Entry", name: str) -> float:
    if entry.folder is not None and name in ("bytes", "parameters"):
        return entry.folder.size if name == "bytes" else entry.folder.card.config.parameters
    return _metrics(entry).get(name, -math.inf)


def parse_least(text: str) -> tuple[str, float]:
    """`METRIC=X` as a pair."""
    metric, equals, low = text.partition("=")
    try:
        if not (metric and equals) or not math.isfinite(float(low)):
            raise ValueError
        return metric, float(low)
    except ValueError as error:
        raise UsageError(f'--min "{text:.60}" is not METRIC=X', hint="--min accuracy=0.85") from error


def show_models(console: Console, described: list[dict[str, Any]], *, filtered: bool) -> None:
    """The models, each as `session.describe` makes it; `filtered` where there may be others."""
    if console.format == "json":
        for values in described:
            console.json(values)
    elif console.format == "tsv":
        console.result(tsv(COLUMNS))
        for values in described:
            fields = [",".join(values[name]) if name == "tags" else values[name] for name in COLUMNS]
            console.result(tsv(fields))
    elif described:
        _table(console, described)
    elif filtered:
        console.note("no such models")
    else:
        console.note("no models yet")
        console.hint("lstmctl train makes one")


def _table(console: Console, described: list[dict[str, Any]]) -> None:
    """A table for people."""
    wide = console.width >= 72
    rows: list[list[Span]] = []
    for values in described:
        data = visible(str(values["data"] or "imported").rsplit("/", 1)[-1])
        score = "not measured"
        if values["accuracy"] is not None:
            score = f"{values['accuracy']:.3f} ±{(values['high'] - values['low']) / 2:.3f}"
        row: list[Span] = [(values["model"], "bold"), " ".join(values["tags"]), score]
        row += [data, visible(values["created"][:16].replace("T", " "))] if wide else []
        rows.append([*row, f"{values['bytes'] / 1e6:.1f} MB"])
    header = ["model", "tags", "test accuracy", *(["data", "trained (UTC)"] if wide else []), "size"]
    console.table(header, rows, right=[len(header) - 1])
    total = sum(values["bytes"] for values in described) / 1e6
    count = f"{len(described)} model" + ("s" if len(described) > 1 else "")
    default = default_reference()
    use = f" Without -m, commands use {default}." if default else " All are trials; name one with -m."
    console.note((f"{count}, {total:.1f} MB.{use}", "dim"))


def show_runs(console: Console) -> None:
    """The unfinished training runs, in the format asked for."""
    from lstmctl.registry.runs import unfinished_runs

    runs = unfinished_runs(open_registry().home)
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
        rows: list[list[Span]] = [
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
