"""What `evaluate` says: tables on a terminal, TSV, or JSON."""

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

from lstmctl.cli.console import Console
from lstmctl.evaluation.intervals import compare_models
from lstmctl.plots.text import Span, shortened, tsv, visible

if TYPE_CHECKING:
    from lstmctl.evaluation.intervals import Comparison
    from lstmctl.evaluation.job import Measured
    from lstmctl.evaluation.report import Evaluation, Metric

TITLES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "f1_macro": "F1, mean of labels",
    "auc": "AUC",
    "log_loss": "log loss",
    "ece": "calibration error",
}
LOWER_IS_BETTER = ("log_loss", "ece", "log_loss_uncalibrated", "ece_uncalibrated")


def report(console: Console, models: "Sequence[Measured]", *, what: str, only_worst: bool) -> None:
    """Say all that was measured. `only_worst`: TSV has room for one table, and it is to be that of the mistakes."""
    comparisons = [
        (first.folder.reference, second.folder.reference, compare_models(first.right, second.right))
        for first, second in combinations(models, 2)
    ]
    if console.format == "json":
        for measured in models:
            console.json(_object(measured, what=what))
        for first, second, comparison in comparisons:
            answer = {"schema": "lstmctl.comparison/1", "data": what, "first": first, "second": second}
            console.json({**answer, **comparison._asdict(), "in_words": in_words(comparison)})
    elif console.format == "tsv":
        _tsv_of_mistakes(console, models) if only_worst else _tsv(console, models, comparisons)
    else:
        for measured in models:
            _screen(console, measured, what=what)
        if comparisons:
            _screen_of_comparisons(console, comparisons)


def in_words(comparison: "Comparison") -> str:
    """What a comparison comes to."""
    if not comparison.distinguishable:
        return f"not distinguishable at n = {comparison.n:,}"
    return f"the {'second' if comparison.difference > 0 else 'first'} is better"


def _object(measured: "Measured", *, what: str) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "schema": "lstmctl.evaluation/1",
        "model": measured.folder.reference,
        "data": what,
        **measured.evaluation.to_dict(),
        "baselines": {"naive_bayes": measured.baseline},
    }
    if measured.threshold is not None:
        answer["threshold"] = measured.threshold
    if measured.slices:
        answer["slices"] = {name: evaluation.to_dict() for name, evaluation in measured.slices.items()}
    if measured.worst:
        answer["worst"] = [mistake._asdict() for mistake in measured.worst]
    return answer


def _tsv(console: Console, models: "Sequence[Measured]", comparisons: "Sequence[tuple[str, str, Comparison]]") -> None:
    console.result(tsv(("metric", "value", "low", "high", "n", "slice", "model")))
    for measured in models:
        reference = measured.folder.reference
        for part, evaluation in {"all": measured.evaluation, **measured.slices}.items():
            for name, metric in evaluation.metrics.items():
                numbers = [_number(metric.value), _number(metric.low), _number(metric.high), metric.n]
                console.result(tsv((name, *numbers, part, reference)))
        baseline = _number(measured.baseline)
        console.result(tsv(("baseline.naive_bayes", baseline, "", "", measured.evaluation.n, "all", reference)))
        if measured.threshold is not None:
            console.result(tsv(("threshold", _number(measured.threshold), "", "", "", "all", reference)))
    for first, second, comparison in comparisons:
        numbers = [_number(comparison.difference), _number(comparison.low), _number(comparison.high), comparison.n]
        console.result(tsv(("accuracy.difference", *numbers, "all", f"{second} - {first}")))
        console.result(tsv(("mcnemar.p", _number(comparison.p), "", "", comparison.n, "all", f"{second} - {first}")))


def _tsv_of_mistakes(console: Console, models: "Sequence[Measured]") -> None:
    console.result(tsv(("model", "row", "label", "answer", "probability", "text")))
    for measured in models:
        for mistake in measured.worst:
            row = (mistake.row, mistake.label, mistake.answer, f"{mistake.probability:.4f}", mistake.text)
            console.result(tsv((measured.folder.reference, *row)))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}"


