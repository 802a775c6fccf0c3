"""One panel of a chart made of characters. The only module that knows plotext.

plotext is a C++ program behind a thin module, and its manners shape what is written here:
  * NaN ends the whole process and infinity raises, so nothing reaches it but what `drawable` lets through;
  * sizes, colours and ticks of its own choice suit no one, so all of them are given;
  * its legend covers the curves, so a key under the panels explains them instead;
  * its frames are always box characters, so they are translated where only ASCII can be shown.

The curves of trainings, made of characters: accuracy and loss over the epochs.
"""

import math
from collections.abc import Iterable, Sequence
from itertools import count
from typing import NamedTuple

from lstmctl.errors import UsageError
from lstmctl.history import EpochRecord, best
from lstmctl.plots.text import ending

Point = tuple[float, float]

NARROWEST = 24  # columns
SQUARE = 48  # columns of a panel that is about as high as wide
LARGEST = 1e4  # a loss beyond has diverged, and its labels would fill the panel

# 256-colour numbers that read well on black and on white. One model: train and validation. Several: one for each.
COLORS = (32, 166, 28, 133, 30, 167, 94, 102)
LETTERS = "ABCDEFGH"

_FRAME_IN_ASCII = str.maketrans("│─└┤┬", "|-+++")


class Series(NamedTuple):
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


def plotext_chart(frame: Frame, layers: Iterable[Series], *, color: bool) -> list[str]:
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


def square_chart(title: str, layers: Iterable[Series], *, width: int, color: bool, unicode: bool) -> list[str]:
    """A panel with percent on both axes, row by row."""
    columns = max(NARROWEST, min(width, SQUARE))
    percent = [0, 25, 50, 75, 100]
    frame = Frame(title, percent, [float(tick) for tick in percent], [f"{tick:>3}" for tick in percent], columns, 20)
    rows = [row.rstrip() for row in plotext_chart(frame, layers, color=color)]
    return rows if unicode else [in_ascii(row) for row in rows]


def drawable(points: Iterable[Point]) -> list[Point]:
    """The points that can be drawn: NaN, infinity and absurdly large numbers are left out."""
    return [(x, y) for x, y in points if abs(x) <= LARGEST and abs(y) <= LARGEST]  # false for NaN too


def in_ascii(line: str) -> str:
    """A line with a frame of ASCII, and ? for what ASCII has not."""
    return line.translate(_FRAME_IN_ASCII).encode("ascii", "replace").decode()


Curve = tuple[str, Sequence[EpochRecord]]  # a model's name and its epochs

SIDE_BY_SIDE, WIDEST = 56, 120  # columns; two panels fit beside each other from SIDE_BY_SIDE on
LOWEST, USUAL_HEIGHT = 8, 12  # rows of a panel: title, curves, axis, its labels
GAP = 2


class Glyphs(NamedTuple):
    """The characters of a chart. `line` and `dot` are plotext markers, the last two stand in the key."""

    line: str
    dot: str
    spacing: int  # half cells from one dot of a dotted line to the next
    epoch: str
    best: str
    train: str
    validation: str


UNICODE = Glyphs("braille", "braille", 3, "●", "★", "━━", "∙∙")
ASCII = Glyphs("*", "+", 4, "o", "#", "**", "++")


def curves_chart(runs: Sequence[Curve], *, width: int, height: int | None = None, color: bool, unicode: bool) -> str:
    """Accuracy and loss over the epochs: side by side, or one above the other in less than 56 columns.

    Training is a solid line, validation a dotted one, a star the epoch with the lowest validation loss. Several models
    have a colour and a letter each. A single epoch makes no curve: then its numbers are returned.

    width   columns: at least 24 and at most 120 are used.
    height  rows of a panel, 12 if None; rounded down to 8, 12, 16, …, where ticks are evenly spaced.

    Raises:
        UsageError: more models than can be told apart.
        ValueError: there are no epochs.
    """
    if len(runs) > len(COLORS):
        raise UsageError(f"{len(runs)} models do not fit in one figure", hint=f"name at most {len(COLORS)}")
    epochs = {record.epoch for _, records in runs for record in records}
    if not epochs:
        raise ValueError("there are no epochs to draw")
    glyphs = UNICODE if unicode else ASCII
    if len(epochs) == 1:
        lines = [line for name, records in runs for record in records for line in _numbers(name, record)]
    else:
        width = max(NARROWEST, min(width, WIDEST))
        frames = _frames(runs, epochs, width=width, height=height or USUAL_HEIGHT)
        panels = [plotext_chart(frame, _series(runs, frame, glyphs), color=color) for frame in frames]
        if width >= SIDE_BY_SIDE:
            panels = [[(" " * GAP).join(rows) for rows in zip(*panels, strict=True)]]
        lines = [row for panel in panels for row in panel]
        lines += _key(runs, glyphs, width=width, indent=len(frames[0].labels[0]) + 1, color=color)
    if not unicode:
        lines = [in_ascii(line) for line in lines]
    return "\n".join(line.rstrip() for line in lines)


