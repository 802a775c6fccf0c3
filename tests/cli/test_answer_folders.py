"""Folders of answers: every row exactly once, whatever stopped the run before, and never two kinds in one folder."""

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
    """A folder with the same rows in several formats, and something that is no table."""
    folder = tmp_path / "reviews"
    (folder / "more").mkdir(parents=True)
    first, second = texts(ROWS), texts(ROWS // 3, seed=1)
    (folder / "a.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in first))
    with (folder / "more" / "b.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["n", "text"], *([n, text] for n, text in enumerate(second))])
    (folder / "README").write_text("not a table")
    return folder


def rows_in(folder):
    """(input, row) → answer; each once."""
    found = {}
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text().splitlines():
            answer = json.loads(line)
            place = path.name.rsplit("-", 2)[0], answer["row"]
            assert place not in found
            found[place] = answer
    return found


def one_by_one(cli, folder):
    """What plain `predict -i FILE --json` says of the same files."""
    expected = {}
    for path in (folder / "a.jsonl", folder / "more" / "b.csv"):
        for line in cli("predict", "-i", path, "--json", "-j", 1).lines:
            answer = json.loads(line)
            expected[path.name, answer["row"]] = answer
    return expected


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_folder_has_the_answers_that_its_files_have_one_by_one(cli, reviews, tmp_path, jobs):
    done = cli("predict", "-i", reviews, "-o", tmp_path / "scored", "-j", jobs)
    assert done.code == 0, done.err
    assert done.out == f"{tmp_path / 'scored'}\n"
    assert "left out, as the name tells no format: 1 file, such as" in done.err and "README" in done.err
    assert f"{ROWS + ROWS // 3:,} rows of 2 files" in done.err
    assert rows_in(tmp_path / "scored") == one_by_one(cli, reviews)
    assert len(list((tmp_path / "scored").glob("*.jsonl"))) > 20


def test_once_more_does_nothing_and_a_new_file_is_all_that_is_done(cli, reviews, tmp_path):
    target = tmp_path / "scored"
    cli("predict", "-i", reviews, "-o", target)
    before = {path: path.stat().st_mtime_ns for path in target.iterdir()}
    assert "nothing to do" in cli("predict", "-i", reviews, "-o", target).err
    (reviews / "c.csv").write_text("text\ngood\nbad\n")
    done = cli("predict", "-i", reviews, "-o", target, "--json")
    counts = json.loads(done.out)
    assert (counts["rows"], counts["pieces"]) == (2, 1)
    assert counts["pieces_before"] == sum(path.suffix == ".jsonl" for path in before)
    assert {path: path.stat().st_mtime_ns for path in before if path.suffix == ".jsonl"}.items() <= {
        path: path.stat().st_mtime_ns for path in target.iterdir()
    }.items()
    assert len(rows_in(target)) == ROWS + ROWS // 3 + 2


def test_parquet_has_the_same_answers(cli, reviews, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    target = tmp_path / "scored"
    assert cli("predict", "-i", reviews, "-o", target, "--answers", "parquet", "-k", 2).code == 0
    found = {}
    for path in target.glob("*.parquet"):
        for answer in parquet.read_table(path).to_pylist():
            found[path.name.rsplit("-", 2)[0], answer["row"]] = answer
    for place, expected in one_by_one(cli, reviews).items():
        answer = found.pop(place)
        assert {name: answer[name] for name in expected if name != "schema"} | {
            "schema": expected["schema"]
        } == expected
        assert answer["top"][0] == {"label": answer["label"], "probability": answer["probability"]}
    assert not found


# It waits for the signal after three pieces, and hears it even where the tests run in the background.
PROGRAM = """
import itertools, runpy, signal, time
from lstmctl.scoring import job
job.CHUNK_BYTES = 8_000
at_once, number = job.Scoring._score, itertools.count()
def slowly(self, task):
    if next(number) >= 3:
        time.sleep(60)
    return at_once(self, task)
job.Scoring._score = slowly
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("lstmctl", run_name="__main__")
"""


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_after_any_end_only_the_rest_is_done(cli, reviews, tmp_path, stop):
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
        assert "their answers are kept" in err and "the same command goes on" in err
    written = {path.name: path.stat().st_mtime_ns for path in target.glob("*.jsonl")}
    assert len(written) >= 3
    done = cli("predict", "-i", reviews, "-o", target)
    assert done.code == 0, done.err
    assert written.items() <= {path.name: path.stat().st_mtime_ns for path in target.glob("*.jsonl")}.items()
    assert rows_in(target) == one_by_one(cli, reviews)
    assert not list(target.glob(".lstmctl-*"))


def test_a_full_disk_leaves_whole_answers_and_the_rest_can_follow(cli, reviews, tmp_path):
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
    assert rows_in(target) == one_by_one(cli, reviews)


@pytest.fixture
def spoilt(tmp_path):
    folder = tmp_path / "reviews"
    folder.mkdir()
    lines = [json.dumps({"text": text}) for text in texts(1_000)]
    lines[500], lines[900] = "{", '{"text": 7}'
    (folder / "a.jsonl").write_text("\n".join(lines) + "\n")
    return folder


def test_a_bad_row_stops_the_run_and_is_named(cli, spoilt, tmp_path):
    done = cli("predict", "-i", spoilt, "-o", tmp_path / "scored", "-j", 1)
    assert done.code == 65
    assert f"{spoilt / 'a.jsonl'}:501: not JSON" in done.err
    assert "--bad-rows skip" in done.err
    assert all(row < 501 for _, row in rows_in(tmp_path / "scored"))


def test_bad_rows_are_set_aside_and_the_run_that_stopped_at_one_goes_on(cli, spoilt, tmp_path):
    target = tmp_path / "scored"
    cli("predict", "-i", spoilt, "-o", target)
    done = cli("predict", "-i", spoilt, "-o", target, "--bad-rows", "skip")
    assert done.code == 0 and "set aside: 2 rows, named in" in done.err
    assert {row for _, row in rows_in(target)} == set(range(1, 1_001)) - {501, 901}
    aside = [json.loads(line) for path in (target / "bad-rows").iterdir() for line in path.read_text().splitlines()]
    assert sorted(row["row"] for row in aside) == [501, 901]
    assert {row["file"] for row in aside} == {str(spoilt / "a.jsonl")}
    assert any(row["reason"].startswith("not JSON") for row in aside)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("answers", ["jsonl", "parquet"])
def test_long_rows_are_answered_a_few_at_a_time(tmp_path, answers):
    """600 rows of almost a MiB, packed and so in one piece: together they are far more than the process may have."""
    path = tmp_path / "long.jsonl.gz"
    line = json.dumps({"text": "film " * 200_000}).encode() + b"\n"
    with gzip.open(path, "wb", compresslevel=1) as file:
        for _ in range(600):
            file.write(line)
    # VmHWM and not ru_maxrss, which begins with the memory of whoever forked the process.
    program = """
import atexit, runpy, sys
def tell():
    status = open("/proc/self/status").read()
    print(status.split("VmHWM:")[1].split()[0], file=sys.stderr)
atexit.register(tell)
runpy.run_module("lstmctl", run_name="__main__")
"""
    command = [sys.executable, "-c", program, "predict", "-q", "-i", path, "-o", f"{tmp_path}/scored/", "-j", "1"]
    done = subprocess.run([*map(str, command), "--answers", answers], capture_output=True, text=True, check=True)
    assert 0 < int(done.stderr.split()[-1]) * 1024 < 400e6


def test_answers_of_two_kinds_do_not_get_into_one_folder(cli, reviews, tmp_path):
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
    assert {answer["model"] for answer in rows_in(target).values()} == {other}
    assert len(rows_in(target)) == 1 + ROWS // 3


def test_a_folder_with_other_things_is_left_alone(cli, reviews, tmp_path):
    target = tmp_path / "mine"
    target.mkdir()
    (target / "thesis.txt").write_text("precious")
    for force in ([], ["--force"]):
        done = cli("predict", "-i", reviews, "-o", target, *force)
        assert done.code == 73 and "thesis.txt" in done.err
    assert [path.name for path in target.iterdir()] == ["thesis.txt"]


def test_two_runs_do_not_write_into_one_folder(cli, reviews, tmp_path):
    from lstmctl.storage.filesystem import Directory
    from lstmctl.storage.locks import lock

    target = tmp_path / "scored"
    target.mkdir()
    with Directory.open(target) as folder, lock(folder, ".lock", timeout=0, what="it is used"):
        assert cli("predict", "-i", reviews, "-o", target).code == 75
    assert cli("predict", "-i", reviews, "-o", target).code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["-i", "{folder}"], 2, "-o DIR"),
        (["-i", "{folder}/*.nothing", "-o", "scored"], 66, "there is no file"),
        (["-i", "{folder}", "-o", "no/such/scored"], 73, "mkdir -p"),
        (["-i", "{folder}", "-o", "scored", "--explain"], 2, "one file at a time"),
        (["-i", "{folder}", "-o", "scored", "a text"], 2, "which one"),
        (["-i", "{folder}/a.jsonl", "--bad-rows", "skip"], 2, "answers in a folder"),
        (["-i", "{folder}", "-o", "scored", "--ray-address", "auto"], 2, "--engine ray"),
        (["-i", "-", "-o", "scored", "--engine", "ray"], 2, "standard input"),
        (["-i", "{folder}", "-o", "scored", "--text-column", "body"], 65, "--text-column"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(cli, reviews, tmp_path, monkeypatch, arguments, code, says):
    monkeypatch.chdir(tmp_path)
    done = cli("predict", *(argument.format(folder=reviews) for argument in arguments))
    assert done.code == code, done.err
    assert says in done.err
    assert "Traceback" not in done.err


def test_without_ray_there_is_a_line_to_install_it(cli, reviews, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    done = cli("predict", "-i", reviews, "-o", tmp_path / "scored", "--engine", "ray")
    assert done.code == 69
    assert "pip install 'lstmctl[ray]'" in done.err
    (tmp_path / "labelled.csv").write_text("text,label\ngood,pos\nbad,neg\n")
    done = cli("evaluate", "--data", tmp_path / "labelled.csv", "--engine", "ray")
    assert done.code == 69


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nobody.invalid:6379", "127.0.0.1:http", "ray://127.0.0.1:1"])
def test_a_cluster_that_does_not_listen_is_told_at_once(cli, reviews, tmp_path, address):
    pytest.importorskip("ray")
    done = cli("predict", "-i", reviews, "-o", tmp_path / "scored", "--engine", "ray", "--ray-address", address)
    assert done.code == 66
    assert f"there is no Ray cluster at {address}" in done.err


@pytest.mark.parametrize("source", ["{folder}", "{folder}/*.csv", "{folder}/a.csv"])
def test_labelled_files_can_be_named_by_folder_and_pattern(cli, tmp_path, source):
    folder = tmp_path / "labelled"
    folder.mkdir()
    names = ["a.csv", "b.csv"] if "a.csv" not in source else ["a.csv"]
    for name in names:
        (folder / name).write_text("text,label\n" + "good film,pos\nbad film,neg\n" * 40)
    done = cli("evaluate", "--data", source.format(folder=folder), "--json")
    assert done.code == 0, done.err
    assert json.loads(done.lines[0])["n"] == 80 * len(names)
