"""How a picture is to look: its size, its resolution and its title, with their bounds."""

import re
from dataclasses import dataclass
from typing import Literal, Self

from lstmctl.errors import UsageError
from lstmctl.plots.text import printable, visible

PictureFormat = Literal["png", "svg", "pdf"]

SMALLEST, LARGEST = 1.0, 100.0  # inches of --size
COARSEST, FINEST = 20, 1200  # --dpi
LONGEST_TITLE = 200  # characters
DPI = 150
LEAST_DPI = 60  # of a picture that would be too large at DPI; labels are still readable
MOST_PIXELS, MOST_PIXELS_A_SIDE = 100_000_000, 65_000  # what matplotlib draws in half a gigabyte of memory, or at all

_SIZE = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*[xX×]\s*(\d+(?:\.\d*)?|\.\d+)\s*")


@dataclass(frozen=True)
class PictureStyle:
    """What the user asked for; None: what the figure needs."""

    size: tuple[float, float] | None = None  # width and height in inches
    dpi: int | None = None
    title: str | None = None

    @classmethod
    def parse(cls, size: str | None, dpi: int | None, title: str | None) -> Self:
        """The values of --size WxH, --dpi and --title.

        >>> PictureStyle.parse("6x4.5", 300, "Film reviews")
        PictureStyle(size=(6.0, 4.5), dpi=300, title='Film reviews')

        Raises UsageError for a value that is out of bounds.
        """
        inches = None
        if size is not None:
            match = _SIZE.fullmatch(size)
            if match is None:
                raise UsageError(f"--size must be WIDTHxHEIGHT in inches, not {visible(size)}", hint="--size 8x5")
            inches = float(match[1]), float(match[2])
            if not all(SMALLEST <= side <= LARGEST for side in inches):
                bounds = f"{SMALLEST:g} to {LARGEST:g}"
                raise UsageError(f"--size must be {bounds} inches a side, not {visible(size)}", hint="--size 8x5")
        if dpi is not None and not COARSEST <= dpi <= FINEST:
            raise UsageError(f"--dpi must be {COARSEST} to {FINEST}, not {dpi}", hint="--dpi 300 is usual for print")
        if title is not None:
            if not title.strip():
                raise UsageError("--title is empty", hint="leave out --title for the usual title")
            if len(title) > LONGEST_TITLE:
                raise UsageError(f"--title must be at most {LONGEST_TITLE} characters long, not {len(title)}")
            title = printable(" ".join(title.split()))
        return cls(inches, dpi, title)

    @property
    def is_usual(self) -> bool:
        """Whether the user asked for nothing."""
        return (self.size, self.dpi, self.title) == (None, None, None)

    def resolution(self, width: float, height: float) -> int:
        """The pixels per inch of a picture of this size in inches; without --dpi, fewer for a very large one.

        Raises UsageError if it would have too many pixels.
        """
        most = min(MOST_PIXELS_A_SIDE / max(width, height), (MOST_PIXELS / (width * height)) ** 0.5)
        dpi = self.dpi or max(LEAST_DPI, min(DPI, int(most)))
        if dpi > most:
            message = f"the picture would be {width * dpi:,.0f} × {height * dpi:,.0f} pixels"
            hint = f"--dpi {int(most)}" if most >= COARSEST else "a shorter text, or several"
            raise UsageError(f"{message}, more than can be drawn", hint=hint)
        return dpi
