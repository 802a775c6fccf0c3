"""Loading TensorFlow: this takes seconds, so it is done in the background, with its log messages held back."""

import importlib
import os
import platform
import sys
import tempfile
import threading
from collections.abc import MutableMapping
from importlib.metadata import version
from importlib.util import find_spec
from typing import BinaryIO

from lstmctl.errors import MissingExtra, UsageError
from lstmctl.process import cores

# What only training needs: module → package.
_PACKAGES = {"tensorflow": "tensorflow", "keras": "keras", "sklearn": "scikit-learn", "scipy": "scipy"}

# Variables that change what TensorFlow, XLA or Keras compute, or stop them if their values are not valid.
_FOREIGN = ("KERAS_", "TF_", "XLA_")
_HARMLESS = ("TF_CPP_MIN_LOG_LEVEL", "TF_FORCE_GPU_ALLOW_GROWTH")


def check_installed() -> None:
    """Raises MissingExtra if a package that only training needs is not installed. Imports nothing."""
    missing = [package for module, package in _PACKAGES.items() if find_spec(module) is None]
    if missing:
        raise MissingExtra(missing[0], packages=" ".join(missing))


def isolate(environ: MutableMapping[str, str]) -> None:
    """Make TensorFlow and Keras the same for every user: neither variables nor Keras's own files have an effect on
    results, and Keras creates no files.

    Keras reads `keras.json` in KERAS_HOME, and writes it if it is missing; below the null device it can do neither.
    """
    for name in [name for name in environ if name.startswith(_FOREIGN) and name not in _HARMLESS]:
        del environ[name]
    environ["KERAS_HOME"] = os.path.join(os.devnull, "keras")
    environ["KERAS_BACKEND"] = "tensorflow"
    environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def _check_loaded() -> None:
    """UsageError if Keras was loaded by someone else with settings that change results; only possible from Python."""
    if (keras := sys.modules.get("keras")) is None or not hasattr(keras, "config"):
        return
    settings = {"backend": keras.config.backend(), "floatx": keras.config.floatx()}
    settings["dtype policy"] = keras.config.dtype_policy().name
    expected = {"backend": "tensorflow", "floatx": "float32", "dtype policy": "float32"}
    for name, value in settings.items():
        if value != expected[name]:
            message = f"Keras is loaded in this process with {name} {value}; training needs {expected[name]}"
            raise UsageError(message, hint="train in a new process, or before Keras is imported")


class BackgroundImport:
    """Imports TensorFlow and Keras in a thread, which starts at once.

    Meanwhile file descriptor 2 leads to a temporary file, because TensorFlow writes to it before any of its settings
    take effect. `sys.stderr` becomes a separate stream to the original target, and remains one, because a spinner may
    be writing to it at any moment.
    """

    def __init__(self) -> None:
        _check_loaded()
        isolate(os.environ)
        self._error: BaseException | None = None
        self._banner = _divert_stderr()
        # A daemon, so that Ctrl-C does not wait for it.
        self._thread = threading.Thread(target=self._load, name="import tensorflow", daemon=True)
        self._thread.start()

    def _load(self) -> None:
        # Keras draws with matplotlib where it finds it, which writes to the user's folder when it is loaded.
        hide = "matplotlib" not in sys.modules
        if hide:
            sys.modules["matplotlib"] = None  # type: ignore[assignment]
        try:
            importlib.import_module("keras")
        except BaseException as error:  # raised in `wait`
            self._error = error
        finally:
            if hide:
                sys.modules.pop("matplotlib", None)

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
