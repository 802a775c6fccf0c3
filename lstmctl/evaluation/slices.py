"""The slices of `evaluate --by`: which texts belong together, by length, by unknown words, or by a column's value."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lstmctl.config import DataConfig
from lstmctl.errors import UsageError

if TYPE_CHECKING:
    from lstmctl.data.columns import Example
    from lstmctl.model.classifier import Prediction

MOST_VALUES = 20  # of a column; the others go together
OTHERS = "(others)"
_UNKNOWN = tuple(
    (most, f"unknown words: {name}")
    for most, name in ((0.0, "none"), (0.02, "up to 2 %"), (0.05, "up to 5 %"), (0.2, "up to 20 %"), (1.0, "more"))
)


def slices(
    by: str, examples: "Sequence[Example]", predictions: "Sequence[Prediction]", config: DataConfig, *, home: Path
) -> "dict[str, list[int]]":
    """Names of slices and the places of their texts, in the order in which they are to be read."""
    if by == "length":
        return _by_length([prediction.reading.words for prediction in predictions])
    if by == "unknown":
        shares = [len(each.reading.unknown) / max(1, each.reading.words) for each in predictions]
        names = [next(name for most, name in _UNKNOWN if share <= most) for share in shares]
        return _grouped(names, [name for _, name in _UNKNOWN])
    values = _column(by, config, home=home)
    names = [values.get(example.row, "") for example in examples]
    frequent = [value for value, _ in Counter(names).most_common(MOST_VALUES)]
    names = [name if name in frequent else OTHERS for name in names]
    return _grouped([f"{by}={name}" for name in names], [f"{by}={name}" for name in [*sorted(frequent), OTHERS]])


def _by_length(words: Sequence[int]) -> dict[str, list[int]]:
    """Quarters of the texts, as far as their lengths differ."""
    ends = sorted({int(end) for end in np.quantile(words, [0.25, 0.5, 0.75, 1], method="lower")})
    names, start = [], 0
    for end in ends:
        names.append(f"{start:,} words" if start == end else f"{start:,}–{end:,} words")
        start = end + 1
    return _grouped([names[int(np.searchsorted(ends, count))] for count in words], names)


def _grouped(names: Sequence[str], order: Sequence[str]) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = {name: [] for name in order}
    for place, name in enumerate(names):
        groups[name].append(place)
    return {name: places for name, places in groups.items() if places}


def _column(name: str, config: DataConfig, *, home: Path) -> dict[int, str]:
    """By row number the value of another column of the data."""
    from lstmctl.data.columns import column_text
    from lstmctl.data.sources import open_source

    if config.test_source is not None:
        config = replace(config, source=config.test_source)
    source = open_source(config.source, replace(config, group_column=None), home=home, keep_columns=True)
    if not source.has_columns:
        raise UsageError(f"--by {name}: {source.name} has no columns", hint="--by length or --by unknown")
    values = {}
    for _, row in source.rows:
        if name not in (columns := row.columns or {}):
            raise UsageError(f"--by {name}: there is no such column", hint=f"there are {', '.join(columns)}")
        values[row.row] = column_text(columns[name])
    return values
