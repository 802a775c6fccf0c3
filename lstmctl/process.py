"""This process: the signals that end it, the cores it may use, and Python programs that it starts.

SIGINT (Ctrl-C), SIGTERM and SIGHUP raise an exception at once, or at the end of a `with signals_deferred():` block. A
second signal ends the process immediately. A signal that the parent process had set to be ignored stays ignored.
Python drops an exception that is raised inside a destructor or a callback of the garbage collector; the signal that
raised it is sent again.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from lstmctl.errors import Signalled

HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_SHOW_CURSOR = b"\x1b[?25h"  # a progress bar may have hidden it
_SENT_AGAIN_AFTER = 0.01  # seconds; by then, the destructor in which an exception was lost has ended


class _State:
    """Signals received so far: a process has one set of handlers."""

    depth = 0  # of nested blocks that defer signals
    received = 0
    pending: int | None = None
    unraisable: Any = sys.__unraisablehook__


def handle_signals() -> None:
    """Turn the signals into exceptions from now on."""
    for number in HANDLED:
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, _handle)
    if sys.unraisablehook is not _unraisable:
        _State.unraisable, sys.unraisablehook = sys.unraisablehook, _unraisable


def ignore_signals() -> None:
    """Ignore the signals from now on: during shutdown, one would change the exit code of a finished command."""
    for number in HANDLED:
        if signal.getsignal(number) == _handle:
            signal.signal(number, signal.SIG_IGN)


@contextmanager
def signals_deferred() -> Iterator[None]:
    """A block that signals do not interrupt. A signal received in it is raised at the end of the outermost of nested
    blocks, unless that ends with an error."""
    _State.depth += 1
    try:
        yield
    finally:
        _State.depth -= 1
    if not _State.depth and _State.pending is not None:
        number, _State.pending = _State.pending, None
        raise _exception(number)


def signal_number(interrupt: BaseException) -> int:
    """The signal number of a KeyboardInterrupt or a Signalled.

    >>> signal_number(KeyboardInterrupt())
    2
    """
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


def _unraisable(lost: Any) -> None:
    """Send a signal again whose exception was raised where Python can only drop it."""
    if not isinstance(lost.exc_value, (KeyboardInterrupt, Signalled)):
        _State.unraisable(lost)
        return
    _State.received = 0
    again = threading.Timer(_SENT_AGAIN_AFTER, os.kill, (os.getpid(), signal_number(lost.exc_value)))
    again.daemon = True
    again.start()


def _exception(number: int) -> BaseException:
    return KeyboardInterrupt() if number == signal.SIGINT else Signalled(number)


def cores() -> int:
    """Number of processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_KEPT = ("PYTHONHOME", "PYTHONUSERBASE", "PYTHONNOUSERSITE", "PYTHONDONTWRITEBYTECODE")


def python_child(*arguments: str) -> tuple[list[str], dict[str, str]]:
    """The command that runs Python with arguments, such as "-m" and a module of this package, and its environment.

    Nothing is imported from the current folder, which may hold a stranger's files: Python leaves it out (-P), and so
    does PYTHONPATH, in which an empty or relative entry means it. Other variables of Python have no effect.
    """
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON") or name in _KEPT}
    folders = [folder for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep) if os.path.isabs(folder)]
    own = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    if os.path.basename(own) not in ("site-packages", "dist-packages"):  # a checkout that may not be installed
        folders.append(own)
    if folders:
        environ["PYTHONPATH"] = os.pathsep.join(folders)
    return [sys.executable, "-P", *arguments], environ


@contextmanager
def safe_path_for_children() -> Iterator[None]:
    """A block in which Python programs that others start import nothing from the current folder either."""
    before = os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONSAFEPATH"]
        else:
            os.environ["PYTHONSAFEPATH"] = before
