"""`lstmctl evaluate`: metrics with confidence intervals, on texts that the model was not trained on."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import typer

from lstmctl.cli.console import Console
from lstmctl.cli.options import (
    DATA,
    MODEL_HELP,
    Engine,
    Jobs,
    LabelColumn,
    Model,
    RayAddress,
    RenameLabel,
    TextColumn,
    complete_data,
    complete_model,
    parse_renames,
    settings,
)
from lstmctl.cli.registry_access import named_models, open_model, open_registry
from lstmctl.config import DataConfig
from lstmctl.errors import ExitCode, UsageError
from lstmctl.scoring import open_pool

if TYPE_CHECKING:
    from lstmctl.evaluation.job import AutoF1, ModelEvaluation

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
LOWER_IS_BETTER = ("log_loss", "ece", "log_loss_uncalibrated", "ece_uncalibrated")


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
            show_default="the test part of the model's own data",
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
            help="Predict the positive label at probability ≥ P; auto:f1 chooses the P with the best F1 on the model's "
            "validation part.",
        ),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="length|unknown|COLUMN", help="Also measure slices of the texts."),
    ] = None,
    worst: Annotated[
        int, typer.Option("--worst", metavar="N", help="List the N most confident mistakes; TSV then has only those.")
    ] = 0,
    fail_under: Annotated[
        list[str] | None,
        typer.Option(
            "--fail-under",
            metavar="METRIC=X[,low]",
            help="Exit with 1 if the metric, or with ,low the lower end of its interval, is below X.",
        ),
    ] = None,
    jobs: Jobs = None,
    engine: Engine = "local",
    ray_address: RayAddress = None,
) -> int:
    """Measure models on unseen texts, or compare them."""
    from lstmctl.cli.evaluate.report import build_answer
    from lstmctl.evaluation.job import EvaluationRequest, evaluate_models

    limits = [parse_limit(option) for option in fail_under or []]
    if worst < 0:
        raise UsageError(f"--worst must be 0 or more, not {worst}")
    renames = parse_renames(rename_label)
    data = None
    if source is not None:
        data = DataConfig(source=source, text_column=text_column, label_column=label_column, rename_label=renames)
    request = EvaluationRequest(data=data, part=part, threshold=parse_threshold(threshold), by=by, worst=worst)
    console = Console.open(output=settings.output)
    home = open_registry().home
    folders = [open_model(name) for name in named_models(references, model)]
    label = f"evaluating {', '.join(folder.reference for folder in folders)}"
    pool = open_pool(engine, address=ray_address, jobs=jobs)  # entered when the texts have been read
    with console.waiting(label):
        result = evaluate_models(folders, request, pool=pool, home=home)
    for evaluated in result.models:
        if evaluated.trained_on:
            console.warn(
                f"{evaluated.reference} was trained on {evaluated.trained_on:,} of these {evaluated.evaluation.n:,} "
                "texts; the score is inflated",
                hint=f"lstmctl evaluate {evaluated.reference} measures it on held-out texts",
            )
    console.answer(build_answer(result, only_mistakes=worst > 0))
    failures = [failure for evaluated in result.models for failure in find_failures(limits, evaluated)]
    for failure in failures:
        console.error(failure)
    return int(ExitCode.NO if failures else ExitCode.DONE)


def parse_threshold(option: str | None) -> "float | AutoF1 | None":
    """
    Raises:
        UsageError: it is neither a probability nor auto:f1.
    """
    if option is None:
        return None
    if option == "auto:f1":
        return "auto:f1"
    if (value := _probability(option)) is None:
        raise UsageError(f"--threshold is a probability between 0 and 1, or auto:f1, not {option}")
    return value


class Limit(NamedTuple):
    """One --fail-under."""

    metric: str
    minimum: float
    low: bool  # for the lower end of the interval


def parse_limit(option: str) -> Limit:
    """METRIC=X[,low].

    Raises:
        UsageError: it cannot be parsed, or lower values of the metric are better.
    """
    metric, _, value = option.rpartition("=")
    number, _, end = value.partition(",")
    minimum = _probability(number)
    if not metric or end not in ("", "low") or minimum is None:
        raise UsageError(f"--fail-under {option}: METRIC=X or METRIC=X,low, with X between 0 and 1")
    if metric in LOWER_IS_BETTER:
        raise UsageError(
            f"--fail-under {option}: {metric} is better the lower it is", hint="accuracy, auc, f1.LABEL, …"
        )
    return Limit(metric, minimum, end == "low")


def _probability(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value <= 1 else None


def find_failures(limits: Sequence[Limit], evaluated: "ModelEvaluation") -> list[str]:
    """A message for each limit that a model is below.

    Raises:
        UsageError: there is no such metric.
    """
    failures = []
    metrics = evaluated.evaluation.metrics
    for limit in limits:
        if limit.metric not in metrics:
            raise UsageError(f"--fail-under: no metric {limit.metric}", hint=f"the metrics are {', '.join(metrics)}")
        metric = metrics[limit.metric]
        value = metric.low if limit.low else metric.value
        name = f"{limit.metric}, lower end of the interval," if limit.low else limit.metric
        if value is None:
            failures.append(f"{evaluated.reference}: {limit.metric} has no interval: {metric.reason}")
        elif value < limit.minimum:
            failures.append(f"{evaluated.reference}: {name} is {value:.4f}, below {limit.minimum:g}")
    return failures
