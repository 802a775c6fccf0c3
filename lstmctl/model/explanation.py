"""What a model made of a text, word by word.

Two kinds of answers, not to be confused:

  gates, belt and hidden state *describe*: the numbers that `lstm.step` computes on the way, in every LSTM of the model;
  the running probability and the effect of a word *attribute*: both are ordinary predictions of other texts, so they
  mean the same for every architecture. After word t the running probability is the prediction of the first t words. The
  effect of a word is the prediction of all words read minus that of the same words without it.

Source of the effect: leave-one-out, or "erasure" in Li, Monroe and Jurafsky, Understanding Neural Networks through
Representation Erasure (2016). Left out: gradients, pairs of words, attention.

Which words a model takes for each other: neighbours in its embedding.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lstmctl.config import FIRST_WORD, PADDING, UNKNOWN
from lstmctl.model.classifier import Classifier, Prediction
from lstmctl.model.lstm import Floats, Matrices, Memory, step
from lstmctl.model.text import clip


class Trace(NamedTuple):
    """What one LSTM did; each (words, units). Belt and hidden state are those after the word."""

    forget: Floats
    input: Floats
    candidate: Floats
    output: Floats
    cell: Floats
    hidden: Floats
    cell_change: Floats  # the belt after the word minus the belt before it


class Explanation(NamedTuple):
    """A prediction and how it came about. Arrays have one place for each word that was read."""

    prediction: Prediction
    label: str  # whose probability is told: the positive label, or with more than two the answer
    start: float  # its probability before any word
    words: list[str]
    known: list[bool]
    probability: NDArray[np.float64]  # (words,) after each word
    effect: NDArray[np.float64]  # (words,)
    traces: dict[str, Trace]  # of each LSTM, by the name of its weights: "lstm.0.forward"

    def mean(self, quantity: str) -> NDArray[np.float64]:
        """(words,): a field of `Trace`, as a mean over all units of the last layer; of a change its size counts."""
        last_layer = list(self.traces)[-1].rpartition(".")[0] + "."
        units = [getattr(trace, quantity) for name, trace in self.traces.items() if name.startswith(last_layer)]
        values = np.concatenate(units, axis=1, dtype=np.float64)
        mean: NDArray[np.float64] = (np.abs(values) if quantity == "cell_change" else values).mean(axis=1)
        return mean


def explain(classifier: Classifier, text: str, *, threshold: float | None = None) -> Explanation:
    """How `classifier` reads a text. Costs as much as predicting twice as many texts as it has words."""
    config = classifier.config
    encoded = classifier.encode(text)
    start = encoded.ids[: len(encoded.ids) - len(encoded.words)]
    ids = encoded.ids[len(start) :]
    beginnings = [ids[:place] for place in range(len(ids))]
    without = [ids[:place] + ids[place + 1 :] for place in range(len(ids))]
    start_word = [] if config.start_word is None else [classifier.vocabulary.ids[config.start_word]]
    # A shorter text has room for the start word, even where there was none in this one.
    others = [clip(start_word + words, config.max_len, config.cut) for words in beginnings + without]
    probabilities = classifier.probabilities([encoded.ids, *others])
    (prediction,) = classifier.predictions([encoded], probabilities[:1], threshold=threshold)
    label = config.positive or prediction.label
    whole, *rest = probabilities[:, config.labels.index(label)]
    running = np.array([*rest[: len(ids)], whole])
    return Explanation(
        prediction,
        label,
        start=float(running[0]),
        words=encoded.words,
        known=[number != UNKNOWN for number in ids],
        probability=running[1:],
        effect=whole - np.array(rest[len(ids) :], np.float64),
        traces=traces(classifier, encoded.ids, words=len(ids)),
    )


def explain_all(classifier: Classifier, texts: Sequence[str], *, threshold: float | None = None) -> list[Explanation]:
    """`explain` for one text after the other."""
    return [explain(classifier, text, threshold=threshold) for text in texts]


def traces(classifier: Classifier, ids: Sequence[int], *, words: int) -> dict[str, Trace]:
    """What each LSTM of the model does at the last `words` of `ids`, layer by layer."""
    config = classifier.config
    if config.padding == "pre":
        ids = [PADDING] * (config.max_len - len(ids)) + list(ids)
    inputs = classifier.embedding[np.asarray(ids, np.intp)]
    found = {}
    for number, layer in enumerate(classifier.layers):
        read = {}
        for direction, matrices in layer.items():
            if direction == "forward":
                read[direction] = _read(inputs, matrices)
            else:
                read[direction] = Trace(*(values[::-1] for values in _read(inputs[::-1], matrices)))
        inputs = np.concatenate([trace.hidden for trace in read.values()], axis=1)
        for direction, trace in read.items():
            found[f"lstm.{number}.{direction}"] = Trace(*(values[len(ids) - words :] for values in trace))
    return found


def _read(inputs: Floats, matrices: Matrices) -> Trace:
    """One LSTM reads `inputs` (words, inputs), step by step."""
    units = matrices.forget.bias.size
    trace = Trace(*(np.empty((len(inputs), units), np.float32) for _ in Trace._fields))
    memory = Memory(np.zeros(units, np.float32), np.zeros(units, np.float32))
    for place, word in enumerate(inputs):
        before = memory
        memory, gates = step(word, memory, matrices)
        for values, value in zip(trace, (*gates, memory.cell, memory.hidden, memory.cell - before.cell), strict=True):
            values[place] = value
    return trace


def decisive(effects: NDArray[np.float64]) -> list[int]:
    """The places of the two words with the largest effects either way; of three, if the third is half as strong."""
    strongest = [int(place) for place in np.argsort(-np.abs(effects), kind="stable")[:3] if effects[place]]
    if len(strongest) == 3 and abs(effects[strongest[2]]) < abs(effects[strongest[1]]) / 2:
        strongest.pop()
    return strongest


def half_life(forget: Floats) -> NDArray[np.float64]:
    """(units,): after how many words half of what lay on the belt is gone, with forget gates (words, units).

    What the gates keep is multiplied word by word: after n words its geometric mean to the power of n is left.
    """
    with np.errstate(divide="ignore"):  # a gate that is always open keeps for ever
        lives: NDArray[np.float64] = np.log(2) / np.abs(np.log(forget.astype(np.float64)).mean(axis=0))
    return lives


def nearest_words(embedding: Floats, word: int, count: int) -> list[tuple[int, float]]:
    """The words whose rows of `embedding` (vocab_size, dim) point most nearly the way the row of `word` does.

    Ids and cosines between -1 and 1, nearest first, without the word itself, padding and unknown. A row of zeros has
    no direction; its cosine with anything is 0.
    """
    rows = embedding.astype(np.float64)
    lengths = np.linalg.norm(rows, axis=1)
    directions = rows / np.where(lengths > 0, lengths, 1)[:, None]
    cosines: NDArray[np.float64] = directions @ directions[word]
    cosines[:FIRST_WORD] = cosines[word] = -np.inf
    order = np.argsort(-cosines, kind="stable")[: min(count, len(rows) - FIRST_WORD - 1)]
    return [(int(place), float(cosines[place])) for place in order]
