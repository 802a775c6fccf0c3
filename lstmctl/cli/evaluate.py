"""`lstmctl evaluate`: metrics with error bars, on texts the model has not seen."""

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import typer

from lstmctl.cli.console import Console
from lstmctl.cli.engine import Engine, RayAddress, engine_of
from lstmctl.cli.evaluation_texts import answers, check_labels, common_part, other_data, own_part, training_texts
from lstmctl.cli.options import (
    DATA,
    MODEL_HELP,
    Jobs,
    LabelColumn,
    Model,
    RenameLabel,
    TextColumn,
    complete_data,
    complete_model,
    parse_renames,
    settings,
)
from lstmctl.cli.session import open_model
from lstmctl.config import DataConfig
from lstmctl.errors import ExitCode, UsageError
from lstmctl.text import normalise

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from lstmctl.bulk import Each
    from lstmctl.classifier import Prediction
    from lstmctl.cli.evaluation_report import Measured, Mistake
    from lstmctl.data import Example
    from lstmctl.registry.artifact import ModelFolder

NAME = "evaluate"
EXAMPLES = """
Examples:
  lstmctl evaluate                              the newest model on its own test part
  lstmctl evaluate imdb@1 --data rotten-tomatoes
  lstmctl evaluate shop --data new.csv --label-column stars --json
  lstmctl evaluate imdb@1 imdb@2                two models on the same texts
  lstmctl evaluate --by length --worst 5
  lstmctl evaluate --fail-under accuracy=0.85,low
"""


def command(
    references: Annotated[
        list[str] | None, typer.Argument(metavar="[MODEL]...", help=MODEL_HELP, autocompletion=complete_model)
    ] = None,
    model: Model = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="NAME|FILE|DIR",
            help="Other labelled texts.",
            show_default="the part that the model's own data kept aside",
            rich_help_panel=DATA,
            autocompletion=complete_data,
        ),
    ] = None,
    part: Annotated[
        Literal["test", "val"],
        typer.Option("--part", metavar="test|val", help="Which part of the model's own data.", rich_help_panel=DATA),
    ] = "test",
    text_column: TextColumn = "text",
    label_column: LabelColumn = "label",
    rename_label: RenameLabel = None,
    threshold: Annotated[
        str | None,
        typer.Option(
            "--threshold",
            metavar="P|auto:f1",
            help="Answer the positive label from this probability on; auto:f1 takes the one with the best F1 on the "
            "model's validation part.",
        ),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="length|unknown|COLUMN", help="Also measure slices of the texts."),
    ] = None,
    worst: Annotated[
        int, typer.Option("--worst", metavar="N", help="Show the N most confident mistakes; in TSV nothing else.")
    ] = 0,
    fail_under: Annotated[
        list[str] | None,
        typer.Option(
            "--fail-under",
            metavar="METRIC=X[,low]",
            help="End with 1 if the metric, or with ,low the lower end of its interval, is below X.",
        ),
    ] = None,
    jobs: Jobs = None,
    engine: Engine = "local",
    ray_address: RayAddress = None,
) -> int:
    """Measure models on texts they have not seen, or compare them."""
    from lstmctl.cli.evaluation_limits import limits_of, missed, threshold_of
    from lstmctl.cli.evaluation_report import report

    limits = limits_of(fail_under or [])
    if worst < 0:
        raise UsageError(f"--worst must be 0 or more, not {worst}")
    console = Console.open(settings)
    named: list[str | None] = [*(references or []), *([model] if model else [])]
    folders = [open_model(name) for name in named or [None]]
    chosen = [threshold_of(threshold, folder, part=part if source is None else None) for folder in folders]
    config = DataConfig(
        source=source or "",
        text_column=text_column,
        label_column=label_column,
        rename_label=parse_renames(rename_label),
    )
    with console.waiting("reading the texts"):
        other = other_data(config, own_sha256=folders[0].card.data_sha256) if source is not None else None
        if other is None:
            common_part(folders)
            config = folders[0].card.data or config
        examples, what = other or own_part(folders[0], part=part)
        for folder in folders:
            check_labels(examples, folder.card.config.labels, reference=folder.reference)
    measured = []
    with engine_of(engine, address=ray_address, jobs=jobs) as each:
        for folder, wanted in zip(folders, chosen, strict=True):
            with console.waiting(f"measuring {folder.reference}"):
                value = _best_threshold(folder, each=each) if wanted == "auto:f1" else wanted
                # Beside the processes that answer: meanwhile this one has little to do.
                with ThreadPoolExecutor(1) as beside:
                    other_view = beside.submit(_without_model, folder, examples, own_part=None if other else part)
                    predictions, probabilities, truth = answers(folder, examples, each=each)
                floor, known = other_view.result()
                measured.append(
                    _measure(
                        folder,
                        examples,
                        predictions,
                        probabilities,
                        truth,
                        threshold=value,
                        floor=floor,
                        by=by,
                        worst=worst,
                        config=config,
                    )
                )
            if known:
                console.warn(
                    f"{folder.reference} was trained on {known:,} of these {len(examples):,} texts; "
                    "the score flatters it",
                    hint=f"lstmctl evaluate {folder.reference} measures it on texts that were kept aside",
                )
    report(console, measured, what=what, only_worst=worst > 0)
    reasons = [reason for each in measured for reason in missed(limits, each)]
    for reason in reasons:
        console.error(reason)
    return int(ExitCode.NO if reasons else ExitCode.DONE)


