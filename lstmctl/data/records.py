"""Parsers of formats with one record a line: JSON Lines, fastText lines, and plain lines.

All raise BadData or BadRow, which name the line.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from lstmctl.data.columns import ColumnNames, Example, ExampleBuilder, short_repr
from lstmctl.data.lines import Lines, strip_line_end

_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_FASTTEXT_LABEL = re.compile(r"__label__([^ \t\v\f\r]*)[ \t\v\f\r]*")
_FASTTEXT_EXAMPLE = "a line reads: __label__pos what a film"
_JSONL_EXAMPLE = 'a line reads: {"text": "what a film", "label": "pos"}'


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
            names = values if columns.keep else {name for name in columns[:3] if name is not None}
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
        names = [name for name, _ in pairs]
        raise ValueError(f"duplicate key {short_repr(next(name for name in names if names.count(name) > 1))}")
    return values


def _check_surrogates(value: Any, lines: Lines) -> Any:
    """A JSON value without half characters, such as \\ud83d alone: an error, or if not `strict` replaced by U+FFFD."""
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
