"""A trained model that answers: text → word ids → embedding → LSTM → head → probabilities, in NumPy.

The one forward pass of the program: prediction, evaluation, validation while training, and explanation all use it.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from lstmctl.config import ModelConfig
from lstmctl.lstm import Floats, matrices_from_keras, pack, product, run
from lstmctl.text import Encoded, Vocabulary, encode

if TYPE_CHECKING:
    from lstmctl.registry.artifact import ModelFolder

WINDOW = 1024  # texts that are sorted by length and read together


class Prediction(NamedTuple):
    """The answer for one text. `probabilities` are in the order of the model's labels and sum to 1."""

    label: str
    probability: float  # of `label`
    probabilities: tuple[float, ...]
    encoded: Encoded


class Classifier:
    """A model in memory. Cheap to build: the word table fills as words are first seen."""

    def __init__(self, config: ModelConfig, vocabulary: Vocabulary, weights: Mapping[str, Floats]) -> None:
        self.config = config
        self.vocabulary = vocabulary
        self.matrices = matrices_from_keras(
            *(weights[f"lstm.0.forward.{part}"] for part in ("kernel", "recurrent_kernel", "bias"))
        )
        self._embedding = weights["embedding"]
        self._head_kernel, self._head_bias = weights["head.kernel"], weights["head.bias"]
        self._packed = pack(self.matrices)
        self._table = np.empty((config.vocab_size, 4 * config.units), np.float32)
        self._in_table = np.zeros(config.vocab_size, np.bool_)

    @classmethod
    def load(cls, folder: "ModelFolder") -> Self:
        """Read a model folder.

        Raises:
            Rejected: the folder is damaged, hostile or of a newer format.
        """
        return cls(folder.card.config, folder.vocabulary(), folder.weights())

    def encode(self, text: str) -> Encoded:
        """The text as this model reads it."""
        return encode(text, self.vocabulary, max_len=self.config.max_len, cut=self.config.cut)

    def predict(self, texts: Sequence[str], *, threshold: float | None = None) -> list[Prediction]:
        """One answer a text, in order. Without a threshold the most probable label wins; with one (two labels only)
        the positive label wins from that probability on."""
        encoded = [self.encode(text) for text in texts]
        probabilities = self.probabilities([text.ids for text in encoded])
        chosen = choose(probabilities, threshold=threshold)
        return [
            Prediction(self.config.labels[place], float(row[place]), tuple(map(float, row)), text)
            for place, row, text in zip(chosen, probabilities, encoded, strict=True)
        ]

    def probabilities(self, texts: Sequence[Sequence[int] | NDArray[np.int32]]) -> NDArray[np.float64]:
        """(texts, labels). Every text is word ids below the vocabulary's size, at most `max_len` of them; 0 is allowed.

        A text's bits do not depend on the other texts, nor on their number.
        """
        result = np.empty((len(texts), len(self.config.labels)))
        for start in range(0, len(texts), WINDOW):
            window = texts[start : start + WINDOW]
            result[start : start + WINDOW] = self._head(self._last_hidden(window))
        return result

    def _last_hidden(self, texts: Sequence[Sequence[int] | NDArray[np.int32]]) -> Floats:
        """(texts, units): the hidden state after each text's last word."""
        lengths = np.fromiter((len(text) for text in texts), np.int64, len(texts))
        longest_first = np.argsort(-lengths, kind="stable")
        words = np.zeros((len(texts), lengths.max(initial=0)), np.int32)
        for place, number in enumerate(longest_first):
            words[place, : lengths[number]] = texts[number]
        self._fill_table(words)
        hidden = np.empty((len(texts), self.config.units), np.float32)
        hidden[longest_first] = run(
            self._table, np.ascontiguousarray(words.T), lengths[longest_first], self._packed.recurrent
        )
        return hidden

    def _fill_table(self, words: NDArray[np.int32]) -> None:
        """Compute the table's rows for words that were not seen before."""
        needed = np.zeros_like(self._in_table)
        needed[words] = True
        missing = np.flatnonzero(needed & ~self._in_table)
        if missing.size:
            self._table[missing] = product(self._embedding[missing], self._packed.input) + self._packed.bias
            self._in_table[missing] = True

    def _head(self, hidden: Floats) -> NDArray[np.float64]:
        """Hidden states (texts, units) → probabilities (texts, labels)."""
        z = (product(hidden, self._head_kernel) + self._head_bias).astype(np.float64)
        if self.config.outputs == 1:
            positive = 0.5 + 0.5 * np.tanh(0.5 * z)
            return np.concatenate([1 - positive, positive], axis=1)
        z -= z.max(axis=1, keepdims=True)
        exponentials: NDArray[np.float64] = np.exp(z)
        exponentials /= exponentials.sum(axis=1, keepdims=True)
        return exponentials


def choose(probabilities: NDArray[np.float64], *, threshold: float | None = None) -> NDArray[np.intp]:
    """(texts,): the label's place for each text; of equals the later label, so P(positive) = ½ is positive."""
    if threshold is not None:
        positive: NDArray[np.intp] = (probabilities[:, 1] >= threshold).astype(np.intp)
        return positive
    from_the_end: NDArray[np.intp] = np.argmax(probabilities[:, ::-1], axis=1)
    chosen: NDArray[np.intp] = probabilities.shape[1] - 1 - from_the_end
    return chosen
