"""Locks between processes."""

import errno
import fcntl
import os
import signal
import subprocess
import sys
import time

import pytest

from lstmctl.errors import Busy
from lstmctl.storage import filesystem
from lstmctl.storage.filesystem import Directory
from lstmctl.storage.locks import is_locked, lock, lock_abandoned

HOLDER = """
import sys, time
from pathlib import Path
from lstmctl.storage.filesystem import Directory
from lstmctl.storage.locks import lock
with Directory.open(Path(sys.argv[1])) as directory, lock(directory, ".lock", timeout=5, what="it is held"):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def directory(tmp_path):
    with Directory.open(tmp_path) as directory:
        yield directory


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", HOLDER, tmp_path], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_one_holder_at_a_time(directory):
    with lock(directory, ".lock", timeout=0, what="imdb is being changed"):
        assert is_locked(directory, ".lock")
        with (
            pytest.raises(Busy, match="imdb is being changed by another process") as caught,
            lock(directory, ".lock", timeout=0.05, what="imdb is being changed"),
        ):
            pass
        assert caught.value.hint.startswith("try again")
    assert not is_locked(directory, ".lock")
    with lock(directory, ".lock", timeout=0, what=""):
        pass
    assert directory.names() == [".lock"]  # the lock file stays


def test_is_locked_writes_nothing(directory):
    assert not is_locked(directory, ".lock")
    with pytest.raises(FileNotFoundError), lock_abandoned(directory, ".lock"):
        pass
    assert directory.names() == []


def test_stopped_and_killed_holders(directory, holder):
    holder.send_signal(signal.SIGSTOP)
    assert is_locked(directory, ".lock")
    with lock_abandoned(directory, ".lock") as abandoned:
        assert not abandoned
    with pytest.raises(Busy), lock(directory, ".lock", timeout=0.1, what=""):
        pass
    holder.kill()
    with lock(directory, ".lock", timeout=60, what=""):
        pass


def test_child_does_not_inherit_lock(directory):
    with lock(directory, ".lock", timeout=0, what=""):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], close_fds=False)
    try:
        with lock(directory, ".lock", timeout=60, what=""):  # the kernel closes it after the start
            assert child.poll() is None
    finally:
        child.kill()
        child.wait()


@pytest.mark.parametrize("replaced", [True, False])
def test_lock_on_unlinked_file_is_retaken(directory, monkeypatch, replaced):
    """The file is removed between open and flock: the lock is taken again, on the new file."""
    real, taken = fcntl.flock, []

    def flock(descriptor, kind):
        taken.append(descriptor)
        if len(taken) == 1:
            (directory.path / ".lock").unlink()
            if replaced:
                (directory.path / ".lock").touch()
        real(descriptor, kind)

    monkeypatch.setattr(filesystem.system, "flock", flock)
    with lock(directory, ".lock", timeout=5, what=""):
        assert len(taken) == 2
        assert is_locked(directory, ".lock")


def test_lock_abandoned(directory):
    (directory.path / ".lock").touch()
    with lock_abandoned(directory, ".lock") as abandoned:
        assert abandoned
        with lock_abandoned(directory, ".lock") as abandoned_too:
            assert not abandoned_too


def test_abandoned_lock_is_released(directory):
    with lock(directory, ".lock", timeout=0, what="it is held"):
        pass
    with lock_abandoned(directory, ".lock") as abandoned:
        assert abandoned
    assert not is_locked(directory, ".lock")
    with lock(directory, ".lock", timeout=0, what="it is held"):
        assert is_locked(directory, ".lock")


@pytest.mark.parametrize("broken", [lambda *_: None, OSError(errno.ENOLCK, "no locks"), OSError(errno.ENOTSUP, "no")])
def test_locks_without_effect(directory, monkeypatch, broken):
    def flock(descriptor, kind):
        if isinstance(broken, OSError):
            raise broken

    monkeypatch.setattr(filesystem.system, "flock", flock)
    with lock(directory, ".lock", timeout=0, what=""), lock_abandoned(directory, ".lock") as abandoned:
        assert not abandoned
    assert not is_locked(directory, ".lock")


def test_other_errors_are_raised(directory, monkeypatch):
    def flock(descriptor, kind):
        raise OSError(errno.EIO, "i/o error")

    monkeypatch.setattr(filesystem.system, "flock", flock)
    before = os.listdir("/dev/fd")
    with pytest.raises(OSError, match="i/o"), lock(directory, ".lock", timeout=0, what=""):
        pass
    assert os.listdir("/dev/fd") == before


def test_pipe_as_lock_file_does_not_hang(directory):
    os.mkfifo(directory.path / ".lock")
    started = time.monotonic()
    assert not is_locked(directory, ".lock")
    with lock(directory, ".lock", timeout=0, what=""):
        pass
    assert time.monotonic() - started < 30  # only a guard against hanging
