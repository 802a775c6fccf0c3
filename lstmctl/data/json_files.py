"""Parser of JSON files that are not JSON Lines: an array of objects, alone or under one key, in any of the forms that
pandas writes, or objects one after another over several lines. The whole file is read into memory."""

import json
import os
import shlex
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

from lstmctl.data.column_choice import ColumnSample, choose_columns
from lstmctl.data.columns import ColumnNames, Example, bad_row, nested_values, shorten, with_nested
from lstmctl.data.lines import Lines, format_size
from lstmctl.data.parsers import ExampleBuilder, check_length, clean_surrogates, missing_in, parse_json
from lstmctl.errors import BadData, BadRow

MAX_JSON_BYTES = 256 * 1024**2
_BLANK, _SAMPLE = " \t\r\n", 100
_SHAPES = 'expected an array of objects, such as [{"text": "what a film", "label": "pos"}]'


def read_json(
    lines: Lines, columns: ColumnNames, *, objects: Sequence[Any] | None, max_row_bytes: int
) -> Iterator[Example]:
    """Rows of a JSON file, numbered from 1; `objects` are those of `find_objects`, if it has been read before.

    After a BadRow, reading again continues with the next row.
    """
    if lines.items is None:
        objects = objects if objects is not None else find_objects(read_whole(lines), lines.source, columns)
        lines.items = enumerate(objects, start=1)
        if columns.usual and objects and isinstance(objects[0], dict):  # of a stream, whose first row decides
            choice = choose_columns(columns, list(objects[0]))
            columns = choice.columns if choice is not None else columns
    builder, used = ExampleBuilder(lines.source, columns), set(columns.used)
    for number, item in lines.items:
        lines.number = number
        if not isinstance(item, dict):
            raise bad_row(lines.source, number, "expected a JSON object", hint=_SHAPES)
        values = item if item.keys() >= used else with_nested(item, used)
        if not values.keys() >= used:
            message, hint = missing_in(values, columns)
            raise bad_row(lines.source, number, message, hint=hint)
        names = values if columns.keep else columns.used
        example = builder.from_values({name: clean_surrogates(values[name], lines) for name in names}, number)
        check_length(example, lines.source, max_row_bytes)
        yield example


def read_whole(lines: Lines) -> str:
    """The whole text. Raises BadData if it is too long, or not text."""
    parts, size = [], 0
    too_long = f"{lines.source}: a JSON file that is not JSON Lines may have at most {format_size(MAX_JSON_BYTES)}"
    hint = jq_command(".[]", lines.source)
    try:
        for line in lines:
            parts.append(line)
            size += len(line)
            if size > MAX_JSON_BYTES:
                raise BadData(too_long, hint=hint)
    except BadRow as error:
        if "longer than" in error.message:
            raise BadData(too_long, hint=hint) from error
        raise BadData(error.message, hint=error.hint) from error
    return "".join(parts)


def find_objects(text: str, source: str, columns: ColumnNames) -> Sequence[Any]:
    """The rows in the text of a JSON file, each an object. Raises BadData if it is not JSON or has no rows.

    `columns` are those that are looked for: they tell columns from labels in `{"pos": ["a film", …], "neg": […]}`.
    """
    values, end = [], 0
    text = text.strip(_BLANK)
    while end < len(text):
        value, end = parse_json(text, source, start=end)
        while end < len(text) and text[end] in _BLANK + ",":
            end += 1
        values.append(value)
    if len(values) != 1:
        return values
    if isinstance(values[0], list):
        return _from_array(values[0])
    if isinstance(values[0], dict):
        return _from_object(values[0], source, columns)
    raise BadData(f"{source}: the JSON is not an array of objects", hint=_SHAPES)


def jq_command(program: str, source: str) -> str:
    """The command that makes JSON Lines of the objects in a JSON file."""
    out = os.path.join(tempfile.gettempdir(), os.path.splitext(os.path.basename(source))[0] + ".jsonl")
    return f"jq -c {shlex.quote(program)} {shlex.quote(source)} > {shlex.quote(out)}"


def _from_array(items: list[Any]) -> list[Any]:
    """Lists in a list are rows whose columns are numbered."""
    if items and all(isinstance(item, list) for item in items):
        return [{str(place): value for place, value in enumerate(item, start=1)} for item in items]
    return items


