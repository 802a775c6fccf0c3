"""A real terminal, of 80 columns and without colours or a cursor that moves: what is shown is what was written."""

import fcntl
import os
import pty
import struct
import subprocess
import termios
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple


class Shown(NamedTuple):
    """How a program ended, what it wrote to the terminal, and what to the other stream, which is a pipe."""

    code: int
    terminal: str
    pipe: str


def run_in_terminal(
    command: list[str], *, stream: str, environment: Mapping[str, str], cwd: Path | None = None, columns: int = 80
) -> Shown:
    """Run a program whose `stream`, "stdout" or "stderr", is a terminal."""
    outer, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    other = {"stdout": "stderr", "stderr": "stdout"}[stream]
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env={**environment, "NO_COLOR": "1", "TERM": "dumb", "COLUMNS": str(columns)},
        stdin=subprocess.DEVNULL,
        **{stream: inner, other: subprocess.PIPE},
    )
    os.close(inner)
    pieces = []
    with process, os.fdopen(outer, "rb", buffering=0) as screen:
        try:
            while piece := screen.read(65_536):
                pieces.append(piece)
        except OSError:  # how Linux tells that nobody has the terminal open any more
            pass
        said = getattr(process, other).read()  # little enough for a pipe to hold
    text = b"".join(pieces).decode().replace("\r\n", "\n")
    return Shown(process.wait(), text, said.decode())
