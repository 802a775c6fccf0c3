"""Training runs and their checkpoints, each of which is saved completely or not at all.

checkpoints/<run>/run.json                 the settings of the run, written once
checkpoints/<run>/.lock                    held while the run lives
checkpoints/<run>/step-00001234/           a checkpoint, which one rename puts here
    model/                                 a complete model folder
    state.json                             the state of the training
    optimizer.safetensors                  the state of the optimizer
    SHA256SUMS                             of the two files and model/SHA256SUMS

state.json has a SHA-256 of the run's id and settings, so that no checkpoint is continued with other settings than it
was saved with. Those of runs of earlier versions do not have it.

Functions raise UsageError for an invalid id or name, NotFound for a missing run or checkpoint, Rejected for damaged
files and a home of a newer format, PermissionDenied and StorageError.
"""

import json
import os
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from lstmctl.errors import CannotCreate, LstmctlError, NotFound, Rejected, UsageError
from lstmctl.registry import artifact, strictjson
from lstmctl.registry.home import CHECKPOINTS, check_home, home_errors, list_names, open_for_writing
from lstmctl.registry.listing import MODEL_FOLDER
from lstmctl.registry.names import check_name, is_name
from lstmctl.storage import locks, staging
from lstmctl.storage.filesystem import Directory, os_errors

RUN_FILE, STATE_FILE, OPTIMIZER_FILE = "run.json", "state.json", "optimizer.safetensors"
KEPT_CHECKPOINTS = 2  # the newest ones
_LOCK = ".lock"
_LOCK_TIMEOUT = 1.0  # seconds
_LIMIT = 2**20  # bytes of run.json and of state.json
_HINT = "lstmctl models list --runs"
_RUN_ID = re.compile(r"[0-9]{8}-[0-9]{6}-(.+)-[0-9a-f]{4}")
_STEP_FOLDER = re.compile(r"step-([0-9]{8,12})")


