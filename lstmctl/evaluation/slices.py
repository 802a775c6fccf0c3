"""The slices of `evaluate --by`: texts grouped by length, by unknown words, or by a column of the data."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from lstmctl.config import DataConfig
from lstmctl.data.columns import Example, column_text
from lstmctl.data.sources import open_source
from lstmctl.errors import UsageError
from lstmctl.model.classifier import Prediction

MOST_VALUES = 20  # of a column; texts with rarer values form one slice
OTHERS = "(others)"
_UNKNOWN = {"none": 0.0, "up to 2 %": 0.02, "up to 5 %": 0.05, "up to 20 %": 0.2, "more": 1.0}  # proportion of words


def slice_texts(
    by: str, examples: Sequence[Example], predictions: Sequence[Prediction], config: DataConfig, *, home: Path
) -> dict[str, list[int]]:
    """The name of each slice and the indices of its texts, in the order in which slices are shown.

    by      "length", "unknown", or a column of `config.source`, where the examples come from.

    Raises:
        UsageError: the source has no columns, or not this one.
    """
    if by == "length":
        return _by_length([prediction.reading.words for prediction in predictions])
    if by == "unknown":
        readings = [prediction.reading for prediction in predictions]
        proportions = [len(reading.unknown) / max(1, reading.words) for reading in readings]
        names = [next(name for name, most in _UNKNOWN.items() if proportion <= most) for proportion in proportions]
        return _group("unknown words: ", names, list(_UNKNOWN))
    values = _read_column(by, config, home=home)
    names = [values.get((example.row, example.text), "") for example in examples]
    frequent = [value for value, _ in Counter(names).most_common(MOST_VALUES)]
    names = [name if name in frequent else OTHERS for name in names]
    return _group(f"{by}=", names, [*sorted(frequent), OTHERS])


def _by_length(words: Sequence[int]) -> dict[str, list[int]]:
    """Quartiles of the number of words; fewer slices where quartiles coincide."""
    ends = sorted({int(end) for end in np.quantile(words, [0.25, 0.5, 0.75, 1], method="lower")})
    names, start = [], 0
    for end in ends:
        names.append(f"{start:,} words" if start == end else f"{start:,}–{end:,} words")
        start = end + 1
    return _group("", [names[int(np.searchsorted(ends, count))] for count in words], names)


def _group(prefix: str, names: Sequence[str], order: Sequence[str]) -> dict[str, list[int]]:
    """The indices of each name that occurs, by name with a prefix."""
    groups: dict[str, list[int]] = {name: [] for name in order}
    for index, name in enumerate(names):
        groups[name].append(index)
    return {prefix + name: indices for name, indices in groups.items() if indices}


def _read_column(name: str, config: DataConfig, *, home: Path) -> dict[tuple[int, str], str]:
    """The value of another column, by row number and text: rows of several files can share a number."""
    source = open_source(config.source, replace(config, group_column=None), home=home, keep_columns=True)
    if not source.has_columns:
        raise UsageError(f"--by {name}: {source.name} has no columns", hint="--by length or --by unknown")
    values = {}
    for _, row in source.rows:
        columns = row.columns or {}
        if name not in columns:
            raise UsageError(f"--by {name}: no such column", hint=f"the columns are {', '.join(columns)}")
        values[row.row, row.text] = column_text(columns[name])
    return values
