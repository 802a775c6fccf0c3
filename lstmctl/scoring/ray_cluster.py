"""Work on several machines, or on this one, by way of Ray: the only module that knows it. Extra `ray`.

It does what `bulk.each` does with processes of one machine. Each process of the cluster is sent the work (for
predictions: the model) once, and items one after another. If a process or a machine is lost, Ray gives its item to
another, at most three times; so work must be such that doing it twice does no harm.

Ray's tasks are used rather than Ray Data: items are pieces of files that the package's own reader reads, so that rows
are read, numbered and refused as everywhere else, and a process needs neither pandas nor a whole block in memory.
"""

import os
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any, TypeVar

from lstmctl.errors import LstmctlError, MissingExtra, NotFound, StorageError
from lstmctl.scoring.pool import ParallelMap

A = TypeVar("A")
I = TypeVar("I")  # noqa: E741

_ITEMS_PER_CPU = 2  # items for each process of the cluster: one to work on, and the next one
_STORE_BYTES = 2**28  # shared memory of a local cluster: it holds the work, and items and answers on their way
_POLL = 0.5  # seconds
_CONNECT = 10.0  # seconds


@contextmanager
def connected(address: str | None, *, jobs: int | None) -> Iterator[ParallelMap]:
    """A function like `bulk.each`, but without order, that works on the cluster at `address`; on one that is started on
    this machine, and ended with the context, if that is None and RAY_ADDRESS is not set.

    `jobs` is how many items are worked on at a time; None: as many as the cluster has cores.

    Raises:
        MissingExtra: Ray is not installed. NotFound: there is no cluster. StorageError: it cannot be used, or, later,
        an item failed more than three times.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nobody is told that this was run
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # or Ray warns of a change to come
    try:
        import ray
    except ModuleNotFoundError:
        raise MissingExtra("ray", extra="ray") from None
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    if ":" in address:
        _see_whether_it_listens(address)
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address == "local":
        options |= {"num_cpus": jobs, "include_dashboard": False, "object_store_memory": _STORE_BYTES}
    try:
        ray.init(address, **options)
    except (ConnectionError, ValueError, RuntimeError, OSError, ray.exceptions.RayError) as error:
        where = "a cluster on this machine" if address == "local" else f"the Ray cluster at {address}"
        hint = "ray status" if address in ("local", "auto") else "RAY_AUTH_MODE=token, if it asks for ~/.ray/auth_token"
        raise NotFound(f"{where} cannot be used: {_first_line(error)}", hint=hint) from error
    try:
        yield lambda work, items: _parallel_map(ray, work, items, jobs=None if address == "local" else jobs)
    finally:
        ray.shutdown()


def _see_whether_it_listens(address: str) -> None:
    """Ray itself would try for a quarter of an hour."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT).close()
    except (OSError, ValueError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        message = f"there is no Ray cluster at {address}: {reason.lower()}"
        raise NotFound(message, hint="ray start --head prints the address of the cluster it starts") from error


def _parallel_map(ray: Any, work: Callable[[I], A], items: Iterable[I], *, jobs: int | None) -> Iterator[A]:
    call = ray.remote(num_cpus=1, max_retries=3, scheduling_strategy="SPREAD")(_call)
    shipped = ray.put(work)
    left, waiting = iter(items), list[Any]()
    while True:
        # Asked anew each time: clusters grow and shrink.
        slots = jobs or _ITEMS_PER_CPU * max(1, int(ray.cluster_resources().get("CPU", 1)))
        while len(waiting) < slots and (item := next(left, None)) is not None:
            waiting.append(call.remote([shipped], shipped.hex(), item, version("lstmctl")))
        if not waiting:
            return
        done, waiting = ray.wait(waiting, timeout=_POLL)
        for answered in done:
            yield _answer(ray, answered)


def _answer(ray: Any, answered: Any) -> Any:
    try:
        return ray.get(answered)
    except ray.exceptions.RayTaskError as error:  # raised by the work itself
        if isinstance(error.cause, LstmctlError):
            raise error.cause from error
        raise
    except ray.exceptions.RayError as error:
        raise StorageError(
            f"a process of the cluster is gone, and so were those that tried again: {_first_line(error)}",
            hint="was memory short? what is done is kept; the same command goes on",
        ) from error


_works: dict[str, Any] = {}  # in a process of the cluster: what it was sent


def _call(shipped: list[Any], name: str, item: Any, expected: str) -> Any:
    """In a process of the cluster. `shipped` is in a list, so that Ray hands over a reference and not all of it."""
    if (installed := version("lstmctl")) != expected:
        raise StorageError(
            f"a machine of the cluster has lstmctl {installed}, not {expected}",
            hint=f"pip install lstmctl=={expected}, on all of them",
        )
    if name not in _works:
        import ray

        _works.clear()
        _works[name] = ray.get(shipped[0])
    return _works[name](item)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
