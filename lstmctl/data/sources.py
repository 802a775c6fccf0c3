"""From what a user names to labelled rows: named sets, files and folders, each whole or in the parts it brings.

Which files are meant where many are named at once: a folder, or a pattern with `*`, `?` or `[…]`.
"""

import glob
import os
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import NamedTuple

from lstmctl.config import DataConfig
from lstmctl.data.columns import Row
from lstmctl.data.folders import read_folder
from lstmctl.data.formats import SUFFIXES, format_of, read_rows
from lstmctl.data.named import NAMES, read_named
from lstmctl.data.opening import check_file, display, not_readable, without_packing
from lstmctl.errors import NotFound, UsageError, closest_names

WHOLE = ""  # the part of rows that are not in parts yet
_NOTES = 3  # files that are left out and named


class Source(NamedTuple):
    """Labelled rows, readable once, each with the part it belongs to: WHOLE, "train", "validation" or "test"."""

    name: str
    rows: Iterator[tuple[str, Row]]
    notes: tuple[str, ...] = ()
    has_columns: bool = False


def resolve_source(name_or_path: str, *, cwd: Path | None = None) -> str:
    """What `DataConfig.source` holds: the name of a data set, or an absolute path.

    A bare word is a name; with a / or a file suffix it is a path, whether or not there is such a file.

    Raises:
        NotFound: no data set has that name.
        UsageError: standard input, which cannot be read again later.
    """
    cwd = cwd if cwd is not None else Path.cwd()
    if name_or_path in NAMES:
        return name_or_path
    if name_or_path == "-":
        raise UsageError("labelled data cannot come from standard input", hint="write it to a file and name that")
    if "/" in name_or_path or PurePath(name_or_path).suffix or name_or_path in (".", ".."):
        return os.path.normpath(cwd / name_or_path)
    if name_or_path and os.path.lexists(cwd / name_or_path):
        hint = f"./{name_or_path} is the {'folder' if (cwd / name_or_path).is_dir() else 'file'} of that name"
    else:
        near = closest_names(name_or_path, NAMES)
        hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(NAMES)}; a file needs its path"
    raise NotFound(f'there is no data set "{name_or_path}"', hint=hint)


def open_source(source: str, config: DataConfig, *, home: Path, columns: bool = False) -> Source:
    """The rows of a `DataConfig.source`, with the columns that `config` names; `columns` fills `Row.columns`.

    Raises:
        NotFound: there is no such data. UsageError: a file of unknown format. And all that reading raises, later.
    """
    if source in NAMES:
        return Source(source, read_named(source, home=home))
    path = Path(source)
    if not is_several(source):
        try:
            path.stat()
        except OSError as error:
            raise not_readable(error, path) from error
    if path.is_dir() and not _has_tables(path):
        rows, notes = read_folder(path)
        return Source(path.name, rows, notes)
    inputs = find_inputs(source, format=None, labelled=True)
    tables = (
        read_rows(
            file,
            text_column=config.text_column,
            label_column=config.label_column,
            group_column=config.group_column,
            keep_columns=columns,
        )
        for file in inputs.files
    )
    notes = tuple(f"{display(file)} is left out: its name tells no format" for file in inputs.left_out[:_NOTES])
    has_columns = "fasttext" not in inputs.files.values()
    return Source(path.name, ((WHOLE, row) for table in tables for row in table), notes, has_columns)


def _has_tables(folder: Path) -> bool:
    """Whether it has no folders, hence no classes, but files with labelled rows."""
    try:
        with os.scandir(folder) as found:
            entries = [entry for entry in found if not entry.name.startswith(".")]
    except OSError as error:
        raise not_readable(error, folder) from error
    tables = [entry for entry in entries if without_packing(Path(entry)).suffix.lower() in SUFFIXES]
    return bool(tables) and not any(entry.is_dir() for entry in entries)


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
