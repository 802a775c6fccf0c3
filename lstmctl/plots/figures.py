"""What each figure of `lstmctl plot` shows: `terminal` draws it in characters, `pictures` as PNG, SVG or PDF."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from lstmctl.errors import UsageError
from lstmctl.history import EpochRecord, best

if TYPE_CHECKING:
    from numpy.typing import NDArray

Point = tuple[float, float]

# Numbers of the 256 colours of a terminal; `rgb` translates them for pictures.
COLORS = (32, 166, 28, 133, 30, 167, 94, 102)  # readable on black and on white
SEQUENTIAL = (255, 153, 117, 75, 39, 32, 26, 25, 18)  # light to dark blue
DIVERGING = (130, 166, 172, 215, 223, 255, 153, 75, 32, 26, 25)  # orange, light grey, blue
LARGEST = 1e4  # a greater loss has diverged, and would flatten the rest of the curve


def rgb(color: int) -> str:
    """The colour with this number (16 to 255) as hexadecimal RGB.

    >>> rgb(32), rgb(255)
    ('#0087d7', '#eeeeee')
    """
    if color >= 232:
        return "#" + 3 * f"{10 * (color - 232) + 8:02x}"
    return "#" + "".join(f"{(0, 95, 135, 175, 215, 255)[(color - 16) // power % 6]:02x}" for power in (36, 6, 1))


class Curve(NamedTuple):
    """One metric of one model: points (epoch, value), and the colours of both lines."""

    model: str
    train: list[Point]
    validation: list[Point]
    best: list[Point]  # the validation point of the best epoch, or empty
    train_color: int
    color: int


@dataclass(frozen=True)
class TrainingCurves:
    """Accuracy and loss over the epochs: training solid, validation dotted, a star on the best epoch.

    A single model has a colour for each line; several models have one each. Raises UsageError for more models than
    colours, ValueError if there are no epochs.
    """

    runs: Sequence[tuple[str, Sequence[EpochRecord]]]  # model and epochs

    def __post_init__(self) -> None:
        if len(self.runs) > len(COLORS):
            raise UsageError(f"{len(self.runs)} models do not fit in one figure", hint=f"name at most {len(COLORS)}")
        if not any(records for _, records in self.runs):
            raise ValueError("there are no epochs to draw")

    @property
    def first_and_last(self) -> tuple[int, int]:
        """The first and the last epoch of all models."""
        epochs = [record.epoch for _, records in self.runs for record in records]
        return min(epochs), max(epochs)

    def curves(self, metric: str) -> list[Curve]:
        """The curves of "accuracy" or "loss", one for each model."""

        def points(records: Sequence[EpochRecord], field: str) -> list[Point]:
            return drawable((record.epoch, getattr(record, field)) for record in records)

        validation = "delivered_loss" if metric == "loss" else f"val_{metric}"
        curves = []
        for (model, records), train_color in zip(self.runs, COLORS, strict=False):
            color = COLORS[1] if len(self.runs) == 1 else train_color
            with_loss = [record for record in records if isfinite(record.delivered_loss)]
            stars = [best(with_loss)] if with_loss else []
            parts = points(records, metric), points(records, validation), points(stars, validation)
            curves.append(Curve(model, *parts, train_color, color))
        return curves


def drawable(points: Iterable[Point]) -> list[Point]:
    """The points that can be drawn: without NaN, infinity and values beyond `LARGEST`."""
    return [(x, y) for x, y in points if abs(x) <= LARGEST and abs(y) <= LARGEST]  # False for NaN too


class Line(NamedTuple):
    """A model's line through the unit square."""

    model: str
    # "x" and "y"; in a reliability diagram also "low" and "high", a 95 % interval of y, and "n", its texts.
    points: Sequence[dict[str, float]]
    score: str = ""  # for the legend: "AUC 0.945"

    @property
    def name(self) -> str:
        """The name of the line in a legend."""
        return f"{self.model} ({self.score})" if self.score else self.model


class SquareChart(NamedTuple):
    """Lines through the unit square, with a dotted line for comparison: its diagonal, or one at the height `level`."""

    title: str
    x_label: str
    y_label: str
    data: str  # the texts that were measured
    lines: Sequence[Line]
    level: float | None = None
    steps: bool = False  # between two points, whether the line keeps the height of the second one


