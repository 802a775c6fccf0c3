"""`lstmctl data`: what there is to train on, and what is wrong with it.

What `lstmctl data check` says: counts, lengths, and the rows that would mislead a training or a score.
"""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lstmctl.cli.console import Console
from lstmctl.cli.options import (
    DATA,
    Command,
    LabelColumn,
    RenameLabel,
    TextColumn,
    complete_data,
    parse_renames,
    settings,
)
from lstmctl.cli.registry_access import open_registry
from lstmctl.config import DataConfig
from lstmctl.data.checks import Pair
from lstmctl.errors import ExitCode, UsageError
from lstmctl.plots.text import Span, bar, shortened, tsv, visible

if TYPE_CHECKING:
    from lstmctl.data.checks import Findings, RowRef
    from lstmctl.data.datasets import Dataset

app = typer.Typer(name="data", help="Look at data sets.", no_args_is_help=True, rich_markup_mode=None)

EXAMPLES = """
Examples:
  lstmctl data list
  lstmctl data check --data reviews.csv --text-column review --label-column stars
  lstmctl train --data rotten-tomatoes
"""
CHECK_EXAMPLES = """
Examples:
  lstmctl data check                                       the film reviews
  lstmctl data check --data train.csv --test-data test.csv --strict
  lstmctl data check --data train.csv --json | jq .leaks
"""


@app.command("list", cls=Command, epilog=EXAMPLES)
def list_command() -> None:
    """List the named data sets."""
    from lstmctl.data.named import NAMES

    console = Console.open(output=settings.output)
    if console.format == "json":
        for name, about in NAMES.items():
            answer: dict[str, Any] = {"schema": "lstmctl.data/1", "name": name, "rows": about.rows}
            console.json(answer | {"labels": list(about.labels), "description": about.description})
    elif console.format == "tsv":
        console.result(tsv(("name", "rows", "labels", "description")))
        for name, about in NAMES.items():
            console.result(tsv((name, about.rows, ",".join(about.labels), about.description)))
    else:
        for name, about in NAMES.items():
            console.show((f"{name:<16}", "bold"), f" {about.rows:>6,} texts   labels {' '.join(about.labels)}")
            for line in textwrap.wrap(about.description, max(20, console.width - 4)):
                console.show(f"  {line}")
        console.note()
        console.note(("Your own texts: lstmctl train --data FILE, or a folder", "dim"))


@app.command("check", cls=Command, epilog=CHECK_EXAMPLES)
def check_command(
    source: Annotated[
        str,
        typer.Option(
            "--data",
            metavar="NAME|FILE|DIR",
            help="Labelled texts.",
            rich_help_panel=DATA,
            autocompletion=complete_data,
        ),
    ] = "imdb",
    text_column: TextColumn = "text",
    label_column: LabelColumn = "label",
    group_column: Annotated[
        str | None,
        typer.Option(
            "--group-column", metavar="NAME", help="Rows with one value here stay together.", rich_help_panel=DATA
        ),
    ] = None,
    val_source: Annotated[
        str | None,
        typer.Option(
            "--val-data",
            metavar="FILE",
            help="Validation texts.",
            rich_help_panel=DATA,
        ),
    ] = None,
    test_source: Annotated[
        str | None,
        typer.Option(
            "--test-data",
            metavar="FILE",
            help="Test texts.",
            rich_help_panel=DATA,
        ),
    ] = None,
    rename_label: RenameLabel = None,
    max_len: Annotated[int, typer.Option("--max-len", metavar="N", help="Words that a model would read.")] = 500,
    vocab_size: Annotated[int, typer.Option("--vocab-size", metavar="N", help="Words that it would know.")] = 10_000,
    strict: Annotated[
        bool, typer.Option("--strict", help="End with 1 if there are copies, twins, leaks or empty texts.")
    ] = False,
) -> int:
    """Look for what misleads: leaks, twins, copies, empty texts.

    Leaks are texts in two parts, twins one text under two labels.

    The texts are divided as train would divide them, or as --val-data and --test-data say.
    """
    pass
    from lstmctl.data.checks import check
    from lstmctl.data.datasets import load
    from lstmctl.data.sources import resolve_source

    for name, value in (("--max-len", max_len), ("--vocab-size", vocab_size)):
        if value < 1:
            raise UsageError(f"{name} must be 1 or more, not {value}")
    console = Console.open(output=settings.output)
    config = DataConfig(
        source=resolve_source(source),
        text_column=text_column,
        label_column=label_column,
        group_column=group_column,
        val_source=resolve_source(val_source) if val_source is not None else None,
        test_source=resolve_source(test_source) if test_source is not None else None,
        rename_label=parse_renames(rename_label),
    )
    with console.waiting("reading the texts"):
        data = load(config, home=open_registry().home)
    with console.waiting("looking at them"):
        findings = check(data, vocab_size=vocab_size)
    report_findings(console, data, findings, max_len=max_len)
    if strict and findings.problems:
        console.error(f"{findings.problems:,} rows of {data.name} are copies or empty")
        return int(ExitCode.NO)
    return int(ExitCode.DONE)


