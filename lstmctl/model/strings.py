"""Texts and labels as Python programs pass them: lists, arrays and columns of data frames, checked item by item."""

import math
from collections.abc import Iterable, Mapping
from collections.abc import Set as AnySet
from typing import Any

from lstmctl.errors import BadData, UsageError


def strings(values: Any, *, what: str = "texts") -> list[str]:
    """The strings of a list, an array, a column or another iterable. `what` is what errors call it.

    Raises:
        UsageError: it is a whole data frame, bytes, a mapping or a set, or no iterable. BadData: an item is no string,
        such as None or NaN; it is named by its position, from 0.

    >>> strings(["good", None])
    Traceback (most recent call last):
    lstmctl.errors.BadData: texts[1] is None, not a string
    """
    if type(values) is not list:
        values = _as_list(values, what)
    if all(type(value) is str for value in values):
        checked: list[str] = values
        return checked
    for index, value in enumerate(values):
        if not isinstance(value, str):
            hint = f"leave out missing {what}" if _is_missing(value) else f"str(item) makes {what} of other values"
            raise BadData(f"{what}[{index}] is {_shown(value)}, not a string", hint=hint)
    return [str(value) for value in values]  # such as numpy.str_


def _as_list(values: Any, what: str) -> list[Any]:
    if hasattr(values, "columns") and hasattr(values, "shape"):
        names = [str(name) for name in list(values.columns)[:20]]
        message = f"{what} is a data frame with the columns {', '.join(names)}: pass one column"
        raise UsageError(message, hint=f'frame["{names[0]}"]' if names else None)
    if isinstance(values, str | bytes | bytearray | Mapping | AnySet) or not isinstance(values, Iterable):
        raise UsageError(f"{what} must be strings in a list, an array or a column, not {_shown(values)}")
    try:
        return list(values)
    except TypeError as error:  # such as an array without a dimension
        raise UsageError(f"{what} must be strings in a list, an array or a column, not {_shown(values)}") from error


def _is_missing(value: Any) -> bool:
    return (
        value is None
        or type(value).__name__ in ("NAType", "NaTType")
        or (isinstance(value, float) and math.isnan(value))
    )


def _shown(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 40 else f"{text[:39]}…"
