"""What a folder is, by what is in it: data files, which may be parts, or documents, each a text of its own.

A data file is one whose name ends as that of a table, or a .txt file whose first line is fastText. It is never read as
one text. Of a folder with labelled texts, documents are in a folder for each label. A folder that fits two readings is
an error that names both.
"""

import re
import shlex
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

from lstmctl.data.about import is_about
from lstmctl.data.folders import UNLABELLED, class_parts, ignored_notes
from lstmctl.data.formats import formats_of_name
from lstmctl.data.opening import display, open_lines, without_packing
from lstmctl.data.parts import WHOLE, divide_files, part_word
from lstmctl.data.tree import Tree, is_folder, list_entries, list_tree
from lstmctl.errors import BadData, LstmctlError

SCORING_FILE, BAD_ROWS = "scoring.json", "bad-rows"  # beside the predictions in a folder: no data
DOCUMENT = "document"  # beside the names in FORMATS: a whole file is one text
_SNIFFED = 8  # .txt files of a folder that are looked into
_TEXT_SUFFIXES = re.compile(r"(\.(txt|text|md|html?|eml|xml|\d+))?", re.IGNORECASE)


class DataFiles(NamedTuple):
    """The data files of a folder, each with its part, in the order in which they are read."""

    root: Path
    parts: dict[Path, str]
    notes: tuple[str, ...]


class ClassFolders(NamedTuple):
    """A folder that `read_folder` reads."""

    root: Path
    notes: tuple[str, ...]


def find_layout(folder: Path, *, excluded: Sequence[Path] = ()) -> DataFiles | ClassFolders:
    """What a folder of labelled texts is. `excluded` files, which are another part, are not read.

    Raises:
        BadData: it is empty, fits two readings, or has a pipe or the like where data should be. PermissionDenied,
        StorageError.
    """
    tree = list_tree(folder)
    if not tree.files and not tree.special:
        raise BadData(f"{display(folder)} has no files", hint="is this the right folder?")
    tables = data_files(tree)
    root, notes = folder, list[str]()
    if not tables:
        while (inner := _only_folder(root)) is not None:
            root = inner
        if root != folder:
            notes.append(f"in {root.relative_to(folder)}/")
        _refuse_parts_without_classes(root)
        return ClassFolders(root, tuple(notes))
    _refuse_special(tree)
    _refuse_documents_beside(folder, tables, tree)
    used, taken = leave_out(tables, excluded, root=folder)
    notes += taken
    if not used:
        raise BadData(f"{display(folder)} has no other data files than those of another part", hint="--data names one")
    divided = divide_files(used, root=folder, name=display(folder))
    chosen = set(tables)
    others = [path for path in (*tree.files, *tree.links) if path not in chosen]
    notes += [*divided.notes, *ignored_notes(folder, others, "no data")]
    return DataFiles(folder, divided.parts, tuple(notes))


def leave_out(files: Sequence[Path], excluded: Sequence[Path], *, root: Path) -> tuple[list[Path], list[str]]:
    """The files that are not named as another part, by name or by a folder inside `root`; and a note about those."""
    real_root = root.resolve()
    names = {path for name in excluded if (path := name.resolve()) != real_root and path.is_relative_to(real_root)}
    if not names:
        return list(files), []
    taken = [file for file in files if not names.isdisjoint(((real := file.resolve()), *real.parents))]
    notes = ignored_notes(root, taken, "named as another part") if taken else ()
    return [file for file in files if file not in set(taken)], list(notes)


def is_table_name(path: Path) -> bool:
    """Whether the name alone says that this is a data file: it ends as one, and not in .txt, which may be anything.

    >>> [is_table_name(Path(name)) for name in ("a.csv.gz", "b.parquet", "c.txt", "10001")]
    [True, True, False, False]
    """
    return _kind_of_suffix(_suffix(path.name)) == "table"


def is_text_name(path: Path) -> bool:
    """Whether the name ends in .txt, packed or not."""
    return _kind_of_suffix(_suffix(path.name)) == "text"


