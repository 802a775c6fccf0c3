"""Folders of predictions: each row exactly once, however earlier runs ended, and one set of options per folder."""

import csv
import gzip
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import faults
import pytest
from toy import register_toy

from lstmctl.scoring import job

ROWS = 3_000


@pytest.fixture(autouse=True)
def model(monkeypatch):
    monkeypatch.setattr(job, "CHUNK_BYTES", 8_000)
    return register_toy(Path(os.environ["LSTMCTL_HOME"]))


def texts(count, seed=0):
    dice = random.Random(seed)
    words = ["good", "bad", "film", "字", "unheard", 'a "quoted" word', "two\nlines", "of"]
    return [" ".join(dice.choices(words, k=dice.choice((0, 1, 3, 9, 30)))) for _ in range(count)]


@pytest.fixture
def reviews(tmp_path):
    """A folder with tables in two formats, and a file that is not a table."""
    folder = tmp_path / "reviews"
    (folder / "more").mkdir(parents=True)
    first, second = texts(ROWS), texts(ROWS // 3, seed=1)
    (folder / "a.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in first))
    with (folder / "more" / "b.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["n", "text"], *([n, text] for n, text in enumerate(second))])
    (folder / "README").write_text("not a table")
    return folder


def rows_in(folder):
    """(input, row) → prediction; each once."""
    predictions = {}
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text().splitlines():
            prediction = json.loads(line)
            key = path.name.rsplit("-", 2)[0], prediction["row"]
            assert key not in predictions
            del prediction["file"]
            predictions[key] = prediction
    return predictions


def streamed_rows(cli, folder):
    """What plain `predict -i FILE --json` predicts for the same files."""
    expected = {}
    for path in (folder / "a.jsonl", folder / "more" / "b.csv"):
        for line in cli("predict", "-i", path, "--json", "-j", 1).lines:
            prediction = json.loads(line)
            expected[path.name, prediction["row"]] = prediction
    return expected


@pytest.mark.parametrize("jobs", [1, 2])
def test_same_predictions_as_streamed(cli, reviews, tmp_path, jobs):
    done = cli("predict", "-i", reviews, "-o", tmp_path / "scored", "-j", jobs)
    assert done.code == 0, done.err
    assert done.out == f"{tmp_path / 'scored'}\n"
    assert "ignored, because the name has no known suffix: 1 file, such as" in done.err and "README" in done.err
    assert f"{ROWS + ROWS // 3:,} rows of 2 files" in done.err
    assert rows_in(tmp_path / "scored") == streamed_rows(cli, reviews)
    assert len(list((tmp_path / "scored").glob("*.jsonl"))) > 20


def test_second_run_does_only_new_files(cli, reviews, tmp_path):
    target = tmp_path / "scored"
    cli("predict", "-i", reviews, "-o", target)
    before = {path: path.stat().st_mtime_ns for path in target.iterdir()}
    assert "nothing to do" in cli("predict", "-i", reviews, "-o", target).err
    (reviews / "c.csv").write_text("text\ngood\nbad\n")
    done = cli("predict", "-i", reviews, "-o", target, "--json")
    counts = json.loads(done.out)
    assert (counts["rows"], counts["chunks"]) == (2, 1)
    assert counts["chunks_before"] == sum(path.suffix == ".jsonl" for path in before)
    assert {path: path.stat().st_mtime_ns for path in before if path.suffix == ".jsonl"}.items() <= {
        path: path.stat().st_mtime_ns for path in target.iterdir()
    }.items()
    assert len(rows_in(target)) == ROWS + ROWS // 3 + 2


def test_parquet_has_the_same_predictions(cli, reviews, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    target = tmp_path / "scored"
    assert cli("predict", "-i", reviews, "-o", target, "--answers", "parquet", "-k", 2).code == 0
    predictions = {}
    for path in target.glob("*.parquet"):
        for prediction in parquet.read_table(path).to_pylist():
            predictions[path.name.rsplit("-", 2)[0], prediction["row"]] = prediction
    for key, expected in streamed_rows(cli, reviews).items():
        prediction = predictions.pop(key)
        del expected["schema"]
        assert {name: prediction[name] for name in expected} == expected
        assert prediction["top"][0] == {"label": prediction["label"], "probability": prediction["probability"]}
    assert not predictions


# It waits for the signal after three chunks, and handles it even if the tests run in the background.
PROGRAM = """
import itertools, runpy, signal, time
from lstmctl.scoring import job
job.CHUNK_BYTES = 8_000
score, number = job.Scoring._score, itertools.count()
def slowly(self, task):
    if next(number) >= 3:
        time.sleep(60)
    return score(self, task)
job.Scoring._score = slowly
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("lstmctl", run_name="__main__")
"""


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_interrupted_run_continues(cli, reviews, tmp_path, stop):
    target = tmp_path / "scored"
    command = [sys.executable, "-c", PROGRAM, "predict", "-i", str(reviews), "-o", str(target), "-j", "1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while len(list(target.glob("*.jsonl"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.001)
    process.send_signal(stop)
    _, err = process.communicate(timeout=60)
    if stop != signal.SIGKILL:
        assert process.returncode == 128 + stop
        assert "their predictions are kept" in err and "the same command continues" in err
    written = {path.name: path.stat().st_mtime_ns for path in target.glob("*.jsonl")}
    assert len(written) >= 3
    done = cli("predict", "-i", reviews, "-o", target)
    assert done.code == 0, done.err
    assert written.items() <= {path.name: path.stat().st_mtime_ns for path in target.glob("*.jsonl")}.items()
    assert rows_in(target) == streamed_rows(cli, reviews)
    assert not list(target.glob(".lstmctl-*"))


def test_full_disk_keeps_finished_chunks(cli, reviews, tmp_path):
    target = tmp_path / "scored"
    command = ("predict", "-i", reviews, "-o", target, "-j", 1)

    def full(number, call):
        if call.name == "write" and len(list(target.glob("*.jsonl"))) >= 4:
            raise OSError(28, "No space left on device")

    with faults.recorded(full):
        done = cli(*command)
    assert done.code == 74 and "free some space" in done.err
    assert len(list(target.glob("*.jsonl"))) == 4
    assert cli(*command).code == 0
    assert rows_in(target) == streamed_rows(cli, reviews)


@pytest.fixture
def bad_rows(tmp_path):
    folder = tmp_path / "reviews"
    folder.mkdir()
    lines = [json.dumps({"text": text}) for text in texts(1_000)]
    lines[500], lines[900] = "{", '{"text": [7, 8]}'
    (folder / "a.jsonl").write_text("\n".join(lines) + "\n")
    return folder


def test_bad_row_stops_the_run(cli, bad_rows, tmp_path):
    done = cli("predict", "-i", bad_rows, "-o", tmp_path / "scored", "-j", 1)
    assert done.code == 65
    assert f"{bad_rows / 'a.jsonl'}:501: not JSON" in done.err
    assert "--bad-rows skip" in done.err
    assert all(row < 501 for _, row in rows_in(tmp_path / "scored"))


def test_stopped_run_continues_and_skips_bad_rows(cli, bad_rows, tmp_path):
    target = tmp_path / "scored"
    cli("predict", "-i", bad_rows, "-o", target)
    done = cli("predict", "-i", bad_rows, "-o", target, "--bad-rows", "skip")
    assert done.code == 0 and "skipped 2 bad rows, listed in" in done.err
    assert {row for _, row in rows_in(target)} == set(range(1, 1_001)) - {501, 901}
    skipped = [json.loads(line) for path in (target / "bad-rows").iterdir() for line in path.read_text().splitlines()]
    assert sorted(row["row"] for row in skipped) == [501, 901]
    assert {row["file"] for row in skipped} == {str(bad_rows / "a.jsonl")}
    assert any(row["reason"].startswith("not JSON") for row in skipped)


@pytest.fixture(scope="module")
def long_rows(tmp_path_factory):
    """600 rows of almost 1 MiB, compressed and so in one chunk: together far more than a process may use."""
    path = tmp_path_factory.mktemp("long") / "long.jsonl.gz"
    line = json.dumps({"text": "film " + "extraordinarilylong " * 47_000}).encode() + b"\n"
    with gzip.open(path, "wb", compresslevel=1) as file:
        for _ in range(600):
            file.write(line)
    return path


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("answers", ["jsonl", "parquet"])
def test_long_rows_need_little_memory(tmp_path, long_rows, answers):
    # VmHWM and not ru_maxrss, which starts at the memory of the process that forked this one.
    program = """
import atexit, runpy, sys
def report():
    status = open("/proc/self/status").read()
    print(status.split("VmHWM:")[1].split()[0], file=sys.stderr)
atexit.register(report)
runpy.run_module("lstmctl", run_name="__main__")
"""
    command = [sys.executable, "-c", program, "predict", "-q", "-i", long_rows, "-o", f"{tmp_path}/scored/", "-j", "1"]
    done = subprocess.run([*map(str, command), "--answers", answers], capture_output=True, text=True, check=True)
    assert 0 < int(done.stderr.split()[-1]) * 1024 < 400e6


def test_other_options_are_rejected(cli, reviews, tmp_path):
    target = tmp_path / "scored"
    cli("predict", "-i", reviews, "-o", target)
    other = register_toy(Path(os.environ["LSTMCTL_HOME"]))
    done = cli("predict", "-i", reviews, "-o", target, "-m", other)
    assert done.code == 73 and "model was" in done.err
    assert (
        "threshold was null, is 0.7"
        in cli("predict", "-i", reviews, "-o", target, "--threshold", 0.7, "-m", "tiny@1").err
    )
    (reviews / "a.jsonl").write_text('{"text": "other"}\n')
    done = cli("predict", "-i", reviews, "-o", target, "-m", "tiny@1")
    assert done.code == 73 and "changed" in done.err
    done = cli("predict", "-i", reviews, "-o", target, "-m", other, "--force")
    assert done.code == 0
    assert {prediction["model"] for prediction in rows_in(target).values()} == {other}
    assert len(rows_in(target)) == 1 + ROWS // 3


def test_folder_of_the_first_version_continues(cli, reviews, tmp_path):
    """Its scoring.json called `chunk_bytes` by another name."""
    target = tmp_path / "scored"
    cli("predict", "-i", reviews, "-o", target)
    settings = target / "scoring.json"
    settings.write_text(settings.read_text().replace("chunk_bytes", "piece_bytes"))
    next(target.glob("*.jsonl")).unlink()
    done = cli("predict", "-i", reviews, "-o", target, "--json")
    assert (done.code, json.loads(done.out)["chunks"]) == (0, 1), done.err
    settings.write_text(settings.read_text().replace("8000", "9000"))
    done = cli("predict", "-i", reviews, "-o", target)
    assert done.code == 73 and "chunk_bytes was 9000, is 8000" in done.err


def test_folder_with_other_files_is_rejected(cli, reviews, tmp_path):
    target = tmp_path / "mine"
    target.mkdir()
    (target / "thesis.txt").write_text("precious")
    for force in ([], ["--force"]):
        done = cli("predict", "-i", reviews, "-o", target, *force)
        assert done.code == 73 and "thesis.txt" in done.err
    assert [path.name for path in target.iterdir()] == ["thesis.txt"]


def test_second_concurrent_run_is_busy(cli, reviews, tmp_path):
    from lstmctl.storage.filesystem import Directory
    from lstmctl.storage.locks import lock

    target = tmp_path / "scored"
    target.mkdir()
    with Directory.open(target) as folder, lock(folder, ".lock", timeout=0, what="it is in use"):
        assert cli("predict", "-i", reviews, "-o", target).code == 75
    assert cli("predict", "-i", reviews, "-o", target).code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["-i", "{folder}", "--engine", "ray"], 2, "-o DIR"),
        (["-i", "{folder}/*.nothing", "-o", "scored"], 66, "there is no file"),
        (["-i", "{folder}", "-o", "no/such/scored"], 73, "mkdir -p"),
        (["-i", "{folder}", "-o", "scored", "--explain"], 2, "one file at a time"),
        (["-i", "{folder}", "-o", "scored", "a text"], 2, "both texts and --input"),
        (["-i", "{folder}/a.jsonl", "--answers", "jsonl"], 2, "predictions in a folder"),
        (["-i", "{folder}", "-o", "scored", "--ray-address", "auto"], 2, "--engine ray"),
        (["-i", "-", "-o", "scored", "--engine", "ray"], 2, "standard input"),
        (["-i", "{folder}", "-o", "scored", "--text-column", "body"], 65, "--text-column"),
    ],
)
def test_usage_errors(cli, reviews, tmp_path, monkeypatch, arguments, code, message):
    monkeypatch.chdir(tmp_path)
    done = cli("predict", *(argument.format(folder=reviews) for argument in arguments))
    assert done.code == code, done.err
    assert message in done.err
    assert "Traceback" not in done.err


def test_missing_ray_has_an_install_hint(cli, reviews, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    done = cli("predict", "-i", reviews, "-o", tmp_path / "scored", "--engine", "ray")
    assert done.code == 69
    assert "pip install 'lstmctl[ray]'" in done.err
    (tmp_path / "labelled.csv").write_text("text,label\ngood,pos\nbad,neg\n")
    done = cli("evaluate", "--data", tmp_path / "labelled.csv", "--engine", "ray")
    assert done.code == 69


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nobody.invalid:6379", "127.0.0.1:http", "ray://127.0.0.1:1"])
def test_unreachable_cluster_fails_at_once(cli, reviews, tmp_path, address):
    pytest.importorskip("ray")
    done = cli("predict", "-i", reviews, "-o", tmp_path / "scored", "--engine", "ray", "--ray-address", address)
    assert done.code == 66
    assert f"there is no Ray cluster at {address}" in done.err


@pytest.mark.parametrize("source", ["{folder}", "{folder}/*.csv", "{folder}/a.csv"])
def test_evaluate_reads_folders_and_patterns(cli, tmp_path, source):
    folder = tmp_path / "labelled"
    folder.mkdir()
    names = ["a.csv", "b.csv"] if "a.csv" not in source else ["a.csv"]
    for name in names:
        (folder / name).write_text("text,label\n" + "good film,pos\nbad film,neg\n" * 40)
    done = cli("evaluate", "--data", source.format(folder=folder), "--json")
    assert done.code == 0, done.err
    assert json.loads(done.lines[0])["n"] == 80 * len(names)
