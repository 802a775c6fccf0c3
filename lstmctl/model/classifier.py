"""A trained model that answers: text → word ids → embedding → LSTM → head → probabilities, in NumPy.

The one forward pass of the program: prediction, evaluation, validation while training, and explanation all use it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from lstmctl.config import PADDING, ModelConfig
from lstmctl.model.lstm import Floats, Matrices, matrices_from_keras, pack, product, run
from lstmctl.model.text import Encoded, Reading, Vocabulary, encode

WINDOW = 1024  # texts that are sorted by length and read together
DEEP_WINDOW = 128  # the same with several layers, which keep a row for every word of every text

Ids = Sequence[int] | NDArray[np.int32]  # of the words of a text


class Prediction(NamedTuple):
    """The answer for one text. `probabilities` are in the order of the model's labels and sum to 1."""

    label: str
    probability: float  # of `label`
    probabilities: tuple[float, ...]
    reading: Reading


class Classifier:
    """A model in memory. Cheap to build: the word table fills as words are first seen."""

    def __init__(self, config: ModelConfig, vocabulary: Vocabulary, weights: Mapping[str, Floats]) -> None:
        self.config = config
        self.vocabulary = vocabulary
        self._weights = weights
        self.layers = [
            {direction: _matrices(weights, f"lstm.{layer}.{direction}") for direction in config.directions}
            for layer in range(config.layers)
        ]
        self.embedding = weights["embedding"]  # (vocab_size, embedding_dim)
        self._head_kernel, self._head_bias = weights["head.kernel"], weights["head.bias"]
        self._packed = [{name: pack(matrices) for name, matrices in layer.items()} for layer in self.layers]
        self._tables = {name: np.empty((config.vocab_size, 4 * config.units), np.float32) for name in config.directions}
        self._in_tables = np.zeros(config.vocab_size, np.bool_)

    def __reduce__(self) -> tuple[Any, ...]:
        """For another process: what it is made of, which can be read-only there, not what it has worked out."""
        return type(self), (self.config, self.vocabulary, self._weights)

    def encode(self, text: str) -> Encoded:
        """The text as this model reads it."""
        config = self.config
        return encode(text, self.vocabulary, max_len=config.max_len, cut=config.cut, start_word=config.start_word)

    def predict(self, texts: Sequence[str], *, threshold: float | None = None) -> list[Prediction]:
        """One answer a text, in order. Without a threshold the most probable label wins; with one (two labels only)
        the positive label wins from that probability on."""
        encoded = [self.encode(text) for text in texts]
        return self.answers(encoded, self.probabilities([text.ids for text in encoded]), threshold=threshold)

    def answers(
        self, encoded: Sequence[Encoded], probabilities: NDArray[np.float64], *, threshold: float | None = None
    ) -> list[Prediction]:
        """What probabilities (texts, labels) say about texts. See `predict` for the threshold."""
        chosen = predicted_labels(probabilities, threshold=threshold)
        return [
            Prediction(self.config.labels[place], float(row[place]), tuple(map(float, row)), text.reading)
            for place, row, text in zip(chosen, probabilities, encoded, strict=True)
        ]

    def probabilities(self, texts: Sequence[Ids]) -> NDArray[np.float64]:
        """(texts, labels). Every text is word ids below the vocabulary's size, at most `max_len` of them; 0 is allowed.

        A text's bits do not depend on the other texts, nor on their number.
        """
        return softmax(self.logits(texts))

    def logits(self, texts: Sequence[Ids]) -> NDArray[np.float64]:
        """(texts, labels), of which the softmax is `probabilities`; with two labels the first one's are 0."""
        result = np.zeros((len(texts), len(self.config.labels)))
        window = WINDOW if self.config.layers == 1 else DEEP_WINDOW
        for start in range(0, len(texts), window):
            hidden = self._pooled(texts[start : start + window])
            z = product(hidden, self._head_kernel) + self._head_bias
            result[start : start + window, -z.shape[1] :] = z
        return result

    def _pooled(self, texts: Sequence[Ids]) -> Floats:
        """(texts, inputs of the head): what it sees of the last layer, as `ModelConfig.pools` says."""
        if self.config.padding == "pre":
            texts = [np.pad(np.asarray(text, np.int32), (self.config.max_len - len(text), 0)) for text in texts]
        lengths = np.fromiter((len(text) for text in texts), np.int64, len(texts))
        longest_first = np.argsort(-lengths, kind="stable")
        words = np.full((len(texts), lengths.max(initial=0)), PADDING, np.int32)
        for place, number in enumerate(longest_first):
            words[place, : lengths[number]] = texts[number]
        self._fill_tables(words)
        hidden = np.empty((len(texts), len(self._head_kernel)), np.float32)
        hidden[longest_first] = self._read(np.ascontiguousarray(words.T), lengths[longest_first])
        return hidden

    def _read(self, words: NDArray[np.int32], lengths: NDArray[np.int64]) -> Floats:
        """All layers, for words (longest, texts) and lengths, longest first. See `_pooled`."""
        tables, rows = self._tables, words
        for number, layer in enumerate(self._packed):
            last_states, all_states, max_states = [], [], []
            on_top = number + 1 == len(self._packed)
            for name, packed in layer.items():
                read = rows if name == "forward" else _backwards(rows, lengths)
                states = None if on_top else np.zeros((*rows.shape, self.config.units), np.float32)
                maximum = None
                if on_top and "max" in self.config.pools:
                    max_states.append(maximum := np.zeros((lengths.size, self.config.units), np.float32))
                last_states.append(
                    run(tables[name], read, lengths, packed.recurrent, all_states=states, max_state=maximum)
                )
                if states is not None:
                    all_states.append(states if name == "forward" else _backwards(states, lengths))
            if all_states:
                # The layer above reads hidden states instead of words: a table with one row for each place.
                states_below = np.concatenate(all_states, axis=-1)
                inputs = states_below.reshape(-1, states_below.shape[-1])
                above = self._packed[number + 1]
                tables = {name: product(inputs, packed.kernel) + packed.bias for name, packed in above.items()}
                rows = np.arange(rows.size, dtype=np.int32).reshape(rows.shape)
        return np.concatenate([*last_states, *max_states], axis=-1)

    def _fill_tables(self, words: NDArray[np.int32]) -> None:
        """Compute the tables' rows for words that were not seen before."""
        needed = np.zeros_like(self._in_tables)
        needed[words] = True
        missing = np.flatnonzero(needed & ~self._in_tables)
        if missing.size:
            for name, packed in self._packed[0].items():
                self._tables[name][missing] = product(self.embedding[missing], packed.kernel) + packed.bias
            self._in_tables[missing] = True


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """The softmax of (texts, labels), of which with two labels the first is 0."""
    if logits.shape[1] == 2:
        positive = 0.5 + 0.5 * np.tanh(0.5 * logits[:, 1:])
        return np.concatenate([1 - positive, positive], axis=1)
    exponentials: NDArray[np.float64] = np.exp(logits - logits.max(axis=1, keepdims=True))
    exponentials /= exponentials.sum(axis=1, keepdims=True)
    return exponentials


def _matrices(weights: Mapping[str, Floats], prefix: str) -> Matrices:
    return matrices_from_keras(*(weights[f"{prefix}.{part}"] for part in ("kernel", "recurrent_kernel", "bias")))


T = TypeVar("T", bound=np.generic)


def _backwards(places: NDArray[T], lengths: NDArray[np.int64]) -> NDArray[T]:
    """(longest, texts, …) with the first `lengths` places of each text in reverse; what follows them is kept."""
    place = np.arange(places.shape[0])[:, None]
    reverse = np.where(place < lengths, lengths - 1 - place, place)
    reversed_places: NDArray[T] = places[reverse, np.arange(places.shape[1])]
    return reversed_places


def predicted_labels(probabilities: NDArray[np.float64], *, threshold: float | None = None) -> NDArray[np.intp]:
    """(texts,): the label's place for each text; of equals the later label, so P(positive) = ½ is positive."""
    if threshold is not None:
        positive: NDArray[np.intp] = (probabilities[:, 1] >= threshold).astype(np.intp)
        return positive
    from_the_end: NDArray[np.intp] = np.argmax(probabilities[:, ::-1], axis=1)
    chosen: NDArray[np.intp] = probabilities.shape[1] - 1 - from_the_end
    return chosen
