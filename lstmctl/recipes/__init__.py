"""Recipes: named training settings, as TOML files in this folder or in a file of the user's own.

The keys are the fields of `TrainConfig`. What a recipe leaves out has its default.
"""

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from lstmctl.config import TrainConfig, option_name
from lstmctl.errors import UsageError, closest_names
from lstmctl.settings import RENAMED, RETIRED
from lstmctl.storage.filesystem import Directory, os_errors

DEFAULT = "standard"
_LIMIT = 65_536  # bytes of a recipe file
_SUFFIX = ".toml"
_HINT = "lstmctl train --dry-run prints a recipe to start from"


def names() -> list[str]:
    """The recipes that come with the program."""
    return sorted(path.stem for path in Path(__file__).parent.glob(f"*{_SUFFIX}"))


def read(recipe: str) -> dict[str, Any]:
    """The keys and values of a recipe: a name, or a file, whose path ends in .toml or has a /. Values are not checked.

    Raises UsageError: no such recipe, an unknown key, or not TOML. CannotCreate, PermissionDenied, StorageError.
    """
    path = Path(recipe)
    if "/" not in recipe and not recipe.endswith(_SUFFIX):
        if recipe not in names():
            raise UsageError(f'there is no recipe "{recipe:.100}"', hint=f"recipes: {' '.join(names())}, or FILE.toml")
        path = Path(__file__).parent / f"{recipe}{_SUFFIX}"
    values, known = {RENAMED.get(key, key): value for key, value in _parse(path).items()}, list(TrainConfig.settings())
    for key in values:
        if key in RETIRED:
            raise UsageError(f'{path} has the key "{key}", which no longer exists', hint=f"remove the line of {key}")
        if key not in known:
            near = closest_names(key, known, count=1)
            hint = f'did you mean "{near[0]}"?' if near else f"keys: {' '.join(known)}"
            raise UsageError(f'{path} has an unknown key "{key:.60}"', hint=hint)
    return values


def resolve(recipe: str, options: Mapping[str, Any]) -> TrainConfig:
    """The settings of a recipe, overridden by `options`.

    >>> resolve("classic", {"units": 64}).units, resolve("classic", {}).schedule
    (64, 'constant')

    Raises as `read`, and UsageError for a value that is out of bounds.
    """
    try:
        training = TrainConfig.from_dict(read(recipe))
    except ValueError as error:
        raise UsageError(f"the recipe {recipe:.200} cannot be used: {error}", hint=_HINT) from error
    return replace(training, **options).validate()


def find_origins(recipe: str, options: Iterable[str]) -> dict[str, str]:
    """Setting → where `resolve` took its value from: "recipe standard", "default", "--epochs"."""
    origins = dict.fromkeys(TrainConfig.settings(), "default")
    origins |= dict.fromkeys(read(recipe), f"recipe {recipe}")
    return origins | {name: option_name(name) for name in options}


def to_toml(training: TrainConfig, origins: Mapping[str, str]) -> str:
    """The settings as a recipe file; comments give the origin and the meaning of each value. None has no line.

    units = 64                      # --units · Number of LSTM units.
    """
    return "\n".join(
        # JSON's numbers, strings and booleans are TOML's too.
        f"{f'{name} = {json.dumps(value)}':<32}# {origins[name]} · {TrainConfig.settings()[name].help}"
        for name, value in training.to_dict().items()
        if value is not None
    )


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
        raise UsageError(f"{path} is not TOML: {error}", hint=_HINT) from error