def _from_object(value: dict[str, Any], source: str, columns: ColumnNames) -> list[Any]:
    """The rows in one object: under its only key with a list of objects, by column, by row, or by label."""
    names, data = value.get("columns"), value.get("data")
    if isinstance(names, list) and isinstance(data, list) and all(isinstance(row, list) for row in data):
        return [dict(zip(map(str, names), row, strict=False)) for row in data]  # orient="split"
    lists = [key for key, item in value.items() if _has_rows(item)]
    if len(lists) == 1:
        return _from_array(value[lists[0]])
    if lists:
        shown = ", ".join(shorten(key) for key in lists[:6])
        first = _from_array(value[lists[0]])[0]
        message = f"{source}: several keys have a list of rows: {shown}"
        raise BadData(message, hint=_split_command(lists, first, source, columns))
    return _rows_of_columns(value, columns)


def _rows_of_columns(value: dict[str, Any], columns: ColumnNames) -> list[Any]:
    """The rows in an object of lists, or of objects; or the object itself, as the only row."""
    values = list(value.values())
    if _has_texts_by_label(value, columns):
        return [{"text": text, "label": label} for label, texts in value.items() for text in texts]
    if values and all(isinstance(item, list) for item in values) and len({len(item) for item in values}) == 1:
        return [dict(zip(value, row, strict=True)) for row in zip(*values, strict=True)]
    if values and all(isinstance(item, dict) for item in values):
        same_keys = all(item.keys() == values[0].keys() for item in values)
        nested = any(isinstance(item, dict | list) for item in values[0].values())
        if same_keys and not nested and _is_index(values[0]):
            return [dict(zip(value, row, strict=True)) for row in zip(*(item.values() for item in values), strict=True)]
        if not nested:
            return values  # orient="index"
    return [value]


def _has_rows(value: Any) -> bool:
    """Whether this is a list of objects, or of lists of one length, two or more."""
    if not isinstance(value, list) or not value:
        return False
    if all(isinstance(item, dict) for item in value):
        return True
    lists = all(isinstance(item, list) for item in value)
    return lists and len(value[0]) > 1 and len({len(item) for item in value}) == 1


def _has_texts_by_label(value: dict[str, Any], columns: ColumnNames) -> bool:
    """Whether the keys are labels, each with a list of texts, rather than columns."""
    lists = [*value.values()]
    if len(lists) < 2 or not all(isinstance(item, list) and item for item in lists):
        return False
    if not all(isinstance(text, str) for item in lists for text in item):
        return False
    if columns.label is None or choose_columns(columns, [*value]) is not None:
        return False
    return len({len(item) for item in lists}) > 1 or all(ColumnSample("", item[:_SAMPLE]).is_text for item in lists)


def _split_command(keys: Sequence[str], first: dict[str, Any], source: str, columns: ColumnNames) -> str:
    """The command that writes the rows under each key, of which `first` is one: into one file, with the key as their
    label, or if they have labels, into files named after the keys, which may be parts."""
    row = ".[$key][]"
    if all(name.isdecimal() for name in first):
        row += " | to_entries | map({key: (.key + 1 | tostring), value: .value}) | from_entries"
    folder = os.path.join(tempfile.gettempdir(), os.path.splitext(os.path.basename(source))[0])
    labelled = len(first) > 1 and all(name.isdecimal() for name in first)
    choice = choose_columns(columns, [*nested_values(first)])
    if columns.label is not None and choice is None and not labelled and columns.label not in first:
        program = f"to_entries[] | .key as $key | .value[] | . + {{{json.dumps(columns.label)}: $key}}"
        return jq_command(program, source)
    quoted = " ".join(shlex.quote(key) for key in keys)
    out = f'{shlex.quote(folder)}/"$key".jsonl'
    program = f'jq -c --arg key "$key" {shlex.quote(row)} {shlex.quote(source)} > {out}'
    return f"mkdir -p {shlex.quote(folder)} && for key in {quoted}; do {program}; done, and name {folder}/"


def _is_index(column: dict[str, Any]) -> bool:
    """Whether the keys of an object look like row numbers, as in orient="columns", and not like column names."""
    return all(key.lstrip("-").isdecimal() for key in column)
