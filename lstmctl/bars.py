"""Bars made of characters: a share of 1, in half cells."""


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
