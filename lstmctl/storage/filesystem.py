"""Durable writing and careful reading: all data that must last is written through this module.

A file or directory is written in full and flushed to disk (fsync) before one rename gives it its name; then the
directory that holds the name is flushed. So a name refers to complete data after a crash at any moment.

Work inside a directory uses its open descriptor and follows no links, so nothing that another user plants or swaps
there leads outside.
"""

import errno
import fcntl
import os
import shlex
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, BinaryIO, Self, cast

from lstmctl.errors import CannotCreate, Rejected, from_os_error

SAFE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # follow no links, do not wait for a pipe, close in children
_COPY_BYTES = 2**20  # bytes copied at a time
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_HARD_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


class System:
    """The system calls that change the disk or read files. `storage` makes no others; tests replace those of `system`
    to record them, to let them fail, or to simulate a kill.
    """

    open = staticmethod(os.open)
    read = staticmethod(os.read)
    write = staticmethod(os.write)
    close = staticmethod(os.close)
    mkdir = staticmethod(os.mkdir)
    rename = staticmethod(os.rename)
    link = staticmethod(os.link)
    unlink = staticmethod(os.unlink)
    rmdir = staticmethod(os.rmdir)
    flock = staticmethod(fcntl.flock)

    @staticmethod
    def fsync(descriptor: int) -> None:
        """Flush to the medium. macOS's fsync stops at the drive's cache; F_FULLFSYNC does not."""
        if (full := getattr(fcntl, "F_FULLFSYNC", None)) is not None:
            try:
                fcntl.fcntl(descriptor, full)
            except OSError as error:
                if error.errno not in (errno.ENOTSUP, errno.EINVAL, errno.ENOTTY):
                    raise
            else:
                return
        os.fsync(descriptor)


system = System()


@contextmanager
def os_errors(action: str, *, needed: int | None = None) -> Iterator[None]:
    """Translate operating-system errors met while doing `action` ("write /x/y"), which takes `needed` bytes of disk."""
    try:
        yield
    except OSError as error:
        translated = from_os_error(error, action)
        if needed is not None and error.errno in (errno.ENOSPC, errno.EDQUOT):
            translated.hint = f"{needed:,} bytes are needed; free some space and try again"
        raise translated from error


class Directory:
    """An open directory. Methods raise OSError, for `os_errors` to translate, and LstmctlErrors where they say so."""

    def __init__(self, descriptor: int, path: Path) -> None:
        self.descriptor = descriptor
        self.path = path

    @classmethod
    def open(cls, path: Path, *inside: str) -> Self:
        """The directory `path`, following links, and from there the subdirectories `inside`, following none."""
        directory = cls(system.open(path, _DIRECTORY), path)
        for name in inside:
            with directory:
                directory = directory.enter(name)
        return directory

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        os.close(self.descriptor)

    def enter(self, name: str) -> Self:
        """The subdirectory `name`, opened."""
        descriptor = system.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=self.descriptor)
        return type(self)(descriptor, self.path / name)

    def names(self) -> list[str]:
        """The names in the directory, sorted."""
        return sorted(os.listdir(self.descriptor))

    def status(self, name: str) -> os.stat_result:
        """The stat of an entry; for a link, of the link itself."""
        return os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)

    def read(self, name: str, *, limit: int) -> bytes:
        """The content of a regular file of at most `limit` bytes. FileNotFoundError, Rejected: another kind of file, or
        a larger one; PermissionDenied, StorageError.
        """
        try:
            descriptor = system.open(name, os.O_RDONLY | SAFE, dir_fd=self.descriptor)
        except FileNotFoundError:
            raise
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENXIO, errno.EOPNOTSUPP):  # a link or a socket
                raise _not_regular(name) from error
            raise from_os_error(error, f"read {self.path / name}") from error
        with os_errors(f"read {self.path / name}"):
            try:
                return _read(descriptor, name, limit)
            finally:
                os.close(descriptor)

    def write(self, name: str, data: bytes | IO[bytes], *, mode: int = 0o666) -> None:
        """Create a file. Its content is on disk when this returns; its name is after `sync`."""
        descriptor = system.open(name, _CREATE, mode, dir_fd=self.descriptor)
        try:
            _write(descriptor, data)
            system.fsync(descriptor)
        finally:
            system.close(descriptor)

    def sync(self) -> None:
        """Flush the names in this directory to disk."""
        try:
            system.fsync(self.descriptor)
        except OSError as error:
            if error.errno != errno.EINVAL:  # file systems that cannot flush directories, and need not
                raise

    def make(self, name: str) -> None:
        """Make a subdirectory unless it exists."""
        with suppress(FileExistsError):
            system.mkdir(name, dir_fd=self.descriptor)

    def rename(self, name: str, target: "Directory", new_name: str) -> None:
        """Move an entry to `target`. FileExistsError: it is a directory, and a non-empty one has the new name."""
        try:
            system.rename(name, new_name, src_dir_fd=self.descriptor, dst_dir_fd=target.descriptor)
        except OSError as error:
            if error.errno in (errno.EEXIST, errno.ENOTEMPTY):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target.path / new_name)) from error
            raise

    def remove(self, name: str) -> None:
        """Remove a file, or a directory with its content, if it exists. Follows no links."""
        with suppress(FileNotFoundError):
            if stat.S_ISDIR(self.status(name).st_mode):
                with self.enter(name) as subdirectory:
                    for entry in subdirectory.names():
                        subdirectory.remove(entry)
                system.rmdir(name, dir_fd=self.descriptor)
            else:
                system.unlink(name, dir_fd=self.descriptor)


