"""A power cut at any moment: acknowledged data are on disk, and every name refers to complete data.

`Disk` follows the recorded calls. It keeps only what was flushed: the content of a file by an fsync of the file, a name
by an fsync of its folder. Each of the two may be lost without the other.
"""

from contextlib import ExitStack
from pathlib import Path

import pytest
from faults import Call, recorded

from lstmctl.registry.runs import TrainingRun
from lstmctl.registry.store import Registry

RUN = "20261123-140233-imdb-3f2a"


class Disk:
    """The problems after a power cut."""

    def __init__(self, known: set[Path]) -> None:
        self.known = known
        self.unflushed_content: set[Path] = set()
        self.unflushed_names: set[Path] = set()  # created or removed
        self.moved: dict[Path, Path] = {}  # from → to, while it is not known on the disk that `from` is gone
        self.problems: list[str] = []

    def follow(self, call: Call) -> None:
        path = call.paths[0]
        match call.name:
            case "open" if call.creates and path not in self.known:
                self._name(path)
                self.unflushed_content.add(path)
            case "write":
                self.unflushed_content.add(path)
            case "mkdir":
                self._name(path)
            case "fsync":
                self.unflushed_content.discard(path)
                self.unflushed_names = {each for each in self.unflushed_names if each.parent != path}
                self.moved = {source: target for source, target in self.moved.items() if source.parent != path}
            case "rename":
                self._move(*call.paths)
            case "unlink" | "rmdir":
                for source, target in self.moved.items():
                    if path.is_relative_to(target) and source.parent.name != "tmp":
                        self.problems.append(f"{source} may come back without {path.name}")
                self.unflushed_names.add(path)

    def _name(self, path: Path) -> None:
        self.known.add(path)
        self.unflushed_names.add(path)

    def _move(self, source: Path, target: Path) -> None:
        def moved(path: Path) -> Path:
            return target / path.relative_to(source) if path.is_relative_to(source) else path

        for path in self.unflushed_content | self.unflushed_names:
            if path.is_relative_to(source) and not (
                path == source and path in self.unflushed_names - self.unflushed_content
            ):
                self.problems.append(f"{target} may be seen without {path.name}")
        self.unflushed_content = set(map(moved, self.unflushed_content))
        self.unflushed_names = {moved(path) for path in self.unflushed_names if path != source} | {source, target}
        self.known = set(map(moved, self.known))
        self.moved[source] = target

    def acknowledge(self, *paths: Path) -> None:
        """From here on the paths and their contents must survive."""
        for path in paths:
            for each in self.unflushed_names | self.unflushed_content:
                if path == each or path.is_relative_to(each) or each.is_relative_to(path):
                    self.problems.append(f"{each} may be lost")


def problems_of(calls: list[Call], known: set[Path], *acknowledged: Path) -> list[str]:
    disk = Disk(set(known))
    for call in calls:
        disk.follow(call)
    disk.acknowledge(*acknowledged)
    return disk.problems


def needless(calls: list[Call], known: set[Path], *acknowledged: Path) -> list[Path]:
    """Flushes without which nothing would be wrong."""
    return [
        call.paths[0]
        for number, call in enumerate(calls)
        if call.name == "fsync" and not problems_of(calls[:number] + calls[number + 1 :], known, *acknowledged)
    ]


def below(path: Path) -> set[Path]:
    return {path, *path.rglob("*")}


def test_first_model_and_its_flushes(home, tmp_path, model_files):
    with recorded() as trace:
        Registry(home).register("imdb", model_files)
    acknowledged = home / "models/imdb/v000001", home / "FORMAT", home / "arrivals/000000000001.trained.imdb@1"
    assert problems_of(trace.calls, {tmp_path}, *acknowledged) == []
    flushed = [call.paths[0] for call in trace.calls if call.name == "fsync"]
    assert len(flushed) == 8 + 6  # the model's files, its arrival and FORMAT, and the folders that each name is in
    assert needless(trace.calls, {tmp_path}, *acknowledged) == []


def test_removing_and_restoring(home, model_files):
    registry = Registry(home)
    registry.register("imdb", model_files)
    for action, path in ((registry.remove, "v000001.deleted"), (registry.restore, "v000001")):
        known = below(home)
        with recorded() as trace:
            action("imdb@1")
        acknowledged = home / "models/imdb" / path
        assert problems_of(trace.calls, known, acknowledged) == []
        assert home / "models/imdb" not in needless(trace.calls, known, acknowledged)


def test_tagging_and_untagging(home, model_files):
    registry = Registry(home)
    registry.register("imdb", model_files)
    tags = home / "models/imdb/tags"
    for _ in range(2):  # for the first time, and again
        known = below(home)
        with recorded() as trace:
            registry.tag("imdb@1", "prod")
        assert problems_of(trace.calls, known, tags / "prod") == []
        assert needless(trace.calls, known, tags / "prod") == []
    known = below(home)
    with recorded() as trace:
        registry.untag("imdb@prod")
    assert problems_of(trace.calls, known, tags / "prod") == []
    assert tags not in needless(trace.calls, known, tags / "prod")


def test_pruned_model_never_comes_back(home, model_files):
    registry = Registry(home)
    registry.register("imdb", model_files)
    registry.remove("imdb@1")
    with recorded() as trace:
        assert registry.prune() == ["imdb@1"]
    folder = home / "models/imdb/v000001.deleted"
    calls = [(call.name, call.paths[0].name) for call in trace.calls if call.paths[0].is_relative_to(folder)]
    first = calls.index(("unlink", "SHA256SUMS"))
    assert calls[first + 1] == ("fsync", folder.name)
    assert [name for name, _ in calls[:first]] == ["open"] * first  # nothing was removed before


def test_checkpoints(home, tmp_path, model_files):
    with recorded() as trace, TrainingRun.start(home, RUN, {}) as run:
        path = run.save(10, model_files, state={})
    acknowledged = path, run.path / "run.json"
    assert problems_of(trace.calls, {tmp_path}, *acknowledged) == []
    too_many = needless(trace.calls, {tmp_path}, *acknowledged)
    assert too_many == []


def test_old_checkpoints_are_removed_at_once(home, model_files):
    with TrainingRun.start(home, RUN, {}) as run:
        run.save(10, model_files, state={})
        run.save(20, model_files, state={})
    known, run = below(home), TrainingRun(home, RUN, ExitStack())
    with recorded() as trace:
        path = run.save(30, model_files, state={})
    assert problems_of(trace.calls, known, path) == []
    with recorded() as trace:
        run.finish()
    assert problems_of(trace.calls, known, home / "checkpoints") == []
    assert needless(trace.calls, known, home / "checkpoints") == []


@pytest.mark.parametrize("name", ["model.json", "SHA256SUMS"])
def test_late_flush_is_found(home, tmp_path, model_files, name):
    """A write after its flush, or a rename before it, is found."""
    with recorded() as trace:
        Registry(home).register("imdb", model_files)
    calls = list(trace.calls)
    late = next(number for number, call in enumerate(calls) if call.name == "fsync" and call.paths[0].name == name)
    rename = max(number for number, call in enumerate(calls) if call.name == "rename")
    calls.insert(rename + 1, calls.pop(late))
    assert any("may be seen without" in problem for problem in problems_of(calls, {tmp_path}))
