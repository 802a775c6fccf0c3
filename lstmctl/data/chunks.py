"""Files cut into pieces that can be read side by side, each with the numbers that its rows have in the whole file.

A piece ends with the first row that ends behind `size` bytes, in Parquet with a row group. To find where rows end, and
how many lines come before, the file is read once, ahead of whoever reads the pieces: line feeds are counted at the
speed of the disk; CSV, in which a field may have line breaks, is parsed. A packed file is one piece. So is what is left
of a CSV file behind a row that cannot be parsed: whoever reads that piece says what is wrong with it.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from lstmctl.data.columns import ColumnNames
from lstmctl.data.lines import MAX_LINE_BYTES, Lines
from lstmctl.data.opening import PACKED, Chunk, check_file, display, open_bytes
from lstmctl.data.tables import record_ends
from lstmctl.errors import BadRow

CHUNK_BYTES = 2**23  # about 6,000 film reviews: a second or two of work
_READ_BYTES = 2**20

_WHOLE = Chunk(0, 0, None, 0, None, 0)


def split_file(path: Path, *, format: str, text_column: str, size: int = CHUNK_BYTES) -> Iterator[Chunk]:  # noqa: A002
    """The pieces of a file, found one by one.

    Raises:
        NotFound, UsageError, PermissionDenied, StorageError: it cannot be read. MissingExtra: Parquet without pyarrow.
        BadData: it is not Parquet, or a table whose header cannot be used.
    """
    check_file(path)
    if format == "parquet":
        return _row_groups(path, size)
    status = path.stat()
    if path.suffix.lower() in PACKED or not stat.S_ISREG(status.st_mode):
        return iter((_WHOLE._replace(bytes=status.st_size),))
    return _stretches(path, format, ColumnNames(text_column, None, None, keep=False), size)


def _stretches(path: Path, kind: str, wanted: ColumnNames, size: int) -> Iterator[Chunk]:
    with open_bytes(path) as file:
        whole, counted = os.fstat(file.fileno()).st_size, _Counted(file)
        lines, ends = Lines(counted, display(path), max_line_bytes=MAX_LINE_BYTES), None
        if kind in ("csv", "tsv"):
            ends = record_ends(lines, wanted, separator="," if kind == "csv" else "\t")
            next(ends)  # of the header
        piece = _WHOLE._replace(start=counted.offset, before=lines.number, columns=lines.columns)
        while True:
            if kind == "csv" and ends is not None:
                stop = _after_records(ends, counted, piece.start + size)
            else:
                stop = _after_lines(counted, lines, piece.start + size)
            if stop is None:
                yield piece._replace(bytes=whole - piece.start)
                return
            yield piece._replace(stop=stop, bytes=stop - piece.start)
            piece = piece._replace(number=piece.number + 1, start=stop, before=lines.number)


def _after_records(ends: Iterator[None], counted: "_Counted", least: int) -> int | None:
    """The byte behind the first record that ends there or later; None at the end, and where nothing more is sure."""
    try:
        for _ in ends:
            if counted.offset >= least:
                return counted.offset if counted.more() else None
    except BadRow:
        return None
    return None


def _after_lines(counted: "_Counted", lines: Lines, least: int) -> int | None:
    """The same for lines, whatever is in them."""
    while counted.offset < least:
        chunk = counted.read(min(_READ_BYTES, least - counted.offset))
        if not chunk:
            return None
        lines.number += chunk.count(b"\n")
        ended = chunk.endswith(b"\n")
    while not ended:
        rest = counted.readline(_READ_BYTES)
        if not rest:
            return None
        ended = rest.endswith(b"\n")
        lines.number += ended
    return counted.offset if counted.more() else None


class _Counted:
    """A file that knows how much of it was read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.offset = 0

    def readline(self, limit: int = -1) -> bytes:
        line = self._file.readline(limit)
        self.offset += len(line)
        return line

    def read(self, size: int) -> bytes:
        chunk = self._file.read(size)
        self.offset += len(chunk)
        return chunk

    def more(self) -> bool:
        """Whether the file goes on."""
        more = bool(self._file.read(1))
        self._file.seek(self.offset)
        return more


def _row_groups(path: Path, size: int) -> Iterator[Chunk]:
    from lstmctl.data.parquet import open_parquet

    with open_bytes(path) as file:
        about = open_parquet(file, display(path)).metadata
        piece, rows, unpacked = _WHOLE, 0, 0
        for group in range(about.num_row_groups):
            if unpacked >= size:
                yield piece._replace(stop=group)
                piece, unpacked = Chunk(piece.number + 1, group, None, rows, None, 0), 0
            group_about = about.row_group(group)
            rows += group_about.num_rows
            unpacked += group_about.total_byte_size
            columns = range(group_about.num_columns)
            packed = sum(group_about.column(column).total_compressed_size for column in columns)
            piece = piece._replace(bytes=piece.bytes + packed)
        yield piece
