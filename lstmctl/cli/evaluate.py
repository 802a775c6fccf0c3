"""`lstmctl evaluate`: metrics with confidence intervals, on texts that the model was not trained on."""

import shlex
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from lstmctl.cli.console import Answer, Console, show_readings
from lstmctl.cli.options import (
    DATA,
    BadRowsOption,
    Delimiter,
    Encoding,
    Engine,
    Jobs,
    LabelColumn,
    Model,
    Models,
    NoHeader,
    RayAddress,
    RenameLabel,
    TextColumn,
    data_option,
    named_models,
    open_model,
    open_registry,
    option,
    parse_renames,
    reading_settings,
)
from lstmctl.config import DataConfig
from lstmctl.errors import ExitCode, UsageError
from lstmctl.plots.text import Span, visible
from lstmctl.scoring import open_pool

if TYPE_CHECKING:
    from lstmctl.evaluation.intervals import Comparison
    from lstmctl.evaluation.job import AutoF1, EvaluationRequest, EvaluationResult, Mistake, ModelEvaluation
    from lstmctl.evaluation.report import Evaluation, Metric

EXAMPLES = """
Examples:
  lstmctl evaluate                              the newest model, its test part
  lstmctl evaluate imdb@1 --data rotten-tomatoes
  lstmctl evaluate shop --data new.csv --label-column stars --json
  lstmctl evaluate shop --data grown.csv --only-new   rows it was not trained on
  lstmctl evaluate imdb@1 imdb@2                two models on the same texts
  lstmctl evaluate --by length --worst 5
  lstmctl evaluate --fail-under accuracy=0.85,low
"""
LOWER_IS_BETTER = ("log_loss", "ece", "log_loss_uncalibrated", "ece_uncalibrated")


_METRICS = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "f1_macro": "macro F1",
    "auc": "AUC",
    "log_loss": "log loss",
    "ece": "calibration error (ECE)",
}
_CI = "95 % CI"
_MOST_COLUMNS = 6  # of a confusion matrix that fits a terminal

_PART_HELP = "Which part of the model's own data."
_THRESHOLD_HELP = (
    "Predict the positive label at probability ≥ P; auto:f1 chooses the P with the best F1 on the model's validation "
    "part."
)
_UNKNOWN_HELP = "Stop at a label that the model does not know, or leave its rows out and count them."
_NEW_HELP = "Of --data, leave out the rows that a model was trained on."
_WORST_HELP = "List the N most confident mistakes; TSV then has only those."
_FAIL_HELP = "Exit with 1 if the metric, or with ,low the lower end of its interval, is below X."


def command(
    references: Models = None,
    model: Model = None,
    source: Annotated[
        list[str] | None,
        data_option("Other labelled texts; may be repeated.", default="the test part of the model's own data"),
    ] = None,
    part: Annotated[Literal["test", "val"], option("--part test|val", _PART_HELP, panel=DATA)] = "test",
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    no_header: NoHeader = False,
    rename_label: RenameLabel = None,
    bad_rows: BadRowsOption = "stop",
    unknown_labels: Annotated[
        Literal["stop", "drop"], option("--unknown-labels stop|drop", _UNKNOWN_HELP, panel=DATA)
    ] = "stop",
    only_new: Annotated[bool, option("--only-new", _NEW_HELP, panel=DATA)] = False,
    threshold: Annotated[str | None, option("--threshold P|auto:f1", _THRESHOLD_HELP)] = None,
    by: Annotated[str | None, option("--by length|unknown|COLUMN", "Also measure slices of the texts.")] = None,
    worst: Annotated[int, option("--worst N", _WORST_HELP)] = 0,
    fail_under: Annotated[list[str] | None, option("--fail-under METRIC=X[,low]", _FAIL_HELP)] = None,
    jobs: Jobs = None,
    engine: Engine = "local",
    ray_address: RayAddress = None,
) -> int:
    """Measure models on unseen texts, or compare them."""
    from lstmctl.evaluation.job import EvaluationRequest, evaluate_models

    limits = [parse_limit(text) for text in fail_under or []]
    if worst < 0:
        raise UsageError(f"--worst must be 0 or more, not {worst}")
    renames = parse_renames(rename_label)
    data = None
    if source:
        data = DataConfig(
            source=source[0],
            more_sources=tuple(source[1:]),
            label_column=label_column,
            rename_label=renames,
            bad_rows=bad_rows,
            **reading_settings(text_column, delimiter, encoding, no_header),
        )
    request = EvaluationRequest(
        data=data,
        part=part,
        only_new=only_new,
        unknown_labels=unknown_labels,
        threshold=parse_threshold(threshold),
        by=by,
        worst=worst,
    )
    console = Console.open()
    home = open_registry().home
    folders = [open_model(name) for name in named_models(references, model)]
    label = f"evaluating {', '.join(folder.reference for folder in folders)}"
    pool = open_pool(engine, address=ray_address, jobs=jobs)  # entered when the texts have been read
    with console.waiting(label):
        result = evaluate_models(folders, request, pool=pool, home=home)
    _say(result, console, request)
    rows = (_mistake_rows if worst else _metric_rows)(result)  # TSV has one table
    console.answer(Answer(objects=_objects(result), rows=rows, screen=partial(_show, result)))
    failures = [failure for evaluated in result.models for failure in find_failures(limits, evaluated)]
    for failure in failures:
        console.error(failure)
    return int(ExitCode.NO if failures else ExitCode.DONE)


