"""The home: the folder that holds models, checkpoints and what is being written, and the number of its format."""

import errno
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from lstmctl.errors import CannotCreate, LstmctlError, Rejected, UsageError, from_os_error
from lstmctl.storage import staging
from lstmctl.storage.filesystem import Directory

FORMAT = 1
FORMAT_FILE = "FORMAT"
MODELS = "models"
CHECKPOINTS = "checkpoints"
_HINT = "--home DIR or LSTMCTL_HOME=DIR chooses another home"


def default_home(option: str | None, environ: Mapping[str, str]) -> Path:
    """Where models live: --home, else LSTMCTL_HOME, else the user's data folder; absolute.

    Raises:
        UsageError: the option is empty.
    """
    if option == "":
        raise UsageError("--home is empty", hint="--home DIR, or leave it out")
    if chosen := option or environ.get("LSTMCTL_HOME"):
        return Path(os.path.abspath(os.path.expanduser(chosen)))
    from platformdirs import user_data_path

    return user_data_path("lstmctl", appauthor=False)


def check(path: Path) -> None:
    """Nothing, where the home can be read or is not there yet.

    Raises:
        Rejected: the format is newer, or not ours. CannotCreate: it is a file. PermissionDenied, StorageError.
    """
    with _errors("read", path):
        try:
            home = Directory.open(path)
        except FileNotFoundError:
            return
        with home:
            _check_format(home)


@contextmanager
def open_for_writing(path: Path) -> Iterator[Directory]:
    """The home, made if need be, and cleaned of what writers left that ended too soon. Nothing is written before its
    format is known to be ours.

    Raises:
        Rejected: the format is newer, or not ours. CannotCreate, PermissionDenied, StorageError.
    """
    with _errors("write to", path):
        _make(path)
        home = Directory.open(path)
    with home:
        with _errors("write to", path):
            known = _check_format(home)
            for name in (staging.STAGING, MODELS, CHECKPOINTS):
                home.make(name)
            if not known:
                with staging.stage_files(home, {FORMAT_FILE: f"lstmctl {FORMAT}\n".encode()}) as staged:
                    staged.move_file(FORMAT_FILE, home, FORMAT_FILE)
            home.sync()  # even if nothing is new here: whoever made it may not have come to this line
            staging.collect(home)
        yield home


def names_in(path: Path, *inside: str) -> list[str]:
    """What is in the folder `inside` of the home; nothing, where there is no such folder."""
    with _errors("read", path):
        try:
            folder = Directory.open(path, *inside)
        except (FileNotFoundError, NotADirectoryError):
            return []
        with folder:
            return folder.names()


def _check_format(home: Directory) -> bool:
    """Whether the home has a format yet."""
    try:
        content = home.read(FORMAT_FILE, limit=64)
    except FileNotFoundError:
        return False
    match = re.fullmatch(rb"lstmctl ([0-9]{1,9})\n", content)
    if match is None:
        raise Rejected(f"{home.path} is not a home of lstmctl: its file {FORMAT_FILE} says something else", hint=_HINT)
    if int(match[1]) > FORMAT:
        message = f"{home.path} was written by a newer lstmctl (format {int(match[1])}; this one knows {FORMAT})"
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
def _errors(action: str, path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise translated(error, action, path) from error


def translated(error: OSError, action: str, path: Path) -> LstmctlError:
    """An operating-system error met in the home `path`, with the way out."""
    if error.errno == errno.ENOTDIR:
        return CannotCreate(f"cannot {action} {path}: it is, or lies in, something that is not a folder", hint=_HINT)
    ours = from_os_error(error, f"{action} {path}")
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        ours.hint = _HINT
    return ours
