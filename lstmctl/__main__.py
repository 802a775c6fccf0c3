"""Entry point: `lstmctl` and `python -m lstmctl`. Signals are handled before anything slow is imported."""

import os
import signal
import sys
import threading
from types import FrameType

from lstmctl.errors import Signalled


def main() -> int:
    """Run the command line and return the exit code."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:  # what was told to ignore a signal goes on ignoring it
            signal.signal(number, _raise)
    try:
        from lstmctl.cli.main import run

        code = run(sys.argv[1:])
    except (KeyboardInterrupt, Signalled) as interrupt:  # while importing, or while the last words were written
        code = 128 + getattr(interrupt, "number", signal.SIGINT)
    if threading.active_count() > 1:
        # TensorFlow is still being imported, and an interpreter that shuts down under it can crash.
        os._exit(code)
    return code


def _raise(number: int, frame: FrameType | None) -> None:
    raise Signalled(number)


if __name__ == "__main__":
    sys.exit(main())
