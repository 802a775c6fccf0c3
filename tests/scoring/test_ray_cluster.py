"""Ray: a cluster on this machine gives the same bytes as one process, also when a worker is killed."""

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from toy import register_toy

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]
pytest.importorskip("ray")

ROWS = int(os.environ.get("LSTMCTL_TEST_ROWS", "20000"))
PROGRAM = """
import runpy, signal
from lstmctl.scoring import job
signal.signal(signal.SIGINT, signal.default_int_handler)  # also if the tests run in the background
job.CHUNK_BYTES = 100_000
runpy.run_module("lstmctl", run_name="__main__")
"""
RAY = ("--engine", "ray", "-j", "2")


@pytest.fixture(autouse=True)
def model():
    return register_toy(Path(os.environ["LSTMCTL_HOME"]))


@pytest.fixture
def reviews(tmp_path):
    dice, path = random.Random(0), tmp_path / "reviews.jsonl"
    words = ["good", "bad", "film", "字", "unheard", "of"]
    with path.open("w") as file:
        for number in range(ROWS):
            text = " ".join(dice.choices(words, k=dice.choice((0, 1, 3, 9, 30))))
            file.write(json.dumps({"text": text, "n": number}) + "\n")
    return path


def start(*arguments):
    command = [sys.executable, "-c", PROGRAM, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def score(*arguments):
    process = start("predict", *arguments)
    out, err = process.communicate(timeout=500)
    assert process.returncode == 0, err
    return err


def read_predictions(folder):
    """The bytes of all predictions, in the order of the rows."""
    paths = sorted(folder.glob("*.jsonl"))
    assert [path.name.rsplit("-", 1)[1] for path in paths] == [f"{number:06d}.jsonl" for number in range(len(paths))]
    return b"".join(path.read_bytes() for path in paths)


@pytest.fixture
def expected(reviews, tmp_path):
    """What one process writes, without Ray."""
    score("-i", reviews, "-o", f"{tmp_path}/local/", "-j", 1)  # / tells a folder from a file
    return read_predictions(tmp_path / "local")


def workers():
    """Process ids and titles of Ray's workers."""
    processes = []
    for entry in Path("/proc").iterdir():
        try:
            title = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if title.startswith(b"ray::"):
            processes.append((int(entry.name), title))
    return processes


def test_same_bytes_as_one_process(reviews, expected, tmp_path):
    err = score("-i", reviews, "-o", tmp_path / "scored", *RAY)
    assert f"{ROWS:,} rows of 1 file" in err
    assert read_predictions(tmp_path / "scored") == expected
    assert "nothing to do" in score("-i", reviews, "-o", tmp_path / "scored", *RAY)


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_killed_workers_change_nothing(reviews, expected, tmp_path):
    target = tmp_path / "scored"
    process = start("predict", "-i", reviews, "-o", target, *RAY)
    killed = []
    while process.poll() is None and len(killed) < 2:
        for number, title in workers():
            if b"_call" in title and number not in killed and list(target.glob("*.jsonl")):
                os.kill(number, signal.SIGKILL)
                killed.append(number)
                break
        time.sleep(0.01)
    _, err = process.communicate(timeout=500)
    assert process.returncode == 0, err
    assert killed
    assert read_predictions(target) == expected


def test_interrupted_run_continues(reviews, expected, tmp_path):
    target = tmp_path / "scored"
    process = start("predict", "-i", reviews, "-o", target, *RAY)
    while len(list(target.glob("*.jsonl"))) < 2:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "the same command continues" in err
    before = {path.name: path.stat().st_mtime_ns for path in target.glob("*.jsonl")}
    err = score("-i", reviews, "-o", target, *RAY)
    assert f"{len(before)} chunks predicted before" in err
    assert before.items() <= {path.name: path.stat().st_mtime_ns for path in target.glob("*.jsonl")}.items()
    assert read_predictions(target) == expected


def test_bad_row_is_named(reviews, tmp_path):
    lines = reviews.read_text().splitlines(keepends=True)
    lines[ROWS // 2] = "{\n"
    reviews.write_text("".join(lines))
    process = start("predict", "-i", reviews, "-o", tmp_path / "scored", *RAY)
    _, err = process.communicate(timeout=500)
    assert process.returncode == 65
    assert f"{reviews}:{ROWS // 2 + 1}: not JSON" in err
    assert "Traceback" not in err
    assert "skipped 1 bad row, listed in" in score("-i", reviews, "-o", tmp_path / "scored", *RAY, "--bad-rows", "skip")
    rows = [json.loads(line)["row"] for line in read_predictions(tmp_path / "scored").splitlines()]
    assert rows == [row for row in range(1, ROWS + 1) if row != ROWS // 2 + 1]


def test_evaluate_on_a_cluster(tmp_path):
    path = tmp_path / "labelled.csv"
    dice = random.Random(0)
    rows = ((dice.choice(("good", "bad", "film")), dice.choice(("pos", "neg"))) for _ in itertools.repeat(None, 2_000))
    path.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in rows))
    measured = []
    for options in ((), RAY):
        process = start("evaluate", "--data", path, "--json", *options)
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
        measured.append(out)
    assert measured[0] == measured[1]


def test_missing_cluster(reviews, tmp_path):
    process = start("predict", "-i", reviews, "-o", tmp_path / "scored", "--engine", "ray", "--ray-address", "auto")
    _, err = process.communicate(timeout=300)
    assert process.returncode == 66
    assert "the Ray cluster at auto cannot be used" in err
    assert "Traceback" not in err


def test_nothing_is_imported_from_the_current_folder(reviews, tmp_path, monkeypatch):
    """Ray puts the folder that it is started in on the path of its processes."""
    strange = tmp_path / "strange"
    strange.mkdir()
    for name in ("regex", "safetensors", "platformdirs", "colorsys", "turtle"):
        (strange / f"{name}.py").write_text(f"open({str(tmp_path / 'canary')!r}, 'w').close()\n")
    monkeypatch.chdir(strange)
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    score("-i", reviews, "-o", tmp_path / "out", *RAY)
    assert not (tmp_path / "canary").exists()
