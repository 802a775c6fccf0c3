"""All models of a home, opened as far as their cards. One that cannot be read never hides the others."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from lstmctl.errors import LstmctlError, NotFound
from lstmctl.registry import home as homes
from lstmctl.registry import shelf
from lstmctl.registry.artifact import SUMS
from lstmctl.registry.model_folder import ModelFolder
from lstmctl.registry.names import version_folder


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


def references(home: Path) -> list[str]:
    """All that can be written as MODEL: names, and behind each its versions, newest first, and tags. Opens no model."""
    written = []
    for name in shelf.names(home):
        found = shelf.look(home, name)
        if found.versions:
            tags = [tag for tag, version in found.tags.items() if version in found.versions]
            written += [name, *(f"{name}@{each}" for each in (*reversed(found.versions), *tags))]
    return written


def entries(home: Path, *, deleted: bool = False) -> Iterator[Entry]:
    """The models, or those that can be restored, by name and version. One that goes meanwhile is left out."""
    for name in shelf.names(home):
        found = shelf.look(home, name)
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


def measured(entry: Entry) -> Entry | None:
    """The entry with its metrics read as well, so that whoever shows it meets no error; None if it went."""
    if entry.folder is not None:
        try:
            entry.folder.metrics()
        except NotFound:
            return None
        except LstmctlError as error:
            return replace(entry, folder=None, error=error)
    return entry
