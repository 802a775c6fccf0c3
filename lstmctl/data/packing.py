"""Packed files: the bytes of a .gz, .bz2, .xz, .zst or .zip file, of which a .zip file has exactly one member."""

import bz2
import errno
import gzip
import io
import lzma
import os
import shlex
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, cast

from lstmctl.data.about import is_about
from lstmctl.errors import BadData, MissingExtra

PACKED = {".gz": "gzip", ".xz": "xz", ".bz2": "bzip2", ".zst": "zstd", ".zip": "zip"}  # suffix → program
_ZSTD_INPUT = 1024  # bytes at a time: they may unpack to tens of megabytes
_MAX_ZSTD_WINDOW = 2**27
_ZIP_ERRORS = (zipfile.BadZipFile, ValueError, OverflowError, RuntimeError, EOFError, struct.error)
_IGNORED = ("__MACOSX/", ".DS_Store")


def unpack_errors() -> tuple[type[Exception], ...]:
    """What reading damaged packed data raises. An OSError of this kind has no errno."""
    return (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError, zipfile.BadZipFile, NotImplementedError, _Damaged)


class _Damaged(Exception):
    """Zstandard data that is damaged."""


def unpack_command(name: str) -> str:
    """The shell command that writes the unpacked bytes of a file to its standard output."""
    suffix = os.path.splitext(name)[1].lower()
    if suffix == ".zip":
        return f"unzip -p {shlex.quote(name)}"
    return f"{PACKED[suffix]} -dc < {shlex.quote(name)}"


def repaired_path(name: str) -> str:
    """Where a command that repairs a file writes: not in the folder of the data."""
    stem, suffix = os.path.splitext(os.path.basename(name))
    return os.path.join(tempfile.gettempdir(), f"{stem}.repaired{suffix}")


@contextmanager
def unpack(file: IO[bytes], path: Path, name: str) -> Iterator[IO[bytes]]:
    """The unpacked bytes of an open file; `name` is what errors call it.

    Raises:
        BadData: a .zip file that is damaged, encrypted, or has no file or several.
        MissingExtra: .zst without zstandard.
        While reading: one of `unpack_errors`.
    """
    suffix = path.suffix.lower()
    if suffix == ".gz":
        with gzip.GzipFile(fileobj=file) as unpacked:
            yield cast(IO[bytes], unpacked)
    elif suffix == ".xz":
        with lzma.LZMAFile(file) as unpacked_xz:
            yield unpacked_xz
    elif suffix == ".bz2":
        with bz2.BZ2File(file) as unpacked_bz2:
            yield unpacked_bz2
    elif suffix == ".zst":
        yield io.BufferedReader(_Zstd(file))
    else:
        with _open_member(file, name) as member:
            yield member


@contextmanager
def _open_member(file: IO[bytes], name: str) -> Iterator[IO[bytes]]:
    """The only file of a .zip archive, apart from those about the data."""
    with ExitStack() as opened:
        try:
            archive = opened.enter_context(zipfile.ZipFile(file))
            member = opened.enter_context(archive.open(_only_member(archive, name)))
        except NotImplementedError as error:
            message = f"{name}: the zip archive is packed in a way that is not supported"
            raise BadData(message, hint=f"{unpack_command(name)} > {repaired_path(name)}") from error
        except (*_ZIP_ERRORS, OSError) as error:
            if isinstance(error, OSError) and error.errno != errno.EINVAL:  # a position that cannot be right
                raise
            raise BadData(f"{name}: the zip archive is damaged", hint="copy or pack the file again") from error
        yield cast(IO[bytes], io.BufferedReader(cast(Any, member), 2**16))


def member_name(path: Path) -> str:
    """The name of the only file in a .zip file, which tells its format; "" if there is no such file."""
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            return _only_member(archive, path.name).filename
    except (*_ZIP_ERRORS, OSError, NotImplementedError, BadData):
        return ""


def _only_member(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    members = [
        member
        for member in archive.infolist()
        if not member.is_dir() and not member.filename.startswith(_IGNORED) and not member.filename.endswith(_IGNORED)
    ]
    if not members:
        raise BadData(f"{name}: the zip archive is empty", hint="copy or pack the file again")
    data = [member for member in members if not is_about(Path(member.filename))]
    if len(data) == 1:
        return _readable(data[0], name)
    if len(members) > 1:
        shown = ", ".join(member.filename for member in members[:5]) + (", …" if len(members) > 5 else "")
        out = shlex.quote(os.path.join(tempfile.gettempdir(), os.path.splitext(os.path.basename(name))[0]))
        password = "-P PASSWORD " * any(_is_encrypted(member) for member in members)
        hint = f"unzip -q {password}{shlex.quote(name)} -d {out}, and name the folder {out}/"
        raise BadData(f"{name}: the zip archive has {len(members):,} files: {shown}", hint=hint)
    return _readable(members[0], name)


def _readable(member: zipfile.ZipInfo, name: str) -> zipfile.ZipInfo:
    if _is_encrypted(member):
        out = os.path.join(tempfile.gettempdir(), os.path.basename(member.filename) or "data")
        quoted = f"{shlex.quote(name)} {shlex.quote(member.filename)} > {shlex.quote(out)}"
        raise BadData(f"{name}: the zip archive is encrypted", hint=f"unzip -P PASSWORD -p {quoted}")
    return member


def _is_encrypted(member: zipfile.ZipInfo) -> bool:
    return bool(member.flag_bits & 1)


class _Zstd(io.RawIOBase):
    """The unpacked bytes of Zstandard frames. The reader of zstandard ends silently where data is missing."""

    def __init__(self, file: IO[bytes]) -> None:
        try:
            import zstandard
        except ModuleNotFoundError:
            raise MissingExtra("zstandard", extra="zstd") from None
        self._file, self._error = file, zstandard.ZstdError
        self._new_frame = zstandard.ZstdDecompressor(max_window_size=_MAX_ZSTD_WINDOW).decompressobj
        self._frame: Any = None  # while inside one
        self._ready, self._rest = memoryview(b""), b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def]  # any writable buffer
        while not self._ready:
            raw = self._rest or self._file.read(_ZSTD_INPUT)
            self._rest = b""
            if not raw:
                if self._frame is not None:
                    raise EOFError
                return 0
            self._frame = self._frame if self._frame is not None else self._new_frame()
            try:
                self._ready = memoryview(self._frame.decompress(raw))
            except self._error as error:
                raise _Damaged(str(error)) from error
            if self._frame.eof:
                self._rest, self._frame = self._frame.unused_data, None
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size
