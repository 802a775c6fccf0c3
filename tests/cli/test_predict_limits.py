"""predict at its limits: invalid numbers for options, endless lines, texts without words."""

import json
import subprocess
import sys

import numpy as np
import pytest
from toy import register_toy

INVALID = ("nan", "inf", "-1", "1e308", str(2**63), "9" * 5_000, "0x10", "", " ", "1,5", "١٢.٥x")


@pytest.fixture
def model(tmp_path):
    return register_toy(tmp_path / "home")


@pytest.mark.parametrize("value", INVALID, ids=lambda value: value[:8] or "empty")
@pytest.mark.parametrize("option", ["-k", "--threshold", "-j", "--max-line-bytes"])
def test_invalid_numbers(cli, model, option, value):
    result = cli(
        "predict", f"{option}={value}" if option.startswith("--") else f"{option}{value}", "-", input=b"good\n"
    )
    assert (result.code, result.out) == (2, ""), value
    assert result.err.startswith("error: ") and len(result.err.splitlines()) <= 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "…",
        "qwrtz " * 50,
        "\u200b\ufeff",
        "good",
        "字" * 3_000,
        "good" * 10_000,
        "<br />" * 9,
        "\u0301\u0301",
        "'" * 9,
    ],
    ids=range(11),
)
def test_any_text_has_a_prediction(cli, model, text):
    """Finite, and the same alone and among other texts."""
    alone = json.loads(cli("predict", "--json", "-", input=text.encode() + b"\n").lines[0])
    others = b"good film\n" * 300
    together = json.loads(cli("predict", "--json", "-", input=others + text.encode() + b"\n").lines[-1])
    assert np.isfinite(list(alone["probabilities"].values())).all()
    assert alone["probabilities"] == together["probabilities"]


MEASURED = """
import resource, subprocess, sys
done = subprocess.run([sys.executable, "-m", "lstmctl", "predict", *sys.argv[1:]], capture_output=True)
size = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // (1024 if sys.platform == "linux" else 1024**2)
print(done.returncode, size, done.stdout.count(b"\\n"), done.stderr.decode())
"""


@pytest.mark.parametrize(
    ("options", "megabytes", "code", "rows", "most_memory"),
    [([], 100, 65, 1, 150), (["--max-line-bytes", "20000000"], 10, 0, 3, 400)],
    ids=["too long", "allowed"],
)
def test_endless_line(model, options, megabytes, code, rows, most_memory):
    """A line beyond the limit is rejected before all of it is read; the row before it gets its prediction."""
    process = subprocess.Popen(
        [sys.executable, "-c", MEASURED, "-", "-j", "1", *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        process.stdin.write(b"good film\n")
        for _ in range(megabytes):
            process.stdin.write(b"good bad " * 111_111)
        process.stdin.write(b"\ngood\n")
    except BrokenPipeError:
        assert code  # it did not read to the end
    out, _ = process.communicate(timeout=120)
    returned, memory, predicted, message = out.decode().split(" ", 3)
    assert (int(returned), int(predicted)) == (code, rows)
    assert int(memory) <= most_memory
    if code:
        assert message.startswith("error: standard input:2: ") and "1 MiB" in message


def test_long_lines_stream(model):
    """2,000 lines of 100,000 characters: 200 MB, in little memory."""
    process = subprocess.Popen(
        [sys.executable, "-c", MEASURED, "-", "-j", "1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    line = b"good bad " * 11_111 + b"\n"
    for _ in range(2_000):
        process.stdin.write(line)
    out, _ = process.communicate(timeout=300)
    returned, memory, predicted, _ = out.decode().split(" ", 3)
    assert (int(returned), int(predicted)) == (0, 2_000)
    assert int(memory) <= 300
