"""Text from outside in a chart: harmless, and no longer than there is room for."""


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
