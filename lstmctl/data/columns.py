"""`Example`, the row that every reader yields, the columns that it is made of, and the one rule for typed values."""

import json
import math
from collections.abc import Iterable, Mapping
from datetime import date, time
from typing import Any, NamedTuple, Self

from lstmctl.config import MAX_LABEL_LENGTH, DataConfig
from lstmctl.errors import BadRow
from lstmctl.model.text import to_nfc

_MOST_LEVELS = 4  # of objects in objects
_LARGEST_WHOLE = 2**53  # from here on, not every whole number is a float


class Example(NamedTuple):
    """One text with its label, as read from a source."""

    row: int  # from 1: the line where it starts; in Parquet, JSON and Excel the row; in a folder the file
    text: str
    label: str = ""  # empty where texts are read without labels
    group: str = ""  # rows of one group are never split; empty: the row has no group
    columns: dict[str, Any] | None = None  # all columns by name: strings, or the values of a typed format
    file: str = ""  # where a source has several files, and of documents: the file, below the source's folder


class Layout(NamedTuple):
    """How tables are written, as far as the user says. None: recognised from the content."""

    delimiter: str | None = None
    encoding: str | None = None
    no_header: bool = False


class ColumnNames(NamedTuple):
    """The names of the columns that an example is made of, and how the user says that they are written."""

    text: str | tuple[str, ...] = "text"  # several are joined with a space between them
    label: str | None = "label"  # None: texts without labels
    group: str | None = None
    keep: bool = False  # whether to fill `Example.columns`
    usual: bool = False  # whether a usual pair of names will do, because the user named none
    layout: Layout = Layout()

    @classmethod
    def of(cls, config: DataConfig, *, group: str | None = None, keep: bool = False) -> Self:
        """The columns of labelled texts that a configuration names."""
        usual = config.text_column is None and config.label_column is None
        layout = Layout(config.delimiter, config.encoding, config.no_header)
        return cls(config.text_column or "text", config.label_column or "label", group, keep, usual, layout)

    @property
    def texts(self) -> tuple[str, ...]:
        """The names of the text columns."""
        return (self.text,) if isinstance(self.text, str) else self.text

    @property
    def used(self) -> list[str]:
        """The names without duplicates."""
        return list(dict.fromkeys(name for name in (*self.texts, self.label, self.group) if name is not None))


def bad_row(source: str, number: int, message: str, *, hint: str | None = None, last: int | None = None) -> BadRow:
    """The error of one row, which ends in line `last`: `reviews.csv:17: message`."""
    return BadRow(f"{source}:{number}: {message}", hint=hint, number=number, last=number if last is None else last)


def clean_label(label: str) -> str:
    """A label as it is compared and stored: in Unicode normal form C, without white space at its ends.

    Raises ValueError if it is empty or too long.

    >>> clean_label(" cafe\\u0301 ")
    'café'
    """
    label = to_nfc(label).strip()
    if not label:
        raise ValueError("the label is empty")
    if len(label) > MAX_LABEL_LENGTH:
        raise ValueError(f"the label has {len(label):,} characters; at most {MAX_LABEL_LENGTH} are allowed")
    return label


def join_texts(parts: list[str]) -> str:
    """The texts of several columns as one: with a space between them, empty ones left out."""
    return " ".join(part for part in parts if part)


def value_text(value: Any) -> str | None:
    """A value of JSON, Parquet or Excel as the text that a CSV file would have for it; None for a list, an object or
    bytes, which are not one value.

    Null and NaN are empty. Numbers are as short as possible, whole ones without a point. A list of one value is that
    value, and bytes are the text that they are in UTF-8.

    >>> [value_text(value) for value in ("a", 5, 5.0, 0.5, True, None, math.nan, ["a"], ["a", "b"])]
    ['a', '5', '5', '0.5', 'true', '', '', 'a', None]
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, int):
        return json.dumps(value)
    if isinstance(value, float):
        return "" if math.isnan(value) else _number_text(value, str(value))
    return str(value) if isinstance(value, date | time) else _rare_text(value)


def _rare_text(value: Any) -> str | None:
    if isinstance(value, list):
        return value_text(value[0]) if len(value) == 1 and not isinstance(value[0], list) else None
    if not isinstance(value, bytes):
        return _decimal_text(value)
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


def nested_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of an object, and of the objects in it, alone or in a list of one: `{"meta": {"label": …}}` has the
    value `meta.label`.

    >>> nested_values({"text": "a film", "meta": {"label": "pos", "by": {"age": 7}}})
    {'text': 'a film', 'meta.label': 'pos', 'meta.by.age': 7}
    """
    found: dict[str, Any] = {}
    waiting = [("", values, 0)]
    while waiting:
        prefix, inner, level = waiting.pop(0)
        for name, value in inner.items():
            only = value[0] if isinstance(value, list) and len(value) == 1 else value
            if isinstance(only, dict) and only and level < _MOST_LEVELS:
                waiting.append((f"{prefix}{name}.", only, level + 1))
            else:
                found.setdefault(f"{prefix}{name}", value)
    return found


def with_nested(values: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The object with those of the names that are of values in objects inside it, such as `meta.label`."""
    if not any("." in name and name not in values for name in names):
        return values
    nested = nested_values(values)
    return values | {name: nested[name] for name in names if name not in values and name in nested}


def _decimal_text(value: Any) -> str | None:
    from decimal import Decimal  # of Parquet alone; importing it takes a millisecond

    if not isinstance(value, Decimal):
        return None
    return "" if value.is_nan() else _number_text(value, format(value.normalize(), "f"))


def _number_text(value: Any, shortest: str) -> str:
    """A number, infinity or a whole number that a float holds exactly, without its point."""
    number = float(value)
    whole = abs(number) <= _LARGEST_WHOLE and number.is_integer() and number == value
    return str(int(number)) if whole else shortest


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


def shorten(name: str) -> str:
    """A name of the user's data, short enough for a message."""
    return name if len(name) <= 40 else name[:39] + "…"


def short_repr(value: Any) -> str:
    """A value of the user's data, short enough for a message."""
    return shorten(repr(value))
