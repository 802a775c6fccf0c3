"""Parser of spreadsheets: .xlsx, .xls, .xlsb and .ods. Needs python-calamine, from the extra `excel`."""

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from lstmctl.data.columns import ColumnNames, Example, bad_row
from lstmctl.data.opening import Chunk, open_bytes
from lstmctl.data.parsers import ExampleBuilder, check_length
from lstmctl.errors import BadData, BadRow, MissingExtra

MAX_BYTES = 1024**3  # unpacked; a sheet is read into memory


class Sheet(NamedTuple):
    """The rows of a sheet, without empty ones at its ends, and the names of other sheets that have rows."""

    name: str
    rows: list[list[Any]]
    first: int  # number of the first row
    others: tuple[str, ...]


def read_sheet(path: Path, source: str) -> Sheet:
    """The first sheet with rows. Raises MissingExtra without python-calamine, BadData if the file is damaged."""
    try:
        import python_calamine
    except ModuleNotFoundError:
        raise MissingExtra("python-calamine", extra="excel") from None
    with open_bytes(path) as file:
        try:
            if zipfile.is_zipfile(file):
                with zipfile.ZipFile(file) as archive:
                    size = sum(member.file_size for member in archive.infolist())
                if size > MAX_BYTES:
                    message = f"{source} unpacks to more than {MAX_BYTES / 1024**3:g} GiB"
                    raise BadData(message, hint="save the sheet as CSV")
            file.seek(0)
            book = python_calamine.CalamineWorkbook.from_filelike(file)
            sheets = [(name, book.get_sheet_by_name(name)) for name in book.sheet_names]
            filled = [(name, sheet) for name, sheet in sheets if sheet.height]
            if not filled:
                raise BadData(f"{source}: the spreadsheet is empty", hint="is this the right file?")
            name, sheet = filled[0]
            rows = sheet.to_python(skip_empty_area=True)
            return Sheet(name, rows, (sheet.start or (0, 0))[0] + 1, tuple(other for other, _ in filled[1:]))
        except BadData:
            raise
        except Exception as error:  # of many kinds, by a parser of untrusted files
            reason = str(error).split("\n", 1)[0][:200]
            hint = "was the file copied completely? Without a password?"
            raise BadData(f"{source} is not a spreadsheet, or damaged: {reason}", hint=hint) from error


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
    """Rows of the first sheet that has any, with their numbers in the sheet. Empty rows are skipped."""
    sheet = items or read_sheet(path, source)
    no_header = columns.layout.no_header
    names = column_names(sheet, no_header=no_header)
    builder = ExampleBuilder(source, columns)
    for number, row in enumerate(sheet.rows[not no_header :], start=sheet.first + (not no_header)):
        if all(value == "" for value in row):
            continue
        try:
            if len(row) != len(names):
                raise bad_row(source, number, f"this row has {len(row)} cells, the header {len(names)}")
            example = builder.from_values(dict(zip(names, row, strict=True)), number)
            check_length(example, source, max_line_bytes)
        except BadRow as error:
            if skip_bad_row is None:
                raise
            skip_bad_row(error)
        else:
            yield example
