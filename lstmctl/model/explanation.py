"""How a model reads a text, word by word.

Two kinds of numbers, not to be confused:

  gates, cell state and hidden state *describe*: `lstm.step` computes them for every LSTM of the model;
  the running probability and the effect of a word *attribute*: both are ordinary predictions for other texts, so they
  mean the same for every architecture. The running probability after word t is the prediction for the first t words.
  The effect of a word is the prediction for all words minus the prediction for the same words without it; near 0 and 1,
  where probabilities hardly change whatever a word does, its effect on the log-odds tells more.

Source of the effect: leave-one-out, or "erasure" in Li, Monroe and Jurafsky, Understanding Neural Networks through
Representation Erasure (2016). Left out: gradients, pairs of words, attention.

Also here: how long the cell state keeps what is written to it, and the nearest words in the embedding.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lstmctl.config import FIRST_WORD, PADDING, UNKNOWN
from lstmctl.errors import UsageError
from lstmctl.model.classifier import Classifier, Prediction, both_labels, softmax
from lstmctl.model.lstm import Floats, Matrices, Memory, step
from lstmctl.model.text import Encoded, clip
from lstmctl.model.what_if import logits_with_cut

NEARLY_CERTAIN = 0.05  # a probability below this, or above one minus this


class Trace(NamedTuple):
    """What one LSTM computed at each word; each (words, units). States are those after the word."""

    forget: Floats
    input: Floats
    candidate: Floats
    output: Floats
    cell: Floats
    hidden: Floats
    cell_change: Floats  # the cell state after the word minus the cell state before it


class UnitShare(NamedTuple):
    """What one unit of the last layer adds to the log-odds of a label."""

    lstm: str  # "lstm.0.forward"
    unit: int
    log_odds: float


class Explanation(NamedTuple):
    """A prediction and the steps that led to it. Arrays have one number for each word that was read."""

    prediction: Prediction
    # The label of all probabilities here: the one asked for, else the positive label, or the predicted one of more than
    # two.
    label: str
    start: float  # its probability before any word
    ngrams: float | None  # its probability by the n-grams alone; None if the model has none
    words: list[str]
    known: list[bool]
    probability: NDArray[np.float64]  # (words,) after each word
    effect: NDArray[np.float64]  # (words,)
    traces: dict[str, Trace]  # by the name of the LSTM's weights: "lstm.0.forward"
    effect_log_odds: NDArray[np.float64]  # (words,) the effect as a difference of log-odds, ln(P / (1 - P))
    units: list[UnitShare]  # the two or three units that add most to the log-odds of the label, the strongest first

    @property
    def two_labels(self) -> bool:
        """Whether the model has two labels, so that a probability of ½ is the middle."""
        return len(self.prediction.probabilities) == 2

    @property
    def nearly_certain(self) -> bool:
        """Whether the probability for all words is so near 0 or 1 that no word can change it much."""
        final = self.probability[-1] if self.words else self.start
        return not NEARLY_CERTAIN < final < 1 - NEARLY_CERTAIN

    @property
    def strongest(self) -> list[int]:
        """Indices of the two or three words with the largest effects: on the log-odds, where these say more."""
        return strongest_words(self.effect_log_odds if self.nearly_certain else self.effect)

    def mean(self, quantity: str) -> NDArray[np.float64]:
        """(words,): the mean of a field of `Trace` over all units of the last layer; of a change, its magnitude."""
        last_layer = list(self.traces)[-1].rpartition(".")[0] + "."
        units = [getattr(trace, quantity) for name, trace in self.traces.items() if name.startswith(last_layer)]
        values = np.concatenate(units, axis=1, dtype=np.float64)
        return np.asarray((np.abs(values) if quantity == "cell_change" else values).mean(axis=1))


def explain(
    classifier: Classifier,
    text: str,
    *,
    threshold: float | None = None,
    label: str | None = None,
    cut_before: int | None = None,
) -> Explanation:
    """How `classifier` reads a text. Costs as much as predicting twice as many texts as it has words.

    `label` is the one that the numbers are about. What the model would read with a gate held is
    `explain(hold(classifier, …), text)`, see `lstmctl.model.what_if`; with `cut_before`, every cell state is set to 0
    before the word with that index is read. Raises UsageError if the model has no such label.
    """
    config = classifier.config
    if label is not None and label not in config.labels:
        raise UsageError(f'"{label}" is not a label of this model', hint=f"its labels: {', '.join(config.labels)}")
    encoded = classifier.encode(text)
    ids = encoded.ids[len(encoded.ids) - len(encoded.words) :]  # without the start word
    prefixes = [ids[:index] for index in range(len(ids))]
    without_word = [ids[:index] + ids[index + 1 :] for index in range(len(ids))]
    start_word = [] if config.start_word is None else [classifier.vocabulary.ids[config.start_word]]
    # A shorter text has room for the start word, even where the full text has none.
    variants = [clip(start_word + words, config.max_len, config.cut) for words in prefixes + without_word]
    logits = logits_with_cut(classifier, [encoded.ids, *variants], _cut_positions(ids, start_word, encoded, cut_before))
    probabilities = softmax(logits)
    (prediction,) = classifier.predictions([encoded], probabilities[:1], threshold=threshold)
    label = label or config.positive or prediction.label
    index = config.labels.index(label)
    full, *shorter = probabilities[:, index]
    full_log_odds, *shorter_log_odds = log_odds(logits, index)
    from_ngrams = classifier.ngram_probabilities([encoded.ids])
    running = np.array([*shorter[: len(ids)], full])  # after each word, from no word on
    return Explanation(
        prediction,
        label,
        start=float(running[0]),
        ngrams=None if from_ngrams is None else float(from_ngrams[0, index]),
        words=encoded.words,
        known=[word != UNKNOWN for word in ids],
        probability=running[1:],
        effect=full - np.array(shorter[len(ids) :], np.float64),
        traces=traces(classifier, encoded.ids, words=len(ids), cut_before=cut_before),
        effect_log_odds=full_log_odds - np.array(shorter_log_odds[len(ids) :], np.float64),
        units=_strongest_units(classifier, encoded.ids, index, probabilities[0]),
    )


def _cut_positions(
    ids: Sequence[int], start_word: Sequence[int], encoded: Encoded, cut_before: int | None
) -> list[int | None]:
    """Where the cell states are cut in the full text, in each prefix and in the text without each word: before the same
    word, or where that is left out, before the next one."""
    words = len(ids)
    if cut_before is None:
        return [None] * (1 + 2 * words)
    start = len(start_word)
    without = [cut_before - (index < cut_before) + start for index in range(words)]
    return [cut_before + len(encoded.ids) - words, *[cut_before + start] * words, *without]


def explain_all(
    classifier: Classifier, texts: Sequence[str], *, threshold: float | None = None, label: str | None = None
) -> list[Explanation]:
    """`explain` for each text."""
    return [explain(classifier, text, threshold=threshold, label=label) for text in texts]


def log_odds(logits: NDArray[np.float64], label: int) -> NDArray[np.float64]:
    """(texts,) ln(P / (1 - P)) of the label with this index, from logits (texts, labels): exact where P rounds to 1.

    >>> log_odds(np.array([[0.0, 50.0]]), 1).tolist()
    [50.0]
    """
    others = np.delete(logits, label, axis=1)
    return np.asarray(logits[:, label] - np.logaddexp.reduce(others, axis=1))


def _strongest_units(
    classifier: Classifier, ids: Sequence[int], label: int, probabilities: NDArray[np.float64]
) -> list[UnitShare]:
    """The units that add most to the log-odds of a label. With more than two labels, what a unit adds to the logits of
    the others counts by their probabilities: log-odds are not linear in these, and that is their slope."""
    weights = np.delete(probabilities, label)
    weights = weights / weights.sum() if weights.sum() > 0 else np.full(weights.size, 1 / weights.size)
    shares = []
    for lstm, logits in classifier.unit_logits(ids).items():
        of_labels = both_labels(logits)
        values = of_labels[:, label] - np.delete(of_labels, label, axis=1) @ weights
        shares += [UnitShare(lstm, unit, value) for unit, value in enumerate(values.tolist())]
    return [shares[index] for index in strongest_words(np.array([share.log_odds for share in shares]))]


def traces(
    classifier: Classifier, ids: Sequence[int], *, words: int, cut_before: int | None = None
) -> dict[str, Trace]:
    """What each LSTM of the model computes at the last `words` of `ids`, layer by layer; see `explain` for the cut."""
    config = classifier.config
    if config.padding == "pre":
        ids = [PADDING] * (config.max_len - len(ids)) + list(ids)
    inputs = np.concatenate(
        [classifier.embedding[np.asarray(ids, np.intp)], classifier.ngram_parts([ids]).inputs], axis=1
    )
    by_lstm, cut = {}, -1 if cut_before is None else len(ids) - words + cut_before
    for number, layer in enumerate(classifier.layers):
        hidden = []
        for direction, matrices in layer.items():
            order = slice(None, None, 1 if direction == "forward" else -1)
            cut_at = cut if direction == "forward" else len(ids) - 1 - cut
            trace = Trace(*(values[order] for values in _read(inputs[order], matrices, cut_at)))
            hidden.append(trace.hidden)
            by_lstm[f"lstm.{number}.{direction}"] = Trace(*(values[len(ids) - words :] for values in trace))
        inputs = np.concatenate(hidden, axis=1)
    return by_lstm


def _read(inputs: Floats, matrices: Matrices, cut_at: int) -> Trace:
    """One LSTM reads `inputs` (words, inputs), step by step, from an empty cell state again at number `cut_at`."""
    units = matrices.forget.bias.size
    trace = Trace(*(np.empty((len(inputs), units), np.float32) for _ in Trace._fields))
    memory = Memory(np.zeros(units, np.float32), np.zeros(units, np.float32))
    for position, word in enumerate(inputs):
        cell_before = np.zeros_like(memory.cell) if position == cut_at else memory.cell
        memory = memory._replace(cell=cell_before)
        memory, gates = step(word, memory, matrices)
        numbers = (*gates, memory.cell, memory.hidden, memory.cell - cell_before)
        for values, value in zip(trace, numbers, strict=True):
            values[position] = value
    return trace


def strongest_words(effects: NDArray[np.float64]) -> list[int]:
    """Indices of the two largest effects, of words or of units, positive or negative; of three, if the third is at
    least half as strong as the second.

    >>> strongest_words(np.array([0.01, -0.4, 0.2]))
    [1, 2]
    """
    strongest = [int(index) for index in np.argsort(-np.abs(effects), kind="stable")[:3] if effects[index]]
    if len(strongest) == 3 and abs(effects[strongest[2]]) < abs(effects[strongest[1]]) / 2:
        strongest.pop()
    return strongest


def half_life(forget: Floats) -> NDArray[np.float64]:
    """(units,): the number of words after which half of a cell state is lost, given forget gates (words, units).

    Each word multiplies the cell state by the forget gate, so n words multiply it by the n-th power of the geometric
    mean.

    >>> half_life(np.array([[0.5], [0.5]]))
    array([1.])
    """
    with np.errstate(divide="ignore"):  # a gate that is always 1 never loses anything
        return np.asarray(np.log(2) / np.abs(np.log(forget.astype(np.float64)).mean(axis=0)))


def half_lives(classifier: Classifier, texts: Sequence[Encoded]) -> dict[str, list[float]]:
    """By LSTM, the half-life of each unit in words, over all words of the texts."""
    by_text = [traces(classifier, encoded.ids, words=len(encoded.words)) for encoded in texts]
    return {name: half_life(np.concatenate([text[name].forget for text in by_text])).tolist() for name in by_text[0]}


class MatrixSize(NamedTuple):
    """One of the four matrices of an LSTM in numbers."""

    lstm: str  # "lstm.0.forward"
    matrix: str  # "forget gate", "input gate", "candidate" or "output gate"
    inputs: int
    units: int
    parameters: int
    share: float  # of the model's parameters
    norm_word: float  # Frobenius norm of the kernel
    norm_hidden: float  # of the recurrent kernel
    mean_bias: float


def measure_matrices(classifier: Classifier) -> list[MatrixSize]:
    """Size, norms and bias of the matrices of every LSTM."""
    sizes = []
    for number, layer in enumerate(classifier.layers):
        for direction, matrices in layer.items():
            for name, (kernel, recurrent, bias) in matrices._asdict().items():
                label = name if name == "candidate" else f"{name} gate"
                lstm, (inputs, units) = f"lstm.{number}.{direction}", kernel.shape
                parameters = kernel.size + recurrent.size + bias.size
                share = parameters / classifier.config.parameters
                norms = float(np.linalg.norm(kernel)), float(np.linalg.norm(recurrent))
                sizes.append(MatrixSize(lstm, label, inputs, units, parameters, share, *norms, float(bias.mean())))
    return sizes


def nearest_words(embedding: Floats, word: int, count: int) -> list[tuple[int, float]]:
    """(id, cosine) of the words whose rows of `embedding` (vocab_size, dim) have the largest cosine with the row of
    `word`, without the word itself, padding and unknown words. The cosine of a row of zeros is 0."""
    rows = embedding.astype(np.float64)
    lengths = np.linalg.norm(rows, axis=1)
    directions = rows / np.where(lengths > 0, lengths, 1)[:, None]
    cosines: NDArray[np.float64] = directions @ directions[word]
    cosines[:FIRST_WORD] = cosines[word] = -np.inf
    order = np.argsort(-cosines, kind="stable")[: min(count, len(rows) - FIRST_WORD - 1)]
    return [(int(number), float(cosines[number])) for number in order]
