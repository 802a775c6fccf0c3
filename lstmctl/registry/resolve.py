"""From MODEL, as a user writes it, to the model it means."""

import errno
import os
from contextlib import suppress
from pathlib import Path
from stat import S_ISDIR

from lstmctl.errors import NotFound, UsageError, nearest
from lstmctl.files import os_errors
from lstmctl.registry import home as homes
from lstmctl.registry import shelf
from lstmctl.registry.artifact import CARD
from lstmctl.registry.listing import entries, open_version
from lstmctl.registry.model_folder import ModelFolder
from lstmctl.registry.names import Reference, parse

MODEL_FOLDER = "model"  # in a checkpoint
_LOOKS = 3
_DATA_SUFFIXES = (".csv", ".tsv", ".txt", ".json", ".jsonl", ".parquet", ".gz", ".xz")


def resolve(home: Path, reference: str | None) -> ModelFolder:
    """The model that `reference` means; None: the newest that was not trained with --limit.

    Raises:
        UsageError: it cannot be a reference. NotFound, Rejected, PermissionDenied, StorageError.
    """
    if reference is None:
        homes.check(home)
        return _newest(home)
    try:
        parsed = parse(reference)
    except UsageError as error:
        raise UsageError(error.message, hint=_data_hint(reference) or error.hint) from error
    if isinstance(parsed, Path):
        return _at_path(parsed, reference)
    homes.check(home)
    return _named(home, parsed)


def find(home: Path, wanted: Reference) -> int:
    """The version that a reference means. Opens no model.

    Raises:
        NotFound: there is none, with the nearest that there is. Rejected: the tag is damaged.
    """
    found = shelf.look(home, wanted.name)
    if not found.versions and not found.deleted:
        raise _unknown(home, wanted)
    return found.find(wanted)


def _named(home: Path, wanted: Reference) -> ModelFolder:
    for _ in range(_LOOKS):
        version = find(home, wanted)
        with suppress(NotFound):  # removed since the look: the next one finds another, or the reason
            return open_version(home, wanted.name, version)
    raise NotFound(f"{wanted} was removed just now", hint="lstmctl models list")


def _newest(home: Path) -> ModelFolder:
    everything = list(entries(home))
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
        known = {name: shelf.look(home, name).versions for name in shelf.names(home)}
        known = {name: versions for name, versions in known.items() if versions}
        near = nearest(wanted.name, known, count=1)
        hint = "lstmctl models list" if known else "lstmctl train makes one"
        if near:
            hint = f"did you mean {near[0]}@{known[near[0]][-1]}? · {hint}"
    return NotFound(f'no model "{wanted.name}"', hint=hint)


def _data_hint(reference: str) -> str | None:
    """What to say where a MODEL should stand and a file of texts does."""
    if reference.lower().endswith(_DATA_SUFFIXES):
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
