"""Opening data: the bytes of a file, decompressed if it is packed, and the lines of standard input.

The error for a file that cannot be opened names the file and says what to do instead.
"""

import errno
import os
import re
import select
import shlex
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from typing import IO, BinaryIO, NamedTuple, Protocol

from lstmctl.data.packing import PACKED, unpack, unpack_errors
from lstmctl.errors import LstmctlError, NotFound, UsageError, closest_names, from_os_error

MAX_UNPACKED_BYTES = 16 * 1024**3
# Text seldom packs better than 20 to 1; a file made to exhaust memory, 1,000 to 1. Small files may have any ratio.
MAX_RATIO = 200
MAX_UNPACKED_BYTES_AT_ANY_RATIO = 1024**3
_READ_BYTES = 1 << 16
_URL = re.compile(r"(?:^|.*/)((?:https?|ftp|s3|gs|hf|hdfs|file):)/+(.*)", re.DOTALL)


class ByteLines(Protocol):
    """What reading needs of a stream of bytes."""

    def readline(self, limit: int = ..., /) -> bytes:
        """The next line with its end, or its first `limit` bytes; empty at the end of the stream."""


class Chunk(NamedTuple):
    """A part of a file that can be read without the parts before it, see `lstmctl.data.chunks`."""

    number: int = 0  # 0 for the first chunk of a file
    start: int = 0  # byte; in Parquet row group
    stop: int | None = None  # start of the next chunk; None: end of the file
    before: int = 0  # lines before it; in Parquet rows
    header: tuple[str, ...] | None = None  # column names of a table, if its header line is before the chunk
    bytes: int = 0  # size in the file


WHOLE_FILE = Chunk()


class _Head:
    """The first bytes of a file, by lines."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self._left = file, size

    def readline(self, limit: int = -1) -> bytes:
        line = self._file.readline(self._left if limit < 0 else min(limit, self._left))
        self._left -= len(line)
        return line


@contextmanager
def open_lines(source: Path | ByteLines, chunk: Chunk = WHOLE_FILE) -> Iterator[tuple[ByteLines, int | None]]:
    """The bytes of a source, and the most bytes it may have (None: any number).

    A file is decompressed if its name ends in .gz or the like. `chunk` is a part of a file that is not packed. A stream
    is returned unchanged.

    Raises:
        NotFound: the file does not exist; the hint has similar names in its folder. As `unpack`.
        UsageError: it is a folder. PermissionDenied, StorageError: from the operating system.
    """
    if not isinstance(source, Path):
        yield source, None
        return
    with open_bytes(source) as file:
        if source.suffix.lower() not in PACKED:
            if chunk.start:  # a pipe cannot be positioned
                file.seek(chunk.start)
            yield file if chunk.stop is None else _Head(file, chunk.stop - chunk.start), None
            return
        status = os.fstat(file.fileno())
        limit = MAX_UNPACKED_BYTES
        if stat.S_ISREG(status.st_mode):
            limit = min(limit, max(MAX_UNPACKED_BYTES_AT_ANY_RATIO, MAX_RATIO * status.st_size))
        with unpack(file, source, display(source)) as unpacked:
            yield unpacked, limit


def read_head(path: Path, size: int) -> tuple[bytes, bool]:
    """The first bytes of a file, unpacked, at most `size`, and whether that is all of it. Nothing of a pipe, which
    cannot be read twice; of damaged packed data, what can be read. Raises as `open_lines`."""
    if not stat.S_ISREG(path.stat().st_mode):
        return b"", False
    with open_lines(path) as (stream, _):
        parts, left = list[bytes](), size
        read = getattr(stream, "read1", stream.readline)  # which loses nothing before damaged data
        try:
            while left and (part := read(left)):
                parts.append(part)
                left -= len(part)
        except unpack_errors():
            return b"".join(parts), False
        except OSError as error:
            if error.errno is not None:
                raise reading_error(error, path) from error
            return b"".join(parts), False
    return b"".join(parts), left > 0


def open_bytes(path: Path) -> BufferedReader:
    """The file, not decompressed. Raises as `open_lines`."""
    try:
        return path.open("rb")
    except OSError as error:
        raise reading_error(error, path) from error


def check_file(path: Path) -> None:
    """Raise as `open_lines` if the file does not exist or is a folder, without opening it."""
    try:
        if stat.S_ISDIR(path.stat().st_mode):
            raise IsADirectoryError(errno.EISDIR, "")
    except OSError as error:
        raise reading_error(error, path) from error


def reading_error(error: OSError, path: Path) -> LstmctlError:
    """The error of a file that cannot be opened."""
    name = display(path)
    check_not_url(str(path))
    if error.errno == errno.ENOENT and path.is_symlink():
        message = f"{name} is a link to {os.readlink(path)}, which does not exist"
        return NotFound(message, hint=f"ls -l {shlex.quote(name)} shows the link")
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP):
        return NotFound(f"there is no file {name}", hint=_similar_names(path))
    if error.errno == errno.EISDIR:
        return UsageError(f"{name} is a folder; a file is expected", hint=f"name a file in it: {name}/…")
    return from_os_error(error, f"read {name}")


def check_not_url(name: str) -> None:
    """Raise NotFound, with the command that downloads it, if a path is a URL."""
    if match := _URL.fullmatch(name):
        url = f"{match[1]}//{match[2]}"
        file = match[2].partition("?")[0].rstrip("/").rpartition("/")[2] or "data"
        hint = f"curl -L -o {shlex.quote(file)} {shlex.quote(url)}"
        if not match[1].startswith(("http", "ftp")):
            hint = "copy it to this machine, and name the file"
        raise NotFound(f"{url} is a URL; data is read from files", hint=hint)


def without_packing(path: Path) -> Path:
    """The name without .gz or the like.

    >>> without_packing(Path("a.csv.gz"))
    PosixPath('a.csv')
    """
    return path.with_suffix("") if path.suffix.lower() in PACKED else path


def display(path: Path) -> str:
    """The path relative to the working directory if it is inside, else the whole path."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):  # it is elsewhere, or the working directory is gone
        return str(path)


