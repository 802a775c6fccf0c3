"""`lstmctl data`: the named data sets, and checks of labelled texts."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lstmctl.cli.console import Answer, Console, show_readings
from lstmctl.cli.options import (
    Command,
    Delimiter,
    Encoding,
    GroupColumn,
    LabelColumn,
    NoHeader,
    RenameLabel,
    TestData,
    TextColumn,
    ValData,
    data_option,
    open_registry,
    option,
    parse_renames,
    reading_settings,
)
from lstmctl.config import DataConfig
from lstmctl.errors import BadRow, ExitCode, LstmctlError, UsageError
from lstmctl.plots.text import Span, bar, visible

if TYPE_CHECKING:
    from lstmctl.data.checks import Findings, Pair, RowRef

app = typer.Typer(name="data", help="List and check data sets.", no_args_is_help=True, rich_markup_mode=None)

LIST_EXAMPLES = """
Examples:
  lstmctl data list
  lstmctl data check --data reviews.csv --text-column review
  lstmctl train --data rotten-tomatoes
"""
CHECK_EXAMPLES = """
Examples:
  lstmctl data check                                       the film reviews
  lstmctl data check --data train.csv --test-data test.csv --strict
  lstmctl data check --data train.csv --json | jq .leaks
"""
COLUMNS = ("finding", "part", "row", "label", "earlier_part", "earlier_row", "earlier_label", "exact", "detail")
FILE_COLUMNS = ("file", "earlier_file")  # where the data has several files
QUANTILES = (0.0, 0.25, 0.5, 0.75, 0.95, 1.0)
_STRICT_HELP = "Exit with 1 if there are bad rows, doubtful labels, leaks, duplicates or empty texts."
_KINDS_SHOWN = 8
_ROWS_SHOWN = 3  # of each finding on a terminal; TSV and JSON have all
_SIGNS_SHOWN = 6
_LABELS_SHOWN = 20


@app.command("list", cls=Command, epilog=LIST_EXAMPLES)
def list_command() -> None:
    """List the named data sets."""
    from lstmctl.data.named import NAMES

    columns = ("name", "rows", "labels", "description")
    values = [(name, entry.rows, entry.labels, entry.description) for name, entry in NAMES.items()]
    objects = [{"schema": "lstmctl.data/1", **dict(zip(columns, row, strict=True))} for row in values]
    rows = [columns, *((name, count, ",".join(labels), text) for name, count, labels, text in values)]

    def screen(console: Console) -> None:
        for name, entry in NAMES.items():
            console.show((f"{name:<16}", "bold"), f" {entry.rows:>6,} texts   labels {' '.join(entry.labels)}")
            for line in textwrap.wrap(entry.description, max(20, console.out.width - 4)):
                console.show(f"  {line}")
        console.note()
        console.note(("Your own texts: lstmctl train --data FILE, or a folder", "dim"))

    Console.open().answer(Answer(objects=objects, rows=rows, screen=screen))


@app.command("check", cls=Command, epilog=CHECK_EXAMPLES)
def check_command(
    source: Annotated[list[str] | None, data_option("Labelled texts; may be repeated.", default="imdb")] = None,
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    no_header: NoHeader = False,
    group_column: GroupColumn = None,
    val_source: ValData = None,
    test_source: TestData = None,
    rename_label: RenameLabel = None,
    max_len: Annotated[int, option("--max-len N", "Count texts with more words than this.")] = 500,
    vocab_size: Annotated[int, option("--vocab-size N", "Vocabulary size, to count unknown words.")] = 10_000,
    strict: Annotated[bool, option("--strict", _STRICT_HELP)] = False,
) -> int:
    """Find bad rows, doubtful labels, leaks, duplicates and empty texts.

    Bad rows cannot be read; all of them are listed. Doubtful labels are spelled like another one, or too rare.

    Leaks are texts that are in two parts. Conflicting duplicates are equal texts with different labels.

    Without --val-data and --test-data, the texts are divided as train divides them.
    """
    from lstmctl.data.bad_rows import BadRows
    from lstmctl.data.checks import check_data
    from lstmctl.data.sources import resolve_source

    for name, value in (("--max-len", max_len), ("--vocab-size", vocab_size)):
        if value < 1:
            raise UsageError(f"{name} must be 1 or more, not {value}")
    console = Console.open()
    sources = [resolve_source(name) for name in source or ["imdb"]]
    config = DataConfig(
        source=sources[0],
        more_sources=tuple(sources[1:]),
        label_column=label_column,
        **reading_settings(text_column, delimiter, encoding, no_header),
        group_column=group_column,
        val_source=resolve_source(val_source) if val_source is not None else None,
        test_source=resolve_source(test_source) if test_source is not None else None,
        rename_label=parse_renames(rename_label),
    )
    bad_rows = BadRows(keep=True)
    try:
        with console.waiting("checking the texts"):
            findings = check_data(config, vocab_size=vocab_size, home=open_registry().home, bad_rows=bad_rows)
    except LstmctlError:
        if bad_rows.count:  # before a fault after which nothing more can be read
            console.warn(bad_rows.describe())
        raise
    show_readings(console, findings.data.readings)
    if console.format != "table":  # which shows them itself
        for note in findings.data.notes:
            console.note(visible(note))
    console.answer(findings_answer(findings, max_len=max_len))
    if strict and (faults := _faults(findings)):
        console.error(faults)
        return int(ExitCode.NO)
    return int(ExitCode.DONE)


def _faults(findings: "Findings") -> str:
    """What --strict finds wrong, in words; empty if nothing is."""
    name, counts = findings.data.name, (findings.data.bad_rows.count, findings.label_problems, findings.problems)
    said = (f"rows of {name} cannot be read", "labels are doubtful", f"rows of {name} are duplicates or empty")
    return ", ".join(f"{count:,} {what}" for count, what in zip(counts, said, strict=True) if count)


def findings_answer(findings: "Findings", *, max_len: int) -> Answer:
    """All findings as JSON and TSV; on the screen a summary with the first rows of each kind."""

    def objects() -> Iterator[dict[str, Any]]:
        yield {
            "schema": "lstmctl.data_check/1",
            "data": findings.data.name,
            "rows": findings.rows,
            "labels": findings.labels,
            "length": {
                "quantiles": dict(zip(map(str, QUANTILES), quantiles(findings.lengths), strict=True)),
                "max_len": max_len,
                "cut": sum(length > max_len for length in findings.lengths),
            },
            "unknown": findings.unknown,
            "empty": [row.to_dict() for row in findings.empty],
            **{f"{kind}s": [_pair_object(pair) for pair in pairs] for kind, pairs in findings.pairs.items()},
            "suspicious": {kind: [row.to_dict() for row in rows] for kind, rows in findings.suspicious.items()},
            "bad_rows": [bad_row_object(error) for error in findings.data.bad_rows.errors],
            "spellings": [dict(group.counts) for group in findings.data.spellings],
            "rare_labels": findings.data.rare,
            "left_out": findings.data.left_out,
        }

    def rows() -> Iterator[tuple[object, ...]]:
        from lstmctl.data.checks import parts_of

        several = any(example.file for part in parts_of(findings.data).values() for example in part)
        yield COLUMNS + (FILE_COLUMNS if several else ())
        for kind, pairs in findings.pairs.items():
            for later, earlier, exact in pairs:
                files = (later.file, earlier.file) if several else ()
                yield kind, *later[:3], *earlier[:3], "yes" if exact else "no", "", *files
        nothing = ("", "") if several else ()
        for kind, rows in {"empty": findings.empty, **findings.suspicious}.items():
            yield from ((kind, *row[:3], "", "", "", "", "", *((row.file, "") if several else ())) for row in rows)
        for error in findings.data.bad_rows.errors:
            yield "bad_row", "", error.number, "", "", "", "", "", error.message, *nothing
        for group in findings.data.spellings:
            for label, count in group.counts:
                yield "spelling", "", "", label, "", "", "", "", f"{count} rows", *nothing
        for label, counts in findings.data.rare.items():
            yield "rare_label", "", "", label, "", "", "", "", _counts_by_part(counts), *nothing
        for reason, count in findings.data.left_out.items():
            yield "left_out", "", "", "", "", "", "", "", f"{count} rows: {reason}", *nothing

    return Answer(objects=objects(), rows=rows(), screen=partial(_show_findings, findings, max_len=max_len))


def _pair_object(pair: "Pair") -> dict[str, Any]:
    return {**pair.later.to_dict(), "earlier": pair.earlier.to_dict(), "exact": pair.exact}


def bad_row_object(error: BadRow) -> dict[str, Any]:
    """A row that cannot be read. Rows are named by the line where they start; in Parquet by their number."""
    from lstmctl.data.bad_rows import file_of, kind_of, reason_of

    names = {"file": file_of(error), "row": error.number, "last_row": error.last}
    return {**names, "kind": kind_of(error), "reason": reason_of(error)}


def _counts_by_part(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} in {part}" for part, count in counts.items())


def quantiles(lengths: Sequence[int]) -> list[int]:
    """The lengths at the proportions `QUANTILES`; zeros if there are none.

    >>> quantiles(range(101))
    [0, 25, 50, 75, 95, 100]
    """
    ordered = sorted(lengths) or [0]
    return [ordered[min(len(ordered) - 1, int(proportion * len(ordered)))] for proportion in QUANTILES]


def _show_findings(findings: "Findings", console: Console, *, max_len: int) -> None:
    from lstmctl.data.checks import PAIR_KINDS, parts_of

    parts = " · ".join(f"{count:,} {part}" for part, count in findings.rows.items() if count)
    console.show_facts("data", f"{visible(findings.data.name)} · {parts} texts")
    for note in findings.data.notes:
        console.show_facts("", visible(note))
    _show_bad_rows(console, findings)
    if not findings.lengths:
        return
    _show_doubtful_labels(console, findings)
    unknown = " · ".join(f"{proportion:.1%} {part}" for part, proportion in findings.unknown.items())
    console.show_facts("unknown", f"words not in the vocabulary · {unknown}")
    console.show()
    _show_labels(console, findings)
    console.show()
    _show_lengths(console, findings.lengths, max_len=max_len)
    console.show()
    texts = {
        (part, example.row, example.file): example.text
        for part, examples in parts_of(findings.data).items()
        for example in examples
    }
    for kind, meaning in PAIR_KINDS.items():
        title = kind.replace("_", " ") + "s"
        rows = [
            (f"{pair.later} = {pair.earlier}{_different_labels(pair)}", texts[_key(pair.later)])
            for pair in findings.pairs[kind]
        ]
        _show_rows(console, title, rows, meaning)
    _show_rows(console, "empty texts", [(str(row), texts[_key(row)]) for row in findings.empty], "no words")
    for kind, refs in list(findings.suspicious.items())[:_SIGNS_SHOWN]:
        _show_rows(console, kind, [(str(row), "") for row in refs])
    if not _faults(findings) and not findings.suspicious:
        console.show("no problems found")


def _show_bad_rows(console: Console, findings: "Findings") -> None:
    """The number of rows that cannot be read, and the first of each kind."""
    bad_rows = findings.data.bad_rows
    if not bad_rows.count:
        return
    console.show()
    console.show(
        (f"bad rows: {bad_rows.count:,}", "bold"), ("   cannot be read; train --bad-rows skip leaves them out", "dim")
    )
    for kind, count in list(bad_rows.kinds.items())[:_KINDS_SHOWN]:
        console.show(f"  {count:,}  {visible(kind)}", (f"   first: {visible(bad_rows.first[kind])}", "dim"))
    if bad_rows.count > min(len(bad_rows.kinds), _KINDS_SHOWN):
        console.show(("  --format tsv lists all", "dim"))


def _show_doubtful_labels(console: Console, findings: "Findings") -> None:
    data = findings.data
    if not findings.label_problems:
        return
    console.show()
    console.show((f"doubtful labels: {findings.label_problems:,}", "bold"))
    for group in data.spellings:
        meaning = "a word for a missing value" if group.missing else "may be one; train --merge-labels merges them"
        console.show(f"  {visible(str(group))}", (f"   {meaning}", "dim"))
    for label, counts in list(data.rare.items())[:_LABELS_SHOWN]:
        name = f'  "{visible(label)}" has {_counts_by_part(counts)}'
        console.show(name, ("   too rare; train --rare-labels drop or merge", "dim"))
    for reason, count in list(data.left_out.items())[:_LABELS_SHOWN]:
        console.show(f"  {count:,} rows left out: {visible(reason)}")


def _key(row: "RowRef") -> tuple[str, int, str]:
    return row.part, row.row, row.file


def _different_labels(pair: "Pair") -> str:
    labels = pair.later.label, pair.earlier.label
    return "" if labels[0] == labels[1] else ", {} and {}".format(*map(visible, labels))


def _show_rows(console: Console, title: str, rows: Sequence[tuple[str, str]], meaning: str = "") -> None:
    """The number of findings of one kind, and the first of them, each with its text."""
    if not rows:
        return
    console.show((f"{title}: {len(rows):,}", "bold"), (f"   {meaning}", "dim"))
    for name, text in rows[:_ROWS_SHOWN]:
        room = console.out.width - len(name) - 6
        shown = console.as_shown(text, room) if room > 20 else ""
        console.show(f"  {name}", (f"  {shown}" if shown else "", "dim"))
    if len(rows) > _ROWS_SHOWN:
        console.show((f"  and {len(rows) - _ROWS_SHOWN:,} more (--format tsv lists all)", "dim"))


def _show_labels(console: Console, findings: "Findings") -> None:
    parts = [part for part, count in findings.rows.items() if count]
    labels = sorted({label for part in parts for label in findings.labels[part]})
    total = max(1, sum(findings.rows.values()))
    table: list[list[Span]] = []
    for label in labels[:_LABELS_SHOWN]:
        counts = [findings.labels[part].get(label, 0) for part in parts]
        proportion = sum(counts) / total
        bars = bar(proportion, 14)
        table.append([visible(label), *(f"{count:,}" for count in counts), f"{proportion:.1%}", bars])
    console.table(["label", *parts, "all", ""], table, right=range(1, len(parts) + 2))
    if len(labels) > _LABELS_SHOWN:
        console.show((f"and {len(labels) - _LABELS_SHOWN:,} more labels", "dim"))


def _show_lengths(console: Console, lengths: Sequence[int], *, max_len: int) -> None:
    """Quantiles, and a histogram up to the 95th percentile in ten bins, from the first that has texts."""
    least, lower, median, upper, most, longest = quantiles(lengths)
    text = f"minimum {least:,} · 25% {lower:,} · median {median:,} · 75% {upper:,} · maximum {longest:,}"
    console.show_facts("words", text)
    width = max(1, -(-most // 10))
    counts = [0] * 11
    for length in lengths:
        counts[min(10, length // width)] += 1
    first = next(index for index, count in enumerate(counts) if count)
    for index, count in enumerate(counts):
        if count or first < index <= min(9, most // width):
            bounds = f"{index * width:,}–{(index + 1) * width - 1:,}" if width > 1 else f"{index}"
            bounds = f"{10 * width:,} or more" if index == 10 else bounds
            console.show(f"{bounds:>16} {count:>8,}  {bar(count / max(counts), 30)}")
    cut = sum(length > max_len for length in lengths)
    console.show_facts("truncated", f"{cut:,} texts ({cut / len(lengths):.1%}) · longer than --max-len {max_len:,}")
