"""The options of `predict --explain`, and explanations as files that are not tables: `-o FILE.html`."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from lstmctl.cli.console import Console
from lstmctl.cli.outputs import ending
from lstmctl.errors import UsageError

if TYPE_CHECKING:
    from lstmctl.data.columns import Example
    from lstmctl.model.explanation import Explanation
    from lstmctl.model.what_if import Hold
    from lstmctl.registry.artifact import ModelFolder


def check_options(
    *,
    explain: bool,
    all_units: bool,
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
    if all_units and not explain:
        raise UsageError("--all-units needs --explain")
    if not explain and ending(output) in MAKERS:
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
            raise UsageError(f'--hold "{text:.60}" {error}', hint=f"--hold {EXAMPLE}") from None
    return holds


def check_holds(holds: "Iterable[Hold]", folder: "ModelFolder") -> None:
    """UsageError: the model has no such unit or LSTM."""
    for each in holds:
        from lstmctl.model.what_if import check_hold

        try:
            check_hold(each, folder.card.config)
        except ValueError as error:
            raise UsageError(f'--hold "{each}" {error}', hint=f"lstmctl summary -m {folder.reference}") from None


def _page(folder: "ModelFolder", text: str, explanation: "Explanation", holds: "Sequence[Hold]") -> bytes:
    from lstmctl.interchange.html import build_page

    return build_page(folder, text=text, holds=holds)


# Ending of -o → what makes the bytes of the file from the model, the text, its explanation and the gates held.
MAKERS: "dict[str, Callable[[ModelFolder, str, Explanation, Sequence[Hold]], bytes]]" = {".html": _page}


class ExplanationFileWriter:
    """Writes the explanation of one text to a file with an ending of `MAKERS`."""

    def __init__(self, console: Console, folder: "ModelFolder", *, holds: "Sequence[Hold]" = ()) -> None:
        self.console, self.folder, self.holds = console, folder, holds
        self.labels_given: set[str] = set()
        self._only: tuple[Example, Explanation] | None = None

    def write_all(self, explained: "Iterable[tuple[Example, Explanation]]") -> None:
        """Keep the explanation. UsageError: it is not the only one."""
        for pair in explained:
            if self._only is not None:
                suffix = ending(self.console.output)
                raise UsageError(
                    f"-o {self.console.output}: {suffix} files show one text, and there are more",
                    hint="-o FILE.jsonl or FILE.tsv takes them all",
                )
            self._only = pair
            self.labels_given.add(pair[1].prediction.label)

    def finish(self) -> None:
        """Write the file. UsageError: there was no text."""
        if self._only is None:
            raise UsageError(f"-o {self.console.output}: there is no text to show")
        example, explanation = self._only
        make = MAKERS[ending(self.console.output)]
        self.console.write_bytes(make(self.folder, example.text, explanation, self.holds))
