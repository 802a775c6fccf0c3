"""Entry point of `lstmctl` and `python -m lstmctl`. Signal handlers are set before anything slow is imported."""

import os
import sys
import threading

from lstmctl import process
from lstmctl.errors import Signalled


def main() -> int:
    """Run the command line and return the exit code."""
    # Must be set before NumPy is imported. Our matrix products are many and small, so threads would only wait for each
    # other. TensorFlow has threads of its own.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        process.handle_signals()
        from lstmctl.cli.main import run

        code = run(sys.argv[1:])
        process.ignore_signals()
    except (KeyboardInterrupt, Signalled) as interrupt:  # during imports, or after `run`
        code = 128 + process.signal_number(interrupt)
    if threading.active_count() > 1:
        # TensorFlow may still be importing in a thread, and shutting the interpreter down meanwhile can crash.
        os._exit(code)
    return code


if __name__ == "__main__":
    sys.exit(main())
