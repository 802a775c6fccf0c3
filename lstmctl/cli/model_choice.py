"""Which models a list shows, and in which order."""

import math
from typing import TYPE_CHECKING

from lstmctl.errors import UsageError

if TYPE_CHECKING:
    from lstmctl.registry.store import Entry

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
