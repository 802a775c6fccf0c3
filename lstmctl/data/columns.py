"""`Example`, the row that every reader gives, and the columns that it is made of."""

import json
import math
import shlex
import unicodedata
from collections.abc import Collection
from typing import Any, NamedTuple

from lstmctl.config import MAX_LABEL_LENGTH
from lstmctl.errors import BadRow, closest_names

# Usual names of these columns, for the hint when the requested one is missing.
_USUAL_NAMES = {
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


class ColumnNames(NamedTuple):
    """The names of the columns that an example is made of."""

    text: str
    label: str | None  # None: texts without labels
    group: str | None
    keep: bool  # whether to fill `Example.columns`

    def missing_from(self, names: Collection[str]) -> tuple[str, str] | None:
        """Message and hint for the first column that is not among `names`, or None."""
        options = (("--text-column", self.text), ("--label-column", self.label), ("--group-column", self.group))
        for option, name in options:
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

    >>> clean_label(" cafe\\u0301 ")
    'café'

    Raises:
        ValueError: it is empty or too long.
    """
    label = unicodedata.normalize("NFC", label).strip()
    if not label:
        raise ValueError("the label is empty")
    if len(label) > MAX_LABEL_LENGTH:
        raise ValueError(f"the label has {len(label):,} characters; at most {MAX_LABEL_LENGTH} are allowed")
    return label


class ExampleBuilder:
    """Makes the examples of one source. Each different label is cleaned once."""

    def __init__(self, source: str, columns: ColumnNames) -> None:
        self._source, self._columns = source, columns
        self._cleaned: dict[str, str] = {}

    def clean_label(self, raw: str, row: int) -> str:
        """As `clean_label`. Raises BadRow for an empty or too long label."""
        label = self._cleaned.get(raw)
        if label is None:
            try:
                label = self._cleaned[raw] = clean_label(raw)
            except ValueError as error:
                hint = "give the row a label, or remove it"
                if raw.strip():
                    hint = "is it the right column? --label-column names another"
                raise bad_row(self._source, row, str(error), hint=hint) from error
        return label

    def from_values(self, values: dict[str, Any], row: int) -> Example:
        """The example of a row of typed values. Raises BadRow for a text, label or group of another type."""
        columns, text = self._columns, values[self._columns.text]
        if not isinstance(text, str):
            message = f'"{columns.text}" must be a string, not {"null" if text is None else short_repr(text)}'
            raise bad_row(self._source, row, message, hint="--text-column names another")
        label = "" if columns.label is None else self.clean_label(self._parse_label(values, columns.label, row), row)
        group = "" if columns.group is None else self._parse_label(values, columns.group, row)
        return Example(row, text, label, group, values if columns.keep else None)

    def _parse_label(self, values: dict[str, Any], name: str, row: int) -> str:
        """A label or group as text: null as "", whole numbers and booleans as in JSON."""
        match values[name]:
            case str(value):
                return value
            case None:
                return ""
            case bool() | int() as value:
                return json.dumps(value)
            case value:
                message = f'"{name}" must be a string, a whole number or a boolean, not {short_repr(value)}'
                raise bad_row(self._source, row, message, hint="is it the right column?")


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
