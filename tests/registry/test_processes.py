"""Several processes at once, some of them killed."""

import random
import subprocess
import sys
import time

import pytest

from lstmctl.registry.store import Registry

WRITER = """
import sys
from pathlib import Path
from lstmctl import files
from lstmctl.registry.store import Registry
home, model, name, count, locks = sys.argv[1:]
if locks == "no locks":
    files.system.flock = lambda descriptor, kind: None
content = {path.name: path.read_bytes() for path in Path(model).iterdir()}
registry = Registry(Path(home), lock_timeout=120)
for _ in range(int(count)):
    print(registry.register(name, content), flush=True)
"""


def writer(home, model, name, count, locks="locks"):
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, *map(str, (home, model, name, count, locks))],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("locks", ["locks", "no locks"])
def test_every_version_once(home, model_path, locks):
    """The home is made by whoever comes first."""
    processes = [writer(home, model_path, "imdb", 10, locks) for _ in range(4)]
    printed = [process.communicate() for process in processes]
    assert [error for _, error in printed] == [""] * 4
    references = [line for out, _ in printed for line in out.split()]
    assert sorted(references) == sorted(f"imdb@{number}" for number in range(1, 41))
    entries = Registry(home).entries()
    assert len(entries) == 40
    for entry in entries:
        entry.folder.verify()
    Registry(home).prepare_for_writing()
    assert list((home / "tmp").iterdir()) == []


def test_different_names_do_not_wait_for_each_other(home, model_path):
    processes = [writer(home, model_path, f"name{number}", 5) for number in range(3)]
    printed = [process.communicate() for process in processes]
    assert [error for _, error in printed] == [""] * 3
    assert len(Registry(home).entries()) == 15


@pytest.mark.parametrize("rounds", [6, pytest.param(200, marks=pytest.mark.slow)])
def test_writers_that_are_killed(rounds, home, model_path, model_files):
    dice, acknowledged = random.Random(0), []
    for _ in range(rounds):
        processes = [writer(home, model_path, "imdb", 10_000) for _ in range(2)]
        for process in processes:
            acknowledged.append(process.stdout.readline().strip())
        time.sleep(dice.uniform(0, 0.1))
        for process in processes:
            process.kill()
            out, error = process.communicate()
            assert error == ""
            acknowledged += [line for line in out.split("\n")[:-1] if line]
        entries = Registry(home).entries()
        assert not [entry.error for entry in entries if entry.error]
        assert {*acknowledged} <= {entry.reference for entry in entries}
        for entry in entries[-50:]:
            entry.folder.verify()
    assert len(set(acknowledged)) == len(acknowledged)
    Registry(home).register("imdb", model_files)
    assert list((home / "tmp").iterdir()) == []
