"""The registry: models by name and version. A version is written once and never changes; its number is never used
again. Reading takes no lock and writes nothing.

    models/<name>/.lock             held while versions or tags change
    models/<name>/v000003/          a model folder; the rename to this name is the moment it comes into existence
    models/<name>/v000003.deleted/  what `remove` leaves and `restore` brings back; empty after `prune`
    models/<name>/tags/<tag>        one line: v000003
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from lstmctl.errors import CannotCreate, NotFound, Rejected, UsageError
from lstmctl.registry import arrivals, artifact, listing
from lstmctl.registry.arrivals import Origin
from lstmctl.registry.artifact import CARD, FILES, SUMS, ModelFolder
from lstmctl.registry.home import MODELS, check_home, home_errors, open_for_writing
from lstmctl.registry.listing import Entry, Versions, find_version, read_versions
from lstmctl.registry.names import MAX_VERSION, Reference, check_name, check_tag, parse_registered, version_folder
from lstmctl.storage import locks
from lstmctl.storage.filesystem import Directory
from lstmctl.storage.staging import Staged, make_durable, stage_files

_LOCK = ".lock"
_LOCK_TIMEOUT = 10.0  # seconds


class Registry:
    """The models of one home. The constructor touches no file; `lock_timeout` is how many seconds a writer waits.

    Methods raise UsageError for an invalid name, tag or MODEL, NotFound for a missing model, Rejected for a home of a
    newer format, PermissionDenied and StorageError; those that write also CannotCreate, and Busy if other writers take
    too long.
    """

    def __init__(self, home: Path, *, lock_timeout: float = _LOCK_TIMEOUT) -> None:
        self.home = home
        self.lock_timeout = lock_timeout

    def resolve(self, model: str | None) -> ModelFolder:
        """The model that a MODEL refers to; None: the newest that was not trained with --limit."""
        return listing.resolve_model(self.home, model)

    def references(self) -> list[str]:
        """All valid MODELs: each name, followed by its versions, newest first, and its tags. Opens no model."""
        check_home(self.home)
        references = []
        for name in listing.model_names(self.home):
            versions = read_versions(self.home, name)
            if versions.live:
                tags = [tag for tag, version in versions.tags.items() if version in versions.live]
                references += [name, *(f"{name}@{suffix}" for suffix in (*reversed(versions.live), *tags))]
        return references

    def entries(self, *, deleted: bool = False) -> list[Entry]:
        """All models, or all deleted ones, newest first; those whose card or metrics cannot be read come last."""
        check_home(self.home)
        return listing.list_entries(self.home, deleted=deleted, metrics=True)

    def verify(self, models: Sequence[str] | None = None) -> Iterator[tuple[str, Rejected | None]]:
        """Read and check every byte of the given models, or of all: each MODEL, and the error if it is broken."""
        for model in models or [entry.reference for entry in self.entries()]:
            try:
                self.resolve(model).verify()
            except Rejected as error:
                yield model, error
            else:
                yield model, None

    def next_reference(self, name: str) -> str:
        """The reference of the next model with this name, if no other process registers one first. Raises CannotCreate
        if there can be no further version."""
        check_name(name)
        check_home(self.home)
        return f"{name}@{_next_version(read_versions(self.home, name), name)}"

    def prepare_for_writing(self) -> None:
        """Fail now, not after hours of training, if nothing can be written."""
        with (
            home_errors(f"write to {self.home}", self.home),
            open_for_writing(self.home) as home,
            stage_files(home, {}),
        ):
            pass

    def register(self, name: str, files: Mapping[str, bytes], *, imported: bool = False) -> str:
        """Store a model, in the files that `pack` returns, as the next version of a name; its reference. `imported`:
        it was not trained in this home.

        When this returns, the model survives a power cut; when it raises, there is no new model, unless the message
        says so.
        """
        check_name(name)
        if missing := set(FILES) - set(files):
            raise ValueError(f"a model folder has a file {min(missing)}")
        needed = sum(map(len, files.values()))
        data = artifact.parse_card(files[CARD], name).data
        origin: Origin = "imported" if imported else "trained" if data is None or data.limit is None else "trial"
        with (
            home_errors(f"store {name} in {self.home}", self.home, needed=needed),
            open_for_writing(self.home) as home,
            stage_files(home, files) as staged,
            self._lock(home, name, make=True) as directory,
        ):
            reference = f"{name}@{_move_to_next_version(staged, directory, home, name, origin)}"
            make_durable(directory, f"{reference} is stored, but a power cut may undo that")
        return reference

    def find_registered(self, name: str, files: Mapping[str, bytes]) -> str | None:
        """The version of a name from the same training run as these files, if any: the process that registered it may
        have ended before it could report it.
        """
        for version in reversed(read_versions(self.home, name).live):
            with suppress(NotFound, Rejected):
                if listing.open_version(self.home, name, version).is_same_run(files):
                    return f"{name}@{version}"
        return None

    def remove(self, model: str, *, all_versions: bool = False) -> list[str]:
        """Remove a version, or with `all_versions` all of a bare name; their references. `restore` undoes it."""
        reference = parse_registered(model, command="rm")
        name, is_bare = reference.name, "@" not in model
        if all_versions and not is_bare:
            raise UsageError("--all goes with a bare name", hint=f"lstmctl models rm {name} --all")
        check_home(self.home)
        version = find_version(self.home, reference)
        if is_bare and not all_versions:
            hint = f"lstmctl models rm {name}@{version} · lstmctl models rm {name} --all"
            raise UsageError(f'"{name}" can mean several models', hint=hint)
        with self._open_name(name, f"remove {model}") as directory:
            versions = read_versions(self.home, name).live if all_versions else (find_version(self.home, reference),)
            for version in versions:
                directory.rename(version_folder(version), directory, version_folder(version, deleted=True))
            make_durable(directory, f"{model} is removed, but a power cut may undo that")
        return [f"{name}@{version}" for version in versions]

    def restore(self, model: str) -> str:
        """Bring back a removed version, `name@3`; its reference. NotFound: it was not removed, or was pruned."""
        name, version, _ = parse_registered(model, command="restore")
        if version is None:
            raise UsageError("restore takes a version", hint=f"lstmctl models restore {name}@1")
        check_home(self.home)
        if not read_versions(self.home, name).deleted:
            raise NotFound(f"no model {name} was removed", hint="lstmctl models list")
        with self._open_name(name, f"restore {model}") as directory:
            _restore(directory, name, version)
            make_durable(directory, f"{model} is restored, but a power cut may undo that")
        return f"{name}@{version}"

    def prune(self, name: str | None = None) -> list[str]:
        """Delete removed versions permanently, of one name or of all; their references. Their numbers stay used."""
        if name is not None:
            check_name(name)
        check_home(self.home)
        names = [used for used in listing.model_names(self.home) if name in (None, used)]
        if name is not None and not names:
            raise NotFound(f'no model "{name}" in {self.home}', hint="lstmctl models list")
        pruned = []
        for current in names:
            if read_versions(self.home, current).deleted:
                with self._open_name(current, f"prune {current}") as directory:
                    deleted = Versions.parse(directory.names()).deleted
                    gone = [version for version in deleted if _prune(directory, version)]
                    pruned += [f"{current}@{version}" for version in gone]
                    with Directory.open(self.home) as home:
                        arrivals.forget(home, current, frozenset(gone))
        return pruned

    def tag(self, model: str, tag: str) -> str:
        """Make `name@tag` refer to a version, whatever it referred to before; `name@tag`."""
        reference = parse_registered(model, command="tag")
        check_tag(tag)
        check_home(self.home)
        name, version = reference.name, find_version(self.home, reference)
        with (
            home_errors(f"tag {model} in {self.home}", self.home),
            open_for_writing(self.home) as home,
            stage_files(home, {tag: listing.format_tag(version)}) as staged,
            self._lock(home, name) as directory,
        ):
            find_version(self.home, Reference(name, version))  # it may have been removed meanwhile
            directory.make(listing.TAGS)
            directory.sync()
            with directory.enter(listing.TAGS) as tags:
                staged.move_file(tag, tags, tag)
                make_durable(tags, f"{name}@{tag} is set, but a power cut may undo that")
        return f"{name}@{tag}"

    def untag(self, model: str) -> str:
        """Remove the tag `name@tag`; the reference it stood for, or the name if the tag is damaged."""
        name, _, tag = parse_registered(model, command="untag")
        if tag is None:
            raise UsageError("untag takes a tag", hint=f"lstmctl models untag {name}@TAG")
        check_home(self.home)
        tags = read_versions(self.home, name).tags
        if tag not in tags:
            hint = f"tags: {' '.join(f'{name}@{known}' for known in tags)}" if tags else "lstmctl models list"
            raise NotFound(f"there is no tag {model}", hint=hint)
        with self._open_name(name, f"untag {model}") as directory, directory.enter(listing.TAGS) as tag_directory:
            tag_directory.remove(tag)
            make_durable(tag_directory, f"{model} is removed, but a power cut may bring it back")
        return str(Reference(name, tags[tag]))

    @contextmanager
    def _open_name(self, name: str, action: str) -> Iterator[Directory]:
        """The directory of an existing name, locked."""
        with (
            home_errors(f"{action} in {self.home}", self.home),
            open_for_writing(self.home) as home,
            self._lock(home, name) as directory,
        ):
            yield directory

    @contextmanager
    def _lock(self, home: Directory, name: str, *, make: bool = False) -> Iterator[Directory]:
        """The directory of a name, while no other process changes it."""
        with home.enter(MODELS) as models:
            if make:
                models.make(name)
                models.sync()  # even if it existed: the process that made it may have ended before its sync
            what = f"{name} is being changed"
            with models.enter(name) as directory, locks.lock(directory, _LOCK, timeout=self.lock_timeout, what=what):
                yield directory


# The directory of the name must be locked.


def _move_to_next_version(staged: Staged, directory: Directory, home: Directory, name: str, origin: Origin) -> int:
    """Correct even where locks have no effect: no rename replaces a folder that is not empty."""
    while True:
        version = _next_version(Versions.parse(directory.names()), name)
        arrivals.record(home, name, version, origin)
        try:
            staged.move(directory, version_folder(version))
        except FileExistsError:
            continue
        return version


def _next_version(versions: Versions, name: str) -> int:
    if versions.next_version > MAX_VERSION:
        message = f"{name} has a version {MAX_VERSION}, the highest there can be"
        raise CannotCreate(message, hint="choose another name with --name NAME")
    return versions.next_version


def _restore(directory: Directory, name: str, version: int) -> None:
    deleted = Versions.parse(directory.names()).deleted
    if version not in deleted:
        removed = " ".join(f"{name}@{number}" for number in deleted)
        raise NotFound(f"{name}@{version} was not removed", hint=f"removed: {removed or 'none'}")
    old = version_folder(version, deleted=True)
    with directory.enter(old) as folder:
        if SUMS not in folder.names():  # the empty folder of a pruned version keeps its number from being used again
            raise NotFound(f"{name}@{version} was pruned and cannot be restored", hint="lstmctl models list")
    try:
        directory.rename(old, directory, version_folder(version))
    except FileExistsError as error:
        raise CannotCreate(f"{name}@{version} exists", hint="lstmctl models list") from error


def _prune(directory: Directory, version: int) -> bool:
    """Empty the folder of a removed version, which keeps its number from being used again; False: it was empty."""
    with directory.enter(version_folder(version, deleted=True)) as folder:
        names = folder.names()
        if SUMS in names:  # first, and flushed: a half-removed model must never be restored
            folder.remove(SUMS)
            folder.sync()
        for name in names:
            folder.remove(name)
    return bool(names)
