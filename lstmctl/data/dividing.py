"""Rows divided into training, validation and test parts, and what happens to labels that do not fit.

The labels are those of the training rows. Parts that are given may lack some of them, which is said; their rows with
another label are left out and counted. Of the rows that are split here, each label must be in each part: a label with
too few rows stops, or with --rare-labels its rows are left out, or become one label with those of other rare labels.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from lstmctl.config import DataConfig
from lstmctl.data.columns import Example
from lstmctl.data.labels import OTHER, closest_label, label_key
from lstmctl.data.named import NAMES
from lstmctl.data.parts import WHOLE
from lstmctl.data.splits import Parts, Proportions, missing_labels, rare_labels_error, split_blocks, split_units
from lstmctl.errors import BadData, closest_names

LABEL_REASON = "the label "  # how the reasons start for which rows are left out because of their label
_SHOWN = 5  # labels in a message


class Notice(NamedTuple):
    """Something that the user should know about the data, and what to do about it."""

    text: str
    hint: str | None = None


@dataclass
class Remarks:
    """What the user is told about the data, and how many rows are in no part, by the reason."""

    notes: list[str] = field(default_factory=list)
    warnings: list[Notice] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)
    readings: list[str] = field(default_factory=list)  # how files were recognised, where that is not as usual
    same_columns: bool = True  # whether all parts have the same columns


class Rows(Protocol):
    """Rows by part, whose labels can be renamed."""

    @property
    def parts(self) -> Mapping[str, list[Example]]:
        """The rows."""

    def merge(self, merged: Mapping[str, str]) -> None:
        """Rename labels."""


class Divided(NamedTuple):
    """The parts."""

    parts: Parts
    labels: tuple[str, ...]  # sorted
    rare: Mapping[str, Mapping[str, int]]  # if lenient: label → rows by part


def divide(rows: Rows, config: DataConfig, remarks: Remarks, *, name: str, lenient: bool = False) -> Divided:
    """The parts that exist, and the others split off from the training rows. `lenient` divides data with labels that
    are too rare all the same, and reports them.

    Raises BadData: no training rows, fewer than two labels, a label that is too rare, or a given part without a row
    that has a label of the training rows.
    """
    given = {part: rows.parts.get(part, []) for part in ("validation", "test")}
    proportions = Proportions(0 if given["test"] else config.test_split, 0 if given["validation"] else config.val_split)
    if not training_rows(rows):
        message = f"{name} has a test part, but no training texts"
        raise BadData(message, hint="--test-data is for a test part; name training texts with --data")
    dropped, merged, other = Counter[str](), Counter[str](), OTHER  # numbers of rows by label
    while True:
        training = [row for row in training_rows(rows) if row.label not in dropped]
        counts = Counter(row.label for row in training)
        labels = tuple(sorted(counts))
        if len(labels) < 2 and not lenient:
            raise _too_few_labels(labels, dropped or merged, name=name)
        split = _split(training, proportions, config)
        made = {part: found for part, found in split._asdict().items() if part == "train" or not given[part]}
        if proportions.test == 0:
            made.pop("test", None)
        rare = missing_labels(made, labels)
        if not rare or lenient:
            break
        if config.rare_labels == "stop" or merged:
            unit = "different texts" if config.group_column is None else "groups"
            others = len(labels) - len(rare)
            raise rare_labels_error(rare, name=name, unit=unit, others=others, merged=other if merged else None)
        rare_counts = {label: counts[label] for label in rare}
        if config.rare_labels == "drop":
            dropped.update(rare_counts)
        else:
            other = next((label for label in labels if label_key(label) == OTHER and label not in rare), OTHER)
            merged.update(rare_counts)
            rows.merge(dict.fromkeys(rare, other))
    if dropped:
        remarks.left_out |= {f'{LABEL_REASON}"{label}", which is too rare': count for label, count in dropped.items()}
        remarks.notes.append(f"left out, because their labels are too rare: {_rows(dropped)}, {_listed(dropped)}")
    if merged:
        remarks.notes.append(f'read as "{other}", because they are too rare: {_rows(merged)}, {_listed(merged)}')
    validation = _known_rows("validation", given["validation"], labels, remarks, dropped=dropped, name=name)
    test = _known_rows("test", given["test"], labels, remarks, dropped=dropped, name=name)
    return Divided(Parts(split.train, validation or split.validation, test or split.test), labels, rare)


def training_rows(rows: Rows) -> list[Example]:
    """The rows that are not in a given validation or test part."""
    return [*rows.parts.get(WHOLE, ()), *rows.parts.get("train", ())]


def _split(rows: list[Example], proportions: Proportions, config: DataConfig) -> Parts:
    named = NAMES.get(config.source) if not config.more_sources else None
    split = split_blocks if named is not None and named.related_neighbours else split_units
    return split(rows, proportions, seed=config.split_seed)


def _known_rows(
    part: str,
    examples: list[Example],
    labels: tuple[str, ...],
    remarks: Remarks,
    *,
    dropped: Mapping[str, int],
    name: str,
) -> list[Example]:
    """The rows of a given part whose label is one of the training rows; none if the part is not given."""
    known = set(labels)
    kept = [example for example in examples if example.label in known]
    unknown = Counter(example.label for example in examples if example.label not in known)
    if unknown and not kept:
        message = f"no row of the {part} part of {name} has a label of the training texts: it has {_listed(unknown)}"
        raise BadData(message, hint=_rename_hint(next(iter(unknown)), labels))
    for label, count in unknown.items():
        why = "is too rare" if label in dropped else "no training row has"
        remarks.left_out[f'{LABEL_REASON}"{label}" in the {part} part, which {why}'] = count
    if foreign := Counter({label: count for label, count in unknown.items() if label not in dropped}):
        text = (
            f"left out of the {part} part: {_rows(foreign)} with labels that no training text has, {_listed(foreign)}"
        )
        remarks.warnings.append(Notice(text, _rename_hint(next(iter(foreign)), labels)))
    present = {example.label for example in kept}
    if kept and (absent := {label: 0 for label in labels if label not in present}):
        remarks.notes.append(f"the {part} part has no rows with the label {_listed(absent)}")
    return kept


def _rows(counts: Counter[str]) -> str:
    return f"{counts.total():,} row{'s' if counts.total() > 1 else ''}"


def _rename_hint(label: str, labels: tuple[str, ...]) -> str:
    if closest_label(label, labels) is not None:
        return "--merge-labels"
    similar = closest_names(label.casefold(), labels, 1)
    if similar:
        return f"--rename-label '{label}={similar[0]}', if that is what it means"
    return f"--rename-label '{label}=LABEL', where LABEL is {' or '.join(labels[:_SHOWN])}"


def _listed(counts: Mapping[str, int]) -> str:
    """Labels with their numbers of rows.

    >>> _listed({"a": 3, "b": 0})
    '"a" (3), "b"'
    """
    shown = [f'"{label}" ({count:,})' if count else f'"{label}"' for label, count in list(counts.items())[:_SHOWN]]
    more = f" and {len(counts) - _SHOWN:,} more" if len(counts) > _SHOWN else ""
    return ", ".join(shown) + more


def _too_few_labels(labels: tuple[str, ...], rare: Mapping[str, int], *, name: str) -> BadData:
    """`rare` are the labels that were left out or merged, with their numbers of rows."""
    only = f'the training texts have only one label, "{labels[0]}"' if labels else "the training texts have no label"
    if rare:
        message = f"{name}: without the labels that are too rare, {_listed(rare)}, {only}"
        return BadData(message, hint="add rows with these labels")
    return BadData(f"{name}: {only}; two or more are needed", hint="add training rows with another label")
