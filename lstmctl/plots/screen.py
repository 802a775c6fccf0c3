"""What figures made of characters are drawn on."""

from collections.abc import Sequence
from typing import Protocol

from lstmctl.plots.text import Span

NARROWEST, WIDEST = 24, 120  # columns of a figure


class Surface(Protocol):
    """What a screen can show: the attributes of `cli.console.Stream` that drawing needs."""

    color: bool
    unicode: bool

    @property
    def width(self) -> int: ...


class Screen(Protocol):
    """What a figure is drawn on: the methods of `cli.console.Console` that drawing needs."""

    @property
    def out(self) -> Surface: ...
    def as_shown(self, text: str, width: int | None = None) -> str: ...
    def result(self, line: str = "") -> None: ...
    def show_drawing(self, text: str) -> None: ...
    def show(self, *spans: Span) -> None: ...
    def show_from(self, column: int, before: Sequence[Span], after: Sequence[Span]) -> None: ...
