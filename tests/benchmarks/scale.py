"""Predictions in a folder, by local processes and by a Ray cluster on this machine.

    pip install 'lstmctl[ray]'
    python tests/benchmarks/scale.py --rows 200000 --rounds 3

Writes that number of reviews (those of `imdb`, repeated) to a JSON Lines file and predicts them with the newest model:
by plain `predict -i FILE`, into a folder with -j 1 and 2, and on a cluster of 1 and 2 processes, in turns. Prints
medians of seconds and of rows per second; the time of the same command when nothing is left to do, and for a file of
one row (the cost of a cluster); and the peak memory of a worker (Linux: VmHWM).

Then, on two workers of a cluster: the predictions are compared byte by byte with those of plain `predict`; a worker is
killed half-way; and a run is interrupted and continued.
"""

import argparse
import itertools
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from lstmctl.config import DataConfig
from lstmctl.data.datasets import read_all

PROGRAM = [sys.executable, "-m", "lstmctl", "predict"]
RAY = ["--engine", "ray"]


def processes(beginning):
    """Process id → status, of processes whose command line starts with `beginning`."""
    statuses = {}
    for entry in Path("/proc").iterdir():
        try:
            if (entry / "cmdline").read_bytes().startswith(beginning):
                statuses[int(entry.name)] = (entry / "status").read_text()
        except OSError:
            continue
    return statuses


class Memory(threading.Thread):
    """The peak memory of any Ray worker while the thread runs, in MB."""

    def __init__(self):
        super().__init__(daemon=True)
        self.peak, self.running = 0.0, True

    def run(self):
        while self.running:
            for status in processes(b"ray::").values():
                lines = [line for line in status.splitlines() if line.startswith("VmHWM")]
                self.peak = max(self.peak, *(int(line.split()[1]) / 1e3 for line in lines), 0.0)
            time.sleep(0.2)


def run(*arguments, stdout=subprocess.DEVNULL):
    started = time.perf_counter()
    subprocess.run([*PROGRAM, "-q", *map(str, arguments)], check=True, stdout=stdout)
    return time.perf_counter() - started


def read_predictions(folder):
    """All predictions in the order of the rows."""
    return b"".join(path.read_bytes() for path in sorted(folder.glob("*.jsonl")))


def measure(arguments, work):
    reviews = [example.text for example in read_all(DataConfig(source="imdb"), home=work)[0]]
    path, one = work / "reviews.jsonl", work / "one.jsonl"
    with path.open("w") as file:
        for text in itertools.islice(itertools.cycle(reviews), arguments.rows):
            file.write(json.dumps({"text": text}) + "\n")
    one.write_text('{"text": "a good film"}\n')
    variants = {
        "predict -i FILE -j 1": ["-j", 1],
        "predict -i FILE -j 2": ["-j", 2],
        "to a folder, -j 1": ["-o", "FOLDER", "-j", 1],
        "to a folder, -j 2": ["-o", "FOLDER", "-j", 2],
        "--engine ray, 1 worker": [*RAY, "-o", "FOLDER", "-j", 1],
        "--engine ray, 2 workers": [*RAY, "-o", "FOLDER", "-j", 2],
    }
    seconds, peak = {name: [] for name in variants}, 0.0
    for number, (name, options) in itertools.product(range(arguments.rounds), variants.items()):
        folder = work / f"scored-{number}-{name.replace(' ', '-')}"
        memory = Memory()
        memory.start()
        source = f"{path.parent}/review*.jsonl" if "-o" in options else path
        seconds[name].append(
            run("-i", source, *(folder if option == "FOLDER" else option for option in options), "--json")
        )
        memory.running = False
        memory.join()
        peak = max(peak, memory.peak)
    print(f"| {arguments.rows:,} rows | seconds | rows per second |\n|---|---|---|")
    for name, taken in seconds.items():
        print(f"| {name} | {statistics.median(taken):.1f} | {arguments.rows / statistics.median(taken):,.0f} |")
    alone = statistics.median(run("-i", one, *RAY, "-o", work / f"one-{number}", "-j", 2) for number in range(3))
    again = statistics.median(run("-i", path, *RAY, "-o", folder, "-j", 2, "--json") for _ in range(3))
    print(f"one row on a new cluster: {alone:.1f} s; nothing left to do: {again:.1f} s")
    print(f"peak memory of a worker: {peak:.0f} MB")
    return path


def check(path, work, arguments):
    """Whether the folder has the bytes of one process: normally, after a kill, and after an interrupt."""
    with (work / "expected.jsonl").open("wb") as file:
        run("-i", path, "--json", "-j", 1, stdout=file)
    expected = (work / "expected.jsonl").read_bytes()
    run("-i", path, *RAY, "-j", 2, "-o", work / "whole")
    print(f"two workers, same bytes as one process: {read_predictions(work / 'whole') == expected}")
    for event, number in (("a worker killed half-way", signal.SIGKILL), ("interrupted", signal.SIGINT)):
        folder = work / number.name
        command = [*PROGRAM, "-i", str(path), *RAY, "-j", "2", "-o", str(folder)]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        victims = {}
        while process.poll() is None and not victims:
            time.sleep(0.02)
            if len(list(folder.glob("*.jsonl"))) >= arguments.rows // 50_000 + 1:
                victims = processes(b"ray::_call") if number == signal.SIGKILL else {process.pid: ""}
        for victim in itertools.islice(victims, 1):
            os.kill(victim, number)
        messages = process.communicate()[1].strip().splitlines()
        print(f"{event}: exit {process.returncode}, {messages[-2:]}")
        if process.returncode:
            done = subprocess.run(command, check=True, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
            print(f"run again: {done.stderr.strip().splitlines()[-1]}")
        print(f"… same bytes as one process: {read_predictions(folder) == expected}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        check(measure(arguments, Path(folder)), Path(folder), arguments)


if __name__ == "__main__":
    main()
