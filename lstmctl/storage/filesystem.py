"""The system calls by which the disk is changed and files are read. Tests replace those of `system` to record, fail or
kill.

`filesystem` and `locks` make no others.

Durable writing and careful reading: whatever lasts is written through this module.

A file or folder is written in full and flushed to the disk (fsync) before it gets its name by one rename; then the
folder that holds the name is flushed. So a name leads to something whole after a crash at any moment.

Work below a folder goes through its open descriptor and follows no link, so nothing that others plant or swap there
leads outside.
"""

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from lstmctl.errors import CannotCreate, Rejected, from_os_error


class System:
    """One attribute a call."""

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


SAFE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # no links, no waiting for a pipe's other end, none for children
_COPY_BYTES = 2**20  # bytes that are copied at a time
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_HARD_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


@contextmanager
def os_errors(action: str, *, needed: int | None = None) -> Iterator[None]:
    """Turn operating-system errors met while doing `action` ("write /x/y"), which takes `needed` bytes, into ours."""
    try:
        yield
    except OSError as error:
        ours = from_os_error(error, action)
        if needed is not None and error.errno in (errno.ENOSPC, errno.EDQUOT):
            ours.hint = f"{needed:,} bytes are needed; free some space and try again"
        raise ours from error


class Directory:
    """An open folder. Its methods raise OSError, for `os_errors` to translate, and where it says so our own errors."""

    def __init__(self, descriptor: int, path: Path) -> None:
        self.descriptor = descriptor
        self.path = path

    @classmethod
    def open(cls, path: Path, *inside: str) -> Self:
        """The folder `path`, links followed, and from there on into `inside`, where none is followed."""
        folder = cls(system.open(path, _DIRECTORY), path)
        for name in inside:
            with folder:
                folder = folder.enter(name)
        return folder

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self.descriptor)

    def enter(self, name: str) -> Self:
        """The folder of that name in this one."""
        descriptor = system.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=self.descriptor)
        return type(self)(descriptor, self.path / name)

    def names(self) -> list[str]:
        """What is in the folder, sorted."""
        return sorted(os.listdir(self.descriptor))

    def status(self, name: str) -> os.stat_result:
        """What `name` is; of a link, the link itself."""
        return os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)

    def read(self, name: str, *, limit: int) -> bytes:
        """A regular file of at most `limit` bytes, read once.

        Raises:
            FileNotFoundError: there is none. Rejected: it is something else, or larger. PermissionDenied, StorageError.
        """
        try:
            descriptor = system.open(name, os.O_RDONLY | SAFE, dir_fd=self.descriptor)
        except FileNotFoundError:
            raise
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENXIO, errno.EOPNOTSUPP):  # a link or a socket
                raise Rejected(f"{name} is not a regular file", hint="put a copy of it there") from error
            raise from_os_error(error, f"read {self.path / name}") from error
        with os_errors(f"read {self.path / name}"):
            try:
                return _read(descriptor, name, limit)
            finally:
                os.close(descriptor)

    def write(self, name: str, data: bytes | IO[bytes], *, mode: int = 0o666) -> None:
        """Make a new file; its content is on the disk when this returns. For its name, `sync`."""
        descriptor = system.open(name, _CREATE, mode, dir_fd=self.descriptor)
        try:
            _write(descriptor, data)
            system.fsync(descriptor)
        finally:
            system.close(descriptor)

    def sync(self) -> None:
        """Flush the names in this folder to the disk."""
        try:
            system.fsync(self.descriptor)
        except OSError as error:
            if error.errno != errno.EINVAL:  # said by file systems that cannot flush folders, and need not
                raise

    def make(self, name: str) -> None:
        """Make a folder in this one, unless it is there."""
        with suppress(FileExistsError):
            system.mkdir(name, dir_fd=self.descriptor)

    def rename(self, name: str, target: "Directory", new_name: str) -> None:
        """Move something of this folder to `target`.

        Raises:
            FileExistsError: a folder is moved, and there is one already that is not empty.
        """
        try:
            system.rename(name, new_name, src_dir_fd=self.descriptor, dst_dir_fd=target.descriptor)
        except OSError as error:
            if error.errno in (errno.EEXIST, errno.ENOTEMPTY):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target.path / new_name)) from error
            raise

    def remove(self, name: str) -> None:
        """Remove a file, or a folder with all that is in it; what is gone already is fine. No link is followed."""
        with suppress(FileNotFoundError):
            if stat.S_ISDIR(self.status(name).st_mode):
                with self.enter(name) as inner:
                    for each in inner.names():
                        inner.remove(each)
                system.rmdir(name, dir_fd=self.descriptor)
            else:
                system.unlink(name, dir_fd=self.descriptor)


