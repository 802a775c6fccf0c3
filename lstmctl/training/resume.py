"""Resuming a run: the settings that it was started with, and checks that data and settings are unchanged."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Self

from lstmctl.config import Config, DataConfig, TrainConfig, option_name
from lstmctl.data.datasets import Dataset
from lstmctl.errors import BadData, Busy, NotFound, UsageError
from lstmctl.registry import runs
from lstmctl.training.prepare import Plan


@dataclass(frozen=True, kw_only=True)
class RunSettings(Config):
    """The settings that a run was started with: the content of its run.json."""

    name: str
    command: tuple[str, ...]
    labels: tuple[str, ...]  # in the order of the model's outputs
    data: DataConfig
    data_sha256: str
    vocabulary_sha256: str
    training: TrainConfig  # with the chosen numbers of epochs and threads
    versions: dict[str, str]

    @classmethod
    def of(cls, plan: Plan, *, name: str, command: tuple[str, ...], threads: int, versions: dict[str, str]) -> Self:
        """The settings of a new run."""
        return cls(
            name=name,
            command=command,
            labels=plan.model.labels,
            data=plan.data.config,
            data_sha256=plan.data.sha256,
            vocabulary_sha256=_sha256_of_words(plan),
            training=replace(plan.training, epochs=plan.epochs, threads=threads),
            versions=versions,
        )

    @classmethod
    def read(cls, home: Path, run_id: str) -> Self:
        """The settings of an unfinished run.

        Raises:
            UsageError: not the id of a run. NotFound: no such run. Rejected: its run.json is damaged.
            PermissionDenied, StorageError.
        """
        values = runs.read_run_file(home, run_id)
        known = {field.name: values[field.name] for field in fields(cls) if field.name in values}
        try:
            return cls.from_dict(known | {"name": runs.model_name_of(run_id)})
        except ValueError as error:
            raise runs.rejected_file(home / run_id, runs.RUN_FILE, f"is not usable: {error}") from error

    def check_same(self, settings: Mapping[str, Any]) -> None:
        """Compare settings, by name, with those of the run.

        Raises:
            UsageError: some differ; the message lists them all.
        """
        ours = {**vars(self.data), **vars(self.training), "name": self.name, "positive": self.labels[-1]}
        differences = [
            f"{option_name(name)} is {ours[name]}, not {value}"
            for name, value in settings.items()
            if ours[name] != value
        ]
        if differences:
            hint = "omit these options to resume the run, or omit --resume to start a new one"
            raise UsageError(f"in this run {'; '.join(differences)}", hint=hint)

    def check_data(self, data: Dataset) -> None:
        """Compare the data with that of the run.

        Raises:
            BadData: it has changed.
        """
        if data.sha256 != self.data_sha256:
            raise BadData(
                f"{data.name} changed since the run was started: its SHA-256 was {self.data_sha256[:12]}…, "
                f"and is now {data.sha256[:12]}…",
                hint="restore the original data, or start a new run without --resume",
            )

    def check_vocabulary(self, plan: Plan) -> None:
        """Compare the vocabulary with that of the run.

        Raises:
            BadData: it differs, as with another version of this program or of Unicode.
        """
        if _sha256_of_words(plan) != self.vocabulary_sha256:
            raise BadData(
                "the vocabulary of the data differs from the one that the run was started with",
                hint="use the versions that started the run, or start a new one without --resume",
            )

    def changed_versions(self, versions: Mapping[str, str]) -> list[str]:
        """The packages whose version has changed, as in "numpy was 1.0.0 and is 2.1.0"."""
        return [
            f"{package} was {self.versions[package]} and is {now}"
            for package, now in versions.items()
            if self.versions.get(package) not in (now, None)
        ]


def choose_run(home: Path, run_id: str | None) -> str:
    """The run to resume: `run_id`, or the newest one that stopped.

    Raises:
        NotFound: no run has stopped. Busy: the run is still in progress. Rejected, PermissionDenied, StorageError.
    """
    unfinished = runs.unfinished_runs(home)
    if run_id is not None:
        runs.model_name_of(run_id)
        unfinished = [run for run in unfinished if run.run_id == run_id]
        if not unfinished:
            raise runs.unknown_run(run_id)
    stopped = [run for run in unfinished if not run.live]
    if stopped:
        return stopped[0].run_id
    if unfinished:
        raise Busy(f"{unfinished[0].run_id} is being trained by another process", hint="lstmctl models list --runs")
    raise NotFound("there is no unfinished run to resume", hint="lstmctl train starts one")


def _sha256_of_words(plan: Plan) -> str:
    return hashlib.sha256(plan.vocabulary.to_text().encode()).hexdigest()
