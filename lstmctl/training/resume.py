"""Going on with a run: the plan that it was started with, and whether data and settings still are what they were."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from lstmctl.config import DataConfig, TrainConfig, option_name
from lstmctl.data.datasets import Dataset
from lstmctl.errors import BadData, Busy, NotFound, UsageError
from lstmctl.registry import runs
from lstmctl.training.prepare import Plan


@dataclass(frozen=True)
class RunSettings:
    """What a run was started with: the content of its run.json."""

    name: str
    command: tuple[str, ...]
    labels: tuple[str, ...]  # in the order of the model's outputs
    data: DataConfig
    data_sha256: str
    vocabulary_sha256: str
    training: TrainConfig  # with the numbers of epochs and threads that were chosen
    versions: Mapping[str, str]

    @classmethod
    def of(cls, plan: Plan, *, name: str, command: Sequence[str], threads: int, versions: Mapping[str, str]) -> Self:
        """The settings of a run that starts."""
        return cls(
            name=name,
            command=tuple(command),
            labels=plan.model.labels,
            data=plan.data.config,
            data_sha256=plan.data.sha256,
            vocabulary_sha256=_sha256_of_words(plan),
            training=replace(plan.training, epochs=plan.epochs, threads=threads),
            versions=versions,
        )

    @classmethod
    def read(cls, home: Path, run_id: str) -> Self:
        """The settings of a run that was started earlier.

        Raises:
            UsageError: that is no run's id. NotFound: no such run. Rejected: its run.json is damaged.
            PermissionDenied, StorageError.
        """
        values = runs.read_run_file(home, run_id)
        try:
            if not isinstance(values["versions"], dict):
                raise ValueError("the versions are no table")
            return cls(
                name=runs.model_name_of(run_id),
                command=_strings(values["command"]),
                labels=_strings(values["labels"]),
                data=DataConfig.from_dict(values["data"]),
                data_sha256=str(values["data_sha256"]),
                vocabulary_sha256=str(values["vocabulary_sha256"]),
                training=TrainConfig.from_dict(values["training"]),
                versions={str(name): str(version) for name, version in values["versions"].items()},
            )
        except KeyError as error:
            raise runs.rejected_file(home / run_id, runs.RUN_FILE, f"lacks {error}") from error
        except ValueError as error:
            raise runs.rejected_file(home / run_id, runs.RUN_FILE, f"is not usable: {error}") from error

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        records = {"data": self.data.to_dict(), "training": self.training.to_dict()}
        return {
            **vars(self),
            **records,
            "command": list(self.command),
            "labels": list(self.labels),
            "versions": dict(self.versions),
        }

    def check_said(self, said: Mapping[str, Any]) -> None:
        """Refuse what was said on the command line, by the names of the settings, where the run has something else.

        Raises:
            UsageError: naming all that differs.
        """
        ours = {**vars(self.data), **vars(self.training), "name": self.name, "positive": self.labels[-1]}
        wrong = [
            f"{option_name(name)} is {ours[name]}, not {value}" for name, value in said.items() if ours[name] != value
        ]
        if wrong:
            hint = "leave that out to go on with the run, or leave --resume out to begin another"
            raise UsageError(f"in this run {'; '.join(wrong)}", hint=hint)

    def check_data(self, data: Dataset) -> None:
        """
        Raises:
            BadData: the data is not what it was when the run was started.
        """
        if data.sha256 != self.data_sha256:
            raise BadData(
                f"{data.name} changed since the run was started: its SHA-256 was {self.data_sha256[:12]}…, "
                f"and is {data.sha256[:12]}… now",
                hint="bring the old data back, or start anew without --resume",
            )

    def check_plan(self, plan: Plan) -> None:
        """
        Raises:
            BadData: the same data has other words now, as another version of this program or of Unicode finds them.
        """
        if _sha256_of_words(plan) != self.vocabulary_sha256:
            raise BadData(
                "the words found in the data are not those that the run was started with",
                hint="use the versions that started it, or start anew without --resume",
            )

    def other_versions(self, versions: Mapping[str, str]) -> list[str]:
        """Which packages have another version now: the result may then differ in its last digits."""
        return [
            f"{package} was {self.versions[package]} and is {now}"
            for package, now in versions.items()
            if self.versions.get(package) not in (now, None)
        ]


def choose_run(home: Path, run_id: str | None) -> str:
    """The run to go on with: the one of that id, or else the newest that stopped.

    Raises:
        NotFound: no run has stopped. Busy: the run is still going on. Rejected, PermissionDenied, StorageError.
    """
    everything = runs.unfinished_runs(home)
    if run_id is not None:
        runs.model_name_of(run_id)
        everything = [run for run in everything if run.run_id == run_id]
        if not everything:
            raise runs.unknown_run(run_id)
    stopped = [run for run in everything if not run.live]
    if stopped:
        return stopped[0].run_id
    if everything:
        raise Busy(f"{everything[0].run_id} is being trained by another process", hint="lstmctl models list --runs")
    raise NotFound("there is no unfinished run to resume", hint="lstmctl train begins one")


def _strings(values: Any) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError("a list of strings is something else")
    return tuple(values)


def _sha256_of_words(plan: Plan) -> str:
    return hashlib.sha256(plan.vocabulary.to_text().encode()).hexdigest()
