"""The files that `predict` reads: how each is read, as tables, as lines, or as documents, each a text of its own.

The name of a data file says how it is read. Other files are documents where the model was trained on documents, and in
a folder without data files and without .txt files. Else a .txt file has a text in each line.
"""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from lstmctl.data.about import is_about
from lstmctl.data.formats import FORMATS, SUFFIX_HINT, find_format, formats_of_name
from lstmctl.data.layout import DOCUMENT, data_files, is_fasttext, is_table_name, is_text_name
from lstmctl.data.opening import check_file, display
from lstmctl.data.parts import list_files, relative_name
from lstmctl.data.patterns import folder_of, is_folder_or_pattern, matching
from lstmctl.data.tree import list_tree
from lstmctl.errors import BadData, NotFound, UsageError

KINDS = (*FORMATS, DOCUMENT)  # values of --input-format
_LINES = "each line of a .txt file is a text; --input-format document reads each file as one text"
_DOCUMENTS = "each file is one text"


class Inputs(NamedTuple):
    """Absolute paths in the order of their names, without duplicates, with their formats; what is not read; and where
    their names start."""

    files: dict[Path, str]  # DOCUMENT or a name in FORMATS
    ignored: list[Path]
    root: Path | None  # of the folder or the pattern
    notes: tuple[str, ...] = ()  # what was decided

    @property
    def documents(self) -> bool:
        """Whether every file is one text."""
        return all(format == DOCUMENT for format in self.files.values())

    @property
    def all_notes(self) -> tuple[str, ...]:
        """What was decided, and which files are not read."""
        if not self.ignored:
            return self.notes
        number, example = len(self.ignored), relative_name(self.ignored[0], None)
        count = f"{number:,} file" + ("s" if number != 1 else "")
        why = "because the name has no known suffix"
        if any(formats_of_name(path) for path in self.ignored):
            why = "no data"
        return (*self.notes, f"ignored, {why}: {count}, such as {example}")


def input_format(path: Path, *, documents: bool) -> str:
    """How one file is read for predictions; `documents`: by a model that was trained on documents.

    Raises UsageError if its name says nothing.
    """
    check_file(path)
    if documents and not (is_table_name(path) or (is_text_name(path) and is_fasttext(path))):
        return DOCUMENT
    try:
        return find_format(path, labelled=False)
    except UsageError as error:
        error.hint = f"--input-format {DOCUMENT} reads the file as one text; or {'|'.join(FORMATS)}"
        raise


def find_inputs(name: str, *, format: str | None, documents: bool = False) -> Inputs:
    """The file of that name; or all files but hidden ones in a folder and its folders, or that match a pattern.

    `format` holds for all of them; in a folder, files about the data, such as README.md, are left out nevertheless.
    `documents`: for a model that was trained on documents.

    Raises:
        NotFound: the file does not exist. UsageError: a file of unknown format. BadData: a folder of both data files
        and documents, or a pipe in it. PermissionDenied, StorageError.
    """
    if name == "-":
        raise UsageError("standard input cannot be split into chunks", hint="write it to a file and name that")
    path = Path(name)
    if not is_folder_or_pattern(name):
        check_file(path)
        chosen = format or input_format(path, documents=documents)
        notes = (_DOCUMENTS,) if chosen == DOCUMENT else ()
        return Inputs({Path(os.path.abspath(path)): chosen}, [], None, notes)
    if not os.path.isdir(name):
        paths = matching(name)
        if not paths:
            raise NotFound(f"there is no file {name}", hint=f"check the pattern: ls {name}")
        formats = {path: format or input_format(path, documents=documents) for path in paths}
        return _inputs(formats, [], folder_of(name))
    return _find_in_folder(Path(os.path.abspath(path)), format=format, documents=documents)


def _find_in_folder(folder: Path, *, format: str | None, documents: bool) -> Inputs:
    tree = list_tree(folder)
    if special := next((path for path in tree.special if format or documents or formats_of_name(path)), None):
        raise BadData(f"{display(special)} is neither a file nor a link to one", hint="move it away")
    about = [path for path in tree.files[: tree.top] if is_about(path)]
    paths = tree.files if not about else [path for path in tree.files if path not in set(about)]
    tables = [path for path in data_files(tree) if documents or is_table_name(path)]
    texts = [path for path in paths if is_text_name(path)] if not documents else []
    skipped = [*about, *tree.links, *tree.special]
    if format is not None:
        formats = dict.fromkeys(paths, format)
    elif documents and tables and (others := [path for path in set(paths).difference(tables) if not is_about(path)]):
        raise _two_readings(folder, tables[0], min(others))
    elif not (tables or texts):
        formats = dict.fromkeys(paths, DOCUMENT)
    else:
        formats = {path: find_format(path, labelled=False) for path in sorted({*tables, *texts})}
        skipped += [path for path in paths if path not in formats]
    if not formats:
        raise NotFound(f"the folder {display(folder)} has no files to read", hint=SUFFIX_HINT)
    return _inputs(formats, skipped, folder)


def _two_readings(folder: Path, table: Path, other: Path) -> BadData:
    """The error of a folder of data files and documents. The hint has patterns that name one kind, if there are."""
    message = f"{display(folder)} has data files ({display(table)}) and documents ({display(other)})"
    hint = f"-i {shlex.quote(f'{folder}/**/*{table.suffix}')} names the data files"
    if other.suffix not in ("", table.suffix):
        hint += f", -i {shlex.quote(f'{folder}/**/*{other.suffix}')} the documents"
    return BadData(message, hint=hint)


def _inputs(formats: dict[Path, str], skipped: Sequence[Path], root: Path) -> Inputs:
    kinds = set(formats.values())
    notes: tuple[str, ...] = ()
    if DOCUMENT in kinds:
        notes = (_DOCUMENTS,)
        if kinds != {DOCUMENT}:
            whole = [path for path, format in formats.items() if format == DOCUMENT]
            notes = (f"{_DOCUMENTS}: {list_files(whole, root)}",)
    elif "lines" in kinds and any(is_text_name(path) for path in formats):
        notes = (_LINES,)
    absolute = Path(os.path.abspath(root))
    if all(path.is_absolute() for path in (root, *list(formats)[:1])):
        files = formats
    else:
        files = {Path(os.path.abspath(path)): format for path, format in formats.items()}
    return Inputs(files, [*skipped], absolute, notes)
