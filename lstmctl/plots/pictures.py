"""Charts as pictures, PNG or SVG. Needs the extra `plots` (matplotlib), and no display: pyplot stays out.

The same numbers give the same bytes: no dates, no random ids, and no settings of the user's own matplotlib.

The curves of trainings as a picture, PNG or SVG: what `charts.curves` draws in the terminal.
"""

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from math import isfinite
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from lstmctl.errors import MissingExtra, UsageError
from lstmctl.history import EpochRecord, best
from lstmctl.plots.text import beginning, ending

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from numpy.typing import NDArray

# The colours of the charts in the terminal. One model: training and validation. Several: one for each.
COLORS = ("#0087d7", "#d75f00", "#008700", "#af5faf", "#008787", "#d75f5f", "#875f00", "#878787")
NEUTRAL = "#444444"
LONGEST_NAME = 40
_fitting = partial(beginning, room=LONGEST_NAME)
# For a PNG, the fonts of other scripts, where the machine has them; an SVG is drawn with those of its viewer.
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
    "svg.fonttype": "none",  # text stays text: it can be searched, and has the viewer's letters for every script
    "svg.hashsalt": "lstmctl",
    "text.parse_math": False,  # a dollar in a model's path is a dollar
}


class HeatMap(NamedTuple):
    """Numbers as colours, units × words: `values` (words, units) between `low` and `high`.

    `colors` are spread evenly from low to high, as "#rrggbb".
    """

    title: str
    words: Sequence[str]
    values: "NDArray[Any]"
    low: float
    high: float
    colors: Sequence[str]


