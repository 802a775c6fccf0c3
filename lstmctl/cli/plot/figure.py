"""The answer of `plot`: a figure on the screen or as a picture, and its numbers."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lstmctl.cli.console import Answer

if TYPE_CHECKING:
    from lstmctl.plots.figures import Figure
    from lstmctl.plots.style import PictureStyle


def figure_answer(
    figure: "Callable[[], Figure]",
    objects: Iterable[Mapping[str, Any]],
    rows: Iterable[Sequence[object]],
    *,
    style: "PictureStyle",
) -> Answer:
    """A figure, made only if it is drawn, and its numbers as objects and as rows."""
    from lstmctl.plots import pictures, terminal

    return Answer(
        objects=objects,
        rows=rows,
        screen=lambda console: terminal.draw(figure(), console),
        picture=lambda format: pictures.draw(figure(), format, style),
        drawing=True,
    )
