"""In which order the models of a home came to it, and how. A model's own card does not decide that: it may come from a
stranger, and clocks can be wrong.

    arrivals/000000000012.trained.imdb@4    an empty file, whose name says all

A file is made just before its version. If the version then fails, the file means nothing; if it was made again later,
the last file counts. Models of earlier versions of this program have none: they are older than all that have one.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple

from lstmctl.registry.home import ARRIVALS, list_names
from lstmctl.registry.names import is_name
from lstmctl.storage.filesystem import Directory

Origin = Literal["trained", "trial", "imported"]  # a trial: trained with --limit
_FILE = re.compile(r"([0-9]{12})\.(trained|trial|imported)\.([^@]+)@([1-9][0-9]{0,8})", re.ASCII)
_LAST = 10**12 - 1


class Arrival(NamedTuple):
    """How a version came, and its place in the order of all."""

    number: int
    origin: str
    name: str
    version: int


def read_arrivals(home: Path) -> list[Arrival]:
    """The arrivals of a home, the newest first."""
    found = [arrival for file in reversed(list_names(home, ARRIVALS)) if (arrival := _parse(file)) is not None]
    return sorted(found, reverse=True)


def by_reference(arrivals: list[Arrival]) -> Mapping[tuple[str, int], Arrival]:
    """The last arrival of each name and version."""
    return {(arrival.name, arrival.version): arrival for arrival in reversed(arrivals)}


def find_arrival(home: Path, name: str, version: int) -> Arrival | None:
    """The last arrival of a version; None if a program of an earlier version registered it."""
    return by_reference(read_arrivals(home)).get((name, version))


def record(home: Directory, name: str, version: int, origin: Origin) -> None:
    """Say on disk that a version comes now, after all others."""
    with home.enter(ARRIVALS) as arrivals:
        numbers = [arrival.number for file in arrivals.names() if (arrival := _parse(file)) is not None]
        number = min(max(numbers, default=0) + 1, _LAST)
        with suppress(FileExistsError):  # a process that was killed
            arrivals.write(f"{number:012d}.{origin}.{name}@{version}", b"")
        arrivals.sync()


def forget(home: Directory, name: str, versions: frozenset[int]) -> None:
    """Remove the files of versions that are gone for good."""
    with home.enter(ARRIVALS) as arrivals:
        for file in arrivals.names():
            arrival = _parse(file)
            if arrival is not None and arrival.name == name and arrival.version in versions:
                arrivals.remove(file)


def _parse(file: str) -> Arrival | None:
    match = _FILE.fullmatch(file)
    if match is None or not is_name(match[3]):
        return None
    return Arrival(int(match[1]), match[2], match[3], int(match[4]))
