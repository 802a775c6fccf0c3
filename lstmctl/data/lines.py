"""The lines of a file or a pipe: of limited length, decoded and counted, for any input.

A line ends with a line feed (byte 10) only: the other line breaks of Unicode are ordinary characters. The last line may
lack its end. The encoding is UTF-8, of which a byte order mark at the start is dropped, or another that keeps ASCII.
"""

import gzip
import os
import shlex
from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

from lstmctl.config import MAX_LINE_BYTES
from lstmctl.data.columns import bad_row
from lstmctl.data.encodings import guess_encoding, guess_utf16
from lstmctl.data.opening import ByteLines
from lstmctl.data.packing import PACKED, repaired_path, unpack_command, unpack_errors
from lstmctl.data.strangers import recognise, repair_command
from lstmctl.errors import BadData, BadRow, from_os_error

_BOM = b"\xef\xbb\xbf"
_REPLACEMENT = "\ufffd".encode()


@dataclass
class Lines:
    """The lines of one stream, each decoded and with its end, in one pass.

    A line is yielded as soon as it is complete: nothing is read ahead. After a BadRow, iterating again continues with
    the next line.
    """

    stream: ByteLines
    source: str  # names the stream in errors
    _: KW_ONLY
    encoding: str = "utf-8"  # or one in which ASCII characters are the bytes they are in ASCII
    suspected: str = ""  # another encoding that the whole file seems to be in, for hints
    strict: bool = True  # otherwise bytes that are not in the encoding are read as U+FFFD
    labelled: bool = False  # chooses the hint: where labels are read, there is no --encoding-errors
    max_line_bytes: int = MAX_LINE_BYTES
    max_bytes: int | None = None  # of the whole stream
    number: int = 0  # of the line read last, from 1; a later chunk of a file starts with another number
    header: tuple[str, ...] | None = None  # the column names of a table, once they are known
    above: int = 0  # lines above the header of a table, which are no rows
    items: Any = None  # of a format whose rows are not lines: the rows that are left
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
            elif raw != _BOM or self.encoding != "utf-8":  # a file of nothing else is empty
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
        hint = self._repair_command(r"tr '\r' '\n'")
        return self.fatal("the lines end with carriage returns instead of line feeds", hint=hint)

    def _repair_command(self, program: str) -> str:
        suffix = os.path.splitext(self.source)[1].lower()
        if suffix in PACKED:
            target = shlex.quote(repaired_path(self.source[: -len(suffix)]))
            return f"{unpack_command(self.source)} | {program} > {target}"
        return repair_command(program, self.source)

    def _read(self) -> bytes:
        try:
            return self.stream.readline(self.max_line_bytes + 1)
        except unpack_errors() as error:
            self.number += 1
            raise self.fatal(self._packing_error(error), hint="copy or pack the file again") from error
        except UnicodeError as error:  # of a stream in an encoding such as UTF-16
            self.number += 1
            raise self.fatal(f"this is not valid in the encoding: {error}", hint="--encoding names another") from error
        except OSError as error:
            if error.errno is None and os.path.splitext(self.source)[1].lower() in PACKED:  # of bzip2
                self.number += 1
                raise self.fatal(self._packing_error(error), hint="copy or pack the file again") from error
            raise from_os_error(error, f"read {self.source}") from error

    def _packing_error(self, error: Exception) -> str:
        suffix = os.path.splitext(self.source)[1]
        packing = PACKED.get(suffix.lower(), "packed")
        if isinstance(error, EOFError):
            return f"the {packing} data ends too early; was the file copied completely?"
        unknown = ("format not supported", "Invalid data stream", "Unknown frame descriptor")
        if self.number == 1 and (isinstance(error, gzip.BadGzipFile) or any(text in str(error) for text in unknown)):
            return f"this is not {packing} data, though the name ends in {suffix}"
        return f"the {packing} data is damaged"

    def _decode_first(self, raw: bytes) -> str:
        if self.strict and self.encoding == "utf-8" and (stranger := recognise(raw, self.source, text=False)):
            raise self.fatal(f"this is {stranger[0]}", hint=stranger[1])
        if self.encoding != "utf-8":
            return self._decode(raw)
        return self._decode(raw.removeprefix(_BOM), skipped=len(_BOM) if raw.startswith(_BOM) else 0)

    def _decode(self, raw: bytes, *, skipped: int = 0) -> str:
        if b"\0" in raw:
            if self.strict:
                position, utf16 = raw.index(0) + skipped + 1, guess_utf16(raw)
                is_text = raw.count(0) < len(raw) / 4 or self.number > 1
                hint = self._repair_command(r"tr -d '\0'") if is_text else "is this not text at all?"
                hint = hint if utf16 is None else f"--encoding {utf16}"
                raise self.error(f"byte {position} of the line is NUL", hint=hint)
            raw = raw.replace(b"\0", _REPLACEMENT if self.encoding == "utf-8" else b"?")
        try:
            return raw.decode(self.encoding, "strict" if self.strict else "replace")
        except UnicodeDecodeError as error:
            position, name = error.start + skipped + 1, "UTF-8" if self.encoding == "utf-8" else self.encoding
            message = f"byte {position} of the line is 0x{raw[error.start]:02x}, which is not valid {name}"
            hint = f"--encoding {self.suspected or guess_encoding(raw)}"
            if not self.labelled and not self.suspected:
                hint = "--encoding-errors replace"
            raise self.error(message, hint=hint) from error

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
