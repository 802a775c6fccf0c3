"""Pictures with a place for each word of a text: heat maps of the units, and probabilities with effects.

No word is left out of the labels: they are turned, and the picture grows with the text.
"""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lstmctl.errors import UsageError
from lstmctl.plots.figures import COLORS, HeatMap, HeatMaps, WordEffects, WordPanel, rgb
from lstmctl.plots.style import LARGEST, PictureStyle
from lstmctl.plots.text import fitting

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

Size = tuple[float, float]  # inches

FONT, SMALLEST_FONT = 13.0, 4.0  # points
LINE = 1.35  # height of a line of text, as a multiple of its font size
WORD = FONT * LINE / 72  # inches that the label of a word needs, turned by 90 degrees
WIDE_WORD = 0.5  # inches for a word of a short text
MARGIN = 1.6  # inches beside the words: ticks, labels, the colour scale
SHORT = 12  # words of a text that has room beside another one


def titled(text: str, inches: float) -> str:
    """A title broken into lines that fit into this width."""
    return textwrap.fill(text, max(12, int(8 * inches)))


def draw_heat_map(figure: HeatMap, drawn: "Figure", style: PictureStyle) -> None:
    """A row for each unit, a column for each word."""
    words, units = figure.values.shape
    width, height = _set_size(drawn, style, (2 + MARGIN + _width(words), min(14, 2.6 + 0.14 * max(units, 8))))
    font = _word_font(words, (width - MARGIN - 0.6) / words, style)
    axes = drawn.subplots()
    title = titled(style.title, width) if style.title else f"{fitting(figure.title)}\n{figure.meaning}"
    axes.set_title(title, loc="left", pad=12)
    _label_words(axes, figure.words, range(words), font=font)
    _paint(figure, drawn, axes)


