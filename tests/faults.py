"""The system calls of `lstmctl.storage`: recorded, failing, or interrupted by a kill."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

from lstmctl.storage import filesystem

CALLS = ("open", "read", "write", "close", "fsync", "mkdir", "rename", "link", "unlink", "rmdir", "flock")


class Killed(BaseException):
    """The process was killed: nothing that it does from here on reaches the disk."""


class Call(NamedTuple):
    """A system call: the paths of its files, and whether an open can create or change a file."""

    name: str
    paths: tuple[Path, ...]
    creates: bool = False


class Trace:
    """The calls in order. Descriptors are traced to the call that opened them."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._opened: dict[int, Path] = {}

    def enter(self, name: str, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        paths = self._paths(name, arguments, keywords)
        flags = arguments[1] if name == "open" else 0
        self.calls.append(Call(name, paths, bool(flags & (os.O_CREAT | os.O_WRONLY | os.O_RDWR))))

    def leave(self, name: str, result: Any) -> None:
        if name == "open":
            self._opened[result] = self.calls[-1].paths[0]

    def _paths(self, name: str, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[Path, ...]:
        if name in ("rename", "link"):
            places = keywords["src_dir_fd"], keywords["dst_dir_fd"]
            return tuple(self._path(place) / each for place, each in zip(places, arguments, strict=True))
        if name in ("read", "write", "close", "fsync", "flock"):
            return (self._path(arguments[0]),)
        place = keywords.get("dir_fd")
        return (Path(arguments[0]) if place is None else self._path(place) / arguments[0],)

    def _path(self, descriptor: int) -> Path:
        """The path of a descriptor; a number if it was opened before the recording."""
        return self._opened.get(descriptor, Path(f"<{descriptor}>"))


@contextmanager
def recorded(before: Callable[[int, Call], None] = lambda number, call: None) -> Iterator[Trace]:
    """Record all calls; `before` is called before each one and may raise. Calls are numbered from 0."""
    trace, patches = Trace(), []

    def wrap(name: str) -> Callable[..., Any]:
        real = getattr(filesystem.system, name)

        def call(*arguments: Any, **keywords: Any) -> Any:
            trace.enter(name, arguments, keywords)
            try:
                before(len(trace.calls) - 1, trace.calls[-1])
            except BaseException:
                if name == "close":  # the kernel closes the files of a dead process, and a failing close does close
                    real(*arguments)
                raise
            result = real(*arguments, **keywords)
            trace.leave(name, result)
            return result

        return call

    for name in CALLS:
        patches.append(patch.object(filesystem.system, name, wrap(name), create=True))
    for patcher in patches:
        patcher.start()
    try:
        yield trace
    finally:
        for patcher in patches:
            patcher.stop()


def failing(at: int, code: int) -> Callable[[int, Call], None]:
    """Call number `at` fails with the error `code`; all others work."""

    def before(number: int, call: Call) -> None:
        if number == at:
            raise OSError(code, os.strerror(code))

    return before


def killed(at: int) -> Callable[[int, Call], None]:
    """The process is killed before call number `at`: neither it nor any later one happens."""

    def before(number: int, call: Call) -> None:
        if number >= at:
            raise Killed

    return before
