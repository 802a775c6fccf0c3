"""Names of models, tags and versions, and MODEL, the reference that users write. Invalid ones raise UsageError."""

import glob
import os
import re
import unicodedata
from pathlib import Path
from typing import NamedTuple

from lstmctl.errors import UsageError

LATEST = "latest"
_MAX_LENGTH = 64
# Lower-case ASCII only, so that no two names look alike or coincide on a file system that ignores case.
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
_RESERVED = re.compile(r"con|prn|aux|nul|com[1-9]|lpt[1-9]|latest|tmp|.*\.(?:lock|tmp|json)|.*\.\..*")
MAX_VERSION = 10**9 - 1
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_VERSION_FOLDER = re.compile(r"v([0-9]{6,9})(\.deleted)?")


class Reference(NamedTuple):
    """`name`, `name@3` or `name@tag`; `name@latest` is the same as `name`."""

    name: str
    version: int | None = None
    tag: str | None = None

    def __str__(self) -> str:
        suffix = self.version if self.version is not None else self.tag
        return self.name if suffix is None else f"{self.name}@{suffix}"


def parse_reference(text: str) -> Reference | Path:
    """The meaning of the user's MODEL: with a slash a path, otherwise a reference.

    >>> parse_reference("imdb@3")
    Reference(name='imdb', version=3, tag=None)
    """
    if "\0" in text or not text:
        raise UsageError(f"{_quoted(text)} is not a model", hint="lstmctl models list")
    if "/" in text:
        return Path(text)
    name, at, suffix = text.partition("@")
    check_name(name)
    if not at or suffix == LATEST:
        return Reference(name)
    if _NUMBER.fullmatch(suffix):
        return Reference(name, version=int(suffix))
    if is_tag(suffix):
        return Reference(name, tag=suffix)
    hint = f"a version is a number, as in {name}@1; a tag begins with a lower-case letter, as in {name}@best"
    raise UsageError(f"{_quoted(text)} is not a model: {_quoted(suffix)} is neither a version nor a tag", hint=hint)


def parse_registered(text: str, *, command: str) -> Reference:
    """A reference to a model of the registry, not a path, for `lstmctl models COMMAND`."""
    reference = parse_reference(text)
    if isinstance(reference, Path):
        raise UsageError(f"{command} takes a model of the registry, not a path", hint="lstmctl models list")
    return reference


def is_name(text: str) -> bool:
    """Whether a model can have this name.

    >>> is_name("imdb-2"), is_name("IMDB"), is_name("latest")
    (True, False, False)
    """
    return bool(_NAME.fullmatch(text)) and not _RESERVED.fullmatch(text)


def is_tag(text: str) -> bool:
    """Whether a version can have this tag: a name that starts with a letter."""
    return is_name(text) and text[0].isalpha()


def check_name(name: str) -> str:
    """The name itself, if a model can have it."""
    if is_name(name):
        return name
    hint = "a name has 1 to 64 of a-z 0-9 . _ - and begins and ends with a letter or digit"
    if _NAME.fullmatch(name):
        hint = "the word is reserved; add to it, as in my-model"
    elif is_name(name.lower()):
        hint = f"write it in lower case: {name.lower()}"
    raise UsageError(f"{_quoted(name)} cannot be the name of a model", hint=hint)


def check_tag(tag: str) -> str:
    """The tag itself, if a version can have it."""
    if is_tag(tag):
        return tag
    hint = "a tag has 1 to 64 of a-z 0-9 . _ -, begins with a letter and ends with a letter or digit"
    if tag == LATEST:
        hint = "latest always means the newest version"
    raise UsageError(f"{_quoted(tag)} cannot be a tag", hint=hint)


def make_name(text: str, *, default: str) -> str:
    """A valid name made from a text; `default` if no character of it can be in a name.

    >>> make_name("My Reviews (2).", default="model")
    'my-reviews--2'
    """
    name = re.sub(r"[^a-z0-9._-]", "-", unicodedata.normalize("NFC", text).lower())
    name = re.sub(r"\.{2,}", ".", name).strip("._-")[:_MAX_LENGTH].rstrip("._-") or default
    return name if is_name(name) else name[: _MAX_LENGTH - len("-model")] + "-model"


def default_model_name(source: str) -> str:
    """The model name for a `DataConfig.source`: the name of the data set, or of the file without suffixes, or, for a
    pattern, of its folder.
    """
    from lstmctl.data.formats import formats_of_name
    from lstmctl.data.named import NAMES
    from lstmctl.data.opening import without_packing

    if source in NAMES:
        return make_name(source, default="model")
    path = without_packing(Path(source))
    while glob.has_magic(path.name) and not os.path.isfile(source):
        path = path.parent
    return make_name(path.stem if formats_of_name(path) else path.name, default="model")


def version_folder(version: int, *, deleted: bool = False) -> str:
    """The folder name of a version.

    >>> version_folder(3), version_folder(3, deleted=True)
    ('v000003', 'v000003.deleted')
    """
    return f"v{version:06d}" + (".deleted" if deleted else "")


def parse_version_folder(name: str) -> tuple[int, bool] | None:
    """The version of a folder name, and whether it is deleted; None for any other name."""
    match = _VERSION_FOLDER.fullmatch(name)
    if match is None or not int(match[1]) or version_folder(int(match[1]), deleted=bool(match[2])) != name:
        return None
    return int(match[1]), bool(match[2])


def _quoted(text: str) -> str:
    """User text for a message: quoted, escaped and shortened."""
    text = ascii(text)[1:-1] if not text.isprintable() else text
    return f'"{text if len(text) <= 80 else text[:77] + "…"}"'