def _suffix(name: str) -> str:
    """The part of a name that says how the file is read: the last two suffixes."""
    return "." + ".".join(name.lower().split(".")[1:][-2:])


@lru_cache(maxsize=1024)  # a folder of 100,000 documents has few suffixes
def _kind_of_suffix(suffix: str) -> Literal["table", "text", ""]:
    path = Path("name" + suffix)
    formats = formats_of_name(path)
    if formats and without_packing(path).suffix != ".txt":
        return "table"
    return "text" if formats else ""


def data_files(tree: Tree) -> list[Path]:
    """The data files of a folder, sorted by path. Of its .txt files, the first of each folder are looked into."""
    tables, texts = [], dict[Path, list[Path]]()
    scored = {path.parent / BAD_ROWS for path in tree.files if path.name == SCORING_FILE}  # bad rows, of `predict -o`
    for path in tree.files:
        if path.parent in scored:
            continue
        kind = _kind_of_suffix(_suffix(path.name))
        if kind == "table" and not is_about(path):
            tables.append(path)
        elif kind == "text":
            texts.setdefault(path.parent, []).append(path)
    for files in texts.values():
        sniffed = [path for path in files[:_SNIFFED] if not is_about(path) and is_fasttext(path)]
        tables += files if len(sniffed) == _SNIFFED else sniffed
    return sorted(tables)


def is_fasttext(path: Path) -> bool:
    """Whether the first line that is not blank starts as fastText does. A file that cannot be read is not."""
    with suppress(LstmctlError, OSError, EOFError, ValueError), open_lines(path) as (stream, _):
        for _ in range(3):
            if line := stream.readline(1024).removeprefix(b"\xef\xbb\xbf").strip():
                return line.startswith(b"__label__")
    return False


def _refuse_special(tree: Tree) -> None:
    for path in tree.special:
        if formats_of_name(path):
            message = f"{display(path)} is neither a file nor a link to one"
            raise BadData(message, hint="move it away, or name the files with --data")


def _refuse_documents_beside(folder: Path, tables: Sequence[Path], tree: Tree) -> None:
    """Raise BadData if there are folders of documents too: two or more, which could be the labels."""
    in_folders = dict[Path, Path]()
    chosen = set(tables)
    for path in tree.files:
        below = path.relative_to(folder).parts
        likely = len(below) > 1 and UNLABELLED not in below and not is_about(path) and path not in chosen
        if likely and _TEXT_SUFFIXES.fullmatch(path.suffix) and path.parent not in in_folders:
            in_folders[path.parent] = path
    classes = [parent for parent in in_folders if part_word(parent.name) is None]
    if len({parent.name for parent in classes}) > 1:
        first, second = display(tables[0]), display(in_folders[classes[0]])
        message = f"{display(folder)} has data files ({first}) and folders of documents ({second}): which is the data?"
        hint = f"--data {shlex.quote(first)} names the data file; move it away to read the documents"
        raise BadData(message, hint=hint)


def _only_folder(folder: Path) -> Path | None:
    """The only folder in a folder, if it has folders itself and is not named as a part."""
    entries = [entry for entry in list_entries(folder) if not entry.name.startswith(".")]
    folders = [Path(entry) for entry in entries if is_folder(entry) and entry.name != UNLABELLED]
    if len(folders) != 1 or part_word(folders[0].name) or folders[0].is_symlink():
        return None
    inside = list_entries(folders[0])
    return folders[0] if any(is_folder(entry) and not entry.name.startswith(".") for entry in inside) else None


def _refuse_parts_without_classes(root: Path) -> None:
    """Raise BadData where all folders are named after parts, and have texts, but no folders for the labels."""
    parts = class_parts(root)
    folders = parts.get(WHOLE, [])
    if len(folders) > 1 and all(part_word(folder.name) for folder in folders):
        names = " and ".join(folder.name for folder in folders)
        message = f"the folders {names} in {display(root)} are parts, but their texts have no labels"
        raise BadData(message, hint=f"put each text into a folder named after its label: {folders[0].name}/pos/1.txt")