def write_file(path: Path, data: bytes | IO[bytes], *, force: bool = False) -> None:
    """Write a file whole or not at all; devices and pipes are simply written to. Of an open file, all its content.

    Raises:
        CannotCreate: the file exists and `force` is not given, or there is no such folder.
        PermissionDenied, StorageError: from the operating system.
    """
    with os_errors(f"write {path}", needed=_size(data)):
        mode = path.stat().st_mode if path.exists() else None
        if mode is not None and not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            _write_into(path, data)
            return
        if mode is not None and stat.S_ISDIR(mode):
            raise CannotCreate(f"{path} is a folder", hint="name a file in it")
        if mode is not None and not force:
            raise CannotCreate(f"{path} exists", hint="--force overwrites it")
        target = Path(os.path.realpath(path))  # a link stays, and what it leads to is written
        if not target.parent.is_dir():
            raise CannotCreate(f"there is no folder {target.parent}", hint=f"mkdir -p '{target.parent}'")
        with Directory.open(target.parent) as folder:
            _write_whole(folder, target.name, data, mode=stat.S_IMODE(mode or 0o666), force=force)


def _write_whole(folder: Directory, name: str, data: bytes | IO[bytes], *, mode: int, force: bool) -> None:
    temporary = f".lstmctl-{os.urandom(8).hex()}.tmp"
    try:
        folder.write(temporary, data, mode=mode)
        if force or not _link(folder, temporary, name):
            folder.rename(temporary, folder, name)
        folder.sync()
    finally:
        with suppress(OSError):
            system.unlink(temporary, dir_fd=folder.descriptor)


def _link(folder: Directory, temporary: str, name: str) -> bool:
    """Give the file its name unless that is taken, which a rename cannot; False where there are no hard links."""
    try:
        system.link(temporary, name, src_dir_fd=folder.descriptor, dst_dir_fd=folder.descriptor)
    except FileExistsError as error:
        raise CannotCreate(f"{folder.path / name} exists", hint="--force overwrites it") from error
    except OSError as error:
        if error.errno in _NO_HARD_LINKS:
            return False
        raise
    return True


def _write_into(path: Path, data: bytes | IO[bytes]) -> None:
    descriptor = system.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        _write(descriptor, data)
    finally:
        system.close(descriptor)


def _write(descriptor: int, data: bytes | IO[bytes]) -> None:
    if not isinstance(data, bytes):
        data.seek(0)
    for piece in [data] if isinstance(data, bytes) else iter(partial(data.read, _COPY_BYTES), b""):
        rest = memoryview(piece)
        while rest:
            rest = rest[system.write(descriptor, rest) :]


def _size(data: bytes | IO[bytes]) -> int:
    return len(data) if isinstance(data, bytes) else data.seek(0, os.SEEK_END)


def _read(descriptor: int, name: str, limit: int) -> bytes:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise Rejected(f"{name} is not a regular file", hint="put a copy of it there")
    if status.st_size > limit:
        raise Rejected(
            f"{name} has {status.st_size:,} bytes; at most {limit:,} make sense", hint="is it the right file?"
        )
    pieces, left = [], status.st_size
    while left and (piece := system.read(descriptor, left)):
        pieces.append(piece)
        left -= len(piece)
    if left:
        raise Rejected(f"{name} became shorter while it was read", hint="try again")
    return b"".join(pieces)
