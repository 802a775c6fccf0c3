"""`lstmctl plot --kind roc|calibration|confusion`: how a model answers labelled texts, drawn or in numbers."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from lstmctl.cli.console import Console
from lstmctl.cli.options import settings
from lstmctl.cli.registry_access import open_registry
from lstmctl.errors import BadData, UsageError
from lstmctl.plots.terminal import COLORS, LETTERS, Series, square_chart
from lstmctl.plots.text import Span, tsv, visible
from lstmctl.scoring import open_pool

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from lstmctl.config import DataConfig
    from lstmctl.evaluation.metrics import Bin
    from lstmctl.registry.artifact import ModelFolder

SIDES = {
    "roc": ("answered positive though negative", "answered positive of the positive"),
    "calibration": ("how sure it is", "how often it is right"),
}


class Answered(NamedTuple):
    """A model's answers: probabilities (texts, labels), true places (texts,)."""

    folder: "ModelFolder"
    probabilities: "NDArray[np.float64]"
    truth: "NDArray[np.int64]"

    @property
    def name(self) -> str:
        """The model's reference."""
        return self.folder.reference


def plot_diagram(console: Console, folders: "Sequence[ModelFolder]", *, kind: str, config: "DataConfig | None") -> None:
    """Draw the answers to the first model's own test part, or to other texts.

    Raises:
        UsageError: more models than there can be. BadData: the texts do not fit. NotFound: they are gone.
    """
    if len(folders) > (most := 1 if kind == "confusion" else len(LETTERS)):
        raise UsageError(f"--kind {kind} does not draw {len(folders)} models in one", hint=f"name at most {most}")
    from lstmctl.evaluation.job import predictions_on

    home = open_registry().home
    with console.waiting("answering the texts"), open_pool() as parallel_map:
        predictions, what = predictions_on(folders, config, parallel_map=parallel_map, home=home)
    answered = [
        Answered(folder, each.probabilities, each.truth) for folder, each in zip(folders, predictions, strict=True)
    ]
    if kind == "confusion":
        _confusion(console, answered[0], what=what)
    else:
        _square(console, [_curve(each, kind) for each in answered], kind=kind, what=what)


class Curve(NamedTuple):
    """A model's line through the unit square. `bins` are those of a calibration, one for each point."""

    name: str
    x: list[float]
    y: list[float]
    bins: "Sequence[Bin]" = ()


def _curve(answered: Answered, kind: str) -> Curve:
    from lstmctl.evaluation.metrics import reliability, roc
    from lstmctl.model.classifier import predicted_indices

    if kind == "roc":
        if answered.folder.card.config.positive is None:
            labels = answered.probabilities.shape[1]
            message = f"a ROC curve is for two labels; {answered.name} has {labels}"
            raise UsageError(message, hint="--kind confusion and --kind calibration are for any number")
        try:
            x, y = roc(answered.probabilities[:, 1], answered.truth)
        except ValueError as error:
            raise BadData(f"{error}; these have only one", hint="--data names texts of both") from error
        return Curve(answered.name, x.tolist(), y.tolist())
    bins = reliability(answered.probabilities, answered.truth, predicted_indices(answered.probabilities))
    return Curve(answered.name, [each.confidence for each in bins], [each.accuracy for each in bins], bins)


def _square(console: Console, curves: Sequence[Curve], *, kind: str, what: str) -> None:
    if console.picture_format is not None:
        from lstmctl.plots.pictures import Line, square_image

        lines = [Line(curve.name, curve.x, curve.y, _errors(curve)) for curve in curves]
        across, up = SIDES[kind]
        console.write_bytes(square_image(lines, x=across, y=up, format=console.picture_format))
    elif settings.format == "json":
        for curve in curves:
            points = [{"x": x, "y": y, **row} for x, y, row in _rows(curve)]
            console.json({"schema": f"lstmctl.{kind}/1", "model": curve.name, "data": what, "points": points})
    elif settings.format == "tsv":
        console.result(tsv(("model", "x", "y", *(("low", "high", "n") if kind == "calibration" else ()))))
        for curve in curves:
            for x, y, row in _rows(curve):
                rest = [f"{row['low']:.6f}", f"{row['high']:.6f}", row["n"]] if row else []
                console.result(tsv((curve.name, f"{x:.6f}", f"{y:.6f}", *rest)))
    else:
        _square_screen(console, curves, kind=kind, what=what)