class TrainingRun:
    """A live training run, until the end of `with run:`. Its checkpoints stay unless `finish` is called."""

    def __init__(self, home: Path, run_id: str, held: ExitStack, *, saved: bool = False) -> None:
        self.home = home
        self.run_id = run_id
        self.path = home / CHECKPOINTS / run_id
        self._held = held
        self._saved = saved  # whether there is a checkpoint

    @classmethod
    def start(cls, home: Path, run_id: str, settings: Mapping[str, Any]) -> Self:
        """Begin a run. `settings` become run.json: all that is needed to repeat the run. CannotCreate: it exists."""
        model_name_of(run_id)
        files = {RUN_FILE: strictjson.dump({"schema": "lstmctl.run/1", **settings}, indent=2)}
        with (
            home_errors(f"write to {home}", home),
            open_for_writing(home) as opened,
            opened.enter(CHECKPOINTS) as checkpoints,
        ):
            with staging.stage_files(opened, files) as staged:
                try:
                    staged.move(checkpoints, run_id)
                except FileExistsError as error:
                    raise CannotCreate(f"the run {run_id} exists already", hint="try again") from error
                checkpoints.sync()
            return cls._lock(home, checkpoints, run_id, timeout=_LOCK_TIMEOUT)

    @classmethod
    def resume(cls, home: Path, run_id: str) -> Self:
        """Continue a run that stopped. Busy: it is still live."""
        model_name_of(run_id)
        with (
            home_errors(f"write to {home}", home),
            open_for_writing(home) as opened,
            opened.enter(CHECKPOINTS) as checkpoints,
        ):
            return cls._lock(home, checkpoints, run_id, timeout=0)

    @classmethod
    def _lock(cls, home: Path, checkpoints: Directory, run_id: str, *, timeout: float) -> Self:
        with ExitStack() as held:
            try:
                directory = held.enter_context(checkpoints.enter(run_id))
            except FileNotFoundError as error:
                raise unknown_run(run_id) from error
            held.enter_context(locks.lock(directory, _LOCK, timeout=timeout, what=f"{run_id} is being trained"))
            run = cls(home, run_id, held, saved=bool(_checkpoint_steps(directory)))
            _ = run.sha256  # read now: the home may be moved later
            run._held = held.pop_all()
            return run

    @cached_property
    def sha256(self) -> str:
        """The SHA-256 of the run's id and its settings; not of the versions, which may change."""
        settings = {name: value for name, value in read_run_file(self.home, self.run_id).items() if name != "versions"}
        return artifact.sha256_hex(json.dumps([self.run_id, settings], sort_keys=True).encode())

    def check_belongs(self, checkpoint: Path) -> bool:
        """Whether a checkpoint is known to be of this run and its settings; False: an earlier version saved it, without
        saying so. Rejected: it is of other settings, or of another run."""
        found = read_state(checkpoint).get("run_sha256")
        if found is not None and found != self.sha256:
            message = f"{checkpoint} was saved by another run, or with settings that {RUN_FILE} no longer has"
            raise Rejected(message, hint="restore the run's own files, or start a new run without --resume")
        return found is not None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if not self._saved:
            with suppress(LstmctlError):  # there is nothing to resume from
                self.finish()
        self._held.close()

    def save(
        self,
        step: int,
        model_files: Mapping[str, bytes],
        *,
        state: Mapping[str, Any],
        optimizer: bytes = b"",
        keep: Collection[int] = (),
    ) -> Path:
        """Save a checkpoint after `step` steps, on disk when this returns. Its folder, which can be used as a MODEL.

        The newest two are kept, and those after the steps in `keep`; others are removed. A failure removes none.
        """
        name = step_folder(step)
        files = {f"{MODEL_FOLDER}/{file}": data for file, data in model_files.items()}
        about = {"schema": "lstmctl.state/1", "run_sha256": self.sha256, "step": step}
        files[STATE_FILE] = strictjson.dump({**about, **state}, indent=2)
        files[OPTIMIZER_FILE] = optimizer
        summed = (STATE_FILE, OPTIMIZER_FILE, f"{MODEL_FOLDER}/{artifact.SUMS}")
        files[artifact.SUMS] = artifact.format_sums({file: files[file] for file in summed})
        needed = sum(map(len, files.values()))
        with (
            os_errors(f"save {self.path / name}", needed=needed),
            Directory.open(self.home) as home,
            Directory.open(self.home, CHECKPOINTS, self.run_id) as run,
        ):
            with staging.stage_files(home, files) as staged:
                staging.discard(home, run, name)  # saved before the run was resumed
                staged.move(run, name)
                run.sync()
            for old in set(_checkpoint_steps(run)[:-KEPT_CHECKPOINTS]) - set(keep):
                staging.discard(home, run, step_folder(old))
        self._saved = True
        return self.path / name

    def finish(self) -> None:
        """Remove the run and its checkpoints: its model is registered."""
        with os_errors(f"remove {self.path}"), Directory.open(self.home) as home, home.enter(CHECKPOINTS) as runs:
            staging.discard(home, runs, self.run_id)


def new_run_id(name: str, now: datetime | None = None) -> str:
    """An id such as 20261123-140233-imdb-3f2a: sorted by time (UTC), different for runs of the same second."""
    now = now if now is not None else datetime.now(UTC)
    return f"{now:%Y%m%d-%H%M%S}-{check_name(name)}-{os.urandom(2).hex()}"


def model_name_of(run_id: str) -> str:
    """The model name in a run's id.

    >>> model_name_of("20261123-140233-imdb-3f2a")
    'imdb'
    """
    match = _RUN_ID.fullmatch(run_id)
    if match is None or not is_name(match[1]):
        raise UsageError(f'"{run_id:.100}" is not the id of a run', hint=_HINT)
    return match[1]


def step_folder(step: int) -> str:
    """The folder name of a checkpoint.

    >>> step_folder(1234)
    'step-00001234'
    """
    return f"step-{step:08d}"


@dataclass(frozen=True)
class UnfinishedRun:
    """A run that has not finished: it is live, or it stopped."""

    run_id: str
    name: str  # of its model
    live: bool
    step: int | None  # of the newest checkpoint
    checkpoint: Path | None  # the newest


