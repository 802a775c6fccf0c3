"""Parsers of text formats, from lines to examples: CSV and TSV, JSON Lines, fastText lines, and plain lines.

All raise BadData or BadRow, which name the line where the row starts.
"""

import csv
import json
import re
from collections import Counter, deque
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

from lstmctl.data.column_choice import choose_columns, missing_column
from lstmctl.data.columns import (
    ColumnNames,
    Example,
    bad_row,
    clean_label,
    join_texts,
    short_repr,
    value_text,
    with_nested,
)
from lstmctl.data.dialect import DELIMITERS, delimiter_option, separator_line
from lstmctl.data.lines import Lines, format_size, strip_line_end
from lstmctl.errors import BadData

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
        self._source, self._columns, self._texts = source, columns, columns.texts
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
        """The example of a row of typed values. Raises BadRow for a text, label or group that is not one value."""
        columns, text = self._columns, values[self._texts[0]]
        label = group = ""
        if len(self._texts) > 1:
            text = join_texts([self._value_text(values[name], name, "--text-column", row) for name in self._texts])
        elif not isinstance(text, str):
            text = self._value_text(text, self._texts[0], "--text-column", row)
        if columns.label is not None:
            label = values[columns.label]
            if not isinstance(label, str):
                label = self._value_text(label, columns.label, "--label-column", row)
            label = self._cleaned.get(label) or self.clean_label(label, row)
        if columns.group is not None:
            group = self._value_text(values[columns.group], columns.group, "--group-column", row)
        return Example(row, text, label, group, values if columns.keep else None)

    def _value_text(self, value: Any, name: str, option: str, row: int) -> str:
        if (text := value_text(value)) is not None:
            return text
        message = f'"{name}" must be a text, a number or a boolean, not {short_repr(value)}'
        raise bad_row(self._source, row, message, hint=f"is it the right column? {option} names another")


def check_length(example: Example, source: str, limit: int) -> None:
    """Raise BadRow if the text has more bytes than `limit`."""
    # A character has at most four bytes, so most texts need not be encoded to be measured.
    if len(example.text) * 4 > limit and len(example.text.encode()) > limit:
        message = f"the text is longer than {format_size(limit)}"
        raise bad_row(source, example.row, message, hint="is it one text?")


# --- tables with a header line ----------------------------------------------------------------------------------


def read_table(lines: Lines, columns: ColumnNames, *, separator: str, quoted: bool) -> Iterator[Example]:
    """Rows of a table with quoted fields, as spreadsheets write them, with line breaks inside quotes; or without.

    Without, quotes are ordinary characters; `\\t`, `\\n` and `\\\\` stand for tab, line feed and backslash. Blank
    lines are skipped, except in a table of one column, where a blank line is an empty text.
    """
    builder = ExampleBuilder(lines.source, columns)
    names, columns, records = _open_table(lines, columns, separator, quoted=quoted)
    texts = [names.index(name) for name in columns.texts]
    text = texts[0] if len(texts) == 1 else None
    label = None if columns.label is None else names.index(columns.label)
    group = None if columns.group is None else names.index(columns.group)
    for number, record in records:
        fields = record or [""]  # a record without fields is a blank line
        if len(fields) != len(names):
            if not record:
                continue
            raise _width_error(number, len(fields), len(names), lines, separator, quoted=quoted)
        yield Example(
            number,
            fields[text] if text is not None else join_texts([fields[place] for place in texts]),
            "" if label is None else builder.clean_label(fields[label], number),
            "" if group is None else fields[group],
            dict(zip(names, fields, strict=True)) if columns.keep else None,
        )


def record_ends(lines: Lines, columns: ColumnNames, *, separator: str, quoted: bool) -> Iterator[None]:
    """Yields after the header and after each record, when `lines` has been read up to its end."""
    _, _, records = _open_table(lines, columns, separator, quoted=quoted)
    yield
    yield from (None for _ in records)


