"""Problems of labelled texts: rows that cannot be read, labels that are probably one or too rare, empty texts,
duplicates, conflicting duplicates and leaks.

Two texts are duplicates if the same words come in the same order, once HTML tags and entities are decoded: case,
punctuation, white space and markup make no difference. Texts that differ in a few words are not found.
"""

import hashlib
import html
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from lstmctl.config import DataConfig
from lstmctl.data.bad_rows import BadRows
from lstmctl.data.columns import Example
from lstmctl.data.datasets import Dataset, load_leniently
from lstmctl.data.dividing import LABEL_REASON
from lstmctl.model.text import tokenize

PAIR_KINDS = {  # of two texts with the same words
    "leak": "in different parts: the score is inflated",
    "conflicting_duplicate": "with different labels: one label is wrong",
    "duplicate": "in one part, with one label",
}
_TAG = re.compile(r"</?[A-Za-z][^<>]{0,200}>")
_LINE_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)  # which the tokenizer reads as white space
_ENTITY = re.compile(r"&(?:[A-Za-z]{2,8}|#\d{1,6});")
# UTF-8 that was decoded as Latin-1 or Windows-1252: é as Ã©, ’ as â€™.
_MOJIBAKE = re.compile("[\u00c2\u00c3][\u0080-\u00bf]|\u00e2\u20ac[\u0080-\u00bf\u2010-\u2122]")


class RowRef(NamedTuple):
    """A row, its part, and where the data has several files, its file."""

    part: str
    row: int
    label: str
    file: str = ""

    def __str__(self) -> str:
        return f"row {self.row}{', ' * bool(self.file)}{self.file} ({self.part})"

    def to_dict(self) -> dict[str, Any]:
        """The row for JSON: without `file` where there is one file."""
        return {name: value for name, value in self._asdict().items() if name != "file" or value}


class Pair(NamedTuple):
    """A row and the first row that has the same words."""

    later: RowRef
    earlier: RowRef
    exact: bool  # the same text except for white space at its ends


@dataclass
class Findings:
    """What `check_data` found, with the rows."""

    data: Dataset
    rows: dict[str, int] = field(default_factory=dict)  # by part
    labels: dict[str, dict[str, int]] = field(default_factory=dict)  # rows by part and label
    lengths: list[int] = field(default_factory=list)  # words of each text
    empty: list[RowRef] = field(default_factory=list)  # texts without words
    pairs: dict[str, list[Pair]] = field(default_factory=lambda: {kind: [] for kind in PAIR_KINDS})
    suspicious: dict[str, list[RowRef]] = field(default_factory=dict)  # by kind: signs of a damaged file
    unknown: dict[str, float] = field(default_factory=dict)  # by part: proportion of words beyond the vocabulary
    repeated: int = 0  # rows that have the words of an earlier one

    @property
    def problems(self) -> int:
        """Number of rows that are empty or repeat another."""
        return len(self.empty) + self.repeated

    @property
    def label_problems(self) -> int:
        """Number of labels that are probably another label, too rare, or in a given part alone."""
        spelled = sum(len(group.counts) - (not group.missing) for group in self.data.spellings)
        return spelled + len(self.data.rare) + sum(reason.startswith(LABEL_REASON) for reason in self.data.left_out)


def check_data(config: DataConfig, *, vocab_size: int, home: Path, bad_rows: BadRows | None = None) -> Findings:
    """Check all texts, with a vocabulary of the most frequent words of the training part.

    `bad_rows` gets the rows that cannot be read, even if this raises. Raises as `load_leniently`.
    """
    data = load_leniently(config, home=home, bad_rows=BadRows(keep=True) if bad_rows is None else bad_rows)
    findings = Findings(data)
    first: dict[bytes, tuple[RowRef, bytes]] = {}  # of each text, by its words
    suspicious: defaultdict[str, list[RowRef]] = defaultdict(list)
    counts: dict[str, Counter[str]] = {}
    for part, examples in parts_of(data).items():
        findings.rows[part] = len(examples)
        findings.labels[part] = dict(sorted(Counter(example.label for example in examples).items()))
        counts[part] = Counter()
        for example in examples:
            row = RowRef(part, example.row, example.label, example.file)
            words = tokenize(plain_text(example.text), "words-1")
            findings.lengths.append(len(words))
            counts[part].update(words)
            for kind in _find_signs(example.text):
                suspicious[kind].append(row)
            if not words:
                findings.empty.append(row)
                continue
            key, exact = _digest(" ".join(words)), _digest(example.text.strip())
            earlier, earlier_exact = first.setdefault(key, (row, exact))
            if earlier is not row:
                _add_pair(findings, Pair(row, earlier, exact == earlier_exact))
    findings.suspicious = dict(sorted(suspicious.items()))
    vocabulary = {word for word, _ in counts["train"].most_common(vocab_size)}
    for part, words_of_part in counts.items():
        if total := words_of_part.total():
            known = sum(count for word, count in words_of_part.items() if word in vocabulary)
            findings.unknown[part] = 1 - known / total
    return findings


def parts_of(data: Dataset) -> dict[str, tuple[Example, ...]]:
    """The texts by part, in the order in which they are checked."""
    return {"train": data.train, "validation": data.validation, "test": data.test}


def plain_text(text: str) -> str:
    """The text without HTML tags, and with its entities decoded.

    >>> plain_text("a <b>good</b> film &amp; more")
    'a  good  film & more'
    """
    if "&" in text:
        text = html.unescape(text)
    return _TAG.sub(" ", text) if "<" in text else text


def _add_pair(findings: Findings, pair: Pair) -> None:
    """A pair can be both a leak and a conflict."""
    findings.repeated += 1
    leak, conflict = pair.later.part != pair.earlier.part, pair.later.label != pair.earlier.label
    for kind, applies in zip(PAIR_KINDS, (leak, conflict, not (leak or conflict)), strict=True):
        if applies:
            findings.pairs[kind].append(pair)


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).digest()


def _find_signs(text: str) -> Iterator[str]:
    """Signs that a text was decoded or extracted wrongly."""
    if "<" in text and _TAG.search(_LINE_BREAK.sub("", text)):
        yield "HTML tags"
    if "&" in text and _ENTITY.search(text):
        yield "HTML entities"
    if not text.isascii():
        if "\ufffd" in text:
            yield "U+FFFD (replacement characters)"
        if _MOJIBAKE.search(text):
            yield "UTF-8 decoded as another encoding"
        if not unicodedata.is_normalized("NFC", text):
            yield "not in Unicode normal form C"
    if any(letter < " " and letter not in "\t\r\n" for letter in text):
        yield "control characters"