def unfinished_runs(home: Path) -> list[UnfinishedRun]:
    """The unfinished runs, newest first. Writes nothing."""
    check_home(home)
    runs = []
    for run_id in reversed(list_names(home, CHECKPOINTS)):
        # What is skipped has just finished, or is not a run.
        with os_errors(f"read {home}"), suppress(UsageError, FileNotFoundError, NotADirectoryError, PermissionError):
            name = model_name_of(run_id)
            with Directory.open(home, CHECKPOINTS, run_id) as directory:
                runs.append(_read_run(directory, name))
    return runs


def _read_run(directory: Directory, name: str) -> UnfinishedRun:
    steps, live = _checkpoint_steps(directory), False
    with suppress(OSError):  # a lock file that cannot be read is not a reason to hide the other runs
        live = locks.is_locked(directory, _LOCK)
    step = steps[-1] if steps else None
    checkpoint = directory.path / step_folder(step) if step is not None else None
    return UnfinishedRun(directory.path.name, name, live, step, checkpoint)


def list_checkpoints(home: Path, run_id: str) -> list[Path]:
    """The checkpoints of a run, newest first."""
    with _open_run(home, run_id) as run:
        return [run.path / step_folder(step) for step in reversed(_checkpoint_steps(run))]


def read_run_file(home: Path, run_id: str) -> dict[str, Any]:
    """The settings of a run: its run.json."""
    with _open_run(home, run_id) as run, _rejecting(run, RUN_FILE):
        return strictjson.parse_object(run.read(RUN_FILE, limit=_LIMIT))


def read_state(checkpoint: Path) -> dict[str, Any]:
    """The state of the training: the state.json of a checkpoint, checked against its SHA-256."""
    with _open_folder(NotFound(f"there is no checkpoint {checkpoint}", hint=_HINT), checkpoint) as directory:
        data = _read_checked(directory, STATE_FILE, limit=_LIMIT)
        with _rejecting(directory, STATE_FILE):
            return strictjson.parse_object(data)


def read_optimizer(checkpoint: Path, *, limit: int) -> bytes:
    """The optimizer.safetensors of a checkpoint, checked against its SHA-256."""
    with _open_folder(NotFound(f"there is no checkpoint {checkpoint}", hint=_HINT), checkpoint) as directory:
        return _read_checked(directory, OPTIMIZER_FILE, limit=limit)


def unknown_run(run_id: str) -> NotFound:
    """The error for a run that does not exist."""
    return NotFound(f"there is no unfinished run {run_id}", hint=_HINT)


def rejected_file(path: Path, name: str, reason: str) -> Rejected:
    """The error for an unusable file of a run or a checkpoint."""
    return Rejected(f"{path} cannot be used: {name} {reason}", hint=_HINT)


def _open_run(home: Path, run_id: str) -> AbstractContextManager[Directory]:
    model_name_of(run_id)
    return _open_folder(unknown_run(run_id), home, CHECKPOINTS, run_id)


@contextmanager
def _open_folder(missing: NotFound, path: Path, *inside: str) -> Iterator[Directory]:
    with os_errors(f"read {path}"):
        try:
            directory = Directory.open(path, *inside)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise missing from error
        with directory:
            yield directory


def _checkpoint_steps(run: Directory) -> list[int]:
    """The steps of the checkpoints of a run, ascending."""
    steps = [(int(match[1]), name) for name in run.names() if (match := _STEP_FOLDER.fullmatch(name))]
    return sorted(step for step, name in steps if name == step_folder(step))


def _read_checked(checkpoint: Directory, name: str, *, limit: int) -> bytes:
    with _rejecting(checkpoint, artifact.SUMS):
        sums = artifact.parse_sums(checkpoint.read(artifact.SUMS, limit=artifact.SUMS_LIMIT))
    with _rejecting(checkpoint, name):
        data = checkpoint.read(name, limit=limit)
        artifact.check_sum(sums, name, data)
    return data


@contextmanager
def _rejecting(directory: Directory, name: str) -> Iterator[None]:
    """Turn a problem found in the file `name` into a Rejected error."""
    try:
        yield
    except FileNotFoundError as error:
        raise rejected_file(directory.path, name, "is missing") from error
    except ValueError as error:
        raise rejected_file(directory.path, name, str(error)) from error
