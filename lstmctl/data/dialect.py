"""How a table is written: the character between its columns, whether its fields are quoted, and the names of its
columns. Decided on the first rows alone.

Tables with commas, semicolons or bars have quoted fields as spreadsheets write them. A table with tabs has them too if
its first rows can only have been written so; otherwise quotes are characters like others, and `\\t`, `\\n` and `\\\\`
stand for tab, line feed and backslash.
"""

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import NamedTuple

from lstmctl.data.column_choice import choose_columns, describe_guess
from lstmctl.data.columns import ColumnNames, shorten
from lstmctl.errors import BadData

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_RECORDS = 2_000  # that are looked at
_FIELD_LIMIT = 2**30
_LONGEST_RECORD = 100  # lines of the last record


class Dialect(NamedTuple):
    """A way to read a table, and what the first rows are in it."""

    delimiter: str
    quoted: bool  # fields may be in double quotes, with line breaks in them
    names: tuple[str, ...]  # of the columns, or their numbers
    rows: list[list[str]]  # the first, without the header line
    regular: bool  # whether all of them have as many fields as there are columns, two or more


def decide_dialect(text: str, columns: ColumnNames, *, default: str, complete: bool, source: str) -> Dialect:
    """The dialect of a table that begins with `text`, the whole table if `complete`.

    It is the one in which the columns are found, or else the only one in which all rows have the same number of
    fields, two or more. `default` is the delimiter that the file's name stands for.

    Raises BadData if several dialects fit.
    """
    given = columns.layout.delimiter
    if given is not None:
        return _dialect(text, given, columns, complete=complete)
    first = _dialect(text, default, columns, complete=complete)
    numbered = columns.layout.no_header
    if not numbered and choose_columns(columns, first.names) is not None:
        return first
    others = (_dialect(text, each, columns, complete=complete) for each in DELIMITERS if each != default)
    dialects = [first, *(each for each in others if len(each.names) > 1)]
    found = [each for each in dialects if choose_columns(columns, each.names) is not None]
    if len(found) == 1 and not numbered:
        return found[0]
    fitting = [each for each in found or dialects if each.regular]
    if len(fitting) > 1:
        raise _ambiguous(fitting, columns, source)
    if fitting:
        return fitting[0]
    return max(found or dialects, key=lambda each: (_share_of_regular(each), each is first))


def separator_line(text: str) -> str | None:
    """The delimiter that a first line such as `sep=;` declares, as Excel reads it.

    >>> separator_line("sep=;"), separator_line("separator")
    (';', None)
    """
    line = text.rstrip("\r\n").strip('"')
    return line[4] if line.lower().startswith("sep=") and len(line) == 5 else None


def _dialect(text: str, delimiter: str, columns: ColumnNames, *, complete: bool) -> Dialect:
    lines = text.split("\n")
    tail = lines.pop()
    if complete and tail:
        lines.append(tail)
    if lines and separator_line(lines[0]) == delimiter:
        del lines[0]
    quoted, records = True, list[list[str]]()
    if delimiter == "\t":
        quoted = _has_quoted_fields(lines, complete=complete)
    if quoted:
        records = list(_quoted_records(lines, delimiter))
    else:
        records = [line.rstrip("\r").split(delimiter) for line in lines[:_RECORDS] if line.strip("\r\n")]
    if columns.layout.no_header:
        width = Counter(map(len, records)).most_common(1)[0][0] if records else 0
        names = tuple(str(place) for place in range(1, width + 1))
    else:
        names = tuple(name.strip() for name in records[0]) if records else ()
        records = records[1:]
    regular = len(names) > 1 and all(len(record) == len(names) for record in records)
    return Dialect(delimiter, quoted, names, records, regular)


def _quoted_records(lines: Sequence[str], delimiter: str) -> Iterator[list[str]]:
    """The records of the lines up to the first that is malformed, without blank ones."""
    csv.field_size_limit(max(csv.field_size_limit(), _FIELD_LIMIT))
    reader = csv.reader((line + "\n" for line in lines), delimiter=delimiter, strict=True)
    with suppress(csv.Error):
        yield from (record for record in islice(reader, _RECORDS) if record)


def _has_quoted_fields(lines: Sequence[str], *, complete: bool) -> bool:
    """Whether quotes in a table with tabs are around fields, and not part of the texts.

    Writers put quotes around a field only because of what is in it, or around all of a column. So quotes are around
    fields if all can be read so, with rows of one width, and either reading them as characters gives rows of other
    widths; or a quoted field has doubled quotes in it, or all fields with commas are quoted; or all fields of a column
    or of a row are.
    """
    if not any(line.startswith('"') or '\t"' in line for line in lines):
        return False
    records = _strictly_quoted(lines, complete=complete)
    if not records or any(len(record) != len(records[0]) for record in records):
        return False
    plain = [line.rstrip("\r").split("\t") for line in lines[:_RECORDS] if line.strip("\r\n")]
    return any(len(fields) != len(plain[0]) for fields in plain) or _quotes_have_a_reason(plain)


def _quotes_have_a_reason(rows: list[list[str]]) -> bool:
    """Whether the quotes around fields are there for what is in them, or around all fields of a column or a row."""
    fields = [field for row in rows for field in row]
    inside = [field[1:-1] for field in fields if _is_quoted(field)]
    if any('""' in field for field in inside):
        return True
    if any("," in field for field in inside) and not any("," in field for field in fields if not _is_quoted(field)):
        return True
    quoted = [[_is_quoted(field) for field in row] for row in rows]
    whole_columns = len(quoted) > 2 and any(map(all, zip(*quoted[1:], strict=True)))
    return whole_columns or (len(rows[0]) > 1 and any(map(all, quoted)))


def _strictly_quoted(lines: Sequence[str], *, complete: bool) -> list[list[str]] | None:
    """The records of lines with quoted fields, or None if they cannot be read so. The last record may be incomplete
    if the lines are not all of the table."""
    csv.field_size_limit(max(csv.field_size_limit(), _FIELD_LIMIT))
    reader = csv.reader((line + "\n" for line in lines), delimiter="\t", strict=True)
    records, end = [], 0
    try:
        for record in islice(reader, _RECORDS):
            end = reader.line_num
            records += [record] if record else []
    except csv.Error:
        if complete or reader.line_num < len(lines) or reader.line_num - end > _LONGEST_RECORD:
            return None
    return records


def _is_quoted(field: str) -> bool:
    return len(field) > 1 and field[0] == field[-1] == '"'


def _share_of_regular(dialect: Dialect) -> float:
    if len(dialect.names) < 2:
        return 0.0
    same = sum(len(row) == len(dialect.names) for row in dialect.rows)
    return round(same / len(dialect.rows), 1) if dialect.rows else 0.0


def _ambiguous(dialects: Sequence[Dialect], columns: ColumnNames, source: str) -> BadData:
    readings = " or ".join(
        f"{DELIMITERS[each.delimiter]} between the columns ({', '.join(map(shorten, each.names[:5]))})"
        for each in dialects[:2]
    )
    best = max(dialects, key=lambda each: len(describe_guess(columns, each.names, each.rows)))
    return BadData(f"{source}:1: this can be read in two ways, with {readings}", hint=delimiter_option(best.delimiter))


def delimiter_option(delimiter: str) -> str:
    """The option that names a delimiter, as it is typed into a shell."""
    return r"--delimiter '\t'" if delimiter == "\t" else f"--delimiter '{delimiter}'"