def _measure(
    folder: "ModelFolder",
    examples: "Sequence[Example]",
    predictions: "Sequence[Prediction]",
    probabilities: "NDArray[np.float64]",
    truth: "NDArray[np.int64]",
    *,
    threshold: float | None,
    floor: float | None,
    by: str | None,
    worst: int,
    config: DataConfig,
) -> "Measured":
    """Compare the answers with the labels."""
    from lstmctl.classifier import choose
    from lstmctl.cli.evaluation_report import Measured
    from lstmctl.cli.evaluation_slices import slices
    from lstmctl.evaluation import measure

    labels = folder.card.config.labels
    parts = slices(by, examples, predictions, config) if by is not None else {}
    answered = choose(probabilities, threshold=threshold)
    return Measured(
        folder,
        measure(
            probabilities,
            truth,
            labels=labels,
            threshold=threshold,
            temperature=folder.card.config.temperature,
        ),
        answered == truth,
        threshold,
        floor,
        {
            name: measure(probabilities[places], truth[places], labels=labels, threshold=threshold)
            for name, places in parts.items()
        },
        _mistakes(examples, probabilities, answered, labels)[:worst],
    )


def _best_threshold(folder: "ModelFolder", *, each: "Each") -> float:
    """The threshold with the best F1 of the positive label on the model's validation part."""
    from lstmctl.metrics import best_f1_threshold

    examples, _ = own_part(folder, part="val")
    _, probabilities, truth = answers(folder, examples, each=each)
    return best_f1_threshold(probabilities[:, 1], truth)


def _mistakes(
    examples: "Sequence[Example]",
    probabilities: "NDArray[np.float64]",
    answered: "NDArray[np.intp]",
    labels: tuple[str, ...],
) -> "list[Mistake]":
    """All mistakes, the most confident first."""
    from lstmctl.cli.evaluation_report import Mistake

    wrong = [
        Mistake(example.row, example.label, labels[answer], float(row[answer]), example.text)
        for example, row, answer in zip(examples, probabilities, answered, strict=True)
        if labels[answer] != example.label
    ]
    return sorted(wrong, key=lambda mistake: (-mistake.probability, mistake.row))


class _WithoutModel(NamedTuple):
    """What there is to know about texts without asking the model."""

    floor: float | None  # the accuracy of naive Bayes
    known: int  # texts that the model has learned from: on those, any score flatters


def _without_model(folder: "ModelFolder", examples: "Sequence[Example]", *, own_part: str | None) -> _WithoutModel:
    """Naive Bayes as measured before training on a part of the model's own data; or on other texts, learned from the
    model's training texts, if those are there."""
    if own_part is not None:
        floors: dict[str, dict[str, float]] = folder.metrics().get("floors", {})
        return _WithoutModel(floors.get("naive_bayes", {}).get({"test": "test", "val": "validation"}[own_part]), 0)
    trained_on = training_texts(folder)
    if not trained_on:
        return _WithoutModel(None, 0)
    from lstmctl.training.floors import naive_bayes_accuracy

    learned = {normalise(example.text) for example in trained_on}
    known = sum(normalise(example.text) in learned for example in examples)
    return _WithoutModel(naive_bayes_accuracy(trained_on, examples, labels=folder.card.config.labels), known)
