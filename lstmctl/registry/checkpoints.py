"""Checkpoints: what a training run saves as it goes, each one whole or not there.

checkpoints/<run>/run.json                 what is being trained, written once
checkpoints/<run>/.lock                    held while the run lives
checkpoints/<run>/step-00001234/           one checkpoint, which takes its place with one rename
    model/                                 a complete model folder
    state.json                             where training stood
    SHA256SUMS                             of state.json and model/SHA256SUMS
"""

import os
import re
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lstmctl.errors import CannotCreate, LstmctlError, NotFound, Rejected, UsageError
from lstmctl.files import Folder, os_errors
from lstmctl.registry import checksums, locks, staging, strictjson
from lstmctl.registry import home as homes
from lstmctl.registry.names import check_name, is_name
from lstmctl.registry.resolve import MODEL_FOLDER

RUN, STATE, LOCK = "run.json", "state.json", ".lock"
LIMIT = 2**20  # bytes of run.json and of state.json
KEPT = 2  # newest checkpoints that stay, beside the best one
RUNS_HINT = "lstmctl models list --runs"
_LOCK_TIMEOUT = 1.0
_RUN_ID = re.compile(r"[0-9]{8}-[0-9]{6}-(.+)-[0-9a-f]{4}")
_STEP = re.compile(r"step-([0-9]{8,12})")


def new_run_id(name: str, now: datetime | None = None) -> str:
    """An id such as 20261123-140233-imdb-3f2a: sorted by time (UTC), different for runs of the same second.

    Raises:
        UsageError: no model can have that name.
    """
    now = now if now is not None else datetime.now(UTC)
    return f"{now:%Y%m%d-%H%M%S}-{check_name(name)}-{os.urandom(2).hex()}"


class Run:
    """A training run that lives, until the end of `with run:`. What it has saved stays, unless `finish` was called."""

    def __init__(self, home: Path, run_id: str, held: ExitStack) -> None:
        self.home = home
        self.run_id = run_id
        self._held = held
        self._saved = False

    @classmethod
    def start(cls, home: Path, run_id: str, about: Mapping[str, Any]) -> Self:
        """Begin a run. `about` becomes run.json: what it takes to do the run again.

        Raises:
            CannotCreate: there is such a run. Rejected: the home has a newer format. PermissionDenied, StorageError.
        """
        _name_of(run_id)
        files = {RUN: strictjson.dump({"schema": "lstmctl.run/1", **about}, indent=2)}
        with os_errors(f"write to {home}"), homes.open_for_writing(home) as opened, ExitStack() as held:
            with opened.enter(homes.CHECKPOINTS) as runs, staging.stage(opened, files) as staged:
                try:
                    staged.move(runs, run_id)
                except FileExistsError as error:
                    raise CannotCreate(f"there is a run {run_id} already") from error
                runs.sync()
                folder = held.enter_context(runs.enter(run_id))
            held.enter_context(locks.lock(folder, LOCK, timeout=_LOCK_TIMEOUT, what=f"{run_id} is being trained"))
            return cls(home, run_id, held.pop_all())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._saved:
            with suppress(LstmctlError):  # there is nothing to go on from
                self.finish()
        self._held.close()

    @property
    def path(self) -> Path:
        """The folder of the run."""
        return self.home / homes.CHECKPOINTS / self.run_id

    def save(
        self, step: int, model_files: Mapping[str, bytes], *, state: Mapping[str, Any], best_step: int | None = None
    ) -> Path:
        """Save a checkpoint after `step` steps, on the disk when this returns; its folder, which is a MODEL.

        The last two stay, and that of `best_step`; older ones are removed.

        Raises:
            PermissionDenied, StorageError: the checkpoints before this one are still there.
        """
        name = f"step-{step:08d}"
        files = {f"{MODEL_FOLDER}/{file}": data for file, data in model_files.items()}
        files[STATE] = strictjson.dump({"schema": "lstmctl.state/1", "step": step, **state}, indent=2)
        summed = (STATE, f"{MODEL_FOLDER}/{checksums.NAME}")
        files[checksums.NAME] = checksums.of({file: files[file] for file in summed})
        needed = sum(map(len, files.values()))
        with os_errors(f"save {self.path / name}", needed=needed), Folder.open(self.home) as home:
            with home.enter(homes.CHECKPOINTS) as runs, runs.enter(self.run_id) as folder:
                with staging.stage(home, files) as staged:
                    staging.discard(home, folder, name)  # of an earlier life of this run
                    staged.move(folder, name)
                    folder.sync()
                steps = _steps(folder)
                for old in set(steps[:-KEPT]) - {best_step}:
                    staging.discard(home, folder, f"step-{old:08d}")
        self._saved = True
        return self.path / name

    def finish(self) -> None:
        """Remove all that the run has saved: its model is registered."""
        with os_errors(f"remove {self.path}"), Folder.open(self.home) as home:
            with home.enter(homes.CHECKPOINTS) as runs:
                staging.discard(home, runs, self.run_id)


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
            except (FileNotFoundError, NotADirectoryError):  # just finished, or none of ours
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
            raise NotFound(f"there is no checkpoint {checkpoint}", hint=RUNS_HINT) from error
        with folder:
            return _read_state(folder)


def read_about(home: Path, run_id: str) -> dict[str, Any]:
    """What a run trains: its run.json.

    Raises:
        UsageError: that is no run's id. NotFound: no such run. Rejected: it is damaged. PermissionDenied, StorageError.
    """
    _name_of(run_id)
    with os_errors(f"read {home}"):
        try:
            folder = Folder.open(home, homes.CHECKPOINTS, run_id)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotFound(f"there is no unfinished run {run_id}", hint=RUNS_HINT) from error
        with folder:
            return _object(folder, RUN, _read(folder, RUN))


def _describe(folder: Folder, name: str) -> UnfinishedRun | None:
    """What is known of a run; None for one that stopped before it saved anything."""
    steps, live = _steps(folder), locks.held(folder, LOCK)
    if not steps:
        return UnfinishedRun(folder.path.name, name, live, None, None, None) if live else None
    newest = f"step-{steps[-1]:08d}"
    epoch = None
    with suppress(LstmctlError, OSError), folder.enter(newest) as checkpoint:
        epoch = _read_state(checkpoint).get("epoch")
    epoch = epoch if type(epoch) is int else None
    return UnfinishedRun(folder.path.name, name, live, steps[-1], epoch, folder.path / newest)


def _steps(folder: Folder) -> list[int]:
    """The steps that a run has checkpoints of, ascending."""
    numbers = (int(match[1]) for name in folder.names() if (match := _STEP.fullmatch(name)))
    return sorted(number for number in numbers if f"step-{number:08d}" in folder.names())


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
    return Rejected(f"{folder.path} cannot be used: {name} {reason}", hint=RUNS_HINT)


def _name_of(run_id: str) -> str:
    """The model name in a run's id.

    Raises:
        UsageError: that is no run's id.
    """
    match = _RUN_ID.fullmatch(run_id)
    if match is None or not is_name(match[1]):
        raise UsageError(f'"{run_id:.100}" is not the id of a run', hint=RUNS_HINT)
    return match[1]
