"""Many rows: the same bytes whoever computes them and however they come, in little memory, and nobody left behind."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest
from toy import register_toy

from lstmctl.scoring import pool


@pytest.fixture(autouse=True)
def model():
    return register_toy(Path(os.environ["LSTMCTL_HOME"]))


def start(*arguments, **options):
    command = [sys.executable, "-m", "lstmctl", "predict", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def answers(*arguments, **options):
    process = start(*arguments, **options)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def texts(count, seed=0):
    dice = random.Random(seed)
    words = ["good", "bad", "film", "字", "unheard", "of"]
    return [" ".join(dice.choices(words, k=dice.choice((0, 1, 3, 9, 30)))) for _ in range(count)]


@pytest.fixture
def many(tmp_path):
    path = tmp_path / "many.jsonl"
    path.write_text("".join(json.dumps({"text": text, "n": n}) + "\n" for n, text in enumerate(texts(2_700))))
    return path


@pytest.mark.parametrize("options", [["--json"], ["-k", "2", "--keep-columns"]], ids=" ".join)
def test_the_same_bytes_from_any_number_of_processes(many, options):
    assert 5 * pool.BATCH < 2_700
    alone = answers("-i", many, "-j", 1, *options)
    assert alone[0] == 0 and alone[1].count(b"\n") == 2_700, alone[2]
    for jobs in (2, 4):
        assert answers("-i", many, "-j", jobs, *options) == alone


@pytest.mark.parametrize("jobs", [1, 2])
def test_the_same_bytes_from_any_timing_of_the_producer(jobs):
    lines = "".join(f"{text}\n" for text in texts(1_500)).encode()
    expected = answers_to(lines, 1)
    for seed in range(3):
        dice, process = random.Random(seed), start("-", "-j", jobs, stdin=subprocess.PIPE)

        def produce(dice=dice, process=process):
            place = 0
            while place < len(lines):
                size = dice.choice((1, 10, 1_000, 20_000))
                process.stdin.write(lines[place : place + size])
                process.stdin.flush()
                place += size
                time.sleep(dice.choice((0, 0, 0.01)))
            process.stdin.close()

        producer = threading.Thread(target=produce)
        producer.start()
        out = process.stdout.read()
        producer.join()
        assert process.wait(60) == 0
        process.stdout.close()
        process.stderr.close()
        assert out == expected


def answers_to(lines, jobs):
    done = subprocess.run(
        [sys.executable, "-m", "lstmctl", "predict", "-", "-j", str(jobs)], input=lines, capture_output=True, check=True
    )
    return done.stdout


def test_answers_come_while_the_producer_thinks():
    """Also those of many rows that processes side by side have, and of a row of a table that is only half there."""
    process = start("-", "--input-format", "csv", "-j", 2, stdin=subprocess.PIPE)
    process.stdin.write(b"text\n" + b"good film\n" * 1_300 + b'"a film\n')
    process.stdin.flush()
    for _ in range(1_300):
        assert process.stdout.readline().startswith(b"pos\t0.")
    process.stdin.write(b'of two lines"\n')
    process.stdin.close()
    assert process.stdout.read().count(b"\n") == 1
    assert process.wait(30) == 0
    process.stdout.close()
    process.stderr.close()


@pytest.mark.parametrize("jobs", [1, 2])
def test_rows_before_a_bad_one_are_answered(jobs):
    done = subprocess.run(
        [sys.executable, "-m", "lstmctl", "predict", "-", "-j", str(jobs)],
        input=b"good film\n" * 1_200 + b"\xff\n" + b"good film\n",
        capture_output=True,
        check=False,
    )
    assert done.returncode == 65
    assert done.stdout.count(b"\n") == 1_200
    assert b"standard input:1201: byte 1" in done.stderr


def children(pid):
    found = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in found.read_text().split()] if found.exists() else []


def gone(pids):
    for _ in range(100):
        if not any(Path(f"/proc/{pid}").exists() and "Z" not in state(pid) for pid in pids):
            return True
        time.sleep(0.1)
    return False


def state(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def busy(**options):
    """A prediction in the middle of its work, and its processes."""
    # Whoever runs the tests may have Ctrl-C ignored, as a shell does in the background; the program respects that.
    heard = partial(signal.signal, signal.SIGINT, signal.default_int_handler)
    process = start("-", "-j", 2, stdin=subprocess.PIPE, preexec_fn=heard, **options)
    process.stdin.write(b"good film\n" * 5_000)
    process.stdin.flush()
    process.stdout.readline()
    workers = children(process.pid)
    assert len(workers) == 2
    return process, workers


linux = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")


@linux
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_however_it_ends_no_process_is_left(number):
    process, workers = busy(start_new_session=True)
    os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -9}[number]
    assert b"Traceback" not in err
    assert gone(workers)


@linux
def test_a_process_that_dies_is_told_and_no_row_is_lost_in_silence():
    process, workers = busy()
    os.kill(workers[0], signal.SIGKILL)
    out, err = process.communicate(b"good film\n" * 5_000, timeout=60)
    assert process.returncode == 74
    assert b"a process that answered texts is gone" in err and b"-j 1" in err
    assert out.count(b"\n") < 10_000
    assert gone(workers)


def test_a_reader_that_goes_away_ends_all():
    program = f"{sys.executable} -m lstmctl predict - -j 2"
    command = f"yes 'good film' | {program} | head -n 2000 | wc -l; exit ${{PIPESTATUS[1]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (141, b"2000", b"")


@pytest.mark.parametrize("rounds", [1, pytest.param(25, marks=pytest.mark.slow)])
@pytest.mark.parametrize("wanted", [0, 1, 1000])
def test_readers_that_want_only_some(rounds, wanted):
    """Whatever there is to say and whoever stops listening: 141, or 0 if all was said, and nothing on stderr."""
    for _ in range(rounds):
        for rows in (1, 600, 20_000):
            command = (
                f"yes 'good film' | head -n {rows} | {sys.executable} -m lstmctl predict - -j 2"
                f" | head -n {wanted} | wc -l; exit ${{PIPESTATUS[2]}}"
            )
            done = subprocess.run(["bash", "-c", command], capture_output=True, timeout=60, check=False)
            assert int(done.stdout) == min(rows, wanted)
            assert done.stderr == b""
            assert done.returncode == 141 or (done.returncode == 0 and rows <= max(wanted, 600))


MEASURED = """
import resource, subprocess, sys
command = [sys.executable, "-m", "lstmctl", "predict", "-", "-j", sys.argv[1]]
code = subprocess.run(command, stdout=subprocess.DEVNULL).returncode
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // (1024 if sys.platform == "linux" else 1024**2))
"""


@pytest.mark.parametrize("rows", [100_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("jobs", [1, 2])
def test_memory_is_small_and_does_not_grow(rows, jobs):
    """The largest of its processes; 300 MB is for all of them."""
    line = b"a good film of which much could be said " * 5 + b"\n"

    def megabytes(count):
        process = subprocess.Popen(
            [sys.executable, "-c", MEASURED, str(jobs)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for _ in range(count // 1_000):
            process.stdin.write(line * 1_000)
        out, _ = process.communicate(timeout=3_000)
        code, size = map(int, out.split())
        assert code == 0
        return size

    few, all_of_them = megabytes(10_000), megabytes(rows)
    assert all_of_them < 300 / (jobs + 1)
    assert all_of_them < few + 15


def test_columns_are_passed_through(cli, tmp_path):
    table = tmp_path / "a.csv"
    table.write_text('id,text,note\n1,good film,"a, ""b"""\n2,bad,\n')
    result = cli("predict", "-i", table, "--keep-columns", "--labels-only")
    assert result.lines == ['pos\t1\ta, "b"', "neg\t2\t"]
    rows = tmp_path / "a.jsonl"
    rows.write_text('{"text": "good", "id": 7, "more": {"a": [1, null]}}\n{"text": "bad", "other": true}\n')
    result = cli("predict", "-i", rows, "--keep-columns", "--json")
    assert [json.loads(line)["columns"] for line in result.lines] == [
        {"id": 7, "more": {"a": [1, None]}},
        {"other": True},
    ]
    result = cli("predict", "-i", rows, "--keep-columns")
    assert (result.code, result.lines) == (65, ['pos\t0.8245\t7\t{"a": [1, null]}'])
    assert "row 2 has other columns" in result.err
    lines = tmp_path / "a.txt"
    lines.write_text("good\n")
    for arguments in (("-i", lines), ("good",), ("-i", "-")):
        assert cli("predict", *arguments, "--keep-columns").code == 2
    assert cli("predict", "good", "-j", "0").code == 2


def test_columns_of_parquet_become_json(cli, tmp_path):
    import datetime

    import pyarrow
    import pyarrow.parquet

    path = tmp_path / "a.parquet"
    columns = {"text": ["good"], "day": [datetime.date(2026, 1, 2)], "stars": [float("nan")]}
    pyarrow.parquet.write_table(pyarrow.table(columns), path)
    result = cli("predict", "-i", path, "--keep-columns", "--json")
    assert json.loads(result.out)["columns"] == {"day": "2026-01-02", "stars": None}


def test_a_line_may_be_long_if_it_is_said(cli, tmp_path):
    path = tmp_path / "long.txt"
    path.write_text("good " * 2_000_000 + "\nbad\n")
    refused = cli("predict", "-i", path)
    assert refused.code == 65 and "longer than 1 MiB" in refused.err and "--max-line-bytes" in refused.err
    allowed = cli("predict", "-i", path, "--max-line-bytes", 20_000_000, "--json")
    assert [json.loads(line)["words"] for line in allowed.lines] == [2_000_000, 1]
    for wrong in ("0", "-1", "9" * 30, "x"):
        assert cli("predict", "-i", path, "--max-line-bytes", wrong).code == 2
