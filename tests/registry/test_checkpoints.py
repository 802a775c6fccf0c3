"""Checkpoints: saved completely or not at all, and few kept."""

import json
import os
import subprocess
from datetime import UTC, datetime

import pytest
from faults import recorded

from lstmctl.errors import Busy, CannotCreate, LstmctlError, NotFound, Rejected, UsageError
from lstmctl.registry import artifact, runs
from lstmctl.registry.artifact import ModelFolder
from lstmctl.registry.runs import TrainingRun, new_run_id, read_run_file, read_state, unfinished_runs
from lstmctl.storage import locks
from lstmctl.storage.filesystem import Directory

RUN = "20261123-140233-imdb-3f2a"


def saved(run) -> list[str]:
    return sorted(name for name in os.listdir(run.path) if name.startswith("step-"))


def test_run_ids():
    now = datetime(2026, 11, 23, 14, 2, 33, tzinfo=UTC)
    ids = {new_run_id("imdb", now) for _ in range(20)}
    assert len(ids) > 15
    assert all(each.startswith("20261123-140233-imdb-") for each in ids)
    assert new_run_id("a", now) < new_run_id("a", now.replace(second=34))
    assert runs.model_name_of(new_run_id("x-1-2.y")) == "x-1-2.y"
    with pytest.raises(UsageError):
        new_run_id("../x")


def test_checkpoint_is_model_and_state(home, model_files):
    with TrainingRun.start(home, RUN, {"name": "imdb", "epochs": 3}) as run:
        path = run.save(625, model_files, state={"epoch": 1, "loss": 0.5})
        assert path == home / "checkpoints" / RUN / "step-00000625"
        state = {"schema": "lstmctl.state/1", "run_sha256": run.sha256, "step": 625, "epoch": 1, "loss": 0.5}
        assert read_state(path) == state
        ModelFolder(path, "it", inside=("model",)).verify()
    assert read_run_file(home, RUN) == {"schema": "lstmctl.run/1", "name": "imdb", "epochs": 3}
    done = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=path, capture_output=True, text=True, check=False)
    assert done.stdout == "model/SHA256SUMS: OK\noptimizer.safetensors: OK\nstate.json: OK\n"
    assert os.listdir(home / "tmp") == []


def test_kept_checkpoints(home, model_files):
    with TrainingRun.start(home, RUN, {}) as run:
        for step in (10, 20, 30, 40, 50):
            run.save(step, model_files, state={}, keep=[20 if step >= 20 else 10])
        assert saved(run) == ["step-00000020", "step-00000040", "step-00000050"]
        run.save(60, model_files, state={}, keep={60})
        assert saved(run) == ["step-00000050", "step-00000060"]
    assert os.listdir(home / "tmp") == []


def test_repeated_step_replaces_checkpoint(home, model_files):
    with TrainingRun.start(home, RUN, {}) as run:
        run.save(10, model_files, state={"epoch": 1})
        path = run.save(10, model_files, state={"epoch": 2})
        assert read_state(path)["epoch"] == 2
        assert saved(run) == ["step-00000010"]


def test_finishing_removes_the_run(home, model_files):
    with TrainingRun.start(home, RUN, {}) as run:
        run.save(10, model_files, state={})
        run.finish()
        assert os.listdir(home / "checkpoints") == []
    assert os.listdir(home / "tmp") == []
    assert unfinished_runs(home) == []


def test_run_without_checkpoint_is_removed(home, model_files):
    with pytest.raises(RuntimeError), TrainingRun.start(home, RUN, {}):
        raise RuntimeError
    assert os.listdir(home / "checkpoints") == []
    with pytest.raises(RuntimeError), TrainingRun.start(home, RUN, {}) as run:
        run.save(10, model_files, state={})
        raise RuntimeError
    assert saved(run) == ["step-00000010"]


def test_unfinished_runs(home, model_files):
    assert unfinished_runs(home) == []
    assert not home.exists()
    older, newer = "20261123-140233-imdb-0000", "20261124-140233-my.texts-0000"
    with TrainingRun.start(home, older, {}) as run:
        run.save(10, model_files, state={"epoch": 1})
        checkpoint = run.save(20, model_files, state={"epoch": 2})
        with TrainingRun.start(home, newer, {}):
            with recorded() as trace:
                found = unfinished_runs(home)
            assert not [call for call in trace.calls if call.creates or call.name not in ("open", "read", "flock")]
            assert [(each.run_id, each.name, each.live) for each in found] == [
                (newer, "my.texts", True),
                (older, "imdb", True),
            ]
            assert (found[0].step, found[0].checkpoint) == (None, None)
            assert (found[1].step, found[1].checkpoint) == (20, checkpoint)
    (left,) = unfinished_runs(home)
    assert not left.live
    assert left.checkpoint == checkpoint


