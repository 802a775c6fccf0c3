"""Out of sight first: a folder is filled in `tmp` and then takes its place with one rename, whole or not at all.

    tmp/<16 hex>/        what is being written, and beside it
    tmp/<16 hex>.lock    held for as long as its writer lives
    tmp/<16 hex>.dead    what is being removed

`home` in every function is the open home folder, which has `tmp` in it.
"""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from stat import S_ISDIR

from lstmctl.errors import Busy, StorageError
from lstmctl.storage import locks
from lstmctl.storage.filesystem import Directory

STAGING = "tmp"
ORPHAN_AGE = 24 * 3600.0  # seconds after which what has no lock file is rubbish
_LOCK_TIMEOUT = 10.0


class Staged:
    """A folder with files that are complete and on the disk, but have no place yet."""

    def __init__(self, tmp: Directory, name: str) -> None:
        self._tmp = tmp
        self._name = name

    def move(self, target: Directory, name: str) -> None:
        """Give the folder its place. To be durable, `target` must be synced next.

        Raises:
            FileExistsError: the place is taken. Busy: the folder is gone. OSError.
        """
        self._check()
        with self._tmp.enter(self._name) as folder:
            folder.sync()  # the names in it, without which it would not be whole
        self._tmp.rename(self._name, target, name)

    def move_file(self, file: str, target: Directory, name: str) -> None:
        """Give one file of the folder its place, instead of what is there. `target` must be synced next.

        Raises:
            Busy: the folder is gone. OSError.
        """
        self._check()
        with self._tmp.enter(self._name) as folder:
            folder.rename(file, target, name)

    def _check(self) -> None:
        """Where locks do not reach from machine to machine, another one may have taken the folder for rubbish."""
        try:
            self._tmp.status(self._name)
        except FileNotFoundError as error:
            message = f"{self._tmp.path / self._name} was removed by another process"
            raise Busy(message, hint="try again") from error


@contextmanager
def stage_files(home: Directory, files: Mapping[str, bytes]) -> Iterator[Staged]:
    """Write files, named by their paths ("state.json", "model/model.json"), all flushed to the disk. What is not moved
    by the end of the `with` block is removed.
    """
    name = os.urandom(8).hex()
    lock = f"{name}.lock"
    with home.enter(STAGING) as tmp:
        try:
            with locks.lock(tmp, lock, timeout=_LOCK_TIMEOUT, what=f"{tmp.path / lock} is held"):
                tmp.make(name)
                with tmp.enter(name) as folder:
                    _fill(folder, files)
                yield Staged(tmp, name)
        finally:
            # What cannot be removed now is found by `collect` later; the first error is the one to tell.
            with suppress(OSError):
                tmp.remove(name)
                tmp.remove(lock)


def make_durable(folder: Directory, otherwise: str) -> None:
    """Flush what took its place in `folder`. What that is stays if it fails; `otherwise` says so.

    Raises:
        StorageError: it begins with `otherwise`.
    """
    try:
        folder.sync()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StorageError(f"{otherwise}: {reason}", hint="lstmctl models list tells what is there") from error


def _fill(folder: Directory, files: Mapping[str, bytes]) -> None:
    """Folders first, so that a SHA256SUMS that comes last in `files` is written last."""
    inner: dict[str, dict[str, bytes]] = {}
    for path, data in files.items():
        name, slash, rest = path.partition("/")
        if slash:
            inner.setdefault(name, {})[rest] = data
    for name, content in inner.items():
        folder.make(name)
        with folder.enter(name) as below:
            _fill(below, content)
            below.sync()
    for path, data in files.items():
        if "/" not in path:
            folder.write(path, data)


def discard(home: Directory, folder: Directory, name: str) -> None:
    """Remove `name` with all that is in it: at once for all who look, however long the rest takes."""
    dead = f"{os.urandom(8).hex()}.dead"
    with home.enter(STAGING) as tmp:
        try:
            folder.rename(name, tmp, dead)
        except FileNotFoundError:
            return
        folder.sync()  # or a power cut could bring the name back with half of its content
        tmp.remove(dead)


def collect(home: Directory) -> None:
    """Remove what writers left that ended too soon. Never fails: what resists is left for the next time."""
    with home.enter(STAGING) as tmp:
        names = tmp.names()
        for name in names:
            with suppress(OSError):
                if name.endswith(".dead"):
                    tmp.remove(name)
                elif name.endswith(".lock"):
                    _collect_of(tmp, name.removesuffix(".lock"))
                elif f"{name}.lock" not in names and _is_orphan(tmp, name):
                    _bury(tmp, name)


def _collect_of(tmp: Directory, name: str) -> None:
    with locks.left_behind(tmp, f"{name}.lock") as left:
        if left:
            _bury(tmp, name)
            tmp.remove(f"{name}.lock")


def _bury(tmp: Directory, name: str) -> None:
    """Remove a folder that its owner, should it live after all, can then no longer give a place half removed."""
    with suppress(FileNotFoundError):
        tmp.rename(name, tmp, f"{name}.dead")
        tmp.remove(f"{name}.dead")


def _is_orphan(tmp: Directory, name: str) -> bool:
    status = tmp.status(name)
    return S_ISDIR(status.st_mode) and time.time() - status.st_mtime > ORPHAN_AGE
