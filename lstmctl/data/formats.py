"""The one reader of tables and lines, for training, measuring and predicting alike: `read_rows`."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from lstmctl.data.columns import ColumnNames, Row, clean_label
from lstmctl.data.lines import MAX_LINE_BYTES, Lines, bad_row
from lstmctl.data.opening import ByteLines, Chunk, check_file, display, open_lines, without_packing
from lstmctl.data.records import read_fasttext, read_jsonl, read_lines
from lstmctl.data.tables import read_csv, read_tsv
from lstmctl.errors import BadData, BadRow, UsageError

__all__ = ["FORMATS", "SUFFIXES", "Row", "format_of", "read_rows"]

_PARSERS: dict[str, Callable[[Lines, ColumnNames], Iterator[Row]]] = {
    "lines": read_lines,
    "csv": read_csv,
    "tsv": read_tsv,
    "jsonl": read_jsonl,
    "fasttext": read_fasttext,
}
FORMATS = (*_PARSERS, "parquet")
SUFFIXES = {  # .txt is not among them: what it holds depends on what is wanted
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".ft": "fasttext",
    ".fasttext": "fasttext",
    ".parquet": "parquet",
}


def format_of(path: Path, *, labelled: bool) -> str:
    """The format that a file's name tells, without .gz or .xz. `.txt` is fastText lines, or plain ones unlabelled.

    Raises:
        UsageError: the name tells none.
    """
    suffix = without_packing(path).suffix.lower()
    if suffix == ".txt":
        return "fasttext" if labelled else "lines"
    if suffix not in SUFFIXES:
        known = " ".join((*SUFFIXES, ".txt"))
        hint = f"names that are understood end in {known}, all also with .gz or .xz"
        raise UsageError(f"the name of {display(path)} does not tell its format", hint=hint)
    return SUFFIXES[suffix]


def read_rows(
    source: Path | ByteLines,
    *,
    name: str | None = None,
    format: str | None = None,
    text_column: str = "text",
    label_column: str | None = "label",
    group_column: str | None = None,
    keep_columns: bool = True,
    encoding_errors: str = "strict",
    max_line_bytes: int = MAX_LINE_BYTES,
    piece: Chunk | None = None,
    set_aside: Callable[[BadRow], None] | None = None,
) -> Iterator[Row]:
    """The rows of a file, or of a stream of bytes, in one pass and constant memory.

    A row is given out as soon as its last line is there. `label_column=None` reads texts without labels. `name` is what
    errors call a stream. `encoding_errors="replace"` reads as U+FFFD what is not UTF-8, instead of raising. A line, and
    a row of several lines, may have `max_line_bytes` bytes. Of a file, `piece` reads a part alone. A row that cannot be
    used is given to `set_aside`, and reading goes on behind it; without that, it is raised.

    Raises:
        NotFound: there is no such file. UsageError: its format is not known, or does not go with what is wanted.
        BadData: naming line or row; what was expected, what was found. Also for labelled data without rows.
        MissingExtra: Parquet without pyarrow. PermissionDenied, StorageError: as the operating system says.
    """
    labelled = label_column is not None
    wanted = ColumnNames(text_column, label_column, group_column, keep_columns)
    strict = encoding_errors == "strict"
    if isinstance(source, Path):
        check_file(source)
        shown_name = name or display(source)
        kind = format or format_of(source, labelled=labelled)
    else:
        shown_name = name or "standard input"
        kind = format or ("fasttext" if labelled else "lines")
    if kind == "lines" and labelled:
        raise UsageError(f"{shown_name}: plain lines have no labels", hint="a labelled line reads: __label__pos text")
    if kind == "parquet":
        if not isinstance(source, Path):
            raise UsageError(f"Parquet cannot be read from {shown_name}", hint="write it to a file first")
        from lstmctl.data.parquet import read_parquet

        rows = read_parquet(
            source,
            shown_name,
            wanted,
            strict=strict,
            max_text_bytes=max_line_bytes,
            piece=piece,
            set_aside=set_aside,
        )
    else:
        lines = partial(Lines, source=shown_name, strict=strict, labelled=labelled, max_line_bytes=max_line_bytes)
        rows = _parsed(source, lines, kind, wanted, piece=piece, set_aside=set_aside)
    return _labelled(rows, shown_name) if labelled else rows


def _parsed(
    source: Path | ByteLines,
    lines_of: Callable[..., Lines],
    kind: str,
    wanted: ColumnNames,
    *,
    piece: Chunk | None,
    set_aside: Callable[[BadRow], None] | None,
) -> Iterator[Row]:
    if not isinstance(source, Path):
        yield from _going_on(lines_of(source), kind, wanted, set_aside)
        return
    known = {} if piece is None else {"before": piece.before, "columns": piece.columns}
    with open_lines(source, piece) as (stream, max_bytes):
        yield from _going_on(lines_of(stream, max_bytes=max_bytes, **known), kind, wanted, set_aside)


def _going_on(
    lines: Lines, kind: str, wanted: ColumnNames, set_aside: Callable[[BadRow], None] | None
) -> Iterator[Row]:
    """The rows, those behind a bad one too where bad ones are set aside."""
    while True:
        try:
            yield from _PARSERS[kind](lines, wanted)
        except BadRow as error:
            if set_aside is None or (kind in ("csv", "tsv") and lines.columns is None):  # without header, no rows
                raise
            set_aside(error)
        else:
            return


def _labelled(rows: Iterator[Row], name: str) -> Iterator[Row]:
    """The same rows with clean labels."""
    clean: dict[str, str] = {}
    row = None
    for row in rows:
        raw = row.label or ""
        label = clean.get(raw)
        if label is None:
            try:
                label = clean[raw] = clean_label(raw)
            except ValueError as error:
                raise bad_row(name, row.number, str(error), hint=_label_hint(raw)) from error
        yield Row(row.number, row.text, label, row.group, row.columns)
    if row is None:
        raise BadData(f"{name} has no rows", hint="is this the right file?")


def _label_hint(raw: str) -> str:
    if raw.strip():
        return "is it the right column? --label-column names another"
    return "give the row a label, or remove it"
