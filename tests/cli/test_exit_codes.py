"""A command for each documented exit code; conftest.py checks that no run ends with another one."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from toy import register_toy

from lstmctl.errors import ExitCode
from lstmctl.storage import filesystem
from lstmctl.storage.locks import lock


@pytest.fixture(autouse=True)
def model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    home = Path(os.environ["LSTMCTL_HOME"])
    register_toy(home)
    Path("broken.csv").write_text("text,label\na,b,c\n")
    return home


def process(*arguments, **options):
    """The program, with all signals enabled even if the tests run in the background and ignore some."""

    def enable():
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)

    command = [sys.executable, "-m", "lstmctl", *arguments]
    return subprocess.Popen(command, stderr=subprocess.PIPE, preexec_fn=enable, **options)  # noqa: PLW1509  # no threads here


def failing(monkeypatch, call, number):
    def fail(*arguments, **keywords):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(filesystem.system, call, fail)


def done(cli, monkeypatch, home):
    return cli("predict", "good film").code


def negative(cli, monkeypatch, home):
    return cli("predict", "good film", "--expect", "neg").code


def usage(cli, monkeypatch, home):
    return cli("predict", "good film", "--no-such-option").code


def bad_data(cli, monkeypatch, home):
    return cli("predict", "-i", "broken.csv").code


def not_found(cli, monkeypatch, home):
    return cli("predict", "-m", "nobody", "good film").code


def missing_extra(cli, monkeypatch, home):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    Path("rows.parquet").write_bytes(b"PAR1")
    return cli("predict", "-i", "rows.parquet").code


def internal(cli, monkeypatch, home):
    monkeypatch.setattr("lstmctl.model.classifier.Classifier.predict", lambda *arguments, **options: 1 / 0)
    return cli("predict", "good film").code


def cannot_create(cli, monkeypatch, home):
    Path("existing").write_text("")
    return cli("predict", "good film", "-o", "existing").code


def io(cli, monkeypatch, home):
    failing(monkeypatch, "fsync", errno.ENOSPC)
    return cli("models", "tag", "tiny@1", "prod").code


def busy(cli, monkeypatch, home):
    Path("scored").mkdir()
    with filesystem.Directory.open(Path("scored")) as folder, lock(folder, ".lock", timeout=0, what="it is locked"):
        return cli("predict", "-i", "*.csv", "-o", "scored").code


def rejected(cli, monkeypatch, home):
    (weights,) = home.rglob("weights.safetensors")
    weights.write_bytes(weights.read_bytes()[:-1])
    return cli("predict", "good film").code


def permission(cli, monkeypatch, home):
    failing(monkeypatch, "fsync", errno.EACCES)
    return cli("models", "tag", "tiny@1", "prod").code


def pipe_closed(cli, monkeypatch, home):
    with process("predict", "-", stdin=subprocess.PIPE, stdout=subprocess.PIPE) as reading:
        reading.stdout.close()
        reading.communicate(b"good film\n" * 1_000)
        return reading.returncode


def signalled(number):
    def by_signal(cli, monkeypatch, home):
        with process("predict", "-", stdin=subprocess.PIPE, stdout=subprocess.PIPE) as waiting:
            waiting.stdin.write(b"good film\n")
            waiting.stdin.flush()
            assert waiting.stdout.readline()  # it is running, and its handlers are set
            waiting.send_signal(number)
            waiting.wait(30)
            return waiting.returncode

    return by_signal


COMMANDS = {
    ExitCode.DONE: done,
    ExitCode.NO: negative,
    ExitCode.USAGE: usage,
    ExitCode.BAD_DATA: bad_data,
    ExitCode.NOT_FOUND: not_found,
    ExitCode.MISSING_EXTRA: missing_extra,
    ExitCode.INTERNAL: internal,
    ExitCode.CANNOT_CREATE: cannot_create,
    ExitCode.IO: io,
    ExitCode.BUSY: busy,
    ExitCode.REJECTED: rejected,
    ExitCode.PERMISSION: permission,
    ExitCode.HANGUP: signalled(signal.SIGHUP),
    ExitCode.INTERRUPTED: signalled(signal.SIGINT),
    ExitCode.TERMINATED: signalled(signal.SIGTERM),
    ExitCode.PIPE_CLOSED: pipe_closed,
}


def test_every_code_has_a_command():
    assert set(COMMANDS) == set(ExitCode)


@pytest.mark.parametrize("code", list(ExitCode), ids=lambda code: code.name)
def test_exit_code(cli, monkeypatch, model, code):
    assert COMMANDS[code](cli, monkeypatch, model) == code


@pytest.mark.parametrize(
    ("arguments", "both"),
    [
        (["train", "--lr", 1, "--lr", 2], "--lr was given twice: 1 and 2"),
        (["predict", "-m", "a", "--model", "b", "x"], "--model was given twice: a and b"),
        (["predict", "x", "-m", "a", "-m", "a"], "--model was given twice: a and a"),
        (["--home", "/a", "models", "list", "--home", "/b"], "--home was given twice: /a and /b"),
        (["--json", "models", "list", "--format", "tsv"], "--format was given twice: json and tsv"),
        (["evaluate", "--worst", 1, "--worst=2"], "--worst was given twice: 1 and 2"),
    ],
)
def test_an_option_given_twice(cli, arguments, both):
    done = cli(*arguments)
    assert done.code == ExitCode.USAGE
    assert done.err.startswith(f"error: {both}\n") and len(done.err.splitlines()) == 2


def test_options_that_repeat(cli):
    assert cli("predict", "good", "-q", "-q", "--json", "--json").code == 0
    Path("few.csv").write_text("text,label\ngood,1\nbad,0\nfilm,1\n")
    renames = ["--rename-label", "1=pos", "--rename-label", "0=neg"]
    assert cli("evaluate", "--data", "few.csv", *renames).code == 0


def test_the_output_is_never_an_input(cli, model):
    rows = b"text,label\ngood,pos\nbad,neg\n"
    table = Path("in.csv")
    table.write_bytes(rows)
    Path("link.csv").symlink_to(table)
    os.link(table, "hard.csv")
    Path("folder").mkdir()
    os.link(table, "folder/in.csv")
    weights = next(model.rglob("weights.safetensors"))
    for output in ("in.csv", "./in.csv", table.resolve(), "link.csv", "hard.csv"):
        for command in (
            ["predict", "-i", "in.csv"],
            ["evaluate", "--data", "in.csv"],
            ["evaluate", "--data", "folder"],
            ["evaluate", "--data", "i*.csv"],
            ["plot", "--kind", "confusion", "--data", "in.csv"],
            ["data", "check", "--data", "in.csv"],
            ["models", "import", "in.csv"],
        ):
            for force in ([], ["--force"]):
                done = cli(*command, "-o", output, *force)
                assert done.code == ExitCode.USAGE and "is an input" in done.err, (command, output)
    for command in (["predict", "good"], ["models", "export", "tiny"], ["plot"]):
        assert cli(*command, "-o", weights, "--force").code == ExitCode.USAGE
    assert cli("predict", "-i", "folder", "-o", "folder").code == ExitCode.USAGE
    assert table.read_bytes() == rows
    assert cli("predict", "in.csv", "-o", "in.csv", "--force").code == 0  # a text, not a file
