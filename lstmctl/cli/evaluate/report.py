"""The answer of `evaluate`: as JSON, as TSV, and as tables for a terminal."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from lstmctl.cli.console import Answer, Console
from lstmctl.plots.text import Span, shortened, visible

if TYPE_CHECKING:
    from lstmctl.evaluation.intervals import Comparison
    from lstmctl.evaluation.job import EvaluationResult, Mistake, ModelEvaluation
    from lstmctl.evaluation.report import Evaluation, Metric

TITLES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "f1_macro": "macro F1",
    "auc": "AUC",
    "log_loss": "log loss",
    "ece": "calibration error (ECE)",
}
_CI = "95 % CI"
_MOST_COLUMNS = 6  # of a confusion matrix that fits a terminal


def build_answer(result: "EvaluationResult", *, only_mistakes: bool) -> Answer:
    """All views of a result. TSV holds one table: `only_mistakes` makes it that of the mistakes."""
    return Answer(
        objects=partial(_objects, result),
        rows=partial(_mistake_rows if only_mistakes else _metric_rows, result),
        screen=partial(_show, result),
    )


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
            "baselines": {"naive_bayes": model.baseline},
        }
        if model.threshold is not None:
            fields["threshold"] = model.threshold
        if model.slices:
            fields["slices"] = {name: evaluation.to_dict() for name, evaluation in model.slices.items()}
        if model.worst:
            fields["worst"] = [mistake._asdict() for mistake in model.worst]
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
        baseline = _numbers(model.baseline, None, None)
        yield "baseline.naive_bayes", *baseline, model.evaluation.n, "all", model.reference
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
    yield "model", "row", "label", "predicted", "probability", "text"
    for model in result.models:
        for mistake in model.worst:
            labels = mistake.label, mistake.predicted
            yield model.reference, mistake.row, *labels, f"{mistake.probability:.4f}", mistake.text


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
    rows: list[list[Span]] = []
    metrics = model.evaluation.metrics
    for name, title in TITLES.items():
        if (metric := metrics.get(name)) is not None:
            rows.append([title, f"{metric.value:.3f}", _interval(metric)])
        if name == "accuracy" and model.baseline is not None:
            rows.append([("  naive Bayes", "dim"), f"{model.baseline:.3f}", ""])
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
        console.show((f"row {mistake.row}: ", "dim"), labels)
        text = shortened(console.as_shown(mistake.text), max(20, console.width - 4), ellipsis=console.ellipsis)
        console.show("  ", text)


def _interval(metric: "Metric") -> str:
    if metric.low is None or metric.high is None:
        return f"none: {metric.reason}" if metric.reason else ""
    return f"{metric.low:.3f} – {metric.high:.3f}"
