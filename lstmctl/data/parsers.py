"""Parsers of text formats, from lines to examples: CSV and TSV, JSON Lines, fastText lines, and plain lines.

All raise BadData or BadRow, which name the line where the row starts.
"""

import csv
import json
import re
import shlex
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

from lstmctl.data.columns import ColumnNames, Example, bad_row, clean_label, short_repr
from lstmctl.data.lines import Lines, format_size, strip_line_end
from lstmctl.errors import BadData

_SEPARATORS = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars"}
_ESCAPES = {r"\t": "\t", r"\n": "\n", r"\r": "\r", r"\\": "\\"}
_ESCAPE = re.compile(r"\\[tnr\\]")
_QUOTES = 'inside a quoted field, a double quote is written twice: ""'
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_FASTTEXT_LABEL = re.compile(r"__label__([^ \t\v\f\r]*)[ \t\v\f\r]*")
_FASTTEXT_EXAMPLE = "a line reads: __label__pos what a film"
_JSONL_EXAMPLE = 'a line reads: {"text": "what a film", "label": "pos"}'


class ExampleBuilder:
    """Makes the examples of one source. Each different label is cleaned once."""

    def __init__(self, source: str, columns: ColumnNames) -> None:
        self._source, self._columns = source, columns
        self._cleaned: dict[str, str] = {}

    def clean_label(self, raw: str, row: int) -> str:
        """As `clean_label`. Raises BadRow for an empty or too long label."""
        if (label := self._cleaned.get(raw)) is None:
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
        value = values[name]
        if value is None or isinstance(value, str):
            return value or ""
        if isinstance(value, int):
            return json.dumps(value)
        message = f'"{name}" must be a string, a whole number or a boolean, not {short_repr(value)}'
        raise bad_row(self._source, row, message, hint="is it the right column?")


# --- tables with a header line ----------------------------------------------------------------------------------


def read_table(lines: Lines, columns: ColumnNames, *, separator: str) -> Iterator[Example]:
    """Rows of CSV as spreadsheets write it, with double quotes and line breaks inside quotes; or of TSV.

    In TSV, quotes are ordinary characters; `\\t`, `\\n` and `\\\\` stand for tab, line feed and backslash. Blank lines
    are skipped, except in a table of one column, where a blank line is an empty text.
    """
    builder = ExampleBuilder(lines.source, columns)
    names, records = _open_table(lines, columns, separator)
    text = names.index(columns.text)
    label = None if columns.label is None else names.index(columns.label)
    group = None if columns.group is None else names.index(columns.group)
    for number, record in records:
        fields = record or [""]  # a record without fields is a blank line
        if len(fields) != len(names):
            if not record:
                continue
            raise _width_error(number, len(fields), len(names), lines, separator)
        yield Example(
            number,
            fields[text],
            "" if label is None else builder.clean_label(fields[label], number),
            "" if group is None else fields[group],
            dict(zip(names, fields, strict=True)) if columns.keep else None,
        )


def record_ends(lines: Lines, columns: ColumnNames, *, separator: str) -> Iterator[None]:
    """Yields after the header and after each record, when `lines` has been read up to its end."""
    _, records = _open_table(lines, columns, separator)
    yield
    yield from (None for _ in records)


def _csv_records(lines: Lines) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(max(csv.field_size_limit(), lines.max_line_bytes))  # `lines` has a stricter one
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
        text = strip_line_end(line)
        if lines.number == 1 and "\r" in text:
            raise lines.carriage_returns()
        fields = text.split("\t") if text else []
        if "\\" in line:
            fields = [_ESCAPE.sub(lambda match: _ESCAPES[match[0]], field) for field in fields]
        yield lines.number, fields


def _open_table(
    lines: Lines, columns: ColumnNames, separator: str
) -> tuple[tuple[str, ...], Iterator[tuple[int, list[str]]]]:
    """The column names, checked, and the records: the line where each starts, and its fields.

    A record is yielded as soon as its last line is read.
    """
    records = _csv_records(lines) if separator == "," else _tsv_records(lines)
    if lines.header is not None:
        return lines.header, records
    names = tuple(name.strip() for _, fields in islice(records, 1) for name in fields)
    if not any(names):
        problem = "the first line is blank" if lines.number else "the file is empty"
        message = f"{problem}; expected a header line with the names of the columns"
        raise _header_error(lines, message, hint="the header line may be: text,label")
    if repeated := [name for name, count in Counter(names).items() if name and count > 1]:
        raise _header_error(lines, f'two columns have the name "{repeated[0]}"', hint="rename one of them")
    if missing := columns.missing_from(names):
        if len(names) == 1 and (other := next((other for other in _SEPARATORS if other in names[0]), None)):
            raise _separator_error(other, lines, separator)
        message, hint = missing
        raise _header_error(lines, message, hint=hint)
    lines.header = names
    return names, records


def _header_error(lines: Lines, message: str, *, hint: str) -> BadData:
    return BadData(f"{lines.source}:1: {message}", hint=hint)


