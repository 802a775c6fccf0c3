"""Which files are meant where many are named at once: a folder, or a pattern with `*`, `?` or `[…]`."""

import glob
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from lstmctl.data.opening import check_file, display, not_readable
from lstmctl.data.rows import SUFFIXES, format_of
from lstmctl.errors import NotFound, UsageError


class Inputs(NamedTuple):
    """Absolute paths in the order of their names, each once, with their formats; and what a folder has besides."""

    files: dict[Path, str]
    left_out: list[Path]


def is_several(named: str) -> bool:
    """Whether this names a folder or a pattern, rather than one file."""
    return not os.path.isfile(named) and (os.path.isdir(named) or glob.has_magic(named))


def find_inputs(named: str, *, format: str | None, labelled: bool = False) -> Inputs:  # noqa: A002
    """The file of that name; else all files in the folder of that name, or that the pattern finds. Hidden ones are not
    looked at. In a folder, files whose names tell no format are left out, unless `format` says what they are.

    Raises:
        NotFound: there is no such file. UsageError: the name of a file tells no format. PermissionDenied, StorageError.
    """
    if named == "-":
        raise UsageError("standard input cannot be cut into pieces", hint="write it to a file and name that")
    path = Path(named)
    if not is_several(named):
        check_file(path)
        return Inputs({_absolute(path): format or format_of(path, labelled=labelled)}, [])
    if path.is_dir():
        found = sorted(_below(path))
    else:
        names = glob.glob(named, recursive=True)
        found = sorted(Path(name) for name in names if os.path.isfile(name))
    files: dict[Path, str] = {}
    left_out = []
    for file in found:
        try:
            files[_absolute(file)] = format or format_of(file, labelled=labelled)
        except UsageError:
            if not path.is_dir():
                raise
            left_out.append(file)
    if not files:
        if path.is_dir():
            hint = f"names end in {' '.join(SUFFIXES)} .txt, all also with .gz or .xz"
            raise NotFound(f"the folder {display(path)} has no files that can be read", hint=hint)
        raise NotFound(f"there is no file {named}", hint=f"ls {named} finds none either")
    return Inputs(files, left_out)


def _below(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise not_readable(error, Path(error.filename or folder))

    for where, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (path for name in names if not name.startswith(".") and (path := Path(where, name)).is_file())


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))
