"""Training runs that are not finished: their names, and what they have saved. Looks only.

Checkpoints: what a training run saves as it goes, each one whole or not there.

checkpoints/<run>/run.json                 what is being trained, written once
checkpoints/<run>/.lock                    held while the run lives
checkpoints/<run>/step-00001234/           one checkpoint, which takes its place with one rename
    model/                                 a complete model folder
    state.json                             where training stood
    optimizer.safetensors                  what the optimizer has gathered
    SHA256SUMS                             of the two files and model/SHA256SUMS
"""

import os
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lstmctl.errors import CannotCreate, LstmctlError, NotFound, Rejected, UsageError
from lstmctl.registry import artifact, strictjson
from lstmctl.registry import home as homes
from lstmctl.registry.listing import MODEL_FOLDER
from lstmctl.registry.names import check_name, is_name
from lstmctl.storage import locks, staging
from lstmctl.storage.filesystem import Directory, os_errors

RUN_FILE, STATE_FILE, OPTIMIZER_FILE, LOCK = "run.json", "state.json", "optimizer.safetensors", ".lock"
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


def model_name_of(run_id: str) -> str:
    """The model name in a run's id.

    Raises:
        UsageError: that is no run's id.
    """
    match = _RUN_ID.fullmatch(run_id)
    if match is None or not is_name(match[1]):
        raise UsageError(f'"{run_id:.100}" is not the id of a run', hint=_HINT)
    return match[1]


def checkpoint_steps(folder: Directory) -> list[int]:
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


def unfinished_runs(home: Path) -> list[UnfinishedRun]:
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
                folder = Directory.open(home, homes.CHECKPOINTS, run_id)
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
            folder = Directory.open(checkpoint)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotFound(f"there is no checkpoint {checkpoint}", hint=_HINT) from error
        with folder:
            return _read_state(folder)


def read_optimizer(checkpoint: Path, *, limit: int) -> bytes:
    """The optimizer.safetensors of a checkpoint, its SHA-256 checked.

    Raises:
        Rejected: it is damaged. PermissionDenied, StorageError.
    """
    with os_errors(f"read {checkpoint}"), Directory.open(checkpoint) as folder:
        return _read_summed(folder, OPTIMIZER_FILE, limit=limit)


def list_checkpoints(home: Path, run_id: str) -> list[Path]:
    """The checkpoints of a run, newest first.

    Raises:
        UsageError: that is no run's id. NotFound: no such run. PermissionDenied, StorageError.
    """
    with _open_run(home, run_id) as folder:
        return [folder.path / step_folder(step) for step in reversed(checkpoint_steps(folder))]


def read_run_file(home: Path, run_id: str) -> dict[str, Any]:
    """What a run trains: its run.json.

    Raises:
        UsageError: that is no run's id. NotFound: no such run. Rejected: it is damaged. PermissionDenied, StorageError.
    """
    with _open_run(home, run_id) as folder:
        return _object(folder, RUN_FILE, _read(folder, RUN_FILE))


def unknown_run(run_id: str) -> NotFound:
    """The error for a run that is not there."""
    return NotFound(f"there is no unfinished run {run_id}", hint=_HINT)


def rejected_file(path: Path, name: str, reason: str) -> Rejected:
    """The error for a file of a run or a checkpoint that cannot be used."""
    return Rejected(f"{path} cannot be used: {name} {reason}", hint=_HINT)


@contextmanager
def _open_run(home: Path, run_id: str) -> Iterator[Directory]:
    model_name_of(run_id)
    with os_errors(f"read {home}"):
        try:
            folder = Directory.open(home, homes.CHECKPOINTS, run_id)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise unknown_run(run_id) from error
        with folder:
            yield folder


def _describe(folder: Directory, name: str) -> UnfinishedRun:
    """What is known of a run."""
    saved, live = checkpoint_steps(folder), False
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


def _read_state(folder: Directory) -> dict[str, Any]:
    return _object(folder, STATE_FILE, _read_summed(folder, STATE_FILE))


def _read_summed(folder: Directory, name: str, *, limit: int = LIMIT) -> bytes:
    try:
        sums = artifact.parse_sums(_read(folder, artifact.SUMS, limit=artifact.SUMS_LIMIT))
    except ValueError as error:
        raise rejected_file(folder.path, artifact.SUMS, str(error)) from error
    data = _read(folder, name, limit=limit)
    if sums.get(name) != artifact.sha256_hex(data):
        raise rejected_file(folder.path, name, f"does not have the SHA-256 that {artifact.SUMS} says")
    return data


