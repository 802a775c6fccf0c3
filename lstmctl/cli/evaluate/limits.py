"""What `evaluate` is asked to hold its numbers against: `--threshold`, `--fail-under`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from lstmctl.cli.evaluate.report import LOWER_IS_BETTER
from lstmctl.errors import UsageError
from lstmctl.evaluation.job import AUTO

if TYPE_CHECKING:
    from lstmctl.evaluation.job import Measured
    from lstmctl.registry.artifact import ModelFolder


class Limit(NamedTuple):
    """One --fail-under."""

    metric: str
    least: float
    low: bool  # it is the lower end of the interval that must reach it


def parse_limits(options: Sequence[str]) -> list[Limit]:
    """What METRIC=X[,low] says.

    Raises:
        UsageError: it cannot be read, or the metric is better the lower it is.
    """
    limits = []
    for option in options:
        metric, _, rest = option.rpartition("=")
        number, _, end = rest.partition(",")
        try:
            least = float(number)
        except ValueError:
            least = float("nan")
        if not metric or end not in ("", "low") or not 0 <= least <= 1:
            raise UsageError(f"--fail-under {option}: METRIC=X or METRIC=X,low, with X between 0 and 1")
        if metric in LOWER_IS_BETTER:
            raise UsageError(
                f"--fail-under {option}: {metric} is better the lower it is", hint="accuracy, auc, f1.LABEL, …"
            )
        limits.append(Limit(metric, least, end == "low"))
    return limits


def missed(limits: Sequence[Limit], measured: "Measured") -> list[str]:
    """The limits that a model misses, each with the reason.

    Raises:
        UsageError: there is no such metric.
    """
    reasons = []
    for limit in limits:
        metrics = measured.evaluation.metrics
        if limit.metric not in metrics:
            raise UsageError(f"--fail-under: there is no metric {limit.metric}", hint=f"there are {', '.join(metrics)}")
        metric, name = metrics[limit.metric], f"{measured.folder.reference}: {limit.metric}"
        value = metric.low if limit.low else metric.value
        if value is None:
            reasons.append(f"{name} has no interval: {metric.reason}")
        elif value < limit.least:
            what = "the lower end of its interval" if limit.low else "it"
            reasons.append(
                f"{name} is {metric.value:.4f}; {what} must be {limit.least:g} or more"
                + (f", and is {value:.4f}" if limit.low else "")
            )
    return reasons


def parse_threshold(
    option: str | None, folder: "ModelFolder", *, part: str | None
) -> float | None | Literal["auto:f1"]:
    """The threshold, or that it is to be found on the validation part; `part` is the own part that is reported, if any.

    Raises:
        UsageError: it is no probability, or would be chosen on the texts that are reported.
    """
    if option is None:
        return None
    labels = len(folder.card.config.labels)
    if labels != 2:
        raise UsageError(f"--threshold is for models with two labels; {folder.reference} has {labels}")
    if option == AUTO:
        if part == "val":
            raise UsageError(
                "--threshold auto:f1 is chosen on the validation part, so it must not be judged on it",
                hint="leave out --part val",
            )
        return "auto:f1"
    try:
        value = float(option)
    except ValueError:
        value = float("nan")
    if not 0 <= value <= 1:
        raise UsageError(f"--threshold is a probability between 0 and 1, or {AUTO}, not {option}")
    return value
