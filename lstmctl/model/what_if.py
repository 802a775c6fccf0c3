"""What a model would say if some of its gates were held open or shut, or if its cell states were cleared at a word.

A gate that is held does not look at the word or at the hidden state any more. That is a model of its own, whose
matrices have zeros for this gate and a bias that gives the value: σ(bias) = value, with an infinite bias for 0 and 1.
So `hold` returns a classifier, and prediction, running probability, effect and trace mean the same for it as for any
other.

    explain(hold(classifier, [parse_hold("forget=1")]), "not a good film")

The cut is no property of a model but of one reading: before word t is read, by LSTMs of both directions, every cell
state is 0, and nothing else changes. It is read with `lstm.step`, for many texts at once.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lstmctl.config import PADDING, ModelConfig
from lstmctl.model.classifier import Classifier
from lstmctl.model.lstm import KERAS_ORDER, Floats, Matrices, Memory, step
from lstmctl.model.ngrams import Ids

ALIASES = {"decision": "input", "new-value": "candidate"}  # the post's words
_NAMES = ("forget", "input", "candidate", "output")
_TEXTS = 128  # read with a cut at once
EXAMPLE = "--hold forget=1; --hold forget.0=0 for unit 0; --hold lstm.0.forward.input=0.5 for one LSTM"


class Hold(NamedTuple):
    """A gate, or the candidate, that has the same value at every word."""

    gate: str  # "forget", "input", "candidate" or "output"
    value: float  # 0 to 1; of the candidate -1 to 1
    unit: int | None = None  # None: all units
    lstm: str | None = None  # "lstm.0.forward"; None: all LSTMs

    def __str__(self) -> str:
        """As `parse_hold` reads it.

        >>> str(Hold("forget", 1.0, unit=3, lstm="lstm.0.forward"))
        'lstm.0.forward.forget.3=1'
        """
        unit = None if self.unit is None else str(self.unit)
        return ".".join(filter(None, (self.lstm, self.gate, unit))) + f"={self.value:.10g}"


def parse_hold(text: str) -> Hold:
    """`GATE=VALUE`, `GATE.UNIT=VALUE`, or one of these after the name of an LSTM. ValueError: with what is wrong.

    >>> parse_hold("forget=1"), parse_hold("lstm.0.forward.decision.7=0.5")
    (Hold(gate='forget', value=1.0, unit=None, lstm=None), Hold(gate='input', value=0.5, unit=7, lstm='lstm.0.forward'))
    """
    name, equals, number = text.partition("=")
    if not equals:
        raise ValueError("is not GATE=VALUE")
    parts = name.strip().split(".")
    lstm = None
    if parts[0] == "lstm":
        lstm, parts = ".".join(parts[:3]), parts[3:]
    gate = ALIASES.get(parts[0], parts[0]) if parts else ""
    if gate in ("cell", "belt", "hidden"):
        raise ValueError(f"names no gate: the {'hidden' if gate == 'hidden' else 'cell'} state follows from the gates")
    if gate not in _NAMES:
        raise ValueError(f"names no gate: one of {', '.join(_NAMES)}")
    if len(parts) > 2 or any(not (part.isascii() and part.isdigit() and len(part) < 6) for part in parts[1:]):
        raise ValueError("has no number of a unit after the gate")
    try:
        value = float(number)
    except ValueError:
        raise ValueError("has no number after =") from None
    lowest = -1 if gate == "candidate" else 0
    if not lowest <= value <= 1:
        raise ValueError(f"holds the {_said(gate)} at {number.strip():.20}; it must be from {lowest} to 1")
    return Hold(gate, value, int(parts[1]) if len(parts) == 2 else None, lstm)


def check_hold(hold: Hold, config: ModelConfig) -> None:
    """ValueError if a model has no such unit or LSTM."""
    names = lstm_names(config)
    if hold.lstm is not None and hold.lstm not in names:
        raise ValueError(f"names no LSTM of this model: {', '.join(names)}")
    if hold.unit is not None and hold.unit >= config.units:
        raise ValueError(f"names unit {hold.unit}; this model has units 0 to {config.units - 1}")


def lstm_names(config: ModelConfig) -> list[str]:
    """The names of a model's LSTMs, layer by layer."""
    return [f"lstm.{layer}.{direction}" for layer in range(config.layers) for direction in config.directions]


def describe_hold(hold: Hold) -> str:
    """In words.

    >>> describe_hold(Hold("forget", 1.0)), describe_hold(Hold("candidate", -0.5, 3, "lstm.1.backward"))
    ('forget gate held at 1', 'candidate of unit 3 of lstm.1.backward held at -0.5')
    """
    unit = "" if hold.unit is None else f" of unit {hold.unit}"
    lstm = "" if hold.lstm is None else f" of {hold.lstm}"
    return f"{_said(hold.gate)}{unit}{lstm} held at {hold.value:.10g}"


