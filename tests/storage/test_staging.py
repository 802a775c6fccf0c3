"""Out of sight first: staged folders, and what is left of those whose writer died."""

import os
import shutil
import time

import pytest
from faults import Killed, killed, recorded

from lstmctl.errors import Busy
from lstmctl.registry.home import open_for_writing
from lstmctl.storage import filesystem, staging
from lstmctl.storage.staging import ORPHAN_AGE, remove_leftovers, discard, stage_files


@pytest.fixture
def opened(home):
    with open_for_writing(home) as opened:
        yield opened


def abandoned(opened) -> list[str]:
    """Stage a folder and die in the middle of it; what is left."""
    with pytest.raises(Killed), recorded(killed(9)), stage_files(opened, {"a": b"1", "b": b"2"}):
        pass
    left = os.listdir(opened.path / "tmp")
    assert left
    return left


def test_what_is_staged_takes_its_place_whole(opened, home):
    content = {"model/a": b"1", "model/deep/b": b"2", "state.json": b"3", "SHA256SUMS": b"4"}
    with stage_files(opened, content) as staged:
        assert len(os.listdir(home / "tmp")) == 2
        staged.move(opened, "place")
        with pytest.raises(Busy):  # it is not here any more
            staged.move(opened, "again")
    assert {path: (home / "place" / path).read_bytes() for path in content} == content
    assert os.listdir(home / "tmp") == []


def test_what_is_not_moved_goes(opened, home):
    with pytest.raises(RuntimeError), stage_files(opened, {"a": b"1"}):
        raise RuntimeError
    assert os.listdir(home / "tmp") == []


def test_a_place_that_is_taken_stays_as_it_is(opened, home):
    (home / "place").mkdir()
    (home / "place" / "mine").touch()
    with stage_files(opened, {"a": b"1"}) as staged, pytest.raises(FileExistsError):
        staged.move(opened, "place")
    assert os.listdir(home / "place") == ["mine"]


def test_a_single_file_replaces_another(opened, home):
    (home / "tag").write_bytes(b"old")
    with stage_files(opened, {"tag": b"new"}) as staged:
        staged.move_file("tag", opened, "tag")
    assert (home / "tag").read_bytes() == b"new"
    assert os.listdir(home / "tmp") == []


def test_what_the_dead_left_is_removed_and_what_the_living_write_is_not(opened, home):
    abandoned(opened)
    with stage_files(opened, {"a": b"1"}) as staged:
        remove_leftovers(opened)
        assert len(os.listdir(home / "tmp")) == 2
        staged.move(opened, "place")
    assert (home / "place" / "a").read_bytes() == b"1"
    assert os.listdir(home / "tmp") == []


def test_without_locks_that_mean_anything_nothing_young_is_removed(opened, home, monkeypatch):
    left = abandoned(opened)
    monkeypatch.setattr(filesystem.system, "flock", lambda descriptor, kind: None)
    remove_leftovers(opened)
    assert os.listdir(home / "tmp") == left


def test_folders_without_a_lock_file_are_removed_when_they_are_old(opened, home):
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
def test_a_folder_that_is_gone_takes_no_place(opened, home, move):
    with stage_files(opened, {"a": b"1"}) as staged:
        (folder,) = (path for path in (home / "tmp").iterdir() if path.is_dir())
        shutil.rmtree(folder)
        with pytest.raises(Busy, match="removed by another process") as caught:
            staged.move(opened, "place") if move == "move" else staged.move_file("a", opened, "place")
    assert caught.value.hint == "try again"
    assert not (home / "place").exists()


def test_a_folder_that_is_taken_for_rubbish_cannot_take_its_place_half_removed(opened, home, monkeypatch):
    """Locks that do not reach another machine: its clean-up comes while a folder is staged, and dies in the middle."""
    with stage_files(opened, {"a": b"1", "b": b"2"}) as staged:
        monkeypatch.setattr(staging.locks, "lock_abandoned", _always)
        with pytest.raises(Killed), recorded(_killed_at_the_second_unlink()):
            remove_leftovers(opened)
        with pytest.raises(Busy, match="removed by another process"):
            staged.move(opened, "place")
    assert not (home / "place").exists()


class _always:
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


def test_cleaning_up_never_fails(opened, home):
    left = abandoned(opened)

    def before(number, call):
        if call.name in ("unlink", "rmdir", "rename"):
            raise OSError(5, "i/o error")

    with recorded(before):
        remove_leftovers(opened)
    assert os.listdir(home / "tmp") == left


def test_discarding_is_one_rename_for_whoever_looks(opened, home):
    tree = home / "checkpoints" / "run" / "deep"
    tree.mkdir(parents=True)
    (tree / "a").touch()
    with opened.enter("checkpoints") as folder, recorded() as trace:
        discard(opened, folder, "run")
        discard(opened, folder, "run")
    names = [call.name for call in trace.calls if call.name not in ("open", "close")]
    assert names == ["rename", "fsync", "unlink", "rmdir", "rmdir", "rename"]
    assert os.listdir(home / "checkpoints") == os.listdir(home / "tmp") == []