@contextmanager
def open_regular(path: Path) -> Iterator[BinaryIO]:
    """A regular file for reading, through links; nothing is waited for. Rejected: it is a pipe or a device. OSError."""
    descriptor = system.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb", buffering=0) as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _not_regular(str(path))
        yield cast(BinaryIO, file)


def write_file(path: Path, data: bytes | IO[bytes], *, force: bool = False) -> None:
    """Write a complete file or none; an open file is copied from its start. Devices and pipes are written to directly.

    Raises:
        CannotCreate: the file exists and `force` is false, or its directory does not exist.
        PermissionDenied, StorageError.
    """
    size = len(data) if isinstance(data, bytes) else data.seek(0, os.SEEK_END)
    with os_errors(f"write {path}", needed=size):
        mode = path.stat().st_mode if path.exists() else 0
        if stat.S_ISDIR(mode):
            raise CannotCreate(f"{path} is a folder", hint="name a file in it")
        if mode and not stat.S_ISREG(mode):
            descriptor = system.open(path, os.O_WRONLY | os.O_CLOEXEC)
            try:
                _write(descriptor, data)
            finally:
                system.close(descriptor)
            return
        if mode and not force:
            raise _exists(path)
        target = Path(os.path.realpath(path))  # a link stays; the file it points to is written
        if not target.parent.is_dir():
            raise CannotCreate(
                f"there is no folder {target.parent}", hint=f"mkdir -p {shlex.quote(str(target.parent))}"
            )
        with Directory.open(target.parent) as directory:
            _write_atomically(directory, target.name, data, mode=stat.S_IMODE(mode or 0o666), force=force)


def _write_atomically(directory: Directory, name: str, data: bytes | IO[bytes], *, mode: int, force: bool) -> None:
    temporary = f".lstmctl-{os.urandom(8).hex()}.tmp"
    try:
        directory.write(temporary, data, mode=mode)
        if force or not _link(directory, temporary, name):
            directory.rename(temporary, directory, name)
        directory.sync()
    finally:
        with suppress(OSError):
            system.unlink(temporary, dir_fd=directory.descriptor)


def _link(directory: Directory, temporary: str, name: str) -> bool:
    """Name the file unless the name is taken, which rename cannot do; False if there are no hard links here."""
    try:
        system.link(temporary, name, src_dir_fd=directory.descriptor, dst_dir_fd=directory.descriptor)
    except FileExistsError as error:
        raise _exists(directory.path / name) from error
    except OSError as error:
        if error.errno in _NO_HARD_LINKS:
            return False
        raise
    return True


def _write(descriptor: int, data: bytes | IO[bytes]) -> None:
    if not isinstance(data, bytes):
        data.seek(0)
    for chunk in [data] if isinstance(data, bytes) else iter(partial(data.read, _COPY_BYTES), b""):
        unwritten = memoryview(chunk)
        while unwritten:
            unwritten = unwritten[system.write(descriptor, unwritten) :]


def _read(descriptor: int, name: str, limit: int) -> bytes:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise _not_regular(name)
    if status.st_size > limit:
        message = f"{name} has {status.st_size:,} bytes, over the limit of {limit:,}"
        raise Rejected(message, hint="check that it is the right file")
    chunks, left = [], status.st_size
    while left and (chunk := system.read(descriptor, left)):
        chunks.append(chunk)
        left -= len(chunk)
    if left:
        raise Rejected(f"{name} became shorter while it was read", hint="try again")
    return b"".join(chunks)


def _exists(path: Path) -> CannotCreate:
    return CannotCreate(f"{path} exists", hint="--force overwrites it")


def _not_regular(name: str) -> Rejected:
    return Rejected(f"{name} is not a regular file", hint="copy its content to a regular file, and name that")
