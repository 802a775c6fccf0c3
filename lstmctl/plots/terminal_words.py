"""Figures with a line for each word of a text, in characters: heat maps, and probabilities with effects."""

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby

from lstmctl.plots.figures import HeatMap, HeatMaps, WordEffects, WordPanel
from lstmctl.plots.screen import WIDEST, Screen
from lstmctl.plots.text import ABOVE, BELOW, Span, balance, bar

LABEL_WIDTH = 16  # columns of a word
GAP = 2  # columns between two heat maps
TITLE = 12  # columns that the name of a quantity needs
# The cells of a heat map without colours: low to high in fewer steps.
SHADES, ASCII_SHADES, SIGNED_SHADES = " ▁▂▃▄▅▆▇█", " .:-=+*#%@", "=~- +*#"


def draw_heat_map(figure: HeatMap, screen: Screen) -> None:
    """A line for each word, a cell or two for each unit; if the units are too many, a cell for the mean of several."""
    screen.show((figure.title, "bold"))
    screen.show()
    _block([figure], screen, room=min(screen.out.width, WIDEST))
    screen.show()
    for line in _scales([figure], screen):
        screen.show(*line)
    _say_means(figure, screen)


def draw_heat_maps(figure: HeatMaps, screen: Screen) -> None:
    """The maps of each text, as many beside each other as there is room for, and the scales below all of them."""
    screen.show((figure.title, "bold"))
    for name, maps in figure.rows:
        if len(figure.rows) > 1:
            screen.show()
            screen.show(("text  ", "dim"), screen.as_shown(name))
        label_width, units = _label_width(maps[0], screen), maps[0].values.shape[1]
        side_by_side = max(1, (screen.out.width - label_width - 1 + GAP) // (max(units, TITLE) + GAP))
        for start in range(0, len(maps), side_by_side):
            screen.show()
            some = maps[start : start + side_by_side]
            widest = screen.out.width if len(maps) > 1 else min(screen.out.width, WIDEST)
            _block(some, screen, room=widest, titled=len(maps) > 1)
    screen.show()
    maps = figure.rows[0][1]
    for line in _scales(maps, screen):
        screen.show(*line)
    _say_means(maps[0], screen)


def _label_width(figure: HeatMap, screen: Screen) -> int:
    from rich.cells import cell_len

    return max(cell_len("unit"), *(cell_len(screen.as_shown(word, LABEL_WIDTH)) for word in figure.words)) + 1


def _together(units: int, room: int) -> int:
    """How many units share a cell so that all fit into `room` columns."""
    return math.ceil(units / max(8, room))


def _block(maps: Sequence[HeatMap], screen: Screen, *, room: int, titled: bool = False) -> None:
    """Maps of the same words beside each other, with the words in front of the first one."""
    from rich.cells import cell_len

    label_width, units = _label_width(maps[0], screen), maps[0].values.shape[1]
    room = (room - label_width - 1 - GAP * (len(maps) - 1)) // len(maps)  # of each map
    together = _together(units, room)
    cell = max(1, min(2, max(8, room) // units))
    numbers = _unit_numbers(units, together, cell)
    width = max(len(numbers), cell * math.ceil(units / together))  # of each map
    if titled:
        width = max(width, *(len(figure.title) for figure in maps))
        titles = (" " * GAP).join(f"{figure.title[:width]:<{width}}" for figure in maps)
        screen.show((" " * label_width + titles.rstrip(), "bold"))
    header = (" " * GAP).join([f"{numbers:<{width}}"] * len(maps))
    screen.show((f"{'unit':<{label_width}}{header}".rstrip(), "dim"))
    means = [figure.mean_over(together) for figure in maps]
    for index, full_word in enumerate(maps[0].words):
        word = screen.as_shown(full_word, LABEL_WIDTH)
        row: list[Span] = []
        for figure in means:
            spans = _cells(figure.values[index].tolist(), cell, figure, screen)
            drawn = cell * figure.values.shape[1]
            row += [*spans, " " * (width - drawn + GAP)]
        screen.show_from(label_width, [word, " " * (label_width - cell_len(word))], row[:-1])


def _scales(maps: Iterable[HeatMap], screen: Screen) -> Iterator[list[Span]]:
    """A line for each colour scale and its meaning."""
    several = len(list(maps)) > 1
    for figure in maps:
        low, high = figure.range
        levels = [low + (high - low) * level / 10 for level in range(11)]
        name = f"{figure.title}: " if several else ""
        scale = _cells(levels, 1, figure, screen)
        front, back = (f"{low:5.2f} ", f" {high:4.2f}") if several else (f"{low:.2f} ", f" {high:.2f}")
        yield [(front, "dim"), *scale, (f"{back}  {name}{figure.meaning}", "dim")]


def _say_means(figure: HeatMap, screen: Screen) -> None:
    units = figure.values.shape[1]
    room = min(screen.out.width, WIDEST) - _label_width(figure, screen) - 1
    if (together := _together(units, room)) > 1:
        screen.show((f"{units} units exceed the width: each cell is the mean of {together}", "dim"))


def _unit_numbers(units: int, together: int, cell: int) -> str:
    """Unit numbers above their cells, with room for their digits."""
    apart = next(step for step in (1, 2, 5, 10, 20, 50, 100, 200, 500) if step * cell > len(str(units)))
    columns = range(0, -(-units // together), apart)
    return "".join(f"{column * together:<{apart * cell}}" for column in columns).rstrip()


def _cells(values: Sequence[float], width: int, figure: HeatMap, screen: Screen) -> list[Span]:
    """Numbers as coloured cells of this width, or as characters; those beyond an end of the scale as at that end."""
    low, high = figure.range
    # All equal: all at the low end.
    levels = [min(1.0, max(0.0, (value - low) / ((high - low) or 1))) for value in values]
    if screen.out.color:
        colors = [figure.colors[round(level * (len(figure.colors) - 1))] for level in levels]
        return [(" " * width * len(list(same)), f"on color({color})") for color, same in groupby(colors)]
    shades = SIGNED_SHADES if figure.signed else SHADES if screen.out.unicode else ASCII_SHADES
    return ["".join(shades[round(level * (len(shades) - 1))] * width for level in levels)]


def draw_word_effects(figure: WordEffects, screen: Screen) -> None:
    """A line for each word: the probability after it, from ½ in the middle if there are two labels, and its effect."""
    from rich.cells import cell_len

    screen.show((figure.title, "bold"))
    label_width = max(
        len("(start)"),
        *(cell_len(screen.as_shown(word, LABEL_WIDTH)) for panel in figure.panels for word in panel.explained.words),
    )
    room = min(screen.out.width, WIDEST) - len("?  0.00  ") - len("  -0.00 ◀ ")
    label_width = max(len("(start)"), min(label_width, room - 2 * 5))
    width = max(5, min(41, (room - label_width) // 2))  # of each bar
    for panel in figure.panels:
        screen.show()
        if len(figure.panels) > 1:
            screen.show(("text  ", "dim"), screen.as_shown(panel.text))
        _word_panel(panel, figure, screen, label_width=label_width, width=width - (width + 1) % 2)
    screen.show()
    labels = " or ".join(dict.fromkeys(screen.as_shown(panel.explained.label) for panel in figure.panels))
    meaning = f"P({labels}) minus P({labels}) without the word"
    if figure.in_log_odds:
        meaning = f"log-odds of {labels} minus those without the word"
    screen.show((f"effect: {meaning} · ◀ strongest", "dim"))
    if not all(known for panel in figure.panels for known in panel.explained.known):
        screen.show(("? unknown word", "dim"))


def _word_panel(panel: WordPanel, figure: WordEffects, screen: Screen, *, label_width: int, width: int) -> None:
    from rich.cells import cell_len

    explained, effects, largest = panel.explained, figure.effects(panel), figure.largest
    label = screen.as_shown(explained.label, max(4, width - 3))
    so_far, zero = f"P({label})", "0".center(width)
    ends = f"{-largest:+.2f}", f"{largest:+.2f}"
    if width >= 2 * max(map(len, ends)) + 3:
        zero = ends[0] + zero[len(ends[0]) : width - len(ends[1])] + ends[1]
    header = f"{'word':<{label_width}}   {so_far:<{width + 6}}  effect  {zero}"
    screen.show((header.rstrip(), "dim"))

    bar_so_far = partial(_so_far, width=width, two_labels=panel.explained.two_labels)

    def line(word: Span, mark: str, probability: float, effect: list[Span]) -> None:
        text = screen.as_shown(word if isinstance(word, str) else word[0], label_width)
        shown = text if isinstance(word, str) else (text, word[1])
        after = [(f"{mark:<1}", "dim"), f"  {probability:.2f}  ", *bar_so_far(probability), *effect]
        screen.show_from(label_width, [shown, " " * (label_width - cell_len(text))], after)

    line(("(start)", "dim"), "", explained.start, [])
    for index, word in enumerate(explained.words):
        strong = index in explained.strongest
        value = float(effects[index])
        left, middle, right = balance(0.5 + value / largest / 2, width)
        number = f"  {round(value, 2) + 0.0:+.2f} {'◀' if strong else ' '} "  # + 0: never -0.00
        effect: list[Span] = [(number, "bold" if strong else ""), (left, BELOW), (middle, "dim"), (right, ABOVE)]
        line(
            (word, "bold") if strong else word,
            "" if explained.known[index] else "?",
            float(explained.probability[index]),
            effect,
        )


def _so_far(value: float, width: int, *, two_labels: bool) -> list[Span]:
    """A bar of `width` columns for a probability."""
    if two_labels:
        left, middle, right = balance(value, width)
        return [(left, BELOW), (middle, "dim"), (right.ljust(width // 2), ABOVE)]
    return [(f"{bar(value, width):<{width}}", ABOVE)]
