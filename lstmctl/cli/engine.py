"""What answers: the options that choose it, and what work is then given to."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lstmctl.cli.options import job_count
from lstmctl.errors import UsageError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from lstmctl.bulk import Each

CLUSTER = "On a cluster"
Engine = Annotated[
    Literal["local", "ray"],
    typer.Option(
        "--engine",
        metavar="local|ray",
        help="What answers: processes of this machine, or a cluster of many.",
        rich_help_panel=CLUSTER,
    ),
]
RayAddress = Annotated[
    str | None,
    typer.Option(
        "--ray-address",
        metavar="ADDRESS",
        help="The cluster: auto, or HOST:PORT.",
        show_default="RAY_ADDRESS, else one that is started here",
        rich_help_panel=CLUSTER,
    ),
]


def engine_of(engine: str, *, address: str | None, jobs: int | None) -> "AbstractContextManager[Each]":
    """What work is given to, once it is entered: processes of this machine, or a cluster.

    Raises:
        UsageError: the options do not go together.
    """
    processes = job_count(jobs)
    if engine == "ray":
        from lstmctl.cluster import connected

        return connected(address, jobs=jobs)
    if address is not None:
        raise UsageError("--ray-address belongs to --engine ray")
    from contextlib import nullcontext
    from functools import partial

    from lstmctl.bulk import each

    return nullcontext(partial(each, jobs=processes))
