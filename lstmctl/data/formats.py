"""The table of file formats, `FORMATS`, and the one reader of all of them, `read_rows`.

A new format is one entry of the table and its parser; everything that depends on the format of a file asks the table.
How one file of a format is written is decided by `open_rows`, which says so in its `Reading`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

from lstmctl.config import MAX_LINE_BYTES
from lstmctl.data.columns import ColumnNames, Example
from lstmctl.data.encodings import as_utf8
from lstmctl.data.excel import read_excel
from lstmctl.data.json_files import MAX_JSON_BYTES, find_objects, read_json, read_whole
from lstmctl.data.lines import Lines
from lstmctl.data.opening import (
    WHOLE_FILE,
    ByteLines,
    Chunk,
    check_file,
    display,
    open_lines,
    read_head,
    without_packing,
)
from lstmctl.data.packing import PACKED, member_name
from lstmctl.data.parquet import read_parquet
from lstmctl.data.parsers import read_fasttext, read_jsonl, read_lines, read_table
from lstmctl.data.reading import Reading, find_reading, json_columns, usual_reading
from lstmctl.data.strangers import suffix_hint
from lstmctl.errors import BadData, BadRow, LstmctlError, UsageError


class Format(NamedTuple):
    """How files of a format are recognised and read."""

    suffixes: tuple[str, ...]
    parser: Callable[..., Iterator[Example]]  # of `Lines` and `ColumnNames`; if `binary`, see `read_parquet`
    has_labels: bool = True
    has_columns: bool = True  # named columns, among them text, label and group
    separator: str | None = None  # of the columns in a table, unless its content says otherwise
    chunk_end: Literal["line", "record", "row group", "file"] = "line"  # where a chunk of a file may end
    binary: bool = False  # whether it is read from files only, never packed, instead of from lines of text


FORMATS = {  # a suffix of two formats stands for the first, or for the first with labels where labels are read
    "lines": Format((".txt",), read_lines, has_labels=False, has_columns=False),
    "csv": Format((".csv",), read_table, separator=",", chunk_end="record"),
    "tsv": Format((".tsv", ".tab"), read_table, separator="\t"),
    "jsonl": Format((".jsonl", ".ndjson", ".json"), read_jsonl),
    "json": Format((), read_json, chunk_end="file"),  # a file of a suffix of JSON Lines that is one JSON value
    "fasttext": Format((".ft", ".fasttext", ".txt"), read_fasttext, has_columns=False),
    "parquet": Format((".parquet", ".pq"), read_parquet, chunk_end="row group", binary=True),
    "excel": Format((".xlsx", ".xls"), read_excel, chunk_end="file", binary=True),
}
_HEAD_BYTES, _FIRST_LINES = 2**16, 20  # of a file whose name says nothing
_SUFFIXES = dict.fromkeys(suffix for entry in FORMATS.values() for suffix in entry.suffixes)
SUFFIX_HINT = f"known suffixes: {' '.join(_SUFFIXES)}; text formats also with {' '.join(PACKED)}"


def formats_of_name(path: Path) -> list[str]:
    """The formats that the file's name can stand for, with or without .gz or the like; of a .zip file whose own name
    says nothing, those of the file in it.

    >>> formats_of_name(Path("reviews.txt.gz"))
    ['lines', 'fasttext']
    """
    suffix = without_packing(path).suffix.lower()
    if suffix not in _SUFFIXES and path.suffix.lower() == ".zip":
        suffix = Path(member_name(path)).suffix.lower()
    return [name for name, entry in FORMATS.items() if suffix in entry.suffixes]


def is_data_name(name: str) -> bool:
    """Whether this is the name of a data file, packed or not."""
    return bool(formats_of_name(Path(name))) or Path(name).suffix.lower() in PACKED


def find_format(path: Path, *, labelled: bool) -> str:
    """The format that the file's name stands for. Without labels, `.txt` is plain lines. With labels, a `.txt` file and
    one whose suffix says nothing are what their first lines are: fastText, JSON, or a table.

    Raises UsageError if that is unknown too.
    """
    names = [name for name in formats_of_name(path) if FORMATS[name].has_labels or not labelled]
    if labelled and names in ([], ["fasttext"]) and not suffix_hint(path):
        names = [name] if (name := _format_of_content(path)) else names
    if names:
        return names[0]
    if path.suffix.lower() == ".zip" and path.is_file():
        with open_lines(path):  # raises the error of an archive with several files, or none
            pass
    raise UsageError(f"unknown file format: {display(path)}", hint=suffix_hint(Path(display(path))) or SUFFIX_HINT)


def _format_of_content(path: Path) -> str | None:
    """The format of a file with labels by its first lines; None if they do not tell."""
    if without_packing(path).suffix.lower() in (".ft", ".fasttext"):
        return "fasttext"
    try:
        head = read_head(path, _HEAD_BYTES)[0]
    except (LstmctlError, OSError):
        return None  # reading it says why
    return format_of_head(head)


def format_of_head(head: bytes) -> str | None:
    """The format of labelled text that starts so, or None: fastText, JSON, or a table whose first lines all have the
    same number of some delimiter.

    >>> [format_of_head(head) for head in (b'{"text": "a"}', b"text\\tlabel\\na\\tb\\n", b"__label__a b", b"a text")]
    ['jsonl', 'tsv', 'fasttext', None]
    """
    lines = head.decode("utf-8-sig", "replace").splitlines()[:_FIRST_LINES] if b"\0" not in head else []
    lines = [line for line in lines if line.strip()]
    if not lines or lines[0].startswith("__label__"):
        return "fasttext" if lines else None
    if lines[0].lstrip().startswith(("{", "[")):
        return "jsonl"
    for delimiter, name in (("\t", "tsv"), (";", "csv"), ("|", "csv"), (",", "csv")):
        if len(lines) > 1 and len({line.count(delimiter) for line in lines}) == 1 and delimiter in lines[0]:
            return name
    return None


class OpenedRows(NamedTuple):
    """The rows of a source, readable once, and how it is read."""

    rows: Iterator[Example]
    reading: Reading


def read_rows(source: Path | ByteLines, columns: ColumnNames = ColumnNames(), **options: Any) -> Iterator[Example]:  # noqa: B008  # immutable
    """The rows of `open_rows`, with the same options."""
    return open_rows(source, columns, **options).rows


def open_rows(
    source: Path | ByteLines,
    columns: ColumnNames = ColumnNames(),  # noqa: B008  # immutable
    *,
    name: str | None = None,
    format: str | None = None,
    encoding_errors: str = "strict",
    max_line_bytes: int = MAX_LINE_BYTES,
    chunk: Chunk = WHOLE_FILE,
    reading: Reading | None = None,
    skip_bad_row: Callable[[BadRow], None] | None = None,
) -> OpenedRows:
    """The rows of a file, or of a stream of bytes, in one pass and constant memory.

    A row is yielded as soon as its last line is read. The default of `format` is that of the file's name; of a stream,
    lines of text. A line, and a row of several lines, has at most `max_line_bytes`. `encoding_errors="replace"` reads
    bytes that are not in the encoding as U+FFFD instead of raising. `name` is what errors call the source. `reading`
    is how the file is read, if that has been decided before. `skip_bad_row` is called with the error of each row that
    cannot be used, and reading continues; without it, the error is raised.

    Raises:
        NotFound: there is no such file. UsageError: its format is unknown, or has no labels.
        BadData: names line or row. Also for labelled data without rows, and as `find_reading`.
        MissingExtra: Parquet without pyarrow. PermissionDenied, StorageError: from the operating system.
    """
    labelled, strict = columns.label is not None, encoding_errors == "strict"
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
    if entry.binary and not isinstance(source, Path):
        raise UsageError(f"{format.capitalize()} cannot be read from {name}", hint="write it to a file first")
    if reading is None:
        reading = decide_reading(source, columns, format=format, strict=strict, name=name)
    options: Any = {
        "strict": strict,
        "max_line_bytes": max_line_bytes,
        "chunk": chunk,
        "skip_bad_row": skip_bad_row and skip,
    }
    if not entry.binary:
        rows = _read_text(source, name, reading, **options)
    else:
        rows = entry.parser(source, name, reading.columns, items=reading.items, **options)
    return OpenedRows(_require_rows(rows, name, lambda: skipped) if labelled else rows, reading)


def decide_reading(
    source: Path | ByteLines, columns: ColumnNames, *, format: str, strict: bool = True, name: str | None = None
) -> Reading:
    """How a file, or a stream, is read. Raises as `find_reading`."""
    separator = FORMATS[format].separator
    if not isinstance(source, Path):
        return usual_reading(format, columns, separator)
    if format == "json":
        reading = find_reading(source, columns, format="jsonl", strict=strict, name=name)._replace(format="json")
    else:
        reading = find_reading(source, columns, format=format, separator=separator, strict=strict, name=name)
    if reading.format != "json":
        return reading
    name = name or display(source)
    with _open_text(source, name, reading, strict=strict, max_line_bytes=MAX_LINE_BYTES) as lines:
        return json_columns(reading, find_objects(read_whole(lines), name, columns), name)


@contextmanager
def _open_text(
    source: Path | ByteLines,
    name: str,
    reading: Reading,
    *,
    strict: bool,
    max_line_bytes: int,
    chunk: Chunk = WHOLE_FILE,
) -> Iterator[Lines]:
    with open_lines(source, chunk) as (stream, max_bytes):
        decoded = stream if reading.has_lines else as_utf8(stream, reading.encoding, strict=strict)
        lines = Lines(
            decoded,
            name,
            encoding=reading.encoding if reading.has_lines else "utf-8",
            suspected=reading.suspected,
            strict=strict,
            labelled=reading.columns.label is not None,
            max_line_bytes=max(max_line_bytes, MAX_JSON_BYTES) if reading.format == "json" else max_line_bytes,
            max_bytes=max_bytes,
        )
        lines.number, lines.header, lines.above = chunk.before, chunk.header or reading.names, reading.above
        yield lines


def _read_text(
    source: Path | ByteLines,
    name: str,
    reading: Reading,
    *,
    strict: bool,
    max_line_bytes: int,
    chunk: Chunk,
    skip_bad_row: Callable[[BadRow], None] | None,
) -> Iterator[Example]:
    entry = FORMATS[reading.format]
    parser = entry.parser
    if entry.separator is not None:
        parser = partial(parser, separator=reading.delimiter, quoted=reading.quoted)
    elif reading.format == "json":
        parser = partial(parser, objects=reading.items, max_row_bytes=max_line_bytes)
    limits = {"strict": strict, "max_line_bytes": max_line_bytes}
    with _open_text(source, name, reading, chunk=chunk, **limits) as lines:  # type: ignore[arg-type]
        while True:
            try:
                yield from parser(lines, reading.columns)
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