def test_damaged_run_hides_no_other(home, model_files):
    for number in range(4):
        with TrainingRun.start(home, f"20261123-140233-imdb-000{number}", {}) as run:
            run.save(10, model_files, state={"epoch": 1})
    runs_folder = home / "checkpoints"
    (runs_folder / "notes").mkdir()
    (runs_folder / "20261123-140233-Imdb-0000").mkdir()
    (runs_folder / "20261123-140233-imdb-0009").write_text("a file")
    (runs_folder / "20261123-140233-imdb-000a").symlink_to("20261123-140233-imdb-0000")
    (runs_folder / "20261123-140233-imdb-0001/.lock").unlink()
    (runs_folder / "20261123-140233-imdb-0001/.lock").symlink_to("nowhere")
    (runs_folder / "20261123-140233-imdb-0002/step-00000010/state.json").write_bytes(b"{}")
    (runs_folder / "20261123-140233-imdb-0003/step-10").mkdir()
    found = {each.run_id[-4:]: (each.step, each.live) for each in unfinished_runs(home)}
    assert found == {f"000{number}": (10, False) for number in range(4)}


def test_run_starts_once(home, model_files):
    with TrainingRun.start(home, RUN, {"a": 1}), pytest.raises(CannotCreate, match="already"):
        TrainingRun.start(home, RUN, {"a": 2})
    with (
        TrainingRun.start(home, RUN, {}) as run,
        Directory.open(run.path) as folder,
        pytest.raises(Busy),
        locks.lock(folder, ".lock", timeout=0, what=""),
    ):
        pass


@pytest.mark.parametrize(
    "run_id", ["", "..", "../x", "20261123-140233-imdb", RUN + "\n", RUN.upper(), "a/b", RUN + "0"]
)
def test_invalid_run_ids(run_id, home):
    for action in (lambda: TrainingRun.start(home, run_id, {}), lambda: read_run_file(home, run_id)):
        with pytest.raises(UsageError):
            action()
    assert not home.exists()


@pytest.mark.parametrize(
    "content",
    [
        b'{"step": 11}',
        b"[]",
        b'{"epoch": NaN}',
        b'{"epoch": 1, "epoch": 2}',
        b"[" * 100_000,
        b" " * (2**20 + 1),
        b"1" * 5_000,
    ],
    ids=range(7),
)
def test_damaged_state_and_run_file(content, home, model_files):
    with TrainingRun.start(home, RUN, {}) as run:
        checkpoint = run.save(10, model_files, state={})
    (checkpoint / "state.json").write_bytes(content)
    with pytest.raises(Rejected, match=r"state.json"):
        read_state(checkpoint)
    (checkpoint / "SHA256SUMS").write_bytes(artifact.format_sums({"state.json": content}))
    (run.path / "run.json").write_bytes(content)
    if content == b'{"step": 11}':
        assert read_state(checkpoint) == read_run_file(home, RUN) == {"step": 11}
    else:
        with pytest.raises(Rejected, match=r"state.json"):
            read_state(checkpoint)
        with pytest.raises(Rejected, match=r"run.json"):
            read_run_file(home, RUN)
    for name in ("state.json", "SHA256SUMS"):
        (checkpoint / name).unlink()
        with pytest.raises(Rejected, match=f"{name} is missing"):
            read_state(checkpoint)


def test_missing_run(home):
    with pytest.raises(NotFound):
        read_run_file(home, RUN)
    with pytest.raises(NotFound):
        read_state(home / "checkpoints" / RUN / "step-00000001")


def test_newer_home_is_untouched(home):
    home.mkdir()
    (home / "FORMAT").write_text("lstmctl 2\n")
    for action in (lambda: TrainingRun.start(home, RUN, {}), lambda: unfinished_runs(home)):
        with pytest.raises(Rejected, match="newer"):
            action()
    assert os.listdir(home) == ["FORMAT"]


def test_home_moved_during_run(home, model_files):
    with TrainingRun.start(home, RUN, {}) as run:
        home.rename(home.with_name("elsewhere"))
        with pytest.raises(LstmctlError) as caught:
            run.save(10, model_files, state={})
        assert caught.value.exit_code == 73
    assert json.loads((home.with_name("elsewhere") / "checkpoints" / RUN / "run.json").read_bytes())["schema"]
