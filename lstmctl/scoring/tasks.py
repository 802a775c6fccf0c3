"""What there is to predict, divided into tasks: chunks of files, and groups of documents."""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from lstmctl.data.chunks import split_file
from lstmctl.data.columns import ColumnNames
from lstmctl.data.layout import DOCUMENT
from lstmctl.data.opening import Chunk, display
from lstmctl.data.parts import relative_name
from lstmctl.data.reading import Reading
from lstmctl.errors import BadData, LstmctlError
from lstmctl.scoring.stream import PredictionRequest
from lstmctl.storage.filesystem import os_errors

_MAX_STEM_BYTES = 150  # of an input's name, in the names of its files of predictions
_MOST_DOCUMENTS = 4_096  # of one file of predictions


class Task(NamedTuple):
    """One chunk of one input file, or some documents, and the name of the file of predictions without the suffix."""

    path: str
    reading: Reading
    chunk: Chunk
    name: str
    file: str = ""  # what the predictions call the input file
    documents: tuple[str, ...] = ()
    root: str = ""  # where the names of the documents start; empty: where the program runs


def table_tasks(
    request: PredictionRequest,
    files: Mapping[Path, str],
    keys: Mapping[Path, str],
    root: Path | None,
    *,
    size: int,
    note: Callable[[str], None],
) -> Iterator[Task]:
    """The chunks of `size` bytes of all files (path → format), found one by one. `keys` are those of `file_key`; `note`
    is called with how a file was recognised, if that is not as usual."""
    for path, format in files.items():
        reading = request.reading_of(path, format)
        if reading.note:
            note(f"{display(path)}: {reading.note}")
        reading = reading._replace(items=None)  # workers read them
        for chunk in split_file(path, reading, size=size):
            name = f"{_stem(path)}-{keys[path]}-{chunk.number:06d}"
            yield Task(str(path), reading, chunk, name, relative_name(path, root))


def document_tasks(paths: Sequence[Path], root: Path | None, *, size: int) -> Iterator[Task]:
    """Documents in groups of about `size` bytes. A group is done again if a document in it has changed."""
    stem, done = _stem(root if root is not None and len(paths) > 1 else paths[0]) if paths else "", 0
    number = 0
    while done < len(paths):
        group, total, changes = list[str](), 0, hashlib.blake2b(b"documents", digest_size=8)
        while done + len(group) < len(paths) and len(group) < _MOST_DOCUMENTS and (not group or total < size):
            path = paths[done + len(group)]
            total += _add_change(changes, path)
            group.append(str(path))
        chunk = Chunk(number, before=done, bytes=total)
        name = f"{stem}-{changes.hexdigest()}-{number:06d}"
        yield Task(
            group[0],
            Reading(DOCUMENT, ColumnNames()),
            chunk,
            name,
            documents=tuple(group),
            root=str(root) if root else "",
        )
        number, done = number + 1, done + len(group)


def _stem(path: Path) -> str:
    """The start of the names of the predictions of a file or a folder."""
    name = os.fsencode(path.name)[:_MAX_STEM_BYTES].decode("utf-8", "ignore").lstrip(".")
    name = "".join(letter if letter.isprintable() else "_" for letter in name)  # as a line end
    return name or "texts"


class InputChanged(BadData):
    """A file changed while it was read. `key` is that of its predictions."""

    key = ""


def check_unchanged(task: Task) -> None:
    """Raise InputChanged if a file of a task is no longer as it was when the task was made."""
    key = task.name.rsplit("-", 2)[1]
    changes = hashlib.blake2b(b"documents" if task.documents else b"", digest_size=8)
    try:
        for path in task.documents or (task.path,):
            _add_change(changes, Path(path))
    except LstmctlError:  # it is gone
        changes.update(b"gone")
    if changes.hexdigest() != key:
        message = f"{display(Path(task.path))} changed while it was read, or a file beside it"
        if not task.documents:
            message = f"{display(Path(task.path))} changed while it was read"
        error = InputChanged(message, hint="run the same command again when it is complete")
        error.key = key
        raise error


def file_key(path: Path) -> str:
    """Sixteen hexadecimal digits that differ from those of other files, and of this one after any change."""
    changes = hashlib.blake2b(digest_size=8)
    _add_change(changes, path)
    return changes.hexdigest()


def _add_change(changes: "hashlib.blake2b", path: Path) -> int:
    """Add to a hash what changes with a file. The file's size in bytes."""
    with os_errors(f"read {display(path)}"):
        status = os.stat(path)
    changes.update(os.fsencode(path) + f"\0{status.st_size}\0{status.st_mtime_ns}".encode())
    return status.st_size
