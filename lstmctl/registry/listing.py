"""Tags: files that say which version of a name a word stands for, in one line such as v000003.

What is there: names, versions and tags, as the folders tell. Looks only; opens no model.

All models of a home, opened as far as their cards. One that cannot be read never hides the others.

From MODEL, as a user writes it, to the model it means.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from stat import S_ISDIR
from typing import NamedTuple

from lstmctl.data.formats import is_data_name
from lstmctl.errors import LstmctlError, NotFound, Rejected, UsageError, closest_names
from lstmctl.registry import home as homes
from lstmctl.registry.artifact import CARD, SUMS, ModelFolder
from lstmctl.registry.names import Reference, is_name, is_tag, parse_reference, version_folder, version_of
from lstmctl.storage.filesystem import Directory, os_errors

TAGS = "tags"  # in that of the name
_TAG_LIMIT = 64  # bytes of a tag's file


def tag_line(version: int) -> bytes:
    """What the file of a tag says that stands for a version."""
    return f"{version_folder(version)}\n".encode()


def read_tags(home: Path, name: str) -> dict[str, int | None]:
    """The tags of a name, sorted, and their versions; a tag whose file is damaged stands for None."""
    tags: dict[str, int | None] = {}
    with os_errors(f"read the tags of {name}"):
        for tag in homes.names_in(home, homes.MODELS, name, TAGS):
            if is_tag(tag):
                try:
                    tags[tag] = _tagged_version(home, name, tag)
                except (FileNotFoundError, NotADirectoryError):
                    continue
                except LstmctlError:
                    tags[tag] = None
    return tags


def _tagged_version(home: Path, name: str, tag: str) -> int | None:
    with Directory.open(home, homes.MODELS, name, TAGS) as folder:
        line = folder.read(tag, limit=_TAG_LIMIT)
    found = version_of(line.decode("ascii", "replace").removesuffix("\n"))
    return found[0] if found and line == tag_line(found[0]) else None


_SHOWN = 10  # versions that a hint lists


class Versions(NamedTuple):
    """One name: its versions, oldest first, those removed, and what its tags stand for. A tag whose file is damaged
    stands for None.
    """

    name: str
    versions: tuple[int, ...]
    deleted: tuple[int, ...]
    tags: dict[str, int | None]

    @property
    def next_version(self) -> int:
        """The number that the next model gets. No number is used twice."""
        return max((*self.versions, *self.deleted), default=0) + 1

    def tags_of(self, version: int) -> tuple[str, ...]:
        """The tags of a version, sorted."""
        return tuple(tag for tag, number in self.tags.items() if number == version)

    def find(self, reference: Reference) -> int:
        """The version that a reference to this name means.

        Raises:
            NotFound: there is none. Rejected: the tag is damaged.
        """
        version = reference.version
        if reference.tag is not None:
            version = self._tagged(reference.tag)
        elif version is None:
            version = self.versions[-1] if self.versions else self.deleted[-1]
        if version in self.versions:
            return version
        if version in self.deleted:
            found = f"{self.name}@{version}"
            what = f'{found}, which the tag "{reference.tag}" stands for,' if reference.tag else found
            raise NotFound(f"{what} was removed", hint=f"lstmctl models restore {found}")
        raise NotFound(f"{self.name} has no version {version}", hint=f"it has {self._listed()}")

    def _tagged(self, tag: str) -> int:
        if tag not in self.tags:
            near = closest_names(tag, self.tags, count=1)
            hint = f"did you mean {self.name}@{near[0]}?" if near else f"it has {self._listed()}"
            if self.tags and not near:
                hint = f"its tags: {' '.join(self.tags)}"
            raise NotFound(f'{self.name} has no tag "{tag}"', hint=hint)
        version = self.tags[tag]
        if version is None:
            raise Rejected(f'the tag "{tag}" of {self.name} is damaged', hint=f"it has {self._listed()}")
        return version

    def _listed(self) -> str:
        newest = [f"{self.name}@{version}" for version in self.versions[-_SHOWN:]]
        return " ".join((["…"] if len(self.versions) > _SHOWN else []) + newest) or "none"


def model_names(home: Path) -> list[str]:
    """The names in use, sorted; of some, all models may be removed."""
    return [name for name in homes.names_in(home, homes.MODELS) if is_name(name)]


def read_versions(home: Path, name: str) -> Versions:
    """What is there of a name; nothing, where it is not in use."""
    inside = homes.names_in(home, homes.MODELS, name)
    return _versions(name, inside, read_tags(home, name) if TAGS in inside else {})


def versions_in(folder: Directory) -> Versions:
    """The same for the open folder of a name, without its tags.

    Raises:
        OSError.
    """
    return _versions(folder.path.name, folder.names(), {})


def _versions(name: str, inside: list[str], tags: dict[str, int | None]) -> Versions:
    known = [version for each in inside if (version := version_of(each))]
    live = sorted(version for version, deleted in known if not deleted)
    return Versions(name, tuple(live), tuple(sorted(version for version, deleted in known if deleted)), tags)


@dataclass(frozen=True)
class Entry:
    """A model in a listing: its `folder`, or the `error` met in reading it."""

    reference: str
    tags: tuple[str, ...]
    folder: ModelFolder | None
    error: LstmctlError | None = None

    @property
    def age(self) -> tuple[str, int, str]:
        """Larger for newer models; smallest for those that cannot be read."""
        name, _, version = self.reference.partition("@")
        return self.folder.card.created[:19] if self.folder else "", int(version), name


def open_version(home: Path, name: str, version: int, *, deleted: bool = False) -> ModelFolder:
    """A version of a name, or what is kept of it after its removal.

    Raises:
        As `ModelFolder`.
    """
    inside = (homes.MODELS, name, version_folder(version, deleted=deleted))
    return ModelFolder(home, f"{name}@{version}", inside=inside)


def list_references(home: Path) -> list[str]:
    """All that can be written as MODEL: names, and behind each its versions, newest first, and tags. Opens no model."""
    written = []
    for name in model_names(home):
        found = read_versions(home, name)
        if found.versions:
            tags = [tag for tag, version in found.tags.items() if version in found.versions]
            written += [name, *(f"{name}@{each}" for each in (*reversed(found.versions), *tags))]
    return written


def list_entries(home: Path, *, deleted: bool = False) -> Iterator[Entry]:
    """The models, or those that can be restored, by name and version. One that goes meanwhile is left out."""
    for name in model_names(home):
        found = read_versions(home, name)
        for version in found.deleted if deleted else found.versions:
            reference, tags = f"{name}@{version}", found.tags_of(version)
            if deleted and SUMS not in homes.names_in(home, homes.MODELS, name, version_folder(version, deleted=True)):
                continue  # pruned
            try:
                folder = open_version(home, name, version, deleted=deleted)
            except NotFound:
                continue
            except LstmctlError as error:
                yield Entry(reference, tags, None, error)
            else:
                yield Entry(reference, tags, folder)


def with_metrics(entry: Entry) -> Entry | None:
    """The entry with its metrics read as well, so that whoever shows it meets no error; None if it went."""
    if entry.folder is not None:
        try:
            entry.folder.metrics()
        except NotFound:
            return None
        except LstmctlError as error:
            return replace(entry, folder=None, error=error)
    return entry


MODEL_FOLDER = "model"  # in a checkpoint
_ATTEMPTS = 3


def resolve_model(home: Path, reference: str | None) -> ModelFolder:
    """The model that `reference` means; None: the newest that was not trained with --limit.

    Raises:
        UsageError: it cannot be a reference. NotFound, Rejected, PermissionDenied, StorageError.
    """
    if reference is None:
        homes.check(home)
        return _newest(home)
    try:
        parsed = parse_reference(reference)
    except UsageError as error:
        raise UsageError(error.message, hint=_data_hint(reference) or error.hint) from error
    if isinstance(parsed, Path):
        return _at_path(parsed, reference)
    homes.check(home)
    return _named(home, parsed)


def find_version(home: Path, wanted: Reference) -> int:
    """The version that a reference means. Opens no model.

    Raises:
        NotFound: there is none, with the nearest that there is. Rejected: the tag is damaged.
    """
    found = read_versions(home, wanted.name)
    if not found.versions and not found.deleted:
        raise _unknown(home, wanted)
    return found.find(wanted)


def _named(home: Path, wanted: Reference) -> ModelFolder:
    for _ in range(_ATTEMPTS):
        version = find_version(home, wanted)
        with suppress(NotFound):  # removed since the look: the next one finds another, or the reason
            return open_version(home, wanted.name, version)
    raise NotFound(f"{wanted} was removed just now", hint="lstmctl models list")


def _newest(home: Path) -> ModelFolder:
    everything = list(list_entries(home))
    readable = sorted((entry for entry in everything if entry.folder), key=lambda entry: entry.age)
    folders = [entry.folder for entry in readable if entry.folder]
    full = [folder for folder in folders if folder.card.data is None or folder.card.data.limit is None]
    if full:
        return full[-1]
    if folders:
        trial = folders[-1].reference
        message = "there are only trial models, trained with --limit, which are never the default"
        raise NotFound(message, hint=f"name one, such as {trial}; or lstmctl train makes a full one")
    if everything:
        raise NotFound("no model can be read", hint="lstmctl models list tells why")
    raise NotFound("there are no models yet", hint="lstmctl train makes one")


def _unknown(home: Path, wanted: Reference) -> NotFound:
    hint = _data_hint(wanted.name)
    if hint is None and (Path(wanted.name) / CARD).is_file():
        hint = f"./{wanted.name} is the model folder of that name"
    if hint is None:
        known = {name: read_versions(home, name).versions for name in model_names(home)}
        known = {name: versions for name, versions in known.items() if versions}
        near = closest_names(wanted.name, known, count=1)
        hint = "lstmctl models list" if known else "lstmctl train makes one"
        if near:
            hint = f"did you mean {near[0]}@{known[near[0]][-1]}? · {hint}"
    return NotFound(f'no model "{wanted.name}"', hint=hint)


def _data_hint(reference: str) -> str | None:
    """What to say where a MODEL should stand and a file of texts does."""
    if is_data_name(reference):
        return f"that looks like data: --data {reference} in train and evaluate, -i {reference} in predict"
    return None


def _at_path(path: Path, reference: str) -> ModelFolder:
    with os_errors(f"read {path}"):
        try:
            is_folder = S_ISDIR(path.stat().st_mode)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EIO):
                raise
            raise NotFound(f"there is no folder {reference:.200}", hint="lstmctl models list") from error
        if not is_folder:
            raise NotFound(
                f"{reference} is a file, not the folder of a model", hint=_data_hint(reference) or "lstmctl models list"
            )
        inside = set(os.listdir(path))
        if CARD in inside:
            return ModelFolder(path, reference)
        if MODEL_FOLDER in inside:
            return ModelFolder(path, reference, inside=(MODEL_FOLDER,))
    steps = sorted(name for name in inside if name.startswith("step-"))
    hint = f"its newest checkpoint is {reference.rstrip('/')}/{steps[-1]}" if steps else "lstmctl models list"
    raise NotFound(f"{reference} is not the folder of a model: it has no {CARD}", hint=hint)