def _errors(curve: Curve) -> "tuple[list[float], list[float]] | None":
    """How far each point may be off, below and above."""
    if not curve.bins:
        return None
    below = [each.accuracy - each.interval.low for each in curve.bins]
    return below, [each.interval.high - each.accuracy for each in curve.bins]


def _rows(curve: Curve) -> "Iterator[tuple[float, float, dict[str, Any]]]":
    """Each point, and what else is known of it."""
    more = [{**each.interval._asdict(), "n": each.n} for each in curve.bins] or [{}] * len(curve.x)
    yield from zip(curve.x, curve.y, more, strict=True)


def _square_screen(console: Console, curves: Sequence[Curve], *, kind: str, what: str) -> None:
    layers = [Series([(tick, tick) for tick in range(0, 101, 4)], 102, "braille" if console.unicode else ".")]
    for curve, color, letter in zip(curves, COLORS, LETTERS, strict=False):
        percent = [(100 * x, 100 * y) for x, y in zip(curve.x, curve.y, strict=True)]
        layers.append(Series(percent, color, "braille" if console.unicode else "*", joined=True))
        if curve.bins or len(curves) > 1:
            layers.append(Series(percent if curve.bins else percent[len(percent) // 2 :][:1], color, letter))
    title = {"roc": "ROC", "calibration": "calibration"}[kind]
    for line in square_chart(title, layers, width=console.width, color=console.color, unicode=console.unicode):
        console.result(line)
    marked = len(curves) > 1 or kind == "calibration"
    key = [f"{letter} {curve.name}" if marked else curve.name for letter, curve in zip(LETTERS, curves, strict=False)]
    console.show(f"{' · '.join(key)} on {visible(what)}")
    across, up = SIDES[kind]
    console.show((f"across: {across}, %", "dim"))
    console.show((f"up: {up}, %", "dim"))


def _confusion(console: Console, answered: Answered, *, what: str) -> None:
    from lstmctl.evaluation.metrics import confusion
    from lstmctl.model.classifier import predicted_indices

    labels = answered.folder.card.config.labels
    counts = confusion(answered.truth, predicted_indices(answered.probabilities), labels=len(labels))
    if console.picture_format is not None:
        from lstmctl.plots.pictures import confusion_image

        title = f"{answered.name} on {what}"
        console.write_bytes(confusion_image(labels, counts, title=title, format=console.picture_format))
    elif settings.format == "json":
        table = {label: dict(zip(labels, row, strict=True)) for label, row in zip(labels, counts.tolist(), strict=True)}
        answer = {"schema": "lstmctl.confusion/1", "model": answered.name, "data": what}
        console.json({**answer, "confusion": table})
    elif settings.format == "tsv":
        console.result(tsv(("model", "label", "answer", "n")))
        for label, row in zip(labels, counts.tolist(), strict=True):
            for answer_label, count in zip(labels, row, strict=True):
                console.result(tsv((answered.name, label, answer_label, count)))
    else:
        console.show((answered.name, "bold"), f" on {visible(what)}")
        console.show(("rows: the label, columns: the answer", "dim"))
        console.show()
        rows: list[list[Span]] = []
        for label, row in zip(labels, counts.tolist(), strict=True):
            total = max(1, sum(row))
            rows.append([visible(label), *(f"{count:,} ({count / total:.0%})" for count in row)])
        console.table(["", *map(visible, labels)], rows, right=range(1, len(labels) + 1))