SHOWN = 3  # rows of each kind on a terminal; TSV and JSON have all
_ODD_SHOWN = 6
COLUMNS = ("finding", "part", "row", "label", "earlier_part", "earlier_row", "earlier_label", "exact")
SHARES = (0.0, 0.25, 0.5, 0.75, 0.95, 1.0)


def report_findings(console: Console, data: "Dataset", findings: "Findings", *, max_len: int) -> None:
    """Say all of it."""
    if console.format == "json":
        console.json(_object(data, findings, max_len=max_len))
    elif console.format == "tsv":
        console.result(tsv(COLUMNS))
        for name, pairs in _pairs(findings).items():
            for pair in pairs:
                exact = "yes" if pair.exact else "no"
                console.result(tsv((name, *_fields(pair.place), *_fields(pair.earlier), exact)))
        for name, places in {"empty": findings.empty, **findings.odd}.items():
            for place in places:
                console.result(tsv((name, *_fields(place), "", "", "", "")))
    else:
        _screen(console, data, findings, max_len=max_len)


def quantiles(words: Sequence[int]) -> list[int]:
    """The lengths that the `SHARES` of the texts do not exceed."""
    ordered = sorted(words)
    return [ordered[min(len(ordered) - 1, int(share * len(ordered)))] for share in SHARES]


def _pairs(findings: "Findings") -> "dict[str, list[Pair]]":
    """Leaks and twins, which a copy can be both of, and the copies that are neither."""
    worse = {id(pair) for pair in [*findings.leaks, *findings.twins]}
    return {
        "leak": findings.leaks,
        "twin": findings.twins,
        "copy": [pair for pair in findings.copies if id(pair) not in worse],
    }


def _fields(place: "RowRef") -> tuple[str, int, str]:
    return place.part, place.row, place.label


def _object(data: "Dataset", findings: "Findings", *, max_len: int) -> dict[str, Any]:
    def pairs(found: "Sequence[Pair]") -> list[dict[str, Any]]:
        return [{**each.place._asdict(), "earlier": each.earlier._asdict(), "exact": each.exact} for each in found]

    return {
        "schema": "lstmctl.data_check/1",
        "data": data.name,
        "rows": findings.rows,
        "labels": findings.labels,
        "length": {
            "quantiles": dict(zip(map(str, SHARES), quantiles(findings.words), strict=True)),
            "max_len": max_len,
            "cut": sum(count > max_len for count in findings.words),
        },
        "unknown": findings.unknown,
        "empty": [place._asdict() for place in findings.empty],
        **{f"{name}s" if name != "copy" else "copies": pairs(found) for name, found in _pairs(findings).items()},
        "odd": {name: [place._asdict() for place in places] for name, places in findings.odd.items()},
    }


