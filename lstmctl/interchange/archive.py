"""One model as one file: a tar archive of its folder's files, which `tar` can read, and of which nothing is guessed.

The same model gives the same bytes: the files come in a fixed order, with a fixed time, owner and mode. Reading expects
just these bytes around the files: every header is made anew from what it should say, and compared. So there are no
links, no paths, no devices and no extensions of the format that a stranger could make use of.
"""

import re
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from lstmctl.errors import NotFound, Rejected
from lstmctl.registry.artifact import FILES, limits, unpack_card, verify_files
from lstmctl.registry.card import ModelCard
from lstmctl.registry.names import name_like
from lstmctl.storage.filesystem import os_errors

_BLOCK = 512
_END = bytes(2 * _BLOCK)
_SIZE = slice(124, 135)  # of a member, in a header: 11 octal digits


def export(files: Mapping[str, bytes]) -> bytes:
    """The archive of a model's files."""
    pieces = []
    for name in FILES:
        data = files[name]
        pieces += [_header(name, len(data)), data, bytes(-len(data) % _BLOCK)]
    return b"".join(pieces) + _END


def read(path: Path) -> tuple[ModelCard, dict[str, bytes]]:
    """A model's card and files from an archive, all of them checked; `-` is stdin.

    Raises:
        NotFound: there is no such file. Rejected: it is not such an archive, or not of a model that can be used.
        PermissionDenied, StorageError.
    """
    with os_errors(f"read {path}"):
        if str(path) == "-":
            files = read_members(sys.stdin.buffer, "-")
            return verify_files(files, "-"), files
        try:
            with path.open("rb") as file:
                files = read_members(file, str(path))
        except (FileNotFoundError, IsADirectoryError) as error:
            raise NotFound(f"there is no file {path}", hint="lstmctl models export imdb@1 -o FILE makes one") from error
    return verify_files(files, str(path)), files


def name_from(file: str) -> str:
    """The name that a model from a file has by default: `imdb-3.lstmctl` → `imdb`."""
    return name_like(re.sub("-[0-9]+$", "", Path(file).stem), otherwise="imported")


def read_members(file: BinaryIO, path: str) -> dict[str, bytes]:
    """The files of an archive, not yet checked. Each may be as large as the card, which comes first, allows."""
    files: dict[str, bytes] = {}
    allowed = limits(None)
    for name in FILES:
        size = _size(file.read(_BLOCK), name, path)
        if size > allowed[name]:
            raise _rejected(path, f"its {name} has {size:,} bytes; at most {allowed[name]:,} make sense")
        padded = size + -size % _BLOCK
        data = file.read(padded)
        if len(data) != padded or any(data[size:]):
            raise _rejected(path, f"its {name} ends too early")
        files[name] = data[:size]
        if name == FILES[0]:
            allowed = limits(unpack_card(files[name], path).config)
    if file.read(len(_END) + 1) != _END:
        raise _rejected(path, "it does not end where it should")
    return files


def _size(header: bytes, name: str, path: str) -> int:
    """What a header says of its file's size, once all else in it is as it should be."""
    digits = header[_SIZE]
    size = int(digits, 8) if len(digits) == 11 and not digits.strip(b"01234567") else -1
    if size < 0 or header != _header(name, size):
        raise _rejected(path, f"it is not a model that lstmctl exported: {name} is not where it should be")
    return size


def _header(name: str, size: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o644
    return member.tobuf(tarfile.USTAR_FORMAT)


def _rejected(path: str, reason: str) -> Rejected:
    return Rejected(f"{path} cannot be used: {reason}", hint="lstmctl models export imdb@1 -o FILE makes such a file")
