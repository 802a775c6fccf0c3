"""Tables with a header line: CSV, and TSV without quotes.

Blank lines are skipped, except where the table has a single column: there a blank line is an empty text.
"""

import csv
import re
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator

from lstmctl.data.columns import ColumnNames, Row
from lstmctl.data.lines import Lines, size_name, without_end
from lstmctl.errors import BadData

_SEPARATORS = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars"}
_ESCAPES = {r"\t": "\t", r"\n": "\n", r"\\": "\\"}
_ESCAPE = re.compile(r"\\[tn\\]")


def read_csv(lines: Lines, wanted: ColumnNames) -> Iterator[Row]:
    """Rows of CSV as spreadsheets write it: commas, double quotes, line breaks inside quotes.

    Raises:
        BadData: naming the line where the row starts.
    """
    csv.field_size_limit(max(csv.field_size_limit(), lines.max_line_bytes))  # the limit here is the row's, and stricter
    return _rows(_csv_records(lines), lines, wanted, separator=",")


def read_tsv(lines: Lines, wanted: ColumnNames) -> Iterator[Row]:
    """Rows of TSV: a quote is a character like others; `\\t`, `\\n` and `\\\\` stand for tab, line feed and backslash.

    Raises:
        BadData: naming the line.
    """
    return _rows(_tsv_records(lines), lines, wanted, separator="\t")


def record_ends(lines: Lines, wanted: ColumnNames, *, separator: str) -> Iterator[None]:
    """Something at the end of the header, and then at the end of each record: until there, `lines` was read.

    Raises:
        BadData: the header cannot be used. BadRow: a record cannot be parsed.
    """
    records = _csv_records(lines) if separator == "," else _tsv_records(lines)
    _header(records, lines, wanted, separator=separator)
    yield
    for _ in records:
        yield


def _csv_records(lines: Lines) -> Iterator[tuple[int, list[str]]]:
    """The line where a record starts, and its fields; as soon as its last line is there."""
    start, size = 1, 0

    def fed() -> Iterator[str]:
        nonlocal size
        for line in lines:
            size += len(line)
            if size > lines.max_line_bytes:
                limit = size_name(lines.max_line_bytes)
                raise lines.error(f"a quote is opened here and not closed within {limit}", hint=_QUOTES, number=start)
            yield line

    reader = csv.reader(fed(), strict=True)
    while True:
        start, size = lines.number + 1, 0
        try:
            fields = next(reader, None)
        except csv.Error as error:
            raise _csv_trouble(error, lines, start) from error
        if fields is None:
            return
        yield start, fields


_QUOTES = 'inside a quoted field, a double quote is written twice: ""'


def _csv_trouble(error: csv.Error, lines: Lines, start: int) -> BadData:
    """The csv module's complaint in words that help."""
    reason = str(error)
    if "unexpected end of data" in reason:
        return lines.error("a quote is opened here and never closed", hint=_QUOTES, number=start)
    if "new-line character" in reason:
        if lines.number == 1:
            return lines.carriage_returns()
        hint = "put the field in double quotes"
        return lines.error("a carriage return stands inside a field without quotes", hint=hint, number=start)
    where = f" (line {lines.number})" if lines.number > start else ""
    return lines.error(f"a quoted field goes on after its closing quote{where}", hint=_QUOTES, number=start)


def _tsv_records(lines: Lines) -> Iterator[tuple[int, list[str]]]:
    for line in lines:
        if lines.number == 1 and "\r" in without_end(line):
            raise lines.carriage_returns()
        text = without_end(line)
        fields = text.split("\t") if text else []
        if "\\" in line:
            fields = [_ESCAPE.sub(lambda found: _ESCAPES[found[0]], field) for field in fields]
        yield lines.number, fields


def _rows(
    records: Iterator[tuple[int, list[str]]], lines: Lines, wanted: ColumnNames, *, separator: str
) -> Iterator[Row]:
    names = _header(records, lines, wanted, separator=separator)
    width = len(names)
    text_at = names.index(wanted.text)
    label_at = None if wanted.label is None else names.index(wanted.label)
    group_at = None if wanted.group is None else names.index(wanted.group)
    for number, record in records:
        fields = record or [""]  # without fields it is a blank line
        if len(fields) != width:
            if not record:
                continue
            raise _ragged(number, fields, width, lines, separator)
        yield Row(
            number,
            fields[text_at],
            None if label_at is None else fields[label_at],
            None if group_at is None else fields[group_at],
            dict(zip(names, fields, strict=True)) if wanted.keep else None,
        )


def _header(
    records: Iterable[tuple[int, list[str]]], lines: Lines, wanted: ColumnNames, *, separator: str
) -> list[str]:
    """The column names, checked."""
    if lines.columns is not None:
        return list(lines.columns)
    names = [name.strip() for _, fields in _first(records) for name in fields]
    if not any(names):
        found = "the first line is blank" if lines.number else "the file is empty"
        raise _bad_header(lines, f"{found}; a header line with the names of the columns is expected", hint="text,label")
    if repeated := [name for name, count in Counter(names).items() if name and count > 1]:
        raise _bad_header(lines, f'two columns have the name "{repeated[0]}"', hint="rename one of them")
    if missing := wanted.missing_from(names):
        other = next((mark for mark in _SEPARATORS if len(names) == 1 and mark in names[0]), None)
        if other is not None:
            raise _other_separator(other, lines, separator)
        message, hint = missing
        raise _bad_header(lines, message, hint=hint)
    lines.columns = tuple(names)
    return names


def _bad_header(lines: Lines, message: str, *, hint: str | None = None) -> BadData:
    return BadData(f"{lines.source}:1: {message}", hint=hint)


def _first(records: Iterable[tuple[int, list[str]]]) -> list[tuple[int, list[str]]]:
    """The first record, alone; nothing of an empty file."""
    for record in records:
        return [record]
    return []


def _other_separator(found: str, lines: Lines, expected: str) -> BadData:
    message = f"the columns are separated by {_SEPARATORS[found]}, not by {_SEPARATORS[expected]}"
    hint = f"save the table again with {_SEPARATORS[expected]} between the columns"
    suffix = {",": ".csv", "\t": ".tsv"}.get(found)
    if suffix and lines.source.endswith((".csv", ".tsv", ".tab")):
        hint = f"mv {shlex.quote(lines.source)} {shlex.quote(lines.source[:-4] + suffix)}"
    return _bad_header(lines, message, hint=hint)


def _ragged(number: int, fields: list[str], width: int, lines: Lines, separator: str) -> BadData:
    hint = "fill the row up with empty fields"
    if len(fields) > width:
        hint = "put fields with commas in double quotes" if separator == "," else r"write a tab inside a field as \t"
    count = f"{len(fields)} field" + ("s" if len(fields) > 1 else "")
    return lines.error(f"this row has {count}, the header {width}", hint=hint, number=number)
