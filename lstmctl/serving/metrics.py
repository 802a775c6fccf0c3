"""The figures of /metrics, in the text format of Prometheus, by its own library.

With several worker processes each keeps its figures in a file of the folder PROMETHEUS_MULTIPROC_DIR, and any of them
answers for all.
"""

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.multiprocess import MultiProcessCollector

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_TEXTS = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """The figures of this process."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            "lstmctl_requests", "Requests, by route and status.", ["route", "status"], registry=registry
        )
        self._seconds = Histogram(
            "lstmctl_request_seconds",
            "Time from the headers of a request to the end of its answer.",
            ["route"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._texts = Counter("lstmctl_texts", "Texts, by route and model.", ["route", "model"], registry=registry)
        self._batches = Histogram(
            "lstmctl_batch_texts", "Texts that were predicted together.", buckets=_TEXTS, registry=registry
        )
        self.waiting = Gauge(
            "lstmctl_waiting_requests",
            "Requests that are being answered.",
            multiprocess_mode="livesum",
            registry=registry,
        )

    def add_request(self, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def add_texts(self, route: str, model: str, texts: int) -> None:
        """Count the texts of one request."""
        self._texts.labels(route, model).inc(texts)

    def add_batch(self, texts: int) -> None:
        """Count one batch."""
        self._batches.observe(texts)

    def text(self) -> bytes:
        """The figures of all processes."""
        registry = self._registry
        if FOLDER in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
