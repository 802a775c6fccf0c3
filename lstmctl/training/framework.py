"""Loading TensorFlow: this takes seconds, so it is done in the background, with its log messages held back."""

import importlib
import os
import platform
import sys
import tempfile
import threading
from importlib.metadata import version
from importlib.util import find_spec
from typing import BinaryIO

from lstmctl.errors import MissingExtra, UsageError
from lstmctl.process import cores

# What only training needs: module → package.
_PACKAGES = {"tensorflow": "tensorflow", "keras": "keras", "sklearn": "scikit-learn", "scipy": "scipy"}


def check_installed() -> None:
    """Raises MissingExtra if a package that only training needs is not installed. Imports nothing."""
    missing = [package for module, package in _PACKAGES.items() if find_spec(module) is None]
    if missing:
        raise MissingExtra(missing[0], packages=" ".join(missing))


class BackgroundImport:
    """Imports TensorFlow and Keras in a thread, which starts at once.

    Meanwhile file descriptor 2 leads to a temporary file, because TensorFlow writes to it before any of its settings
    take effect. `sys.stderr` becomes a separate stream to the original target, and remains one, because a spinner may
    be writing to it at any moment.
    """

    def __init__(self) -> None:
        os.environ["KERAS_BACKEND"] = "tensorflow"
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        self._error: BaseException | None = None
        self._banner = _divert_stderr()
        # A daemon, so that Ctrl-C does not wait for it.
        self._thread = threading.Thread(target=self._load, name="import tensorflow", daemon=True)
        self._thread.start()

    def _load(self) -> None:
        try:
            importlib.import_module("keras")
        except BaseException as error:  # raised in `wait`
            self._error = error

    def wait(self) -> None:
        """Return when TensorFlow is loaded. Raises MissingExtra if TensorFlow or Keras is not installed."""
        while self._thread.is_alive():
            self._thread.join(0.1)  # with a timeout, or signals would wait for the import to end
        messages = ""
        if self._banner is not None:
            os.dup2(sys.stderr.fileno(), 2)
            with self._banner as banner:
                banner.seek(0)
                messages = banner.read().decode(errors="replace")
        if isinstance(self._error, ModuleNotFoundError):
            raise MissingExtra(self._error.name or "TensorFlow", packages="tensorflow keras") from None
        if self._error is not None:
            sys.stderr.write(messages)
            raise self._error


def _divert_stderr() -> BinaryIO | None:
    """Point descriptor 2 to a temporary file, which is returned; None if `sys.stderr` does not use it."""
    try:
        if sys.stderr is None or sys.stderr.fileno() != 2:
            return None
    except (OSError, ValueError):
        return None
    banner = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the import lasts
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1, encoding=sys.stderr.encoding, errors="backslashreplace")
    os.dup2(banner.fileno(), 2)
    return banner


def use_threads(threads: int | None) -> int:
    """Set the number of threads of TensorFlow, by default one per core, and return it. TensorFlow must be loaded, and
    must not have computed anything yet.

    Operations run in parallel; each one has a single thread, since more only slow it down at these sizes.
    Raises UsageError if TensorFlow already uses another number in this process.
    """
    import tensorflow as tf

    threads = threads if threads is not None else cores()
    try:
        tf.config.threading.set_inter_op_parallelism_threads(threads)
        tf.config.threading.set_intra_op_parallelism_threads(1)
    except RuntimeError as error:
        message = "TensorFlow already uses another number of threads in this process"
        raise UsageError(message, hint="start a new process") from error
    return threads


def versions() -> dict[str, str]:
    """The versions of everything that the last bits of the weights may depend on."""
    packages = ("lstmctl", "keras", "tensorflow", "numpy", "scikit-learn", "scipy")
    return {"python": platform.python_version()} | {package: version(package) for package in packages}