def _say(result: "EvaluationResult", console: Console, request: "EvaluationRequest") -> None:
    """How the texts were chosen, and what is wrong with them."""
    show_readings(console, result.readings)
    for note in result.notes:
        console.note(visible(note))
    if result.bad_rows is not None and result.bad_rows.count:
        console.warn(result.bad_rows.describe())
    from lstmctl.data.reading import PREDICTED

    if any(PREDICTED in reading for reading in result.readings):
        console.warn(
            f"{PREDICTED}, not the truth: the score says how far the models agree",
            hint="predict --keep-columns keeps the true labels, as input_label: --label-column input_label",
        )
    for evaluated in result.models:
        if evaluated.trained_on is None:
            console.note(f"not known: which of these texts {evaluated.reference} was trained on")
        elif evaluated.trained_on:
            reference, n = shlex.quote(evaluated.reference), evaluated.evaluation.n
            message = f"{evaluated.reference} was trained on {evaluated.trained_on:,} of these {n:,} texts"
            hint = f"lstmctl evaluate {reference} measures it on held-out texts"
            if request.part == "val":
                hint = "--part test measures it on texts that it was not trained on"
            elif request.data is not None:
                hint = "--only-new leaves them out" if evaluated.trained_on < n else "--data names other texts"
            console.warn(f"{message}; the score is inflated", hint=hint)


def parse_threshold(text: str | None) -> "float | AutoF1 | None":
    """The value of --threshold. Raises UsageError if it is neither a probability nor auto:f1."""
    if text is None:
        return None
    if text == "auto:f1":
        return "auto:f1"
    if (value := _probability(text)) is None:
        raise UsageError(f"--threshold is a probability between 0 and 1, or auto:f1, not {text}")
    return value


class Limit(NamedTuple):
    """One --fail-under."""

    metric: str
    minimum: float
    low: bool  # for the lower end of the interval


def parse_limit(text: str) -> Limit:
    """METRIC=X[,low]. Raises UsageError if it has another form, or lower values of the metric are better."""
    metric, _, value = text.rpartition("=")
    number, _, end = value.partition(",")
    minimum = _probability(number)
    if not metric or end not in ("", "low") or minimum is None:
        raise UsageError(f"--fail-under {text}: METRIC=X or METRIC=X,low, with X between 0 and 1")
    if metric in LOWER_IS_BETTER:
        message = f"--fail-under {text}: {metric} is better the lower it is"
        raise UsageError(message, hint="accuracy, auc, f1.LABEL, …")
    return Limit(metric, minimum, end == "low")


