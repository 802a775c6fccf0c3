"""Labelled texts, ready for use: read, renamed, checked, divided into parts, and hashed so that a change is noticed."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from lstmctl.config import MAX_LABELS, DataConfig
from lstmctl.data.columns import Row, clean_label
from lstmctl.data.formats import read_rows
from lstmctl.data.sources import WHOLE, Source, open_source
from lstmctl.data.splits import Parts, Shares, by_blocks, by_units, limited, require_labels
from lstmctl.errors import BadData, UsageError, closest_names


class Example(NamedTuple):
    """A labelled text, and the number of its row in the source it comes from."""

    text: str
    label: str
    row: int


@dataclass(frozen=True)
class Dataset:
    """Labelled texts in three parts. `test` is empty where the configuration asks for none."""

    name: str
    config: DataConfig
    sha256: str  # of all that was read, before labels were renamed and rows left out
    labels: tuple[str, ...]  # sorted
    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    test: tuple[Example, ...]
    notes: tuple[str, ...] = ()  # what the user should know about how it was read


def load(config: DataConfig, *, home: Path) -> Dataset:
    """Read all that `config` names and divide it; `home` is where `keras-imdb` is kept.

    Parts that the user brings come first, then those that the data brings, then shares of what is there.

    Raises:
        BadData: a row that cannot be used, no rows, fewer than two labels or too many, a part without some label.
        NotFound: no such data. UsageError: a format that is not known, settings that do not go with the data.
    """
    main = open_source(config.source, config, home=home)
    if config.group_column is not None and not main.has_columns:
        raise UsageError(f"{main.name} has no columns, so --group-column does not go with it")
    read, replaced = _Read(), set()
    for part, row in main.rows:
        if _brought(config).get(part) is None:
            read.add(part, row)
        else:
            replaced.add(part)
    for part, name in _brought(config).items():
        if name is not None:
            for row in _part_of(open_source(name, replace(config, group_column=None), home=home), part):
                read.add(part, row)
    rows = _renamed(read.rows, config, name=main.name)
    labels = _labels(rows, config, home=home, name=main.name)
    parts = _divide(rows, config, labels, name=main.name)
    notes = [f"the {part} part of {main.name} is not used, as another was named" for part in sorted(replaced)]
    return Dataset(
        name=main.name,
        config=config,
        sha256=read.sha256(),
        labels=labels,
        train=_examples(parts.train),
        validation=_examples(parts.validation),
        test=_examples(parts.test),
        notes=(*main.notes, *notes),
    )


def read_all(config: DataConfig, *, home: Path) -> tuple[list[Example], str]:
    """All labelled texts of `config.source`, undivided, and their hash: for measuring a model on other data.

    Where the source brings its own test part, that part alone. Labels are renamed; whether the model knows them is for
    the caller to see. What `config` says of splits, groups and limits plays no role.

    Raises:
        As `load`, but labels may be as few or many as there are, and labels to rename need not be there.
    """
    source = open_source(config.source, replace(config, group_column=None), home=home)
    parts: defaultdict[str, list[Row]] = defaultdict(list)
    for part, row in source.rows:
        parts[part].append(row)
    read = _Read()
    for part in ("test",) if "test" in parts else tuple(parts):
        for row in parts[part]:
            read.add(part, row)
    renames = _renames(config)
    rows = (_rename(row, renames) for part in read.rows.values() for row in part)
    return list(_examples(rows)), read.sha256()


def read_unlabelled(config: DataConfig) -> list[str]:
    """The texts of the file `config.unlabelled`, whose column is named as that of the labelled ones; none without it.

    Raises:
        As `read_rows`.
    """
    if config.unlabelled is None:
        return []
    rows = read_rows(Path(config.unlabelled), text_column=config.text_column, label_column=None, keep_columns=False)
    return [row.text for row in rows]


class _Read:
    """Rows by part, and a hash of them that does not depend on the format of the file."""

    def __init__(self) -> None:
        self.rows: defaultdict[str, list[Row]] = defaultdict(list)
        self._hash = hashlib.sha256()

    def add(self, part: str, row: Row) -> None:
        self.rows[part].append(row)
        fields = [(value or "").encode() for value in (part, row.label, row.text, row.group)]
        # Each field behind its length: no two different rows make the same bytes.
        self._hash.update(b"".join(len(field).to_bytes(8, "big") + field for field in fields))

    def sha256(self) -> str:
        return self._hash.hexdigest()


def _brought(config: DataConfig) -> dict[str, str | None]:
    """The parts that a user can bring, and where they come from."""
    return {"validation": config.val_source, "test": config.test_source}


def _part_of(source: Source, part: str) -> Iterator[Row]:
    """The rows of a source that is named as one part: all, or those of its own part of that name."""
    found, others = False, set()
    for own_part, row in source.rows:
        if own_part in (WHOLE, part):
            found = True
            yield row
        else:
            others.add(own_part)
    if not found:
        raise BadData(
            f"{source.name} has no {part} part, only {' and '.join(sorted(others))}", hint="name that part alone"
        )


def _renames(config: DataConfig) -> dict[str, str]:
    try:
        return {clean_label(old): clean_label(new) for old, new in config.rename_label}
    except ValueError as error:
        raise UsageError(f"--rename-label: {error}", hint="--rename-label FROM=TO") from error


def _rename(row: Row, renames: dict[str, str]) -> Row:
    label = row.label or ""
    return row._replace(label=renames[label]) if label in renames else row


def _renamed(parts: dict[str, list[Row]], config: DataConfig, *, name: str) -> dict[str, list[Row]]:
    renames = _renames(config)
    if not renames:
        return parts
    labels = {row.label or "" for rows in parts.values() for row in rows}
    for old in renames:
        if old not in labels:
            near = closest_names(old, labels, 1)
            hint = f"did you mean {near[0]}?" if near else f"its labels: {', '.join(sorted(labels)[:10])}"
            raise UsageError(f'--rename-label: {name} has no label "{old}"', hint=hint)
    return {part: [_rename(row, renames) for row in rows] for part, rows in parts.items()}


def _labels(parts: dict[str, list[Row]], config: DataConfig, *, home: Path, name: str) -> tuple[str, ...]:
    """All labels, sorted, at least two."""
    counts = Counter(row.label or "" for rows in parts.values() for row in rows)
    if len(counts) > MAX_LABELS:
        message = f"{name} has {len(counts):,} different labels; at most {MAX_LABELS:,} are allowed"
        raise BadData(message, hint=_label_column_hint(config, home=home))
    if len(counts) < 2:
        found = "".join(f', "{label}", on {count:,} rows' for label, count in counts.items())
        message = f"{name} has only one label{found}; two or more are needed"
        raise BadData(message, hint=_label_column_hint(config, home=home))
    return tuple(sorted(counts))


def _label_column_hint(config: DataConfig, *, home: Path) -> str:
    """How to read other labels. Reads the first row once more, to know the other columns."""
    source = open_source(config.source, config, home=home, columns=True)
    if not source.has_columns:
        return "each label needs a folder of its own, or a row that has it"
    _, row = next(source.rows)
    used = (config.text_column, config.label_column, config.group_column)
    others = [column for column in row.columns or () if column not in used]
    if not others:
        return "rows of another label are missing"
    return f"--label-column names another column: {', '.join(others[:10])}"


def _divide(rows: dict[str, list[Row]], config: DataConfig, labels: tuple[str, ...], *, name: str) -> Parts:
    """The parts as they were brought, and shares of the rest for those that were not."""
    pool = [*rows.get(WHOLE, ()), *rows.get("train", ())]
    if not pool:
        raise BadData(
            f"{name} has a test part, but nothing to train on",
            hint="--test-data is for a test part; name others with --data",
        )
    own_validation, own_test = rows.get("validation", []), rows.get("test", [])
    shares = Shares(0 if own_test else config.test_split, 0 if own_validation else config.val_split)
    split = by_blocks if config.source == "imdb" else by_units
    taken = split(pool, shares, seed=config.split_seed)
    parts = Parts(taken.train, own_validation or taken.validation, own_test or taken.test)
    used = parts._asdict() if own_test or shares.test > 0 else {"train": parts.train, "validation": parts.validation}
    require_labels(used, labels, name=name, unit="different texts" if config.group_column is None else "groups")
    if config.limit is None:
        return parts
    if config.limit < len(labels):
        raise UsageError(f"--limit {config.limit} leaves labels without a text", hint=f"--limit {len(labels)}")
    return Parts(*(limited(part, config.limit, seed=config.split_seed) for part in parts))


def _examples(rows: Iterable[Row]) -> tuple[Example, ...]:
    return tuple(Example(row.text, row.label or "", row.number) for row in rows)
