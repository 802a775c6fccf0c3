"""Texts typed on a terminal: `predict -` says what it waits for, and shows a prompt. Pipes and files get neither."""

import sys
from typing import TYPE_CHECKING

from lstmctl.cli.console import Console

if TYPE_CHECKING:
    from lstmctl.data.opening import StdinLines

PROMPT = "> "


class Prompt:
    """What a terminal shows while somebody types texts: a note first, and a prompt before each text.

    Nothing unless standard input is read and both it and stderr are a terminal, nor with -q. The prompt also needs
    answers on the terminal: those of a pipe or a file come later.
    """

    def __init__(self, console: Console, stdin: "StdinLines | None", *, reference: str) -> None:
        typed = stdin is not None and sys.stdin is not None and sys.stdin.isatty()
        self._console = console
        self._active = typed and console.err.on_terminal and not console.settings.quiet
        self._has_prompt = self._active and console.out.on_terminal
        if self._has_prompt:
            console.note((f"live: type a text and press Enter; {reference} answers at once. Ctrl-D ends.", "dim"))
        elif self._active:
            console.note(("type a text a line; Ctrl-D ends", "dim"))

    def show(self) -> None:
        """Write the prompt."""
        if self._has_prompt:
            self._console.note((PROMPT, "bold"), end="")

    def close(self) -> None:
        """After the last text: what the shell writes next begins on a line of its own."""
        if self._has_prompt:
            self._console.note()
