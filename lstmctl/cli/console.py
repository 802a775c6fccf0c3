"""The one place that writes for people and programs: answers to stdout, everything else (`Messages`) to stderr.

Knows streams, terminals, colours and encodings; knows nothing of models. rich is imported only for a terminal.
"""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self

from lstmctl.cli.lines import Piece, align, labelled, plain, shortened, styled, visible
from lstmctl.cli.messages import Messages
from lstmctl.cli.options import Settings
from lstmctl.cli.terminal import ASCII, can_show, is_terminal, may_color, rich_console
from lstmctl.errors import CannotCreate, LstmctlError, StorageError, from_os_error
from lstmctl.files import os_errors, write_file

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

    def show(self, *pieces: Piece, cut: bool = True) -> None:
        """One line for a person, cut to the terminal's width unless `cut` is False."""
        self._show(self._styled(pieces, cut=cut) + "\n")

    def show_facts(self, label: str, text: str) -> None:
        """Facts with " · " between them, behind a label of up to nine letters; in several lines if need be."""
        for line in labelled(label, text, room=self.width if self.on_terminal else None):
            self.show(*line)

    def show_from(self, column: int, before: Sequence[Piece], after: Sequence[Piece]) -> None:
        """One line whose second half starts at a column, however wide the terminal draws the first: of emoji with a
        skin tone or a joiner, no two agree."""
        place = f"\x1b[{column + 1}G" if self.on_terminal and os.environ.get("TERM") != "dumb" else ""
        first = self._styled(before, cut=False, strip=False)
        self._show(first + place + self._styled(after, cut=False) + "\n")

    def _styled(self, pieces: Sequence[Piece], *, cut: bool, strip: bool = True) -> str:
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

    def table(self, header: Sequence[str], rows: Sequence[Sequence[Piece]], *, right: Sequence[int] = ()) -> None:
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


def report(console: Console, error: LstmctlError) -> int:
    """Show an expected error; its exit code."""
    console.error(error.message, hint=error.hint)
    return int(error.exit_code)