def _screen(console: Console, measured: "Measured", *, what: str) -> None:
    evaluation = measured.evaluation
    console.show((measured.folder.reference, "bold"), f" on {visible(what)} · {evaluation.n:,} texts")
    if measured.threshold is not None:
        positive = visible(evaluation.labels[1])
        console.show((f"answers {positive} from a probability of {measured.threshold:.3f} on", "dim"))
    console.show()
    remarks = dict.fromkeys(LOWER_IS_BETTER, "lower is better")
    rows: list[list[Span]] = []
    for name, title in TITLES.items():
        if (metric := evaluation.metrics.get(name)) is not None:
            rows.append([title, f"{metric.value:.3f}", _interval(metric), (remarks.get(name, ""), "dim")])
        if name == "accuracy" and measured.baseline is not None:
            rows.append([("  of naive Bayes", "dim"), f"{measured.baseline:.3f}", "", ""])
        if (metric := evaluation.metrics.get(f"{name}_uncalibrated")) is not None:
            rows.append([("  before calibration", "dim"), f"{metric.value:.3f}", _interval(metric), ""])
    console.table(["metric", "value", "95% interval", ""], rows, right=[1])
    console.show()
    _table_of_labels(console, evaluation)
    if measured.slices:
        console.show()
        table: list[list[Span]] = [
            [visible(name), f"{part.n:,}", f"{part.metrics['accuracy'].value:.3f}", _interval(part.metrics["accuracy"])]
            for name, part in measured.slices.items()
        ]
        console.table(["slice", "texts", "accuracy", "95% interval"], table, right=[1, 2])
    if measured.worst:
        console.show()
        console.show(("the most confident mistakes", "bold"))
        for mistake in measured.worst:
            start = f"{visible(mistake.answer)} {mistake.probability:.2f}, but {visible(mistake.label)}"
            text = shortened(console.as_shown(mistake.text), max(20, console.width - 4), ellipsis=console.ellipsis)
            console.show((f"row {mistake.row}: ", "dim"), start)
            console.show("  ", text)
    console.show()


def _table_of_labels(console: Console, evaluation: "Evaluation") -> None:
    labels = [visible(label) for label in evaluation.labels]
    shown = labels if len(labels) <= 6 else []  # a wider confusion table fits no terminal; --json has it
    header = ["label", "precision", "recall", "F1", "n", *(f"→ {label}" for label in shown)]
    table: list[list[Span]] = []
    for label, counts in zip(labels, evaluation.confusion, strict=True):
        scores = evaluation.per_label[evaluation.labels[labels.index(label)]]
        row = [label, f"{scores.precision:.3f}", f"{scores.recall:.3f}", f"{scores.f1:.3f}", f"{scores.n:,}"]
        table.append([*row, *(f"{count:,}" for count in counts[: len(shown)])])
    console.table(header, table, right=range(1, len(header)))


def _screen_of_comparisons(console: Console, comparisons: "Sequence[tuple[str, str, Comparison]]") -> None:
    for first, second, comparison in comparisons:
        console.show((second, "bold"), " against ", (first, "bold"))
        console.show(
            f"  accuracy {comparison.difference:+.3f} ({comparison.low:+.3f} … {comparison.high:+.3f}) · "
            f"right alone: {comparison.only_second:,} and {comparison.only_first:,}"
        )
        verdict = in_words(comparison).replace("the second", second).replace("the first", first)
        console.show(f"  {verdict}")
        console.show((f"  McNemar's exact test: p = {comparison.p:.2g}", "dim"))


def _interval(metric: "Metric") -> str:
    if metric.low is None or metric.high is None:
        return f"none: {metric.reason}" if metric.reason else ""
    return f"{metric.low:.3f} – {metric.high:.3f}"
