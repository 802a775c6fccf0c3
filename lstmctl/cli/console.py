"""What a stream can show, and rich for those that can show more than text. rich is imported on first use.

Messages to stderr: context, warnings, errors, and what moves while something takes long. Never the answer.

Knows streams, terminals, colours and encodings; knows nothing of models. rich is imported only for a terminal.

The one place that writes for people and programs: answers to stdout, everything else (`Messages`) to stderr.

Knows streams, terminals, colours and encodings; knows nothing of models. rich is imported only for a terminal.
"""

import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Self, TextIO

from lstmctl.cli.options import Settings
from lstmctl.errors import CannotCreate, LstmctlError, StorageError, from_os_error
from lstmctl.plots.text import Span, align, label_lines, plain, shortened, styled, visible
from lstmctl.storage.filesystem import os_errors, write_file

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


class Messages:
    """What one run of the program has to say beside its answer. Silent with -q, but for errors."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.messages_on_terminal = is_terminal(sys.stderr)
        self._rich_stderr: Any = None

    def note(self, *pieces: Span, end: str = "\n") -> None:
        """Context worth seeing; silent with -q."""
        if not self.settings.quiet:
            self._message(*pieces, end=end)

    def note_facts(self, label: str, text: str) -> None:
        """Facts with " · " between them, behind a label of up to nine letters; in several lines if need be."""
        for line in label_lines(label, text, room=self.width if self.messages_on_terminal else None):
            self.note(*line)

    def drawing(self, text: str) -> None:
        """Lines that already carry their own colours; silent with -q."""
        if not self.settings.quiet:
            self._say(text + "\n")

    def detail(self, *pieces: Span) -> None:
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

    def _message(self, *pieces: Span, end: str = "\n") -> None:
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


_IN_MEMORY = 2**23  # bytes


class PipeClosed(Exception):
    """The reader of stdout went away."""


class Console(Messages):
    """Answers and messages of one run of the program."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.on_terminal = settings.output is None and is_terminal(sys.stdout)
        wanted = settings.format
        self.format = wanted if wanted != "auto" else ("table" if self.on_terminal else "tsv")
        self._rich_stdout: Any = None

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """The console of a command that is about to start.

        Raises:
            CannotCreate: the answer should go to a file that exists, without --force.
        """
        if settings.output is not None and not settings.force and os.path.lexists(settings.output):
            raise CannotCreate(f"{settings.output} exists", hint="--force overwrites it")
        return cls(settings)

    @property
    def unicode(self) -> bool:
        """Whether what takes the answer can show ━, ★ and their like."""
        return self.settings.output is not None or can_show(sys.stdout)

    @property
    def ellipsis(self) -> str:
        """What stands for text that was cut."""
        return "…" if self.unicode else "..."

    @property
    def color(self) -> bool:
        """Whether the answer may be coloured."""
        return may_color(self.settings.color, terminal=self.on_terminal)

    @property
    def picture_format(self) -> Literal["png", "svg"] | None:
        """The kind of picture that the file of -o is named as; None for any other name."""
        match os.path.splitext(self.settings.output or "")[1].lower():
            case ".png":
                return "png"
            case ".svg":
                return "svg"
        return None

    def result(self, line: str = "") -> None:
        """One line of the answer, exactly as it is, in UTF-8 whatever the locale."""
        self._write((line + "\n").encode("utf-8", "backslashreplace"))

    def picture(self, data: bytes) -> None:
        """An answer that is no text, for the file of -o."""
        self._write(data)

    def json(self, value: object) -> None:
        """One line of JSON."""
        self.result(json.dumps(value, ensure_ascii=False))

    def show(self, *pieces: Span, cut: bool = True) -> None:
        """One line for a person, cut to the terminal's width unless `cut` is False."""
        self._show(self._styled(pieces, cut=cut) + "\n")

    def show_facts(self, label: str, text: str) -> None:
        """Facts with " · " between them, behind a label of up to nine letters; in several lines if need be."""
        for line in label_lines(label, text, room=self.width if self.on_terminal else None):
            self.show(*line)

    def show_from(self, column: int, before: Sequence[Span], after: Sequence[Span]) -> None:
        """One line whose second half starts at a column, however wide the terminal draws the first: of emoji with a
        skin tone or a joiner, no two agree."""
        place = f"\x1b[{column + 1}G" if self.on_terminal and os.environ.get("TERM") != "dumb" else ""
        first = self._styled(before, cut=False, strip=False)
        self._show(first + place + self._styled(after, cut=False) + "\n")

    def _styled(self, pieces: Sequence[Span], *, cut: bool, strip: bool = True) -> str:
        if self.color:
            if self._rich_stdout is None:
                self._rich_stdout = rich_console(stderr=False, color=True)
            console = self._rich_stdout
            with console.capture() as captured:
                console.print(styled(pieces), soft_wrap=not cut, no_wrap=True, overflow="ellipsis", end="")
            text: str = captured.get()
            return text
        text = plain(pieces, strip=strip)
        return shortened(text, self.width, ellipsis=self.ellipsis) if cut and self.on_terminal else text

    def as_shown(self, text: str) -> str:
        """User text as `show` will write it: harmless, and spelled out where the stream cannot write it."""
        return visible(text).encode(self._encoding, "backslashreplace").decode(self._encoding)

    @property
    def _encoding(self) -> str:
        return "utf-8" if self.settings.output is not None else getattr(sys.stdout, "encoding", None) or "utf-8"

    def _show(self, text: str) -> None:
        if not self.unicode:
            text = text.translate(ASCII)
        self._write(text.encode(self._encoding, "backslashreplace"))

    def table(self, header: Sequence[str], rows: Sequence[Sequence[Span]], *, right: Sequence[int] = ()) -> None:
        """Aligned columns with a dim header; the columns numbered in `right` are right-aligned."""
        for line in align([[(name, "dim") for name in header], *rows], right=right):
            self.show(*line)

    def save(self) -> None:
        """Write the answer to the file of -o, whole or not at all, if there is such a file.

        Raises:
            CannotCreate: it exists, or there is no such folder. PermissionDenied, StorageError.
        """
        if self.settings.output is not None:
            with self._gathered() as written:
                write_file(Path(self.settings.output), written, force=self.settings.force)
            self.note(f"wrote {visible(self.settings.output)}")

    def flush(self) -> None:
        """Hand all that was written to the operating system, or say why not."""
        if sys.stdout is not None:
            self._guard(sys.stdout.flush)

    def _write(self, data: bytes) -> None:
        if self.settings.output is not None:
            with os_errors("keep the answer until it is whole"):
                self._gathered().write(data)
            return
        if sys.stdout is None:
            raise StorageError("cannot write the answer: standard output is closed", hint="-o FILE writes it to a file")
        stream = sys.stdout
        self._guard(lambda: stream.buffer.write(data))

    def _gathered(self) -> Any:
        """The answer so far: in memory while it is short."""
        if self.settings.written is None:
            from tempfile import SpooledTemporaryFile

            self.settings.written = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115  # closed by `save`
        return self.settings.written

    def _guard(self, write: Any) -> None:
        try:
            write()
        except BrokenPipeError:
            raise PipeClosed from None
        except OSError as error:
            raise from_os_error(error, "write to standard output") from None


def report_error(console: Console, error: LstmctlError) -> int:
    """Show an expected error; its exit code."""
    console.error(error.message, hint=error.hint)
    return int(error.exit_code)