def _similar_names(path: Path) -> str:
    """A hint: files with similar names in the folder of a missing file, or how to list it."""
    try:
        similar = closest_names(path.name, os.listdir(path.parent))
    except OSError:
        return f"there is no folder {display(path.parent)}"
    if not similar:
        return f"ls {shlex.quote(display(path.parent))} lists the folder"
    return f"did you mean {' or '.join(display(path.parent / name) for name in similar)}?"


class StdinLines:
    """Lines of a pipe, a file or a terminal. Reads what has arrived, and waits only for the next line.

    `before_waiting` is called each time before it waits for more input.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._buffer = bytearray()
        self._start = 0  # index of the first byte that was not returned yet
        self._ended = False
        self.before_waiting: Callable[[], None] = lambda: None

    def readline(self, limit: int = -1) -> bytes:
        """The next line with its end, at most `limit` bytes of it; empty at the end of the stream."""
        while True:
            end = self._buffer.find(b"\n", self._start) + 1
            length = (end or len(self._buffer)) - self._start
            if end or self._ended or 0 <= limit <= length:
                size = length if limit < 0 else min(length, limit)
                line = bytes(self._buffer[self._start : self._start + size])
                self._start += size
                return line
            self._read()

    def _read(self) -> None:
        has_input = True  # or a stream that cannot be waited for, such as bytes in memory
        with suppress(OSError, ValueError):
            has_input = bool(select.select([self._stream], [], [], 0)[0])
        if not has_input:
            self.before_waiting()
        del self._buffer[: self._start]
        self._start = 0
        read = getattr(self._stream, "read1", self._stream.read)
        chunk = read(_READ_BYTES)
        self._buffer += chunk
        self._ended = not chunk
