"""The models on disk: versions and tags of a name, lists of models, and the model that a MODEL refers to.

Functions raise UsageError for an invalid MODEL, NotFound for a missing model, with the most similar names in the hint,
Rejected for a damaged one, PermissionDenied and StorageError.
"""

import errno
import math
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from stat import S_ISDIR
from typing import NamedTuple, Self

from lstmctl.errors import LstmctlError, NotFound, Rejected, UsageError, closest_names
from lstmctl.registry.arrivals import by_reference, find_arrival, read_arrivals
from lstmctl.registry.artifact import CARD, SUMS, ModelFolder
from lstmctl.registry.home import CHECKPOINTS, MODELS, check_home, list_names
from lstmctl.registry.names import Reference, is_name, is_tag, parse_reference, parse_version_folder, version_folder
from lstmctl.storage.filesystem import Directory, os_errors

TAGS = "tags"  # subfolder of a name
MODEL_FOLDER = "model"  # subfolder of a checkpoint
SORT_KEYS = ("created", "name", "bytes", "parameters")
_TAG_LIMIT = 64  # bytes of the file of a tag
_SHOWN = 10  # versions that a hint lists
_ATTEMPTS = 3
NO_MODELS = "lstmctl train makes one; --home DIR looks in another folder"


def resolve_model(home: Path, text: str | None) -> ModelFolder:
    """The model that the user's MODEL refers to; None: the newest that was not trained with --limit."""
    if text is None:
        check_home(home)
        return _newest_model(home)
    try:
        reference = parse_reference(text)
    except UsageError as error:
        raise UsageError(error.message, hint=_data_hint(text) or error.hint) from error
    if isinstance(reference, Path):
        return _model_at(reference, text, home)
    check_home(home)
    for _ in range(_ATTEMPTS):
        version = find_version(home, reference)
        with suppress(NotFound):  # removed meanwhile: the next attempt finds another version, or reports the removal
            return open_version(home, reference.name, version)
    raise NotFound(f"{reference} was just removed", hint="lstmctl models list")


class Versions(NamedTuple):
    """The versions of a name, live and deleted, ascending, and the version of each tag; None: its file is damaged."""

    live: tuple[int, ...]
    deleted: tuple[int, ...]
    tags: Mapping[str, int | None]

    @classmethod
    def parse(cls, file_names: Sequence[str], tags: Mapping[str, int | None] | None = None) -> Self:
        """The versions in the folder of a name that contains these files."""
        parsed = sorted(version for name in file_names if (version := parse_version_folder(name)))
        live = tuple(version for version, is_deleted in parsed if not is_deleted)
        return cls(live, tuple(version for version, is_deleted in parsed if is_deleted), tags or {})

    @property
    def next_version(self) -> int:
        """The number of the next model. No number is used twice."""
        return max((*self.live, *self.deleted), default=0) + 1


def read_versions(home: Path, name: str) -> Versions:
    """The versions and tags of a name; none if the name is not in use."""
    file_names = list_names(home, MODELS, name)
    return Versions.parse(file_names, _read_tags(home, name) if TAGS in file_names else {})


def format_tag(version: int) -> bytes:
    """The content of the file of a tag: one line such as v000003."""
    return f"{version_folder(version)}\n".encode()


def _read_tags(home: Path, name: str) -> dict[str, int | None]:
    tags: dict[str, int | None] = {}
    with os_errors(f"read the tags of {name}"):
        for tag in list_names(home, MODELS, name, TAGS):
            if is_tag(tag):
                with suppress(FileNotFoundError, NotADirectoryError):  # removed meanwhile
                    tags[tag] = _read_tag(home, name, tag)
    return tags


def _read_tag(home: Path, name: str, tag: str) -> int | None:
    try:
        with Directory.open(home, MODELS, name, TAGS) as directory:
            line = directory.read(tag, limit=_TAG_LIMIT)
    except LstmctlError:
        return None
    version = parse_version_folder(line.decode("ascii", "replace").removesuffix("\n"))
    return version[0] if version and line == format_tag(version[0]) else None