def _said(gate: str) -> str:
    return gate if gate == "candidate" else f"{gate} gate"


def hold(classifier: Classifier, holds: Iterable[Hold]) -> Classifier:
    """The classifier with gates held; of several values for one gate of a unit the last one counts. ValueError: it has
    no such unit or LSTM."""
    weights, units = dict(classifier.weights), classifier.config.units
    for each in holds:
        check_hold(each, classifier.config)
        first = KERAS_ORDER.index(each.gate) * units
        columns = slice(first, first + units) if each.unit is None else first + each.unit
        for name in lstm_names(classifier.config):
            if each.lstm in (None, name):
                for part, value in (("kernel", 0), ("recurrent_kernel", 0), ("bias", _bias(each))):
                    matrix = weights[f"{name}.{part}"].copy()
                    matrix[..., columns] = value
                    weights[f"{name}.{part}"] = matrix
    return Classifier(classifier.config, classifier.vocabulary, weights)


def _bias(hold: Hold) -> np.float32:
    """The bias that alone gives the value."""
    with np.errstate(divide="ignore"):  # 0 and 1 need an infinite one
        if hold.gate == "candidate":
            return np.float32(np.arctanh(hold.value))
        return np.float32(np.log(hold.value) - np.log1p(-hold.value))


def logits_with_cut(classifier: Classifier, texts: Sequence[Ids], cuts: Sequence[int | None]) -> NDArray[np.float64]:
    """(texts, labels): `Classifier.logits` where every cell state is set to 0 before the word id at the index in
    `cuts`, for each text, is read; None or an index behind the text: never."""
    if all(cut is None for cut in cuts):
        return classifier.logits(texts)
    logits = np.zeros((len(texts), len(classifier.config.labels)))
    for start in range(0, len(texts), _TEXTS):
        chunk = slice(start, start + _TEXTS)
        ngrams = classifier.ngram_parts(texts[chunk])
        pooled = _read_with_cut(classifier, texts[chunk], cuts[chunk], ngrams.inputs)
        z = pooled @ classifier.head_kernel + classifier.head_bias + ngrams.logits
        logits[chunk, -z.shape[1] :] = z
    return logits


def _read_with_cut(
    classifier: Classifier, texts: Sequence[Ids], cuts: Sequence[int | None], ngram_inputs: Floats
) -> Floats:
    """(texts, inputs of the head): what `Classifier` pools, of texts that are read with a cut."""
    config = classifier.config
    paddings = [config.max_len - len(text) if config.padding == "pre" else 0 for text in texts]
    ids = [np.pad(np.asarray(text, np.int32), (more, 0)) for text, more in zip(texts, paddings, strict=True)]
    lengths = np.array([text.size for text in ids])
    cut_at = np.array([-1 if cut is None else cut + more for cut, more in zip(cuts, paddings, strict=True)])
    words = np.full((len(texts), max(1, lengths.max())), PADDING, np.int32)
    is_word = np.arange(words.shape[1]) < lengths[:, None]
    words[is_word] = np.concatenate(ids)
    more_inputs = np.zeros((*words.shape, ngram_inputs.shape[1]), np.float32)
    if ngram_inputs.shape[1]:  # never with padding in front
        more_inputs[is_word] = ngram_inputs
    inputs = np.concatenate([classifier.embedding[words], more_inputs], axis=2)
    for layer in classifier.layers:
        last, states = [], []
        for direction, matrices in layer.items():
            hidden, final = _read(inputs, lengths, cut_at, matrices, forward=direction == "forward")
            states.append(hidden)
            last.append(final)
        inputs = np.concatenate(states, axis=2)
    pooled = {
        "last": np.concatenate(last, axis=1),
        "max": inputs.max(axis=1, initial=0),  # after the end of a text, states are 0
        "mean": inputs.sum(axis=1) / np.maximum(lengths, 1)[:, None],
    }
    return np.concatenate([pooled[kind] for kind in config.pools], axis=1)


def _read(
    inputs: Floats, lengths: NDArray[np.int64], cut_at: NDArray[np.int64], matrices: Matrices, *, forward: bool
) -> tuple[Floats, Floats]:
    """One LSTM reads texts (texts, longest, inputs): its hidden states (texts, longest, units), the last of each."""
    texts, longest, _ = inputs.shape
    units = matrices.forget.bias.size
    hidden = np.zeros((texts, longest, units), np.float32)
    memory = Memory(np.zeros((texts, units), np.float32), np.zeros((texts, units), np.float32))
    for position in range(longest) if forward else reversed(range(longest)):
        cell = np.where((cut_at == position)[:, None], np.float32(0), memory.cell)
        after, _ = step(inputs[:, position], Memory(memory.hidden, cell), matrices)
        reads = (position < lengths)[:, None]
        memory = Memory(*(np.where(reads, new, old) for new, old in zip(after, memory, strict=True)))
        hidden[:, position] = np.where(reads, memory.hidden, 0)
    return hidden, memory.hidden
