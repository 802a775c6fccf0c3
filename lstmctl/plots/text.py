"""What a line is made of, and how text from outside is made fit to be part of one.

Text from outside in a chart: harmless, and no longer than there is room for.

Bars made of characters: a share of 1, in half cells.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

# A line is made of pieces: plain text, or (text, style).
Span = str | tuple[str, str]

LABEL = 10  # columns of a label, with what separates it

# Control characters, and those that reorder text, must not reach a terminal: a review could repaint the screen.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    """User text made harmless: line ends and tabs are spaces, other control characters are written out."""
    return _UNSAFE.sub(lambda match: " " if match[0] in "\t\r\n" else f"\\x{ord(match[0]):02x}", text)


def tsv(fields: Iterable[object]) -> str:
    """One line of tab-separated values; tab, newline and backslash inside a field are escaped."""
    return "\t".join(_tsv_field(field) for field in fields)


def _tsv_field(field: object) -> str:
    if field is None:
        return ""
    text = str(field)
    if "\\" in text or "\t" in text or "\n" in text or "\r" in text:
        text = text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
    return text


def label_lines(label: str, text: str, *, room: int | None) -> list[list[Span]]:
    """Facts with " · " between them, behind a label of up to nine letters: in several lines where one is longer than
    `room` columns; None: never.
    """
    lines = [text] if room is None else _facts(text, room - LABEL)
    return [[(f"{name:<{LABEL}}", "dim"), line] for name, line in zip([label, *[""] * len(lines)], lines, strict=False)]


def _facts(text: str, room: int) -> list[str]:
    """A line of facts, broken between them where it is longer than `room`."""
    lines = [""]
    for fact in text.split(" · "):
        longer = f"{lines[-1]} · {fact}" if lines[-1] else fact
        if len(longer) <= room or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(fact)
    return lines


def align(rows: Sequence[Sequence[Span]], *, right: Sequence[int] = ()) -> list[list[Span]]:
    """Pad the cells of every row to common column widths, two spaces apart. The last column is not padded."""
    from rich.cells import cell_len

    columns = max(map(len, rows))
    widths = [max(cell_len(span_text(row[column])) for row in rows if column < len(row)) for column in range(columns)]
    lines: list[list[Span]] = []
    for row in rows:
        line: list[Span] = []
        for column, cell in enumerate(row):
            space = " " * (widths[column] - cell_len(span_text(cell)))
            if column in right:
                line += [space, cell]
            else:
                line += [cell, space if column < len(row) - 1 else ""]
            line.append("  " if column < len(row) - 1 else "")
        lines.append(line)
    return lines


def span_text(piece: Span) -> str:
    """A piece without its style."""
    return piece if isinstance(piece, str) else piece[0]


def plain(pieces: Sequence[Span], *, strip: bool = True) -> str:
    """A line without styles, and unless told otherwise without spaces at its end."""
    text = "".join(map(span_text, pieces))
    return text.rstrip() if strip else text


def styled(pieces: Sequence[Span]) -> Any:
    """A line with its styles, as a `rich.text.Text`."""
    from rich.text import Text

    return Text.assemble(*pieces)


def shortened(text: str, width: int, *, ellipsis: str = "…") -> str:
    """`text`, cut to `width` columns of a terminal; `ellipsis` then stands at its end."""
    from rich.cells import cell_len, set_cell_size

    return text if cell_len(text) <= width else set_cell_size(text, width - len(ellipsis)) + ellipsis


def beginning(text: str, room: int) -> str:
    """The text, or as much of its beginning as fits."""
    text = _harmless(text)
    return text if len(text) <= room else text[: room - 1] + "…"


def ending(path: str, room: int) -> str:
    """The text, which may be the path of anything, or as much of its end as fits."""
    path = _harmless(path)
    return path if len(path) <= room else "..." + path[3 - room :]


def _harmless(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def bar(value: float, width: int, *, unicode: bool) -> str:
    """A bar from the left, at most `width` cells long."""
    whole, half = "━╸" if unicode else "=-"
    halves = round(2 * width * min(1.0, max(0.0, value)))
    return whole * (halves // 2) + half * (halves % 2)


def balance(value: float, width: int, *, unicode: bool) -> tuple[str, str, str]:
    """A bar from the middle, which is one half, to `value`: what is left of the middle, the middle, what is right.

    `width` is odd; the left part fills its half, the right part ends with the bar.
    """
    side = width // 2
    right = bar(2 * value - 1, side, unicode=unicode)
    left = bar(1 - 2 * value, side, unicode=unicode).replace("╸", "╺")[::-1]
    return left.rjust(side), "│" if unicode else "|", right
