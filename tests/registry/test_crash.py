"""Whichever system call fails or is the last one: acknowledged models stay, and the next command works."""

import errno
import os
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest
from faults import Call, Killed, failing, killed, recorded

from lstmctl.errors import LstmctlError
from lstmctl.registry import listing
from lstmctl.registry.artifact import ModelFolder
from lstmctl.registry.runs import TrainingRun, read_run_file, read_state
from lstmctl.registry.store import Registry

RUN = "20261123-140233-imdb-3f2a"
CODES = [errno.ENOSPC, errno.EIO, errno.EMFILE, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EINTR]
Files = dict[str, bytes]


class Scenario(NamedTuple):
    """A state of the home, and an action. `changing` are the models that the action removes or restores."""

    before: Callable[[Path, Files], object]
    action: Callable[[Path, Files], object]
    changing: frozenset[str] = frozenset()


def nothing(home, files):
    pass


def models(home, files):
    registry = Registry(home)
    for _ in range(2):
        registry.register("imdb", files)
    registry.remove("imdb@2")


def tagged(home, files):
    registry = Registry(home)
    for _ in range(3):
        registry.register("imdb", files)
    registry.tag("imdb@1", "prod")


def checkpoints(home, files):
    with TrainingRun.start(home, RUN, {"name": "imdb"}) as run:
        for step in (10, 20, 30):
            run.save(step, files, state={"epoch": step // 10}, keep=[10])


def start_and_save(home, files):
    with TrainingRun.start(home, RUN, {"name": "imdb"}) as run:
        run.save(10, files, state={})


def resumed(home: Path) -> TrainingRun:
    """The run, live again."""
    return TrainingRun(home, RUN, ExitStack())


def register(name):
    return lambda home, files: Registry(home).register(name, files)


SCENARIOS = {
    "the first model of all": Scenario(nothing, register("imdb")),
    "one more model": Scenario(models, register("imdb")),
    "another name": Scenario(models, register("other")),
    "rm": Scenario(models, lambda home, files: Registry(home).remove("imdb@1"), frozenset({"imdb@1"})),
    "restore": Scenario(models, lambda home, files: Registry(home).restore("imdb@2"), frozenset({"imdb@2"})),
    "a first tag": Scenario(models, lambda home, files: Registry(home).tag("imdb@1", "prod")),
    "a tag that moves": Scenario(tagged, lambda home, files: Registry(home).tag("imdb@3", "prod")),
    "a tag that goes": Scenario(tagged, lambda home, files: Registry(home).untag("imdb@prod")),
    "prune": Scenario(models, lambda home, files: Registry(home).prune(), frozenset({"imdb@2"})),
    "a first run": Scenario(nothing, start_and_save),
    "one more checkpoint": Scenario(
        checkpoints, lambda home, files: resumed(home).save(40, files, state={"epoch": 4}, keep=[10])
    ),
    "the same checkpoint again": Scenario(
        checkpoints, lambda home, files: resumed(home).save(30, files, state={"epoch": 3}, keep=[10])
    ),
    "the end of a run": Scenario(checkpoints, lambda home, files: resumed(home).finish()),
}


@pytest.fixture(params=SCENARIOS)
def scenario(request):
    return SCENARIOS[request.param]


class World(NamedTuple):
    """`fresh` makes a home in the state before the action; `models` and `saved` are in it; `calls` are the action's."""

    fresh: Callable[[int], Path]
    models: dict[str, bool]
    saved: list[str]
    calls: list[Call]


@pytest.fixture
def world(scenario, tmp_path, model_files):
    first = tmp_path / "first"
    scenario.before(first, model_files)

    def fresh(number: int) -> Path:
        home = tmp_path / f"home{number}"
        if first.exists():
            shutil.copytree(first, home, copy_function=os.link)  # no file is ever changed
        return home

    home = fresh(0)
    before, saved = complete_models(home), complete_checkpoints(home)
    with recorded() as trace:
        scenario.action(home, model_files)
    assert len(trace.calls) > 5
    return World(fresh, before, saved, trace.calls)


def complete_models(home: Path) -> dict[str, bool]:
    """All models, reference → deleted. Each one is complete."""
    found = {}
    for deleted in (False, True):
        for entry in Registry(home).entries(deleted=deleted):
            assert entry.error is None, entry.error
            assert entry.folder is not None
            entry.folder.verify()
            found[entry.reference] = deleted
    return found


def complete_checkpoints(home: Path) -> list[str]:
    """All checkpoints. Each one is complete, and so is its run."""
    found = []
    for path in sorted((home / "checkpoints").glob("*/step-*")):
        assert read_run_file(home, path.parent.name)["name"] == "imdb"
        read_state(path)
        ModelFolder(path, "it", inside=("model",)).verify()
        found.append(path.name)
    return found


def check(home: Path, scenario: Scenario, world: World, files: Files) -> dict[str, bool]:
    """All models and checkpoints are complete, unchanged except `changing`, and the next command works."""
    now = complete_models(home)
    pruned = scenario.changing if scenario is SCENARIOS["prune"] else set()
    assert set(world.models) - pruned <= set(now)
    for entry in Registry(home).entries():  # a tag has its old version, its new one, or none
        assert entry.tags in ((), ("prod",))
    assert listing.read_versions(home, "imdb").tags.get("prod", 1) in (1, 3)
    untouched = set(world.models) - scenario.changing
    assert {name: now[name] for name in untouched} == {name: world.models[name] for name in untouched}
    left = complete_checkpoints(home)
    if scenario is SCENARIOS["the end of a run"]:
        assert left in (world.saved, [])
    else:
        # All checkpoints of before, except the one that is replaced or no longer kept.
        assert len(set(world.saved) - set(left)) <= 1
    reference = Registry(home).register("imdb", files)
    used = [int(name.partition("@")[2]) for name in {*now, *world.models} if name.startswith("imdb@")]
    assert int(reference.partition("@")[2]) == max(used, default=0) + 1
    assert os.listdir(home / "tmp") == []
    return now


def test_kill_before_every_call(scenario, world, model_files):
    """Only calls that change something: a kill before another call is the same as one before the next of these."""
    for at, call in enumerate(world.calls):
        if call.name in ("read", "close", "flock") or (call.name == "open" and not call.creates):
            continue
        home = world.fresh(at + 1)
        with pytest.raises(Killed), recorded(killed(at)):
            scenario.action(home, model_files)
        check(home, scenario, world, model_files)


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["in turn", "every code"])
def test_every_call_fails_once(every, scenario, world, model_files):
    """Each call fails with one of the codes in turn; or with every code."""
    codes = set()
    numbers = range(len(world.calls))
    failures = [(at, code) for at in numbers for code in (CODES if every else [CODES[at % len(CODES)]])]
    for number, (at, code) in enumerate(failures):
        call = world.calls[at]
        home = world.fresh(number + 1)
        error = None
        with recorded(failing(at, code)) as trace:
            try:
                scenario.action(home, model_files)
            except LstmctlError as caught:
                error = caught
        left = os.listdir(home / "tmp") if (home / "tmp").exists() else []
        now = check(home, scenario, world, model_files)
        if error is not None:
            codes.add(int(error.exit_code))
            if "power cut" not in error.message and not scenario.changing:
                assert now == world.models
            if call.name == "fsync":  # the file is never flushed again
                later = [each for each in trace.calls[at + 1 :] if each.name == "fsync"]
                assert call.paths[0] not in [path for each in later for path in each.paths]
            if call.name not in ("unlink", "rmdir", "rename"):
                assert [name for name in left if not name.endswith(".dead")] == []
    assert codes <= {73, 74, 77}
    assert 74 in codes


def test_unflushed_commit_is_reported(home, model_files):
    def before(number, call):
        if call.name == "fsync" and call.paths[0].name == "imdb":
            raise OSError(errno.EIO, "i/o error")

    registry = Registry(home)
    for action, message in (
        (lambda: registry.register("imdb", model_files), "imdb@1 is stored, but"),
        (lambda: registry.remove("imdb@1"), "imdb@1 is removed, but"),
        (lambda: registry.restore("imdb@1"), "imdb@1 is restored, but"),
    ):
        with recorded(before), pytest.raises(LstmctlError, match=message) as caught:
            action()
        assert caught.value.exit_code == 74
    assert registry.resolve("imdb").reference == "imdb@1"


def test_full_disk_reports_needed_bytes(home, model_files):
    def before(number, call):
        if call.name == "write" and call.paths[0].name == "weights.safetensors":
            raise OSError(errno.ENOSPC, "no space left on device")

    with recorded(before), pytest.raises(LstmctlError, match="no space left") as caught:
        Registry(home).register("imdb", model_files)
    assert f"{sum(map(len, model_files.values())):,} bytes are needed" in caught.value.hint
    assert os.listdir(home / "tmp") == []
