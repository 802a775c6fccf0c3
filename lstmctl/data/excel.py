"""Parser of spreadsheets: .xlsx and .xls. Needs python-calamine, from the extra `excel`."""

import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

from lstmctl.data.column_choice import choose_columns
from lstmctl.data.columns import ColumnNames, Example, bad_row
from lstmctl.data.opening import Chunk, open_bytes
from lstmctl.data.parsers import ExampleBuilder, check_length
from lstmctl.data.titles import HEADER_ROWS, find_header
from lstmctl.errors import BadData, BadRow, LstmctlError, MissingExtra, Signalled

MAX_BYTES = 1024**3  # unpacked; a sheet is read into memory
MAX_CELLS = 20_000_000
_PLACE = re.compile(rb"""\br\s*=\s*["']\$?([A-Za-z]{0,4})\$?(\d{1,12})""")
_READ_BYTES = 2**20


class Sheet(NamedTuple):
    """The rows of a sheet, without empty ones at its ends, and the names of other sheets that have rows."""

    name: str
    rows: list[list[Any]]
    first: int  # number of the first row
    others: tuple[str, ...]


def read_sheet(path: Path, source: str, columns: ColumnNames) -> Sheet:
    """The first sheet that has the columns, or else the first with rows; from its header on, below any title.

    Raises MissingExtra without python-calamine, BadData if the file is damaged.
    """
    try:
        import python_calamine
    except ModuleNotFoundError:
        raise MissingExtra("python-calamine", extra="excel") from None
    with open_bytes(path) as file:
        try:
            if zipfile.is_zipfile(file):
                _check_size(file, source)
            file.seek(0)
            book = python_calamine.CalamineWorkbook.from_filelike(file)
            sheets = [(name, book.get_sheet_by_name(name)) for name in book.sheet_names]
            filled = [(name, sheet) for name, sheet in sheets if sheet.height]
            heads = [(each, sheet.to_python(skip_empty_area=True, nrows=HEADER_ROWS)) for each, sheet in filled]
            chosen = _with_columns(heads, columns)
            rows = filled[chosen][1].to_python(skip_empty_area=True) if filled else []
        except (LstmctlError, MemoryError, KeyboardInterrupt, Signalled):
            raise
        except BaseException as error:  # of many kinds, some of them panics of Rust
            reason = str(error).split("\n", 1)[0][:200]
            hint = "was the file copied completely? Without a password?"
            raise BadData(f"{source} is not a spreadsheet, or damaged: {reason}", hint=hint) from error
    if not rows:
        raise BadData(f"{source}: the spreadsheet is empty", hint="is this the right file?")
    name, sheet = filled.pop(chosen)
    above = 0 if columns.layout.no_header else find_header(rows[:HEADER_ROWS], columns)
    first = (sheet.start or (0, 0))[0] + 1 + above
    return Sheet(name, rows[above:], first, tuple(other for other, _ in filled))


def _with_columns(heads: Sequence[tuple[str, list[list[Any]]]], columns: ColumnNames) -> int:
    """The place of the first sheet that has the columns; 0 if there is none."""
    for place, (_, rows) in enumerate(heads):
        if rows and not columns.layout.no_header:
            names = [str(value).strip() for value in rows[find_header(rows, columns)]]
            if choose_columns(columns, names) is not None:
                return place
    return 0


def _check_size(file: IO[bytes], source: str) -> None:
    """Raise BadData if an .xlsx file needs too much memory: a sheet has room for all cells up to its last one."""
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        if "xl/workbook.xml" not in archive.namelist():
            raise BadData(f"{source} is not a spreadsheet that can be read", hint="save it as .xlsx or CSV")
        if sum(member.file_size for member in members) > MAX_BYTES:
            raise BadData(f"{source} unpacks to more than {MAX_BYTES / 1024**3:g} GiB", hint="save the sheet as CSV")
        for member in members:
            if member.filename.startswith("xl/worksheets/") and not member.is_dir():
                with archive.open(member) as sheet:
                    rows, columns = _extent(sheet)
                if rows * columns > MAX_CELLS:
                    message = f"{source} has a sheet of {rows:,} rows and {columns:,} columns"
                    raise BadData(f"{message}; at most {MAX_CELLS:,} cells are read", hint="save the sheet as CSV")


def _extent(sheet: IO[bytes]) -> tuple[int, int]:
    """Rows and columns of a sheet, from the places of its cells."""
    rows = columns = 1
    rest = b""
    while part := sheet.read(_READ_BYTES):
        for letters, digits in set(_PLACE.findall(rest + part)):
            column = 0
            for letter in letters.upper():
                column = column * 26 + letter - 64
            rows, columns = max(rows, int(digits)), max(columns, column)
        rest = part[-40:]
    return rows, columns


def column_names(sheet: Sheet, *, no_header: bool) -> tuple[str, ...]:
    """The names in the first row, or numbers."""
    if no_header:
        return tuple(str(place) for place in range(1, len(sheet.rows[0]) + 1))
    return tuple(str(value).strip() for value in sheet.rows[0])


def read_excel(
    path: Path,
    source: str,
    columns: ColumnNames,
    *,
    items: Sheet | None,
    strict: bool,
    max_line_bytes: int,
    chunk: Chunk,
    skip_bad_row: Callable[[BadRow], None] | None,
) -> Iterator[Example]:
    """Rows of the sheet of `read_sheet`, with their numbers in the sheet. Empty rows are skipped."""
    sheet = items or read_sheet(path, source, columns)
    no_header = columns.layout.no_header
    names = column_names(sheet, no_header=no_header)
    builder = ExampleBuilder(source, columns)
    for number, row in enumerate(sheet.rows[not no_header :], start=sheet.first + (not no_header)):
        if all(value == "" for value in row):
            continue
        try:
            if len(row) != len(names):
                message = f"this row has {len(row)} cells, the header {len(names)}"
                raise bad_row(source, number, message, hint="fill or empty its last cells")
            example = builder.from_values(dict(zip(names, row, strict=True)), number)
            check_length(example, source, max_line_bytes)
        except BadRow as error:
            if skip_bad_row is None:
                raise
            skip_bad_row(error)
        else:
            yield example
