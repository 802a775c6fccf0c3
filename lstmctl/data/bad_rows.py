"""Rows that cannot be used, counted by kind while the rows around them are read."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from lstmctl.errors import BadData, BadRow

SKIP_OPTION = "--bad-rows skip"
_MOST_KINDS = 20  # of which the counts are kept; any others count as one
_OTHER_KINDS = "other reasons"
_MOST_LETTERS = 120
_VARIABLE = r'"[^"]*"|(?<!\w)\'[^\']*\'|\b0x[0-9a-fA-F]+|(?<![\w-])\d[\d,.]*\b'  # differs between rows of one kind


@dataclass
class BadRows:
    """The rows of one or more sources that were skipped. An instance is called with the error of each of them."""

    keep: bool = False  # whether `errors` are wanted: one for each row
    kinds: dict[str, int] = field(default_factory=dict)  # rows by kind, in the order in which kinds are met
    first: dict[str, str] = field(default_factory=dict)  # by kind: the message of its first row, with file and line
    errors: list[BadRow] = field(default_factory=list)

    def __call__(self, error: BadRow) -> None:
        """Count one row. Raises BadData for one that swallows others, unless all errors are kept."""
        if error.swallows and not self.keep:
            raise BadData(error.message, hint=error.hint)
        kind = kind_of(error)
        if kind not in self.kinds and len(self.kinds) >= _MOST_KINDS:
            kind = _OTHER_KINDS
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        self.first.setdefault(kind, error.message)
        if self.keep:
            self.errors.append(error)

    @property
    def count(self) -> int:
        """Number of rows."""
        return sum(self.kinds.values())

    def describe(self) -> str:
        """All in one line, with the first row of each kind; empty if there are none.

        >>> bad = BadRows()
        >>> for line in (7, 9):
        ...     bad(BadRow(f"a.csv:{line}: this row has 3 fields, the header 2", number=line))
        >>> bad.describe()
        'skipped 2 bad rows: a.csv:7: this row has 3 fields, the header 2 (and 1 more like it)'
        """
        if not self.kinds:
            return ""
        like = {kind: f" (and {count - 1:,} more like it)" if count > 1 else "" for kind, count in self.kinds.items()}
        firsts = "; ".join(self.first[kind] + like[kind] for kind in self.kinds)
        return f"skipped {self.count:,} bad row{'s' if self.count > 1 else ''}: {firsts}"


def kind_of(error: BadRow) -> str:
    """What is wrong with a row, without what differs between rows of one kind: its place, numbers and quoted values.

    >>> kind_of(BadRow("a.csv:17: this row has 3 fields, the header 2", number=17))
    'this row has … fields, the header …'
    """
    kind = re.sub(_VARIABLE, "…", reason_of(error)).strip()
    return "".join(letter if letter.isprintable() else " " for letter in kind)[:_MOST_LETTERS] or "unusable"


def reason_of(error: BadRow) -> str:
    """The message of a row without its file and line.

    >>> reason_of(BadRow("a.csv:17: the label is empty", number=17))
    'the label is empty'
    """
    _, found, reason = error.message.partition(f":{error.number}: ")
    return reason if found else error.message


def file_of(error: BadRow) -> str:
    """The file of a row, as messages name it."""
    file, found, _ = error.message.partition(f":{error.number}: ")
    return file if found else ""


@contextmanager
def skip_offered() -> Iterator[None]:
    """Around reading by a command that has the option --bad-rows: the error of a bad row then mentions it."""
    try:
        yield
    except BadRow as error:
        offer_skip(error)
        raise


def offer_skip(error: BadRow) -> None:
    """Add the option that skips bad rows to the hint of an error, once."""
    if not error.swallows and SKIP_OPTION not in (error.hint or ""):
        hint = error.hint or ""
        other = f"{SKIP_OPTION} leaves it out" if hint.endswith("?") else f"{'or ' * bool(hint)}{SKIP_OPTION}"
        error.hint = f"{hint}{'' if not hint else ' ' if hint.endswith('?') else '; '}{other}"
