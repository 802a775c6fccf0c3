"""The errors a user can meet. Each carries its message, the hint that repairs it, and its exit code.

Nothing here prints or touches a file: `cli.main` is the one place that turns an error into lines and an exit code.
"""

import errno
from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    """What the shell sees. 65 and up follow sysexits.h; 128 + n is "ended by signal n"."""

    DONE = 0
    NO = 1
    USAGE = 2
    BAD_DATA = 65
    NOT_FOUND = 66
    MISSING_EXTRA = 69
    INTERNAL = 70
    CANNOT_CREATE = 73
    IO = 74
    BUSY = 75
    REJECTED = 76
    PERMISSION = 77
    HANGUP = 129
    INTERRUPTED = 130
    PIPE_CLOSED = 141
    TERMINATED = 143


class LstmctlError(Exception):
    """Base of all expected failures. `hint` is a command or a fact that helps, filled in with the user's own values."""

    exit_code = ExitCode.INTERNAL

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class TrainingDiverged(LstmctlError):
    """The question was answered "no": training diverged, a threshold was missed."""

    exit_code = ExitCode.NO


class UsageError(LstmctlError):
    """An option, a value or a name that cannot be what the user meant."""

    exit_code = ExitCode.USAGE


class BadData(LstmctlError):
    """Input data that cannot be read as asked, or that changed since a model was trained on it."""

    exit_code = ExitCode.BAD_DATA


class BadRow(BadData):
    """One row that cannot be used: what is around it can be. `number` is that of its line, `last` of its last line."""

    def __init__(self, message: str, *, hint: str | None = None, number: int = 0, last: int = 0) -> None:
        super().__init__(message, hint=hint)
        self.number = number
        self.last = last


class NotFound(LstmctlError):
    """No such model, data set, file or run."""

    exit_code = ExitCode.NOT_FOUND


class MissingExtra(LstmctlError):
    """A package is needed that this installation does not have."""

    exit_code = ExitCode.MISSING_EXTRA

    def __init__(self, what: str, *, extra: str | None = None, packages: str | None = None) -> None:
        install = packages if packages is not None else f"'lstmctl[{extra}]'"
        super().__init__(f"{what} is not installed", hint=f"pip install {install}")


class Disagreement(LstmctlError):
    """The NumPy forward pass and Keras disagree about a freshly trained model: a bug, so the model is refused."""

    exit_code = ExitCode.INTERNAL


class CannotCreate(LstmctlError):
    """The output exists, its folder is missing, or the file system is read-only."""

    exit_code = ExitCode.CANNOT_CREATE


class StorageError(LstmctlError):
    """Disk full, quota, I/O error, too many open files, or standard output full or closed."""

    exit_code = ExitCode.IO


class Busy(LstmctlError):
    """Another process holds what is needed; trying again later is right."""

    exit_code = ExitCode.BUSY


class Rejected(LstmctlError):
    """A model, checkpoint or registry that is corrupt, hostile, or of a newer format."""

    exit_code = ExitCode.REJECTED


class PermissionDenied(LstmctlError):
    """The operating system does not allow it."""

    exit_code = ExitCode.PERMISSION


class Signalled(BaseException):
    """SIGTERM or SIGHUP asked the program to end. As with KeyboardInterrupt, only what must tidy up catches it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Interrupted(LstmctlError):
    """A signal asked us to stop. `number` is the signal's, and the exit code is 128 + number."""

    def __init__(self, number: int, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.exit_code = ExitCode(128 + number)


def from_os_error(error: OSError, action: str) -> LstmctlError:
    """Translate an operating-system error met while doing `action` ("write /x/y") into one of ours."""
    reason = (error.strerror or str(error)).lower()
    message = f"cannot {action}: {reason}"
    kind, hint = _OS_ERRORS.get(error.errno or 0, (StorageError, "is the disk well, and is it still there?"))
    return kind(message, hint=hint)


_OS_ERRORS: dict[int, tuple[type[LstmctlError], str]] = {
    errno.EACCES: (PermissionDenied, "ls -ld tells whom it belongs to, and who may what"),
    errno.EPERM: (PermissionDenied, "ls -ld tells whom it belongs to, and who may what"),
    errno.EROFS: (CannotCreate, "name a place that can be written to"),
    errno.EEXIST: (CannotCreate, "remove it, or choose another name"),
    errno.ENOTDIR: (CannotCreate, "a part of that path is a file, not a folder"),
    errno.EISDIR: (CannotCreate, "name a file in it"),
    errno.ENOENT: (CannotCreate, "is there a folder of that name?"),
    errno.ENAMETOOLONG: (CannotCreate, "choose a shorter name"),
    errno.ENOSPC: (StorageError, "free some space and try again"),
    errno.EDQUOT: (StorageError, "free some space and try again"),
    errno.EMFILE: (StorageError, "ulimit -n allows more open files"),
    errno.ENFILE: (StorageError, "too many files are open on this machine; try again later"),
}


def closest_names(word: str, known: Iterable[str], count: int = 3) -> list[str]:
    """The known names that look most like `word`, best first: for "did you mean …"."""
    import difflib

    return difflib.get_close_matches(word, list(known), n=count, cutoff=0.5)
