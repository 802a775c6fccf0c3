"""Training runs that are not finished: their names, and what they have saved. Looks only."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lstmctl.errors import LstmctlError, NotFound, Rejected, UsageError
from lstmctl.files import Folder, os_errors
from lstmctl.model_names import is_name
from lstmctl.registry import checksums, locks, strictjson
from lstmctl.registry import home as homes
from lstmctl.registry.names import check_name

ABOUT, STATE, OPTIMIZER, LOCK = "run.json", "state.json", "optimizer.safetensors", ".lock"
LIMIT = 2**20  # bytes of run.json and of state.json
_HINT = "lstmctl models list --runs"
_RUN_ID = re.compile(r"[0-9]{8}-[0-9]{6}-(.+)-[0-9a-f]{4}")
_STEP = re.compile(r"step-([0-9]{8,12})")


def new_run_id(name: str, now: datetime | None = None) -> str:
    """An id such as 20261123-140233-imdb-3f2a: sorted by time (UTC), different for runs of the same second.

    Raises:
        UsageError: no model can have that name.
    """
    now = now if now is not None else datetime.now(UTC)
    return f"{now:%Y%m%d-%H%M%S}-{check_name(name)}-{os.urandom(2).hex()}"


def name_of(run_id: str) -> str:
    """The model name in a run's id.

    Raises:
        UsageError: that is no run's id.
    """
    match = _RUN_ID.fullmatch(run_id)
    if match is None or not is_name(match[1]):
        raise UsageError(f'"{run_id:.100}" is not the id of a run', hint=_HINT)
    return match[1]


def steps(folder: Folder) -> list[int]:
    """The steps after which a run, whose open folder this is, has checkpoints; ascending."""
    found = [(int(match[1]), name) for name in folder.names() if (match := _STEP.fullmatch(name))]
    return sorted(step for step, name in found if name == step_folder(step))


def step_folder(step: int) -> str:
    """`step-00001234`."""
    return f"step-{step:08d}"


@dataclass(frozen=True)
class UnfinishedRun:
    """A run that was not finished: it is still going (`live`), or it stopped."""

    run_id: str
    name: str  # that its model would have
    live: bool
    step: int | None  # that the newest checkpoint was saved after
    epoch: int | None
    checkpoint: Path | None  # the newest


def unfinished(home: Path) -> list[UnfinishedRun]:
    """The runs that are going on or that stopped, newest first. Makes and writes nothing.

    Raises:
        Rejected: the home has a newer format. PermissionDenied, StorageError.
    """
    homes.check(home)
    found = []
    for run_id in reversed(homes.names_in(home, homes.CHECKPOINTS)):
        match = _RUN_ID.fullmatch(run_id)
        if match is None or not is_name(match[1]):
            continue
        with os_errors(f"read {home}"):
            try:
                folder = Folder.open(home, homes.CHECKPOINTS, run_id)
            except (FileNotFoundError, NotADirectoryError, PermissionError):  # just finished, or none of ours
                continue
            with folder:
                found.append(_describe(folder, match[1]))
    return found


def read_state(checkpoint: Path) -> dict[str, Any]:
    """Where training stood: the state.json of a checkpoint, its SHA-256 checked.

    Raises:
        NotFound: no such checkpoint. Rejected: it is damaged. PermissionDenied, StorageError.
    """
    with os_errors(f"read {checkpoint}"):
        try:
            folder = Folder.open(checkpoint)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotFound(f"there is no checkpoint {checkpoint}", hint=_HINT) from error
        with folder:
            return _read_state(folder)


def read_optimizer(checkpoint: Path, *, limit: int) -> bytes:
    """The optimizer.safetensors of a checkpoint, its SHA-256 checked.

    Raises:
        Rejected: it is damaged. PermissionDenied, StorageError.
    """
    with os_errors(f"read {checkpoint}"), Folder.open(checkpoint) as folder:
        return _read_summed(folder, OPTIMIZER, limit=limit)


def checkpoints(home: Path, run_id: str) -> list[Path]:
    """The checkpoints of a run, newest first.

    Raises:
        UsageError: that is no run's id. NotFound: no such run. PermissionDenied, StorageError.
    """
    with _open_run(home, run_id) as folder:
        return [folder.path / step_folder(step) for step in reversed(steps(folder))]


def read_about(home: Path, run_id: str) -> dict[str, Any]:
    """What a run trains: its run.json.

    Raises:
        UsageError: that is no run's id. NotFound: no such run. Rejected: it is damaged. PermissionDenied, StorageError.
    """
    with _open_run(home, run_id) as folder:
        return _object(folder, ABOUT, _read(folder, ABOUT))


def unknown(run_id: str) -> NotFound:
    """The error for a run that is not there."""
    return NotFound(f"there is no unfinished run {run_id}", hint=_HINT)


def rejected(path: Path, name: str, reason: str) -> Rejected:
    """The error for a file of a run or a checkpoint that cannot be used."""
    return Rejected(f"{path} cannot be used: {name} {reason}", hint=_HINT)


@contextmanager
def _open_run(home: Path, run_id: str) -> Iterator[Folder]:
    name_of(run_id)
    with os_errors(f"read {home}"):
        try:
            folder = Folder.open(home, homes.CHECKPOINTS, run_id)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise unknown(run_id) from error
        with folder:
            yield folder


def _describe(folder: Folder, name: str) -> UnfinishedRun:
    """What is known of a run."""
    saved, live = steps(folder), False
    with suppress(OSError):  # a lock that cannot be looked at is not a reason to hide the other runs
        live = locks.held(folder, LOCK)
    if not saved:
        return UnfinishedRun(folder.path.name, name, live, None, None, None)
    newest = step_folder(saved[-1])
    epoch = None
    with suppress(LstmctlError, OSError), folder.enter(newest) as checkpoint:
        epoch = _read_state(checkpoint).get("epoch")
    epoch = epoch if type(epoch) is int else None
    return UnfinishedRun(folder.path.name, name, live, saved[-1], epoch, folder.path / newest)


def _read_state(folder: Folder) -> dict[str, Any]:
    return _object(folder, STATE, _read_summed(folder, STATE))


def _read_summed(folder: Folder, name: str, *, limit: int = LIMIT) -> bytes:
    try:
        sums = checksums.parse(_read(folder, checksums.NAME, limit=checksums.LIMIT))
    except ValueError as error:
        raise rejected(folder.path, checksums.NAME, str(error)) from error
    data = _read(folder, name, limit=limit)
    if sums.get(name) != checksums.digest(data):
        raise rejected(folder.path, name, f"does not have the SHA-256 that {checksums.NAME} says")
    return data


def _object(folder: Folder, name: str, data: bytes) -> dict[str, Any]:
    try:
        return strictjson.parse_object(data)
    except ValueError as error:
        raise rejected(folder.path, name, str(error)) from error


def _read(folder: Folder, name: str, *, limit: int = LIMIT) -> bytes:
    try:
        return folder.read(name, limit=limit)
    except FileNotFoundError as error:
        raise rejected(folder.path, name, "is missing") from error
