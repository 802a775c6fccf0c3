"""`lstmctl plot`: the post's figure, or the gates at work, in the terminal or as a picture."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lstmctl.cli.console import Console
from lstmctl.cli.options import (
    DATA,
    MODEL_HELP,
    LabelColumn,
    Model,
    TextColumn,
    complete_data,
    complete_model,
    settings,
)
from lstmctl.cli.registry_access import named_models, open_model
from lstmctl.config import DataConfig
from lstmctl.errors import BadData, UsageError
from lstmctl.plots.text import tsv

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lstmctl.history import EpochRecord

NAME = "plot"
EXAMPLES = """
Examples:
  lstmctl plot                       accuracy and loss of the newest model
  lstmctl plot imdb@1 imdb@2         two models in one figure
  lstmctl plot -o curves.svg         a picture, for a page or a paper
  lstmctl plot --kind calibration    is it as sure as it is right?
  lstmctl plot --kind gates --text "not a good film" --show belt
"""
FILES = (".png", ".svg", ".txt", ".tsv", ".json", ".jsonl")


def complete_show(incomplete: str) -> list[str]:
    """The quantities that --show knows."""
    from lstmctl.cli.plot.gates import QUANTITIES

    return [name for name in QUANTITIES if name.startswith(incomplete)]


def command(
    models: Annotated[
        list[str] | None, typer.Argument(metavar="[MODEL]...", help=MODEL_HELP, autocompletion=complete_model)
    ] = None,
    model: Model = None,
    kind: Annotated[
        Literal["curves", "gates", "roc", "calibration", "confusion"],
        typer.Option(
            "--kind",
            metavar="KIND",
            help="curves: accuracy and loss over the epochs; gates: what every unit did at every word of --text; roc, "
            "calibration, confusion: the answers to the model's own test part, or to --data.",
        ),
    ] = "curves",
    text: Annotated[str | None, typer.Option("--text", metavar="TEXT", help="For gates: the text to read.")] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="NAME|FILE|DIR",
            help="For roc, calibration and confusion: other labelled texts.",
            show_default="the model's own test part",
            rich_help_panel=DATA,
            autocompletion=complete_data,
        ),
    ] = None,
    text_column: TextColumn = "text",
    label_column: LabelColumn = "label",
    show: Annotated[
        str | None,
        typer.Option(
            "--show",
            metavar="WHAT",
            help="For gates: forget, decision, new-value, output, belt or hidden.",
            show_default="cell",
            autocompletion=complete_show,
        ),
    ] = None,
    lstm: Annotated[
        str | None,
        typer.Option(
            "--lstm",
            metavar="NAME",
            help="For gates: which LSTM, as summary names it.",
            show_default="the last layer's, forward",
        ),
    ] = None,
) -> None:
    """Draw the curves of a training, or the gates at work on a text."""
    console = Console.open(output=settings.output)
    suffix = Path(settings.output).suffix.lower() if settings.output else ""
    if suffix and suffix not in FILES:
        raise UsageError(f"plot cannot write {suffix} files", hint="end the name in .png, .svg or .txt")
    references = named_models(models, model)
    _check(kind, text=text, show=show, lstm=lstm, source=source, models=len(references))
    if kind == "gates":
        from lstmctl.cli.plot.gates import plot_gates

        plot_gates(console, open_model(references[0]), text or "", show=show or "cell", lstm=lstm)
        return
    if kind != "curves":
        from lstmctl.cli.plot.diagrams import plot_diagram

        config = DataConfig(source=source, text_column=text_column, label_column=label_column) if source else None
        plot_diagram(console, [open_model(name) for name in references], kind=kind, config=config)
        return
    runs = histories(references)
    if console.picture_format is not None:
        from lstmctl.plots.pictures import curves_image

        console.write_bytes(curves_image(runs, format=console.picture_format))
    elif settings.format == "json":
        for reference, records in runs:
            for record in records:
                console.json({"schema": "lstmctl.epoch/1", "model": reference, **asdict(record)})
    elif settings.format == "tsv":
        _tsv(console, runs)
    else:
        from lstmctl.plots.terminal import curves_chart

        console.result(curves_chart(runs, width=min(console.width, 120), color=console.color, unicode=console.unicode))


def _check(kind: str, *, text: str | None, show: str | None, lstm: str | None, source: str | None, models: int) -> None:
    """See that the options go with the kind of plot."""
    if kind == "gates" and text is None:
        raise UsageError("--kind gates draws a text", hint='lstmctl plot --kind gates --text "not a good film"')
    if kind == "gates" and models > 1:
        raise UsageError("--kind gates draws one model", hint="name one")
    if kind != "gates" and (text, show, lstm) != (None, None, None):
        raise UsageError("--text, --show and --lstm belong to --kind gates")
    if kind in ("curves", "gates") and source is not None:
        raise UsageError("--data belongs to --kind roc, calibration and confusion")


def histories(references: "Sequence[str | None]") -> "list[tuple[str, tuple[EpochRecord, ...]]]":
    """Reference and epochs of each model.

    Raises:
        BadData: a model has no history, as an imported one.
    """
    runs = []
    for name in references:
        folder = open_model(name)
        records = folder.history()
        if not records:
            raise BadData(
                f"{folder.reference} has no training history to draw", hint="lstmctl summary tells what is known"
            )
        runs.append((folder.reference, records))
    return runs


def _tsv(console: Console, runs: "Sequence[tuple[str, Sequence[EpochRecord]]]") -> None:
    console.result(tsv(("model", "epoch", "part", "metric", "value")))
    for reference, records in runs:
        for record in records:
            for part, metric, value in (
                ("train", "loss", record.loss),
                ("train", "accuracy", record.accuracy),
                ("validation", "loss", record.val_loss),
                ("validation", "accuracy", record.val_accuracy),
            ):
                console.result(tsv((reference, record.epoch, part, metric, f"{value:.6f}")))
