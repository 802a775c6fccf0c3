"""Staged directories, and the leftovers of dead writers."""

import os
import shutil
import time

import pytest
from faults import Killed, killed, recorded

from lstmctl.errors import Busy
from lstmctl.registry.home import open_for_writing
from lstmctl.storage import filesystem, staging
from lstmctl.storage.staging import ORPHAN_AGE, discard, remove_leftovers, stage_files


@pytest.fixture
def opened(home):
    with open_for_writing(home) as opened:
        yield opened


def abandoned(opened) -> list[str]:
    """Stage a directory and be killed halfway; what is left."""
    with pytest.raises(Killed), recorded(killed(9)), stage_files(opened, {"a": b"1", "b": b"2"}):
        pass
    left = os.listdir(opened.path / "tmp")
    assert left
    return left


def test_staged_files_move_together(opened, home):
    content = {"model/a": b"1", "model/deep/b": b"2", "state.json": b"3", "SHA256SUMS": b"4"}
    with stage_files(opened, content) as staged:
        assert len(os.listdir(home / "tmp")) == 2
        staged.move(opened, "place")
        with pytest.raises(Busy):  # it has moved
            staged.move(opened, "again")
    assert {path: (home / "place" / path).read_bytes() for path in content} == content
    assert os.listdir(home / "tmp") == []


def test_unmoved_files_are_removed(opened, home):
    with pytest.raises(RuntimeError), stage_files(opened, {"a": b"1"}):
        raise RuntimeError
    assert os.listdir(home / "tmp") == []


def test_taken_name_is_not_replaced(opened, home):
    (home / "place").mkdir()
    (home / "place" / "mine").touch()
    with stage_files(opened, {"a": b"1"}) as staged, pytest.raises(FileExistsError):
        staged.move(opened, "place")
    assert os.listdir(home / "place") == ["mine"]


def test_move_file_replaces_file(opened, home):
    (home / "tag").write_bytes(b"old")
    with stage_files(opened, {"tag": b"new"}) as staged:
        staged.move_file("tag", opened, "tag")
    assert (home / "tag").read_bytes() == b"new"
    assert os.listdir(home / "tmp") == []


def test_leftovers_of_dead_writers(opened, home):
    abandoned(opened)
    with stage_files(opened, {"a": b"1"}) as staged:
        remove_leftovers(opened)
        assert len(os.listdir(home / "tmp")) == 2
        staged.move(opened, "place")
    assert (home / "place" / "a").read_bytes() == b"1"
    assert os.listdir(home / "tmp") == []


def test_recent_leftovers_stay_without_locks(opened, home, monkeypatch):
    left = abandoned(opened)
    monkeypatch.setattr(filesystem.system, "flock", lambda descriptor, kind: None)
    remove_leftovers(opened)
    assert os.listdir(home / "tmp") == left


def test_old_orphans_are_removed(opened, home):
    young, old = home / "tmp" / "aa", home / "tmp" / "bb"
    for path in (young, old):
        path.mkdir()
        (path / "file").touch()
    os.utime(old, (time.time() - ORPHAN_AGE - 60,) * 2)
    (home / "tmp" / "cc.dead").mkdir()
    (home / "tmp" / "stray file").touch()
    remove_leftovers(opened)
    assert sorted(os.listdir(home / "tmp")) == ["aa", "stray file"]


@pytest.mark.parametrize("move", ["move", "move_file"])
def test_removed_staging_directory(opened, home, move):
    with stage_files(opened, {"a": b"1"}) as staged:
        (folder,) = (path for path in (home / "tmp").iterdir() if path.is_dir())
        shutil.rmtree(folder)
        with pytest.raises(Busy, match="removed by another process") as caught:
            staged.move(opened, "place") if move == "move" else staged.move_file("a", opened, "place")
    assert caught.value.hint == "try again"
    assert not (home / "place").exists()


def test_half_removed_directory_is_not_moved(opened, home, monkeypatch):
    """Locks without effect: another machine cleans up while a directory is staged, and is killed halfway."""
    with stage_files(opened, {"a": b"1", "b": b"2"}) as staged:
        monkeypatch.setattr(staging.locks, "lock_abandoned", AlwaysAbandoned)
        with pytest.raises(Killed), recorded(_killed_at_the_second_unlink()):
            remove_leftovers(opened)
        with pytest.raises(Busy, match="removed by another process"):
            staged.move(opened, "place")
    assert not (home / "place").exists()


class AlwaysAbandoned:
    def __init__(self, *arguments):
        pass

    def __enter__(self):
        return True

    def __exit__(self, *error):
        pass


def _killed_at_the_second_unlink():
    count = []

    def before(number, call):
        count.extend([1] if call.name == "unlink" else [])
        if len(count) > 1:
            raise Killed

    return before


def test_remove_leftovers_never_fails(opened, home):
    left = abandoned(opened)

    def before(number, call):
        if call.name in ("unlink", "rmdir", "rename"):
            raise OSError(5, "i/o error")

    with recorded(before):
        remove_leftovers(opened)
    assert os.listdir(home / "tmp") == left


def test_discard_is_one_rename(opened, home):
    tree = home / "checkpoints" / "run" / "deep"
    tree.mkdir(parents=True)
    (tree / "a").touch()
    with opened.enter("checkpoints") as folder, recorded() as trace:
        discard(opened, folder, "run")
        discard(opened, folder, "run")
    names = [call.name for call in trace.calls if call.name not in ("open", "close")]
    assert names == ["rename", "fsync", "unlink", "rmdir", "rmdir", "rename"]
    assert os.listdir(home / "checkpoints") == os.listdir(home / "tmp") == []
