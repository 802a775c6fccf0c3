"""The errors that users see. Each has a message, a hint that helps to fix it, and an exit code.

Nothing here prints or touches a file: only `cli.main` turns an error into lines of text and an exit code.
"""

import errno
from collections.abc import Iterable
from enum import IntEnum
from itertools import islice


class ExitCode(IntEnum):
    """Exit codes of the program. 65 to 77 follow sysexits.h; 128 + n means "ended by signal n"."""

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
    """Base of all expected failures. `hint` is a command or a fact that helps, with the user's own values filled in."""

    exit_code = ExitCode.INTERNAL

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class TrainingDiverged(LstmctlError):
    """The loss became NaN or infinite, so there is no model."""

    exit_code = ExitCode.NO


class UsageError(LstmctlError):
    """An option, a value or a name that is not valid."""

    exit_code = ExitCode.USAGE


class BadData(LstmctlError):
    """Input data that cannot be read with the given options, or that changed since a model was trained on it."""

    exit_code = ExitCode.BAD_DATA


class BadRow(BadData):
    """One row that cannot be used; the rows around it can. `number` and `last` are its first and last line.
    `swallows`: it reaches to the end of the file, because of an open quote, so that skipping it would lose more rows.
    """

    def __init__(self, message: str, *, hint: str | None = None, number: int = 0, last: int = 0) -> None:
        super().__init__(message, hint=hint)
        self.number = number
        self.last = last
        self.swallows = False


class NotFound(LstmctlError):
    """A model, data set, file or run that does not exist."""

    exit_code = ExitCode.NOT_FOUND


class MissingExtra(LstmctlError):
    """A required package is not installed."""

    exit_code = ExitCode.MISSING_EXTRA

    def __init__(self, what: str, *, extra: str | None = None, packages: str | None = None) -> None:
        install = packages if packages is not None else f"'lstmctl[{extra}]'"
        super().__init__(f"{what} is not installed", hint=f"pip install {install}")


class Disagreement(LstmctlError):
    """The NumPy forward pass and Keras disagree about a freshly trained model: a bug, so the model is refused."""


class CannotCreate(LstmctlError):
    """The output exists, its folder is missing, or the file system is read-only."""

    exit_code = ExitCode.CANNOT_CREATE


class StorageError(LstmctlError):
    """Disk full, quota, I/O error, too many open files, or standard output full or closed."""

    exit_code = ExitCode.IO


class Busy(LstmctlError):
    """Another process holds a lock; the same command can succeed later."""

    exit_code = ExitCode.BUSY


class Rejected(LstmctlError):
    """A model, checkpoint or registry that is damaged, hostile, or of a newer format."""

    exit_code = ExitCode.REJECTED


class PermissionDenied(LstmctlError):
    """The operating system denies access."""

    exit_code = ExitCode.PERMISSION


class Signalled(BaseException):
    """SIGTERM or SIGHUP was received. As with KeyboardInterrupt, only code that must clean up catches it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Interrupted(LstmctlError):
    """A signal ended the command. `number` is the signal's number; the exit code is 128 + number."""

    def __init__(self, number: int, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.exit_code = ExitCode(128 + number)


RESOURCES = (errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM, errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG)


def from_os_error(error: OSError, action: str) -> LstmctlError:
    """The LstmctlError for an operating-system error met while doing `action` ("write /x/y").

    >>> str(from_os_error(OSError(errno.ENOSPC, "No space left on device"), "write /x/y"))
    'cannot write /x/y: no space left on device'
    """
    reason = (error.strerror or str(error)).lower()
    message = f"cannot {action}: {reason}"
    kind, hint = _OS_ERRORS.get(error.errno or 0, (StorageError, "check that the disk is mounted and healthy"))
    return kind(message, hint=hint)


_ACCESS = "check the owner and permissions with ls -ld"
_OS_ERRORS: dict[int, tuple[type[LstmctlError], str]] = {
    errno.EACCES: (PermissionDenied, _ACCESS),
    errno.EPERM: (PermissionDenied, _ACCESS),
    errno.EROFS: (CannotCreate, "choose a path on a writable file system"),
    errno.EEXIST: (CannotCreate, "remove it, or choose another name"),
    errno.ENOTDIR: (CannotCreate, "part of the path is a file, not a folder"),
    errno.EISDIR: (CannotCreate, "name a file in the folder"),
    errno.ENOENT: (CannotCreate, "check that the folder exists"),
    errno.ENAMETOOLONG: (CannotCreate, "choose a shorter name"),
    errno.ENOSPC: (StorageError, "free some space and try again"),
    errno.EDQUOT: (StorageError, "free some space and try again"),
    errno.EMFILE: (StorageError, "raise the limit on open files with ulimit -n"),
    errno.ENOMEM: (StorageError, "memory was short: ulimit -v shows this program's limit, in KiB"),
    errno.EAGAIN: (StorageError, "no more processes or threads may start: ulimit -u shows the limit; -j 1 needs fewer"),
    errno.ENFILE: (StorageError, "too many files are open on this machine; try again later"),
}


_COMPARED_NAMES, _COMPARED_LETTERS = 2_000, 200


def closest_names(word: str, known: Iterable[str], count: int = 3) -> list[str]:
    """The known names most similar to `word`, best match first.

    >>> closest_names("imbd", ["imdb", "spam"])
    ['imdb']
    """
    import difflib

    # Names come from files too: comparing takes time with the square of their length.
    compared = [name for name in islice(known, _COMPARED_NAMES) if len(name) <= _COMPARED_LETTERS]
    return difflib.get_close_matches(word[:_COMPARED_LETTERS], compared, n=count, cutoff=0.5)
