"""`lstmctl plot`: training curves, how a text is read, or predictions; drawn, as a picture, or in numbers."""

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Literal

from lstmctl.cli.console import Answer, Console
from lstmctl.cli.options import (
    Delimiter,
    Dpi,
    Encoding,
    LabelColumn,
    Model,
    Models,
    NoHeader,
    Size,
    TextColumn,
    Title,
    data_option,
    named_models,
    open_model,
    option,
    picture_style,
    reading_settings,
)
from lstmctl.cli.outputs import PICTURES
from lstmctl.cli.plot.figure import figure_answer
from lstmctl.cli.plot.predictions import answer_predictions
from lstmctl.cli.plot.texts import ALL, answer_gates, answer_words, complete_show
from lstmctl.config import DataConfig
from lstmctl.errors import BadData, UsageError
from lstmctl.plots.words import QUANTITIES

if TYPE_CHECKING:
    from lstmctl.plots.style import PictureStyle
    from lstmctl.registry.artifact import ModelFolder

EXAMPLES = """
Examples:
  lstmctl plot                       accuracy and loss of the newest model
  lstmctl plot imdb@1 imdb@2         two models in one figure
  lstmctl plot -o curves.pdf         as a picture, for a paper
  lstmctl plot --kind calibration    reliability diagram
  lstmctl plot --kind words --text "a good film" --text "not a good film"
  lstmctl plot --kind gates --text "not a good film" --show all
"""
OF_TEXTS, OF_PREDICTIONS = ("gates", "words"), ("roc", "pr", "calibration", "confusion")  # kinds

_KIND_HELP = (
    "curves: accuracy and loss over the epochs; words: the probability after each word of --text, and each word's "
    "effect; gates: every unit at each word of --text; roc, pr (precision and recall), calibration, confusion: "
    "predictions for the model's own test part, or for --data."
)
_TEXT_HELP = "For words and gates: the text to read; may be repeated, for a panel each."
_DATA_HELP = "For roc, pr, calibration and confusion: other labelled texts."
_SHOW_HELP = f"For gates: {', '.join(QUANTITIES)}, or {ALL} of them."
_LSTM_HELP = "For gates: which LSTM, as named by summary."
_SCALE_HELP = (
    "For gates: colours from 0 to 1 (states and candidate from -1 to 1), or from the smallest to the largest number of "
    "the text."
)
_LABEL_HELP = "For words: the label of the probabilities."


def command(
    models: Models = None,
    model: Model = None,
    kind: Annotated[
        Literal["curves", "words", "gates", "roc", "pr", "calibration", "confusion"],
        option("--kind KIND", _KIND_HELP),
    ] = "curves",
    texts: Annotated[list[str] | None, option("--text TEXT", _TEXT_HELP)] = None,
    source: Annotated[str | None, data_option(_DATA_HELP, default="the model's own test part")] = None,
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    no_header: NoHeader = False,
    show: Annotated[str | None, option("--show WHAT", _SHOW_HELP, default="cell", complete=complete_show)] = None,
    scale: Annotated[
        Literal["fixed", "text"] | None, option("--scale fixed|text", _SCALE_HELP, default="fixed")
    ] = None,
    lstm: Annotated[str | None, option("--lstm NAME", _LSTM_HELP, default="the last layer's, forward")] = None,
    label: Annotated[
        str | None, option("--label LABEL", _LABEL_HELP, default="the positive label, or the predicted one")
    ] = None,
    size: Size = None,
    dpi: Dpi = None,
    title: Title = None,
) -> None:
    """Draw training curves, how a text is read, or predictions."""
    console = Console.open(endings=PICTURES)
    style = picture_style(size, dpi, title)
    references = named_models(models, model)
    _refuse_options(kind, references, texts=texts, show=show, scale=scale, lstm=lstm, label=label, data=source)
    folders = [open_model(reference) for reference in references]
    if kind == "curves":
        answer = answer_curves(folders, style=style)
    elif kind == "words":
        answer = answer_words(folders[0], texts or [], label=label, style=style)
    elif kind == "gates":
        stretched = scale == "text"
        answer = answer_gates(folders[0], texts or [], show=show or "cell", lstm=lstm, stretched=stretched, style=style)
    else:
        written = reading_settings(text_column, delimiter, encoding, no_header)
        data = DataConfig(source=source, label_column=label_column, **written) if source else None
        with console.waiting("predicting"):
            answer = answer_predictions(folders, kind=kind, data=data, style=style)
    console.answer(answer)


def _refuse_options(kind: str, references: Sequence[str | None], *, data: str | None, **options: object) -> None:
    """Raise UsageError if an option or the number of models does not fit the kind of figure."""
    belong = {"texts": OF_TEXTS, "show": ("gates",), "scale": ("gates",), "lstm": ("gates",), "label": ("words",)}
    for name, value in options.items():
        if value is not None and kind not in belong[name]:
            flag = "--text" if name == "texts" else f"--{name}"
            raise UsageError(f"{flag} belongs to --kind {' and '.join(belong[name])}")
    if data is not None and kind not in OF_PREDICTIONS:
        raise UsageError("--data belongs to --kind roc, pr, calibration and confusion")
    if kind in OF_TEXTS:
        if not options["texts"]:
            hint = f'lstmctl plot --kind {kind} --text "not a good film"'
            raise UsageError(f"--kind {kind} needs --text", hint=hint)
        if len(references) > 1:
            raise UsageError(f"--kind {kind} takes one model", hint="name one")


def answer_curves(folders: "Sequence[ModelFolder]", *, style: "PictureStyle") -> Answer:
    """Accuracy and loss of each model over the epochs. Raises BadData for an imported model, which has no history."""
    runs = [(folder.reference, folder.history()) for folder in folders]
    for reference, records in runs:
        if not records:
            raise BadData(
                f"{reference} has no training history to draw", hint=f"lstmctl summary {shlex.quote(reference)}"
            )

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

    return figure_answer(lambda: TrainingCurves(runs), objects, rows(), style=style)
