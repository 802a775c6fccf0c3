"""A folder of class folders, one text a file: `pos/1.txt`. It may bring its own parts: `train/pos/1.txt`, `test/…`.

Left out, and named in a note: folders without labels (`unsup`), hidden files, files beside the class folders and
folders inside them, and links to folders that lead back to where they came from.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from lstmctl.data.columns import Row, clean_label
from lstmctl.data.lines import MAX_LINE_BYTES, Lines, size_name
from lstmctl.data.opening import display, not_readable, open_bytes
from lstmctl.errors import BadData

UNLABELLED = "unsup"
_PARTS = {"train": "train", "val": "validation", "validation": "validation", "test": "test"}
_ORDER = ("", "train", "validation", "test")


class ClassFolders(NamedTuple):
    """Texts, each with the part it belongs to ("" where the folder has no parts), and notes of what was left out."""

    rows: Iterator[tuple[str, Row]]
    notes: tuple[str, ...]


class _Class(NamedTuple):
    part: str
    label: str
    files: list[Path]


def read_folder(root: Path) -> ClassFolders:
    """Texts in the order of their files' names, numbered from 1. The files are listed at once and read one by one.

    Raises:
        BadData: naming the file or folder.
        PermissionDenied, StorageError: as the operating system says.
    """
    left: list[Path] = []
    parts = _find_parts(root, left)
    classes = [_list_class(part, folder, left) for part in _ORDER if part in parts for folder in parts[part]]
    if not classes:
        hint = "each label is a folder, each text a file in it: pos/1.txt"
        raise BadData(f"{display(root)} has no class folders", hint=hint)
    return ClassFolders(_rows(classes), _notes(root, left))


def _find_parts(root: Path, left: list[Path]) -> dict[str, list[Path]]:
    """The class folders of each part."""
    top = _folders(root, left)
    found: dict[str, list[Path]] = {}
    inside: list[Path] = []
    for folder in top:
        part = _PARTS.get(folder.name)
        if part is not None and (classes := _folders(folder, inside)):
            if part in found:
                raise BadData(f"{display(root)} has a folder val and a folder validation", hint="remove one of them")
            found[part] = classes
    if "train" not in found and "test" not in found:
        return {"": top} if top else {}
    left += [*inside, *(folder for folder in top if _PARTS.get(folder.name) not in found)]
    return found


def _folders(folder: Path, left: list[Path]) -> list[Path]:
    """The folders in a folder that can be classes; all else is added to `left`."""
    folders = []
    for entry in _entries(folder):
        path = Path(entry)
        usable = entry.is_dir() and not entry.name.startswith(".") and entry.name != UNLABELLED
        if usable and not (entry.is_symlink() and _leads_back(path)):
            folders.append(path)
        else:
            left.append(path)
    return folders


def _leads_back(link: Path) -> bool:
    target, here = link.resolve(), link.parent.resolve()
    return target == here or target in here.parents


def _list_class(part: str, folder: Path, left: list[Path]) -> _Class:
    files = []
    for entry in _entries(folder):
        if entry.name.startswith(".") or entry.is_dir():
            left.append(Path(entry))
        elif entry.is_file():
            files.append(Path(entry))
        else:
            raise BadData(f"{display(Path(entry))} is neither a file nor a link to one", hint="move it away")
    if not files:
        hint = "remove the folder, or put one text a file into it"
        raise BadData(f"{display(folder)} is a class folder without texts", hint=hint)
    try:
        folder.name.encode()
        label = clean_label(folder.name)
    except UnicodeEncodeError as error:
        raise BadData(
            f"{os.fsencode(folder.name)!r}, a class folder, has a name that is not UTF-8", hint="rename it"
        ) from error
    except ValueError as error:
        raise BadData(f"{display(folder)}: {error}", hint="the folder's name is the label: rename it") from error
    return _Class(part, label, files)


def _entries(folder: Path) -> "list[os.DirEntry[str]]":
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise not_readable(error, folder) from error


def _rows(classes: list[_Class]) -> Iterator[tuple[str, Row]]:
    number = 0
    for part, label, files in classes:
        for path in files:
            number += 1
            yield part, Row(number, _text(path), label)


def _text(path: Path) -> str:
    with open_bytes(path) as file:
        if os.fstat(file.fileno()).st_size > MAX_LINE_BYTES:
            raise BadData(f"{display(path)} is larger than {size_name(MAX_LINE_BYTES)}", hint="is it one text?")
        return "".join(Lines(file, display(path), labelled=True)).removesuffix("\n")


def _notes(root: Path, left: list[Path]) -> tuple[str, ...]:
    hidden = sum(path.name.startswith(".") for path in left)
    names = [str(path.relative_to(root)) for path in left if not path.name.startswith(".")]
    notes = []
    if names:
        more = f" and {len(names) - 6:,} more" if len(names) > 6 else ""
        notes.append(f"left out, without labels: {', '.join(names[:6])}{more}")
    if hidden:
        notes.append(f"left out: {hidden:,} hidden file" + ("s" if hidden > 1 else ""))
    return tuple(notes)
