"""Standard input as a file: kept in the home, so that a run can be resumed and its model evaluated.

The name is a hash of the content, with the suffix of the format that the first bytes look like.
"""

import bz2
import gzip
import hashlib
import lzma
import zlib
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import BinaryIO

from lstmctl.data.formats import FORMATS, format_of_head
from lstmctl.data.opening import MAX_UNPACKED_BYTES
from lstmctl.data.packing import PACKED
from lstmctl.errors import BadData, NotFound, UsageError, from_os_error
from lstmctl.storage.filesystem import os_errors, write_file

STDIN = "-"
_READ_BYTES = 2**20
_MAGIC = {b"\x1f\x8b": ".gz", b"\xfd7zXZ\0": ".xz", b"BZh": ".bz2"}
_IN_MEMORY = 2**24
MAX_BYTES = MAX_UNPACKED_BYTES  # more cannot be read back


def spool(stream: BinaryIO | None, home: Path) -> Path:
    """Copy a stream into the folder `data/stdin` of the home; the file, which equal streams share.

    Raises:
        NotFound: the stream is closed. UsageError: it is a terminal. BadData: it is empty. StorageError, CannotCreate,
        PermissionDenied: it cannot be kept.
    """
    if stream is None:
        raise NotFound("cannot read standard input: it is closed", hint="--data FILE reads a file")
    if stream.isatty():
        raise UsageError("--data - reads standard input, which is a terminal", hint="… | lstmctl train --data -")
    folder = home / "data" / "stdin"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise from_os_error(error, f"create {folder}") from error
    digest = hashlib.sha256()
    with (
        os_errors(f"keep standard input in {folder}"),
        SpooledTemporaryFile(max_size=_IN_MEMORY, dir=str(folder)) as copy,
    ):
        head, size = b"", 0
        while block := stream.read(_READ_BYTES):
            size += len(block)
            if size > MAX_BYTES:
                message = f"standard input has over {MAX_BYTES:,} bytes"
                raise BadData(message, hint="write it to files, and name their folder: --data DIR")
            head = head or block
            digest.update(block)
            copy.write(block)
        if not head:
            raise BadData("standard input is empty", hint="--data FILE reads a file")
        path = folder / f"stdin-{digest.hexdigest()[:16]}{find_suffix(head)}"
        if not path.exists():
            write_file(path, copy, force=True)
    return path


def find_suffix(head: bytes) -> str:
    """The suffix for data that starts so.

    >>> find_suffix(b'{"text": "a"}'), find_suffix(b"text\\tlabel\\n"), find_suffix(b"text,label\\n")
    ('.jsonl', '.tsv', '.csv')
    """
    for magic, suffix in _MAGIC.items():
        if head.startswith(magic):
            if suffix not in PACKED:
                raise BadData(f"standard input is packed as {suffix}", hint=f"unpack it: known are {' '.join(PACKED)}")
            return find_suffix(_unpack(head, suffix)) + suffix
    line = head.lstrip().partition(b"\n")[0]
    by_header = "tsv" if line.count(b"\t") > line.count(b",") else "csv"
    name = "parquet" if head.startswith(b"PAR1") else format_of_head(head) or by_header
    return FORMATS[name].suffixes[0]


def _unpack(head: bytes, suffix: str) -> bytes:
    try:
        if suffix == ".gz":
            return zlib.decompressobj(wbits=zlib.MAX_WBITS | 16).decompress(head, _READ_BYTES)
        return (lzma.LZMADecompressor() if suffix == ".xz" else bz2.BZ2Decompressor()).decompress(head, _READ_BYTES)
    except (zlib.error, gzip.BadGzipFile, lzma.LZMAError, OSError, EOFError) as error:
        raise BadData(f"standard input starts as {suffix} data, but is damaged", hint="pack it again") from error
