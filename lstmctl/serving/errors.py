"""Errors of requests: their status, and the object that tells them."""

import json
from collections.abc import Mapping
from typing import Any

from lstmctl.errors import LstmctlError, NotFound, UsageError

SECONDS_TO_RETRY = "1"


class RequestError(Exception):
    """A request that is not answered. `hint` says what helps, `headers` go with the response."""

    def __init__(
        self, status: int, message: str, hint: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.hint, self.headers = status, message, hint, dict(headers or {})


def unavailable(message: str, hint: str | None = None) -> RequestError:
    """503: the same request can succeed later."""
    return RequestError(503, message, hint, {"retry-after": SECONDS_TO_RETRY})


def from_model_error(error: LstmctlError) -> RequestError:
    """The error of a request for a model that cannot be used: 404 if there is none, 503 if it is broken."""
    if isinstance(error, NotFound | UsageError):
        return RequestError(404, error.message, error.hint)
    return unavailable(error.message, error.hint)


def error_body(message: str, hint: str | None = None) -> bytes:
    """The body of any response that is an error.

    >>> error_body("no", "yes")
    b'{"schema": "lstmctl.error/1", "message": "no", "hint": "yes"}\\n'
    """
    return json_line({"schema": "lstmctl.error/1", "message": message, "hint": hint})


def json_line(value: Any) -> bytes:
    """A JSON value as `--json` writes it: a line."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"


def json_array(values: list[Any]) -> bytes:
    """JSON values as `--json -o FILE.json` writes them: an array with a line each.

    >>> json_array([{"a": 1}])
    b'[\\n{"a": 1}\\n]\\n'
    """
    if not values:
        return b"[]\n"
    lines = ",\n".join(json.dumps(value, ensure_ascii=False) for value in values)
    return f"[\n{lines}\n]\n".encode("utf-8", "backslashreplace")
