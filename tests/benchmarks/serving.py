"""Speed of `lstmctl serve` beside two usual servers, and what it loses when workers are killed.

    python tests/benchmarks/serving.py             one short text a request, full load and half of it
    python tests/benchmarks/serving.py --kill 60   60 seconds of load while worker processes are killed

The servers run on all cores of this machine, one after the other, in each of the rounds; so does the load, which is
wrk's (apt-get install wrk) in a process of its own. The peers are FastAPI with keras.Model.predict and FastAPI with
ONNX Runtime, under uvicorn with the same number of workers; they read the same words as this program, by its own
tokenizer and n-grams, so that the model is the only difference. Half load is wrk with the same connections, which wait
between requests, at random.

Needs the extras `serve` and `onnx`, fastapi, onnxruntime, wrk, and a model (`lstmctl train` makes one).
"""

import argparse
import http.client
import json
import math
import os
import random
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lstmctl.process import cores
from lstmctl.registry.home import default_home
from lstmctl.registry.store import Registry

TEXT = "a great movie with a wonderful story"
BODY = json.dumps({"texts": [TEXT]})
CONNECTIONS = 32
PORT = 8765

LOAD = """
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
wrk.body = '%s'
local mean = %f
if mean > 0 then
  function delay() return -math.log(1 - math.random()) * mean end
end
"""

PEER = """
import os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"], os.environ["OPENBLAS_NUM_THREADS"] = "3", "1"
from pathlib import Path
import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel
from lstmctl.registry.artifact import ModelFolder

kind, path = os.environ["PEER"].split(":", 1)
folder = ModelFolder(Path(path), path)
classifier = folder.classifier()
labels = list(folder.card.config.labels)
classifier.predict("warm up")

class Question(BaseModel):
    texts: list[str]

def inputs(text):
    ids = classifier.encode(text).ids
    words = np.array([ids], np.int64)
    found = {"words": words}
    if classifier.ngrams is not None:
        parts = classifier.ngram_parts([ids])
        if folder.card.config.ngram_inputs:
            found["ngram_inputs"] = parts.inputs[None]
        found["ngram_logits"] = parts.logits.astype(np.float32)
    return found

if kind == "keras":
    import threading
    import keras
    one_at_a_time = threading.Lock()
    model = keras.models.load_model(os.environ["KERAS_FILE"])
    names = [tensor.name for tensor in model.inputs]
    def probabilities(text):
        found = inputs(text)
        values = [found[name] for name in names] if len(names) > 1 else found["words"]
        with one_at_a_time:  # predict hangs when threads call it at the same time
            return model.predict(values, verbose=0)[0].tolist()
else:
    import onnxruntime
    from lstmctl.interchange.onnx import to_onnx
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(to_onnx(folder), options)
    def probabilities(text):
        return session.run(None, inputs(text))[0][0].tolist()

probabilities("warm up")
app = FastAPI()

@app.post("/v1/predict")
def predict(question: Question):
    return [{"text": text, "probabilities": probabilities(text)} for text in question.texts]
"""


