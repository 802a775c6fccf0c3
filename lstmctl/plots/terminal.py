"""Figures made of characters: curves and diagrams. The only module that knows plotext.

plotext is a C++ program behind a thin module. Its behaviour explains the code here:
  * NaN ends the whole process and infinity raises, so only points that `drawable` lets through reach it;
  * its own sizes, colours and ticks do not fit, so all of them are set;
  * its legend covers the curves, so a legend below the panels replaces it;
  * its frames are always box characters, which `in_ascii` translates.
"""

import math
import textwrap
from collections.abc import Iterable, Sequence
from itertools import count
from typing import NamedTuple

from lstmctl.plots import figures
from lstmctl.plots.figures import (
    COLORS,
    ConfusionMatrix,
    Curve,
    HeatMap,
    HeatMaps,
    Point,
    SquareChart,
    TrainingCurves,
    WordEffects,
    drawable,
)
from lstmctl.plots.screen import NARROWEST, WIDEST, Screen, Surface
from lstmctl.plots.terminal_words import draw_heat_map, draw_heat_maps, draw_word_effects
from lstmctl.plots.text import Span, align, ending, visible

SIDE_BY_SIDE = 56  # columns that two panels beside each other need
GAP = 2  # columns between them
HEIGHT = 12  # rows of a panel: title, curves, axis and its labels; with a multiple of 4 ticks are evenly spaced
SQUARE = 48, 20  # columns and rows of a panel that is about as high as wide
LETTERS = "ABCDEFGH"  # one for each of the `COLORS`
_FRAME_IN_ASCII = str.maketrans("│─└┤┬", "|-+++")


def draw(figure: figures.Figure, screen: Screen) -> None:
    """Draw a figure, at least 24 and at most 120 columns wide."""
    match figure:
        case TrainingCurves():
            screen.show_drawing(curves_chart(figure, screen.out))
        case SquareChart():
            _draw_square(figure, screen)
        case ConfusionMatrix():
            _draw_confusion(figure, screen)
        case HeatMap():
            draw_heat_map(figure, screen)
        case HeatMaps():
            draw_heat_maps(figure, screen)
        case WordEffects():
            draw_word_effects(figure, screen)


class Series(NamedTuple):
    """Points of one colour and one marker, joined by a line or not."""

    points: Sequence[Point]
    color: int
    marker: str
    joined: bool = False


class Axis(NamedTuple):
    """Ticks and their labels. The outermost ticks are the ends of the axis."""

    ticks: Sequence[float]
    labels: Sequence[str]

    def padded(self, width: int) -> "Axis":
        """The same with labels of this width."""
        return self._replace(labels=[label.rjust(width) for label in self.labels])


class Frame(NamedTuple):
    """Everything around the curves of a panel. The labels of `y` are all equally wide."""

    title: str
    x: Axis
    y: Axis
    width: int
    height: int


def _panel(frame: Frame, layers: Iterable[Series], *, color: bool) -> list[str]:
    """A panel, row by row, each as wide as the frame."""
    import plotext

    plotext.terminal.limit(False, False)  # or it would cut the panel to the size of a terminal, even in a pipe
    figure = plotext.figure
    figure.clear()
    figure.plot_size(frame.width, frame.height)
    figure.theme("simple")  # the default theme has a white background
    figure.title(frame.title)
    figure.axes(False)
    for name, side, axis in ("x", "lower", frame.x), ("y", "left", frame.y):
        figure.axes(True, axis=name, side=side)
        figure.ruler(name).ticks(axis.ticks, axis.labels)
        figure.ruler(name).lim(axis.ticks[0], axis.ticks[-1])
    for layer in layers:
        if points := drawable(layer.points):
            x, y = zip(*points, strict=True)
            signal = figure.signal(x, y, marker=plotext.marker(layer.marker, layer.color))
            figure.draw(signal.lines() if layer.joined else signal)
    return str(figure.build().string(colorless=not color)).splitlines()


def in_ascii(line: str) -> str:
    """A line with an ASCII frame, and ? for other characters that are not ASCII."""
    return line.translate(_FRAME_IN_ASCII).encode("ascii", "replace").decode()


class Glyphs(NamedTuple):
    """The characters of the curves. `line` and `dot` are plotext markers; the last two are for the legend."""

    line: str
    dot: str
    spacing: int  # half cells from one dot of a dotted line to the next
    epoch: str
    best: str
    train: str
    validation: str


