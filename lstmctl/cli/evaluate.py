"""`lstmctl evaluate`: metrics with error bars, on texts the model has not seen."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lstmctl.cli.console import Console
from lstmctl.cli.evaluation_texts import check_labels, other_data, own_part, training_texts
from lstmctl.cli.lines import Piece, tsv, visible
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
    job_count,
    parse_renames,
    settings,
)
from lstmctl.cli.session import open_model
from lstmctl.config import DataConfig
from lstmctl.errors import UsageError
from lstmctl.text import normalise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lstmctl.data import Example
    from lstmctl.evaluation import Evaluation, Metric
    from lstmctl.registry.artifact import ModelFolder

NAME = "evaluate"
EXAMPLES = """
Examples:
  lstmctl evaluate                              the newest model on its own test part
  lstmctl evaluate imdb@1 --data rotten-tomatoes
  lstmctl evaluate shop --data new.csv --label-column stars --json
"""


def command(
    reference: Annotated[
        str | None, typer.Argument(metavar="[MODEL]", help=MODEL_HELP, autocompletion=complete_model)
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
        float | None,
        typer.Option("--threshold", metavar="P", help="Answer the positive label from this probability on."),
    ] = None,
    jobs: Jobs = None,
) -> None:
    """Measure a model on texts it has not seen."""
    if reference and model:
        raise UsageError("two models named; evaluate takes one")
    processes = job_count(jobs)
    console = Console.open(settings)
    folder = open_model(reference or model)
    labels = folder.card.config.labels
    if threshold is not None and not (len(labels) == 2 and 0 <= threshold <= 1):
        raise UsageError("--threshold is a probability between 0 and 1, for models with two labels")
    with console.waiting("reading the texts"):
        other = None
        if source is not None:
            renames = parse_renames(rename_label)
            config = DataConfig(source=source, text_column=text_column, label_column=label_column, rename_label=renames)
            other = other_data(config, own_sha256=folder.card.data_sha256)
        examples, what = other or own_part(folder, part=part)
        check_labels(examples, labels, reference=folder.reference)
    with console.waiting("measuring"):
        evaluation = evaluate(folder, examples, jobs=processes, threshold=threshold)
    if other is None:
        floor = stored_floor(folder, part=part)
    else:
        with console.waiting("measuring naive Bayes beside it"):
            trained_on = training_texts(folder)
            floor = floor_on(trained_on, examples, labels=labels)
        warn_of_known_texts(console, trained_on, examples, reference=folder.reference)
    _show(console, folder, evaluation, what=what, floor=floor)


def evaluate(
    folder: "ModelFolder", examples: "Sequence[Example]", *, jobs: int, threshold: float | None = None
) -> "Evaluation":
    """Answer every text and compare with its label."""
    import numpy as np

    from lstmctl.bulk import answer_all
    from lstmctl.classifier import Classifier
    from lstmctl.evaluation import measure

    labels = folder.card.config.labels
    place = {label: number for number, label in enumerate(labels)}
    truth = np.array([place[example.label] for example in examples], np.int64)
    predictions = answer_all(Classifier.load(folder).predict, [example.text for example in examples], jobs=jobs)
    probabilities = np.array([prediction.probabilities for prediction in predictions])
    return measure(probabilities, truth, labels=labels, threshold=threshold)


def stored_floor(folder: "ModelFolder", *, part: str) -> float | None:
    """The accuracy of naive Bayes on a part of the model's own data, as measured before training."""
    floors: dict[str, dict[str, float]] = folder.metrics().get("floors", {})
    return floors.get("naive_bayes", {}).get({"test": "test", "val": "validation"}[part])


def floor_on(
    trained_on: "Sequence[Example]", examples: "Sequence[Example]", *, labels: tuple[str, ...]
) -> float | None:
    """The accuracy of naive Bayes on other texts, learned from the model's training texts, if those are there."""
    if not trained_on:
        return None
    from lstmctl.training.floors import naive_bayes_accuracy

    return naive_bayes_accuracy(trained_on, examples, labels=labels)


def warn_of_known_texts(
    console: Console, trained_on: "Sequence[Example]", examples: "Sequence[Example]", *, reference: str
) -> None:
    """Say how many of the texts the model has learned from: on those, any score flatters."""
    known = {normalise(example.text) for example in trained_on}
    seen = sum(normalise(example.text) in known for example in examples)
    if seen:
        console.warn(
            f"{reference} was trained on {seen:,} of these {len(examples):,} texts; the score flatters it",
            hint=f"lstmctl evaluate {reference} measures it on texts that were kept aside",
        )


def _show(console: Console, folder: "ModelFolder", evaluation: "Evaluation", *, what: str, floor: float | None) -> None:
    if console.format == "json":
        console.json(
            {
                "schema": "lstmctl.evaluation/1",
                "model": folder.reference,
                "data": what,
                **evaluation.to_dict(),
                "floors": {"naive_bayes": floor},
            }
        )
    elif console.format == "tsv":
        console.result(tsv(("metric", "value", "low", "high", "n", "slice", "model")))
        for name, metric in evaluation.metrics.items():
            numbers = [_number(metric.value), _number(metric.low), _number(metric.high), metric.n]
            console.result(tsv((name, *numbers, "all", folder.reference)))
        console.result(tsv(("floor.naive_bayes", _number(floor), "", "", evaluation.n, "all", folder.reference)))
    else:
        _screen(console, folder, evaluation, what=what, floor=floor)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}"


TITLES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "f1_macro": "F1, mean of labels",
    "log_loss": "log loss",
    "auc": "AUC",
}


def _screen(
    console: Console, folder: "ModelFolder", evaluation: "Evaluation", *, what: str, floor: float | None
) -> None:
    console.show((folder.reference, "bold"), f" on {visible(what)} · {evaluation.n:,} texts")
    console.show()
    remarks = {"log_loss": "lower is better"}
    if floor is not None:
        remarks["accuracy"] = f"naive Bayes {floor:.3f}"
    rows: list[list[Piece]] = []
    for name, title in TITLES.items():
        if (metric := evaluation.metrics.get(name)) is not None:
            rows.append([title, f"{metric.value:.3f}", _interval(metric), (remarks.get(name, ""), "dim")])
    console.table(["metric", "value", "95% interval", ""], rows, right=[1])
    console.show()
    labels = [visible(label) for label in evaluation.labels]
    shown = labels if len(labels) <= 6 else []  # a wider confusion table fits no terminal; --json has it
    header = ["label", "precision", "recall", "F1", "n", *(f"→ {label}" for label in shown)]
    table: list[list[Piece]] = []
    for label, counts in zip(labels, evaluation.confusion, strict=True):
        scores = evaluation.per_label[evaluation.labels[labels.index(label)]]
        row = [label, f"{scores.precision:.3f}", f"{scores.recall:.3f}", f"{scores.f1:.3f}", f"{scores.n:,}"]
        table.append([*row, *(f"{count:,}" for count in counts[: len(shown)])])
    console.table(header, table, right=range(1, len(header)))


def _interval(metric: "Metric") -> str:
    return "" if metric.low is None or metric.high is None else f"{metric.low:.3f} – {metric.high:.3f}"
