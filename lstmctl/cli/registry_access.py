"""The registry that the options name, and the model that the user means."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

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
    """The named model; without a name that of LSTMCTL_MODEL, else the newest."""
    return open_registry().resolve(reference or os.environ.get("LSTMCTL_MODEL"))


def named_models(arguments: Sequence[str] | None, option: str | None) -> list[str | None]:
    """The models named by arguments and by -m; a single None, for the default model, if there are none."""
    return [*(arguments or []), *([option] if option is not None else [])] or [None]


def default_reference() -> str | None:
    """The model that commands use if none is named, or None if there is none."""
    try:
        return open_model(None).reference
    except LstmctlError:
        return None


def note_default_model(console: Console, folder: "ModelFolder", *, named: bool) -> None:
    """Show the name of the default model."""
    if not named and console.err.on_terminal:
        console.note((f"model {folder.reference}", "dim"))
