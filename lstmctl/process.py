"""Signals that ask the program to end: Ctrl-C, SIGTERM, SIGHUP.

They interrupt whatever is going on by an exception, at once, except inside `with deferred():`, at whose end they do. A
second one ends the process there and then. A signal that the program was started to ignore stays ignored.

How much of this machine the process may use.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from lstmctl.errors import Signalled

HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_SHOW_CURSOR = b"\x1b[?25h"  # a progress bar may have hidden it


class _State:
    """Of this process: there is one set of signal handlers."""

    depth = 0  # blocks that defer, one inside the other
    received = 0
    pending: int | None = None


def handle_signals() -> None:
    """Handle the signals from now on."""
    for number in HANDLED:
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, _handle)


def ignore_signals() -> None:
    """All is done and said: a signal that comes while the interpreter shuts down would only belie the exit code."""
    for number in HANDLED:
        if signal.getsignal(number) == _handle:
            signal.signal(number, signal.SIG_IGN)


@contextmanager
def signals_deferred() -> Iterator[None]:
    """What happens inside is not interrupted; a signal that came meanwhile is raised at the end of the outermost block,
    unless that ends with an error.
    """
    _State.depth += 1
    try:
        yield
    finally:
        _State.depth -= 1
    if not _State.depth and _State.pending is not None:
        number, _State.pending = _State.pending, None
        raise _exception(number)


def signal_number(interrupt: BaseException) -> int:
    """The signal behind an exception, which is a KeyboardInterrupt or a Signalled."""
    return interrupt.number if isinstance(interrupt, Signalled) else int(signal.SIGINT)


def _handle(number: int, frame: FrameType | None) -> None:
    _State.received += 1
    if _State.received > 1:
        with suppress(OSError):
            if os.isatty(2):
                os.write(2, _SHOW_CURSOR)
        os._exit(128 + number)
    if _State.depth:
        _State.pending = number
        return
    raise _exception(number)


def _exception(number: int) -> BaseException:
    return KeyboardInterrupt() if number == signal.SIGINT else Signalled(number)


def cores() -> int:
    """Processor cores."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
