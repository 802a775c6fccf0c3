"""What the name or path of data stands for: a named data set, a file, a folder or a pattern (`*`, `?`, `[…]`).

`open_source` opens labelled rows, of one source or of several together. `lstmctl.data.layout` says what a folder is.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path, PurePath
from typing import NamedTuple

from lstmctl.data.columns import ColumnNames, Example
from lstmctl.data.folders import read_folder
from lstmctl.data.formats import FORMATS, find_format, open_rows, read_rows
from lstmctl.data.layout import ClassFolders, find_layout, leave_out
from lstmctl.data.named import NAMES, read_named
from lstmctl.data.opening import check_file, check_not_url, display
from lstmctl.data.parts import divide_files, relative_name
from lstmctl.data.patterns import folder_of, is_folder_or_pattern, matching
from lstmctl.data.reading import Reading
from lstmctl.errors import BadRow, NotFound, UsageError, closest_names

SkipBadRow = Callable[[BadRow], None] | None  # as in `read_rows`


_NOTES = 3  # ways of reading files that are named


class Source(NamedTuple):
    """Labelled rows, readable once, each with the part it belongs to: WHOLE, "train", "validation" or "test"."""

    name: str
    rows: Iterator[tuple[str, Example]]
    notes: tuple[str, ...] = ()
    has_columns: bool = False
    documents: bool = False  # each file is one text
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
    if name_or_path.startswith("~"):
        name_or_path = os.path.join(".", os.path.expanduser(name_or_path))
    if name_or_path == "-":
        raise UsageError("only train --data - reads standard input", hint="write it to a file and name that")
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


def open_source(
    source: str | Sequence[str],
    columns: ColumnNames,
    *,
    home: Path,
    excluded: Sequence[str] = (),
    skip_bad_row: SkipBadRow = None,
) -> Source:
    """The rows of a `DataConfig.source`, or of several, one after the other.

    Files that are named one by one are divided into parts together, by their names; each folder and each pattern by
    itself. `excluded` are sources that are read as another part: a file of those is left out of a folder or a pattern.
    `skip_bad_row` is as in `read_rows`.

    Raises:
        NotFound: the data does not exist. UsageError: a file of unknown format, or named twice. BadData: a folder that
        fits two readings. Reading the rows raises as `read_rows`.
    """
    sources = [source] if isinstance(source, str) else [*source]
    files = [Path(name) for name in sources if name not in NAMES and not is_folder_or_pattern(name)]
    others = [name for name in sources if name in NAMES or is_folder_or_pattern(name)]
    _refuse_nested(others)
    _refuse_repeated(files)
    left_out = [Path(name) for name in excluded if name not in NAMES]
    opened = [_open_one(name, columns, left_out, home=home, skip_bad_row=skip_bad_row) for name in others]
    if files:
        divided = divide_files(files, name="--data", explicit=True)
        opened.insert(
            0,
            _open_files(divided.parts, None, columns, _several_names(files), divided.notes, skip_bad_row=skip_bad_row),
        )
    _refuse_repeated([path for one in opened for path in one.paths])
    if len(opened) == 1:
        return opened[0].source
    return Source(
        name=_several_names([Path(one.source.name) for one in opened]),
        rows=chain.from_iterable(map(_with_whole_names, opened)),
        notes=tuple(f"{one.source.name}: {note}" for one in opened for note in one.source.notes),
        has_columns=all(one.source.has_columns for one in opened),
        documents=all(one.source.documents for one in opened),
        columns=_common_columns([one.source.columns for one in opened], columns),
        readings=tuple(reading for one in opened for reading in one.source.readings),
    )


def _common_columns(found: Sequence[ColumnNames], columns: ColumnNames) -> ColumnNames:
    """The columns that all files have; `columns` if they differ, with `usual` set."""
    different = {each[:3]: each for each in found}
    return next(iter(different.values())) if len(different) == 1 else columns._replace(usual=len(different) > 1)


def _list_readings(opened: Mapping[Path, Reading]) -> tuple[str, ...]:
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


class _Opened(NamedTuple):
    """A source and the data files that it reads."""

    source: Source
    paths: tuple[Path, ...] = ()
    folder: Path | None = None  # where the names of its rows' files start


def _with_whole_names(opened: _Opened) -> Iterator[tuple[str, Example]]:
    """The rows of one source of several, each with a file name that tells it from the files of the others."""
    for part, row in opened.source.rows:
        if row.file and opened.folder is not None:
            name = relative_name(opened.folder / row.file, None)
        else:
            name = row.file or (relative_name(opened.paths[0], None) if opened.paths else opened.source.name)
        yield part, row._replace(file=name)


def _open_one(
    name: str, columns: ColumnNames, excluded: Sequence[Path], *, home: Path, skip_bad_row: SkipBadRow
) -> _Opened:
    """A data set, a folder, or the files that match a pattern."""
    if name in NAMES:
        return _Opened(Source(name, read_named(name, home=home)))
    path = Path(name)
    if not os.path.isdir(path):
        files, left_out = leave_out(matching(name), excluded, root=folder_of(name))
        if not files:
            raise NotFound(f"there is no file {name}", hint=f"check the pattern: ls {name}")
        divided = divide_files(files, root=folder_of(name), name=path.name, explicit=len(files) == 1)
        notes = [*left_out, *divided.notes]
        return _open_files(divided.parts, folder_of(name), columns, path.name, notes, skip_bad_row=skip_bad_row)
    layout = find_layout(path, excluded=excluded)
    if isinstance(layout, ClassFolders):
        rows, more = read_folder(layout.root, encoding=columns.layout.encoding, skip_bad_row=skip_bad_row)
        return _Opened(Source(path.name, rows, (*layout.notes, *more), documents=True), folder=layout.root)
    return _open_files(layout.parts, path, columns, path.name, layout.notes, skip_bad_row=skip_bad_row)


def _open_files(
    parts: Mapping[Path, str],
    root: Path | None,
    columns: ColumnNames,
    name: str,
    notes: Sequence[str],
    *,
    skip_bad_row: SkipBadRow,
) -> _Opened:
    for file in parts:
        check_file(file)
    formats = {file: find_format(file, labelled=True) for file in parts}
    opened = {file: open_rows(file, columns, format=format).reading for file, format in formats.items()}
    several = len(parts) > 1

    def rows() -> Iterator[tuple[str, Example]]:
        for file, part in parts.items():
            shown = relative_name(file, root)
            for row in read_rows(file, columns, reading=opened[file], skip_bad_row=skip_bad_row):
                yield part, row._replace(file=shown) if several else row

    has_columns = all(FORMATS[format].has_columns for format in formats.values())
    source = Source(
        name,
        rows(),
        tuple(notes),
        has_columns,
        columns=_common_columns([reading.columns for reading in opened.values()], columns),
        readings=_list_readings(opened),
    )
    return _Opened(source, tuple(parts), root)


def _refuse_nested(names: Sequence[str]) -> None:
    """Raise UsageError for a data set, folder or pattern that is named twice, or a folder inside another."""
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"--data names {name} twice", hint="name everything once")
    folders = {name: Path(name).resolve() for name in names if name not in NAMES and os.path.isdir(name)}
    for name, path in folders.items():
        for other, around in folders.items():
            if name != other and path.is_relative_to(around):
                raise UsageError(f"--data names {name}, which is inside {other}", hint="name one of them")


def _refuse_repeated(paths: Sequence[Path]) -> None:
    """Raise UsageError for a file that would be read twice, by whatever name."""
    seen = dict[Path, Path]()
    for path in paths if len(paths) > 1 else ():
        if (first := seen.setdefault(path.resolve(), path)) is not path:
            also = "" if first == path else f", also as {relative_name(path, None)}"
            raise UsageError(f"--data names {relative_name(first, None)} twice{also}", hint="name every file once")


def _several_names(paths: Sequence[Path]) -> str:
    names = [path.name for path in paths]
    return ", ".join(names) if len(names) <= 3 else f"{names[0]} and {len(names) - 1:,} more"