UNICODE = Glyphs("braille", "braille", 3, "●", "★", "━━", "∙∙")
ASCII = Glyphs("*", "+", 4, "o", "#", "**", "++")


def curves_chart(figure: TrainingCurves, surface: Surface) -> str:
    """Accuracy and loss side by side, or one above the other in less than 56 columns.

    Several models have a letter each. A single epoch makes no curve: its numbers are shown instead.
    """
    glyphs, color = UNICODE if surface.unicode else ASCII, surface.color
    first, last = figure.first_and_last
    if first == last:
        lines = _numbers(figure)
    else:
        width = max(NARROWEST, min(surface.width, WIDEST))
        metrics = {metric: figure.curves(metric) for metric in ("accuracy", "loss")}
        frames = _frames(metrics, first, last, width=width)
        panels = [_panel(frame, _series(metrics[frame.title], frame, glyphs), color=color) for frame in frames]
        if width >= SIDE_BY_SIDE:
            panels = [[(" " * GAP).join(rows) for rows in zip(*panels, strict=True)]]
        lines = [row for panel in panels for row in panel]
        lines += _legend(metrics["loss"], glyphs, width=width, indent=len(frames[0].y.labels[0]) + 1, color=color)
    if not surface.unicode:
        lines = list(map(in_ascii, lines))
    return "\n".join(line.rstrip() for line in lines)


def _frames(metrics: dict[str, list[Curve]], first: int, last: int, *, width: int) -> list[Frame]:
    """Two panels of one size, with one margin."""
    columns = (width - GAP) // 2 if width >= SIDE_BY_SIDE else width
    axes = {}
    for (metric, curves), most in zip(metrics.items(), (1.0, math.inf), strict=True):
        axes[metric] = _value_axis([y for curve in curves for _, y in curve.train + curve.validation], most=most)
    margin = max(len(label) for axis in axes.values() for label in axis.labels)
    x = _epoch_axis(first, last, columns=columns - margin - 1)
    return [Frame(metric, x, y.padded(margin), columns, HEIGHT) for metric, y in axes.items()]


def _series(curves: Sequence[Curve], frame: Frame, glyphs: Glyphs) -> list[Series]:
    """Lines first, then the marks on them, so that no mark is hidden; the stars last."""
    cell = (frame.x.ticks[-1] - frame.x.ticks[0]) / (frame.width - len(frame.y.labels[0]) - 2)  # in epochs
    lines, marks, stars = [], [], []
    for curve, letter in zip(curves, LETTERS, strict=False):
        lines.append(Series(curve.train, curve.train_color, glyphs.line, joined=True))
        lines.append(Series(_dotted(curve.validation, step=cell / 2 * glyphs.spacing), curve.color, glyphs.dot))
        ends = [] if len(curves) == 1 else [*curve.train[-1:], *curve.validation[-1:]]
        marked = [*(curve.validation if 4 * cell <= 1 else []), *ends]
        marks.append(Series(marked, curve.color, glyphs.epoch if len(curves) == 1 else letter))
        stars.append(Series(curve.best, curve.color, glyphs.best))
    return lines + marks + stars


def _dotted(points: Sequence[Point], *, step: float) -> list[Point]:
    """Points about `step` apart on the line through `points`."""
    dots = list(points[:1])
    for (x0, y0), (x1, y1) in zip(points, points[1:], strict=False):
        while (x := points[0][0] + len(dots) * step) <= x1 + step / 100:
            dots.append((x, y0 + (y1 - y0) * (x - x0) / (x1 - x0)))
    return dots


def _value_axis(values: Sequence[float], *, most: float) -> Axis:
    """Five ticks around all values, 1, 2, 2.5 or 5 × 10ᵏ apart and none above `most`.

    >>> _value_axis([0.3, 0.7], most=1.0).labels
    ['.30', '.40', '.50', '.60', '.70']
    """
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
    return Axis(ticks, [f"{tick:.{decimals}f}".removeprefix("0") for tick in ticks])


