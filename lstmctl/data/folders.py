"""A folder with a folder for each label, one text a file: `pos/1.txt`. It may have parts: `train/pos/1.txt`, `test/…`.

Ignored, with a note: folders of unlabelled texts (`unsup`), hidden files, files next to the class folders, folders
inside them, and links to folders that contain the link. `lstmctl.data.layout` decides whether a folder is one of these.
"""

import os
import shlex
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lstmctl.config import MAX_LINE_BYTES
from lstmctl.data.columns import Example, clean_label
from lstmctl.data.encodings import (
    as_utf8,
    guess_encoding,
    is_all_utf8,
    is_utf8,
    keeps_ascii,
    looks_like_windows_1252,
    marked_encoding,
)
from lstmctl.data.lines import Lines, format_size
from lstmctl.data.opening import ByteLines, display, open_lines, read_head
from lstmctl.data.parts import PARTS, WHOLE, part_of, relative_name, word_among
from lstmctl.data.tree import is_file, is_folder, list_entries
from lstmctl.errors import BadData, BadRow

UNLABELLED = "unsup"
_LOOKED_AT, _HEAD_BYTES = 300, 2**14  # documents whose encoding is looked at, at least, and bytes of each


def read_folder(
    root: Path, *, encoding: str | None = None, skip_bad_row: Callable[[BadRow], None] | None = None
) -> tuple[Iterator[tuple[str, Example]], tuple[str, ...]]:
    """Texts, each with its part (WHOLE where the folder has no parts) and the file it is from, and notes: what the
    folder was read as, and which files are ignored.

    The texts are numbered from 1 in the order of their file names. All files are listed first, then read one by one.
    `encoding` is that of all files; without it, it is UTF-8, or windows-1252 for those that are not UTF-8 if that is
    what they look like. `skip_bad_row` is called with the error of each file that cannot be used; without it, the error
    is raised. Raises BadData that names the file or folder, PermissionDenied and StorageError.
    """
    ignored: list[Path] = []
    parts = _find_parts(root, ignored)
    classes = [(part, *_list_class(folder, ignored)) for part in (WHOLE, *PARTS) for folder in parts.get(part, ())]
    if not classes:
        hint = "put each text into a file in the folder of its label: pos/1.txt"
        raise BadData(f"{display(root)} has no class folders", hint=hint)
    labels = sorted({label for _, label, _ in classes})
    shown = ", ".join(labels) if len(labels) <= 6 else f"{', '.join(labels[:5])} … ({len(labels):,} labels)"
    divided = " with the parts " + ", ".join(part for part in PARTS if part in parts) if WHOLE not in parts else ""
    what = f"a folder for each label{divided}, each file one text: {shown}"
    encodings, note = _find_encodings([path for *_, files in classes for path in files], encoding)
    notes = (what, *([note] if note else []), *ignored_notes(root, ignored))
    return _examples(root, classes, encodings, skip_bad_row), notes


def read_documents(
    paths: Sequence[Path],
    root: Path | None,
    *,
    first: int = 1,
    skip_bad_row: Callable[[Path, BadRow], None] | None = None,
    **options: Any,
) -> Iterator[Example]:
    """Files as one text each, numbered from `first`, with their names below `root`.

    `skip_bad_row` is called with each file that cannot be used; without it, the error is raised. `options` are those of
    `read_document`, which tells what is raised.
    """
    for number, path in enumerate(paths, start=first):
        try:
            text = read_document(path, labelled=False, **options)
        except BadRow as error:
            if isinstance(error.__cause__, UnicodeDecodeError) and looks_like_windows_1252(
                read_head(path, _HEAD_BYTES)[0]
            ):
                error.hint = f"--encoding windows-1252; or {error.hint}"
            if skip_bad_row is None:
                raise
            skip_bad_row(path, error)
        else:
            yield Example(number, text, file=relative_name(path, root))


def read_document(
    source: Path | ByteLines,
    *,
    strict: bool = True,
    max_bytes: int = MAX_LINE_BYTES,
    labelled: bool = True,
    encoding: str | None = None,
    suspected: str = "",
) -> str:
    """A whole file or stream as one text, without its last line feed; a packed file is decompressed.

    The encoding is UTF-8 unless it is given, or a byte order mark tells another. `suspected` is one for hints.
    Raises NotFound, PermissionDenied, StorageError; BadRow: it is larger than `max_bytes` or not in the encoding.
    """
    name = relative_name(source, None) if isinstance(source, Path) else "standard input"
    with open_lines(source) as (opened, _):
        stream, encoding = _as_lines(opened, encoding, strict=strict)
        options: Any = {"strict": strict, "max_line_bytes": max_bytes, "suspected": suspected}
        lines = Lines(stream, name, labelled=labelled, encoding=encoding, **options)
        text, size = [], 0
        for line in lines:
            text.append(line)
            size += len(line) if line.isascii() else len(line.encode())
            if size > max_bytes:
                hint = "is it one text?" + ("" if labelled else " --max-line-bytes allows longer ones")
                raise BadRow(f"{name} is larger than {format_size(max_bytes)}", hint=hint, number=1, last=1)
    return "".join(text).removesuffix("\n")


def _as_lines(stream: ByteLines, encoding: str | None, *, strict: bool) -> tuple[ByteLines, str]:
    """A stream whose lines can be found without decoding them, and its encoding."""
    if encoding is None and (peek := getattr(stream, "peek", None)) is not None:
        encoding = marked_encoding(peek(4)[:4])
    if encoding is None or is_utf8(encoding):
        return stream, "utf-8"
    return (stream, encoding) if keeps_ascii(encoding) else (as_utf8(stream, encoding, strict=strict), "utf-8")


