"""Checkpoints: what a training run saves as it goes, each one whole or not there.

checkpoints/<run>/run.json                 what is being trained, written once
checkpoints/<run>/.lock                    held while the run lives
checkpoints/<run>/step-00001234/           one checkpoint, which takes its place with one rename
    model/                                 a complete model folder
    state.json                             where training stood
    optimizer.safetensors                  what the optimizer has gathered
    SHA256SUMS                             of the two files and model/SHA256SUMS
"""

from collections.abc import Collection, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lstmctl.errors import CannotCreate, LstmctlError
from lstmctl.files import Folder, os_errors
from lstmctl.registry import checksums, locks, runs, staging, strictjson
from lstmctl.registry import home as homes
from lstmctl.registry.resolve import MODEL_FOLDER
from lstmctl.registry.runs import UnfinishedRun, new_run_id, unfinished

__all__ = ["Run", "UnfinishedRun", "new_run_id", "unfinished"]

KEPT = 2  # newest checkpoints that stay
_LOCK_TIMEOUT = 1.0


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
        runs.name_of(run_id)
        files = {runs.ABOUT: strictjson.dump({"schema": "lstmctl.run/1", **about}, indent=2)}
        with os_errors(f"write to {home}"), homes.open_for_writing(home) as opened, ExitStack() as held:
            with opened.enter(homes.CHECKPOINTS) as folder, staging.stage(opened, files) as staged:
                try:
                    staged.move(folder, run_id)
                except FileExistsError as error:
                    raise CannotCreate(f"there is a run {run_id} already", hint="try again") from error
                folder.sync()
                run = held.enter_context(folder.enter(run_id))
            held.enter_context(locks.lock(run, runs.LOCK, timeout=_LOCK_TIMEOUT, what=f"{run_id} is being trained"))
            return cls(home, run_id, held.pop_all())

    @classmethod
    def resume(cls, home: Path, run_id: str) -> Self:
        """Go on with a run that stopped.

        Raises:
            UsageError: that is no run's id. NotFound: no such run. Busy: it is still going on. Rejected: the home has a
            newer format. PermissionDenied, StorageError.
        """
        runs.name_of(run_id)
        with os_errors(f"write to {home}"), homes.open_for_writing(home) as opened, ExitStack() as held:
            with opened.enter(homes.CHECKPOINTS) as folder:
                try:
                    run = held.enter_context(folder.enter(run_id))
                except FileNotFoundError as error:
                    raise runs.unknown(run_id) from error
            held.enter_context(locks.lock(run, runs.LOCK, timeout=0, what=f"{run_id} is being trained"))
            resumed = cls(home, run_id, held.pop_all())
            resumed._saved = bool(runs.steps(run))
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
        name = runs.step_folder(step)
        files = {f"{MODEL_FOLDER}/{file}": data for file, data in model_files.items()}
        files[runs.STATE] = strictjson.dump({"schema": "lstmctl.state/1", "step": step, **state}, indent=2)
        files[runs.OPTIMIZER] = optimizer
        summed = (runs.STATE, runs.OPTIMIZER, f"{MODEL_FOLDER}/{checksums.NAME}")
        files[checksums.NAME] = checksums.of({file: files[file] for file in summed})
        needed = sum(map(len, files.values()))
        with (
            os_errors(f"save {self.path / name}", needed=needed),
            Folder.open(self.home) as home,
            Folder.open(self.home, homes.CHECKPOINTS, self.run_id) as folder,
        ):
            with staging.stage(home, files) as staged:
                staging.discard(home, folder, name)  # of an earlier life of this run
                staged.move(folder, name)
                folder.sync()
            for old in set(runs.steps(folder)[:-KEPT]) - set(keep):
                staging.discard(home, folder, runs.step_folder(old))
        self._saved = True
        return self.path / name

    def finish(self) -> None:
        """Remove all that the run has saved: its model is registered."""
        with (
            os_errors(f"remove {self.path}"),
            Folder.open(self.home) as home,
            home.enter(homes.CHECKPOINTS) as folder,
        ):
            staging.discard(home, folder, self.run_id)