def _separator_error(actual: str, lines: Lines, expected: str) -> BadData:
    message = f"the columns are separated by {_SEPARATORS[actual]}, not by {_SEPARATORS[expected]}"
    hint = f"save the table again with {_SEPARATORS[expected]} between the columns"
    suffix = {",": ".csv", "\t": ".tsv"}.get(actual)
    if suffix and lines.source.endswith((".csv", ".tsv", ".tab")):
        hint = f"mv {shlex.quote(lines.source)} {shlex.quote(lines.source[:-4] + suffix)}"
    return _header_error(lines, message, hint=hint)


def _width_error(number: int, width: int, expected: int, lines: Lines, separator: str) -> BadData:
    hint = "add empty fields to the row"
    if width > expected:
        hint = "put fields with commas in double quotes" if separator == "," else r"write a tab inside a field as \t"
    fields = f"{width} field" + ("s" if width > 1 else "")
    return lines.error(f"this row has {fields}, the header {expected}", hint=hint, number=number)


# --- one record a line ------------------------------------------------------------------------------------------


def read_lines(lines: Lines, columns: ColumnNames) -> Iterator[Example]:
    """One text a line."""
    for line in lines:
        yield Example(lines.number, strip_line_end(line))


def read_fasttext(lines: Lines, columns: ColumnNames) -> Iterator[Example]:
    """Lines such as `__label__pos what a film`.

    Where labels are read, a line starts with exactly one, and blank lines are skipped; else a line may start with any
    number of labels, which are ignored, and a blank line is an empty text.
    """
    builder = ExampleBuilder(lines.source, columns)
    for line in lines:
        text, label, count = strip_line_end(line), "", 0
        if lines.number == 1 and "\r" in text and not line.endswith("\n"):
            raise lines.carriage_returns()
        while match := _FASTTEXT_LABEL.match(text):
            text, label, count = text[match.end() :], match[1], count + 1
        if columns.label is None:
            yield Example(lines.number, text)
        elif count == 1:
            yield Example(lines.number, text, builder.clean_label(label, lines.number))
        elif count or text.strip():
            start = f"it has {count}" if count else f"it starts {short_repr(text[:20])}"
            raise lines.error(f"expected one __label__ at the start of the line; {start}", hint=_FASTTEXT_EXAMPLE)


def read_jsonl(lines: Lines, columns: ColumnNames) -> Iterator[Example]:
    """One JSON object a line. Blank lines are skipped."""
    builder = ExampleBuilder(lines.source, columns)
    for line in lines:
        if not line.strip(" \t\r\n"):
            continue
        values = _parse_object(line, lines)
        if missing := columns.missing_from(values):
            message, hint = missing
            raise lines.error(message, hint=hint)
        if _ESCAPED_SURROGATE.search(line):
            names = values if columns.keep else columns.used
            values = {name: _check_surrogates(values[name], lines) for name in names}
        yield builder.from_values(values, lines.number)


def _parse_object(line: str, lines: Lines) -> dict[str, Any]:
    try:
        value = json.loads(line, object_pairs_hook=_dict_of_unique_keys)
    except RecursionError as error:
        raise lines.error("the JSON is nested too deeply", hint=_JSONL_EXAMPLE) from error
    except json.JSONDecodeError as error:
        if lines.number == 1 and "\r" in strip_line_end(line):
            raise lines.carriage_returns() from error
        hint = "JSON Lines has one whole object on each line"
        raise lines.error(f"not JSON: {error.msg.lower()}, character {error.colno}", hint=hint) from error
    except ValueError as error:  # a duplicate key, or a number of thousands of digits
        reason = "a number has thousands of digits" if str(error).startswith("Exceeds") else error
        raise lines.error(f"invalid JSON: {reason}", hint=_JSONL_EXAMPLE) from error
    if isinstance(value, dict):
        return value
    if isinstance(value, list):
        hint = "jq -c '.[]' makes JSON Lines of an array of objects"
        raise lines.error("a JSON array; JSON Lines has one object on each line", hint=hint)
    raise lines.error(f"expected a JSON object, not {short_repr(value)}", hint=_JSONL_EXAMPLE)


def _dict_of_unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        raise ValueError(f"duplicate key {short_repr(next(name for name, count in counts.items() if count > 1))}")
    return values


def _check_surrogates(value: Any, lines: Lines) -> Any:
    """A JSON value without half characters, as \\ud83d alone: an error, or if not `strict` replaced by U+FFFD."""
    if isinstance(value, dict):
        return {_check_surrogates(name, lines): _check_surrogates(item, lines) for name, item in value.items()}
    if isinstance(value, list):
        return [_check_surrogates(item, lines) for item in value]
    if not isinstance(value, str):
        return value
    if lines.strict and _SURROGATE.search(value):
        hint = "write the text as UTF-8, without escapes" if lines.labelled else "--encoding-errors replace"
        message = r"an escape such as \ud83d is half of a character, and the other half is missing"
        raise lines.error(message, hint=hint)
    return _SURROGATE.sub("\ufffd", value)
