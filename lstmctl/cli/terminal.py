"""What a stream can show, and rich for those that can show more than text. rich is imported on first use."""

import os
import shutil
from typing import Any, TextIO

# For a stream that cannot show these characters.
ASCII = str.maketrans(
    {
        "━": "=", "╸": "-", "╺": "-", "─": "-", "│": "|", "·": "-", "★": "*", "≈": "~", "→": "->", "–": "-", "±": "+-",
        "×": "x", "…": "...", "−": "-", "“": '"', "”": '"', "’": "'", "●": "o", "◀": "<",
    }
)  # fmt: skip


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a person is looking at it."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


def columns() -> int:
    """How wide the terminal is, or 80, or what COLUMNS says."""
    return shutil.get_terminal_size((80, 24)).columns


def can_show(stream: TextIO | None) -> bool:
    """Whether its encoding has ━, ★ and their like."""
    try:
        "━╸★≈·→±×●⠉│".encode(getattr(stream, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return os.environ.get("TERM") != "linux"  # the kernel's own console has no braille


def may_color(wanted: str, *, terminal: bool) -> bool:
    """Whether --color, "auto", "always" or "never", and the environment allow colours on a stream."""
    if wanted != "auto":
        return wanted == "always"
    return terminal and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def rich_console(*, stderr: bool, color: bool) -> Any:
    """A `rich.console.Console` that takes text as it is."""
    from rich.console import Console

    return Console(
        stderr=stderr,
        force_terminal=True if color else None,
        no_color=not color,
        highlight=False,
        markup=False,
        emoji=False,
    )
