"""Figures as PNG, SVG or PDF. Needs the extra `plots` (matplotlib) but no display: pyplot is not used.

The same numbers give the same bytes: no dates, no random ids, none of the user's own matplotlib settings.
"""

import atexit
import io
import math
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lstmctl.errors import MissingExtra, UsageError
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
    rgb,
)
from lstmctl.plots.pictures_words import draw_heat_map, draw_heat_maps, draw_word_effects, titled
from lstmctl.plots.style import LARGEST, PictureFormat, PictureStyle
from lstmctl.plots.text import LONGEST_NAME, ending, fitting

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

Style = dict[str, Any]

NEUTRAL = "#444444"
TRAIN: Style = {"linestyle": "-", "linewidth": 2.2}
VALIDATION: Style = {"linestyle": (0, (2.5, 1.5)), "linewidth": 2.2}
STAR: Style = {"linestyle": "none", "marker": "*", "markersize": 17, "markeredgecolor": "white"}
# Fonts of other scripts for PNG, if the machine has them; the viewer chooses the fonts of an SVG.
OTHER_SCRIPTS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei",
    "PingFang SC", "Hiragino Sans", "Microsoft YaHei", "Arial Unicode MS", "Noto Emoji", "Symbola",
    "Noto Sans Arabic", "Noto Sans Hebrew", "Noto Sans Devanagari", "Noto Sans Bengali", "Noto Sans Thai",
)  # fmt: skip
SETTINGS: Any = {
    "font.size": 13,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": NEUTRAL,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "figure.constrained_layout.h_pad": 0.12,
    "figure.constrained_layout.w_pad": 0.12,
    "legend.frameon": False,
    "pdf.fonttype": 42,  # TrueType: publishers refuse the other kind
    "svg.fonttype": "none",  # text stays text: it can be searched, and the viewer has fonts for every script
    "svg.hashsalt": "lstmctl",
    "text.parse_math": False,  # a $ in a model's path is no formula
}


# So that the same figure is the same file.
NO_DATES: dict[PictureFormat, dict[str, None]] = {
    "png": {"Software": None},
    "svg": {"Date": None},
    "pdf": {"CreationDate": None},
}


def draw(figure: figures.Figure, format: PictureFormat, style: PictureStyle = PictureStyle()) -> bytes:  # noqa: B008
    """A figure as the bytes of a file.

    Raises:
        MissingExtra: matplotlib is not installed. UsageError: the size of the style has no room for the figure or its
        words, or the picture would have too many pixels.
    """
    with _own_settings():
        drawn = _compose(figure, style)
        # In SVG and PDF that is the resolution of the colours of heat maps.
        dpi = style.resolution(*drawn.get_size_inches())
        file = io.BytesIO()
        try:
            drawn.savefig(file, format=format, dpi=dpi, metadata=NO_DATES[format])
        except UserWarning as warning:
            if style.size is None or "layout not applied" not in str(warning):
                raise
            width, height = map(math.ceil, _compose(figure, replace(style, size=None)).get_size_inches())
            hint = f"--size {width}x{height}" if max(width, height) <= LARGEST else "leave out --size"
            raise UsageError(f"--size {style.size[0]:g}x{style.size[1]:g} is too small for this", hint=hint) from None
        return file.getvalue()


def _compose(figure: figures.Figure, style: PictureStyle) -> "Figure":
    from matplotlib.figure import Figure

    drawn = Figure(layout="constrained")
    match figure:
        case TrainingCurves():
            _draw_curves(figure, drawn, style)
        case SquareChart():
            _draw_square(figure, drawn, style)
        case ConfusionMatrix():
            _draw_confusion(figure, drawn, style)
        case HeatMap():
            draw_heat_map(figure, drawn, style)
        case HeatMaps():
            draw_heat_maps(figure, drawn, style)
        case WordEffects():
            draw_word_effects(figure, drawn, style)
    return drawn


def _matplotlib() -> Any:
    """matplotlib, loaded without the user's backend and settings, which may not be valid; and without creating folders
    for its list of fonts where the user has none."""
    if "matplotlib" not in sys.modules:
        os.environ.pop("MPLBACKEND", None)
        os.environ["MATPLOTLIBRC"] = os.devnull
        folders = [os.path.expanduser(f"~/{folder}/matplotlib") for folder in (".cache", ".config")]
        if "MPLCONFIGDIR" not in os.environ and not all(os.access(folder, os.W_OK) for folder in folders):
            os.environ["MPLCONFIGDIR"] = temporary = tempfile.mkdtemp(prefix="lstmctl-")
            atexit.register(shutil.rmtree, temporary, ignore_errors=True)
    import matplotlib

    return matplotlib


@contextmanager
def _own_settings() -> Iterator[None]:
    """matplotlib with these settings instead of the user's, which are restored afterwards."""
    try:
        matplotlib = _matplotlib()
    except ModuleNotFoundError:
        raise MissingExtra("matplotlib", extra="plots") from None
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("error", "constrained_layout not applied")  # `draw` says it
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a text may be in a script that the font lacks
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(SETTINGS)
        from matplotlib.font_manager import get_font_names

        installed = set(get_font_names())
        matplotlib.rcParams["font.family"] = ["sans-serif", *(font for font in OTHER_SCRIPTS if font in installed)]
        yield


