"""Several processes at once: writers, killed writers, readers, and one that swaps folders for links."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lstmctl.registry.store import Registry

WRITER = """
import sys
from pathlib import Path
from lstmctl.storage import filesystem
from lstmctl.registry.store import Registry
home, model, name, count, locks = sys.argv[1:]
filesystem.system.fsync = lambda descriptor: None  # no power cut in this test
if locks == "no locks":
    filesystem.system.flock = lambda descriptor, kind: None
content = {path.name: path.read_bytes() for path in Path(model).iterdir()}
registry = Registry(Path(home), lock_timeout=120)
for _ in range(int(count)):
    print(registry.register(name, content), flush=True)
"""


def start(program, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def writer(home, model, name, count, locks="locks"):
    return start(WRITER, home, model, name, count, locks)


@pytest.mark.parametrize(("writers", "each"), [(4, 10), pytest.param(16, 25, marks=pytest.mark.slow)])
@pytest.mark.parametrize("locks", ["locks", "no locks"])
def test_every_version_number_once(home, model_path, writers, each, locks):
    """The first writer makes the home."""
    processes = [writer(home, model_path, "imdb", each, locks) for _ in range(writers)]
    printed = [process.communicate() for process in processes]
    assert [error for _, error in printed] == [""] * writers
    references = [line for out, _ in printed for line in out.split()]
    assert sorted(references) == sorted(f"imdb@{number}" for number in range(1, writers * each + 1))
    entries = Registry(home).entries()
    assert len(entries) == writers * each
    for entry in entries:
        entry.folder.verify()
    Registry(home).prepare_for_writing()
    assert list((home / "tmp").iterdir()) == []


@pytest.mark.parametrize(("writers", "each"), [(3, 5), pytest.param(16, 25, marks=pytest.mark.slow)])
def test_different_names_at_once(home, model_path, writers, each):
    processes = [writer(home, model_path, f"name{number}", each) for number in range(writers)]
    printed = [process.communicate() for process in processes]
    assert [error for _, error in printed] == [""] * writers
    assert len(Registry(home).entries()) == writers * each


@pytest.mark.parametrize(("rounds", "writers"), [(6, 2), pytest.param(250, 4, marks=pytest.mark.slow)])
def test_killed_writers(rounds, writers, home, model_path, model_files):
    dice, acknowledged = random.Random(0), []
    for _ in range(rounds):
        processes = [writer(home, model_path, "imdb", 10_000) for _ in range(writers)]
        for process in processes:
            acknowledged.append(process.stdout.readline().strip())
        time.sleep(dice.uniform(0, 0.1))
        for process in processes:
            process.kill()
            out, error = process.communicate()
            assert error == ""
            acknowledged += [line for line in out.split("\n")[:-1] if line]
        found = Registry(home).references()
        assert {*acknowledged} <= {*found}
        for reference in found[1:50]:  # the newest
            Registry(home).resolve(reference).verify()
    assert len(set(acknowledged)) == len(acknowledged)
    for entry in Registry(home).entries():
        assert entry.error is None
        entry.folder.verify()
    Registry(home).register("imdb", model_files)
    assert list((home / "tmp").iterdir()) == []
    print(f"{rounds * writers} kills, {len(acknowledged):,} acknowledged")


CHANGER = """
import random, sys, time
from pathlib import Path
from lstmctl.storage import filesystem
from lstmctl.errors import LstmctlError, NotFound
from lstmctl.registry.store import Registry
home, model, seed, seconds = sys.argv[1:]
filesystem.system.fsync = lambda descriptor: None
content = {path.name: path.read_bytes() for path in Path(model).iterdir()}
registry, dice, done = Registry(Path(home), lock_timeout=120), random.Random(int(seed)), 0
end = time.monotonic() + float(seconds)
while time.monotonic() < end:
    version = f"imdb@{dice.randint(1, 12)}"
    try:
        match dice.randrange(5):
            case 0: registry.register("imdb", content)
            case 1: registry.tag(version, "prod")
            case 2: registry.remove(version)
            case 3: registry.restore(version)
            case 4: registry.prune("imdb") if dice.random() < 0.1 else registry.untag("imdb@prod")
        done += 1
    except NotFound:
        pass
print(done)
"""

READER = """
import random, sys, time
from pathlib import Path
from lstmctl.model.classifier import Classifier
from lstmctl.errors import NotFound
from lstmctl.registry.store import Registry
home, seed, seconds = sys.argv[1:]
registry, dice, done = Registry(Path(home)), random.Random(int(seed)), 0
end = time.monotonic() + float(seconds)
while time.monotonic() < end:
    try:
        match dice.randrange(3):
            case 0:
                folder = registry.resolve(dice.choice(["imdb", "imdb@prod", f"imdb@{dice.randint(1, 12)}", None]))
                folder.verify()
                assert folder.classifier().predict(["good"])[0].label == "pos"
            case 1:
                for entry in registry.entries():
                    assert entry.error is None, entry.error
            case 2:
                registry.references()
        done += 1
    except NotFound:
        pass
print(done)
"""


@pytest.mark.parametrize("seconds", [2, pytest.param(60, marks=pytest.mark.slow)])
def test_readers_see_complete_models(seconds, home, model_path, model_files):
    Registry(home).register("imdb", model_files)
    processes = [start(CHANGER, home, model_path, seed, seconds) for seed in range(4)]
    processes += [start(READER, home, seed, seconds) for seed in range(4)]
    printed = [process.communicate() for process in processes]
    assert [error for _, error in printed] == [""] * 8
    assert all(int(out) > 0 for out, _ in printed)
    print(f"{sum(int(out) for out, _ in printed[:4]):,} changes, {sum(int(out) for out, _ in printed[4:]):,} reads")


FLIPPER = """
import os, sys, time
models, outside, seconds = sys.argv[1:]
end = time.monotonic() + float(seconds)
os.chdir(models)
while time.monotonic() < end:
    try:
        os.rename("imdb", "kept")
        os.symlink(outside, "imdb")
        os.unlink("imdb")
        os.rename("kept", "imdb")
    except OSError:
        pass  # it was made anew meanwhile
"""


def tree(path: Path):
    return {each.relative_to(path): each.read_bytes() if each.is_file() else None for each in path.rglob("*")}


@pytest.mark.parametrize("seconds", [2, pytest.param(60, marks=pytest.mark.slow)])
def test_name_swapped_for_link(seconds, home, tmp_path, model_path, model_files):
    """Nothing is written, read or removed through the link, whenever the swap happens."""
    registry = Registry(home)
    registry.register("imdb", model_files)
    outside = tmp_path / "outside"
    (outside / "v000001").mkdir(parents=True)
    for name in model_files:
        (outside / "v000001" / name).write_bytes(b"not for you")
    before = tree(outside)
    flipper = start(FLIPPER, home / "models", outside, seconds)
    program = CHANGER.replace("except NotFound", "except LstmctlError")
    changers = [start(program, home, model_path, seed, seconds) for seed in range(2)]
    printed = [process.communicate() for process in (flipper, *changers)]
    assert [error for _, error in printed] == [""] * 3
    assert all(int(out) > 0 for out, _ in printed[1:])
    assert tree(outside) == before
    assert not [path for path in home.rglob("*") if path.is_file() and path.read_bytes() == b"not for you"]
    os.listdir(home)
