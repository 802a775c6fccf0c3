"""Durable writing and careful reading."""

import errno
import io
import os
import socket
import stat
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from faults import Killed, failing, killed, recorded

from lstmctl.errors import CannotCreate, LstmctlError, PermissionDenied, Rejected, StorageError
from lstmctl.storage import filesystem
from lstmctl.storage.filesystem import Directory, System, os_errors, write_file


def leftovers(path: Path) -> list[str]:
    return [name for name in os.listdir(path) if name.startswith(".lstmctl-")]


# write_file


def test_file_is_not_overwritten(tmp_path):
    target = tmp_path / "curves.svg"
    write_file(target, b"one")
    with pytest.raises(CannotCreate, match="exists") as caught:
        write_file(target, b"two")
    assert "--force" in caught.value.hint
    assert target.read_bytes() == b"one"
    write_file(target, b"two", force=True)
    assert target.read_bytes() == b"two"
    assert os.listdir(tmp_path) == ["curves.svg"]


def test_open_file_is_written_from_its_start(tmp_path):
    data = io.BytesIO(b"0123456789" * 200_000)
    data.seek(5)
    write_file(tmp_path / "all", data)
    assert (tmp_path / "all").read_bytes() == data.getvalue()


def test_file_created_during_write_stays(tmp_path):
    target = tmp_path / "curves.svg"

    def before(number, call):
        if call.name == "link":
            target.write_bytes(b"another's")

    with recorded(before), pytest.raises(CannotCreate, match="exists"):
        write_file(target, b"mine")
    assert target.read_bytes() == b"another's"
    assert not leftovers(tmp_path)


def test_file_system_without_hard_links(tmp_path):
    def before(number, call):
        if call.name == "link":
            raise OSError(errno.EPERM, "no hard links")

    with recorded(before):
        write_file(tmp_path / "a", b"data")
    assert os.listdir(tmp_path) == ["a"]


def test_new_file_follows_umask(tmp_path):
    before = os.umask(0o026)
    try:
        write_file(tmp_path / "a", b"content")
        with Directory.open(tmp_path) as folder:
            folder.write("b", b"content")
    finally:
        os.umask(before)
    assert {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in "ab"} == {0o640}


def test_overwrite_keeps_mode_and_link(tmp_path):
    private, link = tmp_path / "private", tmp_path / "link"
    private.write_bytes(b"old")
    private.chmod(0o600)
    link.symlink_to(private)
    write_file(link, b"new", force=True)
    assert link.is_symlink()
    assert private.read_bytes() == b"new"
    assert stat.S_IMODE(private.stat().st_mode) == 0o600


def test_devices_and_pipes_are_not_replaced(tmp_path):
    pipe, read = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    write_file(pipe, b"through")
    reader.join()
    assert read == [b"through"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    write_file(Path(os.devnull), b"nothing", force=True)
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


def test_impossible_targets(tmp_path):
    with pytest.raises(CannotCreate, match="no folder") as caught:
        write_file(tmp_path / "missing" / "a", b"")
    assert caught.value.hint == f"mkdir -p {tmp_path}/missing"
    with pytest.raises(CannotCreate, match="is a folder"):
        write_file(tmp_path, b"")


@pytest.mark.parametrize(
    "code", [errno.ENOSPC, errno.EIO, errno.EMFILE, errno.EDQUOT, errno.EINTR, errno.EACCES, errno.EROFS]
)
def test_any_failing_call_leaves_a_complete_file(tmp_path, code):
    target = tmp_path / "a"
    with recorded() as trace:
        write_file(target, b"old")
    for at in range(len(trace.calls)):
        target.unlink(missing_ok=True)
        with recorded(failing(at, code)):
            try:
                write_file(target, b"new")
            except LstmctlError as error:
                assert error.exit_code in (73, 74, 77)
                assert not isinstance(error, StorageError) or code not in (errno.EACCES, errno.EROFS)
        assert not target.exists() or target.read_bytes() == b"new"
        for name in leftovers(tmp_path):  # only where removing it is what failed
            assert trace.calls[at].name == "unlink"
            (tmp_path / name).unlink()


@pytest.mark.parametrize("force", [False, True])
def test_kill_before_any_call_leaves_a_complete_file(tmp_path, force):
    target = tmp_path / "a"
    with recorded() as trace:
        write_file(target, b"old")
    for at in range(len(trace.calls)):
        if not force:
            target.unlink(missing_ok=True)
        with pytest.raises(Killed), recorded(killed(at)):
            write_file(target, b"new", force=force)
        assert not target.exists() or target.read_bytes() in (b"old", b"new")
        write_file(target, b"old", force=True)
        for name in leftovers(tmp_path):
            (tmp_path / name).unlink()


def test_order_of_flushes(tmp_path):
    for force, give_name in ((False, "link"), (True, "rename")):
        with recorded() as trace:
            write_file(tmp_path / "a", b"data", force=force)
        names = [call.name for call in trace.calls if call.name in ("write", "fsync", "link", "rename")]
        assert names == ["write", "fsync", give_name, "fsync"]
        assert trace.calls[[call.name for call in trace.calls].index("fsync")].paths[0].name.endswith(".tmp")


@pytest.mark.parametrize("data", [bytes(1234), io.BytesIO(bytes(1234))], ids=["bytes", "file"])
def test_full_disk_reports_needed_bytes(tmp_path, data):
    with (
        recorded(lambda number, call: failing(number, errno.ENOSPC)(number, call) if call.name == "write" else None),
        pytest.raises(StorageError) as caught,
    ):
        write_file(tmp_path / "a", data)
    assert "1,234 bytes are needed" in caught.value.hint


# Directory


def test_short_writes_and_reads_continue(tmp_path, monkeypatch):
    monkeypatch.setattr(filesystem.system, "write", lambda descriptor, data: os.write(descriptor, data[:3]))
    monkeypatch.setattr(filesystem.system, "read", lambda descriptor, size: os.read(descriptor, min(size, 2)))
    with Directory.open(tmp_path) as folder:
        folder.write("a", b"0123456789")
        assert folder.read("a", limit=10) == b"0123456789"


def test_read_takes_regular_files_within_limit(tmp_path, monkeypatch):
    (tmp_path / "real").write_bytes(b"12345")
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "dangling").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "zero").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as listener, Directory.open(tmp_path) as folder:
        monkeypatch.chdir(tmp_path)  # the path of a socket must be short
        listener.bind("socket")
        for name in ("link", "dangling", "pipe", "folder", "zero", "socket"):
            with pytest.raises(Rejected, match=f"{name} is not a regular file"):
                folder.read(name, limit=100)
        with pytest.raises(FileNotFoundError):
            folder.read("missing", limit=100)
        assert folder.read("real", limit=5) == b"12345"
        with pytest.raises(Rejected, match="5 bytes, over the limit of 4"):
            folder.read("real", limit=4)


