"""The registry: models by name and version. A version is written once and never changes; its number is never used
again. Reading takes no lock and writes nothing.

    models/<name>/.lock             held while a version comes or goes
    models/<name>/v000003/          a model folder; the rename that puts it here is the one moment it comes to be
    models/<name>/v000003.deleted/  what `remove` leaves and `restore` brings back; empty after `prune`
    models/<name>/tags/<tag>        one line: v000003

Versions that were put aside: brought back, or removed for good. The folder of a name must be locked.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from lstmctl.errors import CannotCreate, NotFound, Rejected, UsageError
from lstmctl.registry import home as homes
from lstmctl.registry import listing
from lstmctl.registry.artifact import FILES, SUMS, ModelFolder
from lstmctl.registry.listing import Entry, find_version, resolve_model
from lstmctl.registry.names import Reference, check_name, check_tag, parse_stored, parse_version, version_folder
from lstmctl.storage import locks
from lstmctl.storage.filesystem import Directory, os_errors
from lstmctl.storage.staging import Staged, make_durable, stage_files

__all__ = ["Entry", "Registry"]

LOCK = ".lock"
LOCK_TIMEOUT = 10.0  # seconds


class Registry:
    """The models of one home. Making it touches nothing; `lock_timeout` is how many seconds writing waits for others.

    All methods raise Rejected for a home of a newer format, PermissionDenied and StorageError; those that write also
    CannotCreate, and Busy when others are writing for too long.
    """

    def __init__(self, home: Path, *, lock_timeout: float = LOCK_TIMEOUT) -> None:
        self.home = home
        self.lock_timeout = lock_timeout

    def resolve(self, reference: str | None) -> ModelFolder:
        """The model that a MODEL means; None: the newest that was not trained with --limit.

        Raises:
            UsageError: it cannot be a reference. NotFound: there is no such model.
        """
        return resolve_model(self.home, reference)

    def references(self) -> list[str]:
        """All that can be written as MODEL: names, versions, tags. Opens no model."""
        homes.check(self.home)
        return listing.list_references(self.home)

    def entries(self, *, deleted: bool = False) -> list[Entry]:
        """All models, or all removed ones, newest first; those whose card or metrics cannot be read come last."""
        homes.check(self.home)
        measured = map(listing.with_metrics, listing.list_entries(self.home, deleted=deleted))
        return sorted((entry for entry in measured if entry is not None), key=lambda entry: entry.age, reverse=True)

    def next_reference(self, name: str) -> str:
        """What the next model of that name will be called, if no one else is faster.

        Raises:
            UsageError: no model can have that name.
        """
        check_name(name)
        homes.check(self.home)
        return f"{name}@{listing.read_versions(self.home, name).next_version}"

    def prepare_for_writing(self) -> None:
        """Fail now, not after hours of training, where nothing can be written."""
        with os_errors(f"write to {self.home}"), homes.open_for_writing(self.home) as home, stage_files(home, {}):
            pass

    def register(self, name: str, files: Mapping[str, bytes]) -> str:
        """Store a model, the files that `pack` makes, as the next version of a name; its reference.

        When this returns, the model survives a power cut; when it raises, there is no new model, unless the message
        says so.

        Raises:
            UsageError: no model can have that name.
        """
        check_name(name)
        if missing := set(FILES) - set(files):
            raise ValueError(f"a model folder has a file {min(missing)}")
        needed = sum(map(len, files.values()))
        with (
            os_errors(f"store {name} in {self.home}", needed=needed),
            homes.open_for_writing(self.home) as home,
            stage_files(home, files) as staged,
            self._changing(home, name, make=True) as folder,
        ):
            reference = f"{name}@{_place(staged, folder)}"
            make_durable(folder, f"{reference} is stored, but a power cut may undo that")
        return reference

    def find_registered(self, name: str, files: Mapping[str, bytes]) -> str | None:
        """The version of a name that came of the same training run as these files, if there is one: whoever registered
        it may have ended before it could say so.
        """
        for version in reversed(listing.read_versions(self.home, name).versions):
            with suppress(NotFound, Rejected):
                if listing.open_version(self.home, name, version).same(files):
                    return f"{name}@{version}"
        return None

    def remove(self, reference: str, *, every: bool = False) -> list[str]:
        """Put a version aside, or with `every` all versions of a bare name; what was removed. `restore` undoes it.

        Raises:
            UsageError: a path, or a bare name without `every`. NotFound.
        """
        wanted = parse_stored(reference, command="rm")
        bare = "@" not in reference
        if every and not bare:
            raise UsageError("--all goes with a bare name", hint=f"lstmctl models rm {wanted.name} --all")
        homes.check(self.home)
        version = find_version(self.home, wanted)
        if bare and not every:
            hint = f"lstmctl models rm {wanted.name}@{version} · lstmctl models rm {wanted.name} --all"
            raise UsageError(f'"{wanted.name}" alone may be several models', hint=hint)
        with self._writing(wanted.name, f"remove {reference}") as folder:
            found = listing.read_versions(self.home, wanted.name)
            versions = found.versions if every else (found.find(wanted),)
            for each in versions:
                folder.rename(version_folder(each), folder, version_folder(each, deleted=True))
            make_durable(folder, f"{reference} is removed, but a power cut may undo that")
        return [f"{wanted.name}@{each}" for each in versions]

    def tag(self, reference: str, tag: str) -> str:
        """Let `name@tag` mean a version, whatever it meant before; that reference.

        Raises:
            UsageError: no version can have that tag, or a path. NotFound: there is no such model.
        """
        wanted = parse_stored(reference, command="tag")
        check_tag(tag)
        homes.check(self.home)
        version = Reference(wanted.name, find_version(self.home, wanted))
        tagged = f"{wanted.name}@{tag}"
        with (
            os_errors(f"tag {reference} in {self.home}"),
            homes.open_for_writing(self.home) as home,
            stage_files(home, {tag: listing.tag_line(version.version or 0)}) as staged,
            self._changing(home, wanted.name) as folder,
        ):
            listing.read_versions(self.home, wanted.name).find(version)  # it may have been removed since
            folder.make(listing.TAGS)
            folder.sync()
            with folder.enter(listing.TAGS) as tag_folder:
                staged.move_file(tag, tag_folder, tag)
                make_durable(tag_folder, f"{tagged} is set, but a power cut may undo that")
        return tagged

    def untag(self, reference: str) -> str:
        """Take a tag away, `name@tag`; what it meant, or the name where that cannot be read.

        Raises:
            UsageError: not of that form. NotFound: there is no such tag.
        """
        wanted = parse_stored(reference, command="untag")
        if wanted.tag is None:
            raise UsageError("untag takes a tag", hint=f"lstmctl models untag {wanted.name}@TAG")
        homes.check(self.home)
        there = listing.read_versions(self.home, wanted.name).tags
        if wanted.tag not in there:
            known = " ".join(f"{wanted.name}@{tag}" for tag in there)
            raise NotFound(f"there is no tag {reference}", hint=f"tags: {known}" if known else "lstmctl models list")
        with self._writing(wanted.name, f"untag {reference}") as folder, folder.enter(listing.TAGS) as tag_folder:
            tag_folder.remove(wanted.tag)
            make_durable(tag_folder, f"{reference} is gone, but a power cut may bring it back")
        return str(Reference(wanted.name, there[wanted.tag]))

    def prune(self, name: str | None = None) -> list[str]:
        """Remove for good what `remove` put aside, of one name or of all; what was removed. Numbers stay used.

        Raises:
            UsageError: no model can have that name. NotFound: there is no such name.
        """
        if name is not None:
            check_name(name)
        homes.check(self.home)
        names = listing.model_names(self.home)
        if name is not None and name not in names:
            raise NotFound(f'no model "{name}"', hint="lstmctl models list")
        pruned = []
        for each in names if name is None else [name]:
            if listing.read_versions(self.home, each).deleted:
                with self._writing(each, f"prune {each}") as folder:
                    pruned += [
                        f"{each}@{version}"
                        for version in listing.versions_in(folder).deleted
                        if prune_version(folder, version)
                    ]
        return pruned

    def restore(self, reference: str) -> str:
        """Bring back a removed version; its reference.

        Raises:
            UsageError: not of the form name@3. NotFound: it was not removed, or is gone for good.
        """
        wanted = parse_version(reference, command="restore")
        name, version = wanted.name, wanted.version or 0
        homes.check(self.home)
        if not listing.read_versions(self.home, name).deleted:
            raise NotFound(f"no model {name} was removed", hint="lstmctl models list")
        with self._writing(name, f"restore {reference}") as folder:
            restore_version(folder, name, version)
            make_durable(folder, f"{reference} is back, but a power cut may undo that")
        return str(wanted)

    @contextmanager
    def _writing(self, name: str, action: str) -> Iterator[Directory]:
        with (
            os_errors(f"{action} in {self.home}"),
            homes.open_for_writing(self.home) as home,
            self._changing(home, name) as folder,
        ):
            yield folder

    @contextmanager
    def _changing(self, home: Directory, name: str, *, make: bool = False) -> Iterator[Directory]:
        """The folder of a name, while no one else changes it."""
        with home.enter(homes.MODELS) as models:
            if make:
                models.make(name)
                models.sync()  # even if it was there: whoever made it may not have come to this line
            with models.enter(name) as folder:
                what = f"{name} is being changed"
                with locks.lock(folder, LOCK, timeout=self.lock_timeout, what=what):
                    yield folder


def _place(staged: Staged, folder: Directory) -> int:
    """Put the staged model where it gets its number. Right even where the lock means nothing: no rename replaces a
    folder that has something in it.
    """
    while True:
        version = listing.versions_in(folder).next_version
        try:
            staged.move(folder, version_folder(version))
        except FileExistsError:
            continue
        return version


def restore_version(folder: Directory, name: str, version: int) -> None:
    """Bring back a removed version of `name`, whose open folder this is.

    Raises:
        NotFound: it was not removed, or is gone for good. CannotCreate: its place is taken.
    """
    found = listing.versions_in(folder)
    if version not in found.deleted:
        removed = " ".join(f"{name}@{each}" for each in found.deleted)
        raise NotFound(f"{name}@{version} was not removed", hint=f"removed: {removed or 'none'}")
    old = version_folder(version, deleted=True)
    with folder.enter(old) as inner:
        if SUMS not in inner.names():  # what is left so that the number is not used again
            raise NotFound(f"{name}@{version} was pruned and cannot come back", hint="lstmctl models list")
    try:
        folder.rename(old, folder, version_folder(version))
    except FileExistsError as error:
        raise CannotCreate(f"{name}@{version} is there already", hint="lstmctl models list") from error


def prune_version(folder: Directory, version: int) -> bool:
    """Empty the folder of a removed version, which stays as a sign that its number was used; False: it was empty."""
    with folder.enter(version_folder(version, deleted=True)) as inner:
        names = inner.names()
        if SUMS in names:  # first, and for good: what is half removed must never come back
            inner.remove(SUMS)
            inner.sync()
        for name in names:
            inner.remove(name)
    return bool(names)
