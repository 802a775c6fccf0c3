"""A stream that knows whether a line is already there."""

import io
import os

from hypothesis import given
from hypothesis import strategies as st

from lstmctl.data.waiting import Waiting


@given(data=st.binary(max_size=300))
def test_lines_are_those_of_the_file(data):
    assert list(Waiting(io.BytesIO(data))) == list(io.BytesIO(data))


@given(data=st.text("ab\n", max_size=60), limit=st.integers(1, 5))
def test_a_limited_line_is_that_of_the_file(data, limit):
    waiting, file = Waiting(io.BytesIO(data.encode())), io.BytesIO(data.encode())
    while line := file.readline(limit):
        assert waiting.readline(limit) == line
    assert waiting.readline(limit) == b""


def test_a_pipe_tells_what_has_arrived():
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as stream:
        waiting = Waiting(stream)
        assert not waiting.has_line()
        os.write(writer, b"one\ntwo\nthr")
        assert waiting.has_line()
        assert waiting.readline() == b"one\n"
        assert waiting.has_line()
        assert waiting.readline() == b"two\n"
        assert not waiting.has_line()  # "thr" may go on
        os.write(writer, b"ee")
        assert not waiting.has_line()
        os.close(writer)
        assert not waiting.has_line()
        assert waiting.readline() == b"three"
        assert waiting.readline() == b""