def draw_heat_maps(figure: HeatMaps, drawn: "Figure", style: PictureStyle) -> None:
    """The maps of the texts one below the other, those of one text beside each other, at most three in a row."""
    most_words = max(len(maps[0].words) for _, maps in figure.rows)
    units = figure.rows[0][1][0].values.shape[1]
    maps_a_text = len(figure.rows[0][1])
    columns = min(maps_a_text, 3)
    rows = len(figure.rows) * -(-maps_a_text // columns)
    each = MARGIN + _width(most_words), min(9, 2.2 + 0.11 * max(units, 8))
    width, height = _set_size(drawn, style, (columns * each[0], 0.7 + rows * each[1]))
    font = _word_font(most_words, (width / columns - MARGIN) / most_words, style)
    drawn.suptitle(titled(style.title or figure.title, width), x=0.01, ha="left")
    panels = drawn.subfigures(len(figure.rows), 1, squeeze=False)[:, 0]
    for panel, (name, maps) in zip(panels, figure.rows, strict=True):
        if len(figure.rows) > 1:
            panel.suptitle(titled(fitting(name, 120), width), fontsize="medium", style="italic")
        grid = panel.subplots(-(-maps_a_text // columns), columns, squeeze=False)
        for axes, heat_map in zip(grid.flat, maps, strict=False):
            if maps_a_text > 1:
                axes.set_title(f"{heat_map.title}", loc="left", fontsize="medium")
            _label_words(axes, heat_map.words, range(len(heat_map.words)), font=font)
            _paint(heat_map, panel, axes)
        for axes in grid.flat[maps_a_text:]:
            axes.set_axis_off()


def draw_word_effects(figure: WordEffects, drawn: "Figure", style: PictureStyle) -> None:
    """A panel for each text: the probability after each word above, the effects below it, and the cell state below
    these. Short texts stand side by side, others one below the other."""
    texts = len(figure.panels)
    most_words = max(len(panel.explained.words) for panel in figure.panels)
    columns = min(texts, 2) if most_words <= SHORT else 1
    rows = -(-texts // columns)
    cell = figure.panels[0].cell
    height = 5.4 + (0 if cell is None else 1.2 + 0.09 * max(16, min(64, cell.values.shape[1])))
    each = max(7.5 if columns == 1 else 6.0, MARGIN + _width(most_words + 1))
    width, _ = _set_size(drawn, style, (columns * each, rows * height))
    font = _word_font(most_words, (width / columns - MARGIN) / (most_words + 1), style)
    drawn.suptitle(titled(style.title or figure.title, width), x=0.01, ha="left")
    heights = [3.0, 2.2] if cell is None else [3.0, 2.2, 1.0 + 0.05 * max(16, min(64, cell.values.shape[1]))]
    for row, part in enumerate(drawn.subfigures(rows, 1, squeeze=False).flat):
        grid = part.subplots(len(heights), columns, sharex="col", squeeze=False, height_ratios=heights)
        for column in range(columns):
            number = row * columns + column
            if number == texts:  # an odd number of texts
                for axes in grid[:, column]:
                    axes.set_axis_off()
                break
            panel = figure.panels[number]
            if texts > 1:
                title = titled(fitting(panel.text, 120), width / columns)
                grid[0, column].set_title(title, fontsize="medium", style="italic", pad=12)
            _draw_panel(panel, figure, part, grid[:, column], font=font)


def _draw_panel(
    panel: WordPanel, figure: WordEffects, drawn: "SubFigure", grid: "Sequence[Axes]", *, font: float
) -> None:
    explained, values, largest = panel.explained, figure.effects(panel), figure.largest
    places = range(len(explained.words) + 1)  # 0 is the start, before any word
    label = fitting(explained.label)
    above, effects = grid[0], grid[1]
    above.plot(places, [explained.start, *explained.probability], color=rgb(COLORS[0]), marker="o", linewidth=2.2)
    if explained.two_labels:
        above.axhline(0.5, color="#999999", linestyle=":")
    above.set(ylabel=f"P({label}) so far", ylim=(-0.03, 1.03), yticks=[0, 0.25, 0.5, 0.75, 1])
    colors = [rgb(COLORS[0] if effect >= 0 else COLORS[1]) for effect in values]
    effects.bar(places[1:], values, color=colors, width=0.7)
    effects.axhline(0, color="#444444", linewidth=0.8)
    effects.set(ylabel="Effect (log-odds)" if figure.in_log_odds else "Effect", ylim=(-1.5 * largest, 1.5 * largest))
    for index in explained.strongest:
        value = float(values[index])
        if abs(value) < largest / 20:
            continue  # a strong word of a text in which none is
        beyond: Any = {"xytext": (0, 3 if value >= 0 else -3), "textcoords": "offset points", "ha": "center"}
        text = f"{value:+.2f}".replace("-", "−")
        effects.annotate(text, (index + 1, value), **beyond, va="bottom" if value >= 0 else "top", fontsize=10)
    if panel.cell is not None:
        _paint(panel.cell, drawn, grid[2], first=1)
        grid[2].set_title(panel.cell.title, loc="left", fontsize="medium")
    words = [
        "(start)",
        *(word if known else f"{word} ?" for word, known in zip(explained.words, explained.known, strict=True)),
    ]
    _label_words(grid[-1], words, places, font=font)
    grid[-1].set_xlim(-0.6, len(places) - 0.4)
    for axes in grid:
        axes.grid(visible=False, axis="x")


def _paint(figure: HeatMap, drawn: Any, axes: "Axes", *, first: int = 0) -> None:
    """The colours of a heat map, its first word at the place `first`, with their scale."""
    from matplotlib.colors import LinearSegmentedColormap

    words, units = figure.values.shape
    low, high = figure.range
    colors = LinearSegmentedColormap.from_list("lstmctl", list(map(rgb, figure.colors)))
    place = first - 0.5, first + words - 0.5, units - 0.5, -0.5  # left, right, bottom, top
    options: Any = {"vmin": low, "vmax": high, "aspect": "auto", "interpolation": "nearest", "extent": place}
    image = axes.imshow(figure.values.T, colors, **options)
    axes.set_ylabel("Unit")
    axes.grid(visible=False)
    from matplotlib.ticker import MaxNLocator

    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, steps=[1, 2, 5, 10]))
    drawn.colorbar(image, ax=axes, fraction=0.05, pad=0.02, aspect=15)


def _label_words(axes: "Axes", words: Sequence[str], places: Sequence[int], *, font: float) -> None:
    axes.set_xticks(places, [fitting(word) for word in words], rotation=90, fontsize=font)


def _width(words: int) -> float:
    """Inches for the words of a text: more for each word of a short one."""
    return max(min(words, 16) * WIDE_WORD, words * WORD, 3.0)


def _set_size(drawn: "Figure", style: PictureStyle, needed: Size) -> Size:
    """Give the picture the size of --size, or the one that it needs; that size."""
    size = style.size or needed
    drawn.set_size_inches(size)
    return size


def _word_font(words: int, room: float, style: PictureStyle) -> float:
    """The font size of the words if each has `room` inches. Raises UsageError if they would not be readable."""
    font = min(FONT, room * 72 / LINE)
    if font >= SMALLEST_FONT:
        return font
    width = (style.size or (0, 0))[0]
    needed = width + words * (SMALLEST_FONT * LINE / 72 - room) + 0.5
    hint = f"--size {needed:.0f}x{(style.size or (0, 5))[1]:g}" if needed <= LARGEST else "leave out --size"
    raise UsageError(f"{words:,} words have no room for their labels in {width:g} inches", hint=hint)
