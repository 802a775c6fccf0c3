"""A model as a single file: a tar archive of its folder's files, readable with `tar`.

The same model gives the same bytes: files have a fixed order, time, owner and mode. A reader expects exactly these
bytes around the files: it builds each header anew and compares. So links, paths, devices and extensions of the format
are impossible.
"""

import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from lstmctl.errors import NotFound, Rejected
from lstmctl.registry.artifact import CARD, FILES, check_files, file_limits, parse_card
from lstmctl.registry.card import CARD_LIMIT
from lstmctl.storage.filesystem import os_errors

_BLOCK = 512
_END = bytes(2 * _BLOCK)
_SIZE = slice(124, 135)  # the size of a member, in its header: 11 octal digits


def pack(files: Mapping[str, bytes]) -> bytes:
    """The archive of a model's files."""
    parts = []
    for name in FILES:
        data = files[name]
        parts += [_header(name, len(data)), data, bytes(-len(data) % _BLOCK)]
    return b"".join(parts) + _END


def read(path: Path) -> dict[str, bytes]:
    """The files of a model in an archive, all of them checked; `-` is stdin.

    Raises:
        NotFound: there is no such file. Rejected: it cannot be used. PermissionDenied, StorageError.
    """
    with os_errors(f"read {path}"):
        if str(path) == "-":
            files = read_members(sys.stdin.buffer, "-")
        else:
            try:
                with path.open("rb") as file:
                    files = read_members(file, str(path))
            except (FileNotFoundError, IsADirectoryError) as error:
                hint = "lstmctl models export imdb@1 -o FILE makes one"
                raise NotFound(f"there is no file {path}", hint=hint) from error
    check_files(files, str(path))
    return files


def read_members(file: BinaryIO, path: str) -> dict[str, bytes]:
    """The files of an archive, not yet checked. The card comes first; it determines the maximum size of the others."""
    files: dict[str, bytes] = {}
    limits = {CARD: CARD_LIMIT}
    for name in FILES:
        size = _read_size(file.read(_BLOCK), name, path)
        if size > limits[name]:
            raise _rejected(path, f"its {name} has {size:,} bytes, over the limit of {limits[name]:,}")
        padded = size + -size % _BLOCK
        data = file.read(padded)
        if len(data) != padded or any(data[size:]):
            raise _rejected(path, f"its {name} is cut off")
        files[name] = data[:size]
        if name == CARD:
            limits = file_limits(parse_card(files[name], path).config)
    if file.read(len(_END) + 1) != _END:
        raise _rejected(path, "it has the wrong end")
    return files


def _read_size(header: bytes, name: str, path: str) -> int:
    """The file size in a header whose other fields are all as expected."""
    digits = header[_SIZE]
    size = int(digits, 8) if len(digits) == 11 and not digits.strip(b"01234567") else -1
    if size < 0 or header != _header(name, size):
        raise _rejected(path, f"it is not a model that lstmctl exported: {name} is missing or in the wrong position")
    return size


def _header(name: str, size: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o644
    return member.tobuf(tarfile.USTAR_FORMAT)


def _rejected(path: str, reason: str) -> Rejected:
    return Rejected(f"{path} cannot be used: {reason}", hint="lstmctl models export imdb@1 -o FILE makes such a file")
