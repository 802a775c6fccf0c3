"""Entry point of `lstmctl` and `python -m lstmctl`. Signal handlers are set before anything slow is imported."""

import gc
import os
import sys
import threading
import warnings
from contextlib import suppress

from lstmctl import memory, process
from lstmctl.errors import ExitCode, Signalled


def main() -> int:
    """Run the command line and return the exit code."""
    # Must be set before NumPy is imported. Our matrix products are many and small, so threads would only wait for each
    # other. TensorFlow has threads of its own.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # What is imported is not garbage: to look through all of it every 700 objects takes a twentieth of a first answer.
    gc.set_threshold(20_000)
    # Warnings of libraries are for programmers: -W default, or PYTHONWARNINGS, shows them. Some libraries ignore their
    # own, but TensorFlow's are imported in a thread, and `catch_warnings` in another thread undoes that.
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    try:
        process.handle_signals()
        if memory.is_limited():
            os.environ["OPENBLAS_NUM_THREADS"] = "1"  # each thread would take 32 MiB more
            memory.ask_before_loading()
        from lstmctl.cli.main import run

        code = run(sys.argv[1:])
        process.ignore_signals()
    except (KeyboardInterrupt, Signalled) as interrupt:  # during imports, or after `run`
        code = 128 + process.signal_number(interrupt)
    except Exception as error:  # `run` raises none, so it was met while importing it
        if not memory.was_short(error):
            raise
        with suppress(OSError):
            os.write(2, f"error: {memory.SHORT}\n".encode())
        os._exit(ExitCode.IO)
    if threading.active_count() > 1:
        # TensorFlow may still be importing in a thread, and shutting the interpreter down meanwhile can crash.
        os._exit(code)
    return code


if __name__ == "__main__":
    sys.exit(main())
