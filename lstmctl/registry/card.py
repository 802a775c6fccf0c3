"""model.json, the card that describes a model, and metrics.json, its scores after training; neither file is trusted.

    {"test": {"n": 10, "metrics": {"accuracy": {"value": .9, "low": .6, "high": .98, "n": 10}, …},
              "labels": {"pos": {"precision": 1, "recall": .8, "f1": .9, "n": 5}, …},
              "confusion": {"pos": {"pos": 4, …}, …}},
     "baselines": {"majority_label": "pos", "majority": {"test": .5, …}, "naive_bayes": {"test": .8, …}}}

Both parts of metrics.json are optional, and it may have more. Invalid files raise ValueError with the reason.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from lstmctl.config import BOUNDS, DataConfig, ModelConfig, TrainConfig
from lstmctl.registry import strictjson

CARD_LIMIT = 2**20  # bytes of model.json
_SCHEMA, _FORMAT = "lstmctl.card/1", 1
_CREATED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:\+00:00|Z)", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PARTS = {"train", "validation", "test"}
_CONFIGS: dict[str, Any] = {"config": ModelConfig, "data": DataConfig, "training": TrainConfig}
_MAX_VERSIONS = 100
_MAX_VERSION_LENGTH = 100
_MAX_ARGUMENTS = 10_000
_MAX_ROWS = 10**12
_MAX_TEXTS = 10**15  # in metrics.json
_MIB = 2**20


class NewerFormat(ValueError):
    """The file was written by a later version of this program."""


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """The content of model.json: plain values, read without NumPy."""

    config: ModelConfig
    data: DataConfig | None  # None: imported, so the training data is not known
    data_sha256: str  # of the rows that were read, in hexadecimal; of the file that was imported
    rows: Mapping[str, int]  # number of texts in the parts "train", "validation", "test"
    training: TrainConfig | None  # None: imported
    epoch: int  # the epoch that the weights are from
    created: str  # ISO 8601, UTC
    seconds: float  # training time
    command: tuple[str, ...]  # the command line that made the model; may be empty
    versions: Mapping[str, str]  # of the packages that trained it

    def to_json(self) -> bytes:
        """The content of model.json."""
        values = {"schema": _SCHEMA, "format": _FORMAT, **vars(self)}
        for name in _CONFIGS:
            values[name] = values[name] and values[name].to_dict()
        values["rows"], values["versions"] = dict(self.rows), dict(self.versions)
        return strictjson.dump(values, indent=2)

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """The card in a model.json. NewerFormat: it has a higher format number."""
        values = strictjson.parse_object(data)
        number = values.pop("format", None)
        if type(number) is int and number > _FORMAT:
            raise NewerFormat(f"has format {number}; this lstmctl reads format {_FORMAT}")
        if number != _FORMAT or type(number) is not int or values.pop("schema", None) != _SCHEMA:
            raise ValueError("does not describe a model of lstmctl")
        names = {field.name for field in fields(cls)}
        if wrong := names ^ set(values):
            raise ValueError(f"{'lacks' if min(wrong) in names else 'has an unknown'} field {min(wrong)!r:.60}")
        for name, is_valid in _CHECKS.items():
            if not is_valid(values[name]):
                raise ValueError(f"has an invalid field {name!r}")
        for name, config in _CONFIGS.items():
            if values[name] is not None or name == "config":
                try:
                    values[name] = config.from_dict(values[name])
                except ValueError as error:
                    raise ValueError(f"has an invalid field {name!r}: {error}") from error
        return cls(**values | {"command": tuple(values["command"]), "seconds": float(values["seconds"])})


def _is_count(value: Any, maximum: int = _MAX_TEXTS) -> bool:
    return type(value) is int and 0 <= value <= maximum


def _is_real(value: Any) -> bool:
    return type(value) in (int, float)


def _is_mapping(value: Any, is_valid: Callable[[Any], bool]) -> bool:
    return isinstance(value, dict) and all(map(is_valid, value.values()))


def _is_command(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= _MAX_ARGUMENTS and all(isinstance(word, str) for word in value)


def _is_versions(value: Any) -> bool:
    if not isinstance(value, dict) or len(value) > _MAX_VERSIONS:
        return False
    texts = [*value, *value.values()]
    return all(isinstance(text, str) and text.isprintable() and len(text) <= _MAX_VERSION_LENGTH for text in texts)


_CHECKS = {
    "data_sha256": lambda value: isinstance(value, str) and _SHA256.fullmatch(value),
    "rows": lambda value: _is_mapping(value, lambda count: _is_count(count, _MAX_ROWS)) and set(value) <= _PARTS,
    "epoch": lambda value: _is_count(value, BOUNDS["epochs"][1]),
    "created": lambda value: isinstance(value, str) and _CREATED.fullmatch(value),
    "seconds": lambda value: _is_real(value) and 0 <= value <= 10**12,
    "command": _is_command,
    "versions": _is_versions,
}


def metrics_limit(config: ModelConfig) -> int:
    """The maximum size of metrics.json in bytes: room for a confusion matrix of all labels, up to 16 MiB."""
    labels = len(config.labels)
    characters = sum(len(label) for label in config.labels)
    return min(16 * _MIB, _MIB + (labels + 2) * (6 * characters + 40 * labels))


def parse_metrics(data: bytes, config: ModelConfig) -> dict[str, Any]:
    """The content of a metrics.json."""
    values = strictjson.parse_object(data)
    if "floors" in values:  # the key's name in models made before 0.2
        values["baselines"] = values.pop("floors")
    if "test" in values:
        _check_test(values["test"], set(config.labels))
    if "baselines" in values:
        baselines = values["baselines"]
        _require(_has_keys(baselines, "majority_label", "majority", "naive_bayes"), "baselines")
        _require(isinstance(baselines["majority_label"], str), "baselines")
        for name in ("majority", "naive_bayes"):
            _require(_is_mapping(baselines[name], _is_real), f"baselines.{name}")
    return values


def _check_test(test: Any, labels: set[str]) -> None:
    _require(_has_keys(test, "n", "metrics", "labels", "confusion") and _is_count(test["n"]), "test")
    _require(_is_mapping(test["metrics"], _is_metric) and "accuracy" in test["metrics"], "test.metrics")
    accuracy = [test["metrics"]["accuracy"][name] for name in ("value", "low", "high")]
    _require(all(_is_real(value) and 0 <= value <= 1 for value in accuracy), "test.metrics.accuracy")
    _require(_is_mapping(test["labels"], _is_label_scores) and set(test["labels"]) == labels, "test.labels")
    confusion = test["confusion"]
    _require(_is_mapping(confusion, lambda row: _is_mapping(row, _is_count)), "test.confusion")
    _require(set(confusion).union(*confusion.values()) <= labels, "test.confusion")


def _require(condition: bool, where: str) -> None:
    if not condition:
        raise ValueError(f"has an invalid value in {where}")


def _has_keys(value: Any, *keys: str) -> bool:
    return isinstance(value, dict) and all(key in value for key in keys)


def _is_metric(value: Any) -> bool:
    if not _has_keys(value, "value", "low", "high", "n"):
        return False
    bounds = all(value[name] is None or _is_real(value[name]) for name in ("low", "high"))
    return bounds and _is_real(value["value"]) and _is_count(value["n"])


def _is_label_scores(value: Any) -> bool:
    if not _has_keys(value, "precision", "recall", "f1", "n"):
        return False
    return all(_is_real(value[name]) for name in ("precision", "recall", "f1")) and _is_count(value["n"])
