"""The lines of a file or a pipe: bounded, decoded and counted, whatever bytes come.

A line ends with the byte 10 and with nothing else: what else Unicode calls a line break is an ordinary character. A
last line may lack its end. UTF-8 is the only encoding; a mark at the very start (BOM) is dropped. `.gz` is read through.
"""

import errno
import gzip
import os
import shlex
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal

from lstmctl.errors import BadData, LstmctlError, NotFound, UsageError, from_os_error, nearest

MAX_LINE_BYTES = 1024**2
MAX_UNPACKED_BYTES = 16 * 1024**3  # of one .gz, and at most MAX_RATIO times its size once that is past FREE_BYTES
MAX_RATIO = 200
FREE_BYTES = 1024**3

EncodingErrors = Literal["strict", "replace"]

_BOM = b"\xef\xbb\xbf"
# First bytes of what is often taken for text, and what turns it into text. The longer of two beginnings comes first.
_FOREIGN = (
    (b"\xff\xfe\0\0", "UTF-32 text", "iconv -f UTF-32 -t UTF-8 {file} > {stem}.utf8{suffix}"),
    (b"\xff\xfe", "UTF-16 text", "iconv -f UTF-16 -t UTF-8 {file} > {stem}.utf8{suffix}"),
    (b"\xfe\xff", "UTF-16 text", "iconv -f UTF-16 -t UTF-8 {file} > {stem}.utf8{suffix}"),
    (b"\x1f\x8b", "gzip data", "gunzip < {file} > {stem}.unpacked{suffix}"),
    (b"\x28\xb5\x2f\xfd", "zstd data", "zstd -d < {file} > {stem}.unpacked{suffix}"),
    (b"PK\x03\x04", "a zip archive, as .xlsx is one", "save it as CSV, UTF-8, from the program that made it"),
)


def bad_row(source: str, number: int, message: str, *, hint: str | None = None) -> BadData:
    """The error of one row: `reviews.csv:17: message`."""
    return BadData(f"{source}:{number}: {message}", hint=hint)


class Lines:
    """The lines of one binary stream, each decoded and with its end, in one pass.

    `number` is that of the line read last; the first is 1. Only `readline(size)` of the stream is used, and a line is
    given out as soon as it is complete.
    """

    def __init__(
        self,
        stream: BinaryIO,
        source: str,
        *,
        encoding_errors: EncodingErrors = "strict",
        max_line_bytes: int = MAX_LINE_BYTES,
        max_bytes: int | None = None,
        encoding_option: bool = False,
    ) -> None:
        """`source` names the stream in errors; `encoding_option`: the command at hand has --encoding-errors."""
        self.source = source
        self.number = 0
        self.max_line_bytes = max_line_bytes
        self._stream = stream
        self._strict = encoding_errors == "strict"
        self._max_bytes = max_bytes
        self._encoding_option = encoding_option

    def __iter__(self) -> Iterator[str]:
        """Decoded lines with their ends.

        Raises:
            BadData: for a line that is too long, not UTF-8 or has a NUL byte, and for broken gzip data.
        """
        total = 0
        while raw := self._read():
            self.number += 1
            if len(raw) > self.max_line_bytes:
                raise self._too_long(raw)
            total += len(raw)
            if self._max_bytes is not None and total > self._max_bytes:
                raise self.error(f"unpacks to more than {self._max_bytes / 1024**3:g} GiB; reading stopped")
            if self.number == 1:
                raw = self._beginning(raw)
            yield self._decode(raw)

    def error(self, message: str, *, hint: str | None = None, number: int | None = None) -> BadData:
        """An error of line `number`, or of the line read last."""
        return bad_row(self.source, self.number if number is None else number, message, hint=hint)

    def _read(self) -> bytes:
        try:
            return self._stream.readline(self.max_line_bytes + 1)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            self.number += 1
            raise self.error(*_gzip_trouble(error, self.source, self.number)) from error
        except OSError as error:
            raise from_os_error(error, f"read {self.source}") from error

    def _beginning(self, raw: bytes) -> bytes:
        """The first line without its byte order mark."""
        if self._strict:
            for magic, what, repair in _FOREIGN:
                if raw.startswith(magic):
                    stem, suffix = os.path.splitext(self.source)
                    names = {"file": self.source, "stem": stem, "suffix": suffix}
                    quoted = {key: shlex.quote(value) if value else "" for key, value in names.items()}
                    raise self.error(f"this is {what}, not UTF-8 text", hint=repair.format(**quoted))
        return raw.removeprefix(_BOM)

    def _decode(self, raw: bytes) -> str:
        if b"\0" in raw:
            if self._strict:
                hint = "is this UTF-16 or a binary file?"
                raise self.error(f"a NUL byte, byte {raw.index(0) + 1} of the line", hint=hint)
            raw = raw.replace(b"\0", b"\xef\xbf\xbd")
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as error:
            if self._strict:
                raise self.error(*not_utf8(raw, error, self.source, option=self._encoding_option)) from error
            return raw.decode("utf-8", "replace")

    def _too_long(self, raw: bytes) -> BadData:
        if self.number == 1 and b"\r" in raw:
            return carriage_returns(self.source)
        return self.error(f"the line is longer than {size_name(self.max_line_bytes)}", hint="is this a text file?")


