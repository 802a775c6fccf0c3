"""The processes of a server: one, or several that share a socket, and how they start and end."""

import errno
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

import uvicorn
from prometheus_client.multiprocess import mark_process_dead
from starlette.applications import Starlette
from uvicorn.supervisors.multiprocess import SIGNALS, Multiprocess

from lstmctl.errors import Busy, LstmctlError, UsageError, from_os_error
from lstmctl.process import HANDLED
from lstmctl.serving import logs
from lstmctl.serving.app import create_app
from lstmctl.serving.metrics import FOLDER
from lstmctl.serving.models import Catalogue
from lstmctl.serving.protocol import Protocol
from lstmctl.serving.settings import Service

DRAIN = 2  # seconds that requests have to end after a signal
_AFTER_DRAIN = 1.5  # seconds that a worker has for everything else before it is killed
_HANGS = 10  # seconds after which a worker that gives no sign of life is replaced; starting takes one or two
_BACKLOG = 2_048
_SWITCH = 0.0005  # seconds that the prediction thread may hold Python's lock while the event loop waits for it


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens there.

    Raises UsageError for an address that this machine does not have, Busy if the port is taken, PermissionDenied if
    only root may take it, StorageError.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (socket.gaierror, UnicodeError) as error:
        message = f'--host "{host}" is not the name or address of this machine'
        raise UsageError(message, hint="--host 127.0.0.1") from error
    try:
        listening = socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Busy(f"port {port} is in use", hint="--port 0 takes a free one") from error
        if error.errno == errno.EADDRNOTAVAIL:
            raise UsageError(f"{host} is not an address of this machine", hint="--host 127.0.0.1") from error
        raise from_os_error(error, f"listen on {host} port {port}") from error
    # Connections take this over. Without it, the body of an answer waits 40 ms for the client to confirm the headers.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def check_models(home: Path, models: tuple[str, ...]) -> None:
    """Raise the error of the first model that cannot be loaded."""
    catalogue = Catalogue(home, models)
    catalogue.refresh()
    if error := catalogue.first_error():
        raise error


def serve(service: Service, listening: socket.socket) -> int:
    """Serve until a signal; its number. Requests that are being answered then have DRAIN seconds to end."""
    workers = service.config.workers
    with _figures_folder(workers), listening:
        config = uvicorn.Config(
            partial(_build, service),
            factory=True,
            http=Protocol,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            workers=workers,
            timeout_graceful_shutdown=DRAIN,
            timeout_worker_healthcheck=_HANGS,
        )
        return _serve_alone(config, listening) if workers == 1 else _serve_together(config, listening)


def _build(service: Service) -> Starlette:
    """The application, in the process that serves it."""
    sys.setswitchinterval(_SWITCH)
    Protocol.header_timeout, Protocol.log = service.config.timeout, service.log_requests
    return create_app(service)


def _serve_alone(config: uvicorn.Config, listening: socket.socket) -> int:
    server = _Server(config)
    server.run(sockets=[listening])
    if not server.started:
        raise LstmctlError("the server did not start", hint="the lines above say why")
    return server.signal


class _Server(uvicorn.Server):
    """Ends on SIGHUP too, and tells which signal ended it, where uvicorn would raise it again."""

    signal: int = signal.SIGTERM

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Let signals end the server."""
        before = {number: signal.signal(number, self.handle_exit) for number in HANDLED}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Called for a signal; a second Ctrl-C does not wait for requests."""
        self.signal = sig
        super().handle_exit(sig, frame)


def _serve_together(config: uvicorn.Config, listening: socket.socket) -> int:
    before = {number: signal.getsignal(number) for number in (*SIGNALS,)}
    supervisor = _Supervisor(config, [listening])
    try:
        supervisor.run()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if not supervisor.signal:
        raise LstmctlError("a worker process did not start", hint="the lines above say why")
    return supervisor.signal


class _Supervisor(Multiprocess):
    """Replaces workers that were killed; ends on SIGHUP too, and tells which signal ended it."""

    signal: int = 0

    def handle_signals(self) -> None:
        """Handle the signals that were received."""
        for number in HANDLED:
            if number in self.signal_queue:
                self.signal = number
        super().handle_signals()

    def handle_hup(self) -> None:
        """End, as other commands do; uvicorn would restart its workers."""
        self.should_exit.set()

    def join_all(self) -> None:
        """Wait for the workers, and kill one that does not end although it should have."""
        deadline = time.monotonic() + DRAIN + _AFTER_DRAIN
        for process in self.processes:
            process.process.join(max(0.0, deadline - time.monotonic()))
            process.process.kill()
            process.process.join()

    def keep_subprocess_alive(self) -> None:
        """Replace workers that have ended, and forget what they had in hand."""
        before = {process.pid for process in self.processes}
        super().keep_subprocess_alive()
        for pid in before - {process.pid for process in self.processes}:
            logs.write_line("worker", message=f"worker process {pid} ended and was replaced")
            mark_process_dead(pid)  # type: ignore[no-untyped-call]


@contextmanager
def _figures_folder(workers: int) -> Iterator[None]:
    """A folder for the figures of several processes, while they run."""
    if workers == 1:
        os.environ.pop(FOLDER, None)
        yield
        return
    with TemporaryDirectory(prefix="lstmctl-", ignore_cleanup_errors=True) as folder:
        os.environ[FOLDER] = folder
        try:
            yield
        finally:
            del os.environ[FOLDER]
