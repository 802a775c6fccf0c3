"""A real training process that is told to end: the right code, no traceback, and a word about what was saved."""

import os
import signal
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.training

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


# If the tests run in the background, SIGINT is ignored, and a child would rightly go on ignoring it.
PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from lstmctl.__main__ import main
sys.exit(main())
"""


def start(tmp_path):
    data = tmp_path / "data.csv"
    if not data.exists():
        rows = [f"good film {n},pos\nbad film {n},neg\n" for n in range(400)]
        data.write_text("text,label\n" + "".join(rows))
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "train", "--data", str(data), "-e", "500", "--units", "4"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "LSTMCTL_HOME": str(tmp_path / "home")},
    )


@pytest.mark.parametrize(("number", "seconds"), [(signal.SIGINT, 0.4), (signal.SIGTERM, 1.0), (signal.SIGHUP, 2.0)])
def test_before_the_first_epoch(tmp_path, number, seconds):
    process = start(tmp_path)
    time.sleep(seconds)
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert process.returncode == CODES[number], err
    assert out == ""
    assert "Traceback" not in err and "Fatal" not in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_while_training_the_last_epoch_is_kept(tmp_path, number):
    process = start(tmp_path)
    for line in process.stderr:
        if line.startswith("epoch=2/"):
            break
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert process.returncode == CODES[number], err
    assert out == "" and "Traceback" not in err
    assert "is saved as a checkpoint" in err
    hint = next(line for line in err.splitlines() if line.startswith("hint: "))
    checkpoint = hint.split(" -m ")[1].split()[0]
    answered = subprocess.run(
        [sys.executable, "-m", "lstmctl", "predict", "-m", checkpoint, "good film"], capture_output=True, check=False
    )
    assert answered.returncode == 0, answered.stderr


def test_an_ignored_hangup_stays_ignored(tmp_path):
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
    out, err = process.communicate(b"good film\n", timeout=20)
    assert (process.returncode, out[:3]) == (0, b"pos"), err
