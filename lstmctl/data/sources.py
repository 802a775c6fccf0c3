"""What the name or path of data stands for: a named data set, a file, a folder or a pattern (`*`, `?`, `[…]`).

`open_source` opens labelled rows; `find_inputs` lists the files of a folder or a pattern.
"""

import glob
import os
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath
from typing import NamedTuple

from lstmctl.config import DataConfig
from lstmctl.data.columns import ColumnNames, Example
from lstmctl.data.folders import list_entries, read_folder
from lstmctl.data.formats import FORMATS, SUFFIX_HINT, find_format, formats_of_name, open_rows, read_rows
from lstmctl.data.named import NAMES, read_named
from lstmctl.data.opening import check_file, check_not_url, display, reading_error
from lstmctl.data.reading import Reading
from lstmctl.errors import NotFound, UsageError, closest_names

WHOLE = ""  # the part of rows that are not divided into parts
_NOTES = 3  # ignored files that are named


class Source(NamedTuple):
    """Labelled rows, readable once, each with the part it belongs to: WHOLE, "train", "validation" or "test"."""

    name: str
    rows: Iterator[tuple[str, Example]]
    notes: tuple[str, ...] = ()
    has_columns: bool = False
    columns: ColumnNames = ColumnNames()  # as its files have them; with `usual`, they have different ones
    readings: tuple[str, ...] = ()  # how files were recognised, where that is not as usual


def resolve_source(name_or_path: str, *, cwd: Path | None = None) -> str:
    """The `DataConfig.source` that a user means: the name of a data set, or an absolute path.

    A bare word is a name, and NotFound if no data set has it; with a / or a suffix it is a path, whether or not it
    exists. Standard input is a UsageError, because it cannot be read again later.

    >>> resolve_source("imdb"), resolve_source("reviews.csv", cwd=Path("/work"))
    ('imdb', '/work/reviews.csv')
    """
    cwd = cwd or Path.cwd()
    if name_or_path in NAMES:
        return name_or_path
    if name_or_path == "-":
        raise UsageError("labelled data cannot come from standard input", hint="write it to a file and name that")
    check_not_url(name_or_path)
    if "/" in name_or_path or PurePath(name_or_path).suffix or name_or_path in (".", ".."):
        return os.path.normpath(cwd / name_or_path)
    if name_or_path and os.path.lexists(cwd / name_or_path):
        hint = f"write ./{name_or_path} for the {'folder' if (cwd / name_or_path).is_dir() else 'file'} of that name"
    else:
        similar = closest_names(name_or_path, NAMES)
        hint = f"data sets: {', '.join(NAMES)}; a file needs its path"
        hint = f"did you mean {' or '.join(similar)}?" if similar else hint
    raise NotFound(f'there is no data set "{name_or_path}"', hint=hint)


def open_source(source: str, columns: ColumnNames, *, home: Path) -> Source:
    """The rows of a `DataConfig.source`.

    Raises:
        NotFound: the data does not exist. UsageError: a file of unknown format. Reading the rows raises as `read_rows`.
    """
    if source in NAMES:
        return Source(source, read_named(source, home=home))
    path = Path(source)
    if os.path.isdir(path) and not _is_folder_of_tables(path):
        return Source(path.name, *read_folder(path))
    inputs = find_inputs(source, format=None, labelled=True)
    opened = open_files(inputs.files, columns)
    rows = ((WHOLE, row) for file, reading in opened.items() for row in read_rows(file, columns, reading=reading))
    notes = tuple(f"{display(file)} is ignored: unknown file format" for file in inputs.ignored[:_NOTES])
    has_columns = all(FORMATS[format].has_columns for format in inputs.files.values())
    return Source(path.name, rows, notes, has_columns, common_columns(opened, columns), list_readings(opened))


def open_files(files: Mapping[Path, str], columns: ColumnNames) -> dict[Path, Reading]:
    """How each file (path → format) is read. Raises as `open_rows`."""
    return {file: open_rows(file, columns, format=format).reading for file, format in files.items()}


