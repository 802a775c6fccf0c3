"""Names that stand for several files: folders, and patterns with `*`, `?` or `[…]`."""

import glob
import os
from pathlib import Path


def is_folder_or_pattern(name: str) -> bool:
    """Whether this names a folder or a pattern, rather than one file."""
    return not os.path.isfile(name) and (os.path.isdir(name) or glob.has_magic(name))


def matching(pattern: str) -> list[Path]:
    """The files that match a pattern, sorted."""
    return sorted(Path(match) for match in set(glob.glob(pattern, recursive=True)) if os.path.isfile(match))


def folder_of(pattern: str) -> Path:
    """The folder before the first special character of a pattern.

    >>> folder_of("shops/*/[ab].csv")
    PosixPath('shops')
    """
    path = Path(pattern)
    while glob.has_magic(str(path)):
        path = path.parent
    return path
