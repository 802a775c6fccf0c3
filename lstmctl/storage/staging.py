"""Staging: a directory is filled in `tmp` and gets its final name by one rename, complete or not at all.

    tmp/<16 hex>/        being written
    tmp/<16 hex>.lock    held as long as its writer lives
    tmp/<16 hex>.dead    being removed

In every function, `home` is the open directory that contains `tmp`.
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
ORPHAN_AGE = 24 * 3600.0  # seconds after which a directory without a lock file is removed
_LOCK_TIMEOUT = 10.0


class Staged:
    """A directory of files that are complete and on disk, but do not have their final name yet.

    Methods raise Busy if the directory is gone, and OSError.
    """

    def __init__(self, tmp: Directory, name: str) -> None:
        self._tmp = tmp
        self._name = name

    def move(self, target: Directory, name: str) -> None:
        """Move the directory to its final name; FileExistsError: it is taken. Sync `target` next to make it durable."""
        with self._enter() as directory:
            directory.sync()  # its names belong to the complete data
        self._tmp.rename(self._name, target, name)

    def move_file(self, file: str, target: Directory, name: str) -> None:
        """Move one file to its final name, replacing what has it. Sync `target` next to make it durable."""
        with self._enter() as directory:
            directory.rename(file, target, name)

    def _enter(self) -> Directory:
        """Where locks have no effect between machines, another one may have removed the directory as a leftover."""
        try:
            return self._tmp.enter(self._name)
        except FileNotFoundError as error:
            message = f"{self._tmp.path / self._name} was removed by another process"
            raise Busy(message, hint="try again") from error


@contextmanager
def stage_files(home: Directory, files: Mapping[str, bytes]) -> Iterator[Staged]:
    """Write files, given by path ("state.json", "model/model.json"), and flush them to disk. What is not moved by the
    end of the `with` block is removed.
    """
    name = os.urandom(8).hex()
    lock = f"{name}.lock"
    with home.enter(STAGING) as tmp:
        try:
            with locks.lock(tmp, lock, timeout=_LOCK_TIMEOUT, what=f"{tmp.path / lock} is held"):
                tmp.make(name)
                with tmp.enter(name) as directory:
                    _write_files(directory, files)
                yield Staged(tmp, name)
        finally:
            # `remove_leftovers` removes later what cannot be removed now; the first error is the one to report.
            with suppress(OSError):
                tmp.remove(name)
                tmp.remove(lock)


def _write_files(directory: Directory, files: Mapping[str, bytes]) -> None:
    """Subdirectories first, so that a SHA256SUMS at the end of `files` is written last."""
    nested: dict[str, dict[str, bytes]] = {}
    for path, data in files.items():
        name, slash, remainder = path.partition("/")
        if slash:
            nested.setdefault(name, {})[remainder] = data
    for name, content in nested.items():
        directory.make(name)
        with directory.enter(name) as subdirectory:
            _write_files(subdirectory, content)
            subdirectory.sync()
    for path, data in files.items():
        if "/" not in path:
            directory.write(path, data)


def make_durable(directory: Directory, warning: str) -> None:
    """Flush the new names in `directory` to disk. A failure undoes nothing: the StorageError begins with `warning`."""
    try:
        directory.sync()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StorageError(f"{warning}: {reason}", hint="lstmctl models list shows the models") from error


def discard(home: Directory, directory: Directory, name: str) -> None:
    """Remove an entry of `directory` with its content: the name is gone at once, however long the removal takes."""
    dead = f"{os.urandom(8).hex()}.dead"
    with home.enter(STAGING) as tmp:
        try:
            directory.rename(name, tmp, dead)
        except FileNotFoundError:
            return
        directory.sync()  # or a power cut could bring the name back with half of its content
        tmp.remove(dead)


def remove_leftovers(home: Directory) -> None:
    """Remove what writers left that ended early. Never fails: what cannot be removed is left for the next time."""
    with home.enter(STAGING) as tmp:
        names = tmp.names()
        for name in names:
            with suppress(OSError):
                if name.endswith(".dead"):
                    tmp.remove(name)
                elif name.endswith(".lock"):
                    with locks.lock_abandoned(tmp, name) as abandoned:
                        if abandoned:
                            _remove_staged(tmp, name.removesuffix(".lock"))
                            tmp.remove(name)
                elif f"{name}.lock" not in names and _is_orphan(tmp, name):
                    _remove_staged(tmp, name)


def _remove_staged(tmp: Directory, name: str) -> None:
    """Rename before removing: should its owner still live, it can no longer move a half-removed directory."""
    with suppress(FileNotFoundError):
        tmp.rename(name, tmp, f"{name}.dead")
        tmp.remove(f"{name}.dead")


def _is_orphan(tmp: Directory, name: str) -> bool:
    status = tmp.status(name)
    return S_ISDIR(status.st_mode) and time.time() - status.st_mtime > ORPHAN_AGE
