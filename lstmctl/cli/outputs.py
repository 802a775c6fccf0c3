"""The file of -o: the format that its ending means, and whether it is one of the command's inputs."""

import glob
import os
import stat
from collections.abc import Iterable, Iterator
from typing import Any, Literal

from lstmctl.errors import UsageError

Format = Literal["auto", "table", "tsv", "csv", "json"]

# Ending → format of the answer. A name without an ending, and .txt, take what a pipe would get.
ENDINGS: dict[str, Format] = {
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".txt": "auto",
}


PICTURES = (".png", ".svg", ".pdf")  # endings of pictures, for the commands that draw


def ending(output: str | None) -> str:
    """The ending of the name of -o in lower case, with its dot; empty if it has none.

    >>> ending("scored/Answers.CSV")
    '.csv'
    """
    return os.path.splitext(output or "")[1].lower()


def output_format(output: str, format: Format, *, others: Iterable[str] = ()) -> Format:
    """The format of the answer in the file `output`, `format` being that of --format. `others` are endings that the
    command writes besides those of ENDINGS.

    Raises UsageError for an ending that the command cannot write, or one that contradicts --format.
    """
    suffix = ending(output)
    if suffix in PICTURES and suffix in others and format != "auto":
        raise UsageError(
            f"--format {format} contradicts -o {output}, a picture", hint="leave out --format, or -o FILE.json or .tsv"
        )
    if not suffix or suffix in others or os.path.exists(output) and not os.path.isfile(output):  # such as /dev/stdout
        return format
    if suffix not in ENDINGS:
        possible = " ".join([*others, *(name for name in ENDINGS if name not in (".ndjson", ".tab"))])
        raise UsageError(f"-o {output}: this command cannot write {suffix} files", hint=f"possible endings: {possible}")
    meant = ENDINGS[suffix]
    if format not in ("auto", meant) and meant != "auto":
        raise UsageError(
            f"--format {format} contradicts -o {output}", hint="leave out --format, or end the name in .txt"
        )
    return meant if meant != "auto" else format


def refuse_input(output: str | None, inputs: Iterable[Any]) -> None:
    """UsageError if -o names a file that the command reads, by whatever path or link, or the folder that it reads.

    `inputs` are values of options: those that are no paths, and lists of them, do no harm.
    """
    try:
        target = os.stat(output or "")
    except (OSError, ValueError):
        return  # nothing is there that could be overwritten
    if not (stat.S_ISREG(target.st_mode) or stat.S_ISDIR(target.st_mode)):
        return
    for value in _strings(inputs):
        for path in _files(os.path.expanduser(value), folders=stat.S_ISDIR(target.st_mode)):
            try:
                same = os.path.samestat(os.stat(path), target)
            except (OSError, ValueError):
                continue
            if same:
                message = f"-o {output} is an input of this command: {path}"
                raise UsageError(message, hint="-o names another file; the input stays as it is")


def _strings(values: Iterable[Any]) -> Iterator[str]:
    for value in values:
        if isinstance(value, str) and value and len(value) < 4096 and "\0" not in value:
            yield value
        elif isinstance(value, list | tuple):
            yield from _strings(value)


def _files(path: str, *, folders: bool) -> Iterator[str]:
    """A path and, if it is a folder or a pattern, the files below it; with `folders`, only paths that are no files."""
    if os.path.isdir(path):
        if folders:
            yield path
            return
        for folder, _, names in os.walk(path):
            yield from (os.path.join(folder, name) for name in names)
    elif os.path.exists(path):
        yield path
    elif any(character in path for character in "*?["):
        yield from glob.iglob(path, recursive=True)
