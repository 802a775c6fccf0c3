"""Recipes: settings of training under a name, as TOML files in this folder, or in a file of the user's own.

The keys are the fields of `TrainConfig`. What a recipe leaves out has the value of the recipe `standard`.
"""

import dataclasses
import json
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from lstmctl.config import DataConfig, TrainConfig
from lstmctl.errors import UsageError, closest_names
from lstmctl.storage.filesystem import Directory, os_errors

DEFAULT = "standard"
_LIMIT = 65_536  # bytes of a recipe file
_SUFFIX = ".toml"


def names() -> list[str]:
    """The recipes that come with the program."""
    return sorted(path.stem for path in Path(__file__).parent.glob(f"*{_SUFFIX}"))


def read(recipe: str) -> dict[str, Any]:
    """What a recipe says: of a name, or of a file, whose name ends in .toml or has a /. Only checked as a whole by
    `resolve`.

    Raises:
        UsageError: no such recipe, a key that does not exist, or no TOML. CannotCreate, PermissionDenied, StorageError.
    """
    if "/" not in recipe and not recipe.endswith(_SUFFIX):
        if recipe not in names():
            raise UsageError(f'there is no recipe "{recipe:.100}"', hint=f"recipes: {' '.join(names())}, or FILE.toml")
        path = Path(__file__).parent / f"{recipe}{_SUFFIX}"
    else:
        path = Path(recipe)
    values = _parse(path)
    known = [field.name for field in dataclasses.fields(TrainConfig)]
    for key in values:
        if key not in known:
            near = closest_names(key, known, count=1)
            hint = f'did you mean "{near[0]}"?' if near else f"keys: {' '.join(known)}"
            raise UsageError(f'{path} has an unknown key "{key:.60}"', hint=hint)
    return values


def resolve(recipe: str, said: Mapping[str, Any]) -> TrainConfig:
    """The recipe with what was said on the command line in place of its own values.

    Raises:
        UsageError: as `read`, and for values that cannot be. CannotCreate, PermissionDenied, StorageError.
    """
    values = read(recipe)
    try:
        TrainConfig.from_dict(values)
    except ValueError as error:
        hint = "lstmctl train --dry-run prints a recipe to start from"
        raise UsageError(f"the recipe {recipe:.200} cannot be used: {error}", hint=hint) from error
    return replace(TrainConfig(**values), **said).validate()


def with_unlabelled(training: TrainConfig, data: DataConfig) -> TrainConfig:
    """The recipe, with word vectors where there are unlabelled texts: those are of no other use."""
    return replace(training, word_vectors="cooccurrence") if data.unlabelled is not None else training


def to_toml(training: TrainConfig, origins: Mapping[str, str]) -> str:
    """The settings as a recipe file, each with a comment on where its value is from. What is not set has no line."""
    lines = []
    for name, value in training.to_dict().items():
        if value is not None:
            # JSON's numbers, strings and booleans are TOML's too.
            lines.append(f"{f'{name} = {json.dumps(value)}':<32}# {origins[name]}")
    return "\n".join(lines)


def _parse(path: Path) -> dict[str, Any]:
    with os_errors(f"read the recipe {path}"):
        try:
            with Directory.open(path.parent) as folder:
                data = folder.read(path.name, limit=_LIMIT)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise UsageError(f"there is no recipe file {path}", hint=f"recipes: {' '.join(names())}") from error
    try:
        return tomllib.loads(data.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        hint = "lstmctl train --dry-run prints a recipe to start from"
        raise UsageError(f"{path} is not TOML: {error}", hint=hint) from error
