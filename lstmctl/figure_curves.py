"""The curves of trainings as a picture, PNG or SVG: what `charts.curves` draws in the terminal."""

from collections.abc import Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any, Literal

from lstmctl.errors import UsageError
from lstmctl.figure import COLORS, LONGEST_NAME, NEUTRAL, empty_figure, own_settings, saved
from lstmctl.history import EpochRecord, best
from lstmctl.printable import ending

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

Run = tuple[str, Sequence[EpochRecord]]  # a model's name and its epochs
Style = dict[str, Any]

LARGEST = 1e9
TRAINING: Style = {"linestyle": "-", "linewidth": 2.2}
VALIDATION: Style = {"linestyle": (0, (2.5, 1.5)), "linewidth": 2.2}
STAR: Style = {"linestyle": "none", "marker": "*", "markersize": 17, "markeredgecolor": "white"}


def curves_image(runs: Sequence[Run], *, format: Literal["png", "svg"]) -> bytes:
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
            _panel(axes, runs, quantity)
        figure.legend(handles=names, loc="outside upper center", ncols=columns, handlelength=len(runs) > 1)
        figure.legend(handles=_styles(runs), loc="outside lower center", ncols=3)
        return saved(figure, format)


def _panel(axes: "Axes", runs: Sequence[Run], quantity: str) -> None:
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


def _colors(runs: Sequence[Run]) -> list[tuple[str, str]]:
    """The colours of training and validation of each model."""
    return [COLORS[:2]] if len(runs) == 1 else [(color, color) for color, _ in zip(COLORS, runs, strict=False)]


def _styles(runs: Sequence[Run]) -> list["Line2D"]:
    """What lines and stars mean."""
    from matplotlib.lines import Line2D

    training, validation = _colors(runs)[0] if len(runs) == 1 else (NEUTRAL, NEUTRAL)
    return [
        Line2D([], [], color=training, label="training", **TRAINING),
        Line2D([], [], color=validation, label="validation", **VALIDATION),
        Line2D([], [], color=validation, label="best epoch", **STAR),
    ]


def _names(runs: Sequence[Run]) -> list["Line2D"]:
    """Which models they are; of several, which colour is whose."""
    from matplotlib.lines import Line2D

    style: Style = {"linestyle": "none"} if len(runs) == 1 else {"linestyle": "none", "marker": "s", "markersize": 10}
    handles = []
    for (name, _), (color, _) in zip(runs, _colors(runs), strict=True):
        label = " " + ending(name, LONGEST_NAME)  # matplotlib hides what begins with an underscore
        handles.append(Line2D([], [], color=color, label=label, **style))
    return handles