def _draw_curves(figure: TrainingCurves, drawn: "Figure", style: PictureStyle) -> None:
    """Accuracy and loss side by side, model names above, the meaning of the lines below."""
    from matplotlib.ticker import MaxNLocator

    names, lines = _legends(figure.curves("loss"))
    columns = max(1, min(len(names), 90 // max(6 + len(str(handle.get_label())) for handle in names)))
    width, height = style.size or (11, 4.5 + 0.3 * -(-len(names) // columns))
    drawn.set_size_inches(width, height)
    first, last = figure.first_and_last
    dots: Style = {"marker": "o", "markersize": 5} if last - first < 20 else {}
    margin = min(0.4, 0.04 * (last - first)) or 0.4  # below 0.5, or an epoch 0 would appear
    for axes, metric in zip(drawn.subplots(1, 2), ("accuracy", "loss"), strict=True):
        for curve in figure.curves(metric):
            axes.plot(*_columns(curve.train), color=rgb(curve.train_color), **TRAIN, **dots)
            axes.plot(*_columns(curve.validation), color=rgb(curve.color), **VALIDATION, **dots)
            axes.plot(*_columns(curve.best), color=rgb(curve.color), zorder=3, **STAR)
        axes.set_title(f"Training and validation {metric}", pad=12)
        axes.set(xlabel="Epoch", ylabel=metric.capitalize(), xlim=(first - margin, last + margin))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10], min_n_ticks=1))
    title: Style = {"title": titled(style.title, width), "title_fontsize": "large"} if style.title else {}
    drawn.legend(handles=names, loc="outside upper center", ncols=columns, handlelength=len(names) > 1, **title)
    drawn.legend(handles=lines, loc="outside lower center", ncols=3)


def _columns(points: Sequence[Point]) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


def _legends(curves: Sequence[Curve]) -> tuple[list["Line2D"], list["Line2D"]]:
    """The names of the models, with a patch of their colour if there are several; and the meaning of the lines."""
    from matplotlib.lines import Line2D

    several = len(curves) > 1
    patch: Style = {"marker": "s", "markersize": 10} if several else {}
    train, validation = (NEUTRAL, NEUTRAL) if several else (rgb(COLORS[0]), rgb(COLORS[1]))
    names = []
    for curve in curves:
        label = " " + ending(curve.model, LONGEST_NAME)  # matplotlib hides labels that begin with an underscore
        names.append(Line2D([], [], color=rgb(curve.train_color), label=label, linestyle="none", **patch))
    lines = ("train", train, TRAIN), ("validation", validation, VALIDATION), ("best epoch", validation, STAR)
    return names, [Line2D([], [], color=color, label=label, **style) for label, color, style in lines]


def _draw_square(figure: SquareChart, drawn: "Figure", style: PictureStyle) -> None:
    """The lines; in a reliability diagram, with the number of texts behind each point below them."""
    has_bins = "n" in figure.lines[0].points[0]
    width, height = style.size or (6.5, 8.0 if has_bins else 6.5)
    drawn.set_size_inches(width, height)
    axes, *below = drawn.subplots(1 + has_bins, 1, squeeze=False, sharex=True, height_ratios=[4, 1][: 1 + has_bins])[
        :, 0
    ]
    compared = [0, 1] if figure.level is None else [figure.level] * 2
    axes.plot([0, 1], compared, color="#999999", linestyle=":")
    for number, (line, color) in enumerate(zip(figure.lines, COLORS, strict=False)):
        x, y = ([point[key] for point in line.points] for key in "xy")
        errors = None
        if has_bins:
            errors = [[abs(point["y"] - point[end]) for point in line.points] for end in ("low", "high")]
            _count_texts(below[0], line, rgb(color), number, len(figure.lines))
        score = f" ({line.score})" if line.score else ""
        label, marker = f" {fitting(line.model)}{score}", "o" if len(x) < 20 and not figure.steps else ""
        drawstyle: Style = {"drawstyle": "steps-pre"} if figure.steps else {}
        axes.errorbar(x, y, yerr=errors, color=rgb(color), marker=marker, capsize=3, label=label, **drawstyle)
    axes.set(ylabel=figure.y_label, xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.set_aspect("auto" if has_bins or style.size else "equal")
    (below[0] if below else axes).set_xlabel(figure.x_label)
    title = titled(style.title, width) if style.title else fitting(figure.title)
    axes.set_title(title, loc="left", pad=12)
    axes.legend(loc="best")


def _count_texts(axes: Any, line: figures.Line, color: str, number: int, lines: int) -> None:
    """A bar for each point of a reliability diagram: how many texts it stands for."""
    width = 0.02
    places = [point["x"] + (number - (lines - 1) / 2) * width for point in line.points]
    bars = axes.bar(places, [point["n"] for point in line.points], width=width, color=color)
    if lines == 1 and len(places) <= 15:
        axes.bar_label(bars, [f"{point['n']:,}" for point in line.points], fontsize=8, padding=2)
        axes.margins(y=0.25)
    axes.set_ylabel("Texts")


def _draw_confusion(figure: ConfusionMatrix, drawn: "Figure", style: PictureStyle) -> None:
    """True labels down, predicted labels across; each cell with its count and its proportion of the row, which is also
    its colour."""
    names, proportions = [fitting(label) for label in figure.labels], figure.proportions
    side = 3 + 1.05 * min(len(names), 20)
    width, height = style.size or (side, side - 0.5)
    drawn.set_size_inches(width, height)
    axes = drawn.subplots()
    axes.imshow(proportions, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(names)), names, rotation=0 if len(names) < 4 else 90)
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="Predicted label", ylabel="True label")
    title = titled(style.title, width) if style.title else fitting(f"{figure.model} on {figure.data}")
    axes.set_title(title, loc="left", pad=12)
    axes.grid(visible=False)
    if len(names) > 20:
        return
    font = min(13.0, 72 * min(width, height) / (len(names) + 2) / 5)
    for row, counts in enumerate(figure.counts):
        for column, count in enumerate(counts):
            color = "white" if proportions[row, column] > 0.5 else "black"
            text = f"{count:,}\n{proportions[row, column]:.1%}"
            axes.text(column, row, text, ha="center", va="center", color=color, fontsize=font)
