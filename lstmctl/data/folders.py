"""A folder with a folder for each label, one text a file: `pos/1.txt`. It may have parts: `train/pos/1.txt`, `test/…`.

Ignored, with a note: folders of unlabelled texts (`unsup`), hidden files, files next to the class folders, folders
inside them, and links to folders that contain the link.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from lstmctl.config import MAX_LINE_BYTES
from lstmctl.data.columns import Example, clean_label
from lstmctl.data.lines import Lines, format_size
from lstmctl.data.opening import display, open_bytes, reading_error
from lstmctl.errors import BadData, BadRow

UNLABELLED = "unsup"
_PARTS = {"train": "train", "val": "validation", "validation": "validation", "test": "test"}
_ORDER = ("", "train", "validation", "test")


def read_folder(
    root: Path, *, skip_bad_row: Callable[[BadRow], None] | None = None
) -> tuple[Iterator[tuple[str, Example]], tuple[str, ...]]:
    """Texts, each with its part ("" where the folder has no parts), and notes about ignored files.

    The texts are numbered from 1 in the order of their file names. All files are listed first, then read one by one.
    `skip_bad_row` is called with the error of each file that cannot be used; without it, the error is raised.
    Raises BadData that names the file or folder, PermissionDenied and StorageError.
    """
    ignored: list[Path] = []
    parts = _find_parts(root, ignored)
    classes = [(part, *_list_class(folder, ignored)) for part in _ORDER for folder in parts.get(part, ())]
    if not classes:
        hint = "put each text into a file in the folder of its label: pos/1.txt"
        raise BadData(f"{display(root)} has no class folders", hint=hint)
    return _examples(classes, skip_bad_row), _notes(root, ignored)


def _find_parts(root: Path, ignored: list[Path]) -> dict[str, list[Path]]:
    """The class folders of each part."""
    top, parts = _class_folders(root, ignored), dict[str, list[Path]]()
    ignored_in_parts: list[Path] = []
    for folder in top:
        part = _PARTS.get(folder.name)
        if part is not None and (classes := _class_folders(folder, ignored_in_parts)):
            if part in parts:
                raise BadData(f"{display(root)} has a folder val and a folder validation", hint="remove one of them")
            parts[part] = classes
    if "train" not in parts and "test" not in parts:
        return {"": top} if top else {}
    ignored += [*ignored_in_parts, *(folder for folder in top if _PARTS.get(folder.name) not in parts)]
    return parts


def _class_folders(folder: Path, ignored: list[Path]) -> list[Path]:
    """The folders in a folder that can be classes; everything else is added to `ignored`."""
    folders = []
    for entry in list_entries(folder):
        path = Path(entry)
        usable = entry.is_dir() and not entry.name.startswith(".") and entry.name != UNLABELLED
        if usable and not (entry.is_symlink() and folder.resolve().is_relative_to(path.resolve())):
            folders.append(path)
        else:
            ignored.append(path)
    return folders


def _list_class(folder: Path, ignored: list[Path]) -> tuple[str, list[Path]]:
    """The label of a class folder, and its files."""
    files = []
    for entry in list_entries(folder):
        if entry.name.startswith(".") or entry.is_dir():
            ignored.append(Path(entry))
        elif entry.is_file():
            files.append(Path(entry))
        else:
            raise BadData(f"{display(Path(entry))} is neither a file nor a link to one", hint="move it away")
    if not files:
        hint = "remove the folder, or put files with one text each into it"
        raise BadData(f"{display(folder)} is a class folder without texts", hint=hint)
    try:
        folder.name.encode()
        label = clean_label(folder.name)
    except UnicodeEncodeError as error:
        message = f"the name of the class folder {os.fsencode(folder.name)!r} is not UTF-8"
        raise BadData(message, hint="rename it") from error
    except ValueError as error:
        raise BadData(f"{display(folder)}: {error}", hint="the folder's name is the label: rename it") from error
    return label, files


def list_entries(folder: Path) -> "list[os.DirEntry[str]]":
    """The entries of a folder by name. Raises PermissionDenied, StorageError."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise reading_error(error, folder) from error


def _examples(
    classes: list[tuple[str, str, list[Path]]], skip_bad_row: Callable[[BadRow], None] | None
) -> Iterator[tuple[str, Example]]:
    paths = ((part, label, path) for part, label, files in classes for path in files)
    for number, (part, label, path) in enumerate(paths, start=1):
        try:
            text = _read_document(path)
        except BadRow as error:
            if skip_bad_row is None:
                raise
            skip_bad_row(error)
        else:
            yield part, Example(number, text, label)


def _read_document(path: Path) -> str:
    with open_bytes(path) as file:
        if os.fstat(file.fileno()).st_size > MAX_LINE_BYTES:
            message = f"{display(path)} is larger than {format_size(MAX_LINE_BYTES)}"
            raise BadRow(message, hint="is it one text?", number=1, last=1)
        return "".join(Lines(file, display(path), labelled=True)).removesuffix("\n")


def _notes(root: Path, ignored: list[Path]) -> tuple[str, ...]:
    hidden = sum(path.name.startswith(".") for path in ignored)
    names = [str(path.relative_to(root)) for path in ignored if not path.name.startswith(".")]
    notes = []
    if names:
        more = f" and {len(names) - 6:,} more" if len(names) > 6 else ""
        notes.append(f"ignored, without labels: {', '.join(names[:6])}{more}")
    if hidden:
        notes.append(f"ignored: {hidden:,} hidden file" + ("s" if hidden > 1 else ""))
    return tuple(notes)
