"""Messages to stderr: context, warnings, errors, and what moves while something takes long. Never the answer.

Knows streams, terminals, colours and encodings; knows nothing of models. rich is imported only for a terminal.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lstmctl.cli.lines import Piece, labelled, plain, styled, visible
from lstmctl.cli.options import Settings
from lstmctl.cli.terminal import ASCII, can_show, columns, is_terminal, may_color, rich_console


class Messages:
    """What one run of the program has to say beside its answer. Silent with -q, but for errors."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.messages_on_terminal = is_terminal(sys.stderr)
        self._rich_stderr: Any = None

    def note(self, *pieces: Piece, end: str = "\n") -> None:
        """Context worth seeing; silent with -q."""
        if not self.settings.quiet:
            self._message(*pieces, end=end)

    def note_facts(self, label: str, text: str) -> None:
        """Facts with " · " between them, behind a label of up to nine letters; in several lines if need be."""
        for line in labelled(label, text, room=self.width if self.messages_on_terminal else None):
            self.note(*line)

    def drawing(self, text: str) -> None:
        """Lines that already carry their own colours; silent with -q."""
        if not self.settings.quiet:
            self._say(text + "\n")

    def detail(self, *pieces: Piece) -> None:
        """Only with -v."""
        if self.settings.verbose:
            self._message(*pieces)

    def warn(self, text: str, *, hint: str | None = None) -> None:
        """Something the user should know; silent with -q."""
        if not self.settings.quiet:
            self._message(("warning: ", "bold"), visible(text))
            self.hint(hint)

    def hint(self, text: str | None) -> None:
        """What to do next."""
        if text:
            self._message(("hint: ", "bold"), visible(text))

    def error(self, text: str, *, hint: str | None = None) -> None:
        """What went wrong, in one line, and what repairs it."""
        self._message(("error: ", "bold red"), visible(text))
        self.hint(hint)

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """A spinner with a name, for what can take over a second."""
        console = self.progress()
        if console is None:
            yield
            return
        with console.status(what, spinner="dots" if self.messages_unicode else "line"):
            yield

    def progress(self) -> Any:
        """A rich console on stderr for live displays, or None where stderr is no terminal or should stay quiet."""
        return self._rich() if self.messages_on_terminal and not self.settings.quiet else None

    @property
    def width(self) -> int:
        """Columns of the terminal, or 80, or what COLUMNS says."""
        return columns()

    @property
    def messages_unicode(self) -> bool:
        """Whether stderr can show ━, ★ and their like."""
        return can_show(sys.stderr)

    @property
    def messages_color(self) -> bool:
        """Whether messages may be coloured."""
        return may_color(self.settings.color, terminal=self.messages_on_terminal)

    def _rich(self) -> Any:
        if self._rich_stderr is None:
            self._rich_stderr = rich_console(stderr=True, color=self.messages_color)
        return self._rich_stderr

    def _message(self, *pieces: Piece, end: str = "\n") -> None:
        if self.messages_color:
            console = self._rich()
            with console.capture() as captured:
                console.print(styled(pieces), soft_wrap=True, end=end)
            text = captured.get()
        else:
            text = plain(pieces, strip=end == "\n") + end
        self._say(text if self.messages_unicode else text.translate(ASCII))

    def _say(self, text: str) -> None:
        if sys.stderr is None:
            return
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except (OSError, ValueError):
            return  # nobody can be told that messages cannot be told
