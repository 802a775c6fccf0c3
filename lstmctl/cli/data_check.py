"""What `lstmctl data check` says: counts, lengths, and the rows that would mislead a training or a score."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lstmctl.bars import bar
from lstmctl.cli.console import Console
from lstmctl.cli.lines import Piece, shortened, tsv, visible
from lstmctl.data.checks import Pair

if TYPE_CHECKING:
    from lstmctl.data import Dataset
    from lstmctl.data.checks import Findings, Place

SHOWN = 3  # rows of each kind on a terminal; TSV and JSON have all
_ODD_SHOWN = 6
COLUMNS = ("finding", "part", "row", "label", "earlier_part", "earlier_row", "earlier_label", "exact")
SHARES = (0.0, 0.25, 0.5, 0.75, 0.95, 1.0)


def report(console: Console, data: "Dataset", findings: "Findings", *, max_len: int) -> None:
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


def _fields(place: "Place") -> tuple[str, int, str]:
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
    _labels(console, findings)
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


def _labels(console: Console, findings: "Findings") -> None:
    parts = [part for part, count in findings.rows.items() if count]
    labels = sorted({label for part in parts for label in findings.labels[part]})
    total = sum(findings.rows.values())
    table: list[list[Piece]] = []
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
    found: "Sequence[Pair] | Sequence[Place]",
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