@contextmanager
def serving(command: list[str], **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A server in a process of its own, from when it answers."""
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", PORT)) == 0:
            raise SystemExit(f"port {PORT} is in use")
    options = {"stderr": subprocess.PIPE, "env": {**os.environ, **environment}, "start_new_session": True}
    with subprocess.Popen(command, **options) as process:  # type: ignore[call-overload]
        threading.Thread(target=process.stderr.read, daemon=True).start()  # type: ignore[union-attr]
        try:
            deadline = time.monotonic() + 120
            while ask(process) != 200:
                if time.monotonic() > deadline:
                    raise SystemExit(f"{command} does not answer")
            yield process
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:  # a peer waits for its last requests without end
                os.killpg(process.pid, signal.SIGKILL)


def ask(process: subprocess.Popen[bytes]) -> int:
    """The status of one request; 0 if nobody listens yet."""
    if process.poll() is not None:
        raise SystemExit(f"the server ended with {process.returncode}")
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
    try:
        connection.request("POST", "/v1/predict", BODY, {"content-type": "application/json"})
        return connection.getresponse().status
    except OSError:
        time.sleep(0.2)
        return 0
    finally:
        connection.close()


def load(seconds: int, *, pause: float = 0.0) -> dict[str, float]:
    """Requests a second and latencies in ms under wrk's load; every connection pauses `pause` ms between requests."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(LOAD % (BODY, pause))
        script.flush()
        options = ["-t1", f"-c{CONNECTIONS}", f"-d{seconds}", "--timeout", "30s", "--latency", "-s", script.name]
        command = ["wrk", *options, f"http://127.0.0.1:{PORT}/v1/predict"]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        print(said, file=sys.stderr)
    scale = {"us": 0.001, "ms": 1.0, "s": 1000.0}
    found = {"p50": math.nan, "p99": math.nan, "rate": float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1])}  # type: ignore[index]
    for percent, value, unit in re.findall(r"^\s+(50|99)%\s+([\d.]+)(us|ms|s)$", said, re.MULTILINE):
        found[f"p{percent}"] = float(value) * scale[unit]
    return found


def cpu_seconds(session: int) -> float:
    """Processor time of all processes of a session so far. It depends little on what else the machine does."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def compare(folder: Path, reference: str, rounds: int, seconds: int, workers: int, only: str) -> None:
    """Print the medians of all servers, in turns."""
    many, here = str(workers), str(PORT)
    ours = [sys.executable, "-m", "lstmctl", "serve", reference, "--port", here]
    # Where Keras computes, a worker does not answer uvicorn's check for a while, and would be replaced.
    theirs = [sys.executable, "-m", "uvicorn", "peer:app", "--port", here, "--workers", many, "--log-level", "error"]
    theirs += ["--timeout-worker-healthcheck", "120"]
    with tempfile.TemporaryDirectory() as place:
        Path(place, "peer.py").write_text(PEER)
        keras_file = str(Path(place, "model.keras"))
        export = ["models", "export", reference, "--to", "keras", "-o", keras_file]
        subprocess.run([sys.executable, "-m", "lstmctl", *export], check=True)
        path = f"{place}:{os.environ.get('PYTHONPATH', '')}"
        servers = {
            f"lstmctl serve, {workers} workers": ([*ours, "--workers", many], {}),
            "lstmctl serve, 1 process": (ours, {}),
            "FastAPI + ONNX Runtime": (theirs, {"PEER": f"onnx:{folder}", "PYTHONPATH": path}),
            "FastAPI + Keras predict": (
                theirs,
                {"PEER": f"keras:{folder}", "PYTHONPATH": path, "KERAS_FILE": keras_file},
            ),
        }
        servers = {name: server for name, server in servers.items() if only in name}
        results: dict[str, list[tuple[dict[str, float], dict[str, float]]]] = {name: [] for name in servers}
        for _ in range(rounds):
            for name, (command, environment) in servers.items():
                with serving(command, **environment) as process:
                    load(2)
                    before = cpu_seconds(process.pid)
                    full = load(seconds)
                    requests = max(1.0, full["rate"] * seconds)
                    full["cpu"] = 1000 * (cpu_seconds(process.pid) - before) / requests
                    half = load(seconds, pause=1000 * CONNECTIONS / max(0.5, full["rate"] / 2))
                    results[name].append((full, half))
    print(f"{CONNECTIONS} connections, {cores()} cores, load included; medians of {rounds} rounds of {seconds} s")
    print("CPU ms: processor time of the server for a request, which other programs on the machine change little")
    columns = ("full load: /s", "ratio", "p50 ms", "p99 ms", "CPU ms", "half load: /s", "p50 ms", "p99 ms")
    print(" " * 28 + "  ".join(columns))
    first = 0.0
    for name, pairs in results.items():
        full, half = (
            {key: statistics.median(pair[part][key] for pair in pairs) for key in pairs[0][part]} for part in (0, 1)
        )
        first = first or full["rate"]
        values = (
            f"{full['rate']:,.0f}",
            f"{full['rate'] / (first or 1):.4f}",
            *(f"{full[key]:.1f}" for key in ("p50", "p99")),
            f"{full['cpu']:.2f}",
            f"{half['rate']:,.0f}",
            *(f"{half[key]:.1f}" for key in ("p50", "p99")),
        )
        print(f"{name:28}" + "  ".join(f"{text:>{len(column)}}" for text, column in zip(values, columns, strict=True)))


# --- workers that are killed ---------------------------------------------------------------------------------------


class Client(threading.Thread):
    """Asks on one connection after the other, and compares every answer."""

    def __init__(self, expected: bytes, until: float) -> None:
        super().__init__()
        self.expected, self.until = expected, until
        self.answered = self.wrong = 0
        self.lost: list[int] = []  # the local ports of connections that broke during a request

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
        while time.monotonic() < self.until:
            port = 0
            try:
                if connection.sock is None:
                    connection.connect()
                port = connection.sock.getsockname()[1]
                connection.request("POST", "/v1/predict", BODY, {"content-type": "application/json"})
                response = connection.getresponse()
                content = response.read()
            except (OSError, http.client.HTTPException):
                self.lost.append(port)
                connection.close()
                continue
            self.answered += 1
            self.wrong += response.status != 200 or content != self.expected


def children(pid: int) -> list[int]:
    """The worker processes of a server: those of its children that have its socket."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == pid and b"spawn_main" in (path / "cmdline").read_bytes():
                found.append(int(path.name))
        except OSError:
            continue
    return found


