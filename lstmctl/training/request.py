"""What to train: the settings of a new run from options and a recipe, or those that an unfinished run started with."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Self

from lstmctl import recipes
from lstmctl.config import VECTORS, DataConfig, TrainConfig, option_name
from lstmctl.data.datasets import Dataset
from lstmctl.data.sources import resolve_source
from lstmctl.errors import BadData, Busy, NotFound, UsageError, closest_names
from lstmctl.registry import runs
from lstmctl.registry.names import default_model_name
from lstmctl.settings import Config
from lstmctl.training.prepare import Plan

_SOURCES = ("source", "val_source", "test_source", "unlabelled")
_FOLLOW_DATA = ("epochs", "ensemble_size", "vectors", "vectors_rate")  # where they are None


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
    def read(cls, home: Path, run_id: str) -> Self:
        """The settings of an unfinished run. Raises as `runs.read_run_file`, and Rejected: run.json is damaged."""
        values = runs.read_run_file(home, run_id)
        known = {field.name: values[field.name] for field in fields(cls) if field.name in values}
        try:
            return cls.from_dict(known | {"name": runs.model_name_of(run_id)})
        except ValueError as error:
            raise runs.rejected_file(home / run_id, runs.RUN_FILE, f"is not usable: {error}") from error

    def check_same(self, settings: Mapping[str, Any]) -> None:
        """Compare settings, by name, with those of the run. Raises UsageError that lists all differences."""
        ours = {**vars(self.data), **vars(self.training), "name": self.name, "positive": self.labels[-1]}
        merges = self.data.merge_labels or self.data.rare_labels == "merge"
        if merges and set(settings.get("rename_label", ())) <= set(self.data.rename_label):
            ours["rename_label"] = settings.get("rename_label")  # the run's has the merged labels too
        different = [name for name, value in settings.items() if ours[name] != value]
        if different:
            option_of = {"more_sources": "the further --data"}
            values = "; ".join(
                f"{option_of.get(name, option_name(name))} is {ours[name]}, not {settings[name]}" for name in different
            )
            hint = "omit these options to resume the run, or omit --resume to start a new one"
            raise UsageError(f"in this run {values}", hint=hint)

    def check_data(self, data: Dataset) -> None:
        """Raises BadData if the data has changed since the run was started."""
        if data.sha256 != self.data_sha256:
            change = f"its SHA-256 was {self.data_sha256[:12]}…, and is now {data.sha256[:12]}…"
            hint = "restore the original data, or start a new run without --resume"
            raise BadData(f"{data.name} changed since the run was started: {change}", hint=hint)

    def check_vocabulary(self, plan: Plan) -> None:
        """Raises BadData if the vocabulary differs, as with another version of this program or of Unicode."""
        if _sha256_of_words(plan) != self.vocabulary_sha256:
            message = "the vocabulary of the data differs from the one that the run was started with"
            raise BadData(message, hint="use the versions that started the run, or start a new one without --resume")

    def changed_versions(self, versions: Mapping[str, str]) -> list[str]:
        """The packages whose version has changed, as in "numpy was 1.0.0 and is 2.1.0"."""
        changed = [package for package in versions if self.versions.get(package) not in (versions[package], None)]
        return [f"{package} was {self.versions[package]} and is {versions[package]}" for package in changed]


@dataclass(frozen=True, kw_only=True)
class TrainingRequest:
    """A training run as the user asks for it."""

    name: str  # of the model
    data: DataConfig
    training: TrainConfig
    origins: Mapping[str, str]  # setting in `training` → where its value is from
    positive: str | None = None  # the positive label of two; None: the last in sorted order
    command: tuple[str, ...] = ()  # the command line, for the record
    run_id: str | None = None  # of the run to resume
    run: RunSettings | None = None  # its settings

    def origins_in(self, plan: Plan) -> dict[str, str]:
        """`origins`, with those of the settings that follow the data."""
        adapted = [setting for setting in _FOLLOW_DATA if getattr(self.training, setting) is None]
        return {**self.origins, **dict.fromkeys(adapted, f"for {len(plan.train):,} texts")}

    def run_settings(self, plan: Plan, *, threads: int, versions: Mapping[str, str]) -> RunSettings:
        """The settings to be stored with a new run."""
        return RunSettings(
            name=self.name,
            command=self.command,
            labels=plan.model.labels,
            data=plan.data.config,
            data_sha256=plan.data.sha256,
            vocabulary_sha256=_sha256_of_words(plan),
            training=replace(plan.training, epochs=plan.epochs, threads=threads),
            versions=dict(versions),
        )


def new_request(
    *,
    recipe: str = recipes.DEFAULT,
    name: str | None = None,
    positive: str | None = None,
    command: tuple[str, ...] = (),
    **settings: Any,
) -> TrainingRequest:
    """A new run: `settings`, fields of `DataConfig` and `TrainConfig`, override the recipe. Raises UsageError if there
    is no such recipe or setting, or a value is not possible; NotFound if there is no such data set or vector file."""
    data_settings, training_settings = _split(settings)
    data = DataConfig(**data_settings).validate()
    training = recipes.resolve(recipe, training_settings)
    origins = recipes.find_origins(recipe, training_settings)
    if data.unlabelled is not None and training.vectors != "own":  # their only use
        if training_settings.get("vectors") is not None:
            raise UsageError(f"--unlabelled cannot be used with --vectors {training.vectors}", hint="--vectors own")
        training = replace(training, vectors="own")
        origins["vectors"] = "--unlabelled"
    if training.vectors is not None and training.vectors not in VECTORS:
        path = Path(training.vectors).expanduser().absolute()  # for a run that is resumed elsewhere
        if not path.exists():
            raise NotFound(f"there is no file {path}", hint=f"--vectors {'|'.join(VECTORS)}|FILE")
        training = replace(training, vectors=str(path))
    name = name if name is not None else default_model_name(data.source)
    return TrainingRequest(name=name, data=data, training=training, origins=origins, positive=positive, command=command)


def resume_request(home: Path, run_id: str | None, *, recipe: str | None = None, **settings: Any) -> TrainingRequest:
    """An unfinished run, or the newest one that stopped, with the settings that it was started with.

    `recipe` and `settings`, which include "name" and "positive" here, must agree with those, or UsageError is raised.
    Also raises NotFound, Busy, Rejected, PermissionDenied and StorageError.
    """
    run_id = _choose_run(home, run_id)
    run = RunSettings.read(home, run_id)
    model = {key: settings.pop(key) for key in ("name", "positive") if key in settings}
    data_settings, training_settings = _split(settings)
    from_recipe = recipes.read(recipe) if recipe is not None else {}
    run.check_same(from_recipe | data_settings | training_settings | model)
    origins = dict.fromkeys(TrainConfig.settings(), f"run {run_id}")
    return TrainingRequest(
        name=run.name,
        data=run.data,
        training=run.training,
        origins=origins,
        command=run.command,
        run_id=run_id,
        run=run,
    )


def _choose_run(home: Path, run_id: str | None) -> str:
    """The run to resume: `run_id`, or the newest one that stopped. Raises NotFound if no run has stopped, Busy if the
    run is still in progress."""
    unfinished = [run for run in runs.unfinished_runs(home) if run_id in (None, run.run_id)]
    for run in unfinished:
        if not run.live:
            return run.run_id
    if unfinished:
        raise Busy(f"{unfinished[0].run_id} is being trained by another process", hint="lstmctl models list --runs")
    if run_id is not None:
        runs.model_name_of(run_id)
        raise runs.unknown_run(run_id)
    raise NotFound("there is no unfinished run to resume", hint="lstmctl train starts one")


def _sha256_of_words(plan: Plan) -> str:
    return hashlib.sha256(plan.vocabulary.to_text().encode()).hexdigest()


def _split(settings: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The settings of `DataConfig`, with sources resolved, and those of `TrainConfig`."""
    known = [*DataConfig.settings(), *TrainConfig.settings()]
    for name in settings:
        if name not in known:
            near = closest_names(name, known)
            hint = f"did you mean {near[0]}?" if near else "docs/reference/recipes.md lists the settings"
            raise UsageError(f'there is no setting "{name:.60}"', hint=hint)
    data, training = (
        {name: settings[name] for name in config.settings() if name in settings} for config in (DataConfig, TrainConfig)
    )
    sources = data.get("source")
    if isinstance(sources, list | tuple):  # --data given several times
        if not sources:
            raise UsageError("there is no data", hint="name a file, a folder or a data set")
        data |= {"source": sources[0], "more_sources": sources[1:]}
    data |= {name: resolve_source(os.fspath(data[name])) for name in _SOURCES if data.get(name) is not None}
    if "source" in data:
        data["more_sources"] = tuple(resolve_source(os.fspath(name)) for name in data.get("more_sources", ()))
    return data, training
