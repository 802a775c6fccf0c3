"""Folders of answers, by processes of this machine and by a Ray cluster on it: `python tests/benchmarks/scale.py`.

    pip install 'lstmctl[ray]'
    python tests/benchmarks/scale.py --rows 200000 --rounds 3

Writes so many reviews (those of `imdb`, again and again) to a JSON Lines file and has the newest model answer them: by
plain `predict -i FILE`, into a folder with -j 1 and 2, and on a cluster of 1 and 2 processes; the contenders take
turns. Prints medians of seconds and rows a second, how long the same command takes when nothing is left to do and when
the file has one row (the cost of a cluster), and the highest memory that one worker ever had (Linux: VmHWM).

Then, on two workers of a cluster: the answers are compared byte by byte with those of plain `predict`; one worker is
killed in the middle; and a run is interrupted and run again.
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
    """Process id → status, of processes with such a command line."""
    found = {}
    for entry in Path("/proc").iterdir():
        try:
            if (entry / "cmdline").read_bytes().startswith(beginning):
                found[int(entry.name)] = (entry / "status").read_text()
        except OSError:
            continue
    return found


class Memory(threading.Thread):
    """The highest memory of any worker of Ray while the thread runs, in MB."""

    def __init__(self):
        super().__init__(daemon=True)
        self.most, self.running = 0.0, True

    def run(self):
        while self.running:
            for status in processes(b"ray::").values():
                peak = [line for line in status.splitlines() if line.startswith("VmHWM")]
                self.most = max(self.most, *(int(line.split()[1]) / 1e3 for line in peak), 0.0)
            time.sleep(0.2)


def run(*arguments, stdout=subprocess.DEVNULL):
    started = time.perf_counter()
    subprocess.run([*PROGRAM, "-q", *map(str, arguments)], check=True, stdout=stdout)
    return time.perf_counter() - started


def together(folder):
    """All answers in the order of the rows."""
    return b"".join(path.read_bytes() for path in sorted(folder.glob("*.jsonl")))


def measure(arguments, work):
    reviews = [example.text for example in read_all(DataConfig(source="imdb"), home=work)[0]]
    path, one = work / "reviews.jsonl", work / "one.jsonl"
    with path.open("w") as file:
        for text in itertools.islice(itertools.cycle(reviews), arguments.rows):
            file.write(json.dumps({"text": text}) + "\n")
    one.write_text('{"text": "a good film"}\n')
    contenders = {
        "predict -i FILE -j 1": ["-j", 1],
        "predict -i FILE -j 2": ["-j", 2],
        "to a folder, -j 1": ["-o", "FOLDER", "-j", 1],
        "to a folder, -j 2": ["-o", "FOLDER", "-j", 2],
        "--engine ray, 1 worker": [*RAY, "-o", "FOLDER", "-j", 1],
        "--engine ray, 2 workers": [*RAY, "-o", "FOLDER", "-j", 2],
    }
    seconds, most = {name: [] for name in contenders}, 0.0
    for number, (name, options) in itertools.product(range(arguments.rounds), contenders.items()):
        folder = work / f"scored-{number}-{name.replace(' ', '-')}"
        memory = Memory()
        memory.start()
        source = f"{path.parent}/review*.jsonl" if "-o" in options else path
        seconds[name].append(run("-i", source, *(folder if each == "FOLDER" else each for each in options), "--json"))
        memory.running = False
        memory.join()
        most = max(most, memory.most)
    print(f"| {arguments.rows:,} rows | seconds | rows a second |\n|---|---|---|")
    for name, taken in seconds.items():
        print(f"| {name} | {statistics.median(taken):.1f} | {arguments.rows / statistics.median(taken):,.0f} |")
    alone = statistics.median(run("-i", one, *RAY, "-o", work / f"one-{each}", "-j", 2) for each in range(3))
    again = statistics.median(run("-i", path, *RAY, "-o", folder, "-j", 2, "--json") for _ in range(3))
    print(f"one row on a cluster that is started for it: {alone:.1f} s; nothing left to do: {again:.1f} s")
    print(f"highest memory of a worker: {most:.0f} MB")
    return path


def check(path, work, arguments):
    """Whether all answers are there, with the bits of one process, whatever happens."""
    with (work / "expected.jsonl").open("wb") as file:
        run("-i", path, "--json", "-j", 1, stdout=file)
    expected = (work / "expected.jsonl").read_bytes()
    run("-i", path, *RAY, "-j", 2, "-o", work / "whole")
    print(f"two workers, the bytes of one process: {together(work / 'whole') == expected}")
    for what, number in (("a worker killed in the middle", signal.SIGKILL), ("interrupted", signal.SIGINT)):
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
        said = process.communicate()[1].strip().splitlines()
        print(f"{what}: exit {process.returncode}, {said[-2:]}")
        if process.returncode:
            done = subprocess.run(command, check=True, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
            print(f"run again: {done.stderr.strip().splitlines()[-1]}")
        print(f"… the bytes of one process: {together(folder) == expected}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        check(measure(arguments, Path(folder)), Path(folder), arguments)


if __name__ == "__main__":
    main()
