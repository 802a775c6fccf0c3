"""Many rows: the same bytes from any number of processes, in little memory, and no process left behind."""

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


def predict(*arguments, **options):
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
def test_bytes_do_not_depend_on_processes(many, options):
    assert 5 * pool.BATCH < 2_700
    alone = predict("-i", many, "-j", 1, *options)
    assert alone[0] == 0 and alone[1].count(b"\n") == 2_700, alone[2]
    for jobs in (2, 4):
        assert predict("-i", many, "-j", jobs, *options) == alone


@pytest.mark.parametrize("jobs", [1, 2])
def test_bytes_do_not_depend_on_timing(jobs):
    lines = "".join(f"{text}\n" for text in texts(1_500)).encode()
    expected = predict_lines(lines, 1)
    for seed in range(3):
        dice, process = random.Random(seed), start("-", "-j", jobs, stdin=subprocess.PIPE)

        def produce(dice=dice, process=process):
            start = 0
            while start < len(lines):
                size = dice.choice((1, 10, 1_000, 20_000))
                process.stdin.write(lines[start : start + size])
                process.stdin.flush()
                start += size
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


def predict_lines(lines, jobs):
    done = subprocess.run(
        [sys.executable, "-m", "lstmctl", "predict", "-", "-j", str(jobs)], input=lines, capture_output=True, check=True
    )
    return done.stdout


def test_predictions_come_while_input_pauses():
    """Also those of many rows on several workers, and before a table row that has arrived only in part."""
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
def test_rows_before_a_bad_one_are_written(jobs):
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
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in path.read_text().split()] if path.exists() else []


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
    """A running prediction, and its worker processes."""
    # The tests may run with Ctrl-C ignored, as in the background of a shell, which the program would respect.
    handle = partial(signal.signal, signal.SIGINT, signal.default_int_handler)
    process = start("-", "-j", 2, stdin=subprocess.PIPE, preexec_fn=handle, **options)
    process.stdin.write(b"good film\n" * 5_000)
    process.stdin.flush()
    process.stdout.readline()
    workers = children(process.pid)
    assert len(workers) == 2
    return process, workers


linux = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")


@linux
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_worker_outlives_its_parent(number):
    process, workers = busy(start_new_session=True)
    os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -9}[number]
    assert b"Traceback" not in err
    assert gone(workers)


@linux
def test_killed_worker_is_an_error():
    process, workers = busy()
    os.kill(workers[0], signal.SIGKILL)
    out, err = process.communicate(b"good film\n" * 5_000, timeout=60)
    assert process.returncode == 74
    assert b"a worker process was killed (signal 9): was memory short?" in err and b"-j 1" in err
    assert out.count(b"\n") < 10_000
    assert gone(workers)


def test_closed_pipe_ends_the_program():
    program = f"{sys.executable} -m lstmctl predict - -j 2"
    command = f"yes 'good film' | {program} | head -n 2000 | wc -l; exit ${{PIPESTATUS[1]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (141, b"2000", b"")


@pytest.mark.parametrize("rounds", [1, pytest.param(25, marks=pytest.mark.slow)])
@pytest.mark.parametrize("lines", [0, 1, 1000])
def test_reader_that_stops_early(rounds, lines):
    """141, or 0 if everything was written, and nothing on stderr."""
    for _ in range(rounds):
        for rows in (1, 600, 20_000):
            command = (
                f"yes 'good film' | head -n {rows} | {sys.executable} -m lstmctl predict - -j 2"
                f" | head -n {lines} | wc -l; exit ${{PIPESTATUS[2]}}"
            )
            done = subprocess.run(["bash", "-c", command], capture_output=True, timeout=60, check=False)
            assert int(done.stdout) == min(rows, lines)
            assert done.stderr == b""
            assert done.returncode == 141 or (done.returncode == 0 and rows <= max(lines, 600))


MEASURED = """
import resource, subprocess, sys
command = [sys.executable, "-m", "lstmctl", "predict", "-", "-j", sys.argv[1]]
code = subprocess.run(command, stdout=subprocess.DEVNULL).returncode
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // (1024 if sys.platform == "linux" else 1024**2))
"""


@pytest.mark.parametrize("rows", [100_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("jobs", [1, 2])
def test_memory_does_not_grow(rows, jobs):
    """Of the largest process; all of them together may use 300 MB."""
    line = b"a good film with a long and winding story" * 5 + b"\n"

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

    few, many = megabytes(10_000), megabytes(rows)
    assert many < 300 / (jobs + 1)
    assert many < few + 15


def test_keep_columns(cli, tmp_path):
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


def test_keep_columns_of_parquet(cli, tmp_path):
    import datetime

    import pyarrow
    import pyarrow.parquet

    path = tmp_path / "a.parquet"
    columns = {"text": ["good"], "day": [datetime.date(2026, 1, 2)], "stars": [float("nan")]}
    pyarrow.parquet.write_table(pyarrow.table(columns), path)
    result = cli("predict", "-i", path, "--keep-columns", "--json")
    assert json.loads(result.out)["columns"] == {"day": "2026-01-02", "stars": None}


def test_max_line_bytes(cli, tmp_path):
    path = tmp_path / "long.txt"
    path.write_text("good " * 2_000_000 + "\nbad\n")
    refused = cli("predict", "-i", path)
    assert refused.code == 65 and "longer than 1 MiB" in refused.err and "--max-line-bytes" in refused.err
    allowed = cli("predict", "-i", path, "--max-line-bytes", 20_000_000, "--json")
    assert [json.loads(line)["words"] for line in allowed.lines] == [2_000_000, 1]
    for wrong in ("0", "-1", "9" * 30, "x"):
        assert cli("predict", "-i", path, "--max-line-bytes", wrong).code == 2
