"""What things are called: the names of models, tags and versions, and MODEL, the reference that users write."""

import re
from pathlib import Path
from typing import NamedTuple

from lstmctl.errors import UsageError
from lstmctl.model_names import is_name, is_written_like_a_name

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
    parsed = parse(reference)
    if isinstance(parsed, Path):
        raise UsageError(f"{command} takes a model of the registry, not a path", hint="lstmctl models list")
    return parsed


def parse(reference: str) -> Reference | Path:
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