def readings_of(config: DataConfig) -> tuple[str, ...]:
    """How the files of `config.source` are recognised, where that is not as usual. Raises as `open_source`."""
    source = resolve_source(config.source)
    if source in NAMES or (os.path.isdir(source) and not _is_folder_of_tables(Path(source))):
        return ()
    return list_readings(open_files(find_inputs(source, format=None, labelled=True).files, ColumnNames.of(config)))


def common_columns(opened: Mapping[Path, Reading], columns: ColumnNames) -> ColumnNames:
    """The columns that all files have; `columns` if they differ, with `usual` set."""
    found = {reading.columns[:3]: reading.columns for reading in opened.values()}
    return next(iter(found.values())) if len(found) == 1 else columns._replace(usual=len(found) > 1)


def list_readings(opened: Mapping[Path, Reading]) -> tuple[str, ...]:
    """The different notes on how files are read, each with its file if there are several."""
    by_note: dict[str, list[Path]] = {}
    for file, reading in opened.items():
        by_note.setdefault(reading.note, []).append(file)
    by_note.pop("", None)
    if len(opened) == 1 or not by_note:
        return tuple(by_note)
    lines = [
        f"{note} ({display(files[0])}{f' and {len(files) - 1:,} more' if len(files) > 1 else ''})"
        for note, files in by_note.items()
    ]
    return (*lines[:_NOTES], *([f"and {len(lines) - _NOTES:,} other ways"] if len(lines) > _NOTES else []))


def _is_folder_of_tables(folder: Path) -> bool:
    """Whether it has files with labelled rows, and no folders that could be classes. A .txt file may be anything."""
    entries = [entry for entry in list_entries(folder) if not entry.name.startswith(".")]
    has_tables = any(len(formats_of_name(Path(entry))) == 1 for entry in entries)
    return has_tables and not any(entry.is_dir() for entry in entries)


class Inputs(NamedTuple):
    """Absolute paths in the order of their names, without duplicates, with their formats; and ignored files."""

    files: dict[Path, str]
    ignored: list[Path]


def is_folder_or_pattern(name: str) -> bool:
    """Whether this names a folder or a pattern, rather than one file."""
    return not os.path.isfile(name) and (os.path.isdir(name) or glob.has_magic(name))


def find_inputs(name: str, *, format: str | None, labelled: bool = False) -> Inputs:
    """The file of that name; or all files but hidden ones in a folder and its folders, or that match a pattern.

    In a folder, files of unknown format are ignored, unless `format` is given.

    Raises:
        NotFound: the file does not exist. UsageError: a file of unknown format. PermissionDenied, StorageError.
    """
    if name == "-":
        raise UsageError("standard input cannot be split into chunks", hint="write it to a file and name that")
    check_not_url(name)
    path, is_folder = Path(name), os.path.isdir(name)
    if not is_folder_or_pattern(name):
        check_file(path)
        paths = [path]
    elif is_folder:
        paths = sorted(_list_files(path))
    else:
        paths = sorted(Path(match) for match in glob.glob(name, recursive=True) if os.path.isfile(match))
    files: dict[Path, str] = {}
    ignored = []
    for file in paths:
        if is_folder and format is None and not formats_of_name(file):
            ignored.append(file)
        else:
            files[Path(os.path.abspath(file))] = format or find_format(file, labelled=labelled)
    if not files:
        if is_folder:
            raise NotFound(f"the folder {display(path)} has no files of a known format", hint=SUFFIX_HINT)
        raise NotFound(f"there is no file {name}", hint=f"check the pattern: ls {name}")
    return Inputs(files, ignored)


def _list_files(folder: Path) -> Iterator[Path]:
    def raise_error(error: OSError) -> None:
        raise reading_error(error, Path(error.filename or folder))

    for parent, folders, names in os.walk(folder, onerror=raise_error):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (path for name in names if not name.startswith(".") and (path := Path(parent, name)).is_file())
