"""Figures of texts that a model reads: gates and states at each word, or the probability and effect of each word."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lstmctl.cli.console import Answer
from lstmctl.cli.plot.figure import figure_answer
from lstmctl.errors import BadData, UsageError
from lstmctl.plots.text import visible
from lstmctl.plots.words import MOST_TEXTS, QUANTITIES, heat_map, limits_of, usual_lstm, word_effects

if TYPE_CHECKING:
    from lstmctl.model.explanation import Explanation
    from lstmctl.plots.figures import HeatMap
    from lstmctl.plots.style import PictureStyle
    from lstmctl.registry.artifact import ModelFolder


ALL = "all"


def complete_show(incomplete: str) -> list[str]:
    """Values of --show that begin with `incomplete`."""
    return [name for name in (*QUANTITIES, ALL) if name.startswith(incomplete)]


def answer_gates(
    folder: "ModelFolder",
    texts: Sequence[str],
    *,
    show: str,
    lstm: str | None,
    stretched: bool,
    style: "PictureStyle",
) -> Answer:
    """One quantity, or all six, of each unit of one LSTM at each word of the texts.

    `stretched`: the colour scale goes from the smallest to the largest number of the texts.

    Raises:
        UsageError: no such quantity or LSTM, or too many texts. BadData: a text has no words.
    """
    from lstmctl.model.what_if import ALIASES

    show = {**ALIASES, "belt": "cell"}.get(show, show)  # the post's words
    if show not in (*QUANTITIES, ALL):
        raise UsageError(f"--show must be one of {', '.join((*QUANTITIES, ALL))}, not {visible(show)}")
    explanations = explain_texts(folder, texts)
    names = list(explanations[0].traces)
    name = lstm or usual_lstm(names)
    if name not in names:
        raise UsageError(f"--lstm must be one of {', '.join(names)}, not {visible(name)}")
    shown = list(QUANTITIES) if show == ALL else [show]
    values = {
        (number, quantity): getattr(explanation.traces[name], quantity)
        for number, explanation in enumerate(explanations)
        for quantity in shown
    }

    def objects() -> Iterable[Mapping[str, Any]]:
        for (number, quantity), matrix in values.items():
            rounded = [[float(f"{value:.7g}") for value in row] for row in matrix.tolist()]
            about = {"schema": "lstmctl.gates/1", "model": folder.reference, "text": texts[number], "lstm": name}
            yield {**about, "show": quantity, "words": explanations[number].words, "values": rounded}

    def rows() -> Iterable[Sequence[object]]:
        first = ["row"] * (len(texts) > 1) + ["show"] * (len(shown) > 1)
        yield *first, "position", "word", *(f"unit{unit}" for unit in range(values[0, shown[0]].shape[1]))
        for (number, quantity), matrix in values.items():
            front = [number + 1] * (len(texts) > 1) + [quantity] * (len(shown) > 1)
            for position, (word, row) in enumerate(zip(explanations[number].words, matrix, strict=True), start=1):
                yield *front, position, word, *(f"{value:.6f}" for value in row)

    from lstmctl.plots.figures import HeatMaps

    where = folder.reference + (f" · {name}" if len(names) > 1 else "")

    def figure() -> "HeatMap | HeatMaps":
        limits = {
            quantity: limits_of(
                quantity, [values[number, quantity] for number in range(len(texts))], stretched=stretched
            )
            for quantity in shown
        }
        rows = [
            (text, [heat_map(show, explanations[row].words, values[row, show], limits[show]) for show in shown])
            for row, text in enumerate(texts)
        ]
        title = f"{QUANTITIES[shown[0]].title if len(shown) == 1 else 'gates and states'} · {where}"
        if len(texts) == len(shown) == 1:
            return replace(rows[0][1][0], title=title)
        return HeatMaps(title, rows)

    return figure_answer(figure, objects(), rows(), style=style)


def explain_texts(folder: "ModelFolder", texts: Sequence[str], *, label: str | None = None) -> "list[Explanation]":
    """The explanations of the texts of a figure. Raises UsageError for too many, BadData for one without words."""
    from lstmctl.model.explanation import explain

    if len(texts) > MOST_TEXTS:
        raise UsageError(f"{len(texts)} texts do not fit in one figure", hint=f"--text at most {MOST_TEXTS} times")
    classifier = folder.classifier()
    explanations = [explain(classifier, text, label=label) for text in texts]
    for text, explanation in zip(texts, explanations, strict=True):
        if not explanation.words:
            which = f'"{text}"' if text.strip() else "a text"
            raise BadData(f"{which} has no words", hint='--text "not a good film"')
    return explanations


def answer_words(folder: "ModelFolder", texts: Sequence[str], *, label: str | None, style: "PictureStyle") -> Answer:
    """The probability after each word of the texts, and the effect of each word.

    Raises UsageError for too many texts or a label that the model has not, BadData for a text without words.
    """
    explanations = explain_texts(folder, texts, label=label)

    def objects() -> Iterable[Mapping[str, Any]]:
        for text, explained in zip(texts, explanations, strict=True):
            yield {
                "schema": "lstmctl.words/1",
                "model": folder.reference,
                "text": text,
                "explains": explained.label,
                "start": explained.start,
                "words": explained.words,
                "known": explained.known,
                "probability": explained.probability.tolist(),
                "effect": explained.effect.tolist(),
                "effect_log_odds": explained.effect_log_odds.tolist(),
            }

    def rows() -> Iterable[Sequence[object]]:
        yield "row", "position", "word", "known", "probability", "effect", "effect_log_odds", "explains"
        for row, explained in enumerate(explanations, start=1):
            numbers = explained.probability, explained.effect, explained.effect_log_odds
            for index, word in enumerate(explained.words):
                known = "yes" if explained.known[index] else "no"
                yield row, index + 1, word, known, *(f"{column[index]:.6f}" for column in numbers), explained.label

    return figure_answer(
        lambda: word_effects(folder.reference, zip(texts, explanations, strict=True)),
        objects(),
        rows(),
        style=style,
    )
