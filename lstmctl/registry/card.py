"""model.json: what a model is, where it came from and how, in plain values that are read without NumPy."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from lstmctl.config import DataConfig, ModelConfig, TrainConfig
from lstmctl.record import BOUNDS
from lstmctl.registry import strictjson

SCHEMA = "lstmctl.card/1"
FORMAT = 1
LIMIT = 2**20  # bytes of model.json

_CREATED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:\+00:00|Z)", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PARTS = ("train", "validation", "test")
_RECORDS = {"config": ModelConfig, "data": DataConfig, "training": TrainConfig}
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
        values = {"schema": SCHEMA, "format": FORMAT, **vars(self)}
        for name in _RECORDS:
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
        if type(number) is int and number > FORMAT:
            raise NewerFormat(f"has format {number}; this lstmctl knows {FORMAT}")
        if number != FORMAT or type(number) is not int or values.pop("schema", None) != SCHEMA:
            raise ValueError("does not describe a model of lstmctl")
        names = {field.name for field in fields(cls)}
        if wrong := names ^ set(values):
            raise ValueError(f"{'lacks' if min(wrong) in names else 'has an unknown'} field {min(wrong)!r:.60}")
        for name, right in _CHECKS.items():
            if not right(values[name]):
                raise ValueError(f"has an unusable field {name!r}")
        for name, record in _RECORDS.items():
            if values[name] is not None or name == "config":
                values[name] = _record(record, name, values[name])
        return cls(**values | {"command": tuple(values["command"]), "seconds": float(values["seconds"])})


def _record(record: Any, name: str, values: Any) -> Any:
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
