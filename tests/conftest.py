"""Every test runs alone: its own home, no colours, a terminal of known width."""

import fcntl
import io
import os
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import settings
from terminal import run_in_terminal

# Machines are shared: no test asserts how long something takes.
settings.register_profile("shared", deadline=None)
settings.load_profile("shared")


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("LSTMCTL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("LSTMCTL_MODEL", raising=False)
    yield


class Result(NamedTuple):
    """What a run of the program left behind."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


class _Stream(io.TextIOWrapper):
    """A standard stream in memory; `terminal` decides what isatty says."""

    def __init__(self, data: bytes = b"", *, terminal: bool = False) -> None:
        super().__init__(io.BytesIO(data), encoding="utf-8")
        self._is_terminal = terminal

    def isatty(self) -> bool:
        return self._is_terminal

    def text(self) -> str:
        self.flush()
        return self.buffer.getvalue().decode("utf-8")  # type: ignore[attr-defined]


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run the program in this process. `input` is stdin, None a terminal; `terminal` is for stdout and stderr."""
    from lstmctl.cli.main import run
    from lstmctl.errors import ExitCode

    def call(*arguments: object, input: bytes | None = b"", terminal: bool = False) -> Result:  # noqa: A002
        out, err = _Stream(terminal=terminal), _Stream(terminal=terminal)
        monkeypatch.setattr(sys, "stdin", _Stream(input or b"", terminal=input is None))
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "stderr", err)
        code = run([str(argument) for argument in arguments])
        assert code in set(ExitCode), f"{code} is not a documented exit code"
        return Result(code, out.text(), err.text())

    return call


class Trained(NamedTuple):
    """What `lstmctl train --epochs 3`, exactly as the README has it, left behind."""

    home: Path
    out: str
    err: str  # as on a terminal


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The default model, trained on the real reviews by the README's own command: once for all processes of a test run,
    whose temporary folders are in one. Tests that change the home copy it."""
    shared = tmp_path_factory.getbasetemp()
    shared = (shared.parent if os.environ.get("PYTEST_XDIST_WORKER") else shared) / "default-model"
    shared.mkdir(exist_ok=True)
    home, out, err = shared / "home", shared / "out", shared / "err"
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not err.exists():
            command = [sys.executable, "-m", "lstmctl", "train", "--epochs", "3"]
            done = run_in_terminal(command, stream="stderr", environment={**os.environ, "LSTMCTL_HOME": str(home)})
            assert done.code == 0, done.terminal
            out.write_text(done.pipe)
            err.write_text(done.terminal)
    return Trained(home, out.read_text(), err.read_text())


@cache
def _packed_model() -> dict[str, bytes]:
    from toy import toy_files

    return toy_files()


@pytest.fixture
def model_files() -> dict[str, bytes]:
    """The files of the smallest model, packed once."""
    return dict(_packed_model())


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def model_path(tmp_path: Path, model_files: dict[str, bytes]) -> Path:
    """A model folder that stands alone."""
    path = tmp_path / "model"
    path.mkdir()
    for name, data in model_files.items():
        (path / name).write_bytes(data)
    return path


@pytest.fixture
def no_fsync(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests survive no power cut; that everything is flushed in the right order is seen from the calls."""
    from lstmctl.storage import filesystem

    monkeypatch.setattr(filesystem.system, "fsync", lambda descriptor: None)
