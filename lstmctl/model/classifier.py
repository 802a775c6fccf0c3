"""A trained model: text → word ids → embedding and n-grams → LSTM → head → probabilities, in NumPy.

The only forward pass of the program: prediction, evaluation, validation during training and explanation all use it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from lstmctl.config import PADDING, ModelConfig
from lstmctl.model.lstm import Floats, pack, product, run
from lstmctl.model.members import layer_matrices, member_layers
from lstmctl.model.ngrams import Ids, NgramParts, NgramTable
from lstmctl.model.strings import strings
from lstmctl.model.text import Encoded, Reading, Vocabulary, encode

WINDOW = 1024  # texts that are sorted by length and processed together
DEEP_WINDOW = 128  # the same with several layers, which keep a row for every word of every text
_WORKING_NUMBERS = 2**26  # kept for all words of a window: 256 MiB


class Probabilities(tuple[float, ...]):
    """The probabilities of all labels, in the order of the model's labels: by number, or by label as in a dict.

    >>> probabilities = probabilities_type(("neg", "pos"))((0.25, 0.75))
    >>> probabilities["pos"], probabilities[0], dict(probabilities)
    (0.75, 0.25, {'neg': 0.25, 'pos': 0.75})
    """

    __slots__ = ()
    labels: tuple[str, ...] = ()  # of the class that `probabilities_type` makes

    def __getitem__(self, key: Any) -> Any:
        """The probability of a label, or that at an index; KeyError if the model has no such label."""
        if isinstance(key, str):
            if key not in self.labels:
                raise KeyError(f"{key!r} is not one of the labels: {', '.join(self.labels)}")
            key = self.labels.index(key)
        return super().__getitem__(key)

    def keys(self) -> tuple[str, ...]:
        """The labels."""
        return self.labels

    def items(self) -> Iterator[tuple[str, float]]:
        """Each label with its probability."""
        return zip(self.labels, self, strict=True)

    def __repr__(self) -> str:
        return "{" + ", ".join(f"{label!r}: {value:.4g}" for label, value in self.items()) + "}"

    def __reduce__(self) -> tuple[Any, ...]:
        return _probabilities, (self.labels, tuple(self))


@cache
def probabilities_type(labels: tuple[str, ...]) -> type[Probabilities]:
    """The class of the probabilities of a model with these labels: an instance is as small and fast as a tuple."""
    return type("Probabilities", (Probabilities,), {"__slots__": (), "labels": labels})


def _probabilities(labels: tuple[str, ...], values: tuple[float, ...]) -> Probabilities:
    return probabilities_type(labels)(values)


class Prediction(NamedTuple):
    """The predicted label of a text. `probabilities` sum to 1."""

    label: str
    probability: float  # of `label`
    probabilities: Probabilities
    reading: Reading

    def __repr__(self) -> str:
        return f"Prediction(label={self.label!r}, probability={self.probability:.4g})"


class Classifier:
    """A model in memory. Cheap to build: a word's input to the LSTM is computed when the word first occurs."""

    def __init__(self, config: ModelConfig, vocabulary: Vocabulary, weights: Mapping[str, NDArray[Any]]) -> None:
        self.config = config
        self.vocabulary = vocabulary
        self.weights = weights
        self.layers = [
            {direction: layer_matrices(weights, layer, direction) for direction in config.directions}
            for layer in range(config.layers)
        ]
        self.embedding = weights["embedding"]  # (vocab_size, embedding_dim)
        self.head_kernel, self.head_bias = weights["head.kernel"], weights["head.bias"]
        # What is computed: for each layer and direction every member of the ensemble, mostly one.
        self._packed = [
            {direction: [pack(matrices) for matrices in members] for direction, members in layer.items()}
            for layer in member_layers(config, weights)
        ]
        self._tables = {
            direction: [np.empty((4, config.vocab_size, packed.bias.shape[-1]), np.float32) for packed in members]
            for direction, members in self._packed[0].items()
        }
        self._in_tables = np.zeros(config.vocab_size, np.bool_)
        self.ngrams = NgramTable(config, weights) if config.ngram_order else None

    def __reduce__(self) -> tuple[Any, ...]:
        """For another process: the parts, which may be read-only there, without the tables computed from them."""
        return type(self), (self.config, self.vocabulary, self.weights)

    def encode(self, text: str) -> Encoded:
        """The text as this model reads it."""
        config = self.config
        return encode(
            text,
            self.vocabulary,
            tokenizer=config.tokenizer,
            max_len=config.max_len,
            cut=config.cut,
            start_word=config.start_word,
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, in the order of all probabilities."""
        return self.config.labels

    @overload
    def predict(self, texts: str, *, threshold: float | None = None) -> Prediction: ...  # type: ignore[overload-overlap]
    @overload
    def predict(self, texts: Iterable[str], *, threshold: float | None = None) -> list[Prediction]: ...
    def predict(self, texts: str | Iterable[str], *, threshold: float | None = None) -> Prediction | list[Prediction]:
        """One prediction for each text, in order; for a single string, its prediction: the most probable label; or,
        with a threshold (two labels only), the positive label where its probability is at least that.

        `texts` are a list, a tuple, a NumPy array, a column of a data frame, or any other iterable of strings.
        Raises UsageError, BadData: as `strings`.
        """
        if isinstance(texts, str):
            return self.predict([texts], threshold=threshold)[0]
        texts = strings(texts)
        encoded = [self.encode(text) for text in texts]
        return self.predictions(encoded, self.probabilities([text.ids for text in encoded]), threshold=threshold)

    def predict_list(self, texts: list[str], *, threshold: float | None = None) -> list[Prediction]:
        """`predict` of a list: what worker processes call."""
        return self.predict(texts, threshold=threshold)

    def predictions(
        self, encoded: Sequence[Encoded], probabilities: NDArray[np.float64], *, threshold: float | None = None
    ) -> list[Prediction]:
        """The predictions that follow from probabilities (texts, labels). See `predict` for the threshold."""
        indices = predicted_indices(probabilities, threshold=threshold).tolist()
        labels, by_label = self.config.labels, probabilities_type(tuple(self.config.labels))
        return [
            Prediction(labels[index], row[index], by_label(row), text.reading)
            for index, row, text in zip(indices, probabilities.tolist(), encoded, strict=True)
        ]

    def probabilities(self, texts: Sequence[Ids]) -> NDArray[np.float64]:
        """(texts, labels). Each text is at most `max_len` word ids below the vocabulary's size; it may be empty. The
        bits of its probabilities do not depend on the other texts."""
        return softmax(self.logits(texts))

    def logits(self, texts: Sequence[Ids], *, ngrams: NgramParts | None = None) -> NDArray[np.float64]:
        """(texts, labels), whose softmax is `probabilities`; with two labels the logits of the first one are 0.
        `ngrams` replaces what the model's own n-grams contribute."""
        result = np.zeros((len(texts), len(self.config.labels)))
        for start, stop in self._windows(texts):
            chunk = [np.asarray(text, np.int32) for text in texts[start:stop]]
            own = self.ngram_parts(chunk) if ngrams is None else ngrams.of(texts, start, stop)
            z = product(self._pooled(chunk, own.inputs), self.head_kernel) + self.head_bias + own.logits
            result[start:stop, -z.shape[1] :] = z
        return result

    def _windows(self, texts: Sequence[Ids]) -> Iterator[tuple[int, int]]:
        """The beginning and end of each group of texts that are processed together: fewer where they are long, so that
        the numbers kept for all their words, padding included, have room."""
        config, most = self.config, WINDOW if self.config.layers == 1 else DEEP_WINDOW
        per_word = 2 + config.ngram_inputs
        if config.layers > 1:  # hidden states of two layers and the input of the gates, for each LSTM of a layer
            per_word += 8 * config.units * len(config.directions)
        start = longest = 0
        for number, text in enumerate(texts):
            length = config.max_len if config.padding == "pre" else len(text)
            count = number - start
            if count and (count == most or max(longest, length) * (count + 1) * per_word > _WORKING_NUMBERS):
                yield start, number
                start, longest = number, 0
            longest = max(longest, length)
        if start < len(texts):
            yield start, len(texts)

    def unit_logits(self, ids: Ids) -> dict[str, NDArray[np.float64]]:
        """What each unit of the last layer adds to the logits of a text: (units, outputs) by LSTM, as in `traces`.

        The head is linear, so these, its bias and what the n-grams add are the logits. With pooling, a unit adds by its
        last, its largest and its mean hidden state together.
        """
        text = np.asarray(ids, np.int32)
        pooled = self._pooled([text], self.ngram_parts([text]).inputs)[0].astype(np.float64)  # (pools × LSTMs × units,)
        parts = pooled[:, None] * self.head_kernel
        names = [f"lstm.{self.config.layers - 1}.{direction}" for direction in self.config.directions]
        by_lstm = parts.reshape(-1, len(names), self.config.units, parts.shape[1]).sum(axis=0)
        return dict(zip(names, by_lstm, strict=True))

    def ngram_parts(self, texts: Sequence[Ids]) -> NgramParts:
        """What the model's n-grams contribute to these texts."""
        if self.ngrams is None:
            words = sum(map(len, texts))
            return NgramParts(np.zeros((words, 0), np.float32), np.zeros((len(texts), self.config.outputs)))
        return self.ngrams.parts(texts)

    def ngram_probabilities(self, texts: Sequence[Ids]) -> NDArray[np.float64] | None:
        """(texts, labels): what the n-grams alone predict; None if the model has none."""
        if self.ngrams is None:
            return None
        return softmax(both_labels(self.ngrams.parts(texts).logits))

    def _pooled(self, texts: Sequence[Ids], ngram_inputs: Floats) -> Floats:
        """(texts, inputs of the head): the hidden states of the last layer, pooled as `ModelConfig.pools` says."""
        if self.config.padding == "pre":
            texts = [np.pad(np.asarray(text, np.int32), (self.config.max_len - len(text), 0)) for text in texts]
        lengths = np.fromiter((len(text) for text in texts), np.int64, len(texts))
        longest_first = np.argsort(-lengths, kind="stable")
        words = np.full((len(texts), lengths.max(initial=0)), PADDING, np.int32)
        for row, number in enumerate(longest_first):
            words[row, : lengths[number]] = texts[number]
        self._fill_tables(words)
        extra = None
        if ngram_inputs.shape[1]:
            column = np.empty_like(lengths)
            column[longest_first] = np.arange(lengths.size)
            extra = np.zeros((words.shape[1], lengths.size, ngram_inputs.shape[1]), np.float32)
            position = np.arange(len(ngram_inputs)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
            extra[position, np.repeat(column, lengths)] = ngram_inputs
        hidden = np.empty((len(texts), len(self.head_kernel)), np.float32)
        hidden[longest_first] = self._run_layers(np.ascontiguousarray(words.T), lengths[longest_first], extra)
        return hidden

    def _run_layers(self, words: NDArray[np.int32], lengths: NDArray[np.int64], ngram_inputs: Floats | None) -> Floats:
        """`_pooled` for words (steps, texts), n-gram inputs (steps, texts, inputs) and lengths (texts,), the longest
        text first."""
        tables, rows = self._tables, words
        for number, layer in enumerate(self._packed):
            last_states, max_states, sum_states = [], [], []
            all_states: list[list[Floats]] = [[] for _ in layer["forward"]]
            is_last = number + 1 == len(self._packed)
            for direction, own_members in layer.items():
                in_order = direction == "forward"
                inputs = rows if in_order else _reverse(rows, lengths)
                values = None
                if number == 0 and ngram_inputs is not None:
                    values = ngram_inputs if in_order else _reverse(ngram_inputs, lengths)
                for member, packed in enumerate(own_members):
                    units = packed.recurrent.shape[-1]
                    states = None if is_last else np.zeros((*rows.shape, units), np.float32)
                    maximum = total = None
                    if is_last and "max" in self.config.pools:
                        max_states.append(maximum := np.zeros((lengths.size, units), np.float32))
                    if is_last and "mean" in self.config.pools:
                        sum_states.append(total := np.zeros((lengths.size, units), np.float32))
                    last = run(
                        tables[direction][member],
                        inputs,
                        lengths,
                        packed.recurrent,
                        extra=None if values is None else (values, packed.kernel[:, self.config.embedding_dim :]),
                        all_states=states,
                        max_state=maximum,
                        sum_state=total,
                    )
                    last_states.append(last)
                    if states is not None:
                        all_states[member].append(states if in_order else _reverse(states, lengths))
            if not is_last:
                # The next layer reads hidden states instead of words: a table with one row for each step of each text.
                hidden = [np.concatenate(own, axis=-1) for own in all_states]
                hidden = [own.reshape(rows.size, own.shape[-1]) for own in hidden]
                tables = {
                    direction: [packed.table(own) for own, packed in zip(hidden, next_members, strict=True)]
                    for direction, next_members in self._packed[number + 1].items()
                }
                rows = np.arange(rows.size, dtype=np.int32).reshape(rows.shape)
        divisor = np.maximum(lengths, 1).astype(np.float32)[:, None]
        return np.concatenate([*last_states, *max_states, *(total / divisor for total in sum_states)], axis=-1)

    def _fill_tables(self, words: NDArray[np.int32]) -> None:
        """Compute the rows of the tables for words that occur for the first time."""
        needed = np.zeros_like(self._in_tables)
        needed[words] = True
        missing = np.flatnonzero(needed & ~self._in_tables)
        if missing.size:
            for direction, members in self._packed[0].items():
                for table, packed in zip(self._tables[direction], members, strict=True):
                    table[:, missing] = packed.table(self.embedding[missing])
            self._in_tables[missing] = True


def both_labels(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logits (texts, outputs) → (texts, labels): with one output, those of the first label are 0.

    >>> both_labels(np.array([[2.0]])).tolist()
    [[0.0, 2.0]]
    """
    return logits if logits.shape[1] > 1 else np.concatenate([np.zeros_like(logits), logits], axis=1)


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """The softmax of logits (texts, labels); with two labels those of the first must be 0.

    >>> softmax(np.array([[0.0, 0.0], [0.0, np.log(3)]])).round(3).tolist()
    [[0.5, 0.5], [0.25, 0.75]]
    """
    if logits.shape[1] == 2:
        positive = 0.5 + 0.5 * np.tanh(0.5 * logits[:, 1:])
        return np.concatenate([1 - positive, positive], axis=1)
    exponentials: NDArray[np.float64] = np.exp(logits - logits.max(axis=1, keepdims=True))
    exponentials /= exponentials.sum(axis=1, keepdims=True)
    return exponentials


def _reverse(values: NDArray[Any], lengths: NDArray[np.int64]) -> NDArray[Any]:
    """Values (steps, texts, …) with the first `lengths` (texts,) steps of each text in reverse order."""
    step = np.arange(values.shape[0])[:, None]
    source = np.where(step < lengths, lengths - 1 - step, step)
    return np.asarray(values[source, np.arange(values.shape[1])])


def predicted_indices(probabilities: NDArray[np.float64], *, threshold: float | None = None) -> NDArray[np.intp]:
    """(texts,) the index of the predicted label: the most probable one, or with a threshold 1 where its probability is
    at least that. Of equally probable labels the later one, so P(positive) = ½ is positive.

    >>> predicted_indices(np.array([[0.5, 0.5], [0.6, 0.4]])).tolist()
    [1, 0]
    >>> predicted_indices(np.array([[0.5, 0.5], [0.6, 0.4]]), threshold=0.3).tolist()
    [1, 1]
    """
    if threshold is not None:
        return np.asarray(probabilities[:, 1] >= threshold, np.intp)
    return np.asarray(probabilities.shape[1] - 1 - np.argmax(probabilities[:, ::-1], axis=1), np.intp)
