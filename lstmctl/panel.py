"""One panel of a chart made of characters. The only module that knows plotext.

plotext is a C++ program behind a thin module, and its manners shape what is written here:
  * NaN ends the whole process and infinity raises, so nothing reaches it but what `drawable` lets through;
  * sizes, colours and ticks of its own choice suit no one, so all of them are given;
  * its legend covers the curves, so a key under the panels explains them instead;
  * its frames are always box characters, so they are translated where only ASCII can be shown.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

Point = tuple[float, float]

NARROWEST = 24  # columns
SQUARE = 48  # columns of a panel that is about as high as wide
LARGEST = 1e4  # a loss beyond has diverged, and its labels would fill the panel

# 256-colour numbers that read well on black and on white. One model: train and validation. Several: one for each.
COLORS = (32, 166, 28, 133, 30, 167, 94, 102)
LETTERS = "ABCDEFGH"

_FRAME_IN_ASCII = str.maketrans("│─└┤┬", "|-+++")


class Layer(NamedTuple):
    """Points of one colour and one marker, joined by a line or not."""

    points: Sequence[Point]
    color: int
    marker: str
    joined: bool = False


class Frame(NamedTuple):
    """What surrounds the curves of a panel. The outermost ticks are the ends of the axes."""

    title: str
    x: list[int]
    y: list[float]
    labels: list[str]  # of y, all equally wide
    width: int
    height: int


def panel(frame: Frame, layers: Iterable[Layer], *, color: bool) -> list[str]:
    """A panel, row by row, each as wide as the frame."""
    import plotext

    plotext.terminal.limit(False, False)  # or it would cut the panel to the size of a terminal, even in a pipe
    figure = plotext.figure
    figure.clear()
    figure.plot_size(frame.width, frame.height)
    figure.theme("simple")  # the default one paints white paper
    figure.title(frame.title)
    figure.axes(False)
    for axis, side, ticks, labels in (
        ("x", "lower", frame.x, [str(tick) for tick in frame.x]),
        ("y", "left", frame.y, frame.labels),
    ):
        figure.axes(True, axis=axis, side=side)
        figure.ruler(axis).ticks(ticks, labels)
        figure.ruler(axis).lim(ticks[0], ticks[-1])
    for layer in layers:
        if points := drawable(layer.points):
            x, y = zip(*points, strict=True)
            signal = figure.signal(x, y, marker=plotext.marker(layer.marker, layer.color))
            figure.draw(signal.lines() if layer.joined else signal)
    rows: str = figure.build().string(colorless=not color)
    return rows.splitlines()


def square(title: str, layers: Iterable[Layer], *, width: int, color: bool, unicode: bool) -> list[str]:
    """A panel with percent on both axes, row by row."""
    columns = max(NARROWEST, min(width, SQUARE))
    percent = [0, 25, 50, 75, 100]
    frame = Frame(title, percent, [float(tick) for tick in percent], [f"{tick:>3}" for tick in percent], columns, 20)
    rows = [row.rstrip() for row in panel(frame, layers, color=color)]
    return rows if unicode else [in_ascii(row) for row in rows]


def drawable(points: Iterable[Point]) -> list[Point]:
    """The points that can be drawn: NaN, infinity and absurdly large numbers are left out."""
    return [(x, y) for x, y in points if abs(x) <= LARGEST and abs(y) <= LARGEST]  # false for NaN too


def in_ascii(line: str) -> str:
    """A line with a frame of ASCII, and ? for what ASCII has not."""
    return line.translate(_FRAME_IN_ASCII).encode("ascii", "replace").decode()
