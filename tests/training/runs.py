"""Real training processes for tests that stop, kill and resume them."""

import hashlib
import os
import random
import subprocess
import sys
from pathlib import Path

# In background jobs SIGINT is ignored, which children inherit; hence the handlers. This program saves a checkpoint
# after each step, so that many kills hit the writing of one.
OFTEN = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from lstmctl.training import framework
wait = framework.BackgroundImport.wait
def waited(self):
    wait(self)
    from lstmctl.training import fit, job
    fit.CHUNK_SECONDS, job.SAVE_EVERY = 0.0, 0.0
framework.BackgroundImport.wait = waited
from lstmctl.__main__ import main
sys.argv[0] = "lstmctl"
sys.exit(main())
"""
PLAIN = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from lstmctl.__main__ import main
sys.argv[0] = "lstmctl"
sys.exit(main())
"""


def write_data(path: Path, *, rows: int = 600) -> Path:
    """Texts of up to 40 words in two classes, with some noise, so that each epoch changes the weights."""
    generator = random.Random(0)
    words = [f"w{number}" for number in range(200)]
    lines = ["text,label\n"]
    for _ in range(rows):
        label = generator.choice(["pos", "neg"])
        text = generator.choices(words, k=generator.randint(2, 40)) + [generator.choice(["good", "bad"]), label]
        lines.append(f"{' '.join(text)},{label}\n")
    path.write_text("".join(lines))
    return path


def start(home: Path, *arguments: object, program: str = OFTEN) -> subprocess.Popen[str]:
    """Start `lstmctl ARGUMENTS` with that home."""
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "LSTMCTL_HOME": str(home)},
    )


def finish(home: Path, *arguments: object, program: str = OFTEN) -> tuple[int, str, str]:
    """Run `lstmctl ARGUMENTS` to its end: exit code, stdout, stderr."""
    process = start(home, *arguments, program=program)
    out, err = process.communicate(timeout=240)
    return process.returncode, out, err


def weights_sha256(home: Path) -> str:
    """Hash of the weights of the only model in the home."""
    (path,) = home.glob("models/*/v000001/weights.safetensors")
    return hashlib.sha256(path.read_bytes()).hexdigest()
