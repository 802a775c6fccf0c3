"""Parsers of tables with a header line: CSV, and TSV without quotes.

Blank lines are skipped, except in a table of one column, where a blank line is an empty text.
The parsers raise BadData or BadRow, which name the line where the row starts.
"""

import csv
import re
import shlex
from collections import Counter
from collections.abc import Iterator
from itertools import islice

from lstmctl.data.columns import ColumnNames, Example, ExampleBuilder
from lstmctl.data.lines import Lines, format_size, strip_line_end
from lstmctl.errors import BadData

_SEPARATORS = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars"}
_ESCAPES = {r"\t": "\t", r"\n": "\n", r"\\": "\\"}
_ESCAPE = re.compile(r"\\[tn\\]")
_QUOTES = 'inside a quoted field, a double quote is written twice: ""'


def read_csv(lines: Lines, columns: ColumnNames) -> Iterator[Example]:
    """Rows of CSV as spreadsheets write it: with commas, double quotes and line breaks inside quotes."""
    csv.field_size_limit(max(csv.field_size_limit(), lines.max_line_bytes))  # `lines` has a stricter one
    return _examples(_csv_records(lines), lines, columns, separator=",")


def read_tsv(lines: Lines, columns: ColumnNames) -> Iterator[Example]:
    """Rows of TSV: quotes are ordinary characters; `\\t`, `\\n` and `\\\\` stand for tab, line feed and backslash."""
    return _examples(_tsv_records(lines), lines, columns, separator="\t")


def record_ends(lines: Lines, columns: ColumnNames, *, separator: str) -> Iterator[None]:
    """Yields after the header and after each record, when `lines` has been read up to its end."""
    records = _csv_records(lines) if separator == "," else _tsv_records(lines)
    _read_header(records, lines, columns, separator=separator)
    yield
    yield from (None for _ in records)


def _csv_records(lines: Lines) -> Iterator[tuple[int, list[str]]]:
    """The line where each record starts, and its fields, as soon as its last line is read."""
    start, size = 1, 0

    def bounded_lines() -> Iterator[str]:
        nonlocal size
        for line in lines:
            size += len(line)
            if size > lines.max_line_bytes:
                limit = format_size(lines.max_line_bytes)
                raise lines.error(f"a quote is opened here and not closed within {limit}", hint=_QUOTES, number=start)
            yield line

    reader = csv.reader(bounded_lines(), strict=True)
    while True:
        start, size = lines.number + 1, 0
        try:
            fields = next(reader, None)
        except csv.Error as error:
            raise _csv_error(error, lines, start) from error
        if fields is None:
            return
        yield start, fields


def _csv_error(error: csv.Error, lines: Lines, start: int) -> BadData:
    """The csv module's error in clearer words."""
    reason = str(error)
    if "unexpected end of data" in reason:
        return lines.error("a quote is opened here and never closed", hint=_QUOTES, number=start)
    if "new-line character" in reason:
        if lines.number == 1:
            return lines.carriage_returns()
        hint = "put the field in double quotes"
        return lines.error("a field without quotes contains a carriage return", hint=hint, number=start)
    where = f" (line {lines.number})" if lines.number > start else ""
    return lines.error(f"a quoted field continues after its closing quote{where}", hint=_QUOTES, number=start)


def _tsv_records(lines: Lines) -> Iterator[tuple[int, list[str]]]:
    for line in lines:
        if lines.number == 1 and "\r" in strip_line_end(line):
            raise lines.carriage_returns()
        text = strip_line_end(line)
        fields = text.split("\t") if text else []
        if "\\" in line:
            fields = [_ESCAPE.sub(lambda match: _ESCAPES[match[0]], field) for field in fields]
        yield lines.number, fields


def _examples(
    records: Iterator[tuple[int, list[str]]], lines: Lines, columns: ColumnNames, *, separator: str
) -> Iterator[Example]:
    builder = ExampleBuilder(lines.source, columns)
    names = _read_header(records, lines, columns, separator=separator)
    width = len(names)
    text = names.index(columns.text)
    label = None if columns.label is None else names.index(columns.label)
    group = None if columns.group is None else names.index(columns.group)
    for number, record in records:
        fields = record or [""]  # a record without fields is a blank line
        if len(fields) != width:
            if not record:
                continue
            raise _width_error(number, fields, width, lines, separator)
        yield Example(
            number,
            fields[text],
            "" if label is None else builder.clean_label(fields[label], number),
            "" if group is None else fields[group],
            dict(zip(names, fields, strict=True)) if columns.keep else None,
        )


def _read_header(
    records: Iterator[tuple[int, list[str]]], lines: Lines, columns: ColumnNames, *, separator: str
) -> list[str]:
    """The column names, checked."""
    if lines.header is not None:
        return list(lines.header)
    names = [name.strip() for _, fields in islice(records, 1) for name in fields]
    if not any(names):
        problem = "the first line is blank" if lines.number else "the file is empty"
        message = f"{problem}; expected a header line with the names of the columns"
        raise _header_error(lines, message, hint="the header line may be: text,label")
    if repeated := [name for name, count in Counter(names).items() if name and count > 1]:
        raise _header_error(lines, f'two columns have the name "{repeated[0]}"', hint="rename one of them")
    if missing := columns.missing_from(names):
        other = next((other for other in _SEPARATORS if len(names) == 1 and other in names[0]), None)
        if other is not None:
            raise _separator_error(other, lines, separator)
        message, hint = missing
        raise _header_error(lines, message, hint=hint)
    lines.header = tuple(names)
    return names


def _header_error(lines: Lines, message: str, *, hint: str | None = None) -> BadData:
    return BadData(f"{lines.source}:1: {message}", hint=hint)


def _separator_error(actual: str, lines: Lines, expected: str) -> BadData:
    message = f"the columns are separated by {_SEPARATORS[actual]}, not by {_SEPARATORS[expected]}"
    hint = f"save the table again with {_SEPARATORS[expected]} between the columns"
    suffix = {",": ".csv", "\t": ".tsv"}.get(actual)
    if suffix and lines.source.endswith((".csv", ".tsv", ".tab")):
        hint = f"mv {shlex.quote(lines.source)} {shlex.quote(lines.source[:-4] + suffix)}"
    return _header_error(lines, message, hint=hint)


def _width_error(number: int, fields: list[str], width: int, lines: Lines, separator: str) -> BadData:
    hint = "add empty fields to the row"
    if len(fields) > width:
        hint = "put fields with commas in double quotes" if separator == "," else r"write a tab inside a field as \t"
    count = f"{len(fields)} field" + ("s" if len(fields) > 1 else "")
    return lines.error(f"this row has {count}, the header {width}", hint=hint, number=number)
