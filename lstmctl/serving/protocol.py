"""uvicorn's HTTP protocol, with the two limits that it lacks, on the time and the size of headers, and with our errors.

httptools parses several times as fast as h11 and is taken if it is installed.
"""

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from lstmctl.serving.errors import error_body

if TYPE_CHECKING:
    from uvicorn.protocols.http.h11_impl import H11Protocol as Base
else:
    try:
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as Base
    except ImportError:
        from uvicorn.protocols.http.h11_impl import H11Protocol as Base

MAX_HEADERS = 65_536  # bytes of the headers of a request


class Protocol(Base):
    """One connection."""

    header_timeout = 10.0  # seconds; `with_timeout` makes a class with another value
    _timer: asyncio.TimerHandle | None = None
    _waiting = 0  # bytes since the last complete headers
    _discarding = False  # the rest of a body whose request was refused

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for headers."""
        super().connection_made(transport)
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, and wait for the rest of the headers if there is one."""
        if (cycle := self.cycle) is not None and cycle.response_complete and cycle.more_body:
            self._discarding = self._discarding or not self._waiting
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self.cycle is not None and not self.cycle.response_complete:
            self._disarm()
            return
        self._arm()
        self._waiting += 0 if self._discarding else len(data)
        if self._waiting > MAX_HEADERS:
            self._refuse(431, f"the headers have more than {MAX_HEADERS:,} bytes")

    def on_message_complete(self) -> None:
        """Called by httptools at the end of a body."""
        self._discarding = False
        super().on_message_complete()  # type: ignore[misc]  # h11 has no such method, and does not call it

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP."""
        self._refuse(400, "this is not a valid HTTP request")

    def _arm(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(self.header_timeout, self._too_slow)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._waiting, self._discarding = None, 0, False

    def _too_slow(self) -> None:
        if not self.transport.is_closing():
            self._refuse(408, f"the headers took longer than {self.header_timeout:g} s")

    def _refuse(self, status: int, message: str) -> None:
        """Answer without the application, and close the connection."""
        self._disarm()
        body = error_body(message)
        lines = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
            "content-type: application/json",
            f"content-length: {len(body)}",
            "connection: close",
        )
        self.transport.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        self.transport.close()
