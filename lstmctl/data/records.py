"""Formats of one record a line: JSON Lines, fastText lines, and plain lines."""

import json
import re
from collections.abc import Iterator
from typing import Any

from lstmctl.data.columns import ColumnNames, Row, label_text, shown
from lstmctl.data.lines import Lines, without_end

_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_FASTTEXT_LABEL = re.compile(r"__label__([^ \t\v\f\r]*)[ \t\v\f\r]*")


_FLAT = 'a line reads: {"text": "what a film", "label": "pos"}'


def read_lines(lines: Lines, wanted: ColumnNames) -> Iterator[Row]:
    """One text a line, whatever is in it."""
    for line in lines:
        yield Row(lines.number, without_end(line))


def read_fasttext(lines: Lines, wanted: ColumnNames) -> Iterator[Row]:
    """Lines such as `__label__pos what a film`.

    Where labels are wanted, a line starts with exactly one, and blank lines are skipped; else a line may have any
    number of labels, none of them read, and a blank line is an empty text.

    Raises:
        BadData: naming the line.
    """
    for line in lines:
        text, label, count = without_end(line), "", 0
        if lines.number == 1 and "\r" in text and not line.endswith("\n"):
            raise lines.carriage_returns()
        while found := _FASTTEXT_LABEL.match(text):
            text, label, count = text[found.end() :], found[1], count + 1
        if wanted.label is None:
            yield Row(lines.number, text)
        elif count == 1:
            yield Row(lines.number, text, label)
        elif count or text.strip():
            found_instead = f"it has {count}" if count else f"it starts {shown(text[:20])}"
            hint = "a line reads: __label__pos what a film"
            raise lines.error(f"one __label__ is expected at the start of the line; {found_instead}", hint=hint)


def read_jsonl(lines: Lines, wanted: ColumnNames) -> Iterator[Row]:
    """One JSON object a line. Blank lines are skipped.

    Raises:
        BadData: naming the line.
    """
    for line in lines:
        if not line.strip(" \t\r\n"):
            continue
        values = _object(line, lines)
        if missing := wanted.missing_from(values):
            message, hint = missing
            raise lines.error(message, hint=hint)
        text = values[wanted.text]
        if not isinstance(text, str):
            raise lines.error(
                f'"{wanted.text}" must be a string, not {shown(text)}', hint="--text-column names another"
            )
        label = None if wanted.label is None else _word(values, wanted.label, lines)
        group = None if wanted.group is None else _word(values, wanted.group, lines)
        columns = values if wanted.keep else None
        row = Row(lines.number, text, label, group, columns)
        yield _whole_characters(row, lines) if _ESCAPED_SURROGATE.search(line) else row


def _object(line: str, lines: Lines) -> dict[str, Any]:
    """The object of a line."""
    try:
        value = json.loads(line, object_pairs_hook=_unique)
    except RecursionError as error:
        raise lines.error("the JSON is nested too deeply", hint=_FLAT) from error
    except json.JSONDecodeError as error:
        if lines.number == 1 and "\r" in without_end(line):
            raise lines.carriage_returns() from error
        hint = "JSON Lines has one whole object on each line"
        raise lines.error(f"not JSON: {error.msg.lower()}, character {error.colno}", hint=hint) from error
    except ValueError as error:  # a key twice, or a number of thousands of digits
        reason = "a number has thousands of digits" if str(error).startswith("Exceeds") else error
        raise lines.error(f"not JSON that can be read: {reason}", hint=_FLAT) from error
    if isinstance(value, dict):
        return value
    if isinstance(value, list):
        hint = "jq -c '.[]' makes JSON Lines of an array of objects"
        raise lines.error("a JSON array; JSON Lines has one object on each line", hint=hint)
    raise lines.error(f"a JSON object is expected, not {shown(value)}", hint=_FLAT)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {shown(next(name for name in names if names.count(name) > 1))} comes twice")
    return values


def _word(values: dict[str, Any], name: str, lines: Lines) -> str:
    """A label or a group; null is an empty one."""
    value = values[name]
    text = "" if value is None else label_text(value)
    if text is None:
        raise lines.error(
            f'"{name}" must be a string, a whole number or a boolean, not {shown(value)}',
            hint="is it the right column?",
        )
    return text


def _whole_characters(row: Row, lines: Lines) -> Row:
    """The row, if its escapes stand for whole characters: \\ud83d alone is half of one."""

    def whole(value: Any) -> Any:
        if isinstance(value, dict):
            return {whole(name): whole(each) for name, each in value.items()}
        if isinstance(value, list):
            return [whole(each) for each in value]
        if not isinstance(value, str):
            return value
        if lines.strict and _SURROGATE.search(value):
            hint = "write the text as UTF-8, without escapes" if lines.labelled else "--encoding-errors replace"
            raise lines.error(
                r"an escape such as \ud83d is half of a character, and the other half is missing", hint=hint
            )
        return _SURROGATE.sub("\ufffd", value)

    return Row(row.number, *map(whole, row[1:]))
