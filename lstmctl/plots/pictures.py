"""Figures as PNG or SVG. Needs the extra `plots` (matplotlib) but no display: pyplot is not used.

The same numbers give the same bytes: no dates, no random ids, none of the user's own matplotlib settings.
"""

import atexit
import io
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from lstmctl.errors import MissingExtra
from lstmctl.plots import figures
from lstmctl.plots.figures import COLORS, ConfusionMatrix, Curve, HeatMap, Point, SquareChart, TrainingCurves, rgb
from lstmctl.plots.text import ending, printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

Style = dict[str, Any]

NEUTRAL = "#444444"
LONGEST_NAME = 40  # characters
TRAIN: Style = {"linestyle": "-", "linewidth": 2.2}
VALIDATION: Style = {"linestyle": (0, (2.5, 1.5)), "linewidth": 2.2}
STAR: Style = {"linestyle": "none", "marker": "*", "markersize": 17, "markeredgecolor": "white"}
# Fonts of other scripts for PNG, if the machine has them; the viewer chooses the fonts of an SVG.
OTHER_SCRIPTS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "PingFang SC", "Hiragino Sans", "Arial Unicode MS",
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
    "svg.fonttype": "none",  # text stays text: it can be searched, and the viewer has fonts for every script
    "svg.hashsalt": "lstmctl",
    "text.parse_math": False,  # a $ in a model's path is no formula
}


def draw(figure: figures.Figure, format: Literal["png", "svg"]) -> bytes:
    """A figure as the bytes of a file. Raises MissingExtra if matplotlib is not installed."""
    with _own_settings():
        from matplotlib.figure import Figure

        drawn = Figure(dpi=150, layout="constrained")
        match figure:
            case TrainingCurves():
                _draw_curves(figure, drawn)
            case SquareChart():
                _draw_square(figure, drawn)
            case ConfusionMatrix():
                _draw_confusion(figure, drawn)
            case HeatMap():
                _draw_heat_map(figure, drawn)
        file = io.BytesIO()
        drawn.savefig(file, format=format, metadata={"Software": None} if format == "png" else {"Date": None})
        return file.getvalue()


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
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a text may be in a script that the font lacks
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(SETTINGS)
        from matplotlib.font_manager import get_font_names

        installed = set(get_font_names())
        matplotlib.rcParams["font.family"] = ["sans-serif", *(font for font in OTHER_SCRIPTS if font in installed)]
        yield


def _draw_curves(figure: TrainingCurves, drawn: "Figure") -> None:
    """Accuracy and loss side by side, model names above, the meaning of the lines below."""
    from matplotlib.ticker import MaxNLocator

    names, lines = _legends(figure.curves("loss"))
    columns = max(1, min(len(names), 90 // max(6 + len(str(handle.get_label())) for handle in names)))
    drawn.set_size_inches(11, 4.5 + 0.3 * -(-len(names) // columns))
    first, last = figure.first_and_last
    dots: Style = {"marker": "o", "markersize": 5} if last - first < 20 else {}
    margin = min(0.4, 0.04 * (last - first)) or 0.4  # below 0.5, or an epoch 0 would appear
    for axes, metric in zip(drawn.subplots(1, 2), ("accuracy", "loss"), strict=True):
        for curve in figure.curves(metric):
            axes.plot(*_columns(curve.train), color=rgb(curve.train_color), **TRAIN, **dots)
            axes.plot(*_columns(curve.validation), color=rgb(curve.color), **VALIDATION, **dots)
            axes.plot(*_columns(curve.best), color=rgb(curve.color), zorder=3, **STAR)
        axes.set_title(f"Training and validation {metric}", pad=12)
        axes.set(xlabel="epoch", ylabel=metric, xlim=(first - margin, last + margin))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10], min_n_ticks=1))
    drawn.legend(handles=names, loc="outside upper center", ncols=columns, handlelength=len(names) > 1)
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


def _fitting(text: str) -> str:
    """The beginning of a text, at most `LONGEST_NAME` characters."""
    text = printable(text)
    return text if len(text) <= LONGEST_NAME else text[: LONGEST_NAME - 1] + "…"


def _draw_square(figure: SquareChart, drawn: "Figure") -> None:
    drawn.set_size_inches(6.5, 6.5)
    axes = drawn.subplots()
    axes.plot([0, 1], [0, 1], color="#bbbbbb", linestyle=":")
    for line, color in zip(figure.lines, COLORS, strict=False):
        x, y = ([point[key] for point in line.points] for key in "xy")
        errors = None
        if "low" in line.points[0]:
            errors = [[abs(point["y"] - point[end]) for point in line.points] for end in ("low", "high")]
        label, marker = " " + _fitting(line.model), "o" if len(x) < 20 else ""
        axes.errorbar(x, y, yerr=errors, color=rgb(color), marker=marker, capsize=3, label=label)
    axes.set(xlabel=figure.x_label, ylabel=figure.y_label, xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    axes.set_title(_fitting(figure.title), loc="left", pad=12)
    axes.legend(loc="lower right")


def _draw_confusion(figure: ConfusionMatrix, drawn: "Figure") -> None:
    """True labels down, predicted labels across; each cell with its count, coloured by its proportion of the row."""
    names, proportions = [_fitting(label) for label in figure.labels], figure.proportions
    size = 3 + 0.9 * min(len(names), 20)
    drawn.set_size_inches(size, size - 0.5)
    axes = drawn.subplots()
    axes.imshow(proportions, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(names)), names, rotation=0 if len(names) < 4 else 90)
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="predicted label", ylabel="true label")
    axes.set_title(_fitting(f"{figure.model} on {figure.data}"), loc="left", pad=12)
    axes.grid(visible=False)
    if len(names) <= 20:
        for row, counts in enumerate(figure.counts):
            for column, count in enumerate(counts):
                color = "white" if proportions[row, column] > 0.5 else "black"
                axes.text(column, row, f"{count:,}", ha="center", va="center", color=color)


def _draw_heat_map(figure: HeatMap, drawn: "Figure") -> None:
    """A row for each unit, a column for each word."""
    from matplotlib.colors import LinearSegmentedColormap

    words, units = figure.values.shape
    low, high = figure.range
    drawn.set_size_inches(min(24, 3 + 0.32 * max(words, 8)), min(14, 2.2 + 0.14 * max(units, 8)))
    axes = drawn.subplots()
    colors = LinearSegmentedColormap.from_list("lstmctl", list(map(rgb, figure.colors)))
    image = axes.imshow(figure.values.T, colors, vmin=low, vmax=high, aspect="auto", interpolation="nearest")
    step = -(-words // 65)  # not every word has room for its label
    axes.set_xticks(range(0, words, step), [_fitting(word) for word in figure.words[::step]], rotation=90)
    axes.set_title(f"{_fitting(figure.title)}\n{figure.meaning}", loc="left", pad=12)
    axes.set_ylabel("unit")
    axes.grid(visible=False)
    drawn.colorbar(image, ax=axes, fraction=0.05, pad=0.02)
