"""Figures of predictions for labelled texts: ROC and precision-recall curve, reliability diagram, confusion matrix."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from lstmctl.cli.console import Answer
from lstmctl.cli.options import open_registry
from lstmctl.cli.plot.figure import figure_answer
from lstmctl.config import DataConfig
from lstmctl.errors import BadData, UsageError
from lstmctl.scoring import open_pool

if TYPE_CHECKING:
    from lstmctl.evaluation.job import LabelledPredictions
    from lstmctl.plots.figures import Line
    from lstmctl.plots.style import PictureStyle
    from lstmctl.registry.artifact import ModelFolder


class Diagram(NamedTuple):
    """A kind of plot in the unit square."""

    title: str
    x_label: str
    y_label: str


DIAGRAMS = {
    "roc": Diagram("ROC curve", "False positive rate", "True positive rate"),
    "pr": Diagram("Precision-recall curve", "Recall", "Precision"),
    "calibration": Diagram("Reliability diagram", "Confidence", "Accuracy"),
}
KINDS = (*DIAGRAMS, "confusion")


def answer_predictions(
    folders: "Sequence[ModelFolder]", *, kind: str, data: DataConfig | None, style: "PictureStyle"
) -> Answer:
    """A diagram of the predictions for the first model's own test part, or for other texts.

    Raises:
        UsageError: too many models, or not two labels. BadData: the texts do not fit. NotFound: they are missing.
    """
    from lstmctl.evaluation.job import predictions_on
    from lstmctl.plots.figures import COLORS

    if len(folders) > (most := 1 if kind == "confusion" else len(COLORS)):
        raise UsageError(f"{len(folders)} models do not fit in one {kind} figure", hint=f"name at most {most}")
    with open_pool() as parallel_map:
        home = open_registry().home
        predictions, description = predictions_on(folders, data, parallel_map=parallel_map, home=home)
    if kind == "confusion":
        return _answer_confusion(folders[0], predictions[0], data=description, style=style)
    lines = [_draw_line(kind, folder, predicted) for folder, predicted in zip(folders, predictions, strict=True)]
    # What guessing reaches: with every text selected, the precision is the proportion of positive texts.
    level = float((predictions[0].truth == 1).mean()) if kind == "pr" else None
    return _answer_square(lines, kind=kind, data=description, level=level, style=style)


def _draw_line(kind: str, folder: "ModelFolder", predicted: "LabelledPredictions") -> "tuple[Line, dict[str, float]]":
    """The line of a model, and its score by the name of its key in JSON."""
    if kind == "calibration":
        return _reliability(folder, predicted), {}
    from lstmctl.evaluation import metrics
    from lstmctl.plots.figures import Line

    name = "a ROC curve" if kind == "roc" else "a precision-recall curve"
    if folder.card.config.positive is None:
        labels = predicted.probabilities.shape[1]
        message = f"{name} needs a model with two labels; {folder.reference} has {labels}"
        raise UsageError(message, hint="--kind confusion and --kind calibration take any number of labels")
    if len(set(predicted.truth.tolist())) < 2:
        raise BadData(f"{name} needs texts of both labels; these have only one", hint="name others with --data")
    scores, truth = predicted.probabilities[:, 1], predicted.truth
    if kind == "roc":
        points, score, key, short = metrics.roc(scores, truth), metrics.auc(scores, truth), "auc", "AUC"
    else:
        points, score = metrics.precision_recall(scores, truth), metrics.average_precision(scores, truth)
        key, short = "average_precision", "AP"
    coordinates = zip(*(values.tolist() for values in points), strict=True)
    line = Line(folder.reference, [{"x": x, "y": y} for x, y in coordinates], score=f"{short} {score:.3f}")
    return line, {key: score}


def _reliability(folder: "ModelFolder", predicted: "LabelledPredictions") -> "Line":
    from lstmctl.evaluation.metrics import reliability
    from lstmctl.model.classifier import predicted_indices
    from lstmctl.plots.figures import Line

    bins = reliability(predicted.probabilities, predicted.truth, predicted_indices(predicted.probabilities))
    points = [{"x": bin.confidence, "y": bin.accuracy, **bin.interval._asdict(), "n": bin.n} for bin in bins]
    return Line(folder.reference, points)


def _answer_square(
    drawn: "Sequence[tuple[Line, dict[str, float]]]",
    *,
    kind: str,
    data: str,
    level: float | None,
    style: "PictureStyle",
) -> Answer:
    lines = [line for line, _ in drawn]

    def rows() -> Iterable[Sequence[object]]:
        yield "model", *lines[0].points[0]
        for line in lines:
            for point in line.points:
                yield line.model, *(value if key == "n" else f"{value:.6f}" for key, value in point.items())

    about = {"schema": f"lstmctl.{kind}/1"}
    objects = ({**about, "model": line.model, "data": data, **scores, "points": line.points} for line, scores in drawn)
    from lstmctl.plots.figures import SquareChart

    steps = kind == "pr"
    return figure_answer(
        lambda: SquareChart(*DIAGRAMS[kind], data, lines, level=level, steps=steps), objects, rows(), style=style
    )


def _answer_confusion(
    folder: "ModelFolder", predicted: "LabelledPredictions", *, data: str, style: "PictureStyle"
) -> Answer:
    from lstmctl.evaluation.metrics import confusion
    from lstmctl.model.classifier import predicted_indices

    model, labels = folder.reference, folder.card.config.labels
    counts = confusion(predicted.truth, predicted_indices(predicted.probabilities), labels=len(labels))
    table = {label: dict(zip(labels, row, strict=True)) for label, row in zip(labels, counts.tolist(), strict=True)}
    cells = [(model, label, other, count) for label, row in table.items() for other, count in row.items()]
    objects = [{"schema": "lstmctl.confusion/1", "model": model, "data": data, "confusion": table}]
    rows = [("model", "label", "answer", "n"), *cells]
    from lstmctl.plots.figures import ConfusionMatrix

    return figure_answer(lambda: ConfusionMatrix(model, data, labels, counts), objects, rows, style=style)
