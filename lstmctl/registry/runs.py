"""Training runs that are not finished: their names, and what they have saved. Looks only."""

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lstmctl.errors import LstmctlError, NotFound, Rejected, UsageError
from lstmctl.files import Folder, os_errors
from lstmctl.registry import checksums, locks, strictjson
from lstmctl.registry import home as homes
from lstmctl.registry.names import check_name, is_name

ABOUT, STATE, LOCK = "run.json", "state.json", ".lock"
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
    """The runs that are going on or have something saved, newest first. Makes and writes nothing.

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
    return [run for run in found if run is not None]


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


def read_about(home: Path, run_id: str) -> dict[str, Any]:
    """What a run trains: its run.json.

    Raises:
        UsageError: that is no run's id. NotFound: no such run. Rejected: it is damaged. PermissionDenied, StorageError.
    """
    name_of(run_id)
    with os_errors(f"read {home}"):
        try:
            folder = Folder.open(home, homes.CHECKPOINTS, run_id)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotFound(f"there is no unfinished run {run_id}", hint=_HINT) from error
        with folder:
            return _object(folder, ABOUT, _read(folder, ABOUT))


def _describe(folder: Folder, name: str) -> UnfinishedRun | None:
    """What is known of a run; None for one that stopped before it saved anything."""
    saved, live = steps(folder), False
    with suppress(OSError):  # a lock that cannot be looked at is not a reason to hide the other runs
        live = locks.held(folder, LOCK)
    if not saved:
        return UnfinishedRun(folder.path.name, name, live, None, None, None) if live else None
    newest = step_folder(saved[-1])
    epoch = None
    with suppress(LstmctlError, OSError), folder.enter(newest) as checkpoint:
        epoch = _read_state(checkpoint).get("epoch")
    epoch = epoch if type(epoch) is int else None
    return UnfinishedRun(folder.path.name, name, live, saved[-1], epoch, folder.path / newest)


def _read_state(folder: Folder) -> dict[str, Any]:
    try:
        sums = checksums.parse(_read(folder, checksums.NAME, limit=checksums.LIMIT))
    except ValueError as error:
        raise _rejected(folder, checksums.NAME, str(error)) from error
    data = _read(folder, STATE)
    if sums.get(STATE) != checksums.digest(data):
        raise _rejected(folder, STATE, f"does not have the SHA-256 that {checksums.NAME} says")
    return _object(folder, STATE, data)


def _object(folder: Folder, name: str, data: bytes) -> dict[str, Any]:
    try:
        return strictjson.parse_object(data)
    except ValueError as error:
        raise _rejected(folder, name, str(error)) from error


def _read(folder: Folder, name: str, *, limit: int = LIMIT) -> bytes:
    try:
        return folder.read(name, limit=limit)
    except FileNotFoundError as error:
        raise _rejected(folder, name, "is missing") from error


def _rejected(folder: Folder, name: str, reason: str) -> Rejected:
    return Rejected(f"{folder.path} cannot be used: {name} {reason}", hint=_HINT)
