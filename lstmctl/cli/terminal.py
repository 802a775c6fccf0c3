"""What a stream can show."""

import os
from typing import TextIO

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


def can_show(stream: TextIO | None) -> bool:
    """Whether its encoding has ━, ★ and their like."""
    try:
        "━╸★≈·→±×●⠉│".encode(getattr(stream, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return os.environ.get("TERM") != "linux"  # the kernel's own console has no braille
