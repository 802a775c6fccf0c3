"""Whatever system call is the last one, or fails: what was acknowledged stays, and the next command works."""

import errno
import os
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest
from faults import Killed, failing, killed, recorded

from lstmctl.errors import LstmctlError
from lstmctl.registry.artifact import open_model
from lstmctl.registry.checkpoints import Run
from lstmctl.registry.runs import read_about, read_state
from lstmctl.registry.store import Registry

RUN = "20261123-140233-imdb-3f2a"
CODES = [errno.ENOSPC, errno.EIO, errno.EMFILE, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EINTR]
Files = dict[str, bytes]


class Scenario(NamedTuple):
    """What is there before, and what is then done. `changing` are the models that it takes away or brings back."""

    before: Callable[[Path, Files], object]
    action: Callable[[Path, Files], object]
    changing: frozenset[str] = frozenset()


def nothing(home, files):
    pass


def three_models(home, files):
    registry = Registry(home)
    for _ in range(3):
        registry.register("imdb", files)
    registry.remove("imdb@3")


def checkpoints(home, files):
    with Run.start(home, RUN, {"name": "imdb"}) as run:
        for step in (10, 20, 30):
            run.save(step, files, state={"epoch": step // 10}, best_step=10)


def start_and_save(home, files):
    with Run.start(home, RUN, {"name": "imdb"}) as run:
        run.save(10, files, state={})


def resumed(home: Path) -> Run:
    """The run, alive again."""
    return Run(home, RUN, ExitStack())


def register(name):
    return lambda home, files: Registry(home).register(name, files)


SCENARIOS = {
    "the first model of all": Scenario(nothing, register("imdb")),
    "one more model": Scenario(three_models, register("imdb")),
    "another name": Scenario(three_models, register("other")),
    "rm": Scenario(three_models, lambda home, files: Registry(home).remove("imdb@2"), frozenset({"imdb@2"})),
    "rm --all": Scenario(
        three_models,
        lambda home, files: Registry(home).remove("imdb", every=True),
        frozenset({"imdb@1", "imdb@2"}),
    ),
    "restore": Scenario(three_models, lambda home, files: Registry(home).restore("imdb@3"), frozenset({"imdb@3"})),
    "a first run": Scenario(nothing, start_and_save),
    "one more checkpoint": Scenario(
        checkpoints, lambda home, files: resumed(home).save(40, files, state={"epoch": 4}, best_step=10)
    ),
    "the same checkpoint again": Scenario(
        checkpoints, lambda home, files: resumed(home).save(30, files, state={"epoch": 3}, best_step=10)
    ),
    "the end of a run": Scenario(checkpoints, lambda home, files: resumed(home).finish()),
}


@pytest.fixture(params=SCENARIOS)
def scenario(request):
    return SCENARIOS[request.param]


@pytest.fixture
def worlds(scenario, tmp_path, model_files):
    """Homes to order: each call gives a fresh copy of what is there before, and `calls` is what the action calls."""
    first = tmp_path / "first"
    scenario.before(first, model_files)

    def fresh(number: int) -> Path:
        home = tmp_path / f"home{number}"
        if first.exists():
            shutil.copytree(first, home)
        return home

    home = fresh(0)
    with recorded() as trace:
        scenario.action(home, model_files)
    return fresh, trace.calls


def whole_models(home: Path) -> dict[str, bool]:
    """Every model there is, reference → deleted. Each one is whole."""
    found = {}
    for deleted in (False, True):
        for entry in Registry(home).entries(deleted=deleted):
            assert entry.error is None, entry.error
            assert entry.folder is not None
            entry.folder.verify()
            found[entry.reference] = deleted
    return found


def whole_checkpoints(home: Path) -> list[str]:
    """Every checkpoint there is. Each one is whole, and so is its run."""
    found = []
    for path in sorted((home / "checkpoints").glob("*/step-*")):
        assert read_about(home, path.parent.name)["name"] == "imdb"
        read_state(path)
        open_model(path, "it", inside=("model",)).verify()
        found.append(path.name)
    return found


def check_whole(home: Path, scenario: Scenario, before: dict[str, bool], saved: list[str]) -> None:
    """All that was there is there, but for what was being changed, and all is whole."""
    now = whole_models(home)
    assert set(before) <= set(now)
    assert {name: now[name] for name in before if name not in scenario.changing} == {
        name: deleted for name, deleted in before.items() if name not in scenario.changing
    }
    left = whole_checkpoints(home)
    if scenario is SCENARIOS["the end of a run"]:
        assert left in (saved, [])
    else:
        # Of those before, all but the one that is replaced, or that is too old once a new one is there.
        assert len(set(saved) - set(left)) <= 1


def check_works(home: Path, files: Files) -> None:
    """The next commands do what they should, and sweep up."""
    known = whole_models(home)
    reference = Registry(home).register("imdb", files)
    assert reference not in known
    assert int(reference.partition("@")[2]) > max([int(name.partition("@")[2]) for name in known], default=0)
    assert os.listdir(home / "tmp") == []


def test_death_before_every_call(scenario, worlds, model_files):
    fresh, calls = worlds
    assert len(calls) > 5
    for at in range(len(calls)):
        home = fresh(at + 1)
        before, saved = whole_models(home), whole_checkpoints(home)
        with pytest.raises(Killed), recorded(killed(at)):
            scenario.action(home, model_files)
        check_whole(home, scenario, before, saved)
        check_works(home, model_files)


def test_every_call_fails_once(scenario, worlds, model_files):
    fresh, calls = worlds
    codes = set()
    for at, call in enumerate(calls):
        home = fresh(at + 1)
        before, saved = whole_models(home), whole_checkpoints(home)
        error = None
        with recorded(failing(at, CODES[at % len(CODES)])) as trace:
            try:
                scenario.action(home, model_files)
            except LstmctlError as caught:
                error = caught
        check_whole(home, scenario, before, saved)
        if error is not None:
            codes.add(int(error.exit_code))
            assert error.message
            if "power cut" not in error.message and not scenario.changing:
                assert whole_models(home) == before
            if call.name == "fsync":  # and that file is never flushed again
                later = [each for each in trace.calls[at + 1 :] if each.name == "fsync"]
                assert call.paths[0] not in [path for each in later for path in each.paths]
            if call.name not in ("unlink", "rmdir", "rename") and (home / "tmp").exists():
                assert [name for name in os.listdir(home / "tmp") if not name.endswith(".dead")] == []
        check_works(home, model_files)
    assert codes <= {73, 74, 77}
    assert 74 in codes


def test_a_commit_that_may_not_last_says_so(home, model_files):
    def before(number, call):
        if call.name == "fsync" and call.paths[0].name == "imdb":
            raise OSError(errno.EIO, "i/o error")

    registry = Registry(home)
    for action, message in (
        (lambda: registry.register("imdb", model_files), "imdb@1 is stored, but"),
        (lambda: registry.remove("imdb@1"), "imdb@1 is removed, but"),
        (lambda: registry.restore("imdb@1"), "imdb@1 is back, but"),
    ):
        with recorded(before), pytest.raises(LstmctlError, match=message) as caught:
            action()
        assert caught.value.exit_code == 74
    assert registry.resolve("imdb").reference == "imdb@1"


def test_a_full_disk_says_how_much_is_needed(home, model_files):
    def before(number, call):
        if call.name == "write" and call.paths[0].name == "weights.safetensors":
            raise OSError(errno.ENOSPC, "no space left on device")

    with recorded(before), pytest.raises(LstmctlError, match="no space left") as caught:
        Registry(home).register("imdb", model_files)
    assert f"{sum(map(len, model_files.values())):,} bytes are needed" in caught.value.hint
    assert os.listdir(home / "tmp") == []
