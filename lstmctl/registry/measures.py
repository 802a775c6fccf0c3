"""metrics.json: what was measured when a model was trained. Checked, because commands show what it says.

    {"test": {"n": 10, "metrics": {"accuracy": {"value": .9, "low": .6, "high": .98, "n": 10}, …},
              "labels": {"pos": {"precision": 1, "recall": .8, "f1": .9, "n": 5}, …},
              "confusion": {"pos": {"pos": 4, …}, …}},
     "floors": {"majority_label": "pos", "majority": {"test": .5, …}, "naive_bayes": {"test": .8, …}}}

Both parts may be missing, and more may be there.
"""

from collections.abc import Callable
from typing import Any

from lstmctl.config import ModelConfig
from lstmctl.registry import strictjson

_MIB = 2**20
MAX_COUNT = 10**15


def limit(config: ModelConfig) -> int:
    """The most bytes that make sense: a table of all labels by all labels decides, up to 16 MiB."""
    labels = len(config.labels)
    characters = sum(len(label) for label in config.labels)
    return min(16 * _MIB, _MIB + (labels + 2) * (6 * characters + 40 * labels))


def parse(data: bytes, config: ModelConfig) -> dict[str, Any]:
    """The content of metrics.json.

    Raises:
        ValueError: saying what is wrong.
    """
    values = strictjson.parse_object(data)
    if "test" in values:
        _check_test(values["test"], set(config.labels))
    if "floors" in values:
        floors = values["floors"]
        _require(_is_object(floors, ("majority_label", "majority", "naive_bayes")), "floors")
        _require(isinstance(floors["majority_label"], str), "floors")
        for name in ("majority", "naive_bayes"):
            _require(_is_table(floors[name], _is_real), f"floors.{name}")
    return values


def _check_test(test: Any, labels: set[str]) -> None:
    _require(_is_object(test, ("n", "metrics", "labels", "confusion")) and _is_count(test["n"]), "test")
    _require(_is_table(test["metrics"], _is_metric) and "accuracy" in test["metrics"], "test.metrics")
    accuracy = test["metrics"]["accuracy"]
    _require(
        all(_is_real(accuracy[name]) and 0 <= accuracy[name] <= 1 for name in ("value", "low", "high")), "accuracy"
    )
    _require(_is_table(test["labels"], _is_scores) and set(test["labels"]) == labels, "test.labels")
    rows = test["confusion"]
    _require(_is_table(rows, lambda row: _is_table(row, _is_count)) and set(rows) <= labels, "test.confusion")
    _require(all(set(row) <= labels for row in rows.values()), "test.confusion")


def _require(condition: bool, where: str) -> None:
    if not condition:
        raise ValueError(f"has something unexpected in {where}")


def _is_object(value: Any, names: tuple[str, ...]) -> bool:
    return isinstance(value, dict) and all(name in value for name in names)


def _is_table(value: Any, right: Callable[[Any], bool]) -> bool:
    return isinstance(value, dict) and all(map(right, value.values()))


def _is_real(value: Any) -> bool:
    return type(value) in (int, float)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= MAX_COUNT


def _is_metric(value: Any) -> bool:
    if not _is_object(value, ("value", "low", "high", "n")):
        return False
    bounds = all(value[name] is None or _is_real(value[name]) for name in ("low", "high"))
    return bounds and _is_real(value["value"]) and _is_count(value["n"])


def _is_scores(value: Any) -> bool:
    if not _is_object(value, ("precision", "recall", "f1", "n")):
        return False
    return all(_is_real(value[name]) for name in ("precision", "recall", "f1")) and _is_count(value["n"])
