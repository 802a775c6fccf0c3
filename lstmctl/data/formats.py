"""The table of file formats, `FORMATS`, and the one reader of all of them, `read_rows`.

A new format is one entry of the table and its parser; everything that depends on the format of a file asks the table.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

from lstmctl.config import MAX_LINE_BYTES
from lstmctl.data.columns import ColumnNames, Example
from lstmctl.data.lines import Lines
from lstmctl.data.opening import PACKED, WHOLE_FILE, ByteLines, Chunk, check_file, display, open_lines, without_packing
from lstmctl.data.parquet import read_parquet
from lstmctl.data.parsers import read_fasttext, read_jsonl, read_lines, read_table
from lstmctl.errors import BadData, BadRow, UsageError


class Format(NamedTuple):
    """How files of a format are recognised and read."""

    suffixes: tuple[str, ...]
    parser: Callable[..., Iterator[Example]]  # of `Lines` and `ColumnNames`; if `binary`, see `read_parquet`
    has_labels: bool = True
    has_columns: bool = True  # named columns, among them text, label and group
    separator: str | None = None  # of the columns in a table with a header line
    chunk_end: Literal["line", "record", "row group"] = "line"  # where a chunk of a file may end

    @property
    def binary(self) -> bool:
        """Whether it is read from files only, never packed, instead of from lines of text."""
        return self.chunk_end == "row group"


FORMATS = {  # a suffix of two formats stands for the first, or for the first with labels where labels are read
    "lines": Format((".txt",), read_lines, has_labels=False, has_columns=False),
    "csv": Format((".csv",), partial(read_table, separator=","), separator=",", chunk_end="record"),
    "tsv": Format((".tsv", ".tab"), partial(read_table, separator="\t"), separator="\t"),
    "jsonl": Format((".jsonl", ".ndjson", ".json"), read_jsonl),
    "fasttext": Format((".ft", ".fasttext", ".txt"), read_fasttext, has_columns=False),
    "parquet": Format((".parquet",), read_parquet, chunk_end="row group"),
}
_SUFFIXES = dict.fromkeys(suffix for entry in FORMATS.values() for suffix in entry.suffixes)
SUFFIX_HINT = f"known suffixes: {' '.join(_SUFFIXES)}; text formats also with {' or '.join(PACKED)}"


def formats_of_name(path: Path) -> list[str]:
    """The formats that the file's name can stand for, with or without .gz or .xz.

    >>> formats_of_name(Path("reviews.txt.gz"))
    ['lines', 'fasttext']
    """
    suffix = without_packing(path).suffix.lower()
    return [name for name, entry in FORMATS.items() if suffix in entry.suffixes]


def is_data_name(name: str) -> bool:
    """Whether this is the name of a data file, packed or not."""
    return bool(formats_of_name(Path(name))) or Path(name).suffix.lower() in PACKED


def find_format(path: Path, *, labelled: bool) -> str:
    """The format that the file's name stands for, or UsageError. `.txt` is fastText if `labelled`, else plain lines."""
    for name in formats_of_name(path):
        if FORMATS[name].has_labels or not labelled:
            return name
    raise UsageError(f"unknown file format: {display(path)}", hint=SUFFIX_HINT)


def read_rows(
    source: Path | ByteLines,
    columns: ColumnNames = ColumnNames(),  # noqa: B008  # immutable
    *,
    name: str | None = None,
    format: str | None = None,
    encoding_errors: str = "strict",
    max_line_bytes: int = MAX_LINE_BYTES,
    chunk: Chunk = WHOLE_FILE,
    skip_bad_row: Callable[[BadRow], None] | None = None,
) -> Iterator[Example]:
    """The rows of a file, or of a stream of bytes, in one pass and constant memory.

    A row is yielded as soon as its last line is read. The default of `format` is that of the file's name; of a stream,
    lines of text. A line, and a row of several lines, has at most `max_line_bytes`. `encoding_errors="replace"` reads
    bytes that are not UTF-8 as U+FFFD instead of raising. `name` is what errors call the source. `skip_bad_row` is
    called with the error of each row that cannot be used, and reading continues; without it, the error is raised.

    Raises:
        NotFound: there is no such file. UsageError: its format is unknown, or has no labels.
        BadData: names line or row. Also for labelled data without rows.
        MissingExtra: Parquet without pyarrow. PermissionDenied, StorageError: from the operating system.
    """
    labelled = columns.label is not None
    if isinstance(source, Path):
        check_file(source)
        name = name or display(source)
        format = format or find_format(source, labelled=labelled)
    else:
        name = name or "standard input"
        format = format or ("fasttext" if labelled else "lines")
    entry = FORMATS[format]
    skipped = False

    def skip(error: BadRow) -> None:
        nonlocal skipped
        skipped = True
        if skip_bad_row is not None:
            skip_bad_row(error)

    if labelled and not entry.has_labels:
        raise UsageError(f"{name}: plain lines have no labels", hint="a labelled line reads: __label__pos text")
    strict = encoding_errors == "strict"
    options: Any = {
        "strict": strict,
        "max_line_bytes": max_line_bytes,
        "chunk": chunk,
        "skip_bad_row": skip_bad_row and skip,
    }
    if not entry.binary:
        rows = _read_text(source, name, columns, entry=entry, **options)
    elif isinstance(source, Path):
        rows = entry.parser(source, name, columns, **options)
    else:
        raise UsageError(f"{format.capitalize()} cannot be read from {name}", hint="write it to a file first")
    return _require_rows(rows, name, lambda: skipped) if labelled else rows


def _read_text(
    source: Path | ByteLines,
    name: str,
    columns: ColumnNames,
    *,
    entry: Format,
    chunk: Chunk,
    skip_bad_row: Callable[[BadRow], None] | None,
    **limits: Any,  # fields of `Lines`
) -> Iterator[Example]:
    with open_lines(source, chunk) as (stream, max_bytes):
        lines = Lines(stream, name, labelled=columns.label is not None, max_bytes=max_bytes, **limits)
        lines.number, lines.header = chunk.before, chunk.header
        while True:
            try:
                yield from entry.parser(lines, columns)
            except BadRow as error:
                if entry.separator and lines.header is None:  # without header, no rows
                    raise BadData(error.message, hint=error.hint) from error
                if skip_bad_row is None:
                    raise
                skip_bad_row(error)
            else:
                return


def _require_rows(rows: Iterator[Example], name: str, skipped: Callable[[], bool]) -> Iterator[Example]:
    first = next(rows, None)
    if first is None:
        if skipped():  # the caller knows how many, and may read more files
            return
        raise BadData(f"{name} has no rows", hint="is this the right file?")
    yield first
    yield from rows
