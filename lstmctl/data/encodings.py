"""Encodings of text files: which one a file has, as far as its first bytes tell, and others as UTF-8."""

import codecs
import io
import re
from itertools import islice

from lstmctl.data.languages import encoding_of_letters, is_of_other_language
from lstmctl.data.opening import ByteLines

_MARKS = (  # byte order marks; a longer one comes first
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_ASCII_SAMPLE = '\n\r\t,;|"\\a1 '
_UNUSED_1252 = b"\x81\x8d\x8f\x90\x9d"
_TYPOGRAPHY = frozenset(range(0x80, 0xC0))  # in windows-1252: quotes, dashes, currencies
_LETTERS = frozenset(range(0xC0, 0x100))
_READ_BYTES = 2**16
_ASCII = bytes(range(0x80))
_LEAST_UTF16 = 16  # bytes
_GUESSED_LINES = 50
_LONG_RUN = re.compile(rb"[\x80-\xff]{4,}")  # in Western languages, letters with accents stand between others
_ENOUGH = 20  # bytes that are not ASCII, to guess by how often each is used


def marked_encoding(head: bytes) -> str | None:
    """The encoding that a byte order mark at the start tells, apart from UTF-8."""
    return next((name for mark, name in _MARKS if head.startswith(mark)), None)


def looks_like_windows_1252(head: bytes) -> bool:
    """Whether bytes that are not UTF-8 are likely to be windows-1252: valid in it, none of them UTF-8, and most of the
    others typographic signs or letters next to those of ASCII, as in Western European languages."""
    if any(byte in head for byte in _UNUSED_1252) or _control_characters(head) > len(head) / 1000:
        return False
    high = typical = 0
    for place, byte in enumerate(head):
        if byte < 0x80:
            continue
        high += 1
        before = head[place - 1 : place]
        if byte in _LETTERS:
            typical += before.isalpha() or head[place + 1 : place + 2].isalpha()
        elif before and before[0] in _LETTERS and _can_decode(head[place - 1 : place + 1], "utf-8"):
            return False
        else:
            typical += byte in _TYPOGRAPHY
    likely = typical > high / 2 and 3 * sum(map(len, _LONG_RUN.findall(head))) < high
    return likely and not is_of_other_language(b"\n".join(_lines_beyond_ascii(head)))


def guess_encoding(head: bytes) -> str:
    """An encoding in which these bytes, which are not UTF-8, can be read: the most likely one."""
    if (marked := marked_encoding(head)) is not None:
        return marked
    if (told := encoding_of_letters(head)) is not None:
        return told
    if looks_like_windows_1252(head):
        return "windows-1252"
    names = ["windows-1252", "iso-8859-1"]  # the latter has a character for every byte
    if len(head.translate(None, _ASCII)) >= _ENOUGH:
        from charset_normalizer import from_bytes

        if (best := from_bytes(head).best()) is not None and best.encoding not in ("utf_8", "ascii"):
            names.insert(0, re.sub(r"^cp(125\d)$", r"windows-\1", best.encoding).replace("_", "-"))
    return next(name for name in names if keeps_ascii(name) and _can_decode(head, name))


def is_all_utf8(head: bytes) -> bool:
    """Whether the first bytes of a file, which may end inside a character, are UTF-8."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True


def suspect_encoding(head: bytes) -> str:
    """The encoding that a file seems to be in whose first bytes are for the most part not UTF-8; "" if they are."""
    if b"\0" in head or is_all_utf8(head):
        return ""
    other = b"\n".join(_lines_beyond_ascii(head[: head.rfind(b"\n") + 1]))
    text = other.decode("utf-8", "replace")
    bad = text.count("\ufffd")
    good = sum(not letter.isascii() for letter in text) - bad
    return guess_encoding(other) if bad > max(3, good / 4) else ""


def _lines_beyond_ascii(data: bytes) -> list[bytes]:
    """The first lines that are not ASCII alone."""
    return list(islice((line for line in data.split(b"\n") if not line.isascii()), _GUESSED_LINES))


def guess_utf16(head: bytes) -> str | None:
    """The form of UTF-16 without a byte order mark that bytes with many zeros are likely to be in."""
    if len(head) < _LEAST_UTF16:
        return None
    half = len(head) // 2
    zeros = head[0::2].count(0) / half, head[1::2].count(0) / half
    if max(zeros) < 0.4 or min(zeros) > 0.1:
        return None
    return "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"


def keeps_ascii(encoding: str) -> bool:
    """Whether its lines can be found without decoding: ASCII characters are the bytes they are in ASCII."""
    try:
        return _ASCII_SAMPLE.encode(encoding) == _ASCII_SAMPLE.encode()
    except UnicodeEncodeError:
        return False


def is_utf8(encoding: str) -> bool:
    """Whether this is a name of UTF-8.

    >>> is_utf8("UTF8"), is_utf8("utf-8-sig"), is_utf8("latin-1")
    (True, True, False)
    """
    return codecs.lookup(encoding).name in ("utf-8", "utf-8-sig", "ascii")


def as_utf8(stream: ByteLines, encoding: str, *, strict: bool) -> ByteLines:
    """The lines of a stream in an encoding such as UTF-16, as UTF-8. Raises UnicodeError while reading if `strict`."""
    return io.BufferedReader(_Transcoded(stream, encoding, strict=strict), _READ_BYTES)


class _Transcoded(io.RawIOBase):
    def __init__(self, stream: ByteLines, encoding: str, *, strict: bool) -> None:
        self._stream = stream
        self._decode = codecs.getincrementaldecoder(encoding)("strict" if strict else "replace").decode
        self._ready, self._ended = b"", False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def]  # any writable buffer
        while not self._ready and not self._ended:
            raw = self._stream.readline(_READ_BYTES)
            self._ended = not raw
            self._ready = self._decode(raw, not raw).encode("utf-8", "replace")
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size


def _can_decode(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _control_characters(head: bytes) -> int:
    return len(head) - len(head.translate(None, bytes(range(9)) + bytes(range(14, 32))))
