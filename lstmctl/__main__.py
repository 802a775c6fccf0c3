"""Entry point: `lstmctl` and `python -m lstmctl`. Signals are handled before anything slow is imported."""

import os
import sys
import threading

from lstmctl import process
from lstmctl.errors import Signalled


def main() -> int:
    """Run the command line and return the exit code."""
    # The matrix products of this program are many and small: threads would only wait for each other. To be set before
    # NumPy is imported. TensorFlow has threads of its own.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        process.handle_signals()
        from lstmctl.cli.main import run

        code = run(sys.argv[1:])
        process.ignore_signals()
    except (KeyboardInterrupt, Signalled) as interrupt:  # while importing, or while the last words were written
        code = 128 + process.signal_number(interrupt)
    if threading.active_count() > 1:
        # TensorFlow is still being imported, and an interpreter that shuts down under it can crash.
        os._exit(code)
    return code


if __name__ == "__main__":
    sys.exit(main())
