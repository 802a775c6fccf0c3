"""Locks between processes: files that are locked while work is done and never removed.

The system frees a lock when its holder ends, however it ends. On network file systems a lock can fail or mean nothing;
then work may be done twice, but what is written stays whole, because one rename alone decides what is there.
"""

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from lstmctl.errors import Busy
from lstmctl.storage.filesystem import SAFE, Directory, system

_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
POLL = 0.02  # seconds between two tries


@contextmanager
def lock(folder: Directory, name: str, *, timeout: float, what: str) -> Iterator[None]:
    """Hold the lock file `name`, made if need be. `what` says to whoever waits in vain what is held.

    Raises:
        Busy: another holds it for `timeout` seconds. OSError.
    """
    deadline = time.monotonic() + timeout
    while (descriptor := _try(folder, name, os.O_CREAT)) is None:
        if time.monotonic() >= deadline:
            raise Busy(f"{what} by another process", hint="try again when that is done; nothing needs to be removed")
        time.sleep(POLL)
    try:
        yield
    finally:
        os.close(descriptor)


@contextmanager
def left_behind(folder: Directory, name: str) -> Iterator[bool]:
    """Hold the lock file of an owner that is gone. False: the owner lives, or nobody can tell."""
    descriptor = _try(folder, name, 0)
    try:
        # If another descriptor gets what this one holds, locks mean nothing on this file system.
        yield descriptor is not None and held(folder, name)
    finally:
        if descriptor is not None:
            os.close(descriptor)


def held(folder: Directory, name: str) -> bool:
    """Whether someone holds the lock file. Makes and writes nothing."""
    try:
        descriptor = system.open(name, os.O_RDONLY | SAFE, dir_fd=folder.descriptor)
    except FileNotFoundError:
        return False
    try:
        return not _flock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _try(folder: Directory, name: str, create: int) -> int | None:
    """The descriptor that holds the lock, or None: someone else has it, or the file was just replaced."""
    descriptor = system.open(name, os.O_RDWR | create | SAFE, 0o666, dir_fd=folder.descriptor)
    locked = False
    try:
        locked = _flock(descriptor, fcntl.LOCK_EX) and _same(folder, name, descriptor)
    finally:
        if not locked:
            os.close(descriptor)
    return descriptor if locked else None


def _same(folder: Directory, name: str, descriptor: int) -> bool:
    """Whether the name still leads to the open file: a lock on a file that has no name guards nothing."""
    with suppress(FileNotFoundError):
        return os.path.samestat(folder.status(name), os.fstat(descriptor))
    return False


def _flock(descriptor: int, kind: int) -> bool:
    """Lock without waiting; False if someone else has it."""
    try:
        system.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
    return True
