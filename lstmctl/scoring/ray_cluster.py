"""`parallel_map` on a Ray cluster of several machines, or of this one. The only module that imports Ray (extra `ray`).

Each process of the cluster is sent the work (for predictions: the model) once, and then items one after another. If a
process or a machine is lost, Ray retries its item on another, at most three times, so doing work twice must do no harm.

Ray's tasks are used rather than Ray Data: items are chunks of files that the package's own reader reads, so rows are
numbered and rejected as on one machine, and a process needs neither pandas nor a whole block in memory.
"""

import os
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

from lstmctl.errors import LstmctlError, MissingExtra, NotFound, StorageError
from lstmctl.scoring.pool import ParallelMap

_ITEMS_PER_CPU = 2  # one that a process works on, and the next one
_STORE_BYTES = 2**28  # shared memory of a local cluster, for the work and for items and results in transit
_POLL = 0.5  # seconds
_CONNECT = 10.0  # seconds


@contextmanager
def connect(address: str | None, *, jobs: int | None) -> Iterator[ParallelMap]:
    """A function like `parallel_map`, but with results in any order, that works on the cluster at `address`.

    With `address` None it is the one of RAY_ADDRESS; without that, one that is started on this machine and ends with
    the context. `jobs` is how many items are worked on at a time; None: as many as the cluster has cores.

    Raises:
        MissingExtra: Ray is not installed. NotFound: there is no cluster, or it cannot be used. StorageError, later: an
        item failed more than three times.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # send no statistics
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # or Ray warns of a future change
    try:
        import ray
    except ModuleNotFoundError:
        raise MissingExtra("ray", extra="ray") from None
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    if ":" in address:
        _check_listening(address)
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address == "local":
        options |= {"num_cpus": jobs, "include_dashboard": False, "object_store_memory": _STORE_BYTES}
    try:
        with _away_from_current_folder():
            ray.init(address, **options)
    except (ConnectionError, ValueError, RuntimeError, OSError, ray.exceptions.RayError) as error:
        where = "a cluster on this machine" if address == "local" else f"the Ray cluster at {address}"
        hint = "ray status" if address in ("local", "auto") else "RAY_AUTH_MODE=token, if it asks for ~/.ray/auth_token"
        raise NotFound(f"{where} cannot be used: {_first_line(error)}", hint=hint) from error
    try:
        yield lambda work, items: _parallel_map(ray, work, items, jobs=None if address == "local" else jobs)
    finally:
        ray.shutdown()


@contextmanager
def _away_from_current_folder() -> Iterator[None]:
    """A block with another current folder: Ray lets its processes import from the one it is started in."""
    here = os.open(".", os.O_RDONLY)
    try:
        os.chdir(os.sep)
        yield
    finally:
        os.fchdir(here)
        os.close(here)


def _check_listening(address: str) -> None:
    """Fail at once where Ray itself would try for a quarter of an hour."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT).close()
    except (OSError, ValueError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        message = f"there is no Ray cluster at {address}: {reason.lower()}"
        raise NotFound(message, hint="ray start --head prints the address of the cluster it starts") from error


def _parallel_map(ray: Any, work: Callable[[Any], Any], items: Iterable[Any], *, jobs: int | None) -> Iterator[Any]:
    call = ray.remote(num_cpus=1, max_retries=3, scheduling_strategy="SPREAD")(_call)
    shipped = ray.put(work)
    remaining, running = iter(items), list[Any]()
    while True:
        # Asked each time, because clusters grow and shrink.
        slots = jobs or _ITEMS_PER_CPU * max(1, int(ray.cluster_resources().get("CPU", 1)))
        while len(running) < slots and (item := next(remaining, None)) is not None:
            running.append(call.remote([shipped], shipped.hex(), item, version("lstmctl")))
        if not running:
            return
        done, running = ray.wait(running, timeout=_POLL)
        for task in done:
            yield _get_result(ray, task)


def _get_result(ray: Any, task: Any) -> Any:
    try:
        return ray.get(task)
    except ray.exceptions.RayTaskError as error:  # raised by the work itself
        if isinstance(error.cause, LstmctlError):
            raise error.cause from error
        raise
    except ray.exceptions.RayError as error:
        message = f"a process of the cluster was lost, and so were its retries: {_first_line(error)}"
        hint = "if memory ran out, use fewer processes per machine; the same command continues from the finished chunks"
        raise StorageError(message, hint=hint) from error


_work_by_name: dict[str, Any] = {}  # in a process of the cluster: what it was sent


def _call(shipped: list[Any], name: str, item: Any, expected: str) -> Any:
    """Runs in a process of the cluster. `shipped` is in a list, so that Ray passes a reference instead of the value."""
    if (installed := version("lstmctl")) != expected:
        message = f"a machine of the cluster has lstmctl {installed}, not {expected}"
        raise StorageError(message, hint=f"pip install lstmctl=={expected} on every machine")
    if name not in _work_by_name:
        import ray

        _work_by_name.clear()
        _work_by_name[name] = ray.get(shipped[0])
    return _work_by_name[name](item)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
