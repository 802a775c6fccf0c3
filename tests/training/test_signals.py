"""A real training process that gets a signal: the right exit code, no traceback, and a run that can be resumed."""

import os
import random
import re
import signal
import subprocess
import sys
import time

import pytest
from training import runs

pytestmark = pytest.mark.training

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
LIMIT = 20  # seconds: a guard against hanging, ten times the figure


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("signals")
    runs.write_data(folder / "data.csv", rows=1500)
    return folder


def train(folder, home, *, program=runs.PLAIN):
    return runs.start(home, "train", "--data", folder / "data.csv", "-e", 40, "--units", 8, program=program)


def check_stopped(home, number, code, out, err):
    """After the first step, the run is saved and the message says how to resume; or the model is registered."""
    assert "Traceback" not in err and "Fatal" not in err, err
    if code == 0:
        assert out == "data@1\n"
        return "done"
    assert code == CODES[number], err
    assert out == ""
    match = re.search(r"^hint: lstmctl train --resume --run (\S+)$", err, re.M)
    if match:
        assert list((home / "checkpoints" / match[1]).glob("step-*"))
        return "resumable"
    if "is registered" in err:
        assert list(home.glob("models/data/v000001"))
        return "done"
    assert "epoch=" not in err
    assert not list(home.glob("checkpoints/*"))
    return "not begun"


def signal_at(folder, home, number, seconds, *, program=runs.PLAIN):
    """Send the signal after these seconds; the state of the run, and the seconds it took to end."""
    process = train(folder, home, program=program)
    try:
        out, err = process.communicate(timeout=seconds)
        took = 0.0
    except subprocess.TimeoutExpired:
        process.send_signal(number)
        sent = time.monotonic()
        out, err = process.communicate(timeout=LIMIT)
        took = time.monotonic() - sent
    return check_stopped(home, number, process.returncode, out, err), took


@pytest.mark.parametrize(
    ("number", "seconds"),
    [(signal.SIGINT, 0.4), (signal.SIGTERM, 1.5), (signal.SIGHUP, 3.0), (signal.SIGINT, 5.0), (signal.SIGTERM, 7.0)],
)
def test_signals_at_some_moments(folder, tmp_path, number, seconds):
    became, _ = signal_at(folder, tmp_path / "home", number, seconds)
    assert became in ("not begun", "resumable", "done")


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_thirty_signals_at_random_moments(folder, tmp_path):
    generator, took, became = random.Random(0), [], []
    started = time.monotonic()
    code, _, err = runs.finish(tmp_path / "straight", "train", "--data", folder / "data.csv", "-e", 40, "--units", 8)
    seconds = time.monotonic() - started
    assert code == 0, err
    for number in range(30):
        home = tmp_path / str(number)
        kind = generator.choice(list(CODES))
        state, waited = signal_at(folder, home, kind, generator.uniform(0.2, seconds), program=runs.OFTEN)
        took.append(waited)
        became.append(state)
        if state == "resumable":
            code, _, err = runs.finish(home, "train", "--resume")
            assert code == 0, err
            assert runs.weights_sha256(home) == runs.weights_sha256(tmp_path / "straight")
    took.sort()
    print({state: became.count(state) for state in set(became)}, f"p95 {took[28]:.2f} s, longest {took[-1]:.2f} s")
    assert became.count("resumable") >= 5


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_signal_while_training(folder, tmp_path, number):
    home = tmp_path / "home"
    process = train(folder, home)
    for line in process.stderr:
        if line.startswith("epoch=2/"):
            break
    process.send_signal(number)
    out, err = process.communicate(timeout=LIMIT)
    assert check_stopped(home, number, process.returncode, out, err) == "resumable"
    assert re.search(r"^error: stopped after epoch \d+(, step \d+)?; progress is saved$", err, re.M)


def test_second_signal_ends_the_process(tmp_path):
    """Even inside a block that defers the first signal."""
    program = (
        "import os, signal, sys, time\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from lstmctl import process\nprocess.handle_signals()\n"
        "with process.signals_deferred():\n    print('in', flush=True)\n    time.sleep(60)\n    print('out')\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "in\n"
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=LIMIT)[0] == ""
    assert process.returncode == 130


def test_deferred_signals_in_nested_blocks():
    program = (
        "import os, signal\nfrom lstmctl import process\nfrom lstmctl.errors import Signalled\n"
        "process.handle_signals()\n"
        "done = []\n"
        "try:\n"
        "    with process.signals_deferred():\n"
        "        with process.signals_deferred():\n"
        "            os.kill(os.getpid(), signal.SIGTERM)\n"
        "            done.append('inner')\n"
        "        done.append('outer')\n"
        "    done.append('after')\n"
        "except Signalled as interrupt:\n    done.append(interrupt.number)\n"
        "print(done)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "['inner', 'outer', 15]\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_in_a_destructor(number):
    """Python drops what a destructor raises; the signal is sent again and reaches the code outside."""
    program = (
        "import os, signal, time\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from lstmctl import process\nfrom lstmctl.errors import Signalled\n"
        "process.handle_signals()\n"
        "class Closing:\n"
        f"    def __del__(self):\n        os.kill(os.getpid(), {int(number)})\n        time.sleep(1)\n"
        "try:\n"
        "    Closing()\n"
        "    print('dropped', flush=True)\n"
        "    time.sleep(60)\n"
        "except (KeyboardInterrupt, Signalled) as interrupt:\n    print(process.signal_number(interrupt))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=LIMIT, check=True)
    assert done.stdout.split()[-1] == str(int(number))
    assert done.stderr == ""


def test_ignored_hangup_stays_ignored(tmp_path):
    """As under nohup."""
    (tmp_path / "run.py").write_text(
        "import os, signal, sys\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "from lstmctl.__main__ import main\nsys.argv = ['lstmctl', 'predict', '-']\n"
        "import threading\nthreading.Timer(0.2, os.kill, (os.getpid(), signal.SIGHUP)).start()\nsys.exit(main())\n"
    )
    from toy import register_toy

    register_toy(tmp_path / "home")
    process = subprocess.Popen(
        [sys.executable, str(tmp_path / "run.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "LSTMCTL_HOME": str(tmp_path / "home")},
    )
    time.sleep(0.6)
    out, err = process.communicate(b"good film\n", timeout=LIMIT)
    assert (process.returncode, out[:3]) == (0, b"pos"), err
