"""Labelled texts: read, checked, with labels renamed, divided into parts, and hashed so that changes are noticed.

What happens to labels and rows that do not fit the others is decided in `data/dividing.py`.
"""

import hashlib
import shlex
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from lstmctl.config import MAX_LABELS, DataConfig
from lstmctl.data.bad_rows import BadRows
from lstmctl.data.columns import ColumnNames, Example, clean_label
from lstmctl.data.dividing import Notice, Remarks, divide
from lstmctl.data.formats import read_rows
from lstmctl.data.labels import Spellings, describe_spellings, find_spellings, merged_spellings
from lstmctl.data.parts import WHOLE
from lstmctl.data.sources import Source, open_source
from lstmctl.data.splits import Parts, limit_rows
from lstmctl.errors import BadData, UsageError, closest_names

OpenRows = Callable[..., Source]  # `open_source`, with the home and what becomes of bad rows
_REASONS, _REASON_LETTERS = 100, 300  # for which rows are left out, as stored with a model


@dataclass(frozen=True)
class Dataset:
    """Labelled texts in three parts. `test` is empty where the configuration asks for none.

    Every row that was read is in a part, among `bad_rows`, or counted in `left_out`.
    """

    name: str
    config: DataConfig  # as asked for, with the labels that were merged among its `rename_label`
    sha256: str  # of all rows that were read, before labels were renamed and rows left out
    labels: tuple[str, ...]  # sorted
    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    test: tuple[Example, ...]
    notes: tuple[str, ...] = ()  # for the user, about how it was read
    readings: tuple[str, ...] = ()  # how files were recognised, where that is not as usual
    warnings: tuple[Notice, ...] = ()
    bad_rows: BadRows = field(default_factory=BadRows)
    left_out: Mapping[str, int] = field(default_factory=dict)  # reason → number of rows
    spellings: tuple[Spellings, ...] = ()  # labels that are probably one, and were not merged
    rare: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # label → rows by part; if read leniently

    @property
    def skipped(self) -> dict[str, int]:
        """All rows that were read and are in no part: reason, printable and short → number of rows."""
        counts = Counter[str]()
        for reason, count in (*self.bad_rows.kinds.items(), *self.left_out.items()):
            shown = "".join(letter if letter.isprintable() else "?" for letter in reason)[:_REASON_LETTERS]
            counts[shown if shown in counts or len(counts) < _REASONS else "other reasons"] += count
        return dict(counts)


class AllRows(NamedTuple):
    """The labelled texts of a source, undivided."""

    examples: list[Example]
    sha256: str
    notes: tuple[str, ...]  # for the user, about how they were read
    readings: tuple[str, ...]


def load(config: DataConfig, *, home: Path) -> Dataset:
    """Read all data of `config` and divide it; `home` is the folder where `keras-imdb` is kept.

    Parts that the user names come first, then those of the data itself; the others are split off. The labels are those
    of the training rows: rows of other parts with another label are left out, and counted.

    Raises:
        BadData: a row that cannot be used, no rows, fewer than two labels or too many, a label that is too rare.
        NotFound: no such data. UsageError: an unknown format, settings that do not apply to the data.
    """
    return _load(config, home=home, lenient=False, bad_rows=BadRows())


def load_leniently(config: DataConfig, *, home: Path, bad_rows: BadRows) -> Dataset:
    """As `load`, for checking data: bad rows are skipped and added to `bad_rows`, even if this raises, and it is no
    error that there are no usable rows, or labels that are too few, too many or too rare."""
    return _load(config, home=home, lenient=True, bad_rows=bad_rows)