def find_version(home: Path, reference: Reference) -> int:
    """The version that a reference means. Opens no model. Rejected: the tag is damaged."""
    name, version, tag = reference
    versions = read_versions(home, name)
    if not versions.live and not versions.deleted:
        raise _unknown_name(home, name)
    if tag is not None:
        version = _tagged_version(versions, name, tag)
    elif version is None:
        version = versions.live[-1] if versions.live else versions.deleted[-1]
    if version in versions.live:
        return version
    if version in versions.deleted:
        removed = f'{name}@{version}, which has the tag "{tag}",' if tag else f"{name}@{version}"
        raise NotFound(f"{removed} was removed", hint=f"lstmctl models restore {name}@{version}")
    raise NotFound(f"{name} has no version {version}", hint=_versions_hint(versions, name))


def _tagged_version(versions: Versions, name: str, tag: str) -> int:
    if tag not in versions.tags:
        hint = f"its tags: {' '.join(versions.tags)}" if versions.tags else _versions_hint(versions, name)
        if near := closest_names(tag, versions.tags, count=1):
            hint = f"did you mean {name}@{near[0]}?"
        raise NotFound(f'{name} has no tag "{tag}"', hint=hint)
    version = versions.tags[tag]
    if version is None:
        raise Rejected(f'the tag "{tag}" of {name} is damaged', hint=_versions_hint(versions, name))
    return version


def _versions_hint(versions: Versions, name: str) -> str:
    newest = [f"{name}@{version}" for version in versions.live[-_SHOWN:]]
    return "its versions: " + (" ".join((["…"] if len(versions.live) > _SHOWN else []) + newest) or "none")


def _unknown_name(home: Path, name: str) -> NotFound:
    hint = _data_hint(name)
    if hint is None and (Path(name) / CARD).is_file():
        hint = f"./{name} is the model folder of that name"
    if hint is None:
        known = {other: live for other in model_names(home) if (live := read_versions(home, other).live)}
        hint = "lstmctl models list" if known else NO_MODELS
        if near := closest_names(name, known, count=1):
            hint = f"did you mean {near[0]}@{known[near[0]][-1]}? · {hint}"
    return NotFound(f'no model "{name}" in {home}', hint=hint)


def open_version(home: Path, name: str, version: int, *, deleted: bool = False) -> ModelFolder:
    """A version of a name, or a deleted one."""
    inside = (MODELS, name, version_folder(version, deleted=deleted))
    return ModelFolder(home, f"{name}@{version}", inside=inside, find_imported=partial(_was_imported, home, inside))


def _was_imported(home: Path, inside: Sequence[str]) -> bool:
    """Whether the folder `inside` the home is a model from elsewhere. Checkpoints are of this home's own training."""
    if len(inside) == 3 and inside[0] == MODELS and (parsed := parse_version_folder(inside[2])) is not None:
        arrival = find_arrival(home, inside[1], parsed[0])
        return arrival is not None and arrival.origin == "imported"
    return inside[:1] != (CHECKPOINTS,)


def _newest_model(home: Path) -> ModelFolder:
    """The last model that came and is not a trial. Only the models of earlier versions are all opened for that."""
    for arrival in read_arrivals(home):
        if arrival.origin != "trial":
            with suppress(LstmctlError):  # removed, or damaged
                folder = open_version(home, arrival.name, arrival.version)
                if folder.card.data is None or folder.card.data.limit is None:
                    return folder
    entries = list_entries(home)
    folders = [entry.folder for entry in entries if entry.folder]
    for folder in folders:
        if folder.card.data is None or folder.card.data.limit is None:
            return folder
    if folders:
        message = "all models are trial models, trained with --limit, which are never the default"
        raise NotFound(message, hint=f"name one, such as {folders[0].reference}; lstmctl train makes a full model")
    if entries:
        raise NotFound(f"no model in {home} can be read", hint="lstmctl models list shows the reasons")
    raise NotFound(f"there are no models in {home}", hint=NO_MODELS)


def _model_at(path: Path, text: str, home: Path) -> ModelFolder:
    """The model in a model folder or a checkpoint."""

    def find_imported() -> bool:
        place, root = path.resolve(), home.resolve()
        return not place.is_relative_to(root) or _was_imported(home, place.relative_to(root).parts)

    with os_errors(f"read {path}"):
        try:
            is_folder = S_ISDIR(path.stat().st_mode)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EIO):
                raise
            raise NotFound(f"there is no folder {text:.200}", hint="lstmctl models list") from error
        if not is_folder:
            hint = _data_hint(text) or "lstmctl models list"
            raise NotFound(f"{text} is a file, not a model folder", hint=hint)
        names = set(os.listdir(path))
        if CARD in names:
            return ModelFolder(path, text, find_imported=find_imported)
        if MODEL_FOLDER in names:
            return ModelFolder(path, text, inside=(MODEL_FOLDER,), find_imported=find_imported)
    steps = sorted(name for name in names if name.startswith("step-"))
    hint = f"its newest checkpoint is {text.rstrip('/')}/{steps[-1]}" if steps else "lstmctl models list"
    raise NotFound(f"{text} is not a model folder: it has no {CARD}", hint=hint)