def _probability(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value <= 1 else None


def find_failures(limits: Sequence[Limit], evaluated: "ModelEvaluation") -> list[str]:
    """A message for each limit that a model is below. Raises UsageError if there is no such metric."""
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


def verdict(comparison: "Comparison", first: str = "the first", second: str = "the second") -> str:
    """Which model is better, in words."""
    if not comparison.distinguishable:
        return f"not distinguishable at n = {comparison.n:,}"
    return f"{second if comparison.difference > 0 else first} is better"


def _objects(result: "EvaluationResult") -> Iterator[dict[str, Any]]:
    for model in result.models:
        fields: dict[str, Any] = {
            "schema": "lstmctl.evaluation/1",
            "model": model.reference,
            "data": result.description,
            **model.evaluation.to_dict(),
            "baselines": model.baselines,
            "trained_on": model.trained_on,
            "left_out": result.rows_left_out,
        }
        if model.threshold is not None:
            fields["threshold"] = model.threshold
        if model.slices:
            fields["slices"] = {name: evaluation.to_dict() for name, evaluation in model.slices.items()}
        if model.worst:
            fields["worst"] = [_without_empty_file(mistake) for mistake in model.worst]
        yield fields
    for first, second, comparison in result.comparisons:
        names = {"data": result.description, "first": first, "second": second}
        yield {"schema": "lstmctl.comparison/1", **names, **comparison._asdict(), "in_words": verdict(comparison)}


def _metric_rows(result: "EvaluationResult") -> Iterator[Sequence[object]]:
    yield "metric", "value", "low", "high", "n", "slice", "model"
    for model in result.models:
        for part, evaluation in {"all": model.evaluation, **model.slices}.items():
            for name, metric in evaluation.metrics.items():
                yield name, *_numbers(metric.value, metric.low, metric.high), metric.n, part, model.reference
        for name, value in model.baselines.items():
            yield f"baseline.{name}", *_numbers(value, None, None), model.evaluation.n, "all", model.reference
        if model.threshold is not None:
            yield "threshold", *_numbers(model.threshold, None, None), None, "all", model.reference
    for first, second, comparison in result.comparisons:
        pair = f"{second} - {first}"
        difference = _numbers(comparison.difference, comparison.low, comparison.high)
        yield "accuracy.difference", *difference, comparison.n, "all", pair
        yield "mcnemar.p", *_numbers(comparison.p, None, None), comparison.n, "all", pair


def _numbers(*values: float | None) -> list[str | None]:
    return [None if value is None else f"{value:.6f}" for value in values]


def _mistake_rows(result: "EvaluationResult") -> Iterator[Sequence[object]]:
    several = any(mistake.file for model in result.models for mistake in model.worst)
    yield "model", "row", "label", "predicted", "probability", "text", *(["file"] if several else [])
    for model in result.models:
        for mistake in model.worst:
            labels = mistake.label, mistake.predicted
            yield (
                model.reference,
                mistake.row,
                *labels,
                f"{mistake.probability:.4f}",
                mistake.text,
                *([mistake.file] if several else []),
            )


def _without_empty_file(mistake: "Mistake") -> dict[str, Any]:
    return {name: value for name, value in mistake._asdict().items() if name != "file" or value}


def _show(result: "EvaluationResult", console: Console) -> None:
    for model in result.models:
        evaluation = model.evaluation
        console.show((model.reference, "bold"), f" on {visible(result.description)} · {evaluation.n:,} texts")
        if model.threshold is not None:
            console.show((f"predicts {visible(evaluation.labels[1])} at probability ≥ {model.threshold:.3f}", "dim"))
        console.show()
        _show_metrics(console, model)
        console.show()
        _show_labels(console, evaluation)
        if model.slices:
            console.show()
            _show_slices(console, model.slices)
        if model.worst:
            console.show()
            _show_mistakes(console, model.worst)
        console.show()
    for first, second, comparison in result.comparisons:
        difference = f"{comparison.difference:+.3f} ({comparison.low:+.3f} … {comparison.high:+.3f})"
        alone = f"only {second} correct: {comparison.only_second:,} · only {first}: {comparison.only_first:,}"
        console.show((second, "bold"), " compared with ", (first, "bold"))
        console.show(f"  accuracy {difference}")
        console.show(f"  {alone}")
        console.show(f"  {verdict(comparison, first, second)}")
        console.show((f"  McNemar's exact test: p = {comparison.p:.2g}", "dim"))


def _show_metrics(console: Console, model: "ModelEvaluation") -> None:
    from lstmctl.evaluation.baselines import TITLES

    rows: list[list[Span]] = []
    metrics = model.evaluation.metrics
    for name, title in _METRICS.items():
        if (metric := metrics.get(name)) is not None:
            rows.append([title, f"{metric.value:.3f}", _interval(metric)])
        if name == "accuracy":
            rows += [[(f"  {TITLES[key]}", "dim"), f"{value:.3f}", ""] for key, value in model.baselines.items()]
        if (metric := metrics.get(f"{name}_uncalibrated")) is not None:
            rows.append([("  before calibration", "dim"), f"{metric.value:.3f}", _interval(metric)])
    console.table(["metric", "value", _CI], rows, right=[1])
    console.show(("log loss and calibration error: lower is better", "dim"))


def _show_labels(console: Console, evaluation: "Evaluation") -> None:
    """Scores of each label, and the confusion matrix where it fits."""
    labels = [visible(label) for label in evaluation.labels]
    columns = labels if len(labels) <= _MOST_COLUMNS else []
    header = ["label", "precision", "recall", "F1", "n", *(f"→ {label}" for label in columns)]
    rows: list[list[Span]] = []
    for label, scores, counts in zip(labels, evaluation.per_label.values(), evaluation.confusion, strict=True):
        row = [label, f"{scores.precision:.3f}", f"{scores.recall:.3f}", f"{scores.f1:.3f}", f"{scores.n:,}"]
        rows.append([*row, *(f"{count:,}" for count in counts[: len(columns)])])
    console.table(header, rows, right=range(1, len(header)))


def _show_slices(console: Console, slices: "dict[str, Evaluation]") -> None:
    rows: list[list[Span]] = []
    for name, evaluation in slices.items():
        accuracy = evaluation.metrics["accuracy"]
        rows.append([visible(name), f"{evaluation.n:,}", f"{accuracy.value:.3f}", _interval(accuracy)])
    console.table(["slice", "texts", "accuracy", _CI], rows, right=[1, 2])


def _show_mistakes(console: Console, mistakes: "Sequence[Mistake]") -> None:
    console.show(("the most confident mistakes", "bold"))
    for mistake in mistakes:
        labels = f"predicted {visible(mistake.predicted)} {mistake.probability:.2f}, labelled {visible(mistake.label)}"
        place = f"row {mistake.row}" + (f", {mistake.file}" if mistake.file else "")
        console.show((f"{visible(place)}: ", "dim"), labels)
        console.show("  ", console.as_shown(mistake.text, max(20, console.out.width - 4)))


def _interval(metric: "Metric") -> str:
    if metric.low is None or metric.high is None:
        return f"none: {metric.reason}" if metric.reason else ""
    return f"{metric.low:.3f} – {metric.high:.3f}"
