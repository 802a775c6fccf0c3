"""Files split into chunks that can be read in parallel, each row with the number it has in the whole file.

A chunk ends with the first row that ends after `size` bytes; in Parquet, with a row group. To find where rows end and
how many lines come before them, the file is read once, ahead of the processes that read the chunks: line feeds are
counted at the speed of the disk; CSV, whose fields may contain line breaks, is parsed. A packed file is one chunk. So
is the remainder of a CSV file from a row that cannot be parsed: the error is raised when that chunk is read.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from io import BufferedReader
from pathlib import Path

from lstmctl.data.formats import FORMATS
from lstmctl.data.lines import Lines
from lstmctl.data.opening import Chunk, check_file, display, open_bytes
from lstmctl.data.packing import PACKED
from lstmctl.data.parsers import record_ends
from lstmctl.data.reading import Reading
from lstmctl.errors import BadRow

CHUNK_BYTES = 2**23  # about 6,000 film reviews: a second or two of work
_READ_BYTES = 2**20


def split_file(path: Path, reading: Reading, *, size: int = CHUNK_BYTES) -> Iterator[Chunk]:
    """The chunks of a file, each as soon as it is found. `reading` is how the file is read.

    Raises:
        NotFound, UsageError, PermissionDenied, StorageError: it cannot be read. MissingExtra: Parquet without pyarrow.
        BadData: it is not Parquet, or a table whose header cannot be used.
    """
    check_file(path)
    entry = FORMATS[reading.format]
    if entry.chunk_end == "row group":
        return _split_row_groups(path, size)
    status = path.stat()
    one = entry.chunk_end == "file" or path.suffix.lower() in PACKED or not reading.has_lines
    if one or not stat.S_ISREG(status.st_mode):
        return iter((Chunk(bytes=status.st_size),))
    return _split_text(path, reading, size)


def _split_text(path: Path, reading: Reading, size: int) -> Iterator[Chunk]:
    is_table = FORMATS[reading.format].separator is not None
    with open_bytes(path) as file:
        file_size = os.fstat(file.fileno()).st_size
        name, ends = display(path), None
        lines = Lines(file, name, encoding=reading.encoding, header=reading.names, above=reading.above)
        if is_table:
            ends = record_ends(lines, reading.columns, separator=reading.delimiter, quoted=reading.quoted)
            next(ends)  # of the header
        chunk = Chunk(start=file.tell(), before=lines.number, header=lines.header)
        while True:
            if ends is not None and reading.quoted:
                stop = _find_record_end(ends, file, chunk.start + size)
            else:
                stop = _find_line_end(file, lines, chunk.start + size)
            if stop is None:
                yield chunk._replace(bytes=file_size - chunk.start)
                return
            yield chunk._replace(stop=stop, bytes=stop - chunk.start)
            chunk = chunk._replace(number=chunk.number + 1, start=stop, before=lines.number)


def _find_record_end(ends: Iterator[None], file: BufferedReader, least: int) -> int | None:
    """The first end of a record at byte `least` or later; None at the end of the file or if a record is malformed."""
    with suppress(BadRow):
        for _ in ends:
            if file.tell() >= least:
                return file.tell() if file.peek(1) else None
    return None


def _find_line_end(file: BufferedReader, lines: Lines, least: int) -> int | None:
    """The first end of a line at byte `least` or later; None at the end of the file."""
    while file.tell() < least:
        data = file.read(min(_READ_BYTES, least - file.tell()))
        if not data:
            return None
        lines.number += data.count(b"\n")
        ended = data.endswith(b"\n")
    while not ended:
        data = file.readline(_READ_BYTES)
        if not data:
            return None
        ended = data.endswith(b"\n")
        lines.number += ended
    return file.tell() if file.peek(1) else None


def _split_row_groups(path: Path, size: int) -> Iterator[Chunk]:
    from lstmctl.data.parquet import open_parquet

    with open_bytes(path) as file:
        metadata = open_parquet(file, display(path)).metadata
        chunk, rows, unpacked = Chunk(), 0, 0
        for number in range(metadata.num_row_groups):
            if unpacked >= size:
                yield chunk._replace(stop=number)
                chunk, unpacked = Chunk(chunk.number + 1, start=number, before=rows), 0
            group = metadata.row_group(number)
            rows += group.num_rows
            unpacked += group.total_byte_size
            packed = sum(group.column(column).total_compressed_size for column in range(group.num_columns))
            chunk = chunk._replace(bytes=chunk.bytes + packed)
        yield chunk
