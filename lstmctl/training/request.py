"""What is to be trained: settings from options, recipes and unfinished runs, gathered in one value."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lstmctl import recipes
from lstmctl.config import DataConfig, TrainConfig
from lstmctl.data.sources import resolve_source
from lstmctl.errors import UsageError, closest_names
from lstmctl.registry.names import default_model_name
from lstmctl.training.prepare import Plan
from lstmctl.training.resume import RunSettings, choose_run

_SOURCES = ("source", "val_source", "test_source", "unlabelled")
_FOLLOW_DATA = ("epochs", "word_odds", "word_dropout", "output_dropout")  # where they are None


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


def new_request(
    *,
    recipe: str = recipes.DEFAULT,
    name: str | None = None,
    positive: str | None = None,
    command: tuple[str, ...] = (),
    **settings: Any,
) -> TrainingRequest:
    """A new run: `settings`, fields of `DataConfig` and `TrainConfig`, override the recipe.

    Raises:
        UsageError: there is no such recipe or setting, or a value is not possible. NotFound: no such data set.
    """
    data_settings, training_settings = _split(settings)
    data = DataConfig(**data_settings).validate()
    training = recipes.resolve(recipe, training_settings)
    origins = recipes.find_origins(recipe, training_settings)
    if data.unlabelled is not None and training.word_vectors != "cooccurrence":  # their only use
        training = replace(training, word_vectors="cooccurrence")
        origins["word_vectors"] = "--unlabelled"
    name = name if name is not None else default_model_name(data.source)
    return TrainingRequest(name=name, data=data, training=training, origins=origins, positive=positive, command=command)


def resume_request(home: Path, run_id: str | None, *, recipe: str | None = None, **settings: Any) -> TrainingRequest:
    """An unfinished run, or the newest one that stopped, with the settings that it was started with.

    `recipe` and `settings`, which include "name" and "positive" here, must agree with those.

    Raises:
        UsageError: something differs. NotFound, Busy, Rejected, PermissionDenied, StorageError.
    """
    run_id = choose_run(home, run_id)
    run = RunSettings.read(home, run_id)
    model = {key: settings.pop(key) for key in ("name", "positive") if key in settings}
    data_settings, training_settings = _split(settings)
    from_recipe = recipes.read(recipe) if recipe is not None else {}
    run.check_same(from_recipe | data_settings | training_settings | model)
    return TrainingRequest(
        name=run.name,
        data=run.data,
        training=run.training,
        origins=dict.fromkeys(TrainConfig.settings(), f"run {run_id}"),
        command=run.command,
        run_id=run_id,
        run=run,
    )


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
    data |= {name: resolve_source(os.fspath(data[name])) for name in _SOURCES if data.get(name) is not None}
    return data, training