def _data_hint(text: str) -> str | None:
    """The hint for a file of texts in place of a MODEL."""
    from lstmctl.data.formats import is_data_name

    if is_data_name(text):
        return f"that looks like data: --data {text} in train and evaluate, -i {text} in predict"
    return None


def model_names(home: Path) -> list[str]:
    """The names in use, sorted; all models of a name may be deleted."""
    return [name for name in list_names(home, MODELS) if is_name(name)]


@dataclass(frozen=True)
class Entry:
    """A model in a list: its `folder`, or the `error` met while reading it."""

    name: str
    version: int
    tags: tuple[str, ...]
    folder: ModelFolder | None = None
    error: LstmctlError | None = None
    arrived: int = 0  # its place in the order of all; 0: registered by an earlier version of this program

    @property
    def reference(self) -> str:
        """`name@3`."""
        return f"{self.name}@{self.version}"

    @property
    def age(self) -> tuple[bool, int, str, int, str]:
        """A sort key: larger for newer models, smallest for those that cannot be read."""
        if self.folder is None:
            return False, 0, "", self.version, self.name
        return True, self.arrived, self.folder.card.created[:19], self.version, self.name

    def value(self, key: str) -> float:
        """Its `bytes`, `parameters`, or a metric on its test texts; -infinity if it was not measured."""
        if self.folder is None:
            return -math.inf
        if key in ("bytes", "parameters"):
            return self.folder.size if key == "bytes" else self.folder.card.config.parameters
        return self.metrics().get(key, -math.inf)

    def metrics(self) -> dict[str, float]:
        """Its metrics on its test texts."""
        test = self.folder.metrics().get("test") if self.folder is not None else None
        return {name: metric["value"] for name, metric in test["metrics"].items()} if test else {}


def list_entries(home: Path, *, deleted: bool = False, metrics: bool = False) -> list[Entry]:
    """The models, or the deleted ones that can be restored, newest first; with `metrics` their metrics are read as
    well. A model that cannot be read has an error and comes last; one that is removed meanwhile is left out.
    """
    entries = []
    arrivals = by_reference(read_arrivals(home))
    for name in model_names(home):
        versions = read_versions(home, name)
        for version in versions.deleted if deleted else versions.live:
            tags = tuple(tag for tag, number in versions.tags.items() if number == version)
            arrived = arrivals[name, version].number if (name, version) in arrivals else 0
            if deleted and SUMS not in list_names(home, MODELS, name, version_folder(version, deleted=True)):
                continue  # pruned
            try:
                folder = open_version(home, name, version, deleted=deleted)
                if metrics:
                    folder.metrics()
            except NotFound:
                continue
            except LstmctlError as error:
                entries.append(Entry(name, version, tags, error=error, arrived=arrived))
            else:
                entries.append(Entry(name, version, tags, folder, arrived=arrived))
    return sorted(entries, key=lambda entry: entry.age, reverse=True)


def select_entries(
    entries: Sequence[Entry], *, sort: str, tag: str | None, minimums: Sequence[tuple[str, float]]
) -> list[Entry]:
    """The readable entries, given newest first, with a tag and with at least the minimum of each metric. `sort` is one
    of SORT_KEYS or a metric; names ascend, everything else descends. UsageError: no model has that metric.
    """
    selected = [entry for entry in entries if entry.folder is not None and (tag is None or tag in entry.tags)]
    selected = [entry for entry in selected if all(entry.value(metric) >= low for metric, low in minimums)]
    if sort == "created":
        return selected
    if sort == "name":
        return sorted(selected, key=lambda entry: (entry.name, -entry.version))
    if sort not in SORT_KEYS and entries and all(entry.value(sort) == -math.inf for entry in entries):
        known = sorted({name for entry in entries for name in entry.metrics()})
        raise UsageError(f'no model was measured by "{sort}"', hint=f"--sort {'|'.join([*SORT_KEYS, *known])}")
    return sorted(selected, key=lambda entry: entry.value(sort), reverse=True)
