"""Writes the command reference from what the program says of itself: `python docs/reference/make.py`."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
WIDTH = "80"
COMMANDS = (
    "",
    "train",
    "evaluate",
    "predict",
    "plot",
    "summary",
    *(f"models {name}" for name in ["list", "tag", "untag", "rm", "restore", "prune", "verify", "export", "import"]),
    *(f"data {name}" for name in ["list", "check"]),
    "completion",
)


def help_of(command: str) -> str:
    """What `lstmctl COMMAND --help` prints."""
    environment = {**os.environ, "COLUMNS": WIDTH, "NO_COLOR": "1", "LC_ALL": "C.UTF-8"}
    arguments = [sys.executable, "-m", "lstmctl", *command.split(), "--help"]
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.rstrip()


def page() -> str:
    """The whole page."""
    parts = [
        "# Commands\n\nWritten by `python docs/reference/make.py` from the program's own help; a test keeps it so.\n"
        "The options under *Everywhere* can stand before or behind the command.\n"
    ]
    for command in COMMANDS:
        text = help_of(command)
        if command:
            text = text[: text.index("\nEverywhere:\n")].rstrip() + text[_end_of_shared(text) :]
        parts.append(f"## {' '.join(['lstmctl', command]).strip()}\n\n```\n{text.rstrip()}\n```\n")
    return "\n".join(parts)


def _end_of_shared(text: str) -> int:
    """Where the section of the shared options ends, which is shown once."""
    start = text.index("\nEverywhere:\n") + 1
    end = text.find("\n\n", start)
    return end if end >= 0 else len(text)


if __name__ == "__main__":
    (HERE / "cli.md").write_text(page(), encoding="utf-8")
