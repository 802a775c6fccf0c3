"""Labelled texts: read, checked, with labels renamed, divided into parts, and hashed so that changes are noticed."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from lstmctl.config import MAX_LABELS, DataConfig
from lstmctl.data.columns import ColumnNames, Example, clean_label
from lstmctl.data.formats import read_rows
from lstmctl.data.named import NAMES
from lstmctl.data.sources import WHOLE, Source, open_source
from lstmctl.data.splits import Parts, Proportions, limit_rows, require_labels, split_blocks, split_units
from lstmctl.errors import BadData, UsageError, closest_names


@dataclass(frozen=True)
class Dataset:
    """Labelled texts in three parts. `test` is empty where the configuration asks for none."""

    name: str
    config: DataConfig
    sha256: str  # of all rows that were read, before labels were renamed and rows left out
    labels: tuple[str, ...]  # sorted
    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    test: tuple[Example, ...]
    notes: tuple[str, ...] = ()  # for the user, about how it was read
    readings: tuple[str, ...] = ()  # how files were recognised, where that is not as usual


def load(config: DataConfig, *, home: Path) -> Dataset:
    """Read all data of `config` and divide it; `home` is the folder where `keras-imdb` is kept.

    Parts that the user names come first, then those of the data itself; the others are split off.

    Raises:
        BadData: a row that cannot be used, no rows, fewer than two labels or too many, a part without some label.
        NotFound: no such data. UsageError: an unknown format, settings that do not apply to the data.
    """
    columns = ColumnNames.of(config, group=config.group_column)
    main = open_source(config.source, columns, home=home)
    if config.group_column is not None and not main.has_columns:
        raise UsageError(f"--group-column needs a table; {main.name} has no columns")
    named_parts = {"validation": config.val_source, "test": config.test_source}
    rows, replaced, readings, same_columns = _Rows(config), set(), [*main.readings], True
    for part, row in main.rows:
        if named_parts.get(part) is None:
            rows.add(part, row)
        else:
            replaced.add(part)
    for part, source in named_parts.items():
        if source is not None:
            opened = open_source(source, columns._replace(group=None), home=home)
            readings += [reading for reading in opened.readings if reading not in readings]
            same_columns &= opened.columns[:2] == main.columns[:2]
            for row in _rows_of_part(opened, part):
                rows.add(part, row)
    rows.check_renames(name=main.name)
    labels = _sorted_labels(rows.parts, config.source, columns, home=home, name=main.name)
    if same_columns and not main.columns.usual:  # what the names were found to be is remembered
        config = replace(config, text_column=main.columns.text, label_column=main.columns.label)
    train, validation, test = map(tuple, _divide(rows.parts, config, labels, name=main.name))
    notes = [f"the {part} part of {main.name} is not used: another was given" for part in sorted(replaced)]
    return Dataset(
        main.name,
        config,
        rows.hash.hexdigest(),
        labels,
        train,
        validation,
        test,
        notes=(*main.notes, *notes),
        readings=tuple(readings),
    )


def read_all(config: DataConfig, *, home: Path) -> tuple[list[Example], str]:
    """All labelled texts of `config.source`, undivided, and their hash: for evaluating a model on other data.

    If the source has its own test part, only that part. Labels are renamed; the caller checks whether the model knows
    them. The settings of splits, groups and limits are ignored. Raises as `load`, except that any number of labels is
    allowed, and labels to rename may be missing.
    """
    source = open_source(config.source, ColumnNames.of(config), home=home)
    all_rows, rows = list(source.rows), _Rows(config)
    has_test_part = any(part == "test" for part, _ in all_rows)
    for part, row in all_rows:
        if part == "test" or not has_test_part:
            rows.add(part, row)
    return [row for part in rows.parts.values() for row in part], rows.hash.hexdigest()


def read_unlabelled(config: DataConfig) -> list[str]:
    """The texts of the file `config.unlabelled`, from the same text column as labelled ones; [] if there is none."""
    if config.unlabelled is None:
        return []
    return [row.text for row in read_rows(Path(config.unlabelled), ColumnNames.of(config)._replace(label=None))]


class _Rows:
    """Rows by part with renamed labels, and a hash that depends neither on the file format nor on the renaming."""

    def __init__(self, config: DataConfig) -> None:
        self.parts: defaultdict[str, list[Example]] = defaultdict(list)
        self._original_labels: set[str] = set()
        self.hash = hashlib.sha256()
        try:
            self._renames = {clean_label(old): clean_label(new) for old, new in config.rename_label}
        except ValueError as error:
            raise UsageError(f"--rename-label: {error}", hint="--rename-label FROM=TO") from error

    def add(self, part: str, row: Example) -> None:
        # Each field follows its length, so that no two different rows have the same bytes.
        fields = [value.encode() for value in (part, row.label, row.text, row.group)]
        self.hash.update(b"".join(len(field).to_bytes(8, "big") + field for field in fields))
        self._original_labels.add(row.label)
        new_label = self._renames.get(row.label)
        self.parts[part].append(row if new_label is None else row._replace(label=new_label))

    def check_renames(self, *, name: str) -> None:
        labels = self._original_labels
        for old in self._renames:
            if old not in labels:
                similar = closest_names(old, labels, 1)
                hint = f"did you mean {similar[0]}?" if similar else f"its labels: {', '.join(sorted(labels)[:10])}"
                raise UsageError(f'--rename-label: {name} has no label "{old}"', hint=hint)


def _rows_of_part(source: Source, part: str) -> Iterator[Example]:
    """The rows of a source that the user names as one part: all of them, or the source's own part of that name."""
    empty, others = True, set()
    for own_part, row in source.rows:
        if own_part in (WHOLE, part):
            empty = False
            yield row
        else:
            others.add(own_part)
    if empty:
        message = f"{source.name} has no {part} part, only {' and '.join(sorted(others))}"
        raise BadData(message, hint="name the path of one part")


