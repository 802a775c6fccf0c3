"""A stream that knows whether a line is already there."""

import io
import os

from hypothesis import given
from hypothesis import strategies as st

from lstmctl.data.opening import StdinLines


@given(data=st.binary(max_size=300))
def test_lines_are_those_of_the_file(data):
    assert list(StdinLines(io.BytesIO(data))) == list(io.BytesIO(data))


@given(data=st.text("ab\n", max_size=60), limit=st.integers(1, 5))
def test_a_limited_line_is_that_of_the_file(data, limit):
    waiting, file = StdinLines(io.BytesIO(data.encode())), io.BytesIO(data.encode())
    while line := file.readline(limit):
        assert waiting.readline(limit) == line
    assert waiting.readline(limit) == b""


def test_it_is_said_before_it_waits():
    """Whenever nothing more is there: `before_waiting` here is what the producer then does."""
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
        for line in waiting:
            lines.append(line)
    assert lines == [b"one\n", b"two\n", b"three"]
    assert seen == [0, 2, 2]
