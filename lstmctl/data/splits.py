"""How rows are divided into training, validation and test parts: always the same way for one random seed.

`split_units` is for all data: duplicate texts stay together, or all rows of one group, and every label has its
proportion of every part. `split_blocks` is for rows whose neighbours are related though no column says so, as with
reviews of one film side by side. The part of a row never depends on rows of other labels.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from lstmctl.data.columns import Example
from lstmctl.data.labels import OTHER
from lstmctl.errors import BadData
from lstmctl.model.text import normalise

BLOCK_ROWS = 250
_TRAIN, _VALIDATION, _TEST = range(3)  # indices in `Parts`
Units = list[list[int]]  # indices of the rows that stay together


class Parts(NamedTuple):
    """Rows by use, each part in reading order."""

    train: list[Example]
    validation: list[Example]
    test: list[Example]


class Proportions(NamedTuple):
    """The proportion of all rows that is the test part, and of the remaining rows that is the validation part."""

    test: float
    validation: float

    @property
    def in_order(self) -> tuple[tuple[int, float, int], ...]:
        """The parts to take, each with its index, its proportion and the number of parts that come after it."""
        parts = [(part, size) for part, size in ((_TEST, self.test), (_VALIDATION, self.validation)) if size > 0]
        return tuple((part, size, len(parts) - index) for index, (part, size) in enumerate(parts))


def split_units(rows: Sequence[Example], proportions: Proportions, *, seed: int) -> Parts:
    """Split so that rows of one group, or else duplicates of one text, stay together, in any order of the rows.

    Within each label, units are taken in a random order until the proportion is reached, as closely as whole units
    allow and at least one for each part. A unit has the label of most of its rows.
    """
    units: defaultdict[bytes, list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        units[unit_key(row.text, row.group, seed=seed)].append(index)
    strata: defaultdict[str, list[list[int]]] = defaultdict(list)
    for _, unit in sorted(units.items()):
        strata[_majority_label(rows, unit)].append(unit)
    indices: list[list[int]] = [[], [], []]
    for stratum in strata.values():
        remaining = stratum
        for part, proportion, parts_after in proportions.in_order:
            taken, remaining = _take_closest(remaining, proportion, keep=parts_after)
            indices[part].extend(chain(*taken))
        indices[_TRAIN].extend(chain(*remaining))
    return _select(rows, indices)


def unit_key(text: str, group: str = "", *, seed: int) -> bytes:
    """16 bytes, equal for rows of one group or else of one normalised text, in an order that depends on the seed."""
    name, value = ("group", group) if group else ("text", normal_form(text))
    return hashlib.blake2b(value.encode(), digest_size=16, key=f"{seed} {name}".encode()).digest()


def normal_form(text: str) -> str:
    """What duplicates have in common: the text in NFC and lower case, with single spaces.

    >>> normal_form(" A  Film<br />")
    'a film'
    """
    return " ".join(normalise(text).split())


def _majority_label(rows: Sequence[Example], unit: Sequence[int]) -> str:
    if len(unit) == 1:
        return rows[unit[0]].label
    counts = Counter(rows[index].label for index in unit)
    return min(counts, key=lambda label: (-counts[label], label))


def _take_closest(units: Units, proportion: float, *, keep: int) -> tuple[Units, Units]:
    """The first units that come closest to the proportion of the rows, and the others, which are at least `keep`."""
    target = proportion * sum(map(len, units))
    taken, others = list[list[int]](), list[list[int]]()
    count, most = 0, max(len(units) - keep, 0)
    for unit in units:
        if len(taken) < most and abs(count + len(unit) - target) < abs(count - target):
            taken.append(unit)
            count += len(unit)
        else:
            others.append(unit)
    if not taken and most:
        smallest = min(others, key=len)
        others.remove(smallest)
        taken.append(smallest)
    return taken, others


def split_blocks(rows: Sequence[Example], proportions: Proportions, *, seed: int, size: int = BLOCK_ROWS) -> Parts:
    """Split by blocks of `size` neighbours within each label, evenly spaced, with an offset that the seed chooses.

    With two labels of 50 blocks each and the default proportions, the seeds 0 to 2,499 give different splits.
    """
    labels: defaultdict[str, list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        labels[row.label].append(index)
    indices: list[list[int]] = [[], [], []]
    for number, (_, rows_of_label) in enumerate(sorted(labels.items())):
        remaining = [rows_of_label[start : start + size] for start in range(0, len(rows_of_label), size)]
        shift = seed + number * (seed // 50)  # so that the labels do not shift in step
        for part, proportion, _ in proportions.in_order:
            taken, remaining, shift = _take_evenly(remaining, proportion, shift)
            indices[part].extend(chain(*taken))
        indices[_TRAIN].extend(chain(*remaining))
    return _select(rows, indices)


def _take_evenly(blocks: Units, proportion: float, shift: int) -> tuple[Units, Units, int]:
    """Evenly spaced blocks, the other blocks, and the part of `shift` that the offset of the first did not use."""
    count = len(blocks)
    number = min(max(1, round(proportion * count)), max(count - 1, 1))
    step = max(1, count // number)
    chosen = {shift % step + index * count // number for index in range(number)}
    taken = [block for index, block in enumerate(blocks) if index in chosen]
    others = [block for index, block in enumerate(blocks) if index not in chosen]
    return taken, others, shift // step


def _select(rows: Sequence[Example], indices: Sequence[Iterable[int]]) -> Parts:
    return Parts(*([rows[index] for index in sorted(part)] for part in indices))


def limit_rows(rows: Sequence[Example], limit: int, *, seed: int) -> list[Example]:
    """At most `limit` random rows, equally many of each label as far as there are, in reading order."""
    labels: defaultdict[str, list[tuple[bytes, int]]] = defaultdict(list)
    for index, row in enumerate(rows):
        labels[row.label].append((unit_key(row.text, seed=seed), index))
    # The first row of every label comes before the second row of any label.
    ranked = [(rank, label, index) for label, keyed in labels.items() for rank, (_, index) in enumerate(sorted(keyed))]
    return [rows[index] for index in sorted(index for _, _, index in sorted(ranked)[:limit])]


def missing_labels(parts: Mapping[str, Sequence[Example]], labels: Iterable[str]) -> dict[str, dict[str, int]]:
    """The labels that are not in every part, each with its number of rows by part."""
    counts = {part: Counter(row.label for row in rows) for part, rows in parts.items()}
    return {
        label: {part: count[label] for part, count in counts.items()}
        for label in labels
        if any(count[label] == 0 for count in counts.values())
    }


def rare_labels_error(
    missing: Mapping[str, Mapping[str, int]], *, name: str, unit: str, others: int, merged: str | None = None
) -> BadData:
    """The error about labels that are not in every part, from `missing_labels`. `unit` is what a label needs several
    of; `others` is the number of labels in every part, `merged` the label that rare ones were merged into."""
    listed = "; ".join(
        f'"{label}" has ' + ", ".join(f"{count:,} in {part}" for part, count in counts.items())
        for label, counts in list(missing.items())[:5]
    )
    more = f"; {len(missing) - 5:,} more labels are not in every part" if len(missing) > 5 else ""
    needed = len(next(iter(missing.values())))
    options = ["--rare-labels drop leaves their rows out"] if others > 1 else []
    if merged is None and others and sum(sum(counts.values()) for counts in missing.values()) >= needed:
        options.append(f'--rare-labels merge makes them one label, "{OTHER}"')
    hint = "; ".join([f"each label needs {needed} {unit} or more", *([", ".join(options)] if options else [])])
    return BadData(f"{name}: every label must be in every part, but of the rows {listed}{more}", hint=hint)
