"""What surrounds every request: the line in the log and the figures, the Host header, the token."""

import time
from collections.abc import Iterable

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lstmctl.serving import logs
from lstmctl.serving.access import Hosts, bearer_matches
from lstmctl.serving.errors import error_body
from lstmctl.serving.metrics import Metrics

OPEN = ("/healthz", "/readyz")  # they need no token, and tell nothing
_OTHER = "other"  # the route of paths that do not exist: there are too many to count each
_LONGEST_PATH = 200


class RequestLog:
    """Counts every request, and writes a line about it. Neither has the texts, nor the query of the address."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, paths: frozenset[str], log: bool) -> None:
        self._app, self._metrics, self._paths, self._log = app, metrics, paths, log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status, size = time.perf_counter(), 0, 0
        about: dict[str, object] = {}
        scope["lstmctl"] = about

        async def watch(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message).setdefault("x-content-type-options", "nosniff")
            elif message["type"] == "http.response.body":
                size += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            seconds = time.perf_counter() - started
            path = scope["path"]
            route = path if path in self._paths else _OTHER
            self._metrics.add_request(route, status, seconds)
            if "model" in about:
                self._metrics.add_texts(route, str(about["model"]), int(str(about["texts"])))
            if self._log:
                client = scope.get("client")
                logs.write_line(
                    "request",
                    client=client[0] if client else None,
                    method=scope["method"],
                    path=path[:_LONGEST_PATH],
                    status=status,
                    ms=round(1000 * seconds, 3),
                    bytes=size,
                    **about,
                )


async def refuse(send: Send, status: int, message: str, hint: str | None, *headers: tuple[bytes, bytes]) -> None:
    """Answer with an error, without reading the body."""
    body = error_body(message, hint)
    start = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *headers]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": body})


class HostCheck:
    """Refuses requests for other names than this server's, with 421, and those without one Host header, with 400."""

    def __init__(self, app: ASGIApp, *, listening: str, allowed: Iterable[str]) -> None:
        self._app, self._hosts = app, Hosts(listening, allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = [value for name, value in scope["headers"] if name == b"host"]
        allowed = self._hosts.allow(given[0]) if len(given) == 1 else None
        if allowed is None:
            await refuse(send, 400, "the request needs one Host header: a name or an address", None)
        elif not allowed:
            name = given[0].decode("latin-1")[:100].encode("ascii", "backslashreplace").decode()
            hint = "lstmctl serve --allow-host NAME serves under another name"
            await refuse(send, 421, f"this server is not {name}", hint)
        else:
            await self._app(scope, receive, send)


class TokenCheck:
    """Refuses requests without the token, with 401."""

    def __init__(self, app: ASGIApp, *, token: str) -> None:
        self._app, self._token = app, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"] in OPEN:
            await self._app(scope, receive, send)
            return
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        if bearer_matches(given[0] if len(given) == 1 else None, self._token):
            await self._app(scope, receive, send)
            return
        hint = "curl -H 'authorization: Bearer TOKEN' …"
        await refuse(send, 401, "the request needs the token of this server", hint, (b"www-authenticate", b"Bearer"))
