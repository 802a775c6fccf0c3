"""What a model can be called, and a name made of anything else.

What things are called: the names of models, tags and versions, and MODEL, the reference that users write.
"""

import glob
import os
import re
import unicodedata
from pathlib import Path
from typing import NamedTuple

from lstmctl.data.formats import formats_of_name
from lstmctl.data.named import NAMES
from lstmctl.data.opening import without_packing
from lstmctl.errors import UsageError

# Lower-case ASCII alone, so that no two names look alike or become one on a file system that folds case.
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
_RESERVED = re.compile(r"con|prn|aux|nul|com[1-9]|lpt[1-9]|latest|tmp|.*\.(?:lock|tmp|json)|.*\.\..*")
_LONGEST = 64


def is_name(name: str) -> bool:
    """Whether a model can have this name."""
    return is_written_like_a_name(name) and not _RESERVED.fullmatch(name)


def is_written_like_a_name(name: str) -> bool:
    """Whether it has the letters and the length of a name; some such words are reserved."""
    return bool(_NAME.fullmatch(name))


def name_like(text: str, *, otherwise: str) -> str:
    """The name that comes nearest to a text; `otherwise`, where nothing of it can be in a name."""
    name = re.sub(r"[^a-z0-9._-]", "-", unicodedata.normalize("NFC", text).lower())
    name = re.sub(r"\.{2,}", ".", name).strip("._-")[:_LONGEST].rstrip("._-") or otherwise
    return name if is_name(name) else name[: _LONGEST - len("-model")] + "-model"


_NUMBER = re.compile(r"[1-9][0-9]{0,17}")
_VERSION = re.compile(r"v([0-9]{6,18})(\.deleted)?")
LATEST = "latest"


class Reference(NamedTuple):
    """`name`, `name@3` or `name@tag`; `name@latest` is the same as `name`."""

    name: str
    version: int | None = None
    tag: str | None = None

    def __str__(self) -> str:
        after = self.version if self.version is not None else self.tag
        return self.name if after is None else f"{self.name}@{after}"


def is_tag(tag: str) -> bool:
    """Whether a version can have this tag: a name that starts with a letter."""
    return is_name(tag) and tag[0].isalpha()


def check_name(name: str) -> str:
    """The name itself.

    Raises:
        UsageError: no model can have it.
    """
    if is_name(name):
        return name
    hint = "a name has 1 to 64 of a-z 0-9 . _ - and begins and ends with a letter or digit"
    if is_written_like_a_name(name):
        hint = "that word is reserved; add to it, as in my-model"
    elif is_name(name.lower()):
        hint = f"write it in lower case: {name.lower()}"
    raise UsageError(f"{_shown(name)} cannot be the name of a model", hint=hint)


def check_tag(tag: str) -> str:
    """The tag itself.

    Raises:
        UsageError: no version can have it.
    """
    if is_tag(tag):
        return tag
    hint = "a tag has 1 to 64 of a-z 0-9 . _ -, begins with a letter and ends with a letter or digit"
    if tag == LATEST:
        hint = "latest always is the newest version of a name"
    raise UsageError(f"{_shown(tag)} cannot be a tag", hint=hint)


def parse_stored(reference: str, *, command: str) -> Reference:
    """A reference to a model of the registry, for `command` ("rm").

    Raises:
        UsageError: it is a path, or no reference.
    """
    parsed = parse_reference(reference)
    if isinstance(parsed, Path):
        raise UsageError(f"{command} takes a model of the registry, not a path", hint="lstmctl models list")
    return parsed


def parse_reference(reference: str) -> Reference | Path:
    """What a MODEL means: with a slash a path, else a reference.

    Raises:
        UsageError: it can be neither.
    """
    if "\0" in reference or not reference:
        raise UsageError(f"{_shown(reference)} is not a model", hint="lstmctl models list")
    if "/" in reference:
        return Path(reference)
    name, at, after = reference.partition("@")
    check_name(name)
    if not at or after == LATEST:
        return Reference(name)
    if _NUMBER.fullmatch(after):
        return Reference(name, version=int(after))
    if is_tag(after):
        return Reference(name, tag=after)
    raise UsageError(
        f"{_shown(reference)} is not a model: {_shown(after)} is neither a version nor a tag",
        hint=f"a version is a number, as in {name}@1; a tag begins with a lower-case letter, as in {name}@best",
    )


def parse_version(reference: str, *, command: str) -> Reference:
    """A reference that names one version for sure, for `command` ("restore").

    Raises:
        UsageError: it is a path, or names no version.
    """
    parsed = parse_stored(reference, command=command)
    if parsed.version is None:
        raise UsageError(f"{command} takes a version", hint=f"lstmctl models {command} {parsed.name}@1")
    return parsed


def version_folder(version: int, *, deleted: bool = False) -> str:
    """`v000003`, or `v000003.deleted`."""
    return f"v{version:06d}" + (".deleted" if deleted else "")


def version_of(folder: str) -> tuple[int, bool] | None:
    """The version that a folder's name stands for, and whether it is deleted; None for any other name."""
    match = _VERSION.fullmatch(folder)
    if match is None or not int(match[1]) or version_folder(int(match[1]), deleted=bool(match[2])) != folder:
        return None
    return int(match[1]), bool(match[2])


def _shown(text: str) -> str:
    """User text for a message: quoted, and cut where it is endless."""
    text = ascii(text)[1:-1] if not text.isprintable() else text
    return f'"{text if len(text) <= 80 else text[:77] + "…"}"'


def default_model_name(source: str) -> str:
    """The model name that goes with a `DataConfig.source`: the data set's name, or the file's without its suffixes, or
    of a pattern the folder's."""
    stem = source
    if source not in NAMES:
        path = without_packing(Path(source))
        while glob.has_magic(path.name) and not os.path.isfile(source):
            path = path.parent
        stem = path.stem if formats_of_name(path) else path.name
    return name_like(stem, otherwise="model")
