"""`predict --explain -o FILE.svg`, .png or .pdf: the texts as `plot --kind words` draws them, with the cell state."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from lstmctl.cli.console import Answer, Console
from lstmctl.errors import BadData, UsageError
from lstmctl.plots.words import MOST_TEXTS, word_effects

if TYPE_CHECKING:
    from lstmctl.data.columns import Example
    from lstmctl.model.explanation import Explanation
    from lstmctl.plots.style import PictureStyle
    from lstmctl.registry.artifact import ModelFolder


class ExplanationPicture:
    """Collects explanations and draws them in one picture. `labels_given` are the labels predicted so far."""

    def __init__(
        self, console: Console, folder: "ModelFolder", style: "PictureStyle", *, all_units: bool, held: str
    ) -> None:
        """Raises UsageError for --all-units, which are numbers."""
        if all_units:
            raise UsageError("--all-units is for numbers, not for a picture", hint="-o FILE.jsonl, or .tsv")
        self.console, self.folder, self.style, self.held = console, folder, style, held
        self.labels_given: set[str] = set()
        self._explained: list[tuple[str, Explanation]] = []

    def write_all(self, explained: "Iterable[tuple[Example, Explanation]]") -> None:
        """Take the explanations of texts, in order. Raises UsageError for too many, BadData for one without words."""
        for example, explanation in explained:
            if not explanation.words:
                raise BadData(f"text {example.row} has no words to draw", hint="-o FILE.jsonl takes any text")
            if len(self._explained) == MOST_TEXTS:
                message = f"more than {MOST_TEXTS} texts do not fit in one picture"
                raise UsageError(message, hint="-o FILE.jsonl takes any number")
            self.labels_given.add(explanation.prediction.label)
            self._explained.append((example.text, explanation))

    def finish(self) -> None:
        """Draw the picture. Raises BadData if there was no text."""
        if not self._explained:
            raise BadData("there is no text to draw", hint="give at least one text")
        from lstmctl.plots import pictures

        figure = word_effects(self.folder.reference, self._explained, cell=True, held=self.held)
        self.console.answer(
            Answer(objects=(), rows=(), picture=lambda format: pictures.draw(figure, format, self.style))
        )
