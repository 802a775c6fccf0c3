"""Predictions of many texts: on worker processes of this machine or on a Ray cluster, streamed or into a folder."""

from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Literal

from lstmctl.errors import UsageError

if TYPE_CHECKING:
    from lstmctl.scoring.pool import ParallelMapContext


def open_pool(
    engine: Literal["local", "ray"] = "local", *, address: str | None = None, jobs: int | None = None
) -> "ParallelMapContext":
    """A context with the function that distributes work over processes of this machine, or over a cluster.

    `jobs` None is one process per core. `address` is that of the Ray cluster; None: see `ray_cluster.connect`, which
    also says what entering the context may raise. Raises UsageError if the options do not go together.
    """
    from lstmctl.scoring.pool import parallel_map, worker_count

    workers = worker_count(jobs)
    if engine == "ray":
        from lstmctl.scoring.ray_cluster import connect

        return connect(address, jobs=jobs)
    if address is not None:
        raise UsageError("--ray-address needs --engine ray")
    return nullcontext(partial(parallel_map, jobs=workers))
