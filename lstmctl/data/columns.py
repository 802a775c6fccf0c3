"""`Example`, the row that every reader yields, and the columns that it is made of."""

import json
import math
import shlex
import unicodedata
from collections.abc import Collection
from typing import Any, NamedTuple

from lstmctl.config import MAX_LABEL_LENGTH
from lstmctl.errors import BadRow, closest_names

_USUAL_NAMES = {  # for the hint when the column of that option is missing; in the order of `ColumnNames`
    "--text-column": "review content body sentence message comment description tweet document",
    "--label-column": "sentiment class category target rating polarity stars y tag",
    "--group-column": "group id product title user author",
}


class Example(NamedTuple):
    """One text with its label, as read from a source."""

    row: int  # from 1: the line where it starts; in Parquet the row; in a folder the file
    text: str
    label: str = ""  # empty where texts are read without labels
    group: str = ""  # rows of one group are never split; empty: the row has no group
    columns: dict[str, Any] | None = None  # all columns by name: strings, or the values of a typed format
    file: str = ""  # where a source has several files, and of documents: the file, below the source's folder


class ColumnNames(NamedTuple):
    """The names of the columns that an example is made of."""

    text: str = "text"
    label: str | None = "label"  # None: texts without labels
    group: str | None = None
    keep: bool = False  # whether to fill `Example.columns`

    @property
    def used(self) -> list[str]:
        """The names without duplicates."""
        return list(dict.fromkeys(name for name in self[:3] if name is not None))

    def missing_from(self, names: Collection[str]) -> tuple[str, str] | None:
        """Message and hint for the first column that is not among `names`, or None."""
        for option, name in zip(_USUAL_NAMES, self[:3], strict=True):
            if name is not None and name not in names:
                return _missing_column(option, name, [other for other in names if other not in self[:3]], names)
        return None


def _missing_column(option: str, name: str, unused: list[str], names: Collection[str]) -> tuple[str, str]:
    by_usual_name = {other.casefold(): other for other in unused}
    usual = [by_usual_name[other] for other in _USUAL_NAMES[option].split() if other in by_usual_name]
    guesses = closest_names(name, unused, 1) or usual
    guess = guesses[0] if guesses else unused[0] if len(unused) == 1 else None
    listed = ", ".join(_shorten(other) for other in list(names)[:20]) + (", …" if len(names) > 20 else "")
    message = f'there is no column "{_shorten(name)}"; the columns are: {listed}'
    return message, f"{option} {shlex.quote(guess)}" if guess else f"name one of them with {option}"


def _shorten(name: str) -> str:
    return name if len(name) <= 40 else name[:39] + "…"


def bad_row(source: str, number: int, message: str, *, hint: str | None = None, last: int | None = None) -> BadRow:
    """The error of one row, which ends in line `last`: `reviews.csv:17: message`."""
    return BadRow(f"{source}:{number}: {message}", hint=hint, number=number, last=number if last is None else last)


def clean_label(label: str) -> str:
    """A label as it is compared and stored: in Unicode normal form C, without white space at its ends.

    Raises ValueError if it is empty or too long.

    >>> clean_label(" cafe\\u0301 ")
    'café'
    """
    label = unicodedata.normalize("NFC", label).strip()
    if not label:
        raise ValueError("the label is empty")
    if len(label) > MAX_LABEL_LENGTH:
        raise ValueError(f"the label has {len(label):,} characters; at most {MAX_LABEL_LENGTH} are allowed")
    return label


def column_text(value: Any) -> str:
    """Any value of a typed format as text: strings as they are, null as "", everything else as JSON."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False, default=str)


def column_json(value: Any) -> Any:
    """Any value of a typed format as JSON allows it: NaN and infinity as null, dates and the like as text."""
    if isinstance(value, dict):
        return {str(name): column_json(item) for name, item in value.items()}
    if isinstance(value, list):
        return [column_json(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, str | int | float) else str(value)


def short_repr(value: Any) -> str:
    """A value of the user's data, short enough for a message."""
    return _shorten(repr(value))
