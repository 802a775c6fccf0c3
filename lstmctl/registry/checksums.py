"""SHA256SUMS: a line for each file, as `sha256sum -c SHA256SUMS` reads it."""

import hashlib
import re
from collections.abc import Mapping

NAME = "SHA256SUMS"
LIMIT = 65_536  # bytes
_LINE = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9_-][A-Za-z0-9._/-]{0,199})")


def of(files: Mapping[str, bytes]) -> bytes:
    """The content of SHA256SUMS for these files, sorted by name."""
    return "".join(f"{digest(files[name])}  {name}\n" for name in sorted(files)).encode()


def parse(data: bytes) -> dict[str, str]:
    """File name → SHA-256 in hexadecimal.

    Raises:
        ValueError: saying what is wrong.
    """
    lines = data.decode("ascii").split("\n")
    if lines.pop():
        raise ValueError("has a last line that does not end")
    sums: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        match = _LINE.fullmatch(line)
        if match is None or match[2] in sums:
            raise ValueError(f"has a line {number} that is not the sum of one more file")
        sums[match[2]] = match[1]
    return sums


def digest(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()