def _load(config: DataConfig, *, home: Path, lenient: bool, bad_rows: BadRows) -> Dataset:
    columns, remarks = ColumnNames.of(config, group=config.group_column), Remarks()
    open_rows = partial(open_source, home=home, skip_bad_row=_skipper(config, bad_rows, lenient=lenient))
    named = [source for source in (config.val_source, config.test_source) if source is not None]
    main = open_rows(config.sources, columns, excluded=named)
    if config.group_column is not None and not main.has_columns:
        raise UsageError(f"--group-column needs a table; {main.name} has no columns")
    remarks.readings += main.readings
    rows = _read_parts(main, config, columns, remarks, open_rows=open_rows)
    if remarks.same_columns and not main.columns.usual:  # what the names were found to be is remembered
        config = replace(config, text_column=main.columns.text, label_column=main.columns.label)
    if lenient and not rows.parts:
        return Dataset(main.name, config, rows.hash.hexdigest(), (), (), (), (), main.notes, bad_rows=bad_rows)
    _require_usable(rows, bad_rows, name=main.name)
    rows.check_renames(name=main.name)
    spellings = tuple(find_spellings(rows.label_counts()))
    if config.merge_labels:
        rows.merge(merged_spellings(spellings))
        remarks.notes += [f"merged labels: {group}" for group in spellings if len(group.counts) > 1]
        spellings = tuple(group for group in spellings if len(group.counts) == 1)
    if not lenient:
        _check_labels(rows.parts, config.sources, columns, open_rows=open_rows, name=main.name)
    parts, labels, rare = divide(rows, config, remarks, name=main.name, lenient=lenient)
    if config.limit is not None:
        parts = _limit(parts, config.limit, labels, remarks, seed=config.split_seed)
    warnings = [Notice(bad_rows.describe()), Notice(*describe_spellings(spellings)), *remarks.warnings]
    return Dataset(
        name=main.name,
        config=replace(config, rename_label=rows.renames(), documents=main.documents or config.documents),
        sha256=rows.hash.hexdigest(),
        labels=labels,
        train=tuple(parts.train),
        validation=tuple(parts.validation),
        test=tuple(parts.test),
        notes=(*main.notes, *remarks.notes),
        readings=tuple(remarks.readings),
        warnings=tuple(warning for warning in warnings if warning.text),
        bad_rows=bad_rows,
        left_out=remarks.left_out,
        spellings=spellings,
        rare=rare,
    )


def _read_parts(
    main: Source,
    config: DataConfig,
    columns: ColumnNames,
    remarks: Remarks,
    *,
    open_rows: OpenRows,
) -> "_Rows":
    """The rows of the main source, and those of the parts that the user names, in place of its own."""
    named_parts = {"validation": config.val_source, "test": config.test_source}
    rows, replaced = _Rows(config), Counter[str]()
    for part, row in main.rows:
        if named_parts.get(part) is None:
            rows.add(part, row)
        else:
            replaced[part] += 1
    for part, count in sorted(replaced.items()):
        remarks.notes.append(f"the {part} part of {main.name} is not used: another was given")
        remarks.left_out[f"the {part} part of the data, because another was given"] = count
    for part, path in named_parts.items():
        if path is None:
            continue
        source, others = open_rows(path, columns._replace(group=None)), Counter[str]()
        remarks.notes += [f"{part}, {source.name}: {note}" for note in source.notes]
        remarks.readings += [reading for reading in source.readings if reading not in remarks.readings]
        remarks.same_columns &= source.columns[:2] == main.columns[:2]
        for row in _rows_of_part(source, part, others):
            rows.add(part, row)
        if part not in rows.parts:
            raise BadData(
                f"{source.name} has no row that can be used", hint=f"lstmctl data check --data {shlex.quote(str(path))}"
            )
        for other, count in sorted(others.items()):
            remarks.notes.append(f"the {other} part of {source.name} is not used: it is named as {part} data")
            remarks.left_out[f"the {other} part of the {part} data"] = count
    return rows


def _limit(parts: Parts, limit: int, labels: tuple[str, ...], remarks: Remarks, *, seed: int) -> Parts:
    if limit < len(labels):
        raise UsageError(f"--limit {limit} leaves labels without a text", hint=f"--limit {len(labels)}")
    limited = Parts(*(limit_rows(part, limit, seed=seed) for part in parts))
    if beyond := sum(map(len, parts)) - sum(map(len, limited)):
        remarks.left_out[f"beyond --limit {limit}"] = beyond
    return limited


def _skipper(config: DataConfig, bad_rows: BadRows, *, lenient: bool = False) -> BadRows | None:
    return bad_rows if lenient or config.bad_rows == "skip" else None


def _require_usable(rows: "_Rows", bad_rows: BadRows, *, name: str) -> None:
    if not rows.parts:
        raise BadData(
            f"{name} has no row that can be used: {bad_rows.describe()}", hint="lstmctl data check lists them"
        )


