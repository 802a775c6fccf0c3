"""Runs that are killed, stopped and resumed end with the same bytes of weights, or explain why they cannot."""

import json
import random
import re
import shutil
import signal
import time
from functools import cache

import pytest
from training import runs

from lstmctl.process import cores
from lstmctl.registry import artifact

pytestmark = pytest.mark.training

RECIPE = "dropout = 0.3\nearly_stopping = 50\n"
DEEP = RECIPE + 'bidirectional = true\nlayers = 2\noptimizer = "adam"\npooling = "last+max"\n'
DEEP += 'ngrams = "2"\ntokenizer = "words-2"\nvectors = "own"\nvectors_rate = 0.5\n'
DEEP += 'ensemble_size = 2\nword_dropout = 0.2\noutput_dropout = 0.3\nschedule = "cosine"\n'
EPOCHS = 6

# recipe → threads. Runs of the last one are resumed in this process, where TensorFlow computes with the default number.
THREADS = {"plain-1": 1, "deep-2": 2, "plain-all": cores()}
STOPPED = "plain-all"
SIZES = ["--epochs", EPOCHS, "--units", 8, "--embedding-dim", 8, "--batch-size", 16]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("resume")
    runs.write_data(folder / "data.csv")
    for kind in THREADS:
        (folder / f"{kind}.toml").write_text(DEEP if kind.startswith("deep") else RECIPE)
    return folder


def command(folder, kind):
    return [
        "train",
        "--data",
        folder / "data.csv",
        "--recipe",
        folder / f"{kind}.toml",
        *SIZES,
        "--threads",
        THREADS[kind],
    ]


@pytest.fixture(scope="module")
def straight(folder):
    """By kind, an uninterrupted run: its weights and its history."""

    @cache
    def run(kind):
        home = folder / f"straight-{kind}"
        code, out, err = runs.finish(home, *command(folder, kind), program=runs.PLAIN)
        assert (code, out) == (0, "data@1\n"), err
        return runs.weights_sha256(home), history(home)

    return run


def history(home):
    """The stored epochs, without the seconds they took."""
    (path,) = home.glob("models/*/v000001/history.jsonl")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def resume_or(arguments, home):
    return ["train", "--resume"] if list(home.glob("checkpoints/*")) else arguments


def kill(home, arguments, generator):
    """Start or resume the run, and kill it with -9: one time in four before its first step, else within 0.4 seconds
    after a checkpoint, so that the run has not ended. False: it had ended.
    """
    process = runs.start(home, *resume_or(arguments, home))
    if generator.random() < 0.25:
        time.sleep(generator.uniform(0.1, 3.0))
    else:
        before = set(home.glob("checkpoints/*/step-*"))
        while process.poll() is None and set(home.glob("checkpoints/*/step-*")) <= before:
            time.sleep(0.005)
        time.sleep(generator.uniform(0.0, 0.4))
    process.kill()
    _, err = process.communicate()
    assert process.returncode in (0, -signal.SIGKILL), err
    return process.returncode != 0


def check_killed(folder, straight, home, *, kind, kills, generator):
    """Kill a run repeatedly, let it end, and compare it with the uninterrupted one; returns the number of kills."""
    sha256, epochs = straight(kind)
    arguments, made = command(folder, kind), 0
    while made < kills and kill(home, arguments, generator):
        made += 1
    # The last kill may have come after the model was registered, and before its run was removed.
    while list(home.glob("checkpoints/*")) or not list(home.glob("models/*/v*")):
        code, _, err = runs.finish(home, *resume_or(arguments, home), program=runs.PLAIN)
        assert code == 0, err
    assert runs.weights_sha256(home) == sha256
    assert history(home) == epochs
    assert [row["epoch"] for row in epochs] == list(range(1, EPOCHS + 1))
    assert len(list(home.glob("models/*/v*"))) == 1
    return made


