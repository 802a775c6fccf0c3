"""model.json: what a model is, where it came from and how, in plain values that are read without NumPy.

metrics.json: what was measured when a model was trained. Checked, because commands show what it says.

    {"test": {"n": 10, "metrics": {"accuracy": {"value": .9, "low": .6, "high": .98, "n": 10}, …},
              "labels": {"pos": {"precision": 1, "recall": .8, "f1": .9, "n": 5}, …},
              "confusion": {"pos": {"pos": 4, …}, …}},
     "baselines": {"majority_label": "pos", "majority": {"test": .5, …}, "naive_bayes": {"test": .8, …}}}

Both parts may be missing, and more may be there.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from lstmctl.config import BOUNDS, DataConfig, ModelConfig, TrainConfig
from lstmctl.registry import strictjson

CARD_SCHEMA = "lstmctl.card/1"
CARD_FORMAT = 1
CARD_LIMIT = 2**20  # bytes of model.json

_CREATED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:\+00:00|Z)", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PARTS = ("train", "validation", "test")
_CONFIGS = {"config": ModelConfig, "data": DataConfig, "training": TrainConfig}
_MAX_VERSIONS = 100
_MAX_VERSION_LENGTH = 100
_MAX_ARGUMENTS = 10_000
_MAX_COUNT = 10**12


class NewerFormat(ValueError):
    """The file was written by a later version of this program."""


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """What stands in model.json."""

    config: ModelConfig
    data: DataConfig | None  # None: it was imported, and what it was trained on is not known
    data_sha256: str  # of the rows that were read, in hexadecimal; of the file that was imported
    rows: Mapping[str, int]  # how many texts were in the parts "train", "validation", "test"
    training: TrainConfig | None  # None: it was imported
    epoch: int  # the epoch whose weights these are
    created: str  # ISO 8601, UTC
    seconds: float  # that training took
    command: tuple[str, ...]  # the line that trained it; empty where there was none
    versions: Mapping[str, str]  # of the packages that trained it

    def to_json(self) -> bytes:
        """The content of model.json."""
        values = {"schema": CARD_SCHEMA, "format": CARD_FORMAT, **vars(self)}
        for name in _CONFIGS:
            values[name] = values[name] and values[name].to_dict()
        values["rows"], values["versions"] = dict(self.rows), dict(self.versions)
        return strictjson.dump(values, indent=2)

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Read what `to_json` wrote, from a file that may come from a stranger.

        Raises:
            NewerFormat: it has a higher format number. ValueError: saying what is wrong.
        """
        values = strictjson.parse_object(data)
        number = values.pop("format", None)
        if type(number) is int and number > CARD_FORMAT:
            raise NewerFormat(f"has format {number}; this lstmctl knows {CARD_FORMAT}")
        if number != CARD_FORMAT or type(number) is not int or values.pop("schema", None) != CARD_SCHEMA:
            raise ValueError("does not describe a model of lstmctl")
        names = {field.name for field in fields(cls)}
        if wrong := names ^ set(values):
            raise ValueError(f"{'lacks' if min(wrong) in names else 'has an unknown'} field {min(wrong)!r:.60}")
        for name, right in _CHECKS.items():
            if not right(values[name]):
                raise ValueError(f"has an unusable field {name!r}")
        for name, record in _CONFIGS.items():
            if values[name] is not None or name == "config":
                values[name] = _config(record, name, values[name])
        return cls(**values | {"command": tuple(values["command"]), "seconds": float(values["seconds"])})


def _config(record: Any, name: str, values: Any) -> Any:
    try:
        return record.from_dict(values)
    except ValueError as error:
        raise ValueError(f"has an unusable field {name!r}: {error}") from error


def _is_count(value: Any, most: int = _MAX_COUNT) -> bool:
    return type(value) is int and 0 <= value <= most


def _is_rows(value: Any) -> bool:
    return isinstance(value, dict) and set(value) <= set(_PARTS) and all(map(_is_count, value.values()))


def _is_command(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= _MAX_ARGUMENTS and all(isinstance(word, str) for word in value)


def _is_versions(value: Any) -> bool:
    if not isinstance(value, dict) or len(value) > _MAX_VERSIONS:
        return False
    texts = [*value, *value.values()]
    return all(isinstance(text, str) and text.isprintable() and len(text) <= _MAX_VERSION_LENGTH for text in texts)


_CHECKS = {
    "data_sha256": lambda value: isinstance(value, str) and _SHA256.fullmatch(value),
    "rows": _is_rows,
    "epoch": lambda value: _is_count(value, BOUNDS["epochs"][1]),
    "created": lambda value: isinstance(value, str) and _CREATED.fullmatch(value),
    "seconds": lambda value: type(value) in (int, float) and 0 <= value <= _MAX_COUNT,
    "command": _is_command,
    "versions": _is_versions,
}


_MIB = 2**20
MAX_COUNT = 10**15


def metrics_limit(config: ModelConfig) -> int:
    """The most bytes that make sense: a table of all labels by all labels decides, up to 16 MiB."""
    labels = len(config.labels)
    characters = sum(len(label) for label in config.labels)
    return min(16 * _MIB, _MIB + (labels + 2) * (6 * characters + 40 * labels))


def parse_metrics(data: bytes, config: ModelConfig) -> dict[str, Any]:
    """The content of metrics.json.

    Raises:
        ValueError: saying what is wrong.
    """
    values = strictjson.parse_object(data)
    if "floors" in values:  # the key's name in models made before 0.2
        values["baselines"] = values.pop("floors")
    if "test" in values:
        _check_test(values["test"], set(config.labels))
    if "baselines" in values:
        baselines = values["baselines"]
        _require(_is_object(baselines, ("majority_label", "majority", "naive_bayes")), "baselines")
        _require(isinstance(baselines["majority_label"], str), "baselines")
        for name in ("majority", "naive_bayes"):
            _require(_is_table(baselines[name], _is_real), f"baselines.{name}")
    return values


def _check_test(test: Any, labels: set[str]) -> None:
    _require(_is_object(test, ("n", "metrics", "labels", "confusion")) and _is_metric_count(test["n"]), "test")
    _require(_is_table(test["metrics"], _is_metric) and "accuracy" in test["metrics"], "test.metrics")
    accuracy = test["metrics"]["accuracy"]
    _require(
        all(_is_real(accuracy[name]) and 0 <= accuracy[name] <= 1 for name in ("value", "low", "high")), "accuracy"
    )
    _require(_is_table(test["labels"], _is_scores) and set(test["labels"]) == labels, "test.labels")
    rows = test["confusion"]
    _require(_is_table(rows, lambda row: _is_table(row, _is_metric_count)) and set(rows) <= labels, "test.confusion")
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


def _is_metric_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= MAX_COUNT


def _is_metric(value: Any) -> bool:
    if not _is_object(value, ("value", "low", "high", "n")):
        return False
    bounds = all(value[name] is None or _is_real(value[name]) for name in ("low", "high"))
    return bounds and _is_real(value["value"]) and _is_metric_count(value["n"])


def _is_scores(value: Any) -> bool:
    if not _is_object(value, ("precision", "recall", "f1", "n")):
        return False
    return all(_is_real(value[name]) for name in ("precision", "recall", "f1")) and _is_metric_count(value["n"])
