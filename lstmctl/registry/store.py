"""The registry: models by name and version. A version is written once and never changes; its number is never used
again. Reading takes no lock and writes nothing.

    models/<name>/.lock             held while a version comes or goes
    models/<name>/v000003/          a model folder; the rename that puts it here is the one moment it comes to be
    models/<name>/v000003.deleted/  what `remove` leaves and `restore` brings back
    models/<name>/tags/<tag>        one line: v000003
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lstmctl.errors import CannotCreate, LstmctlError, NotFound, StorageError, UsageError, from_os_error, nearest
from lstmctl.files import Folder
from lstmctl.registry import home as homes
from lstmctl.registry import locks, shelf
from lstmctl.registry.artifact import FILES, ModelFolder, open_model
from lstmctl.registry.names import Reference, check_name, parse, parse_version, version_folder
from lstmctl.registry.paths import open_path
from lstmctl.registry.staging import Staged, stage

LOCK = ".lock"
LOCK_TIMEOUT = 10.0  # seconds
_ATTEMPTS = 3


def default_home(option: str | None, environ: Mapping[str, str]) -> Path:
    """Where models live: --home, else LSTMCTL_HOME, else the user's data folder; absolute.

    Raises:
        UsageError: the option is empty.
    """
    if option == "":
        raise UsageError("--home is empty", hint="--home DIR")
    if chosen := option or environ.get("LSTMCTL_HOME"):
        return Path(os.path.abspath(os.path.expanduser(chosen)))
    from platformdirs import user_data_path

    return user_data_path("lstmctl", appauthor=False)


@dataclass(frozen=True)
class Entry:
    """A model in a listing: `folder`, or the `error` met in reading it."""

    reference: str
    tags: tuple[str, ...]
    folder: ModelFolder | None
    error: LstmctlError | None = None


class Registry:
    """The models of one home. Making it touches nothing."""

    def __init__(self, home: Path, *, lock_timeout: float = LOCK_TIMEOUT) -> None:
        self.home = home
        self.lock_timeout = lock_timeout

    # Reading

    def resolve(self, reference: str | None) -> ModelFolder:
        """The model that a MODEL means; None: the newest that was not trained with --limit.

        Raises:
            UsageError: the reference cannot be one. NotFound. Rejected. PermissionDenied, StorageError.
        """
        homes.check(self.home)
        if reference is None:
            return self._newest()
        parsed = parse(reference)
        if isinstance(parsed, Path):
            return open_path(parsed, reference)
        for attempt in range(_ATTEMPTS):
            found = shelf.look(self.home, parsed.name)
            if not found.versions and not found.deleted:
                raise self._unknown(parsed)
            try:
                return self._open(parsed.name, found.find(parsed))
            except NotFound:
                # Removed between two looks, perhaps: then the next one finds another version, or the reason.
                if attempt == _ATTEMPTS - 1 or parsed.version is not None and parsed.version not in found.versions:
                    raise
        raise AssertionError

    def references(self) -> list[str]:
        """All that can be written as MODEL: names, versions, tags. Opens no model."""
        homes.check(self.home)
        written = []
        for name in shelf.names(self.home):
            found = shelf.look(self.home, name)
            if found.versions:
                after = [str(version) for version in reversed(found.versions)]
                after += [tag for tag, version in found.tags.items() if version in found.versions]
                written += [name, *(f"{name}@{each}" for each in after)]
        return written

    def entries(self, *, deleted: bool = False) -> list[Entry]:
        """All models, or all removed ones, newest first; those that cannot be read come last."""
        homes.check(self.home)
        entries = []
        for name in shelf.names(self.home):
            found = shelf.look(self.home, name)
            for version in found.deleted if deleted else found.versions:
                entries.append(self._entry(found, version, deleted=deleted))
        return sorted((entry for entry in entries if entry is not None), key=_age, reverse=True)

    def next_reference(self, name: str) -> str:
        """What the next model of that name will be called, if no one is faster.

        Raises:
            UsageError: the name cannot be one.
        """
        check_name(name)
        homes.check(self.home)
        return f"{name}@{shelf.look(self.home, name).next_version}"
