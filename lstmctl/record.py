"""Frozen dataclasses to and from plain JSON values, with every type and bound checked."""

import dataclasses
import math
import types
import typing
from functools import cache
from typing import Any, Literal, Self

from lstmctl.errors import UsageError

# Bounds of every integer that sizes something. They hold for options, recipes and model files from strangers alike.
BOUNDS: dict[str, tuple[int, int]] = {
    "vocab_size": (2, 2_000_000),  # padding and unknown are ids too
    "max_len": (1, 100_000),
    "embedding_dim": (1, 4096),
    "units": (1, 4096),
    "layers": (1, 8),
    "members": (1, 16),
    "epochs": (1, 10_000),
    "batch_size": (1, 65_536),
    "min_count": (1, 1_000_000_000),
    "early_stopping": (1, 10_000),
    "limit": (1, 1_000_000_000),
    "seed": (0, 2**31 - 1),
    "split_seed": (0, 2**31 - 1),
    "threads": (1, 1024),
}
# The same for real numbers: (low, high), both allowed. A learning rate of 0 would train nothing, hence the tiny low.
REAL_BOUNDS: dict[str, tuple[float, float]] = {
    "dropout": (0.0, 0.95),
    "word_dropout": (0.0, 0.95),
    "output_dropout": (0.0, 0.95),
    "learning_rate": (1e-8, 10.0),
    "warmup": (0.0, 0.9),
    "clip_norm": (1e-6, 1e6),
    "val_split": (0.01, 0.9),
    "test_split": (0.0, 0.9),
    "temperature": (0.01, 100.0),
    "time_limit": (1.0, 1e7),
}


def check_bounds(name: str, value: Any) -> str | None:
    """What is wrong with `value` for the setting `name` ("must be 1 or more, not 0"), or None."""
    if value is None:
        return None
    if name in BOUNDS:
        low, high = BOUNDS[name]
        if not low <= value <= high:
            return f"must be {low} or more, not {value}" if value < low else f"must be at most {high:,}"
    if name in REAL_BOUNDS:
        low_real, high_real = REAL_BOUNDS[name]
        if not math.isfinite(value) or not low_real <= value <= high_real:
            return f"must be between {low_real:g} and {high_real:g}, not {value:g}"
    return None


class Record:
    """Base of the configurations: plain dictionaries in and out."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values; tuples become lists."""
        return {key: _plain(value) for key, value in vars(self).items()}

    @classmethod
    def from_dict(cls, values: object) -> Self:
        """Build from untrusted JSON values.

        Raises:
            ValueError: naming the field, for an unknown or missing field, a wrong type, or a value out of bounds.
        """
        if not isinstance(values, dict):
            raise ValueError("not an object")
        fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
        hints = _type_hints(typing.cast(Any, cls))
        for name in values:
            if name not in fields:
                raise ValueError(f"unknown field {name!r:.60}")
        arguments: dict[str, Any] = {}
        for name, field in fields.items():
            if name in values:
                arguments[name] = _typed(name, values[name], hints[name])
            elif field.default is dataclasses.MISSING:
                raise ValueError(f"field {name!r} is missing")
        record = cls(**arguments)
        if problem := record.problem():
            raise ValueError(" ".join(problem))
        return record

    def problem(self) -> tuple[str, str] | None:
        """The first setting that is out of bounds and what is wrong with it, or None."""
        for name, value in vars(self).items():
            if wrong := check_bounds(name, value):
                return name, wrong
        return None

    def validate(self) -> Self:
        """The record itself.

        Raises:
            UsageError: naming the option ("--epochs must be 1 or more, not 0").
        """
        if problem := self.problem():
            name, wrong = problem
            raise UsageError(f"{option_name(name)} {wrong}")
        return self


# Settings whose option is not simply the field's name with dashes.
_OPTION_NAMES = {
    "learning_rate": "--lr",
    "source": "--data",
    "val_source": "--val-data",
    "test_source": "--test-data",
}


def option_name(field: str) -> str:
    """The command-line option of a setting: `vocab_size` → `--vocab-size`."""
    return _OPTION_NAMES.get(field, "--" + field.replace("_", "-"))


@cache
def _type_hints(record: Any) -> dict[str, Any]:
    return typing.get_type_hints(record)


def _plain(value: Any) -> Any:
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _typed(name: str, value: Any, kind: Any) -> Any:
    """`value` as the annotated type `kind`, or ValueError naming the field. Strings and bools never become numbers."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):  # the latter where one of them is a Literal
        if value is None:
            return None
        return _typed(name, value, arguments[0])
    if origin is Literal:
        if value not in arguments or type(value) is not type(arguments[0]):
            raise ValueError(f"field {name!r} must be one of {', '.join(map(str, arguments))}, not {value!r:.60}")
        return value
    if origin is tuple:
        return _typed_tuple(name, value, arguments)
    if kind is float and type(value) in (int, float) and abs(value) < 1e300:  # false for infinity and NaN too
        return float(value)
    if type(value) is not kind:
        raise ValueError(f"field {name!r} must be {_KIND_NAMES[kind]}, not {value!r:.60}")
    return value


_KIND_NAMES = {int: "a whole number", float: "a finite number", str: "a string", bool: "true or false"}


def _typed_tuple(name: str, value: Any, kinds: tuple[Any, ...]) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise ValueError(f"field {name!r} must be a list")
    if kinds[-1] is ...:
        return tuple(_typed(name, item, kinds[0]) for item in value)
    if len(value) != len(kinds):
        raise ValueError(f"field {name!r} must have {len(kinds)} items")
    return tuple(_typed(name, item, kind) for item, kind in zip(value, kinds, strict=True))