class ConfusionMatrix(NamedTuple):
    """`counts` (labels, labels): a row for each true label, a column for each predicted label."""

    model: str
    data: str
    labels: Sequence[str]
    counts: "NDArray[Any]"

    @property
    def proportions(self) -> "NDArray[Any]":
        """(labels, labels): the counts divided by the number of texts with the true label."""
        proportions: NDArray[Any] = self.counts / self.counts.sum(axis=1, keepdims=True).clip(1)
        return proportions


@dataclass(frozen=True)
class HeatMap:
    """One number of each unit at each word as a colour."""

    title: str
    words: Sequence[str]
    values: "NDArray[Any]"  # (words, units)
    meaning: str  # a legend for the numbers
    signed: bool  # whether they are on both sides of 0
    limits: tuple[float, float] | None = None  # both ends of the colour scale; None: those of the numbers

    @property
    def colors(self) -> Sequence[int]:
        """The colour scale, from low to high."""
        return DIVERGING if self.signed else SEQUENTIAL

    @property
    def range(self) -> tuple[float, float]:
        """The values at both ends of the scale; without `limits` minimum and maximum, or with signs ± the largest
        magnitude.

        Over 0…1 the same colour means the same number in every figure; stretched to the numbers, small differences
        between gates become visible, and look large.
        """
        return self.limits or value_range([self.values], signed=self.signed)

    def mean_over(self, units: int) -> "HeatMap":
        """The same with one column for the mean of every `units` neighbouring units."""
        if units == 1:
            return self
        import numpy as np

        starts = np.arange(0, self.values.shape[1], units)
        counts = np.diff(np.append(starts, self.values.shape[1]))
        return replace(self, values=np.add.reduceat(self.values, starts, axis=1) / counts)


def value_range(matrices: "Iterable[NDArray[Any]]", *, signed: bool) -> tuple[float, float]:
    """The smallest and the largest number; with `signed`, ± the largest magnitude."""
    ends = [(float(values.min()), float(values.max())) for values in matrices]
    low, high = min(low for low, _ in ends), max(high for _, high in ends)
    return (-max(high, -low), max(high, -low)) if signed else (low, high)


@dataclass(frozen=True)
class HeatMaps:
    """Several heat maps: a row for each text, whose maps have the same words."""

    title: str
    rows: Sequence[tuple[str, Sequence[HeatMap]]]  # the name of the row, and its maps


class Explained(Protocol):
    """What `WordEffects` shows of an explanation: the attributes of `model.explanation.Explanation`."""

    @property
    def label(self) -> str: ...  # of all probabilities here
    @property
    def start(self) -> float: ...
    @property
    def words(self) -> Sequence[str]: ...
    @property
    def known(self) -> Sequence[bool]: ...
    @property
    def probability(self) -> "NDArray[Any]": ...
    @property
    def effect(self) -> "NDArray[Any]": ...
    @property
    def effect_log_odds(self) -> "NDArray[Any]": ...
    @property
    def strongest(self) -> Sequence[int]: ...  # indices of the words with the largest effects
    @property
    def nearly_certain(self) -> bool: ...  # whether effects on the probability say little
    @property
    def two_labels(self) -> bool: ...  # whether ½ is the middle of the probabilities


class WordPanel(NamedTuple):
    """One text of `WordEffects`."""

    text: str
    explained: Explained
    cell: HeatMap | None = None  # the cell state at the same words


@dataclass(frozen=True)
class WordEffects:
    """The probability after each word and the effect of each word: a panel for each text."""

    title: str
    panels: Sequence[WordPanel]

    @property
    def in_log_odds(self) -> bool:
        """Whether effects are differences of log-odds: where a probability is nearly 0 or 1, words hardly change it."""
        return any(panel.explained.nearly_certain for panel in self.panels)

    def effects(self, panel: WordPanel) -> "NDArray[Any]":
        """(words,): the effects of the words of a panel, as all panels show them."""
        return panel.explained.effect_log_odds if self.in_log_odds else panel.explained.effect

    @property
    def largest(self) -> float:
        """The largest magnitude of an effect: all panels have one scale. Not below 0.01: smaller effects are none."""
        return max(0.01, *(float(abs(self.effects(panel)).max()) for panel in self.panels))


Figure = TrainingCurves | SquareChart | ConfusionMatrix | HeatMap | HeatMaps | WordEffects
