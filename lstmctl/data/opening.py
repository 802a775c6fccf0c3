"""Opening a data file: its bytes, unpacked if need be, or an error that says what to do instead.

Standard input that says before it waits, so that no answer waits for the next question.
"""

import errno
import gzip
import lzma
import os
import select
import shlex
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, NamedTuple, Protocol

from lstmctl.errors import LstmctlError, NotFound, UsageError, closest_names, from_os_error

PACKED = {".gz": "gzip", ".xz": "xz"}  # how a file is packed, by the end of its name
MAX_UNPACKED_BYTES = 16 * 1024**3
# Text seldom packs better than 20 to 1, a file made to fill the memory 1,000 to 1. Small files may do as they like.
MAX_RATIO = 200
MAX_UNPACKED_BYTES_AT_ANY_RATIO = 1024**3


class ByteLines(Protocol):
    """All that reading needs of a stream of bytes."""

    def readline(self, limit: int = ..., /) -> bytes:
        """The next line with its end, or the first `limit` bytes of it; empty at the end of the stream."""


class Chunk(NamedTuple):
    """A part of a file that can be read without the parts before it: see `lstmctl.data.pieces`."""

    number: int  # 0 for the first piece of a file
    start: int  # byte, or in Parquet row group
    stop: int | None  # that of the next piece; None: up to the end
    before: int  # lines, or in Parquet rows, before it
    columns: tuple[str, ...] | None  # of a table, where its header is before the piece
    bytes: int  # of the file


class _Until:
    """The lines of a file up to a byte."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self._left = file, size

    def readline(self, limit: int = -1) -> bytes:
        line = self._file.readline(self._left if limit < 0 else min(limit, self._left))
        self._left -= len(line)
        return line


@contextmanager
def open_lines(path: Path, piece: Chunk | None = None) -> Iterator[tuple[ByteLines, int | None]]:
    """A file, unpacked if its name ends in .gz or .xz, and how many bytes it may unpack to (None: any number). Or a
    piece of a file that is not packed.

    Raises:
        NotFound: there is no such file; the hint has the nearest names beside it.
        UsageError: it is a folder.
        PermissionDenied, StorageError: as the operating system says.
    """
    with open_bytes(path) as file:
        packing = PACKED.get(path.suffix.lower())
        if packing is None:
            if piece is not None:
                file.seek(piece.start)
            if piece is None or piece.stop is None:
                yield file, None
            else:
                yield _Until(file, piece.stop - piece.start), None
            return
        status = os.fstat(file.fileno())
        limit = MAX_UNPACKED_BYTES
        if stat.S_ISREG(status.st_mode):
            limit = min(limit, max(MAX_UNPACKED_BYTES_AT_ANY_RATIO, MAX_RATIO * status.st_size))
        with gzip.GzipFile(fileobj=file) if packing == "gzip" else lzma.LZMAFile(file) as unpacked:
            yield unpacked, limit


def open_bytes(path: Path) -> IO[bytes]:
    """The file as it is. Raises as `open_lines`."""
    try:
        return path.open("rb")
    except OSError as error:
        raise not_readable(error, path) from error


def check_file(path: Path) -> None:
    """Raise as `open_lines` does if there is no such file, without opening it."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise not_readable(error, path) from error
    if stat.S_ISDIR(mode):
        raise not_readable(IsADirectoryError(errno.EISDIR, ""), path)


def not_readable(error: OSError, path: Path) -> LstmctlError:
    """What to say of a file that cannot be opened."""
    shown = display(path)
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP):
        return NotFound(f"there is no file {shown}", hint=_near_names(path))
    if error.errno == errno.EISDIR:
        return UsageError(f"{shown} is a folder; a file is expected", hint=f"name a file in it: {shown}/…")
    return from_os_error(error, f"read {shown}")


def without_packing(path: Path) -> Path:
    """The name of what a packed file holds: `a.csv.gz` → `a.csv`."""
    return path.with_suffix("") if path.suffix.lower() in PACKED else path


def display(path: Path) -> str:
    """A path as short as it can be understood: relative to the working directory where it lies inside."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):  # it lies elsewhere, or the working directory is gone
        return str(path)


def _near_names(path: Path) -> str:
    """Which files beside a missing one have a similar name, or where to look."""
    try:
        with os.scandir(path.parent) as entries:
            names = [entry.name for entry in entries]
    except OSError:
        return f"there is no folder {display(path.parent)}"
    found = closest_names(path.name, names)
    if not found:
        return f"ls {shlex.quote(display(path.parent))} tells what is there"
    return f"did you mean {' or '.join(display(path.parent / name) for name in found)}?"


READ_BYTES = 1 << 16


class StdinLines:
    """Lines of a pipe, a file or a terminal. Reads whatever is there and never waits for more than it needs.

    `before_waiting` is called whenever nothing more is there for the moment.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._buffer = bytearray()
        self._start = 0  # of what was not yet handed out
        self._ended = False
        self.before_waiting: Callable[[], None] = lambda: None

    def readline(self, limit: int = -1) -> bytes:
        """The next line with its end, at most `limit` bytes of it; empty at the end of the stream."""
        while True:
            end = self._buffer.find(b"\n", self._start) + 1
            length = (end or len(self._buffer)) - self._start
            if end or self._ended or 0 <= limit <= length:
                taken = length if limit < 0 else min(length, limit)
                line = bytes(self._buffer[self._start : self._start + taken])
                self._start += taken
                return line
            self._read()

    def __iter__(self) -> "StdinLines":
        return self

    def __next__(self) -> bytes:
        if line := self.readline():
            return line
        raise StopIteration

    def _readable(self) -> bool:
        try:
            return bool(select.select([self._stream], [], [], 0)[0])
        except (OSError, ValueError):  # not something that can be waited for, such as bytes in memory
            return True

    def _read(self) -> None:
        if not self._readable():
            self.before_waiting()
        del self._buffer[: self._start]
        self._start = 0
        read = getattr(self._stream, "read1", self._stream.read)
        chunk = read(READ_BYTES)
        self._buffer += chunk
        self._ended = not chunk
