"""A full disk, limits on open files and file sizes, a read-only file system."""

import os
import subprocess
import sys
from contextlib import contextmanager

import pytest

from lstmctl.errors import LstmctlError
from lstmctl.registry.store import Registry

PROGRAM = """
import os, resource, signal, sys
from pathlib import Path
from lstmctl.errors import LstmctlError
from lstmctl.registry.store import Registry
import lstmctl.registry.runs, difflib
home, model, kind, limit = sys.argv[1:]
content = {path.name: path.read_bytes() for path in Path(model).iterdir()}
registry = Registry(Path(home))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
if kind != "none":
    resource.setrlimit(getattr(resource, kind), (int(limit), int(limit)))
try:
    print(registry.register("imdb", content))
except LstmctlError as error:
    print(int(error.exit_code), error.hint)
"""


def register(home, model_path, kind="none", limit=0):
    """Register in a new process; its output."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(home), str(model_path), kind, str(limit)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.strip()


def complete_models(home):
    registry = Registry(home)
    for entry in registry.entries():
        assert entry.error is None
        entry.folder.verify()
    return registry.references()


def staged(home):
    return [name for name in os.listdir(home / "tmp") if not name.endswith(".dead")] if (home / "tmp").exists() else []


@pytest.mark.parametrize("descriptors", [*range(4, 16, 2), 32])
def test_limit_on_open_files(descriptors, home, model_path, model_files):
    Registry(home).register("imdb", model_files)
    output = register(home, model_path, "RLIMIT_NOFILE", descriptors)
    if output == "imdb@2":
        assert descriptors > 6
        return
    assert output.startswith("74 ")
    assert complete_models(home) == ["imdb", "imdb@1"]
    assert register(home, model_path) == "imdb@2"
    assert staged(home) == []  # cleaning up needs a descriptor too; the next writer removes the leftovers


@pytest.mark.parametrize("size", [0, 1, 20, 100, 1_000])
def test_limit_on_file_size(size, home, model_path, model_files):
    Registry(home).register("imdb", model_files)
    assert size < max(map(len, model_files.values()))
    assert register(home, model_path, "RLIMIT_FSIZE", size).startswith("74 ")
    assert complete_models(home) == ["imdb", "imdb@1"]
    assert staged(home) == []
    assert register(home, model_path) == "imdb@2"


@contextmanager
def mounted(path, options):
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"mounting a file system needs rights: {done.stderr.strip()}")
    try:
        yield path
    finally:
        subprocess.run(["umount", str(path)], check=True)


def remounted(path, options):
    subprocess.run(["mount", "-o", f"remount,{options}", str(path)], check=True)


needs_root = pytest.mark.skipif(
    os.geteuid() != 0 or sys.platform != "linux", reason="only root of a Linux can mount a file system"
)


@needs_root
@pytest.mark.parametrize("limit", ["size={}k", "nr_inodes={}"])
def test_full_disk_at_every_block(limit, tmp_path, model_files):
    """Add blocks of 4 KiB, or inodes, one by one until a model fits."""
    fitted = None
    with mounted(tmp_path / "disk", limit.format(1_000)) as disk:
        home = disk / "home"
        Registry(home).register("imdb", model_files)
        used = os.statvfs(disk)
        blocks = (used.f_blocks - used.f_bfree) * used.f_frsize // 1024
        inodes = used.f_files - used.f_ffree
        for more in range(40):
            amount = blocks + 4 * more if "size" in limit else inodes + more
            remounted(disk, limit.format(amount))
            try:
                fitted = Registry(home).register("imdb", model_files)
            except LstmctlError as error:
                assert int(error.exit_code) == 74
                if "size" in limit:
                    assert f"{sum(map(len, model_files.values())):,} bytes are needed" in str(error.hint)
                assert complete_models(home) == ["imdb", "imdb@1"]
                assert staged(home) == []
            else:
                break
        assert fitted == "imdb@2"
        assert more > 5
        complete_models(home)


@needs_root
def test_read_only_file_system(tmp_path, model_files):
    with mounted(tmp_path / "disk", "size=1m") as disk:
        registry = Registry(disk / "home")
        registry.register("imdb", model_files)
        remounted(disk, "ro")
        assert complete_models(disk / "home") == ["imdb", "imdb@1"]
        for write in (
            lambda: registry.register("imdb", model_files),
            lambda: registry.remove("imdb@1"),
            lambda: registry.tag("imdb@1", "prod"),
            registry.prepare_for_writing,
        ):
            with pytest.raises(LstmctlError) as caught:
                write()
            assert int(caught.value.exit_code) == 73
        remounted(disk, "rw")
        assert registry.register("imdb", model_files) == "imdb@2"
