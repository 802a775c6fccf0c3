"""How one file is read: its format, encoding, dialect and columns, decided before the first row is read.

Options win; what they leave open is recognised from the start of the file. What is decided is one line for the user.
"""

import csv
import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lstmctl.data.column_choice import choose_columns, missing_column
from lstmctl.data.columns import ColumnNames, nested_values, shorten, value_text
from lstmctl.data.dialect import DELIMITERS, decide_dialect
from lstmctl.data.encodings import (
    guess_utf16,
    is_all_utf8,
    is_utf8,
    keeps_ascii,
    looks_like_windows_1252,
    marked_encoding,
    suspect_encoding,
)
from lstmctl.data.opening import display, read_head
from lstmctl.data.packing import repaired_path
from lstmctl.data.strangers import recognise
from lstmctl.data.titles import lines_above_header, without_lines
from lstmctl.errors import BadData

HEAD_BYTES = 2**18  # of a file that are looked at
_KINDS = {"jsonl": "JSON Lines", "json": "JSON", "parquet": "Parquet", "excel": "spreadsheet", "fasttext": "fastText"}
_SAMPLE_ROWS, _SAMPLE_CELLS = 500, 200_000
PREDICTED = "the labels are predictions of lstmctl"  # in a note
_BOM = b"\xef\xbb\xbf"


class Reading(NamedTuple):
    """How a file is read."""

    format: str
    columns: ColumnNames  # with the names that the file has
    encoding: str = "utf-8"
    delimiter: str = ","  # of a table
    quoted: bool = True  # whether the fields of a table may be quoted
    names: tuple[str, ...] | None = None  # of all columns of a table, where no header line has them
    above: int = 0  # lines above the header of a table, which are no rows
    note: str = ""  # for the user; "" where everything is as usual
    suspected: str = ""  # an encoding that the file may be in, if it is not UTF-8
    items: Any = None  # the rows of a JSON file or spreadsheet, which had to be read as a whole

    @property
    def has_lines(self) -> bool:
        """Whether lines can be found in its bytes without decoding them."""
        return keeps_ascii(self.encoding)


def usual_reading(format: str, columns: ColumnNames, separator: str | None) -> Reading:  # noqa: A002
    """How a stream is read, of which nothing can be looked at before."""
    delimiter = columns.layout.delimiter or separator or ","
    encoding = columns.layout.encoding or "utf-8"
    return Reading(format, columns, "utf-8" if is_utf8(encoding) else encoding, delimiter, delimiter != "\t")


def find_reading(
    path: Path,
    columns: ColumnNames,
    *,
    format: str,  # noqa: A002
    separator: str | None = None,
    strict: bool = True,
    name: str | None = None,
) -> Reading:
    """How a file is read whose name stands for `format`, a table with `separator` between its columns. If not
    `strict`, the encoding is UTF-8 unless named. `name` is what errors call the file.

    Raises:
        BadData: it is of another kind, a column is missing, or it can be read in two ways. Raises as `open_lines`.
    """
    name = name or display(path)
    if format == "parquet":
        return _parquet_reading(path, columns, name)
    if format == "excel":
        return _sheet_reading(path, columns, name)
    head, complete = read_head(path, HEAD_BYTES)
    encoding = _decide_encoding(head, columns.layout.encoding, strict=strict)
    labelled = columns.label is not None
    told = columns.layout.encoding is not None or marked_encoding(head) is not None
    if strict and not told and (stranger := recognise(head, name, text=labelled or format != "lines")):
        raise BadData(f"{name}: this is {stranger[0]}", hint=stranger[1])
    suspected = suspect_encoding(head) if encoding == "utf-8" and columns.layout.encoding is None else ""
    reading = usual_reading(format, columns, separator)._replace(encoding=encoding, suspected=suspected)
    text = head.removeprefix(_BOM).decode(encoding, "replace") if head else ""
    if separator is not None and head:
        wrong = not keeps_ascii(encoding) and told and b"\0" not in head and is_all_utf8(head)
        reading = _table_reading(text, reading, separator, complete=complete, name=name, wrongly_decoded=wrong)
    elif format == "jsonl" and head:
        reading = _json_reading(text, reading, complete=complete, name=name)
    if encoding != "utf-8" and not reading.note:
        return reading._replace(note=_note(_KINDS.get(format, "text"), reading))
    return reading


