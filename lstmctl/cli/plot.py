"""`lstmctl plot`: training curves, gates at each word of a text, or predictions; drawn, as a picture, or in numbers."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

from lstmctl.cli.console import Answer, Console
from lstmctl.cli.options import (
    Delimiter,
    Encoding,
    LabelColumn,
    Model,
    Models,
    NoHeader,
    TextColumn,
    data_option,
    named_models,
    open_model,
    open_registry,
    option,
    reading_settings,
)
from lstmctl.config import DataConfig
from lstmctl.errors import BadData, UsageError
from lstmctl.plots.text import visible
from lstmctl.scoring import open_pool

if TYPE_CHECKING:
    from lstmctl.evaluation.job import LabelledPredictions
    from lstmctl.plots.figures import Figure, Line
    from lstmctl.registry.artifact import ModelFolder

EXAMPLES = """
Examples:
  lstmctl plot                       accuracy and loss of the newest model
  lstmctl plot imdb@1 imdb@2         two models in one figure
  lstmctl plot -o curves.svg         as a picture
  lstmctl plot --kind calibration    reliability diagram
  lstmctl plot --kind gates --text "not a good film" --show cell
"""
PICTURES = (".png", ".svg")  # endings of -o
# What --show draws: title, meaning, and whether the numbers are on both sides of 0.
QUANTITIES = {
    "forget": ("forget gate", "0 erases the cell state, 1 keeps it", False),
    "input": ("input gate", "0 writes nothing, 1 the candidate", False),
    "candidate": ("candidate", "what could be written", True),
    "output": ("output gate", "0 reads nothing, 1 the cell state", False),
    "cell": ("cell state", "the memory after the word", True),
    "hidden": ("hidden state", "what is read out after the word", True),
}
ALIASES = {"decision": "input", "new-value": "candidate", "belt": "cell"}  # the post's words
DIAGRAMS = {  # title and axes
    "roc": ("ROC curve", "false positive rate", "true positive rate"),
    "calibration": ("reliability diagram", "confidence", "accuracy"),
}


def complete_show(incomplete: str) -> list[str]:
    """Values of --show that begin with `incomplete`."""
    return [name for name in QUANTITIES if name.startswith(incomplete)]


_KIND_HELP = (
    "curves: accuracy and loss over the epochs; gates: every unit at each word of --text; roc, calibration, confusion: "
    "predictions for the model's own test part, or for --data."
)
_DATA_HELP = "For roc, calibration and confusion: other labelled texts."
_SHOW_HELP = f"For gates: {', '.join(list(QUANTITIES)[:-1])} or hidden."
_LSTM_HELP = "For gates: which LSTM, as named by summary."


def command(
    models: Models = None,
    model: Model = None,
    kind: Annotated[
        Literal["curves", "gates", "roc", "calibration", "confusion"], option("--kind KIND", _KIND_HELP)
    ] = "curves",
    text: Annotated[str | None, option("--text TEXT", "For gates: the text to read.")] = None,
    source: Annotated[str | None, data_option(_DATA_HELP, default="the model's own test part")] = None,
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    no_header: NoHeader = False,
    show: Annotated[str | None, option("--show WHAT", _SHOW_HELP, default="cell", complete=complete_show)] = None,
    lstm: Annotated[str | None, option("--lstm NAME", _LSTM_HELP, default="the last layer's, forward")] = None,
) -> None:
    """Draw training curves, gates at each word, or predictions."""
    console = Console.open(endings=PICTURES)
    references = named_models(models, model)
    if kind == "gates":
        if text is None:
            raise UsageError("--kind gates needs --text", hint='lstmctl plot --kind gates --text "not a good film"')
        if len(references) > 1:
            raise UsageError("--kind gates takes one model", hint="name one")
    elif (text, show, lstm) != (None, None, None):
        raise UsageError("--text, --show and --lstm belong to --kind gates")
    if kind in ("curves", "gates") and source is not None:
        raise UsageError("--data belongs to --kind roc, calibration and confusion")
    folders = [open_model(reference) for reference in references]
    if kind == "curves":
        answer = answer_curves(folders)
    elif kind == "gates":
        answer = answer_gates(folders[0], text or "", show=show or "cell", lstm=lstm)
    else:
        written = reading_settings(text_column, delimiter, encoding, no_header)
        data = DataConfig(source=source, label_column=label_column, **written) if source else None
        with console.waiting("predicting"):
            answer = answer_predictions(folders, kind=kind, data=data)
    console.answer(answer)


def _answer(
    figure: "Callable[[], Figure]", objects: Iterable[Mapping[str, Any]], rows: Iterable[Sequence[object]]
) -> Answer:
    """A figure and its numbers."""
    from lstmctl.plots import pictures, terminal

    return Answer(
        objects=objects,
        rows=rows,
        screen=lambda console: terminal.draw(figure(), console),
        picture=lambda format: pictures.draw(figure(), format),
        drawing=True,
    )


def answer_curves(folders: "Sequence[ModelFolder]") -> Answer:
    """Accuracy and loss of each model over the epochs. Raises BadData for an imported model, which has no history."""
    runs = [(folder.reference, folder.history()) for folder in folders]
    for reference, records in runs:
        if not records:
            raise BadData(f"{reference} has no training history to draw", hint=f"lstmctl summary {reference}")

    def rows() -> Iterable[Sequence[object]]:
        yield "model", "epoch", "part", "metric", "value"
        for reference, records in runs:
            for record in records:
                for part, prefix in ("train", ""), ("validation", "val_"):
                    for metric in "loss", "accuracy":
                        value = getattr(record, prefix + metric)
                        yield reference, record.epoch, part, metric, f"{value:.6f}"

    about = {"schema": "lstmctl.epoch/1"}
    objects = ({**about, "model": name, **asdict(record)} for name, records in runs for record in records)
    from lstmctl.plots.figures import TrainingCurves

    return _answer(lambda: TrainingCurves(runs), objects, rows())


def answer_gates(folder: "ModelFolder", text: str, *, show: str, lstm: str | None) -> Answer:
    """One quantity of each unit of one LSTM at each word of a text.

    Raises:
        UsageError: no such quantity or LSTM. BadData: the text has no words.
    """
    show = ALIASES.get(show, show)
    if show not in QUANTITIES:
        raise UsageError(f"--show must be one of {', '.join(QUANTITIES)}, not {visible(show)}")
    from lstmctl.model.explanation import explain

    explanation = explain(folder.classifier(), text)
    names = list(explanation.traces)
    name = lstm or next(name for name in reversed(names) if name.endswith(".forward"))
    if name not in explanation.traces:
        raise UsageError(f"--lstm must be one of {', '.join(names)}, not {visible(name)}")
    words = explanation.words
    if not words:
        raise BadData("the text has no words", hint='--text "not a good film"')
    title, meaning, signed = QUANTITIES[show]
    title += f" · {folder.reference}" + (f" · {name}" if len(names) > 1 else "")
    values = getattr(explanation.traces[name], show)

    def objects() -> Iterable[Mapping[str, Any]]:
        rounded = [[float(f"{value:.7g}") for value in row] for row in values.tolist()]
        about = {"schema": "lstmctl.gates/1", "model": folder.reference, "text": text, "lstm": name, "show": show}
        yield {**about, "words": words, "values": rounded}

    def rows() -> Iterable[Sequence[object]]:
        yield "position", "word", *(f"unit{unit}" for unit in range(values.shape[1]))
        for position, (word, row) in enumerate(zip(words, values, strict=True), start=1):
            yield position, word, *(f"{value:.6f}" for value in row)

    from lstmctl.plots.figures import HeatMap

    return _answer(lambda: HeatMap(title, words, values, meaning, signed), objects(), rows())


def answer_predictions(folders: "Sequence[ModelFolder]", *, kind: str, data: DataConfig | None) -> Answer:
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
        return _answer_confusion(folders[0], predictions[0], data=description)
    make_line = _roc if kind == "roc" else _reliability
    lines = [make_line(folder, predicted) for folder, predicted in zip(folders, predictions, strict=True)]
    return _answer_square(lines, kind=kind, data=description)


def _roc(folder: "ModelFolder", predicted: "LabelledPredictions") -> "Line":
    from lstmctl.evaluation.metrics import roc
    from lstmctl.plots.figures import Line

    if folder.card.config.positive is None:
        labels = predicted.probabilities.shape[1]
        message = f"a ROC curve needs a model with two labels; {folder.reference} has {labels}"
        raise UsageError(message, hint="--kind confusion and --kind calibration take any number of labels")
    if len(set(predicted.truth.tolist())) < 2:
        raise BadData("a ROC curve needs texts of both labels; these have only one", hint="name others with --data")
    rates = zip(*(rates.tolist() for rates in roc(predicted.probabilities[:, 1], predicted.truth)), strict=True)
    return Line(folder.reference, [{"x": x, "y": y} for x, y in rates])


def _reliability(folder: "ModelFolder", predicted: "LabelledPredictions") -> "Line":
    from lstmctl.evaluation.metrics import reliability
    from lstmctl.model.classifier import predicted_indices
    from lstmctl.plots.figures import Line

    bins = reliability(predicted.probabilities, predicted.truth, predicted_indices(predicted.probabilities))
    points = [{"x": bin.confidence, "y": bin.accuracy, **bin.interval._asdict(), "n": bin.n} for bin in bins]
    return Line(folder.reference, points)


def _answer_square(lines: "Sequence[Line]", *, kind: str, data: str) -> Answer:
    def rows() -> Iterable[Sequence[object]]:
        yield "model", *lines[0].points[0]
        for line in lines:
            for point in line.points:
                yield line.model, *(value if key == "n" else f"{value:.6f}" for key, value in point.items())

    about = {"schema": f"lstmctl.{kind}/1"}
    objects = ({**about, "model": line.model, "data": data, "points": line.points} for line in lines)
    from lstmctl.plots.figures import SquareChart

    return _answer(lambda: SquareChart(*DIAGRAMS[kind], data, lines), objects, rows())


def _answer_confusion(folder: "ModelFolder", predicted: "LabelledPredictions", *, data: str) -> Answer:
    from lstmctl.evaluation.metrics import confusion
    from lstmctl.model.classifier import predicted_indices

    model, labels = folder.reference, folder.card.config.labels
    counts = confusion(predicted.truth, predicted_indices(predicted.probabilities), labels=len(labels))
    table = {label: dict(zip(labels, row, strict=True)) for label, row in zip(labels, counts.tolist(), strict=True)}
    cells = [(model, label, other, count) for label, row in table.items() for other, count in row.items()]
    objects = [{"schema": "lstmctl.confusion/1", "model": model, "data": data, "confusion": table}]
    rows = [("model", "label", "answer", "n"), *cells]
    from lstmctl.plots.figures import ConfusionMatrix

    return _answer(lambda: ConfusionMatrix(model, data, labels, counts), objects, rows)
