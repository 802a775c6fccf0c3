"""Locks between processes: lock files that are held during work and never removed.

The system releases a lock when its holder ends, however it ends. On network file systems locks can fail or have no
effect; then work may be done twice, but data stays complete, because each change takes effect by one rename.
"""

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from lstmctl.errors import Busy
from lstmctl.storage.filesystem import SAFE, Directory, system

POLL = 0.02  # seconds between two attempts
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)


@contextmanager
def lock(directory: Directory, name: str, *, timeout: float, what: str) -> Iterator[None]:
    """Hold the lock file `name`, created if needed. Busy: another process holds it for `timeout` seconds; `what` begins
    the message, as in "imdb is being changed".
    """
    deadline = time.monotonic() + timeout
    while (descriptor := _try_lock(directory, name, os.O_CREAT)) is None:
        if time.monotonic() >= deadline:
            raise Busy(f"{what} by another process", hint="try again when it has finished; do not remove lock files")
        time.sleep(POLL)
    try:
        yield
    finally:
        os.close(descriptor)


@contextmanager
def lock_abandoned(directory: Directory, name: str) -> Iterator[bool]:
    """Hold the lock file of a process that ended. False: the process lives, or locks have no effect here."""
    descriptor = _try_lock(directory, name, 0)
    try:
        # If a second descriptor can lock what this one holds, locks have no effect on this file system.
        yield descriptor is not None and is_locked(directory, name)
    finally:
        if descriptor is not None:
            os.close(descriptor)


def is_locked(directory: Directory, name: str) -> bool:
    """Whether a process holds the lock file. Writes nothing."""
    try:
        descriptor = system.open(name, os.O_RDONLY | SAFE, dir_fd=directory.descriptor)
    except FileNotFoundError:
        return False
    try:
        return not _flock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _try_lock(directory: Directory, name: str, create: int) -> int | None:
    """The descriptor that holds the lock; None if another process holds it or the file was just replaced."""
    descriptor = system.open(name, os.O_RDWR | create | SAFE, 0o666, dir_fd=directory.descriptor)
    locked = False
    try:
        locked = _flock(descriptor, fcntl.LOCK_EX) and _is_named(directory, name, descriptor)
    finally:
        if not locked:
            os.close(descriptor)
    return descriptor if locked else None


def _is_named(directory: Directory, name: str, descriptor: int) -> bool:
    """Whether the name still refers to the open file: a lock on a file without a name protects nothing."""
    with suppress(FileNotFoundError):
        return os.path.samestat(directory.status(name), os.fstat(descriptor))
    return False


def _flock(descriptor: int, kind: int) -> bool:
    """Lock without waiting; False if another process holds the lock."""
    try:
        system.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
    return True