def _decide_encoding(head: bytes, given: str | None, *, strict: bool) -> str:
    if given is not None:
        return "utf-8" if is_utf8(given) else given
    if (marked := marked_encoding(head)) is not None:
        return marked
    if not strict:
        return "utf-8"
    if b"\0" in head:
        return guess_utf16(head[:4096]) or "utf-8"
    return "windows-1252" if not is_all_utf8(head) and looks_like_windows_1252(head) else "utf-8"


def _table_reading(
    text: str, reading: Reading, separator: str, *, complete: bool, name: str, wrongly_decoded: bool
) -> Reading:
    columns = reading.columns
    if "\r" in text and "\n" not in text:
        return reading  # lines that end with carriage returns: reading it says so
    no_header, above = columns.layout.no_header, 0
    try:
        dialect = decide_dialect(text, columns, default=separator, complete=complete, source=name)
        if not no_header and choose_columns(columns, dialect.names) is None:
            delimiters = [columns.layout.delimiter] if columns.layout.delimiter else [separator, *DELIMITERS]
            if above := lines_above_header(text, delimiters, columns):
                below = without_lines(text, above)
                dialect = decide_dialect(below, columns, default=separator, complete=complete, source=name)
    except csv.Error:
        return reading
    reading = reading._replace(delimiter=dialect.delimiter, quoted=dialect.quoted, above=above)
    if not any(dialect.names):
        return reading  # empty, or a first line that cannot be read: reading it says so
    if (choice := choose_columns(columns, dialect.names)) is None:
        if reading.suspected and any("\ufffd" in each for each in dialect.names):
            raise BadData(
                f"{name}:{above + 1}: the names of the columns are not UTF-8", hint=f"--encoding {reading.suspected}"
            )
        if dialect.names[0].startswith("{") and _object(text.lstrip().partition("\n")[0]) is not None:
            other = Path(repaired_path(name)).with_suffix(".jsonl")
            message = f"{name} is JSON Lines under another name"
            raise BadData(message, hint=f"cp {shlex.quote(name)} {shlex.quote(str(other))} makes a file that is read")
        message, hint = missing_column(columns, dialect.names, dialect.rows)
        hint = "leave out --encoding: the file is UTF-8" if wrongly_decoded else hint
        raise BadData(f"{name}:{above + 1}: {message}", hint=hint)
    reading = reading._replace(columns=choice.columns, names=dialect.names if no_header else None)
    told = choice.told or no_header or above > 0 or reading.encoding != "utf-8" or dialect.delimiter != separator
    told = told or (dialect.quoted and dialect.delimiter == "\t")
    kind = "TSV" if dialect.delimiter == "\t" else "CSV"
    if dialect.delimiter not in ",\t":
        kind += f", {dialect.delimiter!r} between columns"
    if dialect.quoted and dialect.delimiter == "\t":
        kind += ", quoted fields"
    if _are_predictions(choice.columns, dialect.names):
        kind, told = f"{kind}, {PREDICTED}", True
    header = "no header" if no_header else f"header in line {above + 1}" if above else "header"
    return reading._replace(note=_note(kind, reading, header)) if told else reading


def _json_reading(text: str, reading: Reading, *, complete: bool, name: str) -> Reading:
    columns = reading.columns
    if not is_json_lines(text, columns, complete=complete):
        # A file that is read as a whole is looked at as a whole.
        return reading._replace(format="json")
    names, rows = _sample_objects(_objects_of_lines(text, complete=complete))
    if not names:
        return reading
    return _with_columns(reading, names, rows, name=name, place=":1", kind=_KINDS["jsonl"])


def json_columns(reading: Reading, objects: Sequence[Any], name: str) -> Reading:
    """The reading of a JSON file with these rows."""
    names, rows = _sample_objects([value for value in objects[:_SAMPLE_ROWS] if isinstance(value, dict)])
    if not names:
        return reading._replace(items=objects)
    reading = reading._replace(items=objects)
    return _with_columns(reading, names, rows, name=name, place="", kind=_KINDS["json"], told=True)


