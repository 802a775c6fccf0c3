"""What a setting is, and the base of the configurations: dataclasses whose fields are defined once, with their bounds,
and that are read from untrusted JSON."""

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Literal, NamedTuple, Self

from lstmctl.errors import UsageError

# Former names of settings, which older models, runs and recipes have, and settings that no longer exist.
RENAMED = {"members": "ensemble_size", "word_vectors": "vectors"}
RETIRED = ("word_odds",)
_RENAMED_VALUES: dict[tuple[str, str], Any] = {
    ("vectors", "cooccurrence"): "own",
    ("word_dropout", "None"): 0.0,
    ("output_dropout", "None"): 0.0,
}


class Setting(NamedTuple):
    """The definition of one setting. Its bounds hold for options, recipes and untrusted files alike."""

    default: Any
    help: str  # one sentence
    option: str = ""  # its flags on the command line, such as "-e --epochs"
    metavar: str = "N"
    bounds: tuple[Any, Any] | None = None  # inclusive; of whole numbers, or of real ones
    unset: str = ""  # what None means

    @property
    def shown_default(self) -> str:
        """The default as help texts show it; empty if there is none to show."""
        return self.unset or ("" if self.default in (None, ()) or self.default is False else str(self.default))

    def option_name(self, name: str) -> str:
        """The command-line option of this setting, whose field is called `name`."""
        return self.option.split()[-1] if self.option else "--" + name.replace("_", "-")

    def problem(self, value: Any) -> str | None:
        """What is wrong with a value of the right type ("must be 1 or more, not 0"), or None."""
        if value is None or self.bounds is None or self.bounds[0] <= value <= self.bounds[1]:
            return None
        low, high = self.bounds
        if isinstance(low, float):
            return f"must be between {low:g} and {high:g}, not {value:g}"
        return f"must be {low} or more, not {value}" if value < low else f"must be at most {high:,}"


def setting(default: Any, *definition: Any, **more: Any) -> Any:
    """A dataclass field with the definition of a setting: the arguments of `Setting`."""
    return dataclasses.field(default=default, metadata={"setting": Setting(default, *definition, **more)})


# Asked for every field of every model in a list.
_type_hints = cache(typing.get_type_hints)
_origin: Callable[[Any], Any] = cache(typing.get_origin)
_arguments: Callable[[Any], tuple[Any, ...]] = cache(typing.get_args)
_fields: Callable[[Any], tuple[dataclasses.Field[Any], ...]] = cache(dataclasses.fields)


class Config:
    """Base of dataclasses that are stored as JSON: plain dictionaries in and out."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values; tuples become lists."""
        return {name: _plain(value) for name, value in vars(self).items()}

    @classmethod
    def settings(cls) -> Mapping[str, Setting]:
        """The definitions of all settings by name, in order."""
        fields = _fields(cls)
        return {field.name: field.metadata["setting"] for field in fields if field.metadata}

    @classmethod
    def types(cls) -> dict[str, Any]:
        """The types of all fields by name."""
        return _type_hints(typing.cast(Any, cls))

    @classmethod
    def from_dict(cls, values: object) -> Self:
        """Build from untrusted JSON values. Raises ValueError naming a field that is unknown or missing, of a wrong
        type, or out of bounds."""
        if not isinstance(values, dict):
            raise ValueError("not an object")
        kinds = cls.types()
        given = {RENAMED.get(str(name), str(name)): value for name, value in values.items() if name not in RETIRED}
        given = {name: _RENAMED_VALUES.get((name, str(value)), value) for name, value in given.items()}
        for name in given:
            if name not in kinds:
                raise ValueError(f"unknown field {name!r:.60}")
        for field in _fields(cls):
            has_default = (field.default, field.default_factory) != (dataclasses.MISSING, dataclasses.MISSING)
            if field.name not in given and not has_default:
                raise ValueError(f"field {field.name!r} is missing")
        config = cls(**{name: _typed(name, value, kinds[name]) for name, value in given.items()})
        if problem := config.problem():
            raise ValueError(" ".join(problem))
        return config

    def problem(self) -> tuple[str, str] | None:
        """The first setting that is out of bounds and what is wrong with it, or None."""
        for name, definition in self.settings().items():
            if problem := definition.problem(getattr(self, name)):
                return name, problem
        return None

    def validate(self) -> Self:
        """The configuration itself. Raises UsageError naming the option: "--epochs must be 1 or more, not 0"."""
        if problem := self.problem():
            raise UsageError(f"{self.settings()[problem[0]].option_name(problem[0])} {problem[1]}")
        return self


def _plain(value: Any) -> Any:
    if isinstance(value, Config):
        return value.to_dict()
    return list(map(_plain, value)) if isinstance(value, tuple) else value


_KIND_NAMES = {int: "a whole number", float: "a finite number", str: "a string", bool: "true or false"}


def _typed(name: str, value: Any, kind: Any) -> Any:
    """`value` as the annotated type `kind`, or ValueError naming the field. Strings and bools never become numbers."""
    origin, arguments = _origin(kind), _arguments(kind)
    if origin in (types.UnionType, typing.Union):  # the latter where one of them is a Literal
        several = next((each for each in arguments if _origin(each) is tuple), None)
        kind = several if several is not None and isinstance(value, list) else arguments[0]
        return None if value is None else _typed(name, value, kind)
    if origin is Literal:
        if value not in arguments or type(value) is not type(arguments[0]):
            raise ValueError(f"field {name!r} must be one of {', '.join(map(str, arguments))}, not {value!r:.60}")
        return value
    if origin in (tuple, dict):
        return _typed_items(name, value, origin, arguments)
    if issubclass(kind, Config):
        try:
            return kind.from_dict(value)
        except ValueError as error:
            raise ValueError(f"field {name!r}: {error}") from error
    is_number = kind is float and type(value) in (int, float)
    if not (abs(value) < 1e300 if is_number else type(value) is kind):  # false for infinity and NaN too
        raise ValueError(f"field {name!r} must be {_KIND_NAMES[kind]}, not {value!r:.60}")
    return float(value) if is_number else value


def _typed_items(name: str, value: Any, origin: Any, kinds: tuple[Any, ...]) -> Any:
    """A tuple from a list, or a dictionary with strings as keys."""
    if not isinstance(value, list if origin is tuple else dict):
        raise ValueError(f"field {name!r} must be {'a list' if origin is tuple else 'an object'}")
    if isinstance(value, dict):
        return {key: _typed(name, item, kinds[1]) for key, item in value.items()}
    kinds = kinds[:1] * len(value) if kinds[-1] is ... else kinds
    if len(value) != len(kinds):
        raise ValueError(f"field {name!r} must have {len(kinds)} items")
    return tuple(_typed(name, item, kind) for item, kind in zip(value, kinds, strict=True))
