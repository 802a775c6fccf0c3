"""How rows become training, validation and test parts: the same way every time, moved only by the split seed.

Two rules. `by_units` is for all data: copies of one text stay together, or all rows of one group, and every label gets
its share of every part. `by_blocks` is for rows whose neighbours are related though nothing says so, such as reviews of
one film side by side. Which row is where never depends on what the rows of other labels are.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from lstmctl.data.columns import Row
from lstmctl.errors import BadData
from lstmctl.model.text import normalise

BLOCK_ROWS = 250


class Parts(NamedTuple):
    """Rows by what they are used for, each part in reading order."""

    train: list[Row]
    validation: list[Row]
    test: list[Row]


class Shares(NamedTuple):
    """How much is taken for testing, then of what that leaves for validation. 0 takes nothing."""

    test: float
    validation: float

    @property
    def parts(self) -> int:
        """Into how many parts they divide the rows."""
        return 1 + (self.test > 0) + (self.validation > 0)


def by_units(rows: Sequence[Row], shares: Shares, *, seed: int) -> Parts:
    """Split so that rows with one group, or else copies of one text, never come apart, whatever their order.

    Within each label, units follow each other in an order drawn from the seed and are taken until the share is
    reached, as closely as whole units allow and at least one for each part. A unit counts with the label of most of
    its rows.
    """
    units: defaultdict[bytes, list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        units[unit_key(row, seed=seed)].append(place)
    strata: defaultdict[str, list[list[int]]] = defaultdict(list)
    for _, unit in sorted(units.items()):
        strata[_majority(rows, unit)].append(unit)
    used = [0] * len(rows)  # 0 train, 1 validation, 2 test
    for ranked in strata.values():
        rest = ranked
        for part, share in ((2, shares.test), (1, shares.validation)):
            if share > 0:
                taken, rest = _take(rest, share, keep=shares.parts - 1 if part == 2 else 1)
                for place in (place for unit in taken for place in unit):
                    used[place] = part
    return _parts(rows, used)


def unit_key(row: Row, *, seed: int) -> bytes:
    """What rows that stay together have in common, their group or else their text: 16 bytes that the seed reorders."""
    name, value = ("group", row.group) if row.group else ("text", " ".join(normalise(row.text).split()))
    return hashlib.blake2b(value.encode(), digest_size=16, key=f"{seed} {name}".encode()).digest()


def _majority(rows: Sequence[Row], unit: Sequence[int]) -> str:
    if len(unit) == 1:
        return rows[unit[0]].label or ""
    counts = Counter(rows[place].label or "" for place in unit)
    return min(counts, key=lambda label: (-counts[label], label))


def _take(units: Sequence[list[int]], share: float, *, keep: int) -> tuple[list[list[int]], list[list[int]]]:
    """The first units that together come closest to the share of their rows, and the others; `keep` units remain."""
    target = share * sum(map(len, units))
    taken: list[list[int]] = []
    left: list[list[int]] = []
    count, most = 0, max(len(units) - keep, 0)
    for unit in units:
        if len(taken) < most and abs(count + len(unit) - target) < abs(count - target):
            taken.append(unit)
            count += len(unit)
        else:
            left.append(unit)
    if not taken and most:
        smallest = min(left, key=len)
        left.remove(smallest)
        taken.append(smallest)
    return taken, left


def by_blocks(rows: Sequence[Row], shares: Shares, *, seed: int, size: int = BLOCK_ROWS) -> Parts:
    """Split by blocks of `size` neighbours within each label, evenly spaced; the seed says which.

    With two labels of 50 blocks each and the usual shares, the seeds 0 to 2,499 give different splits.
    """
    labels: defaultdict[str, list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        labels[row.label or ""].append(place)
    used = [0] * len(rows)
    turn = seed
    for _, places in sorted(labels.items()):
        blocks = [places[start : start + size] for start in range(0, len(places), size)]
        rest, shift = blocks, turn
        for part, share in ((2, shares.test), (1, shares.validation)):
            if share > 0:
                taken, rest, shift = _take_evenly(rest, share, shift)
                for place in (place for block in taken for place in block):
                    used[place] = part
        turn += seed // 50  # so that the labels do not move in step
    return _parts(rows, used)


def _take_evenly(blocks: list[list[int]], share: float, shift: int) -> tuple[list[list[int]], list[list[int]], int]:
    """Blocks at even distances, the other blocks, and what is left of `shift` when it has moved the first of them."""
    count = len(blocks)
    wanted = min(max(1, round(share * count)), max(count - 1, 1))
    step = max(1, count // wanted)
    chosen = {shift % step + number * count // wanted for number in range(wanted)}
    taken = [block for place, block in enumerate(blocks) if place in chosen]
    left = [block for place, block in enumerate(blocks) if place not in chosen]
    return taken, left, shift // step


def _parts(rows: Sequence[Row], used: Sequence[int]) -> Parts:
    parts = Parts([], [], [])
    for row, part in zip(rows, used, strict=True):
        parts[part].append(row)
    return parts


def limited(rows: Sequence[Row], limit: int, *, seed: int) -> list[Row]:
    """At most `limit` of the rows, as many of each label as there are, drawn by the seed; in reading order."""
    labels: defaultdict[str, list[tuple[bytes, int]]] = defaultdict(list)
    for place, row in enumerate(rows):
        labels[row.label or ""].append((unit_key(row._replace(group=None), seed=seed), place))
    # The first of every label come before the second of any.
    turns = [(turn, label, place) for label, keyed in labels.items() for turn, (_, place) in enumerate(sorted(keyed))]
    return [rows[place] for place in sorted(place for _, _, place in sorted(turns)[:limit])]


def require_labels(parts: Mapping[str, Sequence[Row]], labels: Iterable[str], *, name: str, unit: str) -> None:
    """See that every label is in every part. `unit` says, in the hint, what a label must have several of.

    Raises:
        BadData: with the rows that each label has in each part.
    """
    counts = {part: Counter(row.label for row in rows) for part, rows in parts.items()}
    missing = [label for label in labels if any(count[label] == 0 for count in counts.values())]
    if not missing:
        return
    listed = "; ".join(
        f'"{label}" has ' + ", ".join(f"{count[label]:,} in {part}" for part, count in counts.items())
        for label in missing[:5]
    )
    more = f"; {len(missing) - 5:,} more labels miss some part" if len(missing) > 5 else ""
    hint = f"each label needs {len(parts)} {unit} or more; --rename-label '{missing[0]}=…' merges it with another"
    raise BadData(f"{name}: every label must be in every part, but of the rows {listed}{more}", hint=hint)