def is_json_lines(text: str, columns: ColumnNames, *, complete: bool) -> bool:
    """Whether a file that begins with this text has one JSON object on each line, rather than one value in all."""
    text = text.lstrip("\ufeff \t\r\n")
    if not text.startswith("{"):
        return not text.startswith("[")
    first, line_end, rest = text.partition("\n")
    second = rest.lstrip().partition("\n")[0]
    if (value := _object(first)) is None:
        if line_end or complete:
            return not first.rstrip().endswith(("{", "[", ",")) or _object(second) is not None
        return not first.partition(":")[2].lstrip().startswith(("[", "{"))
    if second or not complete or not any(isinstance(item, dict | list) for item in value.values()):
        return True
    choice = choose_columns(columns, list(value))
    return choice is not None and not any(isinstance(value[name], dict | list) for name in choice.columns.used)


def _object(line: str) -> dict[str, Any] | None:
    """The JSON object in a line, or None."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _objects_of_lines(text: str, *, complete: bool) -> list[dict[str, Any]]:
    lines = text.split("\n")
    if not complete:
        lines.pop()
    objects = map(_object, lines[:_SAMPLE_ROWS])
    return [value for value in objects if value is not None]


def _sample_objects(objects: Sequence[dict[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """The names of the columns in objects, and values of the first as text."""
    objects = [nested_values(value) for value in objects]
    names = list(dict.fromkeys(name for value in objects for name in value))
    rows = objects[: max(1, _SAMPLE_CELLS // max(1, len(names)))]
    return names, [[_shown(value.get(name)) for name in names] for value in rows]


def _shown(value: Any) -> str:
    text = value_text(value) if not isinstance(value, int) or abs(value) < 10**100 else ""
    return text or ""


def _parquet_reading(path: Path, columns: ColumnNames, name: str) -> Reading:
    from lstmctl.data.parquet import column_names, first_rows

    names, rows = column_names(path, name), list[list[str]]()
    if choose_columns(columns, names) is None:
        names, rows = _sample_objects(first_rows(path, name, _SAMPLE_ROWS))
    return _with_columns(Reading("parquet", columns), names, rows, name=name, place="", kind=_KINDS["parquet"])


def _sheet_reading(path: Path, columns: ColumnNames, name: str) -> Reading:
    from lstmctl.data import excel

    sheet = excel.read_sheet(path, name, columns)
    no_header = columns.layout.no_header
    names = excel.column_names(sheet, no_header=no_header)
    rows = [[_shown(value) for value in row] for row in sheet.rows[not no_header :][:_SAMPLE_ROWS]]
    kind = f'{_KINDS["excel"]}, sheet "{shorten(sheet.name)}"'
    if sheet.others:
        others = ", ".join(f'"{shorten(other)}"' for other in sheet.others[:5])
        kind += f" (not {others})"
    kind += ", no header" if no_header else f", header in row {sheet.first}" if sheet.first > 1 else ", header"
    place = f":{sheet.first}"
    reading = Reading("excel", columns, items=sheet)
    return _with_columns(reading, names, rows, name=name, place=place, kind=kind, told=True)


def _with_columns(
    reading: Reading,
    names: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    name: str,
    place: str,
    kind: str,
    told: bool = False,
) -> Reading:
    if (choice := choose_columns(reading.columns, names)) is None:
        message, hint = missing_column(reading.columns, names, rows)
        raise BadData(f"{name}{place}: {message}", hint=hint)
    reading = reading._replace(columns=choice.columns)
    if _are_predictions(choice.columns, names):
        kind, told = f"{kind}, {PREDICTED}", True
    told = told or choice.told or reading.encoding != "utf-8"
    return reading._replace(note=_note(kind, reading)) if told else reading


def _are_predictions(columns: ColumnNames, names: Sequence[str]) -> bool:
    """Whether the labels are those that `predict` wrote into a file, beside its other columns."""
    return columns.label == "label" and {"row", "text", "label", "probability"} <= set(names)


def _note(kind: str, reading: Reading, *more: str) -> str:
    """The reading in one line: `CSV, semicolons between columns, header, text: "review", label: "sentiment"`."""
    parts = [kind, *([reading.encoding] if reading.encoding != "utf-8" else []), *more]
    columns = reading.columns
    if reading.format not in ("lines", "fasttext"):
        parts.append("text: " + " + ".join(f'"{shorten(each)}"' for each in columns.texts))
        parts += [f'label: "{shorten(columns.label)}"'] if columns.label is not None else []
    return ", ".join(parts)
