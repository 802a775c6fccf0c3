"""All output: answers go to stdout or to the file of -o, messages to stderr.

This module knows streams, terminals, colours and encodings, and nothing about models. rich is imported only for a
terminal.
"""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self, TextIO, cast

from lstmctl.cli.options import Settings, settings
from lstmctl.cli.outputs import PICTURES, Format, ending, output_format
from lstmctl.errors import CannotCreate, LstmctlError, StorageError, from_os_error
from lstmctl.plots.style import PictureFormat
from lstmctl.plots.text import (
    Span,
    align,
    csv,
    harmless,
    harmless_json,
    is_formula,
    label_lines,
    plain,
    shortened,
    styled,
    tsv,
    visible,
)
from lstmctl.storage.filesystem import os_errors, write_file

_LONGEST_MESSAGE = 2_000  # characters, whatever names and texts it quotes
_IN_MEMORY = 2**23  # bytes of an answer for -o, before it moves to a temporary file
# Replacements for a stream that cannot show these characters.
_ASCII = str.maketrans(
    {
        "━": "=", "╸": "-", "╺": "-", "─": "-", "│": "|", "·": "-", "★": "*", "≈": "~", "→": "->", "–": "-", "±": "+-",
        "×": "x", "…": "...", "−": "-", "“": '"', "”": '"', "’": "'", "●": "o", "◀": "<", "≥": ">=",
    }
)  # fmt: skip


class PipeClosed(Exception):
    """The reader of stdout has closed the pipe."""


class Answer(NamedTuple):
    """The result of a command in each of its views. Only the requested one is iterated over or called.

    objects  for --json: one object per line.
    rows     for --format tsv and csv: the fields of each line, header first.
    screen   writes the view for people to the console; None: the rows.
    picture  for an -o FILE that ends in .png, .svg or .pdf: the bytes of the file.
    drawing  whether a pipe also gets the screen view, unless --format says otherwise.
    records  whether the objects are many of one kind, of which a .json file has an array.
    """

    objects: Iterable[Mapping[str, Any]]
    rows: Iterable[Sequence[object]]
    screen: Callable[["Console"], None] | None = None
    picture: Callable[[PictureFormat], bytes] | None = None
    drawing: bool = False
    records: bool = False


class Stream:
    """stdout (or the file of -o in its place) or stderr: what it can show, and how to render a line for it."""

    def __init__(self, file: TextIO | None, *, color: str, to_file: bool = False) -> None:
        """`file` may be closed or None. `to_file`: the output goes to the file of -o instead."""
        self.on_terminal = not to_file and _is_terminal(file)
        self.encoding = "utf-8" if to_file else getattr(file, "encoding", None) or "utf-8"
        self.unicode = to_file or _can_encode(self.encoding)
        dumb = "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb"
        self.color = color == "always" if color != "auto" else self.on_terminal and not dumb
        self._stderr = file is sys.stderr
        self._rich: Any = None

    @property
    def width(self) -> int:
        """Columns of the terminal; COLUMNS overrides it, and 80 is used where neither is known."""
        return shutil.get_terminal_size((80, 24)).columns

    @property
    def ellipsis(self) -> str:
        """The mark at the end of shortened text."""
        return "…" if self.unicode else "..."

    @property
    def rich(self) -> Any:
        """A `rich.console.Console` that does not interpret markup in text."""
        if self._rich is None:
            from rich.console import Console

            colors: dict[str, Any] = {"force_terminal": True if self.color else None, "no_color": not self.color}
            self._rich = Console(stderr=self._stderr, highlight=False, markup=False, emoji=False, **colors)
        return self._rich

    def render(self, spans: Sequence[Span], *, cut: bool = False, strip: bool = True) -> str:
        """One line without its line feed: with styles if colours are on, and if `cut`, no wider than the terminal."""
        if self.color:
            with self.rich.capture() as captured:
                overflow: Any = "ellipsis" if cut else "ignore"
                self.rich.print(styled(spans), soft_wrap=not cut, no_wrap=True, overflow=overflow, end="")
            text: str = captured.get()
        else:
            text = plain(spans, strip=strip)
            text = shortened(text, self.width, ellipsis=self.ellipsis) if cut and self.on_terminal else text
        return text if self.unicode else text.translate(_ASCII)


