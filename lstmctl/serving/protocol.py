"""uvicorn's HTTP protocol, with the two limits that it lacks, on the time and the size of headers, and with our errors.

httptools parses several times as fast as h11 and is taken if it is installed.
"""

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from lstmctl.serving import logs
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

    # The process that serves sets these once: uvicorn takes a class.
    header_timeout = 10.0  # seconds
    log = True
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
        if (cycle := self.cycle) is not None and cycle.response_complete and cycle.more_body and not self._waiting:
            self._discarding = True
        counted = not self._discarding
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self.cycle is not None and not self.cycle.response_complete:
            self._disarm()
            return
        self._arm()
        self._waiting += len(data) if counted else 0
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
        if self.transport.is_closing():
            return
        if self._waiting:
            self._refuse(408, f"the headers took longer than {self.header_timeout:g} s")
        else:  # nothing was asked, or the rest of a refused body does not come
            self._disarm()
            self.transport.close()

    def _refuse(self, status: int, message: str) -> None:
        """Answer without the application, and close the connection."""
        self._disarm()
        if self.log:
            client = self.client[0] if self.client else None
            logs.write_line("request", client=client, method=None, path=None, status=status)
        body = error_body(message)
        lines = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
            "content-type: application/json",
            f"content-length: {len(body)}",
            "connection: close",
        )
        self.transport.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        self.transport.close()
