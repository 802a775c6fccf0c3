"""Parts by name: which files and folders are the training, validation and test part of a data set.

A name is that of a part if it is `train`, `dev`, `val`, `valid`, `validation`, `eval` or `test`, in any case, alone,
with `set` or `data`, or before the number of a shard: `train.csv`, `testset.csv`, `test.0.jsonl`,
`train-00000-of-00002.parquet`, or a folder `train/` around it.
Where one file is named so after train and another after test or validation, names with more words count too:
`reviews_train.csv`, `20news-bydate-test/`.
"""

import re
import shlex
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from lstmctl.data.formats import formats_of_name
from lstmctl.data.opening import display, without_packing
from lstmctl.errors import BadData

WHOLE = ""  # the part of rows that are not divided into parts
PARTS = ("train", "validation", "test")
_WORDS = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("dev", "devel", "val", "valid", "validation", "vld", "eval"), "validation"),
    **dict.fromkeys(("test", "testing", "tst", "holdout"), "test"),
}
_NAME = re.compile(
    rf"({'|'.join(_WORDS)})(?:[-_ ]?(?:set|data))?(?:[-_. ]?\d+(?:[-_. ]?of[-_. ]?\d+)?(?:[-_.][0-9a-f]{{8,}})?)?"
)
_MOST_NAMED = 3  # files of one part in a note


class Divided(NamedTuple):
    """Data files with their parts, in the order in which they are read; files left out; and what was decided."""

    parts: dict[Path, str]
    ignored: list[Path]
    notes: list[str]


def part_word(name: str) -> str | None:
    """The word in the name of a file without suffixes, or of a folder, that makes it a part.

    >>> part_word("Train-00000-of-00002"), part_word("test.0"), part_word("trains")
    ('train', 'test', None)
    """
    match = _NAME.fullmatch(name.casefold())
    return match[1] if match else None


def part_of(word: str | None) -> str | None:
    """The part that a word of `part_word` stands for.

    >>> part_of("dev")
    'validation'
    """
    return _WORDS.get(word or "")


def divide_files(files: Sequence[Path], *, root: Path | None = None, name: str, explicit: bool = False) -> Divided:
    """The parts of data files by their names, and by those of the folders between them and `root`.

    Without part names, all files are one table. With a train part and another one, files without part names are left
    out and named. `explicit` files were named one by one: one alone is the whole data, and beside a test or validation
    part those without part names are training data.

    Raises:
        BadData: names that fit two readings: two words for one part, a part in the folder of another, or files in a
        folder of which only some are named after parts.
    """
    if explicit and len(files) < 2:
        return Divided(dict.fromkeys(files, WHOLE), [], [])
    words = {file: _word(file, root) for file in files}
    if any(word is None for word in words.values()):
        every = {file: word or _word_among(file, root) for file, word in words.items()}
        found = {part_of(word) for word in every.values()} - {None}
        if "train" in found and len(found) > 1:
            words = every
    _check_words(words, name=name)
    by_part: defaultdict[str, list[Path]] = defaultdict(list)
    for file, word in words.items():
        by_part[part_of(word) or WHOLE].append(file)
    others = by_part.get(WHOLE, [])
    if len(others) == len(files) or (others and explicit and set(by_part) == {WHOLE, "train"}):
        pooled = [f"{len(files):,} files are read as one: {list_files(files, root)}"] if len(files) > 1 else []
        return Divided(dict.fromkeys(files, WHOLE), [], pooled)
    if others and not explicit and not ("train" in by_part and len(by_part) > 2):
        raise _some_named(by_part, name=name)
    if explicit:  # the others are what is left: training data
        by_part["train"] = [*others, *by_part.get("train", [])]
    listed = [f"{part}: {list_files(by_part[part], root)}" for part in PARTS if by_part.get(part)]
    notes = [f"parts by name · {' · '.join(listed)}"]
    if others and not explicit:
        notes.append(f"ignored, not named as a part: {list_files(others, root)}")
    parts = {file: part for part in PARTS for file in by_part.get(part, ())}
    return Divided(parts, [] if explicit else others, notes)


def relative_name(path: Path, root: Path | None) -> str:
    """The path below `root`, or as `display` writes it, in characters that can be printed."""
    shown = str(path.relative_to(root)) if root is not None and path.is_relative_to(root) else display(path)
    return shown.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def list_files(files: Sequence[Path], root: Path | None = None, most: int = _MOST_NAMED) -> str:
    """The names of files, shortened: "a.csv, b.csv" or "a.csv … z.csv (26 files)"."""
    if len(files) <= most:
        return ", ".join(relative_name(file, root) for file in files)
    return f"{relative_name(files[0], root)} … {relative_name(files[-1], root)} ({len(files):,} files)"


def _stem(file: Path) -> str:
    """The name without any suffix of a known format or packing: `train` of `train.ft.txt.gz`."""
    file = without_packing(file)
    while file.suffix and formats_of_name(file):
        file = file.with_suffix("")
    return file.name


def _word(file: Path, root: Path | None) -> str | None:
    """The part word of a file: that of a folder around it below `root`, or that of its own name."""
    own = part_word(_stem(file))
    folders = file.relative_to(root).parts[:-1] if root is not None and file.is_relative_to(root) else ()
    for folder in folders:
        if word := part_word(folder):
            if own is not None and part_of(own) != part_of(word):
                message = f"{display(file)} is named after the {part_of(own)} part, its folder after {part_of(word)}"
                raise BadData(message, hint=f"which is it? mv {shlex.quote(display(file))} elsewhere, or rename it")
            return word
    return own


def word_among(name: str) -> str | None:
    """The part word among several words of a name, if they are of one part.

    >>> word_among("reviews_train"), word_among("train-test-data")
    ('train', None)

    The last word of all decides: `product-test-train` is a train part.
    """
    tokens = re.split(r"[-_. ]+", name)
    if (last := part_word(tokens[-1])) is not None:
        return last
    words = [word for token in tokens if (word := part_word(token))]
    return words[0] if len({part_of(word) for word in words}) == 1 else None


def _word_among(file: Path, root: Path | None) -> str | None:
    """The part word among several words of the name of a file, or of a folder around it."""
    folders = file.relative_to(root).parts[:-1] if root is not None and file.is_relative_to(root) else ()
    return next((word for name in (_stem(file), *folders) if (word := word_among(name))), None)


def _check_words(words: Mapping[Path, str | None], *, name: str) -> None:
    first: dict[str | None, tuple[str, Path]] = {}
    for file, word in words.items():
        if word is not None:
            other, example = first.setdefault(part_of(word), (word, file))
            if other != word:
                files = f"{display(example)} and {display(file)}"
                message = f"{name} has data named {other} and data named {word}, the same part: {files}"
                raise BadData(message, hint="move one of them away, or name each file with --data, --val-data, …")


def _some_named(by_part: Mapping[str, Sequence[Path]], *, name: str) -> BadData:
    """The error of files in a folder of which only some are named after parts."""
    part, named = next((part, by_part[part][0]) for part in reversed(PARTS) if part in by_part)
    message = f"{name}: {display(named)} is named as the {part} part, but {display(by_part[WHOLE][0])} as none"
    quoted, other = shlex.quote(display(named)), shlex.quote(display(by_part[WHOLE][0]))
    if part == "train":
        hint = f"--data {quoted} --test-data {other}, or --data {quoted} --data {other} to train on both"
    else:
        hint = f"--data {other} --{'test' if part == 'test' else 'val'}-data {quoted}"
    return BadData(message, hint=hint)
