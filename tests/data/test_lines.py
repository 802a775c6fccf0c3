"""Lines: whatever the bytes are, one row a line, and nothing is read ahead or kept."""

import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmctl.data.columns import ColumnNames
from lstmctl.data.formats import read_rows
from lstmctl.data.lines import Lines, strip_line_end
from lstmctl.data.opening import StdinLines
from lstmctl.errors import BadData

UNLABELLED = ColumnNames(label=None, keep=True)

# Everything that `str.splitlines` takes for a line break, in between ordinary characters.
TRICKY = st.text(st.sampled_from(list("ab \r\n\t\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029\ufeff\U0001f44d")), max_size=40)


def texts(data: bytes, **options: object) -> list[str]:
    return [row.text for row in read_rows(io.BytesIO(data), UNLABELLED, format="lines", **options)]  # type: ignore[arg-type]


@settings(max_examples=300)
@given(TRICKY)
def test_rows_are_lines(text: str) -> None:
    found, expected = rows_and_lines(text)
    assert found == expected


@pytest.mark.slow
@settings(max_examples=10_000)
@given(TRICKY)
def test_rows_are_lines_long(text: str) -> None:
    found, expected = rows_and_lines(text)
    assert found == expected


def rows_and_lines(text: str) -> tuple[list[str], list[str]]:
    data = b"." + text.encode()  # the point keeps a mark at the start from being a byte order mark
    expected = data.decode().split("\n")
    if not expected[-1]:
        expected.pop()
    ended = data.count(b"\n")
    expected = [line.removesuffix("\r") if place < ended else line for place, line in enumerate(expected)]
    return texts(data), expected


@settings(max_examples=300)
@given(st.binary(max_size=60))
def test_replacing_keeps_row_count(data: bytes) -> None:
    body = data.removeprefix(b"\xef\xbb\xbf")
    rows = texts(data, encoding_errors="replace")
    assert len(rows) == body.count(b"\n") + (body != b"" and not body.endswith(b"\n"))
    assert "\0" not in "".join(rows)


def test_byte_order_mark_only_at_the_start() -> None:
    assert texts(b"\xef\xbb\xbfa\n\xef\xbb\xbfb\n") == ["a", "\ufeffb"]
    assert texts(b"\xef\xbb\xbf") == texts(b"") == []


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"fine\ncaf\xe9 noir\n", "in:2: byte 4 of the line is 0xe9"),
        (b"\xef\xbb\xbfa\xff\n", "in:1: byte 5 of the line is 0xff"),  # the mark counts: an editor shows it so
        (b"a\xc0\xaf\n", "in:1: byte 2 of the line is 0xc0"),  # "/" written too long
        (b"a\xed\xa0\x80\n", "in:1: byte 2 of the line is 0xed"),  # half of a surrogate pair
        (b"ab\0c\n", "in:1: byte 3 of the line is NUL"),
        ("x\n".encode("utf-16"), "in:1: this is UTF-16; UTF-8 text is expected"),
        ("x\n".encode("utf-32"), "in:1: this is UTF-32"),
        (b"\x1f\x8b\x08\x00", "in:1: this is gzip data"),
        (b"PK\x03\x04\x14", "in:1: this is a zip archive, as .xlsx is one"),
        (b"x" * 65, "in:1: the line is longer than 64 bytes"),
        (b"x\n" * 3 + b"y" * 64 + b"\n", "in:4: the line is longer than 64 bytes"),
    ],
)
def test_invalid_bytes_are_located(data: bytes, message: str) -> None:
    with pytest.raises(BadData) as caught:
        texts(data, name="in", max_line_bytes=64)
    assert caught.value.message.startswith(message)


def test_encoding_hints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("my notes.txt")
    path.write_bytes("__label__a café\n__label__b caf".encode() + b"\xe9\n")
    with pytest.raises(BadData) as caught:
        list(read_rows(path))
    assert caught.value.hint == "--encoding windows-1252"
    with pytest.raises(BadData) as caught:
        list(read_rows(path, UNLABELLED))
    assert caught.value.hint == "--encoding-errors replace"


def test_line_of_maximum_length() -> None:
    assert [len(text) for text in texts(b"x" * 63 + b"\n" + b"y" * 64, max_line_bytes=64)] == [63, 64]


class OneAtATime:
    """A stream that knows how many of its lines were asked for."""

    def __init__(self, lines: list[bytes]) -> None:
        self.lines, self.asked, self.limits = lines, 0, set[int]()

    def readline(self, limit: int = -1, /) -> bytes:
        self.limits.add(limit)
        self.asked += 1
        return self.lines[self.asked - 1] if self.asked <= len(self.lines) else b""


@pytest.mark.parametrize(
    ("format", "lines"),
    [
        ("lines", [b"a\n", b"b\n"]),
        ("csv", [b"text\n", b"a\n", b'"b\n', b'c"\n']),
        ("tsv", [b"text\n", b"a\n", b"b\n"]),
        ("jsonl", [b'{"text": "a"}\n', b'{"text": "b"}\n']),
        ("fasttext", [b"__label__x a\n", b"b\n"]),
    ],
)
def test_nothing_is_read_ahead(format: str, lines: list[bytes]) -> None:
    stream = OneAtATime(lines)
    for row in read_rows(stream, UNLABELLED, format=format):
        assert stream.asked == row.row + row.text.count("\n")
    assert stream.asked == len(lines) + 1
    assert stream.limits == {1024**2 + 1}


def test_read_stdin_lines() -> None:
    rows = read_rows(StdinLines(io.BytesIO(b"a\nb")), UNLABELLED, format="lines")
    assert [(row.row, row.text) for row in rows] == [(1, "a"), (2, "b")]


class Broken(io.BytesIO):
    def readline(self, limit: int | None = -1, /) -> bytes:
        raise OSError(5, "Input/output error")


def test_failing_device() -> None:
    from lstmctl.errors import StorageError

    with pytest.raises(StorageError, match="cannot read pipe: input/output error"):
        list(Lines(Broken(), "pipe"))


def test_strip_line_end() -> None:
    assert [strip_line_end(line) for line in ("a\r\n", "a\n", "a\r\r\n", "a\r", "")] == ["a", "a", "a\r", "a\r", ""]
