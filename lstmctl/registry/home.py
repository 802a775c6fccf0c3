"""The home: the folder that contains models, checkpoints and staged files, and the number of its format.

Functions raise Rejected for a newer format or a folder of another program, CannotCreate for a path that cannot be a
folder, PermissionDenied and StorageError.
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from lstmctl.errors import CannotCreate, PermissionDenied, Rejected, UsageError
from lstmctl.storage import staging
from lstmctl.storage.filesystem import Directory, os_errors

MODELS, CHECKPOINTS, ARRIVALS = "models", "checkpoints", "arrivals"
_FORMAT = 1
_FORMAT_FILE = "FORMAT"
_HINT = "choose another home with --home DIR or LSTMCTL_HOME=DIR"

# Stands for the home of a user without a folder, as in many containers. Nothing can be in it, nor be made there.
NO_HOME = Path(os.devnull, "lstmctl")


def default_home(option: str | None, environ: Mapping[str, str]) -> Path:
    """The absolute path of the home: --home, else LSTMCTL_HOME, else the user's data folder, else NO_HOME."""
    if option == "":
        raise UsageError("--home is empty", hint="--home DIR, or leave it out")
    if option:
        return Path(os.path.abspath(_expand("--home", option)))
    if chosen := environ.get("LSTMCTL_HOME"):
        return Path(os.path.abspath(_expand("LSTMCTL_HOME", chosen)))
    from platformdirs import user_data_path

    if not os.path.isabs(environ.get("XDG_DATA_HOME", "")) and _user_folder() is None:
        return NO_HOME
    return Path(os.path.abspath(os.path.expanduser(user_data_path("lstmctl", appauthor=False))))


def _expand(name: str, path: str) -> str:
    """A path with the user's folder in place of ~; UsageError if there is none, where Python would keep the ~."""
    if path.startswith("~"):
        expanded = os.path.expanduser(path)
        if expanded.startswith("~") or (path.partition("/")[0] == "~" and _user_folder() is None):
            message = f'{name} "{path}" is not a path: there is no folder of that user'
            raise UsageError(message, hint="--home /PATH names the folder without ~")
        return expanded
    return path


def _user_folder() -> str | None:
    """The folder of this user: HOME, else the entry in the list of users; None if it does not exist."""
    folder = os.path.expanduser("~") if os.environ.get("HOME") != "" else ""
    return folder if os.path.isdir(folder) and folder != "~" else None


def check_home(path: Path) -> None:
    """Check that the home can be read, if it exists."""
    with home_errors(f"read {path}", path), suppress(FileNotFoundError), Directory.open(path) as home:
        _check_format(home)


@contextmanager
def open_for_writing(path: Path) -> Iterator[Directory]:
    """The home, created if needed, without the leftovers of writers that ended early. Nothing is written before its
    format is known to be ours.
    """
    with home_errors(f"write to {path}", path):
        _make(path)
        home = Directory.open(path)
    with home:
        with home_errors(f"write to {path}", path):
            has_format = _check_format(home)
            for name in (staging.STAGING, MODELS, CHECKPOINTS, ARRIVALS):
                home.make(name)
            if not has_format:
                with staging.stage_files(home, {_FORMAT_FILE: f"lstmctl {_FORMAT}\n".encode()}) as staged:
                    staged.move_file(_FORMAT_FILE, home, _FORMAT_FILE)
            home.sync()  # even if nothing is new: the process that made the folders may have ended before its sync
            staging.remove_leftovers(home)
        yield home


def list_names(path: Path, *inside: str) -> list[str]:
    """The names in the folder `inside` of the home, sorted; none if there is no such folder."""
    missing = suppress(FileNotFoundError, NotADirectoryError)
    with home_errors(f"read {path}", path), missing, Directory.open(path, *inside) as directory:
        return directory.names()
    return []


def _check_format(home: Directory) -> bool:
    """Whether the home has a format yet."""
    try:
        content = home.read(_FORMAT_FILE, limit=64)
    except FileNotFoundError:
        return False
    match = re.fullmatch(rb"lstmctl ([0-9]{1,9})\n", content)
    if match is None:
        message = f"{home.path} is not a home of lstmctl: its file {_FORMAT_FILE} has other content"
        raise Rejected(message, hint=_HINT)
    if int(match[1]) > _FORMAT:
        message = f"{home.path} was written by a newer lstmctl (format {int(match[1])}; this one reads {_FORMAT})"
        raise Rejected(message, hint="pip install --upgrade lstmctl")
    return True


def _make(path: Path) -> None:
    if path.is_dir():
        return
    _make(path.parent)
    with Directory.open(path.parent) as parent:
        parent.make(path.name)
        parent.sync()


@contextmanager
def home_errors(action: str, path: Path, *, needed: int | None = None) -> Iterator[None]:
    """`os_errors` for the home at `path`, with the hint to choose another home."""
    try:
        with os_errors(action, needed=needed):
            yield
    except (CannotCreate, PermissionDenied) as error:
        if not isinstance(error.__cause__, OSError):
            raise
        if path == NO_HOME:
            error.message = "this user has no folder for models: HOME, or the list of users, names none"
            error.args = (error.message,)
        elif isinstance(error.__cause__, NotADirectoryError):
            error.message = f"cannot {action}: a part of the path is not a folder"
            error.args = (error.message,)
        error.hint = _HINT
        raise
