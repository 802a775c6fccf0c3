"""model.json, the card that describes a model, and metrics.json, its scores after training; neither file is trusted.

    {"test": {"n": 10, "metrics": {"accuracy": {"value": .9, "low": .6, "high": .98, "n": 10}, …},
              "labels": {"pos": {"precision": 1, "recall": .8, "f1": .9, "n": 5}, …},
              "confusion": {"pos": {"pos": 4, …}, …}},
     "baselines": {"majority_label": "pos", "majority": {"test": .5, …}, "naive_bayes": {"test": .8, …},
                   "ngrams": {"test": .85, …}}}

    {"best_f1_threshold": .4}

All parts of metrics.json are optional, and it may have more. Invalid files raise ValueError with the reason.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from lstmctl.config import BOUNDS, DataConfig, ModelConfig, TrainConfig
from lstmctl.registry import strictjson
from lstmctl.settings import Config, setting

CARD_LIMIT = 2**20  # bytes of model.json
_SCHEMA, _FORMAT = "lstmctl.card/1", 1
_CREATED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:\+00:00|Z)", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PARTS = {"train", "validation", "test"}
_MAX_VERSIONS = 100
_MAX_VERSION_LENGTH = 100
_MAX_REASONS = 10_000
_MAX_REASON_LENGTH = 400
_MAX_ARGUMENTS = 10_000
_MAX_ROWS = 10**12
_MAX_TEXTS = 10**15  # in metrics.json
_MIB = 2**20


class NewerFormat(ValueError):
    """The file was written by a later version of this program."""


@dataclass(frozen=True, kw_only=True)
class ModelCard(Config):
    """The content of model.json: plain values, read without NumPy."""

    config: ModelConfig
    data: DataConfig | None  # None: imported, so the training data is not known
    data_sha256: str  # of the rows that were read, in hexadecimal; of the file that was imported
    rows: dict[str, int]  # number of texts in the parts "train", "validation", "test"
    training: TrainConfig | None  # None: imported
    epoch: int = setting(dataclasses.MISSING, "Epoch of the weights.", bounds=(0, BOUNDS["epochs"][1]))
    created: str  # ISO 8601, UTC
    seconds: float = setting(dataclasses.MISSING, "Training time in seconds.", bounds=(0.0, 1e12))
    command: tuple[str, ...]  # the command line that made the model; may be empty
    versions: dict[str, str]  # of the packages that trained it
    # Rows that were read and not used: reason → number of rows. Older cards do not have it.
    skipped: dict[str, int] = dataclasses.field(default_factory=dict)

    def to_json(self) -> bytes:
        """The content of model.json."""
        return strictjson.dump({"schema": _SCHEMA, "format": _FORMAT, **self.to_dict()}, indent=2)

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """The card in a model.json. NewerFormat: it has a higher format number."""
        values = strictjson.parse_object(data)
        number = values.pop("format", None)
        if type(number) is int and number > _FORMAT:
            raise NewerFormat(f"has format {number}; this lstmctl reads format {_FORMAT}")
        if number != _FORMAT or type(number) is not int or values.pop("schema", None) != _SCHEMA:
            raise ValueError("does not describe a model of lstmctl")
        try:
            return cls.from_dict(values)
        except ValueError as error:
            raise ValueError(f"has an error: {error}") from error

    def problem(self) -> tuple[str, str] | None:
        """As in the base class; also for the texts and numbers that are shown to users."""
        texts = [*self.versions, *self.versions.values()]
        readable = all(text.isprintable() and len(text) <= _MAX_VERSION_LENGTH for text in texts)
        known_parts = set(self.rows) <= _PARTS
        rules = (
            ("data_sha256", _SHA256.fullmatch(self.data_sha256), "must be 64 hexadecimal digits"),
            ("rows", known_parts and all(0 <= count <= _MAX_ROWS for count in self.rows.values()), "must count texts"),
            ("skipped", _is_skipped(self.skipped), "must count rows by short printable reasons"),
            ("created", _is_time(self.created), "must be a time in UTC, in ISO 8601"),
            ("command", len(self.command) <= _MAX_ARGUMENTS, f"must have at most {_MAX_ARGUMENTS:,} arguments"),
            ("versions", readable and len(self.versions) <= _MAX_VERSIONS, "must be a few short printable texts"),
        )
        return super().problem() or next(((name, rule) for name, valid, rule in rules if not valid), None)


def _is_time(text: str) -> bool:
    """Whether a text is a time in UTC that exists: no 30th of February.

    >>> _is_time("2026-02-28T12:00:00+00:00"), _is_time("2026-02-30T12:00:00+00:00")
    (True, False)
    """
    if not _CREATED.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is_skipped(skipped: Mapping[str, int]) -> bool:
    fits = all(reason.isprintable() and len(reason) <= _MAX_REASON_LENGTH for reason in skipped)
    return fits and len(skipped) <= _MAX_REASONS and all(0 <= count <= _MAX_ROWS for count in skipped.values())


def _is_count(value: Any, maximum: int = _MAX_TEXTS) -> bool:
    return type(value) is int and 0 <= value <= maximum


def _is_real(value: Any) -> bool:
    return type(value) in (int, float)


def _is_mapping(value: Any, is_valid: Callable[[Any], bool]) -> bool:
    return isinstance(value, dict) and all(map(is_valid, value.values()))


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
    threshold = values.get("best_f1_threshold", 0)
    _require(_is_real(threshold) and 0 <= threshold <= 1, "best_f1_threshold")
    if "test" in values:
        _check_test(values["test"], set(config.labels))
    if "baselines" in values:
        baselines = values["baselines"]
        names = ("majority", "naive_bayes")
        has_keys = _has_keys(baselines, "majority_label", *names)
        _require(has_keys and isinstance(baselines["majority_label"], str), "baselines")
        for name in (*names, "tfidf", "ngrams"):
            _require(_is_mapping(baselines.get(name, {}), _is_real), f"baselines.{name}")
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
    is_metric = _has_keys(value, "value", "low", "high", "n") and _is_real(value["value"]) and _is_count(value["n"])
    return is_metric and all(value[name] is None or _is_real(value[name]) for name in ("low", "high"))


def _is_label_scores(value: Any) -> bool:
    names = ("precision", "recall", "f1")
    return _has_keys(value, *names, "n") and all(_is_real(value[name]) for name in names) and _is_count(value["n"])
