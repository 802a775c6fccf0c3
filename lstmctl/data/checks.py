"""What is wrong with labelled texts: empty ones, copies, twins under two labels, and copies on both sides of a split.

Two texts count as one if the same words come in the same order, once HTML tags and entities are gone: case,
punctuation, white space and markup make no difference. Left out: texts that differ in a few words.
"""

import hashlib
import html
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from lstmctl.data.datasets import Dataset
from lstmctl.model.text import tokenize

_TAG = re.compile(r"</?[A-Za-z][^<>]{0,200}>")
_LINE_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)  # the tokenizer knows what that is
_ENTITY = re.compile(r"&(?:[A-Za-z]{2,8}|#\d{1,6});")
# UTF-8 that was read as Latin-1 or Windows-1252: é as Ã©, ’ as â€™.
_MOJIBAKE = re.compile("[\u00c2\u00c3][\u0080-\u00bf]|\u00e2\u20ac[\u0080-\u00bf\u2010-\u2122]")


class RowRef(NamedTuple):
    """A row, and the part in which it is."""

    part: str
    row: int
    label: str

    def __str__(self) -> str:
        return f"row {self.row} ({self.part})"


class Pair(NamedTuple):
    """A row and an earlier one that says the same."""

    place: RowRef
    earlier: RowRef
    exact: bool  # the same text, but for white space at its ends


@dataclass
class Findings:
    """What was found, each with its rows."""

    rows: dict[str, int]  # by part
    labels: dict[str, dict[str, int]]  # by part
    words: list[int] = field(default_factory=list)  # of each text
    empty: list[RowRef] = field(default_factory=list)
    copies: list[Pair] = field(default_factory=list)
    twins: list[Pair] = field(default_factory=list)  # copies under two labels
    leaks: list[Pair] = field(default_factory=list)  # copies in another part than the earlier one
    odd: dict[str, list[RowRef]] = field(default_factory=dict)  # kind of oddity
    unknown: dict[str, float] = field(default_factory=dict)  # by part: share of words beyond the vocabulary

    @property
    def problems(self) -> int:
        """How many rows are wrong in a way that misleads: all but oddities."""
        return len(self.empty) + len(self.copies)


def check(data: Dataset, *, vocab_size: int) -> Findings:
    """Look at every text of all parts; the vocabulary is that of the most frequent words of the training part."""
    parts = {"train": data.train, "validation": data.validation, "test": data.test}
    findings = Findings(
        rows={part: len(examples) for part, examples in parts.items()},
        labels={
            part: dict(sorted(Counter(each.label for each in examples).items())) for part, examples in parts.items()
        },
    )
    first: dict[bytes, tuple[RowRef, bytes]] = {}
    odd: defaultdict[str, list[RowRef]] = defaultdict(list)
    counts: Counter[str] = Counter()
    words_of: dict[str, Counter[str]] = {part: Counter() for part in parts}
    for part, examples in parts.items():
        for example in examples:
            place = RowRef(part, example.row, example.label)
            words = tokenize(plain_text(example.text))
            findings.words.append(len(words))
            (counts if part == "train" else words_of[part]).update(words)
            for oddity in _oddities(example.text):
                odd[oddity].append(place)
            if not words:
                findings.empty.append(place)
                continue
            key, exact = _digest(" ".join(words)), _digest(example.text.strip())
            if key not in first:
                first[key] = place, exact
            else:
                _add_pair(findings, Pair(place, first[key][0], exact == first[key][1]))
    findings.odd = dict(sorted(odd.items()))
    known = {word for word, _ in counts.most_common(vocab_size)}
    words_of["train"] = counts
    for part, seen in words_of.items():
        if total := seen.total():
            findings.unknown[part] = 1 - sum(count for word, count in seen.items() if word in known) / total
    return findings


def plain_text(text: str) -> str:
    """The text without HTML tags, and with its entities as characters."""
    if "&" in text:
        text = html.unescape(text)
    return _TAG.sub(" ", text) if "<" in text else text


def _add_pair(findings: Findings, pair: Pair) -> None:
    findings.copies.append(pair)
    if pair.place.label != pair.earlier.label:
        findings.twins.append(pair)
    if pair.place.part != pair.earlier.part:
        findings.leaks.append(pair)


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).digest()


def _oddities(text: str) -> Iterator[str]:
    """Signs that a text went through the wrong hands."""
    if "<" in text and _TAG.search(_LINE_BREAK.sub("", text)):
        yield "HTML tags"
    if "&" in text and _ENTITY.search(text):
        yield "HTML entities"
    if not text.isascii():
        if "\ufffd" in text:
            yield "U+FFFD, where something was not UTF-8"
        if _MOJIBAKE.search(text):
            yield "UTF-8 that was read as another encoding"
        if not unicodedata.is_normalized("NFC", text):
            yield "not in Unicode normal form C"
    if any(letter < " " and letter not in "\t\r\n" for letter in text):
        yield "control characters"