def _object(folder: Directory, name: str, data: bytes) -> dict[str, Any]:
    try:
        return strictjson.parse_object(data)
    except ValueError as error:
        raise rejected_file(folder.path, name, str(error)) from error


def _read(folder: Directory, name: str, *, limit: int = LIMIT) -> bytes:
    try:
        return folder.read(name, limit=limit)
    except FileNotFoundError as error:
        raise rejected_file(folder.path, name, "is missing") from error


KEPT_CHECKPOINTS = 2  # newest checkpoints that stay
_LOCK_TIMEOUT = 1.0


class TrainingRun:
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
        model_name_of(run_id)
        files = {RUN_FILE: strictjson.dump({"schema": "lstmctl.run/1", **about}, indent=2)}
        with os_errors(f"write to {home}"), homes.open_for_writing(home) as opened, ExitStack() as held:
            with opened.enter(homes.CHECKPOINTS) as folder, staging.stage_files(opened, files) as staged:
                try:
                    staged.move(folder, run_id)
                except FileExistsError as error:
                    raise CannotCreate(f"there is a run {run_id} already", hint="try again") from error
                folder.sync()
                run = held.enter_context(folder.enter(run_id))
            held.enter_context(locks.lock(run, LOCK, timeout=_LOCK_TIMEOUT, what=f"{run_id} is being trained"))
            return cls(home, run_id, held.pop_all())

    @classmethod
    def resume(cls, home: Path, run_id: str) -> Self:
        """Go on with a run that stopped.

        Raises:
            UsageError: that is no run's id. NotFound: no such run. Busy: it is still going on. Rejected: the home has a
            newer format. PermissionDenied, StorageError.
        """
        model_name_of(run_id)
        with os_errors(f"write to {home}"), homes.open_for_writing(home) as opened, ExitStack() as held:
            with opened.enter(homes.CHECKPOINTS) as folder:
                try:
                    run = held.enter_context(folder.enter(run_id))
                except FileNotFoundError as error:
                    raise unknown_run(run_id) from error
            held.enter_context(locks.lock(run, LOCK, timeout=0, what=f"{run_id} is being trained"))
            resumed = cls(home, run_id, held.pop_all())
            resumed._saved = bool(checkpoint_steps(run))
            return resumed

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
        self,
        step: int,
        model_files: Mapping[str, bytes],
        *,
        state: Mapping[str, Any],
        optimizer: bytes = b"",
        keep: Collection[int] = (),
    ) -> Path:
        """Save a checkpoint after `step` steps, on the disk when this returns; its folder, which is a MODEL.

        The last two stay, and those after the steps in `keep`; the others are removed.

        Raises:
            PermissionDenied, StorageError: the checkpoints before this one are still there.
        """
        name = step_folder(step)
        files = {f"{MODEL_FOLDER}/{file}": data for file, data in model_files.items()}
        files[STATE_FILE] = strictjson.dump({"schema": "lstmctl.state/1", "step": step, **state}, indent=2)
        files[OPTIMIZER_FILE] = optimizer
        summed = (STATE_FILE, OPTIMIZER_FILE, f"{MODEL_FOLDER}/{artifact.SUMS}")
        files[artifact.SUMS] = artifact.sums_of({file: files[file] for file in summed})
        needed = sum(map(len, files.values()))
        with (
            os_errors(f"save {self.path / name}", needed=needed),
            Directory.open(self.home) as home,
            Directory.open(self.home, homes.CHECKPOINTS, self.run_id) as folder,
        ):
            with staging.stage_files(home, files) as staged:
                staging.discard(home, folder, name)  # of an earlier life of this run
                staged.move(folder, name)
                folder.sync()
            for old in set(checkpoint_steps(folder)[:-KEPT_CHECKPOINTS]) - set(keep):
                staging.discard(home, folder, step_folder(old))
        self._saved = True
        return self.path / name

    def finish(self) -> None:
        """Remove all that the run has saved: its model is registered."""
        with (
            os_errors(f"remove {self.path}"),
            Directory.open(self.home) as home,
            home.enter(homes.CHECKPOINTS) as folder,
        ):
            staging.discard(home, folder, self.run_id)