def _quoted_records(lines: Lines, separator: str) -> Iterator[tuple[int, list[str]]]:
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

    reader = csv.reader(bounded_lines(), delimiter=separator, strict=True)
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
        swallowing = lines.error("a quote is opened here and never closed", hint=_QUOTES, number=start)
        swallowing.swallows = True
        return swallowing
    if "new-line character" in reason:
        if lines.number == 1:
            return lines.carriage_returns()
        hint = "put the field in double quotes"
        return lines.error("a field without quotes contains a carriage return", hint=hint, number=start)
    where = f" (line {lines.number})" if lines.number > start else ""
    return lines.error(f"a quoted field continues after its closing quote{where}", hint=_QUOTES, number=start)


def _plain_records(lines: Lines, separator: str) -> Iterator[tuple[int, list[str]]]:
    for line in lines:
        text = strip_line_end(line)
        if lines.number == 1 and "\r" in text:
            raise lines.carriage_returns()
        fields = text.split(separator) if text else []
        if "\\" in line:
            fields = [_ESCAPE.sub(lambda match: _ESCAPES[match[0]], field) for field in fields]
        yield lines.number, fields


def _open_table(
    lines: Lines, columns: ColumnNames, separator: str, *, quoted: bool
) -> tuple[tuple[str, ...], ColumnNames, Iterator[tuple[int, list[str]]]]:
    """The names of all columns, those that are used, and the records: the line where each starts, and its fields.

    A record is yielded as soon as its last line is read.
    """
    if lines.header is None:
        deque(islice(lines, lines.above), maxlen=0)
    records = (_quoted_records if quoted else _plain_records)(lines, separator)
    if lines.header is not None:
        return lines.header, columns, records
    if columns.layout.no_header:
        first = next(records, (1, []))
        names = tuple(str(place) for place in range(1, max(1, len(first[1])) + 1))
        records = chain([first] if lines.number else (), records)
    else:
        found = (fields for _, fields in records)
        fields = next(filter(None, found), [])
        if separator_line(separator.join(fields)) == separator:
            fields = next(filter(None, found), [])
        names = tuple(name.strip() for name in fields)
        if not any(names):
            problem = "the first line is blank" if lines.number else "the file is empty"
            message = f"{problem}; expected a header line with the names of the columns"
            raise _header_error(lines, message, hint="the header line may be: text,label")
    if (choice := choose_columns(columns, names)) is None:
        message, hint = missing_column(columns, names)
        other = next((other for other in DELIMITERS if len(names) == 1 and other in names[0]), None)
        if other is not None and columns.layout.delimiter is None:  # of a stream, which is read by its format
            message = f"the columns are separated by {DELIMITERS[other]}, not by {DELIMITERS.get(separator, separator)}"
            hint = delimiter_option(other)
        raise _header_error(lines, message, hint=hint)
    used = names if columns.keep else choice.columns.used
    if repeated := [name for name, count in Counter(names).items() if count > 1 and name and name in used]:
        raise _header_error(lines, f'two columns have the name "{repeated[0]}"', hint="rename one of them")
    lines.header = names
    return names, choice.columns, records


def _header_error(lines: Lines, message: str, *, hint: str) -> BadData:
    return BadData(f"{lines.source}:1: {message}", hint=hint)


def _width_error(number: int, width: int, expected: int, lines: Lines, separator: str, *, quoted: bool) -> BadData:
    hint = "add empty fields to the row"
    if width > expected:
        name = DELIMITERS.get(separator, f"{separator!r}")
        hint = f"put fields with {name} in double quotes" if quoted else r"write a tab inside a field as \t"
    fields = f"{width} field" + ("s" if width > 1 else "")
    header = "first row" if lines.header is not None and lines.header[0] == "1" else "header"
    return lines.error(f"this row has {fields}, the {header} {expected}", hint=hint, number=number)


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
        end = 0
        while match := _FASTTEXT_LABEL.match(text, end):
            label, count, end = match[1], count + 1, match.end()
        text = text[end:]
        if columns.label is None:
            yield Example(lines.number, text)
        elif count == 1:
            yield Example(lines.number, text, builder.clean_label(label, lines.number))
        elif count or text.strip():
            start = f"it has {count}" if count else f"it starts {short_repr(text[:20])}"
            raise lines.error(f"expected one __label__ at the start of the line; {start}", hint=_FASTTEXT_EXAMPLE)