def _epoch_axis(first: int, last: int, *, columns: int) -> Axis:
    """First, last, and as many round numbers between them as have room for their labels."""
    cell = (last - first) / (columns - 1)
    digits = len(str(last))
    steps = (factor * 10**exponent for exponent in count() for factor in (1, 2, 5))
    step = next(step for step in steps if step >= (digits + 3) * cell)
    space = (digits + 2) * cell
    between = range(first // step * step + step, last, step)
    ticks = [first, *(tick for tick in between if tick - first >= space and last - tick >= space), last]
    return Axis(ticks, [str(tick) for tick in ticks])


def _legend(curves: Sequence[Curve], glyphs: Glyphs, *, width: int, indent: int, color: bool) -> list[str]:
    """The meaning of the marks and the names of the models, on as few lines as the width allows."""
    names = [ending(curve.model, width - indent - 2) for curve in curves]
    marks = [(glyphs.train, "train"), (glyphs.validation, "validation"), (glyphs.best, "best epoch")]
    several = len(curves) > 1
    entries = [*marks, *zip(LETTERS if several else [""], names, strict=False)]
    colors = [0, 0, 0, *COLORS] if several else [*COLORS[:2], COLORS[1], 0]
    lines, used = [], width
    for (mark, meaning), number in zip(entries, colors, strict=False):
        text = f"{mark} {meaning}".strip()
        if used + 3 + len(text) > width:
            lines.append(" " * (indent - 3))
            used = indent - 3
        used += 3 + len(text)
        lines[-1] += "   " + (f"\x1b[38;5;{number}m{mark}\x1b[0m{text[len(mark) :]}" if color and number else text)
    return lines


def _numbers(figure: TrainingCurves) -> list[str]:
    """A single epoch in numbers."""
    lines = []
    for name, records in figure.runs:
        for record in records:
            lines.append(f"{ending(name, WIDEST)} epoch {record.epoch} (a curve needs two)".strip())
            lines.append(f"accuracy  {record.accuracy:.3f} train  {record.val_accuracy:.3f} validation")
            lines.append(f"loss      {record.loss:.3f} train  {record.delivered_loss:.3f} validation")
    return lines


def _draw_square(figure: SquareChart, screen: Screen) -> None:
    """A panel. In a reliability diagram, and with several models, a letter marks the points of each."""
    axis = _value_axis([0.0, 1.0], most=1.0)
    frame = Frame(figure.title, axis, axis.padded(4), max(NARROWEST, min(screen.out.width, SQUARE[0])), SQUARE[1])
    dot, solid = ("braille", "braille") if screen.out.unicode else (".", "*")
    compared = [(tick / 25, tick / 25 if figure.level is None else figure.level) for tick in range(26)]
    layers, names = [Series(compared, 102, dot)], []
    for line, color, letter in zip(figure.lines, COLORS, LETTERS, strict=False):
        points = [(point["x"], point["y"]) for point in line.points]
        has_bins = "n" in line.points[0]
        has_letter = has_bins or len(figure.lines) > 1
        layers.append(Series(_stepped(points) if figure.steps else points, color, solid, joined=True))
        if has_letter:
            layers.append(Series(points if has_bins else points[len(points) // 2 :][:1], color, letter))
        names.append(f"{letter} {line.name}" if has_letter else line.name)
    for row in _panel(frame, layers, color=screen.out.color):
        screen.show_drawing(row.rstrip() if screen.out.unicode else in_ascii(row.rstrip()))
    screen.show(f"{' · '.join(names)} on {visible(figure.data)}")
    screen.show((f"x: {figure.x_label} · y: {figure.y_label}", "dim"))
    for line, letter in zip(figure.lines, LETTERS, strict=False):
        if "n" in line.points[0]:
            counts = " ".join(f"{point['n']:,}" for point in line.points)
            which = f" of {letter}" if len(figure.lines) > 1 else ""
            for part in textwrap.wrap(f"texts behind each point{which}: {counts}", max(NARROWEST, screen.out.width)):
                screen.show((part, "dim"))


def _stepped(points: Sequence[Point]) -> list[Point]:
    """The corners of a line that keeps the height of its next point."""
    corners = list(points[:1])
    for (x0, _), (x1, y1) in zip(points, points[1:], strict=False):
        corners += [(x0, y1), (x1, y1)]
    return corners


def _draw_confusion(figure: ConfusionMatrix, screen: Screen) -> None:
    """A table of counts and proportions."""
    screen.show((figure.model, "bold"), f" on {visible(figure.data)}")
    screen.show(("rows: true label · columns: predicted label", "dim"))
    screen.show()
    names = list(map(visible, figure.labels))
    rows: list[list[Span]] = [["", *((name, "dim") for name in names)]]
    for name, *row in zip(names, figure.counts, figure.proportions, strict=True):
        rows.append([name, *(f"{count:,} ({proportion:.0%})" for count, proportion in zip(*row, strict=True))])
    for line in align(rows, right=range(1, len(names) + 1)):
        screen.show(*line)
