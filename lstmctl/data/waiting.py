"""Standard input that says before it waits, so that no answer waits for the next question."""

import select
from collections.abc import Callable
from typing import BinaryIO

CHUNK = 1 << 16


class Waiting:
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

    def __iter__(self) -> "Waiting":
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
        chunk = read(CHUNK)
        self._buffer += chunk
        self._ended = not chunk