def _frames(runs: Sequence[Curve], epochs: set[int], *, width: int, height: int) -> list[Frame]:
    """Two panels of one size, with one margin."""
    columns = (width - GAP) // 2 if width >= SIDE_BY_SIDE else width
    scales = []
    for title, most in ("accuracy", 1.0), ("loss", math.inf):
        both = (_points(records, name) for _, records in runs for name in (title, f"val_{title}"))
        scales.append((title, *_scale([value for points in both for _, value in points], most=most)))
    margin = max(len(label) for _, _, labels in scales for label in labels)
    x = _integers(min(epochs), max(epochs), columns=columns - margin - 1)
    height = max(LOWEST, height // 4 * 4)
    return [
        Frame(title, x, y, [label.rjust(margin) for label in labels], columns, height) for title, y, labels in scales
    ]


def _series(runs: Sequence[Curve], frame: Frame, glyphs: Glyphs) -> list[Series]:
    """Lines first, then what stands on them, so that no mark is hidden; the stars last."""
    cell = (frame.x[-1] - frame.x[0]) / (frame.width - len(frame.labels[0]) - 2)  # in epochs
    lines, marks, stars = [], [], []
    for number, (_, records) in enumerate(runs):
        train, validation = _points(records, frame.title), _points(records, f"val_{frame.title}")
        train_color, color = COLORS[:2] if len(runs) == 1 else (COLORS[number], COLORS[number])
        lines.append(Series(train, train_color, glyphs.line, joined=True))
        lines.append(Series(_dotted(validation, step=cell / 2 * glyphs.spacing), color, glyphs.dot))
        marked = validation if 4 * cell <= 1 else []
        if len(runs) == 1:
            marks.append(Series(marked, color, glyphs.epoch))
        else:
            marks.append(Series([*marked, *train[-1:], *validation[-1:]], color, LETTERS[number]))
        if judged := [record for record in records if math.isfinite(record.val_loss)]:
            leader = best(judged).epoch
            stars.append(Series([point for point in validation if point[0] == leader], color, glyphs.best))
    return lines + marks + stars


def _points(records: Sequence[EpochRecord], name: str) -> list[Point]:
    return drawable((record.epoch, getattr(record, name)) for record in records)


def _dotted(points: Sequence[Point], *, step: float) -> list[Point]:
    """Points about `step` apart on the line through `points`."""
    dots = list(points[:1])
    for (x0, y0), (x1, y1) in zip(points, points[1:], strict=False):
        while (x := points[0][0] + len(dots) * step) <= x1 + step / 100:
            dots.append((x, y0 + (y1 - y0) * (x - x0) / (x1 - x0)))
    return dots


def _scale(values: Sequence[float], *, most: float) -> tuple[list[float], list[str]]:
    """Five ticks around all values, 1, 2, 2.5 or 5 × 10ᵏ apart and none above `most`; and their labels."""
    low, high = (min(values), max(*values, min(values) + 0.02)) if values else (0.0, 1.0)
    power = math.floor(math.log10((high - low) / 4))
    steps = ((factor, exponent) for exponent in count(power) for factor in (1, 2, 2.5, 5))
    for factor, exponent in steps:
        step = factor * 10.0**exponent
        start = math.floor(low / step + 1e-9)  # 0.3 / 0.1 is a little less than 3
        if (start + 4) * step >= high - step * 1e-9:
            break
    if (start + 4) * step > most:
        start = round(most / step) - 4
    decimals = max(2, (factor == 2.5) - exponent)
    ticks = [(start + number) * step for number in range(5)]
    return ticks, [f"{tick:.{decimals}f}".removeprefix("0") for tick in ticks]


def _integers(first: int, last: int, *, columns: int) -> list[int]:
    """First, last, and as many round numbers between them as have room for their labels."""
    cell = (last - first) / (columns - 1)
    digits = len(str(last))
    steps = (factor * 10**exponent for exponent in count() for factor in (1, 2, 5))
    step = next(step for step in steps if step >= (digits + 3) * cell)
    space = (digits + 2) * cell
    between = range(first // step * step + step, last, step)
    return [first, *(tick for tick in between if tick - first >= space and last - tick >= space), last]


def _key(runs: Sequence[Curve], glyphs: Glyphs, *, width: int, indent: int, color: bool) -> list[str]:
    """What the marks mean and which models they are, on as few lines as the width allows."""
    names = [ending(name, width - indent - 2) for name, _ in runs]
    entries = [(glyphs.train, "train"), (glyphs.validation, "validation"), (glyphs.best, "best epoch")]
    if len(runs) == 1:
        entries, colors = [*entries, ("", names[0])], [*COLORS[:2], COLORS[1], 0]
    else:
        entries, colors = [*entries, *zip(LETTERS, names, strict=False)], [0, 0, 0, *COLORS]
    lines, used = [], width
    for (mark, meaning), number in zip(entries, colors, strict=False):
        text = f"{mark} {meaning}".strip()
        if used + 3 + len(text) > width:
            lines.append(" " * (indent - 3))
            used = indent - 3
        used += 3 + len(text)
        lines[-1] += "   " + (f"\x1b[38;5;{number}m{mark}\x1b[0m{text[len(mark) :]}" if color and number else text)
    return lines


def _numbers(name: str, record: EpochRecord) -> list[str]:
    """A single epoch, in words."""
    return [
        f"{ending(name, WIDEST)} epoch {record.epoch} (a curve needs two)".strip(),
        f"accuracy  {record.accuracy:.3f} train  {record.val_accuracy:.3f} validation",
        f"loss      {record.loss:.3f} train  {record.val_loss:.3f} validation",
    ]
