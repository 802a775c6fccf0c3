"""The settings of a server: where it listens, who may ask, and how much they may ask for."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from lstmctl.settings import Config, setting


@dataclass(frozen=True, kw_only=True)
class ServeConfig(Config):
    """Each setting is an option of `lstmctl serve`. A limit holds for each process."""

    host: str = setting("127.0.0.1", "Address to listen on; all but loopback need a token.", "--host", "ADDRESS")
    port: int = setting(8000, "Port to listen on; 0 picks a free one.", "-p --port", bounds=(0, 65_535))
    workers: int = setting(1, "Number of worker processes.", "--workers", bounds=(1, 256))
    allow_host: tuple[str, ...] = setting((), "Also accept this name in the Host header.", "--allow-host", "NAME")
    allow_origin: tuple[str, ...] = setting((), "Allow requests from this origin (CORS).", "--allow-origin", "ORIGIN")
    max_body: int = setting(
        8 * 2**20, "Maximum size of a request body in bytes (413).", "--max-body", bounds=(1, 2**30)
    )
    max_texts: int = setting(1_000, "Maximum number of texts per request (422).", "--max-texts", bounds=(1, 100_000))
    max_explained: int = setting(
        16, "Maximum number of texts per explain request (422).", "--max-explained", bounds=(1, 1_000)
    )
    max_length: int = setting(
        100_000, "Maximum length of a text in characters (422).", "--max-length", bounds=(1, 10_000_000)
    )
    max_waiting: int = setting(
        512, "Maximum number of concurrent requests (503).", "--max-waiting", bounds=(1, 100_000)
    )
    timeout: float = setting(
        10.0,
        "Timeout in seconds for headers and body (408), and for the answer (503).",
        "--timeout",
        "S",
        bounds=(0.1, 3600.0),
    )


class Service(NamedTuple):
    """All that a process needs in order to serve; it is sent to worker processes by pickle."""

    home: Path
    models: tuple[str, ...]  # references, the default first
    config: ServeConfig
    token: str | None = None
    log_requests: bool = True
