"""What is there: names, versions and tags, as the folders tell. Looks only; opens no model."""

from pathlib import Path
from typing import NamedTuple

from lstmctl.errors import NotFound, Rejected, nearest
from lstmctl.files import Folder
from lstmctl.model_names import is_name
from lstmctl.registry import home as homes
from lstmctl.registry import tags
from lstmctl.registry.names import Reference, version_of

_SHOWN = 10  # versions that a hint lists


class Shelf(NamedTuple):
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
            near = nearest(tag, self.tags, count=1)
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


def names(home: Path) -> list[str]:
    """The names in use, sorted; of some, all models may be removed."""
    return [name for name in homes.names_in(home, homes.MODELS) if is_name(name)]


def look(home: Path, name: str) -> Shelf:
    """What is there of a name; nothing, where it is not in use."""
    inside = homes.names_in(home, homes.MODELS, name)
    return _shelf(name, inside, tags.read(home, name) if tags.FOLDER in inside else {})


def look_into(folder: Folder) -> Shelf:
    """The same for the open folder of a name, without its tags.

    Raises:
        OSError.
    """
    return _shelf(folder.path.name, folder.names(), {})


def _shelf(name: str, inside: list[str], tags: dict[str, int | None]) -> Shelf:
    known = [version for each in inside if (version := version_of(each))]
    live = sorted(version for version, deleted in known if not deleted)
    return Shelf(name, tuple(live), tuple(sorted(version for version, deleted in known if deleted)), tags)