def read_jsonl(lines: Lines, columns: ColumnNames) -> Iterator[Example]:
    """One JSON object a line. Blank lines are skipped."""
    builder, used = ExampleBuilder(lines.source, columns), set(columns.used)
    for line in lines:
        if not line.strip(" \t\r\n"):
            continue
        values = _parse_object(line, lines)
        if not values.keys() >= used:
            values = with_nested(values, used)
        if not values.keys() >= used:
            choice = choose_columns(columns, list(values))
            if choice is None or not columns.usual:
                message, hint = missing_in(values, columns)
                raise lines.error(message, hint=hint)
            columns = choice.columns  # of a stream, whose first object decides
            builder, used = ExampleBuilder(lines.source, columns), set(columns.used)
        columns = columns._replace(usual=False) if columns.usual else columns
        if _ESCAPED_SURROGATE.search(line):
            names = values if columns.keep else columns.used
            values = {name: clean_surrogates(values[name], lines) for name in names}
        yield builder.from_values(values, lines.number)


def missing_in(values: dict[str, Any], columns: ColumnNames) -> tuple[str, str]:
    """Message and hint for an object that lacks a column."""
    exact = columns._replace(usual=False)
    names = [name for name in values if name in columns.used or name.strip().casefold() not in _casefolded(columns)]
    return missing_column(exact, names)


def _casefolded(columns: ColumnNames) -> set[str]:
    return {name.strip().casefold() for name in columns.used}


def parse_json(text: str, source: str, *, start: int = 0) -> tuple[Any, int]:
    """The JSON value that starts at a place of a text, and where it ends. Raises BadData naming the line."""
    try:
        return _DECODER.raw_decode(text, start)
    except RecursionError as error:
        raise BadData(f"{source}: the JSON is nested too deeply", hint=_JSONL_EXAMPLE) from error
    except json.JSONDecodeError as error:
        message = f"{source}:{error.lineno}: not JSON: {error.msg.lower()}, character {error.colno}"
        raise BadData(message, hint="was the file copied completely?") from error
    except ValueError as error:  # a duplicate key, or a number of thousands of digits
        raise BadData(f"{source}: invalid JSON: {_value_error(error)}", hint=_JSONL_EXAMPLE) from error


def _parse_object(line: str, lines: Lines) -> dict[str, Any]:
    try:
        value = _DECODER.decode(line)
    except RecursionError as error:
        raise lines.error("the JSON is nested too deeply", hint=_JSONL_EXAMPLE) from error
    except json.JSONDecodeError as error:
        if lines.number == 1 and "\r" in strip_line_end(line):
            raise lines.carriage_returns() from error
        hint = "JSON Lines has one whole object on each line"
        raise lines.error(f"not JSON: {error.msg.lower()}, character {error.colno}", hint=hint) from error
    except ValueError as error:
        raise lines.error(f"invalid JSON: {_value_error(error)}", hint=_JSONL_EXAMPLE) from error
    if isinstance(value, dict):
        return value
    if isinstance(value, list):
        hint = "jq -c '.[]' makes JSON Lines of an array of objects"
        raise lines.error("a JSON array; JSON Lines has one object on each line", hint=hint)
    raise lines.error(f"expected a JSON object, not {short_repr(value)}", hint=_JSONL_EXAMPLE)


def _value_error(error: ValueError) -> str:
    return "a number has thousands of digits" if str(error).startswith("Exceeds") else str(error)


def _dict_of_unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        raise ValueError(f"duplicate key {short_repr(next(name for name, count in counts.items() if count > 1))}")
    return values


_DECODER = json.JSONDecoder(object_pairs_hook=_dict_of_unique_keys)


def clean_surrogates(value: Any, lines: Lines) -> Any:
    """A JSON value without half characters, as \\ud83d alone: an error, or if not `strict` replaced by U+FFFD."""
    if isinstance(value, dict):
        return {clean_surrogates(name, lines): clean_surrogates(item, lines) for name, item in value.items()}
    if isinstance(value, list):
        return [clean_surrogates(item, lines) for item in value]
    if not isinstance(value, str):
        return value
    if not _SURROGATE.search(value):
        return value
    if lines.strict:
        hint = "write the text as UTF-8, without escapes" if lines.labelled else "--encoding-errors replace"
        message = r"an escape such as \ud83d is half of a character, and the other half is missing"
        raise lines.error(message, hint=hint)
    return _SURROGATE.sub("\ufffd", value)
