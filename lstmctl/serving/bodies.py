"""The body of a request: read with a limit and a deadline, parsed strictly, and checked key by key."""

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple

from starlette.datastructures import Headers
from starlette.types import Receive

from lstmctl.registry import strictjson
from lstmctl.serving.errors import RequestError
from lstmctl.serving.settings import ServeConfig

_CURL = """curl -H 'content-type: application/json' -d '{"texts": ["great movie"]}' …"""


class Question(NamedTuple):
    """What a request asks for."""

    texts: list[str]
    model: str | None = None
    threshold: float | None = None
    all_units: bool = False


async def read_body(headers: Headers, receive: Receive, config: ServeConfig) -> bytes:
    """The bytes of a JSON body.

    Raises RequestError: 415 for another type, 413 for a body over the limit, 408 for one that takes too long, 400 for
    one whose sender has gone.
    """
    type_ = headers.get("content-type", "").partition(";")[0].strip().lower()
    if type_ != "application/json":
        raise RequestError(415, f"the body must be application/json, not {type_[:60] or 'without a type'}", _CURL)
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise RequestError(415, "the body must not be compressed", "leave out content-encoding")
    length = headers.get("content-length", "")
    if length.isdecimal() and int(length[:19]) > config.max_body:
        raise _too_large(config)
    data = bytearray()
    try:
        async with asyncio.timeout(config.timeout):
            more = True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise RequestError(400, "the connection ended before the body")
                data += message.get("body", b"")
                more = message.get("more_body", False)
                if len(data) > config.max_body:
                    raise _too_large(config)
    except TimeoutError:
        message_ = f"the body took longer than {config.timeout:g} s"
        raise RequestError(408, message_, None, {"connection": "close"}) from None
    return bytes(data)


def _too_large(config: ServeConfig) -> RequestError:
    return RequestError(413, f"the body has more than {config.max_body:,} bytes", "send fewer texts a request")


def parse_question(data: bytes, config: ServeConfig, *, explain: bool) -> Question:
    """What a body asks for.

    Raises RequestError: 400 if it is not strict JSON, 422 if a key or a value is not possible.
    """
    try:
        values = strictjson.parse_object(data, max_string=len(data))
    except (ValueError, RecursionError) as error:
        raise RequestError(400, f"the body {error}", _CURL) from None
    _check_keys(values, explain=explain)
    most = config.max_explained if explain else config.max_texts
    return Question(
        _texts(values, most=most, longest=config.max_length),
        _typed(values, "model", str, "a string"),
        _threshold(values),
        bool(_typed(values, "all_units", bool, "true or false")),
    )


def _check_keys(values: Mapping[str, Any], *, explain: bool) -> None:
    known = ["texts", "model", "threshold", *(["all_units"] if explain else [])]
    for key in values:
        if key not in known:
            raise RequestError(422, f'unknown key "{key[:100]}"', f"the keys are {', '.join(known)}")


def _texts(values: Mapping[str, Any], *, most: int, longest: int) -> list[str]:
    texts = values.get("texts")
    if not isinstance(texts, list):
        raise RequestError(422, "texts must be a list of strings", _CURL)
    if len(texts) > most:
        raise RequestError(422, f"there are {len(texts):,} texts; a request has at most {most:,}", "send several")
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise RequestError(422, f"texts[{index}] is not a string", _CURL)
        if len(text) > longest:
            raise RequestError(422, f"texts[{index}] has {len(text):,} characters; at most {longest:,} are read")
    return texts


def _threshold(values: Mapping[str, Any]) -> float | None:
    threshold = values.get("threshold")
    if threshold is None:
        return None
    if type(threshold) not in (int, float) or not 0 <= threshold <= 1:
        raise RequestError(422, "threshold must be a number between 0 and 1")
    return float(threshold)


def _typed(values: Mapping[str, Any], key: str, kind: type, name: str) -> Any:
    value = values.get(key)
    if value is not None and type(value) is not kind:
        raise RequestError(422, f"{key} must be {name}")
    return value