@pytest.mark.parametrize(
    "kind", [pytest.param("plain-1", marks=pytest.mark.slow), pytest.param("deep-2", marks=pytest.mark.long)]
)
def test_killed_and_resumed_run(folder, straight, tmp_path, kind):
    made = check_killed(folder, straight, tmp_path, kind=kind, kills=1, generator=random.Random(kind))
    assert made == 1


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("kind", ["plain-1", "deep-2"])
def test_twenty_kills(folder, straight, tmp_path, kind):
    """Forty in all, over both kinds."""
    generator, made = random.Random(kind), []
    while sum(made) < 20:
        home = tmp_path / str(len(made))
        kills = min(5, 20 - sum(made))
        made.append(check_killed(folder, straight, home, kind=kind, kills=kills, generator=generator))
    print(f"{sum(made)} kills in {len(made)} runs, {kind}")


def stop_at(home, arguments, *, line):
    """Ctrl-C when that line appears; the exit code and messages of the process."""
    process = runs.start(home, *arguments)
    for message in process.stderr:
        if re.search(line, message):
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert out == ""
    return process.returncode, err


@pytest.fixture(scope="module")
def stopped(folder):
    """A run that was stopped after its second epoch."""
    home = folder / "stopped"
    code, err = stop_at(home, command(folder, STOPPED), line="^epoch=2/")
    assert code == 130
    match = re.search(r"^hint: lstmctl (train --resume --run (\S+))$", err, re.M)
    assert match, err
    return home, match[2]


@pytest.fixture
def copy(stopped, tmp_path):
    """A copy of that run's home, for changes."""
    shutil.copytree(stopped[0], tmp_path / "home")
    return tmp_path / "home"


def test_printed_command_resumes(stopped, straight, copy):
    code, out, err = runs.finish(copy, "train", "--resume", "--run", stopped[1])
    assert (code, out) == (0, "data@1\n"), err
    assert "resumed   epoch" in err
    assert [line[:9] for line in err.splitlines() if line.startswith("epoch=")] == [f"epoch={n}/6" for n in range(1, 7)]
    assert runs.weights_sha256(copy) == straight(STOPPED)[0]


@pytest.mark.parametrize("damage", ["state.json", "optimizer.safetensors", "model/weights.safetensors", "SHA256SUMS"])
def test_damaged_checkpoint(cli, copy, straight, damage):
    *_, newest = sorted(copy.glob("checkpoints/*/step-*"))
    (newest / damage).write_bytes(b"{}")
    result = cli("train", "--resume", "--home", copy)
    assert result.code == 0, result.err
    assert f"{newest.name}" in result.err and "an older checkpoint is used" in result.err
    assert runs.weights_sha256(copy) == straight(STOPPED)[0]


def test_run_with_a_registered_model(cli, copy, monkeypatch):
    """As after a kill between the two."""
    from lstmctl.registry.runs import TrainingRun

    with monkeypatch.context() as patched:
        patched.setattr(TrainingRun, "finish", lambda self: None)
        assert cli("train", "-q", "--resume", "--home", copy).out == "data@1\n"
    assert len(cli("models", "list", "--runs", "--json", "--home", copy).lines) == 1
    assert cli("train", "-q", "--resume", "--home", copy).out == "data@1\n"
    assert cli("models", "list", "--runs", "--json", "--home", copy).out == ""


def test_all_checkpoints_damaged(cli, copy):
    for path in copy.glob("checkpoints/*/step-*/state.json"):
        path.write_bytes(b"{}")
    result = cli("train", "--resume", "--home", copy)
    assert result.code == 76
    assert "no checkpoint of" in result.err


def test_changed_data(cli, folder, copy):
    data = folder / "data.csv"
    before = data.read_text()
    try:
        data.write_text(before.replace("w1 ", "w2 ", 1))
        result = cli("train", "--resume", "--home", copy)
    finally:
        data.write_text(before)
    assert result.code == 65
    assert "data.csv changed since the run was started" in result.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--epochs", 5], "--epochs is 6, not 5"),
        (["--lr", 0.5, "--units", 9], "--units is 8, not 9; --lr is 0.001, not 0.5"),
        (["--recipe", "classic"], "--padding is masked, not pre"),
        (["--name", "other"], "--name is data, not other"),
        (["--positive", "neg"], "--positive is pos, not neg"),
        (["--data", "imdb"], "--data is "),
        (["--dry-run"], "cannot be combined with --resume"),
    ],
)
def test_changed_settings(cli, copy, options, message):
    result = cli("train", "--resume", "--home", copy, *options)
    assert result.code == 2
    assert message in result.err
    assert list(copy.glob("checkpoints/*/step-*"))


