"""Lines above the header of a table: a title, the date of an export, comments. They are no rows, and are left out where
they can be nothing else: each has fewer fields than the header, which has the columns that are looked for."""

import csv
from collections.abc import Sequence
from typing import Any

from lstmctl.data.column_choice import choose_columns
from lstmctl.data.columns import ColumnNames

_MOST = 20  # lines above the header
HEADER_ROWS = _MOST + 3  # first rows of a table, which have its header and the row below it


def find_header(rows: Sequence[Sequence[Any]], columns: ColumnNames) -> int:
    """The place of the header among the first rows of a table: the first that has the columns, below rows with fewer
    fields. Without one, the first of two or more fields, if the next row is as wide; or 0.

    >>> find_header([["Reviews of May"], ["text", "label"], ["a film", "pos"]], ColumnNames())
    1
    """
    likely, widest = 0, 0  # fields that are not empty
    for place, fields in enumerate(rows[: _MOST + 1]):
        names = [str(field).strip() for field in fields]
        filled = 0 if names and names[0].startswith("#") else sum(map(bool, names))
        if filled > max(1, widest):
            if choose_columns(columns, names) is not None:
                return place
            if widest < 2 and place + 1 < len(rows) and len(rows[place + 1]) == len(names):
                likely = place
        widest = max(widest, filled)
    return likely


def lines_above_header(text: str, delimiters: Sequence[str], columns: ColumnNames) -> int:
    """The number of lines above the header of a table that begins with this text and has one of these delimiters."""
    lines = text.split("\n", HEADER_ROWS)[:HEADER_ROWS]
    tables = [[_fields(line.rstrip("\r"), delimiter) for line in lines] for delimiter in delimiters]
    places = [find_header(rows, columns) for rows in tables]
    for place, rows in zip(places, tables, strict=True):
        if place and choose_columns(columns, [name.strip() for name in rows[place]]) is not None:
            return place
    return max(places)


def without_lines(text: str, count: int) -> str:
    """The text without its first lines."""
    return text.split("\n", count)[count] if count else text


def _fields(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return [line]
