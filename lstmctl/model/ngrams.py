"""The n-gram model inside a model: what counting single words, pairs and triples says, at each word and about the text.

An n-gram is n consecutive known words; the table has a weight for each n-gram and output. The weights are used twice:

  at each word, those of the n-grams that end there are inputs of the LSTM, beside the word's embedding;
  over the text, they make a linear model of its own, whose logits are added to those of the head:

      logits = bias + scale · (sum of the weights of its different n-grams) / √(number of its words)

So an LSTM that has learned nothing predicts what a linear model on n-grams does, and everything it learns is on top.

Format. `keys` is sorted; a key is an unsigned 64-bit number made of three word ids of 21 bits, the last word of the
n-gram lowest, and 0 above the first. Other n-grams, and those with an unknown word, have no weight.

Source: Wang and Manning, Baselines and Bigrams (2012), for linear models on binary n-grams. How the weights are
learned: `lstmctl.training.ngrams`. Left out: skip-grams, characters.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lstmctl.config import FIRST_WORD, ModelConfig
from lstmctl.model.lstm import Floats

BITS = 21  # of a word id in a key; vocabularies have at most 2,000,000 words
_HASHED_FROM = 20_000  # keys looked up at once; below, binary search is faster than building the hash table

Keys = NDArray[np.uint64]
Ids = Sequence[int] | NDArray[np.int32]  # the word ids of a text


class Occurrences(NamedTuple):
    """The n-grams of texts. Words are those of all texts, concatenated."""

    rows: NDArray[np.int32]  # (words, order): row in the table of the n-gram that ends at a word; `missing` if none
    texts: NDArray[np.int64]  # (words,): the index of the text


class NgramParts(NamedTuple):
    """What n-grams contribute to the predictions for some texts. Without n-grams, no inputs and zeros."""

    inputs: Floats  # (words of all texts, ModelConfig.ngram_inputs): of the LSTM at each word
    logits: NDArray[np.float64]  # (texts, outputs): added to those of the head

    def of(self, texts: Sequence[Any], start: int, stop: int) -> "NgramParts":
        """The part for texts[start:stop]; `texts` are all of them."""
        first, last = sum(map(len, texts[:start])), sum(map(len, texts[:stop]))
        return NgramParts(self.inputs[first:last], self.logits[start:stop])


class NgramTable:
    """The n-gram model of a model, with weights (n-grams, outputs)."""

    def __init__(self, config: ModelConfig, tensors: Mapping[str, NDArray[Any]]) -> None:
        self.order, self.outputs, self.inputs = config.ngram_order, config.outputs, config.ngram_inputs
        self.index = KeyIndex(tensors["ngrams.keys"])
        singles = self.index.keys[: np.searchsorted(self.index.keys, np.uint64(1 << BITS))]
        self._single_words = np.full(config.vocab_size, self.index.size, np.int32)  # word id → row in the table
        self._single_words[singles] = np.arange(singles.size)
        missing = np.zeros((1, self.outputs), np.float32)
        self.weights = np.concatenate([tensors["ngrams.weights"].astype(np.float32), missing])
        self.scale = float(tensors["ngrams.scale"][0])
        self.bias = tensors["ngrams.bias"].astype(np.float64)

    def parts(self, texts: Sequence[Ids]) -> NgramParts:
        """What the n-grams of texts, given as word ids, contribute."""
        found = self.find(texts)
        return NgramParts(self.word_inputs(found), self.logits(found, len(texts)))

    def find(self, texts: Sequence[Ids]) -> Occurrences:
        """Look up the n-grams of texts, given as word ids."""
        words, text, keys = ngram_keys(texts, self.order)
        rows = np.empty((words.size, self.order), np.int32)
        rows[:, 0] = self._single_words.take(words)
        for column, own in enumerate(keys[1:], start=1):
            rows[:, column] = self.index.find(own)
        return Occurrences(rows, text)

    def word_inputs(self, found: Occurrences) -> Floats:
        """(words, inputs): the weights of the n-grams that end at each word: of the single word for all outputs, then
        of the pair, then of the triple. Zeros for n-grams that are not in the table."""
        if not self.inputs:
            return np.zeros((len(found.rows), 0), np.float32)
        return self.weights[found.rows].reshape(len(found.rows), self.inputs)

    def logits(self, found: Occurrences, texts: int) -> NDArray[np.float64]:
        """(texts, outputs): the logits of the linear model."""
        text, row = distinct(found, missing=self.index.size)
        words = np.bincount(found.texts, minlength=texts)
        factor = self.scale / np.sqrt(np.maximum(words, 1))
        sums = [np.bincount(text, self.weights[row, output], texts) for output in range(self.outputs)]
        return self.bias + factor[:, None] * np.stack(sums, axis=1)


def ngram_keys(texts: Sequence[Ids], order: int) -> tuple[NDArray[np.int32], NDArray[np.int64], list[Keys]]:
    """All words, the index of each one's text, and for n = 1 … order the key of the n-gram that ends at each word; 0
    where there is none, because the text is too short or a word is unknown.

    >>> [keys.tolist() for keys in ngram_keys([[2, 3], [4]], 2)[2]]
    [[2, 3, 4], [0, 4194307, 0]]
    """
    sizes = np.fromiter(map(len, texts), np.int64, len(texts))
    words = np.concatenate([np.empty(0, np.int32), *(np.asarray(text, np.int32) for text in texts)])
    text = np.repeat(np.arange(len(texts)), sizes)
    own = np.where(words >= FIRST_WORD, words, 0).astype(np.uint64)
    keys = [own]
    for _ in range(2, order + 1):
        key = np.zeros_like(own)
        # The previous n-gram, if it exists and belongs to the same text, and this word.
        previous, here = keys[-1][:-1], own[1:]
        exists = (previous > 0) & (here > 0) & (text[:-1] == text[1:])
        np.copyto(key[1:], (previous << np.uint64(BITS)) | here, where=exists)
        keys.append(key)
    return words, text, keys


def distinct(found: Occurrences, *, missing: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """The pairs of text and row that occur, each once, sorted."""
    order = found.rows.shape[1]
    rows = found.rows.flatten()
    for own in np.split(rows, order * (np.flatnonzero(np.diff(found.texts)) + 1)):
        own.sort()  # five times as fast as to sort all pairs at once
    texts = np.repeat(found.texts, order)
    is_new = rows != missing
    is_new[1:] &= (rows[1:] != rows[:-1]) | (texts[1:] != texts[:-1])
    return texts.compress(is_new), rows.compress(is_new)


class KeyIndex:
    """Finds keys in a sorted array: by binary search, and when many are looked up by a hash table of open addressing,
    which is ten times as fast. Its multiplicative hash is random, so that no file can be made to fill it slowly."""

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self.size = keys.size
        self._slots: tuple[NDArray[np.int32], np.uint64] | None = None  # and their multiplier, at once: for threads
        bits = max(4, int(2 * self.size - 1).bit_length())  # at most half full
        self._shift, self._mask = np.uint64(64 - bits), (1 << bits) - 1

    def find(self, wanted: Keys) -> NDArray[np.int32]:
        """(wanted,): the index of each key; `size` for keys that are not there."""
        if not self.size:
            return np.zeros(wanted.size, np.int32)
        if self._slots is None and wanted.size < _HASHED_FROM:
            index = np.searchsorted(self.keys, wanted).astype(np.int32)
            is_there = np.append(self.keys, np.uint64(0))[index] == wanted
            return np.where(is_there & (index < self.size), index, np.int32(self.size))
        if self._slots is None:
            self._slots = self._build()
        slots, multiplier = self._slots
        result = np.full(wanted.size, self.size, np.int32)
        pending = np.flatnonzero(wanted)
        looked_up = wanted.take(pending)
        slot = self._first_slot(looked_up, multiplier)
        while pending.size:  # `take` and `compress` are faster than brackets
            index = slots.take(slot)
            # An empty slot, -1, reads the first key. That is not the wanted one, which has a slot before any empty one.
            hit = self.keys.take(index, mode="clip") == looked_up
            result[pending.compress(hit)] = index.compress(hit)
            again = np.flatnonzero(~hit & (index >= 0))
            pending, looked_up = pending.take(again), looked_up.take(again)
            slot = (slot.take(again) + 1) & self._mask
        return result

    def _first_slot(self, keys: Keys, multiplier: np.uint64) -> NDArray[np.int64]:
        return ((keys * multiplier) >> self._shift).astype(np.int64)

    def _build(self) -> tuple[NDArray[np.int32], np.uint64]:
        multiplier = np.random.default_rng().integers(2**64, dtype=np.uint64) | np.uint64(1)
        slots = np.full(self._mask + 1, -1, np.int32)
        pending = np.arange(self.size, dtype=np.int32)
        slot = self._first_slot(self.keys, multiplier)
        while pending.size:
            free = slots[slot] < 0
            slots[slot[free]] = pending[free]  # of several keys for one slot the last one gets it
            lost = slots[slot] != pending
            pending, slot = pending[lost], (slot[lost] + 1) & self._mask
        return slots, multiplier


def check_table(tensors: Mapping[str, NDArray[Any]], config: ModelConfig) -> None:
    """Raises ValueError if the keys are not sorted, or not n-grams of the model's words."""
    keys = tensors["ngrams.keys"]
    if not (keys[1:] > keys[:-1]).all():
        raise ValueError("has n-grams that are not sorted")
    low = np.uint64((1 << BITS) - 1)
    # As the keys are sorted, those of at least n words are the last ones.
    starts = np.searchsorted(keys, [np.uint64(1) << np.uint64(BITS * place) for place in range(config.ngram_order + 1)])
    valid = starts[-1] == keys.size
    for place, start in enumerate(starts[:-1]):
        words = (keys[start:] >> np.uint64(BITS * place)) & low
        valid = valid and bool(((words >= FIRST_WORD) & (words < config.vocab_size)).all())
    if not valid or starts[0] > 0:
        raise ValueError("has n-grams of other words than its vocabulary")
