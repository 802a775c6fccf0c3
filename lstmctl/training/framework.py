"""Loading TensorFlow: it takes seconds and talks, so it is loaded in the background and its chatter is held back."""

import importlib
import os
import platform
import sys
import tempfile
import threading
from importlib.metadata import version
from typing import BinaryIO

from lstmctl.errors import MissingExtra, UsageError
from lstmctl.process import cores


class BackgroundImport:
    """TensorFlow and Keras, on their way in.

    Meanwhile file descriptor 2 leads to a temporary file, because TensorFlow writes its banner there before any of its
    settings count. `sys.stderr` becomes a stream of its own to where it led before, and stays one: a spinner may be
    writing to it at any moment.
    """

    def __init__(self) -> None:
        self._error: BaseException | None = None
        self._banner = _divert_stderr()
        # A daemon, so that Ctrl-C need not wait for it.
        self._thread = threading.Thread(target=self._load, name="import tensorflow", daemon=True)
        self._thread.start()

    def _load(self) -> None:
        try:
            importlib.import_module("keras")
        except BaseException as error:  # handed to whoever waits
            self._error = error

    def wait(self) -> None:
        """Return once TensorFlow is here.

        Raises:
            MissingExtra: TensorFlow or Keras is not installed.
        """
        while self._thread.is_alive():
            self._thread.join(0.1)  # in short pieces, or a signal would wait for the whole import
        said = self._restore_stderr()
        if isinstance(self._error, ModuleNotFoundError):
            raise MissingExtra(self._error.name or "TensorFlow", packages="tensorflow keras") from None
        if self._error is not None:
            sys.stderr.write(said)
            raise self._error

    def _restore_stderr(self) -> str:
        """Point descriptor 2 where it led before; what TensorFlow wrote meanwhile."""
        if self._banner is None:
            return ""
        os.dup2(sys.stderr.fileno(), 2)
        with self._banner as banner:
            banner.seek(0)
            return banner.read().decode(errors="replace")


def _divert_stderr() -> BinaryIO | None:
    """Point descriptor 2 at a temporary file, which is returned; None where `sys.stderr` does not lead there."""
    try:
        if sys.stderr is None or sys.stderr.fileno() != 2:
            return None
    except (OSError, ValueError):
        return None
    banner = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the import
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1, encoding=sys.stderr.encoding, errors="backslashreplace")
    os.dup2(banner.fileno(), 2)
    return banner


def import_in_background() -> BackgroundImport:
    """Start loading TensorFlow."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    return BackgroundImport()


def use_threads(threads: int | None) -> int:
    """Let TensorFlow compute with so many threads, or with one a core; how many these are. It must be loaded, and must
    not have computed anything yet.

    Parts of a step run side by side; each operation by itself has one thread, since at these sizes more only slow it.

    Raises:
        UsageError: TensorFlow computes with another number in this process.
    """
    import tensorflow as tf

    threads = threads if threads is not None else cores()
    try:
        tf.config.threading.set_inter_op_parallelism_threads(threads)
        tf.config.threading.set_intra_op_parallelism_threads(1)
    except RuntimeError as error:
        raise UsageError(
            "TensorFlow already computes with another number of threads in this process", hint="begin another"
        ) from error
    return threads


def gpus() -> list[object]:
    """The GPUs that TensorFlow sees."""
    import tensorflow as tf

    return list(tf.config.list_physical_devices("GPU"))


def versions() -> dict[str, str]:
    """Of what the weights' last bits may depend on."""
    packages = ("lstmctl", "keras", "tensorflow", "numpy")
    return {"python": platform.python_version()} | {package: version(package) for package in packages}
