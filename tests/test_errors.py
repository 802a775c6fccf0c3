"""Every error has a hint."""

import ast
import errno
from pathlib import Path

import pytest
from toy import register_toy

from lstmctl import errors
from lstmctl.errors import ExitCode, from_os_error

PACKAGE = Path(__file__).parent.parent / "lstmctl"
# Error classes, and functions that make errors but have no hint of their own.
KINDS = {
    name
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.LstmctlError) and name != "MissingExtra"  # makes its own hint
} | {"bad_row", "_bad_header"}
METHODS = {"broken", "error"}  # of `Lines`


def is_hint(keyword):
    """Whether it always gives a hint: `hint=near if near else None` does not."""
    return keyword.arg == "hint" and not any(
        isinstance(part, ast.Constant) and part.value is None for part in ast.walk(keyword.value)
    )


def errors_without_hint(source):
    """Lines that make an error without a hint. A UsageError without one gets the help of its command."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and not any(map(is_hint, node.keywords)):
            function = node.func
            if isinstance(function, ast.Name) and function.id in KINDS - {"UsageError"}:
                yield node.lineno
            if isinstance(function, ast.Attribute) and function.attr in METHODS and "lines" in ast.unparse(function):
                yield node.lineno


SAMPLE = "raise NotFound(message)\nraise lines.error('x')\nNotFound(message, hint=x)\nBusy(x, hint=y if y else None)"


def test_missing_hint_is_found():
    assert list(errors_without_hint(SAMPLE)) == [1, 2, 4]


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_error_has_a_hint(path):
    assert list(errors_without_hint(path.read_text())) == []


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.EACCES, ExitCode.PERMISSION), (errno.EROFS, ExitCode.CANNOT_CREATE), (errno.ENOSPC, ExitCode.IO),
        (errno.EMFILE, ExitCode.IO), (errno.EIO, ExitCode.IO), (errno.ENOTDIR, ExitCode.CANNOT_CREATE),
    ],
)  # fmt: skip
def test_os_error_has_hint(number, code):
    error = from_os_error(OSError(number, "No Such Luck"), "write x")
    assert (error.message, error.exit_code) == ("cannot write x: no such luck", code)
    assert error.hint


@pytest.mark.parametrize(
    ("arguments", "help_command"),
    [
        (["evaluate", "--worst", "-1"], "lstmctl evaluate --help"),
        (["-q", "predict", "--threshold", "2", "a"], "lstmctl predict --help"),
        (["-o", "models", "predict", "--threshold", "2", "a"], "lstmctl predict --help"),
        (["data", "check", "--max-len", "0"], "lstmctl data check --help"),
    ],
)
def test_usage_error_hints_at_help(cli, tmp_path, arguments, help_command):
    register_toy(tmp_path / "home")
    result = cli(*arguments)
    assert (result.code, result.err.splitlines()[-1]) == (2, f"hint: {help_command}")
