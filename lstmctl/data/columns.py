"""What becomes of a row's columns: the row that all readers give out, and the columns that it is made of."""

import json
import math
import shlex
import unicodedata
from collections.abc import Collection
from typing import Any, NamedTuple

from lstmctl.config import MAX_LABEL_LENGTH
from lstmctl.errors import closest_names

# Names that such columns usually have, for the hint when the one asked for is not there.
_USUAL = {
    "--text-column": (
        "review",
        "content",
        "body",
        "sentence",
        "message",
        "comment",
        "description",
        "tweet",
        "document",
    ),
    "--label-column": ("sentiment", "class", "category", "target", "rating", "polarity", "stars", "y", "tag"),
    "--group-column": ("group", "id", "product", "title", "user", "author"),
}


class Row(NamedTuple):
    """One text of a source."""

    number: int  # of the line where it starts, 1 for the first; in Parquet of the row; in a folder of the file
    text: str
    label: str | None = None
    group: str | None = None
    columns: dict[str, Any] | None = None  # all that was read, by name: strings, or values of a typed format


class ColumnNames(NamedTuple):
    """The names of the columns that a row is made of."""

    text: str
    label: str | None  # None: texts without labels
    group: str | None
    keep: bool  # whether to fill `Row.columns`

    def missing_from(self, names: Collection[str]) -> tuple[str, str] | None:
        """Message and hint for the first of them that is not among `names`, or None."""
        options = (("--text-column", self.text), ("--label-column", self.label), ("--group-column", self.group))
        for option, name in options:
            if name is not None and name not in names:
                return _missing(option, name, [other for other in names if other not in self[:3]], names)
        return None


def _missing(option: str, name: str, free: list[str], names: Collection[str]) -> tuple[str, str]:
    usual = {other.casefold(): other for other in free}
    guesses = closest_names(name, free, 1) or [usual[other] for other in _USUAL[option] if other in usual]
    guess = guesses[0] if guesses else free[0] if len(free) == 1 else None
    listed = ", ".join(_clipped(other) for other in list(names)[:20]) + (", …" if len(names) > 20 else "")
    message = f'there is no column "{_clipped(name)}"; the columns are: {listed}'
    return message, f"{option} {shlex.quote(guess)}" if guess else f"name one of them with {option}"


def _clipped(name: str) -> str:
    return name if len(name) <= 40 else name[:39] + "…"


def clean_label(label: str) -> str:
    """A label as it is compared and stored: NFC, without white space around.

    Raises:
        ValueError: saying what is wrong with it.
    """
    label = unicodedata.normalize("NFC", label).strip()
    if not label:
        raise ValueError("the label is empty")
    if len(label) > MAX_LABEL_LENGTH:
        raise ValueError(f"the label has {len(label):,} characters; at most {MAX_LABEL_LENGTH} are allowed")
    return label


def label_text(value: Any) -> str | None:
    """A label or group of a typed format as text: a string as it is, a whole number or boolean as JSON, else None."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else None


def column_text(value: Any) -> str:
    """Any value of a typed format as text: a string as it is, nothing as the empty string, all else as JSON."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False, default=str)


def column_json(value: Any) -> Any:
    """Any value of a typed format as JSON has it: a number that is none as null, a date and the like as text."""
    if isinstance(value, dict):
        return {str(name): column_json(each) for name, each in value.items()}
    if isinstance(value, list):
        return [column_json(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, str | int | float) else str(value)


def shown(value: Any) -> str:
    """A value of the user's data, short enough for a message."""
    return _clipped(repr(value))