def _sorted_labels(
    parts: Mapping[str, list[Example]], source: str, columns: ColumnNames, *, home: Path, name: str
) -> tuple[str, ...]:
    """All labels, at least two."""
    counts = Counter(row.label for rows in parts.values() for row in rows)
    if 2 <= len(counts) <= MAX_LABELS:
        return tuple(sorted(counts))
    if len(counts) > MAX_LABELS:
        message = f"{name} has {len(counts):,} different labels; at most {MAX_LABELS:,} are allowed"
    else:
        label = "".join(f', "{label}", on {count:,} rows' for label, count in counts.items())
        message = f"{name} has only one label{label}; two or more are needed"
    main = open_source(source, columns._replace(keep=True), home=home)  # for the names of the other columns
    if not main.has_columns:
        hint = "each label needs its own folder, or rows with that label"
    elif others := [name for name in next(main.rows)[1].columns or () if name not in main.columns.used]:
        hint = f"--label-column names another column: {', '.join(others[:10])}"
    else:
        hint = "add rows with another label"
    raise BadData(message, hint=hint)


def _divide(parts: Mapping[str, list[Example]], config: DataConfig, labels: tuple[str, ...], *, name: str) -> Parts:
    """The parts that exist, and the others split off from the training rows."""
    rows = [*parts.get(WHOLE, ()), *parts.get("train", ())]
    if not rows:
        message = f"{name} has a test part, but no training texts"
        raise BadData(message, hint="--test-data is for a test part; name training texts with --data")
    validation, test = parts.get("validation", []), parts.get("test", [])
    proportions = Proportions(0 if test else config.test_split, 0 if validation else config.val_split)
    named = NAMES.get(config.source)
    split = split_blocks if named is not None and named.related_neighbours else split_units
    taken = split(rows, proportions, seed=config.split_seed)
    divided = Parts(taken.train, validation or taken.validation, test or taken.test)
    used = divided._asdict()
    if not test and proportions.test == 0:
        del used["test"]
    require_labels(used, labels, name=name, unit="different texts" if config.group_column is None else "groups")
    if config.limit is None:
        return divided
    if config.limit < len(labels):
        raise UsageError(f"--limit {config.limit} leaves labels without a text", hint=f"--limit {len(labels)}")
    return Parts(*(limit_rows(part, config.limit, seed=config.split_seed) for part in divided))
