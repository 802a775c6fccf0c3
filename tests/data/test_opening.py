"""Standard input: lines, and a call before each wait."""

import io
import os

from hypothesis import given
from hypothesis import strategies as st

from lstmctl.data.opening import StdinLines


@given(data=st.binary(max_size=300))
def test_lines_equal_file_lines(data):
    assert list(iter(StdinLines(io.BytesIO(data)).readline, b"")) == list(io.BytesIO(data))


@given(data=st.text("ab\n", max_size=60), limit=st.integers(1, 5))
def test_limited_lines(data, limit):
    waiting, file = StdinLines(io.BytesIO(data.encode())), io.BytesIO(data.encode())
    while line := file.readline(limit):
        assert waiting.readline(limit) == line
    assert waiting.readline(limit) == b""


def test_called_before_waiting():
    """`before_waiting` is called whenever no input is left; here it makes the producer write."""
    reader, writer = os.pipe()
    arrivals = [b"one\ntwo\nthr", b"ee", None]
    seen = []

    def arrive():
        seen.append(len(lines))
        data = arrivals.pop(0)
        os.close(writer) if data is None else os.write(writer, data)

    lines = []
    with os.fdopen(reader, "rb") as stream:
        waiting = StdinLines(stream)
        waiting.before_waiting = arrive
        while line := waiting.readline():
            lines.append(line)
    assert lines == [b"one\n", b"two\n", b"three"]
    assert seen == [0, 2, 2]
