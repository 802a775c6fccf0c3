"""The figures of texts that a model reads: what they show of an explanation, and on which scale."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from lstmctl.plots.figures import Explained, HeatMap, WordEffects, WordPanel, value_range

MOST_TEXTS = 12  # panels of one figure


class Quantity(NamedTuple):
    """What --show draws, and both ends of its fixed scale."""

    title: str
    meaning: str
    low: float
    high: float


QUANTITIES = {
    "forget": Quantity("forget gate", "0 erases the cell state, 1 keeps it", 0, 1),
    "input": Quantity("input gate", "0 writes nothing, 1 the candidate", 0, 1),
    "candidate": Quantity("candidate", "what could be written", -1, 1),
    "output": Quantity("output gate", "0 reads nothing, 1 the cell state", 0, 1),
    "cell": Quantity("cell state", "the memory after the word", -1, 1),  # more, where the numbers are larger
    "hidden": Quantity("hidden state", "what is read out after the word", -1, 1),
}


class Traced(Explained, Protocol):
    """An explanation with the traces of its LSTMs, by name, as in `model.explanation`."""

    @property
    def traces(self) -> Mapping[str, Any]: ...


def heat_map(show: str, words: Sequence[str], values: Any, limits: tuple[float, float] | None = None) -> HeatMap:
    """The heat map of one quantity (words, units); without `limits`, on its fixed scale."""
    title, meaning, low, _ = QUANTITIES[show]
    return HeatMap(title, words, values, meaning, low < 0, limits or limits_of(show, [values], stretched=False))


def limits_of(show: str, matrices: Sequence[Any], *, stretched: bool) -> tuple[float, float]:
    """Both ends of the colour scale of a quantity, the same for several texts."""
    _, _, low, high = QUANTITIES[show]
    own_low, own_high = value_range(matrices, signed=low < 0)
    if stretched:
        return own_low, own_high
    # Only the cell state can leave its scale: gates are logistic functions, candidate and hidden state are bounded.
    return min(low, own_low), max(high, own_high)


def usual_lstm(names: Iterable[str]) -> str:
    """The LSTM that is shown if none is named: the last layer's, forward.

    >>> usual_lstm(["lstm.0.forward", "lstm.0.backward"])
    'lstm.0.forward'
    """
    return next(name for name in reversed(list(names)) if name.endswith(".forward"))


def word_effects(
    reference: str, explained: Iterable[tuple[str, Traced]], *, cell: bool = False, held: str = ""
) -> WordEffects:
    """Texts and how the model `reference` reads them; with `cell`, the cell state below, on one scale for all texts.
    `held` says which gates are held there."""
    texts, explanations = zip(*explained, strict=True)
    maps: list[HeatMap | None] = [None] * len(texts)
    if cell:
        name = usual_lstm(explanations[0].traces)
        values = [explanation.traces[name].cell for explanation in explanations]
        limits = limits_of("cell", values, stretched=False)
        maps = [
            heat_map("cell", explanation.words, matrix, limits)
            for explanation, matrix in zip(explanations, values, strict=True)
        ]
    panels = [WordPanel(*parts) for parts in zip(texts, explanations, maps, strict=True)]
    title = " · ".join(filter(None, ("Probability after each word, effect of each word", reference, held)))
    return WordEffects(title, panels)
