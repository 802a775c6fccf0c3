"""What most commands need at first: the registry, and the model that the user means."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lstmctl.cli.console import Console
from lstmctl.cli.options import settings
from lstmctl.errors import LstmctlError

if TYPE_CHECKING:
    from lstmctl.registry.artifact import ModelFolder
    from lstmctl.registry.store import Registry


def open_registry() -> "Registry":
    """The registry of --home, LSTMCTL_HOME or the user's data folder."""
    from lstmctl.registry.home import default_home
    from lstmctl.registry.store import Registry

    return Registry(default_home(settings.home, os.environ))


def open_model(reference: str | None) -> "ModelFolder":
    """The model that the user named, or else the default one."""
    return open_registry().resolve(reference or os.environ.get("LSTMCTL_MODEL"))


def named_models(arguments: Sequence[str] | None, option: str | None) -> list[str | None]:
    """The models that were named, as arguments or with -m; a single None, the default one, where there was none."""
    return [*(arguments or []), *([option] if option is not None else [])] or [None]


def default_reference() -> str | None:
    """What commands use where no model is named, or None where they refuse to choose."""
    try:
        return open_model(None).reference
    except LstmctlError:
        return None


def note_default_model(console: Console, folder: "ModelFolder", *, named: bool) -> None:
    """Name a model that the user did not name."""
    if not named and console.err.on_terminal:
        console.note((f"model {folder.reference}", "dim"))


def describe(folder: "ModelFolder", *, tags: Sequence[str] = ()) -> dict[str, Any]:
    """A model in a few values, as JSON; accuracy is that on its test part, None where it has none."""
    card, test = folder.card, folder.metrics().get("test")
    accuracy = test["metrics"]["accuracy"] if test else dict.fromkeys(("value", "low", "high", "n"))
    return {
        "schema": "lstmctl.model/1",
        "model": folder.reference,
        "tags": list(tags),
        "data": card.data.source if card.data is not None else None,
        "accuracy": accuracy["value"],
        "low": accuracy["low"],
        "high": accuracy["high"],
        "n": accuracy["n"],
        "epoch": card.epoch,
        "parameters": card.config.parameters,
        "bytes": folder.size,
        "created": card.created,
    }