def test_changed_versions(cli, copy):
    (path,) = copy.glob("checkpoints/*/run.json")
    values = json.loads(path.read_text())
    values["versions"]["numpy"] = "1.0.0"
    path.write_text(json.dumps(values))
    result = cli(
        "train", "--resume", "--home", copy, "--epochs", EPOCHS, "--units", 8
    )  # the same settings may be given
    assert result.code == 0, result.err
    assert "warning: numpy was 1.0.0 and is " in result.err


def without_digests(home):
    """As an earlier version saved the checkpoints."""
    for path in home.glob("checkpoints/*/step-*"):
        values = json.loads((path / "state.json").read_text())
        del values["run_sha256"]
        (path / "state.json").write_text(json.dumps(values))
        sums = artifact.parse_sums((path / "SHA256SUMS").read_bytes())
        files = {name: (path / name).read_bytes() for name in sums}
        (path / "SHA256SUMS").write_bytes(artifact.format_sums(files))


def edit(home, **changes):
    (path,) = home.glob("checkpoints/*/run.json")
    values = json.loads(path.read_text())
    values["training"] |= changes
    path.write_text(json.dumps(values))


@pytest.mark.parametrize(
    ("changes", "earlier"), [({"seed": 7}, False), ({"learning_rate": 0.5}, True), ({"epochs": 7}, False)], ids=str
)
def test_edited_settings(cli, copy, changes, earlier):
    if earlier:
        without_digests(copy)
    edit(copy, **changes)
    result = cli("train", "--resume", "--home", copy)
    assert result.code == 76, result.err
    assert "settings" in result.err and "without --resume" in result.err
    assert not list(copy.glob("models/*/v*"))


def test_run_of_an_earlier_version(cli, copy, straight):
    without_digests(copy)
    assert cli("train", "--resume", "--home", copy).code == 0
    assert runs.weights_sha256(copy) == straight(STOPPED)[0]


def test_checkpoint_of_another_run(cli, copy, tmp_path, straight):
    """Put among the checkpoints of a run with the same settings: that of a later step, or that of its best epoch."""
    (run,) = copy.glob("checkpoints/*-data-*")
    other = run.with_name(run.name[:-4] + "ffff")
    shutil.copytree(run, other)
    result = cli("train", "--resume", "--home", copy, "--run", other.name)
    assert result.code == 76 and "another run" in result.err
    steps = sorted(run.glob("step-*"))
    shutil.copytree(steps[-1], run / "step-00099999")
    assert cli("train", "--resume", "--home", copy, "--run", other.name).code == 76


@pytest.mark.parametrize("content", [b"{}", b'{"schema": 1', b"[]", b'{"name": "data", "command": 1}'])
def test_damaged_run_file(cli, copy, content):
    (path,) = copy.glob("checkpoints/*/run.json")
    path.write_bytes(content)
    result = cli("train", "--resume", "--home", copy)
    assert result.code == 76
    assert "run.json" in result.err


def test_live_run_is_not_resumed(cli, folder, tmp_path):
    home = tmp_path / "home"
    arguments = command(folder, STOPPED)
    arguments[arguments.index("--epochs") + 1] = 500
    process = runs.start(home, *arguments)
    for line in process.stderr:
        if line.startswith("epoch=1/"):
            break
    try:
        (run,) = [path.name for path in home.glob("checkpoints/*")]
        for options in ([], ["--run", run]):
            result = cli("train", "--resume", "--home", home, *options)
            assert result.code == 75
            assert run in result.err
    finally:
        process.kill()
        process.communicate()


def test_nothing_to_resume(cli, tmp_path):
    assert cli("train", "--resume").code == 66
    assert cli("train", "--resume", "--run", "20261123-140233-imdb-3f2a").code == 66
    assert cli("train", "--resume", "--run", "../x").code == 2
    assert cli("train", "--run", "20261123-140233-imdb-3f2a").code == 2
