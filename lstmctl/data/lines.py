"""The lines of a file or a pipe: of limited length, decoded and counted, for any input.

A line ends with a line feed (byte 10) only: the other line breaks of Unicode are ordinary characters. The last line may
lack its end. UTF-8 is the only encoding; a byte order mark at the start is dropped.
"""

import gzip
import lzma
import os
import shlex
import zlib
from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass, field

from lstmctl.config import MAX_LINE_BYTES
from lstmctl.data.columns import bad_row
from lstmctl.data.opening import PACKED, ByteLines
from lstmctl.errors import BadData, BadRow, from_os_error

_BOM = b"\xef\xbb\xbf"
_REPLACEMENT = "\ufffd".encode()
# First bytes of files often mistaken for text, and a program that converts them. A longer prefix comes first.
_NOT_TEXT = (
    (b"\xff\xfe\0\0", "UTF-32", "iconv -f UTF-32 -t UTF-8"),
    (b"\xff\xfe", "UTF-16", "iconv -f UTF-16 -t UTF-8"),
    (b"\xfe\xff", "UTF-16", "iconv -f UTF-16 -t UTF-8"),
    (b"\x1f\x8b", "gzip data", "gunzip"),
    (b"\xfd7zXZ\0", "xz data", "xz -d"),
    (b"\x28\xb5\x2f\xfd", "zstd data", "zstd -d"),
    (b"PK\x03\x04", "a zip archive, as .xlsx is one", None),
)


@dataclass
class Lines:
    """The lines of one stream, each decoded and with its end, in one pass.

    A line is yielded as soon as it is complete: nothing is read ahead. After a BadRow, iterating again continues with
    the next line.
    """

    stream: ByteLines
    source: str  # names the stream in errors
    _: KW_ONLY
    strict: bool = True  # otherwise bytes that are not UTF-8 are read as U+FFFD
    labelled: bool = False  # chooses the hint: where labels are read, there is no --encoding-errors
    max_line_bytes: int = MAX_LINE_BYTES
    max_bytes: int | None = None  # of the whole stream
    number: int = 0  # of the line read last, from 1; a later chunk of a file starts with another number
    header: tuple[str, ...] | None = None  # the column names of a table, once they are known
    _total: int = field(default=0, init=False)  # bytes read
    _skipping: bool = field(default=False, init=False)  # whether the rest of a line that is too long comes next

    def __iter__(self) -> Iterator[str]:
        """Decoded lines with their ends.

        Raises BadRow for a line that is too long, not UTF-8 or has a NUL byte, BadData for damaged packed data.
        """
        while raw := self._read():
            skip, self._skipping = self._skipping, len(raw) > self.max_line_bytes and not raw.endswith(b"\n")
            self.number += not skip
            self._total += len(raw)
            if len(raw) > self.max_line_bytes and not skip:
                raise self._length_error(raw)
            if self.max_bytes is not None and self._total > self.max_bytes:
                message = f"the file unpacks to more than {self.max_bytes / 1024**3:.3g} GiB; reading stopped"
                raise self.fatal(message, hint="is this text?")
            if skip:
                continue
            if self.number > 1:
                yield self._decode(raw)
            elif raw != _BOM:  # a file of nothing else is empty
                yield self._decode_first(raw)

    def error(self, message: str, *, hint: str | None = None, number: int | None = None) -> BadRow:
        """An error of the row that starts in line `number`, or of the line read last."""
        number = self.number if number is None else number
        return bad_row(self.source, number, message, hint=hint, last=max(1, self.number))

    def fatal(self, message: str, *, hint: str | None = None) -> BadData:
        """An error in the line read last, after which nothing more can be read."""
        return BadData(f"{self.source}:{max(1, self.number)}: {message}", hint=hint)

    def carriage_returns(self) -> BadData:
        """The error in line 1 of a file whose lines end with carriage returns, as on old Macs."""
        hint = _repair_command(r"tr '\r' '\n'", self.source)
        return self.fatal("the lines end with carriage returns instead of line feeds", hint=hint)

    def _read(self) -> bytes:
        try:
            return self.stream.readline(self.max_line_bytes + 1)
        except (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError) as error:
            self.number += 1
            raise self.fatal(self._packing_error(error), hint="copy or pack the file again") from error
        except OSError as error:
            raise from_os_error(error, f"read {self.source}") from error

    def _packing_error(self, error: Exception) -> str:
        suffix = os.path.splitext(self.source)[1]
        packing = PACKED.get(suffix.lower(), "packed")
        if isinstance(error, EOFError):
            return f"the {packing} data ends too early; was the file copied completely?"
        if self.number == 1 and (isinstance(error, gzip.BadGzipFile) or "format not supported" in str(error)):
            return f"this is not {packing} data, though the name ends in {suffix}"
        return f"the {packing} data is damaged"

    def _decode_first(self, raw: bytes) -> str:
        if self.strict:
            for prefix, kind, program in _NOT_TEXT:
                if raw.startswith(prefix):
                    hint = _repair_command(program, self.source) if program else "save it as CSV, in UTF-8"
                    raise self.fatal(f"this is {kind}; UTF-8 text is expected", hint=hint)
        return self._decode(raw.removeprefix(_BOM), skipped=len(_BOM) if raw.startswith(_BOM) else 0)

    def _decode(self, raw: bytes, *, skipped: int = 0) -> str:
        if b"\0" in raw:
            if self.strict:
                position = raw.index(0) + skipped + 1
                raise self.error(f"byte {position} of the line is NUL", hint="is this UTF-16, or not text at all?")
            raw = raw.replace(b"\0", _REPLACEMENT)
        try:
            return raw.decode("utf-8", "strict" if self.strict else "replace")
        except UnicodeDecodeError as error:
            position = error.start + skipped + 1
            message = f"byte {position} of the line is 0x{raw[error.start]:02x}, which is not valid UTF-8"
            raise self.error(message, hint=encoding_hint(self.source, labelled=self.labelled)) from error

    def _length_error(self, raw: bytes) -> BadData:
        if self.number == 1 and b"\r" in raw:
            return self.carriage_returns()
        hint = "is this a text file?" + ("" if self.labelled else " --max-line-bytes allows longer lines")
        return self.error(f"the line is longer than {format_size(self.max_line_bytes)}", hint=hint)


def strip_line_end(line: str) -> str:
    """A line without its end, which is a line feed or a carriage return and a line feed.

    >>> strip_line_end("a film\\r\\n")
    'a film'
    """
    return line[:-1].removesuffix("\r") if line.endswith("\n") else line


def format_size(size: int) -> str:
    """A number of bytes in words.

    >>> format_size(1024**2)
    '1 MiB'
    """
    return f"{size / 1024**2:g} MiB" if size >= 1024**2 else f"{size:,} bytes"


def encoding_hint(source: str, *, labelled: bool) -> str:
    """What to do about bytes that are not UTF-8. Only reading unlabelled texts has --encoding-errors."""
    if not labelled:
        return "--encoding-errors replace"
    return _repair_command("iconv -f WINDOWS-1252 -t UTF-8", source)


def _repair_command(program: str, source: str) -> str:
    """A command that converts the file `source` with a program."""
    stem, suffix = os.path.splitext(source)
    if suffix.lower() in PACKED:
        program = f"{PACKED[suffix.lower()]} -dc < {shlex.quote(source)} | {program}"
        stem, suffix = os.path.splitext(stem)
    elif suffix:
        program = f"{program} < {shlex.quote(source)}"
    else:  # a pipe
        return f"pipe it through: {program}"
    return f"{program} > {shlex.quote(f'{stem}.repaired{suffix}')}"