def class_parts(root: Path) -> dict[str, list[Path]]:
    """The class folders of each part. Raises as `read_folder`."""
    return _find_parts(root, [])


def _find_parts(root: Path, ignored: list[Path]) -> dict[str, list[Path]]:
    """The class folders of each part."""
    top, parts, words = _class_folders(root, ignored), dict[str, list[Path]](), dict[str, str]()
    ignored_in_parts: list[Path] = []
    own = {folder: part_of(folder.name.casefold()) for folder in top}
    longer = {folder: part or part_of(word_among(folder.name)) for folder, part in own.items()}
    named = {part for folder, part in longer.items() if part and _class_folders(folder, [])}
    for folder, part in (longer if "train" in named and len(named) > 1 else own).items():
        if part is not None and (classes := _class_folders(folder, ignored_in_parts)):
            if part in parts:
                message = f"{display(root)} has a folder {words[part]} and a folder {folder.name}, the same part"
                raise BadData(message, hint="remove one of them")
            parts[part], words[part] = classes, folder.name
    if "train" not in parts and "test" not in parts:
        return {WHOLE: top} if top else {}
    others = [folder for folder in top if folder.name not in words.values()]
    ignored += [*ignored_in_parts, *others]
    return parts


def _class_folders(folder: Path, ignored: list[Path]) -> list[Path]:
    """The folders in a folder that can be classes; everything else is added to `ignored`."""
    folders = []
    for entry in list_entries(folder):
        path = Path(entry)
        usable = is_folder(entry) and not entry.name.startswith(".") and entry.name != UNLABELLED
        if usable and not (entry.is_symlink() and folder.resolve().is_relative_to(path.resolve())):
            folders.append(path)
        else:
            ignored.append(path)
    return folders


def _list_class(folder: Path, ignored: list[Path]) -> tuple[str, list[Path]]:
    """The label of a class folder, and its files."""
    files, folders = [], 0
    for entry in list_entries(folder):
        if entry.name.startswith(".") or is_folder(entry):
            folders += is_folder(entry)
            ignored.append(Path(entry))
        elif is_file(entry):
            files.append(Path(entry))
        else:
            raise BadData(f"{display(Path(entry))} is neither a file nor a link to one", hint="move it away")
    if not files and folders:
        message = f"{display(folder)} has {folders:,} folders and no texts; those of a label are in its folder itself"
        copy = shlex.quote(os.path.join(tempfile.gettempdir(), folder.parent.name, folder.name))
        command = f"mkdir -p {copy} && cp {shlex.quote(display(folder))}/*/* {copy}"
        raise BadData(message, hint=f"for each label: {command}, and name that folder")
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


class _Encodings(NamedTuple):
    """How documents are read: all in one encoding; or in UTF-8, and those that are not in another."""

    given: str | None
    other: str | None = None
    suspected: str = ""  # what those that are not UTF-8 seem to be in, if they are not read

    def read(self, path: Path) -> str:
        """As `read_document`."""
        try:
            return read_document(path, encoding=self.given, suspected=self.suspected)
        except BadRow as error:
            if self.other is None or not isinstance(error.__cause__, UnicodeDecodeError):
                raise
        return read_document(path, encoding=self.other)


def _find_encodings(paths: Sequence[Path], given: str | None) -> tuple[_Encodings, str]:
    """The encodings of documents by some of them, and a note if that is not UTF-8 alone."""
    if given is not None:
        return _Encodings(given), f"all in {given}"
    looked_at = paths[:: max(1, len(paths) // _LOOKED_AT)]
    heads = [read_head(path, _HEAD_BYTES)[0] for path in looked_at]
    marked = [encoding for head in heads if (encoding := marked_encoding(head))]
    others = [head for head in heads if marked_encoding(head) is None and not is_all_utf8(head)]
    notes = [f"{count:,} in {encoding}" for encoding, count in Counter(marked).items()]
    encodings = _Encodings(None)
    if others and looks_like_windows_1252(b"\n".join(others)):
        notes.append(f"{len(others):,} in windows-1252, as all that are not UTF-8")
        encodings = _Encodings(None, "windows-1252")
    elif others:
        encodings = _Encodings(None, suspected=guess_encoding(b"\n".join(others)))
    return encodings, f"encodings, of {len(heads):,} files looked at: {', '.join(notes)}" if notes else ""


def _examples(
    root: Path,
    classes: list[tuple[str, str, list[Path]]],
    encodings: _Encodings,
    skip_bad_row: Callable[[BadRow], None] | None,
) -> Iterator[tuple[str, Example]]:
    paths = ((part, label, path) for part, label, files in classes for path in files)
    for number, (part, label, path) in enumerate(paths, start=1):
        try:
            text = encodings.read(path)
        except BadRow as error:
            if skip_bad_row is None:
                raise
            skip_bad_row(error)
        else:
            yield part, Example(number, text, label, file=relative_name(path, root))


def ignored_notes(root: Path, ignored: Sequence[Path], why: str = "without labels") -> tuple[str, ...]:
    """Notes that name the files that are not read, and count the hidden ones."""
    hidden = sum(path.name.startswith(".") for path in ignored)
    names = [relative_name(path, root) for path in ignored if not path.name.startswith(".")]
    notes = []
    if names:
        more = f" and {len(names) - 6:,} more" if len(names) > 6 else ""
        notes.append(f"ignored, {why}: {', '.join(names[:6])}{more}")
    if hidden:
        notes.append(f"ignored: {hidden:,} hidden file" + ("s" if hidden > 1 else ""))
    return tuple(notes)