def client_ports(pid: int) -> set[int]:
    """The other ends of the connections that a process has."""
    inodes = set()
    for path in Path(f"/proc/{pid}/fd").iterdir():
        try:
            inodes |= set(re.findall(r"socket:\[(\d+)\]", os.readlink(path)))
        except OSError:
            continue
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return {int(row[2].rpartition(":")[2], 16) for row in rows if row[9] in inodes}


def kill_workers(reference: str, seconds: int, workers: int) -> None:
    """Load while a worker is killed every two seconds or so: print what was wrong, and what was lost where."""
    command = [sys.executable, "-m", "lstmctl", "serve", reference, "--port", str(PORT), "--workers", str(workers)]
    with serving(command) as process:
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
        connection.request("POST", "/v1/predict", BODY, {"content-type": "application/json"})
        expected = connection.getresponse().read()
        connection.close()
        clients = [Client(expected, time.monotonic() + seconds) for _ in range(CONNECTIONS // 2)]
        for client in clients:
            client.start()
        killed, of_killed = 0, set[int]()
        while any(client.is_alive() for client in clients):
            time.sleep(random.uniform(1, 3))
            alive = children(process.pid)
            if len(alive) < workers or not any(client.is_alive() for client in clients):
                continue
            victim = random.choice(alive)
            os.kill(victim, signal.SIGSTOP)  # so that it gets no connection after they are counted
            of_killed |= client_ports(victim)
            os.kill(victim, signal.SIGKILL)
            killed += 1
        for client in clients:
            client.join()
    lost = [port for client in clients for port in client.lost]
    elsewhere = [port for port in lost if port not in of_killed]
    print(f"{killed} workers killed in {seconds} s, {len(clients)} connections")
    print(f"  {sum(client.answered for client in clients):,} requests answered")
    print(f"  {sum(client.wrong for client in clients)} answers wrong")
    print(f"  {len(lost)} requests lost in the killed workers, {len(elsewhere)} elsewhere")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model", nargs="?")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--workers", type=int, default=cores())
    parser.add_argument("--only", default="", help="the servers with this in their names")
    parser.add_argument("--kill", type=int, metavar="SECONDS")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that no server stays behind
    folder = Registry(default_home(None, os.environ)).resolve(options.model)
    if options.kill:
        kill_workers(folder.reference, options.kill, options.workers)
    else:
        compare(folder.path, folder.reference, options.rounds, options.seconds, options.workers, options.only)


if __name__ == "__main__":
    main()