def without_end(line: str) -> str:
    """A line without its end, `\\n` or `\\r\\n`."""
    return line[:-1].removesuffix("\r") if line.endswith("\n") else line


def size_name(size: int) -> str:
    """A limit in words: `1 MiB`."""
    return f"{size / 1024**2:g} MiB" if size >= 1024**2 else f"{size:,} bytes"


def not_utf8(raw: bytes, error: UnicodeDecodeError, source: str, *, option: bool) -> tuple[str, str]:
    """Message and hint for bytes that are not UTF-8; `option`: the command at hand has --encoding-errors."""
    message = f"not UTF-8: byte {error.start + 1} of the line is 0x{raw[error.start]:02x}"
    if option:
        return message, "--encoding-errors replace"
    stem, suffix = os.path.splitext(source)
    return message, f"iconv -f WINDOWS-1252 -t UTF-8 {shlex.quote(source)} > {shlex.quote(stem + '.utf8' + suffix)}"


def carriage_returns(source: str) -> BadData:
    """The error of a file whose lines end as they did before Mac OS X."""
    message = "the lines end with carriage returns alone, not with line feeds"
    file, repaired = shlex.quote(source), shlex.quote("{}.lines{}".format(*os.path.splitext(source)))
    return bad_row(source, 1, message, hint=f"tr '\\r' '\\n' < {file} > {repaired}")


@contextmanager
def open_stream(path: Path) -> Iterator[tuple[BinaryIO, int | None]]:
    """A file's bytes, unpacked if its name ends in .gz, and how many of them may be read (None: no limit).

    Raises:
        NotFound: no such file; the hint has the nearest names beside it.
        UsageError: a folder.
        PermissionDenied, StorageError: as the operating system says.
    """
    try:
        file = open(path, "rb")  # noqa: SIM115 - closed below; the `with` must not turn a caller's OSError into ours
    except OSError as error:
        raise not_readable(error, path) from error
    with file:
        if path.suffix.lower() != ".gz":
            yield file, None
            return
        status = os.fstat(file.fileno())
        limit = MAX_UNPACKED_BYTES
        if stat.S_ISREG(status.st_mode):
            limit = min(limit, max(FREE_BYTES, MAX_RATIO * status.st_size))
        with gzip.GzipFile(fileobj=file) as unpacked:
            yield unpacked, limit  # type: ignore[misc]  # GzipFile is not declared a BinaryIO, but has all of it


def not_readable(error: OSError, path: Path) -> LstmctlError:
    """What to say of a file that cannot be opened."""
    shown = display(path)
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP):
        return NotFound(f"there is no file {shown}", hint=near_names(path))
    if error.errno == errno.EISDIR:
        return UsageError(f"{shown} is a folder; a file is expected")
    return from_os_error(error, f"read {shown}")


def near_names(path: Path) -> str | None:
    """Which files beside a missing one have a similar name."""
    try:
        names = [entry.name for entry in os.scandir(path.parent)]
    except OSError:
        return f"there is no folder {display(path.parent)} either"
    found = nearest(path.name, names)
    return "did you mean " + " or ".join(display(path.parent / name) for name in found) + "?" if found else None


def display(path: Path) -> str:
    """A path as short as it can be understood: relative to the working directory where it lies inside."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):  # elsewhere, or a working directory that is gone
        return str(path)


def _gzip_trouble(error: Exception, source: str, number: int) -> tuple[str]:
    if isinstance(error, EOFError):
        return ("the gzip data ends too early; was the file copied whole?",)
    if isinstance(error, gzip.BadGzipFile) and number == 1:
        return ("this is not gzip data, though its name ends in .gz",)
    return ("the gzip data is damaged from here on",)
