"""The options of `predict --explain`, and what writes explanations: as rows, as a picture, or as a page."""

import shlex
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

from lstmctl.cli.console import Console
from lstmctl.cli.outputs import PICTURES, ending
from lstmctl.cli.predict.writers import ExplanationWriter
from lstmctl.errors import BadData, UsageError

if TYPE_CHECKING:
    from lstmctl.cli.predict.pictures import ExplanationPicture
    from lstmctl.data.columns import Example
    from lstmctl.model.explanation import Explanation
    from lstmctl.model.what_if import Hold
    from lstmctl.plots.style import PictureStyle
    from lstmctl.registry.artifact import ModelFolder


def check_options(
    *,
    explain: bool,
    all_units: bool,
    label: str | None,
    hold: Sequence[str],
    top_k: int | None,
    labels_only: bool,
    keep_columns: bool,
    output: str | None,
) -> "list[Hold]":
    """What --hold says. UsageError: options that do not go together, or a --hold that holds nothing."""
    if explain and (top_k is not None or labels_only or keep_columns):
        other = "-k" if top_k is not None else "--labels-only" if labels_only else "--keep-columns"
        raise UsageError(f"--explain and {other} do not go together: an explanation has its own columns")
    for option, is_given in (("--all-units", all_units), ("--label", label is not None)):
        if is_given and not explain:
            raise UsageError(f"{option} needs --explain", hint="add --explain")
    if not explain and ending(output) in (*PAGES, *PICTURES):
        raise UsageError(f"-o {output} needs --explain: it shows how the model reads a text", hint="add --explain")
    if not hold:
        return []
    if not explain:
        raise UsageError("--hold needs --explain", hint='lstmctl predict --explain --hold forget=1 "not a good film"')
    from lstmctl.model.what_if import EXAMPLE, parse_hold

    holds = []
    for text in hold:
        try:
            holds.append(parse_hold(text))
        except ValueError as error:
            raise UsageError(f'--hold "{text:.60}" {error}', hint=EXAMPLE) from None
    for first, second in combinations(holds, 2):
        if first._replace(value=0) == second._replace(value=0):
            message = f"--hold {first} and --hold {second} hold the same gate"
            raise UsageError(message, hint=f"leave out --hold {first}")
    return holds


def check_holds(holds: "Iterable[Hold]", folder: "ModelFolder") -> None:
    """UsageError: the model has no such unit or LSTM."""
    for each in holds:
        from lstmctl.model.what_if import check_hold

        try:
            check_hold(each, folder.card.config)
        except ValueError as error:
            raise UsageError(
                f'--hold "{each}" {error}', hint=f"lstmctl summary -m {shlex.quote(folder.reference)}"
            ) from None


PAGES = (".html",)  # endings of -o
_NO_TEXT = "give at least one text"


def open_explanations(
    console: Console, folder: "ModelFolder", *, all_units: bool, style: "PictureStyle", holds: "Sequence[Hold]"
) -> "ExplanationWriter | ExplanationPicture | ExplanationPage":
    """What writes explanations in the format that the ending of -o asks for. Raises UsageError as these."""
    suffix = ending(console.output)
    if suffix in PICTURES:
        from lstmctl.cli.predict.pictures import ExplanationPicture
        from lstmctl.model.what_if import describe_hold

        held = ", ".join(map(describe_hold, holds))
        return ExplanationPicture(console, folder, style, all_units=all_units, held=held)
    if suffix in PAGES:
        return ExplanationPage(console, folder, holds=holds)
    return ExplanationWriter(console, folder, all_units=all_units, holds=holds)


class ExplanationPage:
    """Writes the page of the model, opened on one text. `labels_given` are the labels predicted so far."""

    def __init__(self, console: Console, folder: "ModelFolder", *, holds: "Sequence[Hold]" = ()) -> None:
        self.console, self.folder, self.holds = console, folder, holds
        self.labels_given: set[str] = set()
        self._text: str | None = None

    def write_all(self, explained: "Iterable[tuple[Example, Explanation]]") -> None:
        """Keep the text. UsageError: it is not the only one."""
        for example, explanation in explained:
            if self._text is not None:
                message = f"-o {self.console.output}: a page shows one text, and there are more"
                raise UsageError(message, hint="-o FILE.jsonl or FILE.tsv takes them all")
            self._text = example.text
            self.labels_given.add(explanation.prediction.label)

    def finish(self) -> None:
        """Write the page. BadData: there was no text."""
        if self._text is None:
            raise BadData(f"-o {self.console.output}: there is no text to show", hint=_NO_TEXT)
        from lstmctl.interchange.html import build_page

        self.console.write_bytes(build_page(self.folder, text=self._text, holds=self.holds))
