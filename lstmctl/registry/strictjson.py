"""Strict JSON for untrusted files.

Rejected although Python's own parser accepts it: NaN and infinity (also 1e999), duplicate keys, numbers of thousands of
digits, and lone surrogates in strings. Deep nesting is an ordinary error: a ValueError with the reason, as all others.
The caller limits the size.
"""

import json
import math
from typing import Any, NoReturn

MAX_DEPTH = 20
MAX_STRING = 131_072  # characters, the limit of Linux for one argument of a command
_MAX_DIGITS = 19


def parse_object(data: bytes, *, max_string: int = MAX_STRING) -> dict[str, Any]:
    """The object of a JSON document in UTF-8. Strings have at most `max_string` characters.

    >>> parse_object(b'{"a": 1}')
    {'a': 1}
    """
    try:
        text = data.decode("utf-8")
        value = json.loads(
            text, object_pairs_hook=_object, parse_int=_integer, parse_float=_real, parse_constant=_constant
        )
    except UnicodeDecodeError as error:
        raise ValueError("is not UTF-8") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"is not JSON: {error}") from error
    except RecursionError as error:
        raise ValueError("is nested too deeply") from error
    _check(value, MAX_DEPTH, max_string)
    if not isinstance(value, dict):
        raise ValueError("is not an object")
    return value


def dump(value: Any, *, indent: int | None = None) -> bytes:
    """A JSON document that can be read back. File names and arguments that are not Unicode are written with escapes.

    >>> dump({"file": "caf\\udce9"})
    b'{"file": "caf\\\\\\\\udce9"}\\n'
    """
    return (json.dumps(_escaped(value), ensure_ascii=False, allow_nan=False, indent=indent) + "\n").encode()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("has a duplicate key in an object")
    return result


def _integer(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise ValueError("has a number with too many digits")
    return int(text)


def _real(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("has a number that is too large")
    return value


def _constant(text: str) -> NoReturn:
    raise ValueError(f"has {text}, which is not JSON")


def _check(value: Any, depth: int, max_string: int) -> None:
    if isinstance(value, str):
        if len(value) > max_string:
            raise ValueError("has a string that is too long")
        if not value.isascii() and _escaped(value) != value:
            raise ValueError("has a string that is not Unicode")
    elif isinstance(value, dict | list):
        if not depth:
            raise ValueError("is nested too deeply")
        for item in [*value, *value.values()] if isinstance(value, dict) else value:
            kind = type(item)  # most are numbers and short words: with thousands of models, each call counts
            if kind is dict or kind is list or (kind is str and (len(item) > max_string or not item.isascii())):
                _check(item, depth - 1, max_string)


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_escaped(key): _escaped(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_escaped(item) for item in value]
    return value
