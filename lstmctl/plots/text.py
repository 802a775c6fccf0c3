"""Lines of text: spans with styles, user text made harmless, columns, and bars made of characters."""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

Span = str | tuple[str, str]  # a piece of a line: plain text, or (text, style)

ABOVE, BELOW = "color(32)", "color(166)"  # a number above, or below, the middle: blue and orange
LONGEST_NAME = 40  # characters of a name in a figure
LABEL = 10  # columns of a label and the space behind it
_TSV_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_CSV_SPECIAL = re.compile(r'[",\r\n]|^\s|\s$|^\ufeff')
_TSV_SPECIAL = re.compile(r"[\\\t\n\r]")

# Control characters, and those that reorder or hide text, must not reach a terminal: a text could rewrite the screen,
# or look like another one. The joiners U+200C and U+200D stay: Persian, Hindi and emoji need them.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_LINE = frozenset("\t\n")  # what lines of an answer are made of
# What a spreadsheet may run when it opens a table; not "- good film" or -1.5.
_FORMULA = re.compile(r"\s*(?:[=@]|[+-].*[(|!])", re.DOTALL)


def visible(text: str) -> str:
    r"""User text made harmless: line ends and tabs become spaces, other control characters are escaped.

    >>> visible("a\tb\x1b[2J")
    'a b\\x1b[2J'
    """
    return _UNSAFE.sub(lambda match: " " if match[0] in "\t\r\n" else f"\\x{ord(match[0]):02x}", text)


def harmless(line: str) -> str:
    r"""A line of an answer for a terminal: as `visible`, but tabs and line ends stay.

    >>> harmless("a\tb\x9b2J")
    'a\tb\\x9b2J'
    """
    return _UNSAFE.sub(lambda match: match[0] if match[0] in _LINE else f"\\x{ord(match[0]):02x}", line)


def harmless_json(text: str) -> str:
    r"""A JSON text for a terminal: the same value, with escapes for the characters that `visible` escapes.

    >>> harmless_json('"\x9b"')
    '"\\u009b"'
    """
    return _UNSAFE.sub(lambda match: json.dumps(match[0])[1:-1], text)


def is_formula(field: object) -> bool:
    """Whether a spreadsheet may take a field for a formula, which can start programs.

    >>> is_formula("=cmd|' /C calc'!A0"), is_formula("-2+3+cmd|x!A0"), is_formula("- a good film"), is_formula("-1.5")
    (True, True, False, False)
    """
    return isinstance(field, str) and _FORMULA.match(field) is not None


def tsv(fields: Iterable[object]) -> str:
    r"""One line of tab-separated values; tab, line end and backslash inside a field are escaped, None is empty.

    >>> tsv(["a\tb", None, 3])
    'a\\tb\t\t3'
    """
    texts = ("" if field is None else str(field) for field in fields)
    # Special characters are rare, and a search is faster than `translate`.
    return "\t".join(text.translate(_TSV_ESCAPES) if _TSV_SPECIAL.search(text) else text for text in texts)


def csv(fields: Iterable[object]) -> str:
    """One record of comma-separated values without its line end, quoted as in RFC 4180; None is empty.

    >>> print(csv(["a,b", 'say "no"', None, 3]))
    "a,b","say ""no"\"",,3
    """
    texts = ["" if field is None else str(field) for field in fields]
    if len(texts) == 1 and not texts[0]:
        return '""'  # an empty line would be no record
    quote = _CSV_SPECIAL.search
    return ",".join('"' + text.replace('"', '""') + '"' if quote(text) else text for text in texts)


def shortened(text: str, width: int, *, ellipsis: str = "…") -> str:
    """`text` cut to `width` columns of a terminal, ending in `ellipsis` if it was longer."""
    from rich.cells import cell_len, set_cell_size

    return text if cell_len(text) <= width else set_cell_size(text, width - len(ellipsis)) + ellipsis


def ending(path: str, room: int) -> str:
    """At most `room` characters from the end of a path, for a figure: "models/imdb" becomes ".../imdb"."""
    path = printable(path)
    return path if len(path) <= room else "..." + path[3 - room :]


def printable(text: str) -> str:
    """A text with ? for characters that cannot be drawn in a figure."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def fitting(text: str, room: int = LONGEST_NAME) -> str:
    """The beginning of a text as it is drawn in a figure, at most `room` characters."""
    text = printable(text)
    return text if len(text) <= room else text[: room - 1] + "…"


def span_text(span: Span) -> str:
    """A span without its style."""
    return span if isinstance(span, str) else span[0]


def plain(spans: Sequence[Span], *, strip: bool = True) -> str:
    """A line without styles, and by default without trailing spaces."""
    text = "".join(map(span_text, spans))
    return text.rstrip() if strip else text


def styled(spans: Sequence[Span]) -> Any:
    """A line with its styles, as a `rich.text.Text`."""
    from rich.text import Text

    return Text.assemble(*spans)


def label_lines(label: str, text: str, *, room: int | None) -> list[list[Span]]:
    """Facts separated by " · ", behind a label of up to nine letters.

    Broken between facts where a line would exceed `room` columns; None: never.
    """
    first, *more = text.split(" · ")
    lines = [first]
    for fact in more:
        if room is not None and len(f"{lines[-1]} · {fact}") > room - LABEL:
            lines.append(fact)
        else:
            lines[-1] += f" · {fact}"
    return [[(f"{'' if number else label:<{LABEL}}", "dim"), line] for number, line in enumerate(lines)]


def align(rows: Sequence[Sequence[Span]], *, right: Sequence[int] = ()) -> list[list[Span]]:
    """Pad the cells of every row to common column widths, two spaces apart. The last column is not padded."""
    from rich.cells import cell_len

    columns = max(map(len, rows))
    widths = [max(cell_len(span_text(row[column])) for row in rows if column < len(row)) for column in range(columns)]
    lines: list[list[Span]] = []
    for row in rows:
        line: list[Span] = []
        for column, cell in enumerate(row):
            space, last = " " * (widths[column] - cell_len(span_text(cell))), column == len(row) - 1
            line += [space, cell] if column in right else [cell, "" if last else space]
            line.append("" if last else "  ")
        lines.append(line)
    return lines


def describe_ngrams(count: int, order: int) -> str:
    """The n-grams of a model in words.

    >>> describe_ngrams(2000, 3), describe_ngrams(2000, 1)
    ('2,000 of 1 to 3 words, beside the LSTM', '2,000 single words, beside the LSTM')
    """
    kind = "single words" if order == 1 else f"of 1 to {order} words"
    return f"{count:,} {kind}, beside the LSTM"


def bar(value: float, width: int) -> str:
    """A bar from the left for a value between 0 and 1, in half cells, at most `width` cells long.

    >>> bar(0.5, 9)
    '━━━━╸'
    """
    halves = round(2 * width * min(1.0, max(0.0, value)))
    return "━" * (halves // 2) + "╸" * (halves % 2)


def balance(value: float, width: int) -> tuple[str, str, str]:
    """A bar from ½ in the middle to `value`: the part left of the middle, the middle, the part right of it.

    `width` is odd; the left part fills its half, the right part ends with the bar.

    >>> balance(0.25, 9)
    ('  ━━', '│', '')
    """
    side = width // 2
    left = bar(1 - 2 * value, side).replace("╸", "╺")[::-1]
    return left.rjust(side), "│", bar(2 * value - 1, side)