def _is_terminal(file: TextIO | None) -> bool:
    try:
        return file is not None and file.isatty()
    except ValueError:  # closed
        return False


def _can_encode(encoding: str) -> bool:
    """Whether an encoding has ━, ★ and the like."""
    try:
        "━╸★≈·→±×●⠉│".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return os.environ.get("TERM") != "linux"  # the console of the Linux kernel has no braille


def _quoted(text: str) -> str:
    """A message, with its middle left out if it quotes something very long."""
    if len(text) > _LONGEST_MESSAGE:
        text = f"{text[: _LONGEST_MESSAGE // 2]} … {text[-_LONGEST_MESSAGE // 2 :]}"
    return visible(text)


class Console:
    """The output of one run of the program: its answer and its messages."""

    _current: ClassVar["Console | None"] = None

    def __init__(self, settings: Settings, *, output: str | None = None, format: Format | None = None) -> None:
        """`output` is the file that the answer goes to; None: stdout. `format` replaces that of --format."""
        self.settings, self.output = settings, output
        self.out = Stream(sys.stdout, color=settings.color, to_file=output is not None)
        self.err = Stream(sys.stderr, color=settings.color)
        self.chosen = settings.format if format is None else format
        table_or_tsv = "table" if self.out.on_terminal else "tsv"
        self.format = self.chosen if self.chosen != "auto" else table_or_tsv
        self._collected: Any = None  # the answer so far, if it goes to a file
        self._formulas = 0  # fields of a table
        self._array = ""  # what comes before the next item of an array of JSON: "[" or ","

    @classmethod
    def open(cls, *, to_file: bool = True, endings: Iterable[str] | None = ()) -> Self:
        """The console of a command that starts. `to_file` is False for a command whose -o names a folder. `endings` are
        those of -o that the command writes besides the usual ones; None: it writes bytes, whatever the name.

        Raises CannotCreate if the file of -o exists and --force was not given, UsageError as `output_format`.
        """
        output = settings.output if to_file else None
        format = settings.format
        if output is not None and endings is not None:
            format = output_format(output, format, others=endings)
        if output is not None and os.path.isdir(output):
            raise CannotCreate(f"{output} is a folder", hint="name a file in it")
        if output is not None and not settings.force and os.path.lexists(output):
            raise CannotCreate(f"{output} exists", hint="--force overwrites it")
        Console._current = console = cls(settings, output=output, format=format)
        return console

    @classmethod
    def current(cls) -> "Console":
        """The console of the running command, or a new one if none was opened."""
        return Console._current or cls(settings)

    @classmethod
    def reset(cls) -> None:
        """Forget the console of an earlier run, and an answer that it did not save."""
        if Console._current is not None and Console._current._collected is not None:
            Console._current._collected.close()
        Console._current = None

    # --- answers ---------------------------------------------------------------------------------------------------

    def answer(self, answer: Answer) -> None:
        """Write an answer in the requested view. May be called again for more of the same answer."""
        format = "table" if answer.drawing and self.chosen == "auto" else self.format
        suffix = ending(self.output)
        if answer.picture is not None and suffix in PICTURES:
            self.write_bytes(answer.picture(cast(PictureFormat, suffix[1:])))
        elif format == "json":
            self._array = self._array or (
                "[" if answer.records and suffix == ".json" and self.settings.format == "auto" else ""
            )
            for value in answer.objects:
                self._write_object(value)
        elif format in ("tsv", "csv") or answer.screen is None:
            line, for_spreadsheets = (csv, True) if format == "csv" else (tsv, self.output is not None)
            for fields in answer.rows:
                self._formulas += for_spreadsheets and sum(map(is_formula, fields))
                self.result(line(fields))
        else:
            answer.screen(self)

    def _write_object(self, value: Mapping[str, Any]) -> None:
        """Write one object: a line, or in a file that ends in .json the next item of an array."""
        text = json.dumps(value, ensure_ascii=False)
        text = harmless_json(text) if self.out.on_terminal else text
        if not self._array:
            self.result(text)
            return
        self.write_bytes(f"{self._array}\n{text}".encode("utf-8", "backslashreplace"))
        self._array = ","

    def result(self, line: str = "") -> None:
        """Write one line of the answer, in UTF-8 in any locale: unchanged, but on a terminal without control characters
        and those that reorder or hide text."""
        line = harmless(line) if self.out.on_terminal else line
        self.write_bytes((line + "\n").encode("utf-8", "backslashreplace"))

    def show(self, *spans: Span) -> None:
        """Write one line for people, cut to the width of the terminal."""
        self._show(self.out.render(spans, cut=True) + "\n")

    def show_facts(self, label: str, text: str) -> None:
        """Write facts separated by " · " after a label of up to nine letters, on several lines if necessary."""
        for line in label_lines(label, text, room=self.out.width if self.out.on_terminal else None):
            self.show(*line)

    def show_from(self, column: int, before: Sequence[Span], after: Sequence[Span]) -> None:
        """Write one line whose second half starts at `column`, however wide the terminal draws the first half:
        terminals differ in the width of emoji with a skin tone or a joiner."""
        cursor = f"\x1b[{column + 1}G" if self.out.on_terminal and os.environ.get("TERM") != "dumb" else ""
        self._show(self.out.render(before, strip=False) + cursor + self.out.render(after) + "\n")

    def show_drawing(self, text: str) -> None:
        """Write lines that already contain colour codes, and no text of others."""
        self._show(text + "\n")

    def table(self, header: Sequence[str], rows: Sequence[Sequence[Span]], *, right: Sequence[int] = ()) -> None:
        """Write aligned columns under a dim header. The columns with an index in `right` are right-aligned."""
        for line in align([[(name, "dim") for name in header], *rows], right=right):
            self.show(*line)

    def as_shown(self, text: str, width: int | None = None) -> str:
        """User text as `show` writes it: control characters and those that the stream lacks are escaped, and if
        `width` is given, the text is cut to that many columns."""
        text = visible(text).encode(self.out.encoding, "backslashreplace").decode(self.out.encoding)
        return text if width is None else shortened(text, width, ellipsis=self.out.ellipsis)

    def write_bytes(self, data: bytes) -> None:
        """Write part of the answer."""
        if self.output is not None:
            with os_errors("keep the output until it is complete"):
                self._collect().write(data)
            return
        if sys.stdout is None:
            raise StorageError("cannot write the output: standard output is closed", hint="-o FILE writes it to a file")
        stream = sys.stdout
        self._guard(lambda: stream.buffer.write(data))

    def open_bytes(self) -> Any:
        """The file that holds the answer for -o until it is complete: for formats that are not lines."""
        return self._collect()

    def save(self) -> None:
        """Write the answer to the file of -o, if one was given: completely or not at all. Raises as `write_file`."""
        if self._formulas:
            text = f"{self._formulas:,} fields begin like a formula, which a spreadsheet may run"
            self.warn(text, hint="--json writes no table; or import all columns as text")
            self._formulas = 0
        if self.output is not None:
            if self._array:
                self.result("[]" if self._array == "[" else "\n]")
            with self._collect() as collected:
                write_file(Path(self.output), collected, force=self.settings.force)
            self.note(f"wrote {visible(self.output)}")

    def flush(self) -> None:
        """Flush stdout. Raises PipeClosed if its reader is gone, StorageError."""
        if sys.stdout is not None:
            self._guard(sys.stdout.flush)

    # --- messages on stderr; with -q only errors and hints -----------------------------------------------------------

    def note(self, *spans: Span, end: str = "\n") -> None:
        """Write a line of context."""
        if not self.settings.quiet:
            self._message(*spans, end=end)

    def note_facts(self, label: str, text: str) -> None:
        """Write a note as `show_facts` writes a line."""
        for line in label_lines(label, text, room=self.err.width if self.err.on_terminal else None):
            self.note(*line)

    def note_drawing(self, text: str) -> None:
        """Write lines that already contain colour codes."""
        if not self.settings.quiet:
            self._write_message(text + "\n")

    def detail(self, *spans: Span) -> None:
        """Write a line that is shown only with -v."""
        if self.settings.verbose:
            self._message(*spans)

    def warn(self, text: str, *, hint: str | None = None) -> None:
        """Write a warning, with what to do about it."""
        if not self.settings.quiet:
            self._message(("warning: ", "bold"), _quoted(text))
            self.hint(hint)

    def hint(self, text: str | None) -> None:
        """Write what to do next, if there is a hint."""
        if text:
            self._message(("hint: ", "bold"), _quoted(text))

    def error(self, text: str, *, hint: str | None = None) -> None:
        """Write what went wrong, in one line, and what repairs it."""
        self._message(("error: ", "bold red"), _quoted(text))
        self.hint(hint)

    def report(self, error: LstmctlError) -> int:
        """Write an expected error; returns its exit code."""
        self.error(error.message, hint=error.hint)
        return int(error.exit_code)

    @contextmanager
    def waiting(self, label: str) -> Iterator[None]:
        """A spinner with a label, for work that can take longer than a second."""
        console, spinner = self.progress(), "dots" if self.err.unicode else "line"
        with console.status(styled([visible(label)]), spinner=spinner) if console is not None else nullcontext():
            yield

    def start_bar(self, label: str, text: str, *, total: int, room: int, numbers: str = "") -> Any:
        """Start a progress bar between a label and a text, which need `room` columns; None where `progress` is None.

        In `text`, a format string of rich, {task.fields[numbers]} is the argument `numbers` of the bar's `update`.
        """
        if (console := self.progress()) is None:
            return None
        from rich.progress import BarColumn, Progress, TextColumn

        columns = [
            *([TextColumn(label, markup=False)] if label else []),
            BarColumn(max(8, min(30, self.err.width - room))),
        ]
        bar = Progress(
            *columns, TextColumn(text), console=console, transient=True, redirect_stdout=False, redirect_stderr=False
        )
        bar.add_task("", total=total, numbers=numbers)
        bar.start()
        return bar

    def progress(self) -> Any:
        """A rich console on stderr for live displays, or None if stderr is not a terminal or -q was given."""
        return self.err.rich if self.err.on_terminal and not self.settings.quiet else None

    # --- private ----------------------------------------------------------------------------------------------------

    def _show(self, text: str) -> None:
        self.write_bytes(text.encode(self.out.encoding, "backslashreplace"))

    def _message(self, *spans: Span, end: str = "\n") -> None:
        self._write_message(self.err.render(spans, strip=end == "\n") + end)

    def _write_message(self, text: str) -> None:
        with suppress(OSError, ValueError):  # there is no other stream to report this on
            if sys.stderr is not None:
                sys.stderr.write(text)
                sys.stderr.flush()

    def _collect(self) -> Any:
        """The answer so far: in memory while it is short, then in a temporary file."""
        if self._collected is None:
            from tempfile import SpooledTemporaryFile

            self._collected = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115  # closed by `save`
        return self._collected

    def _guard(self, write: Callable[[], object]) -> None:
        try:
            write()
        except BrokenPipeError:
            raise PipeClosed from None
        except OSError as error:
            raise from_os_error(error, "write to standard output") from None


def show_readings(console: Console, readings: Iterable[str]) -> None:
    """Say on stderr how files were recognised: one line for each different way."""
    for reading in readings:
        if reading:
            console.note_facts("reading", reading)
