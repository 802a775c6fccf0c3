"""Too little memory: recognising it in whatever error it causes, and asking for it before native libraries do.

Where memory is limited (`ulimit -v`, a batch system), an allocation can fail anywhere: Python then raises MemoryError,
a library that cannot be loaded an ImportError, a thread that cannot start a RuntimeError. OpenBLAS, the library below
NumPy and SciPy, ends the process with status 1, and TensorFlow aborts it; so there must be room before they are loaded.
"""

import errno
import os
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

SHORT = "lstmctl stopped: was memory short?"
_MEBIBYTE = 2**20
_PER_THREAD = 64 * _MEBIBYTE  # address space of one of the threads that TensorFlow starts on each core
# Module → address space that loading it takes, with the buffer of one BLAS thread.
_ROOM = {"numpy": 96 * _MEBIBYTE, "scipy.linalg": 160 * _MEBIBYTE, "tensorflow": 2300 * _MEBIBYTE}
_SPARE = 64 * _MEBIBYTE  # where less is free under a limit, an odd error is put down to that
_SIGNS = (
    "cannot allocate memory",
    "failed to map segment",
    "cannot apply additional memory protection",
    "can't start new thread",
    "could not allocate",
    "unable to allocate",
    "bad_alloc",
    "out of memory",
    "oom when allocating",
)


def is_limited() -> bool:
    """Whether this process has a limit on its memory."""
    import resource

    kinds = (resource.RLIMIT_AS, resource.RLIMIT_DATA)
    return any(resource.getrlimit(kind)[0] != resource.RLIM_INFINITY for kind in kinds)


def hint() -> str:
    """What to do about it."""
    return "ulimit -v shows the limit, in KiB" if is_limited() else "free -h shows what other programs have left"


def has_room(size: int) -> bool:
    """Whether `size` bytes could be allocated now. Takes them for a moment, without touching them."""
    import mmap

    try:
        mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE).close()
    except (OSError, MemoryError):
        return False
    return True


def was_short(error: BaseException) -> bool:
    """Whether an error, or one that led to it, comes from a lack of memory."""
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, MemoryError) or (isinstance(link, OSError) and link.errno == errno.ENOMEM):
            return True
        quotes_data = isinstance(link, LookupError | ValueError | TypeError)
        if not quotes_data and any(sign in str(link).lower() for sign in _SIGNS):
            return True
        link = link.__cause__ or link.__context__
    try:  # such as a SyntaxError in the middle of a sound module
        return is_limited() and not has_room(_SPARE)
    except (MemoryError, ImportError):
        return True


class _Room:
    """A finder of modules that finds none: it raises MemoryError before a library is loaded that would not fit."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> Any:
        size = _ROOM.get(name)
        if size is not None and name == "tensorflow":
            size += (os.cpu_count() or 1) * _PER_THREAD
        if size is not None and not has_room(size):
            raise MemoryError(f"{size // _MEBIBYTE} MiB for {name}")
        return None


def ask_before_loading() -> None:
    """From now on, ask for the memory of native libraries before they are loaded."""
    if _Room not in sys.meta_path:
        sys.meta_path.insert(0, _Room)
