"""Labels that are probably one: spelled in several ways, or words for a missing value.

Two labels are spellings of one if they differ by case, by white space, or as 1 and 1.0 do; and where all labels are
words for true and false, those for one of them are. All words that stand for a
missing value (`nan`, `null`, …) are one label too: no label. Nothing is merged unless the user asks for it, because
"US" and "us", or "none" as an answer, can be meant.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

OTHER = "other"  # the label that rare labels are merged into
MISSING = frozenset(("nan", "null", "none", "n/a", "na", "#n/a", "<na>", "nil", "nat"))
_TRUTHS = {  # that tables of one origin may mix
    **dict.fromkeys(("1", "true", "yes", "t", "y"), "true"),
    **dict.fromkeys(("0", "false", "no", "f", "n"), "false"),
}
_NUMBER = re.compile(r"([+-]?)(0|[1-9][0-9]*)(?:\.([0-9]*))?", re.ASCII)
_SHOWN = 4  # groups in one line


class Spellings(NamedTuple):
    """Labels that are probably one, with their numbers of rows, the most frequent first."""

    counts: tuple[tuple[str, int], ...]
    missing: bool  # whether they are words for a missing value

    @property
    def most_frequent(self) -> str:
        """The label that the others are merged into."""
        return self.counts[0][0]

    def __str__(self) -> str:
        return " = ".join(f'"{show_invisible(label)}" ({count:,})' for label, count in self.counts)


# Characters without width: those of the category Cf, joiners, fillers and selectors of variants.
_FILLERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")


def _is_invisible(letter: str) -> bool:
    is_selector = "\ufe00" <= letter <= "\ufe0f" or "\U000e0100" <= letter <= "\U000e01ef"
    return is_selector or letter in _FILLERS or unicodedata.category(letter) == "Cf"


def _without_invisible(label: str) -> str:
    return label if label.isascii() else "".join(letter for letter in label if not _is_invisible(letter))


def show_invisible(label: str) -> str:
    r"""The label with escapes for characters that cannot be seen.

    >>> print(show_invisible("pos\u200d"))
    pos\u200d
    """
    return "".join(ascii(letter)[1:-1] if _is_invisible(letter) else letter for letter in label)


def label_key(label: str) -> str:
    """Equal for the spellings of one label.

    >>> label_key("Very  Good") == label_key("very good"), label_key("1.0") == label_key("1"), label_key("01")
    (True, True, '01')
    >>> label_key("NaN") == label_key("null")
    True
    """
    key = " ".join(_without_invisible(label).casefold().split())
    if key in MISSING:
        return ""
    if match := _NUMBER.fullmatch(key):
        sign, whole, fraction = match[1].removeprefix("+"), match[2], (match[3] or "").rstrip("0")
        number = f"{whole}.{fraction}" if fraction else whole
        return number if number == "0" else sign + number
    return key


def find_spellings(counts: Mapping[str, int]) -> list[Spellings]:
    """The groups of labels that are probably one, and those that are words for a missing value, even one alone.

    counts: number of rows of each label.
    """
    groups: dict[str, list[str]] = {}
    keys = {label: label_key(label) for label in counts}
    if {key for key in keys.values() if key} <= _TRUTHS.keys():  # true and false, in several ways
        keys = {label: _TRUTHS.get(key, key) for label, key in keys.items()}
    for label in sorted(counts, key=lambda label: (-counts[label], label)):
        groups.setdefault(keys[label], []).append(label)
    return [
        Spellings(tuple((label, counts[label]) for label in labels), missing=key == "")
        for key, labels in sorted(groups.items())
        if len(labels) > 1 or key == ""
    ]


def merged_spellings(spellings: Iterable[Spellings]) -> dict[str, str]:
    """Each label that is merged → the most frequent spelling."""
    return {label: group.most_frequent for group in spellings for label, _ in group.counts[1:]}


def describe_spellings(spellings: Sequence[Spellings]) -> tuple[str, str | None]:
    """What to tell the user about labels that may be one, in one line, and a hint; ("", None) if there is nothing."""
    several = [group for group in spellings if len(group.counts) > 1]
    alone = [group.most_frequent for group in spellings if len(group.counts) == 1]
    parts = []
    if several:
        more = f" and {len(several) - _SHOWN:,} more" if len(several) > _SHOWN else ""
        parts.append(f"labels that may be one: {'; '.join(map(str, several[:_SHOWN]))}{more}")
    if alone:
        parts.append(f'the label "{alone[0]}" is usually a missing value')
    hint = "--merge-labels makes each of these groups one label" if several else None
    if alone and not several:
        hint = f"--rename-label '{alone[0]}=LABEL' gives these rows another label"
    return " · ".join(parts), hint


def closest_label(label: str, known: Sequence[str]) -> str | None:
    """The known label of which this is a spelling; None if there is none, or more than one."""
    same = [other for other in known if label_key(other) == label_key(label)]
    return same[0] if len(same) == 1 else None