def read_all(
    config: DataConfig, *, home: Path, bad_rows: BadRows | None = None, unused: Counter[str] | None = None
) -> AllRows:
    """All labelled texts of `config.sources`, undivided, and their hash: for evaluating a model on other data.

    If they have a test part, only that part, and sources without parts; `unused` counts the rows of the other parts.
    Labels are renamed; the caller checks whether the model knows them. The settings of splits, groups and limits are
    ignored. `bad_rows` counts the rows that `config.bad_rows` lets skip. Raises as `load`, except that any number of
    labels is allowed, and labels to rename may be missing.
    """
    bad_rows, unused = BadRows() if bad_rows is None else bad_rows, Counter() if unused is None else unused
    columns = ColumnNames.of(config)
    source = open_source(config.sources, columns, home=home, skip_bad_row=_skipper(config, bad_rows))
    all_rows, rows = list(source.rows), _Rows(config)
    has_test_part = any(part == "test" for part, _ in all_rows)
    for part, row in all_rows:
        if part in ("test", WHOLE) or not has_test_part:
            rows.add(part, row)
        else:
            unused[part or "undivided"] += 1
    _require_usable(rows, bad_rows, name=source.name)
    examples = [row for part in rows.parts.values() for row in part]
    return AllRows(examples, rows.hash.hexdigest(), source.notes, source.readings)


def read_unlabelled(config: DataConfig, *, bad_rows: BadRows | None = None) -> list[str]:
    """The texts of the file `config.unlabelled`, from the same text column as labelled ones; [] if there is none.
    `bad_rows` is as in `read_all`."""
    if config.unlabelled is None:
        return []
    skip = _skipper(config, BadRows() if bad_rows is None else bad_rows)
    columns = ColumnNames.of(config)._replace(label=None)
    return [row.text for row in read_rows(Path(config.unlabelled), columns, skip_bad_row=skip)]


class _Rows:
    """Rows by part with renamed labels, and a hash that depends neither on the file format nor on the renaming."""

    def __init__(self, config: DataConfig) -> None:
        self.parts: defaultdict[str, list[Example]] = defaultdict(list)
        self._original_labels: set[str] = set()
        self.hash = hashlib.sha256()
        self._asked, self._merged = config.rename_label, False
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

    def label_counts(self) -> Counter[str]:
        """Number of rows of each label, in all parts."""
        return Counter(row.label for rows in self.parts.values() for row in rows)

    def merge(self, merged: Mapping[str, str]) -> None:
        """Rename labels further."""
        if not merged:
            return
        for part, examples in self.parts.items():
            self.parts[part] = [
                row if row.label not in merged else row._replace(label=merged[row.label]) for row in examples
            ]
        for label in self._original_labels:
            new = self._renames.get(label, label)
            if new in merged:
                self._renames[label] = merged[new]
        self._merged = True

    def renames(self) -> tuple[tuple[str, str], ...]:
        """The labels to rename: as the user asked, and if labels were merged, all."""
        return tuple(sorted(self._renames.items())) if self._merged else self._asked

    def check_renames(self, *, name: str) -> None:
        labels = self._original_labels
        for old in self._renames:
            if old not in labels:
                similar = closest_names(old, labels, 1)
                hint = f"did you mean {similar[0]}?" if similar else f"its labels: {', '.join(sorted(labels)[:10])}"
                raise UsageError(f'--rename-label: {name} has no label "{old}"', hint=hint)


def _rows_of_part(source: Source, part: str, others: Counter[str]) -> Iterator[Example]:
    """The rows of a source that the user names as one part: all of them, or the source's own part of that name. The
    rows of its other parts are counted in `others`."""
    empty = True
    for own_part, row in source.rows:
        if own_part in (WHOLE, part):
            empty = False
            yield row
        else:
            others[own_part] += 1
    if empty and others:
        message = f"{source.name} has no {part} part, only {' and '.join(sorted(others))}"
        raise BadData(message, hint="name the path of one part")


def _check_labels(
    parts: Mapping[str, list[Example]],
    sources: Sequence[str],
    columns: ColumnNames,
    *,
    open_rows: OpenRows,
    name: str,
) -> None:
    """Raise BadData if there are fewer than two labels, or too many."""
    counts = Counter(row.label for rows in parts.values() for row in rows)
    if 2 <= len(counts) <= MAX_LABELS:
        return
    if len(counts) > MAX_LABELS:
        message = f"{name} has {len(counts):,} different labels; at most {MAX_LABELS:,} are allowed"
    else:
        label = "".join(f', "{label}", on {count:,} rows' for label, count in counts.items())
        message = f"{name} has only one label{label}; two or more are needed"
    main = open_rows(sources, columns._replace(keep=True))  # for the names of the other columns
    if not main.has_columns:
        hint = "each label needs its own folder, or rows with that label"
    elif others := [name for name in next(main.rows)[1].columns or () if name not in main.columns.used]:
        hint = f"--label-column names another column: {', '.join(others[:10])}"
    else:
        hint = "add rows with another label"
    raise BadData(message, hint=hint)