def test_huge_sparse_file_is_not_read(tmp_path):
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(2**40)
    with (
        recorded() as trace,
        Directory.open(tmp_path) as folder,
        pytest.raises(Rejected, match=r"1,099,511,627,776 bytes"),
    ):
        folder.read("sparse", limit=10**6)
    assert not [call for call in trace.calls if call.name == "read"]


def test_file_shrinking_during_read(tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"12345")
    monkeypatch.setattr(filesystem.system, "read", lambda descriptor, size: b"")
    with Directory.open(tmp_path) as folder, pytest.raises(Rejected, match="shorter"):
        folder.read("a", limit=10)


def test_remove_follows_no_link(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_bytes(b"")
    tree = tmp_path / "tree" / "deep"
    tree.mkdir(parents=True)
    (tree / "file").write_bytes(b"")
    (tree / "link").symlink_to(outside)
    (tmp_path / "tree" / "link").symlink_to(outside / "precious")
    with Directory.open(tmp_path) as folder:
        folder.remove("tree")
        folder.remove("tree")  # removed already
    assert os.listdir(tmp_path) == ["outside"]
    assert os.listdir(outside) == ["precious"]


def test_links_in_a_directory_are_not_followed(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with Directory.open(tmp_path) as folder:
        with pytest.raises(NotADirectoryError):
            folder.enter("link")
        with pytest.raises(FileExistsError):
            folder.write("link", b"")
    with Directory.open(tmp_path / "link") as folder:  # a link that the user names is followed
        assert folder.names() == []


def test_failed_flush_is_not_repeated(tmp_path):
    def before(number, call):
        if call.name == "fsync":
            raise OSError(errno.EIO, "i/o error")

    with recorded(before) as trace, pytest.raises(StorageError), os_errors("write"), Directory.open(tmp_path) as folder:
        folder.write("a", b"data")
    assert [call.name for call in trace.calls].count("fsync") == 1


def test_directory_that_cannot_be_flushed(tmp_path):
    def before(number, call):
        if call.name == "fsync":
            raise OSError(errno.EINVAL, "invalid argument")

    with recorded(before) as trace, Directory.open(tmp_path) as folder:
        folder.sync()
    assert [call.name for call in trace.calls].count("fsync") == 1


def test_os_errors_are_translated():
    for code, kind in ((errno.EACCES, PermissionDenied), (errno.EROFS, CannotCreate), (errno.EDQUOT, StorageError)):
        with pytest.raises(kind, match="cannot store it"), os_errors("store it"):
            raise OSError(code, os.strerror(code))


def test_no_open_descriptor_is_left(tmp_path):
    before = os.listdir("/dev/fd")
    (tmp_path / "a").mkdir()
    with Directory.open(tmp_path, "a") as folder:
        folder.write("b", b"1")
        folder.read("b", limit=1)
    with pytest.raises(FileNotFoundError):
        Directory.open(tmp_path, "a", "missing")
    with pytest.raises(CannotCreate):
        write_file(tmp_path / "a", b"")
    assert os.listdir("/dev/fd") == before


def test_rename_keeps_non_empty_directory(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    with Directory.open(tmp_path) as folder, pytest.raises(FileExistsError) as caught:
        folder.rename("a", folder, "b")
    assert (caught.value.errno, caught.value.filename) == (errno.EEXIST, str(tmp_path / "b"))
    assert (tmp_path / "b" / "file").read_text() == "b"


# macOS, simulated


@pytest.mark.parametrize(
    ("trouble", "flushed"),
    [(None, ["drive"]), (errno.ENOTSUP, ["drive", "cache"]), (errno.EINVAL, ["drive", "cache"]), (errno.EIO, None)],
)
def test_full_fsync_on_macos(monkeypatch, trouble, flushed):
    """Plain fsync, which stops at the drive's cache, is used only if the full one is not supported."""
    calls = []

    def fcntl(descriptor, command):
        assert (descriptor, command) == (5, 51)
        calls.append("drive")
        if trouble is not None:
            raise OSError(trouble, os.strerror(trouble))

    monkeypatch.setattr("lstmctl.storage.filesystem.fcntl", SimpleNamespace(F_FULLFSYNC=51, fcntl=fcntl))
    monkeypatch.setattr("os.fsync", lambda descriptor: calls.append("cache"))
    if flushed is None:
        with pytest.raises(OSError, match=os.strerror(errno.EIO)):
            System.fsync(5)
    else:
        System.fsync(5)
        assert calls == flushed