def _screen(console: Console, data: "Dataset", findings: "Findings", *, max_len: int) -> None:
    rows = " · ".join(f"{count:,} {part}" for part, count in findings.rows.items() if count)
    console.show_facts("data", f"{visible(data.name)} · {rows} texts")
    for note in data.notes:
        console.show_facts("", visible(note))
    unknown = " · ".join(f"{share:.1%} {part}" for part, share in findings.unknown.items())
    console.show_facts("unknown", f"words beyond the vocabulary · {unknown}")
    console.show()
    _label_table(console, findings)
    console.show()
    _lengths(console, findings.words, max_len=max_len)
    console.show()
    texts = {
        (part, example.row): example.text
        for part, examples in (("train", data.train), ("validation", data.validation), ("test", data.test))
        for example in examples
    }
    found = _pairs(findings)
    _kind(console, "copies in another part", found["leak"], texts, "the score flatters")
    _kind(console, "twins under two labels", found["twin"], texts, "one of the labels is wrong")
    _kind(console, "other copies", found["copy"], texts, "they count twice")
    _kind(console, "texts without words", findings.empty, texts, "there is nothing to learn from")
    for name, places in list(findings.odd.items())[:_ODD_SHOWN]:
        _kind(console, name, places, {}, "")
    if not findings.problems and not findings.odd:
        console.show("nothing wrong was found")


def _label_table(console: Console, findings: "Findings") -> None:
    parts = [part for part, count in findings.rows.items() if count]
    labels = sorted({label for part in parts for label in findings.labels[part]})
    total = sum(findings.rows.values())
    table: list[list[Span]] = []
    for label in labels[:20]:
        counts = [findings.labels[part].get(label, 0) for part in parts]
        share = sum(counts) / total
        drawn = bar(share, 14, unicode=console.unicode)
        table.append([visible(label), *(f"{count:,}" for count in counts), f"{share:.1%}", drawn])
    console.table(["label", *parts, "share", ""], table, right=range(1, len(parts) + 2))
    if len(labels) > 20:
        console.show((f"and {len(labels) - 20:,} more labels", "dim"))


def _lengths(console: Console, words: Sequence[int], *, max_len: int) -> None:
    """Quantiles, and a histogram up to the 95th percentile, in ten steps, from the first that has texts on."""
    lengths = quantiles(words)
    console.show_facts(
        "words",
        f"shortest {lengths[0]:,} · quarter {lengths[1]:,} · middle {lengths[2]:,} · three quarters {lengths[3]:,} · "
        f"longest {lengths[5]:,}",
    )
    step = max(1, -(-lengths[4] // 10))
    counts = [0] * 11
    for count in words:
        counts[min(10, count // step)] += 1
    most, first = max(counts), next(number for number, count in enumerate(counts) if count)
    for number, count in enumerate(counts):
        if count or first < number <= min(9, lengths[4] // step):
            ends = f"{number * step:,}–{(number + 1) * step - 1:,}" if step > 1 else f"{number}"
            ends = f"{10 * step:,} and more" if number == 10 else ends
            console.show(f"{ends:>16} {count:>8,}  {bar(count / most, 30, unicode=console.unicode)}")
    cut = sum(count > max_len for count in words)
    console.show_facts("cut", f"{cut:,} texts ({cut / len(words):.1%}) · longer than --max-len {max_len:,}")


def _kind(
    console: Console,
    title: str,
    found: "Sequence[Pair] | Sequence[RowRef]",
    texts: dict[tuple[str, int], str],
    harm: str,
) -> None:
    if not found:
        return
    console.show((f"{len(found):,} {title}", "bold"), (f"   {harm}", "dim"))
    for each in found[:SHOWN]:
        place, earlier = (each.place, each.earlier) if isinstance(each, Pair) else (each, None)
        where = f"  {place}" + (f" = {earlier}" if earlier else "")
        if earlier and earlier.label != place.label:
            where += f", {visible(place.label)} and {visible(earlier.label)}"
        text = visible(texts.get((place.part, place.row), ""))
        room = console.width - len(where) - 4
        console.show(where, ("  " + shortened(text, room, ellipsis=console.ellipsis) if room > 20 else "", "dim"))
    if len(found) > SHOWN:
        console.show((f"  and {len(found) - SHOWN:,} more (--format tsv lists all)", "dim"))