class Line(NamedTuple):
    """A line through a unit square, with points where it has few, and how far each may be off, if that is known."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    errors: "tuple[Sequence[float], Sequence[float]] | None" = None


def square_image(lines: Sequence[Line], *, x: str, y: str, format: Literal["png", "svg"]) -> bytes:
    """Lines through a unit square with its diagonal; `x` and `y` are what its sides mean.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    with own_settings():
        figure = empty_figure(6.5, 6.5)
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color="#bbbbbb", linestyle=":")
        for line, color in zip(lines, COLORS, strict=False):
            marker = "o" if len(line.x) < 20 else ""
            label = " " + _fitting(line.name)
            axes.errorbar(line.x, line.y, yerr=line.errors, color=color, marker=marker, capsize=3, label=label)
        axes.set(xlabel=x, ylabel=y, xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
        axes.legend(loc="lower right")
        return saved(figure, format)


def confusion_image(
    labels: Sequence[str], counts: "NDArray[Any]", *, title: str, format: Literal["png", "svg"]
) -> bytes:
    """True labels down, answers across, each cell with its count and coloured by its share of the true label.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    with own_settings():
        size = 3 + 0.9 * min(len(labels), 20)
        figure = empty_figure(size, size - 0.5)
        axes = figure.subplots()
        shares = counts / counts.sum(axis=1, keepdims=True).clip(1)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        names = [_fitting(label) for label in labels]
        axes.set_xticks(range(len(names)), names, rotation=0 if len(names) < 4 else 90)
        axes.set_yticks(range(len(names)), names)
        axes.set(xlabel="answer", ylabel="label")
        axes.set_title(_fitting(title), loc="left", pad=12)
        axes.grid(visible=False)
        if len(names) <= 20:
            for (row, column), count in [((r, c), counts[r, c]) for r in range(len(names)) for c in range(len(names))]:
                color = "white" if shares[row, column] > 0.5 else "black"
                axes.text(column, row, f"{count:,}", ha="center", va="center", color=color)
        return saved(figure, format)


def heat_map_image(heat_map: HeatMap, *, format: Literal["png", "svg"]) -> bytes:
    """A row for each unit, a column for each word.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    with own_settings():
        from matplotlib.colors import LinearSegmentedColormap

        words, units = heat_map.values.shape
        figure = empty_figure(min(24, 3 + 0.32 * max(words, 8)), min(14, 2.2 + 0.14 * max(units, 8)))
        axes = figure.subplots()
        shown = axes.imshow(
            heat_map.values.T,
            cmap=LinearSegmentedColormap.from_list("lstmctl", list(heat_map.colors)),
            vmin=heat_map.low,
            vmax=heat_map.high,
            aspect="auto",
            interpolation="nearest",
        )
        step = -(-words // 65)  # where there is no room for all words
        axes.set_xticks(range(0, words, step), [_fitting(word) for word in heat_map.words[::step]], rotation=90)
        axes.set_title(_fitting(heat_map.title), loc="left", pad=12)
        axes.set_ylabel("unit")
        axes.grid(visible=False)
        figure.colorbar(shown, ax=axes, fraction=0.05, pad=0.02)
        return saved(figure, format)


@contextmanager
def own_settings() -> Iterator[None]:
    """matplotlib without the user's settings, and afterwards with them.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    try:
        import matplotlib
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


def empty_figure(width: float, height: float) -> "Figure":
    """An empty figure, in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=150, layout="constrained")


def saved(figure: "Figure", format: Literal["png", "svg"]) -> bytes:  # noqa: A002
    picture = io.BytesIO()
    figure.savefig(picture, format=format, metadata={"Software": None} if format == "png" else {"Date": None})
    return picture.getvalue()


Curve = tuple[str, Sequence[EpochRecord]]  # a model's name and its epochs
Style = dict[str, Any]

LARGEST = 1e9
TRAINING: Style = {"linestyle": "-", "linewidth": 2.2}
VALIDATION: Style = {"linestyle": (0, (2.5, 1.5)), "linewidth": 2.2}
STAR: Style = {"linestyle": "none", "marker": "*", "markersize": 17, "markeredgecolor": "white"}


def curves_image(runs: Sequence[Curve], *, format: Literal["png", "svg"]) -> bytes:
    """Training and validation accuracy and loss over the epochs, in two panels, with the best epoch marked.

    runs  (name, epochs) of each model.

    Raises:
        MissingExtra: matplotlib is not installed.
        UsageError: more models than can be told apart.
        ValueError: there are no epochs.
    """
    if len(runs) > len(COLORS):
        raise UsageError(f"{len(runs)} models do not fit in one figure", hint=f"name at most {len(COLORS)}")
    if not any(records for _, records in runs):
        raise ValueError("there are no epochs to draw")
    with own_settings():
        names = _names(runs)
        columns = max(1, min(len(names), 90 // max(6 + len(str(handle.get_label())) for handle in names)))
        figure = empty_figure(11, 4.5 + 0.3 * -(-len(names) // columns))
        for axes, quantity in zip(figure.subplots(1, 2), ("accuracy", "loss"), strict=True):
            _draw_quantity(axes, runs, quantity)
        figure.legend(handles=names, loc="outside upper center", ncols=columns, handlelength=len(runs) > 1)
        figure.legend(handles=_styles(runs), loc="outside lower center", ncols=3)
        return saved(figure, format)


def _draw_quantity(axes: "Axes", runs: Sequence[Curve], quantity: str) -> None:
    """One quantity of all models."""
    from matplotlib.ticker import MaxNLocator

    epochs = [record.epoch for _, records in runs for record in records]
    first, last = min(epochs), max(epochs)
    dots: Style = {"marker": "o", "markersize": 5} if last - first < 20 else {}
    for (_, records), (training, validation) in zip(runs, _colors(runs), strict=True):
        axes.plot(*_points(records, quantity), color=training, **TRAINING, **dots)
        axes.plot(*_points(records, f"val_{quantity}"), color=validation, **VALIDATION, **dots)
        if judged := [record for record in records if isfinite(record.val_loss)]:
            axes.plot(*_points([best(judged)], f"val_{quantity}"), color=validation, zorder=3, **STAR)
    axes.set_title(f"Training and validation {quantity}", pad=12)
    axes.set_xlabel("epoch")
    axes.set_ylabel(quantity)
    space = min(0.4, 0.04 * (last - first)) or 0.4  # never so much that an epoch 0 would appear
    axes.set_xlim(first - space, last + space)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10], min_n_ticks=1))


def _points(records: Sequence[EpochRecord], name: str) -> tuple[list[int], list[float]]:
    """Epochs and values, without those that are no longer numbers or beyond all measure."""
    drawable = [record for record in records if abs(getattr(record, name)) <= LARGEST]  # false for NaN too
    return [record.epoch for record in drawable], [getattr(record, name) for record in drawable]


def _colors(runs: Sequence[Curve]) -> list[tuple[str, str]]:
    """The colours of training and validation of each model."""
    return [COLORS[:2]] if len(runs) == 1 else [(color, color) for color, _ in zip(COLORS, runs, strict=False)]


def _styles(runs: Sequence[Curve]) -> list["Line2D"]:
    """What lines and stars mean."""
    from matplotlib.lines import Line2D

    training, validation = _colors(runs)[0] if len(runs) == 1 else (NEUTRAL, NEUTRAL)
    return [
        Line2D([], [], color=training, label="training", **TRAINING),
        Line2D([], [], color=validation, label="validation", **VALIDATION),
        Line2D([], [], color=validation, label="best epoch", **STAR),
    ]


def _names(runs: Sequence[Curve]) -> list["Line2D"]:
    """Which models they are; of several, which colour is whose."""
    from matplotlib.lines import Line2D

    style: Style = {"linestyle": "none"} if len(runs) == 1 else {"linestyle": "none", "marker": "s", "markersize": 10}
    handles = []
    for (name, _), (color, _) in zip(runs, _colors(runs), strict=True):
        label = " " + ending(name, LONGEST_NAME)  # matplotlib hides what begins with an underscore
        handles.append(Line2D([], [], color=color, label=label, **style))
    return handles
