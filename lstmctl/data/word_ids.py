"""From texts to arrays of word ids, each text tokenized once."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from lstmctl.config import UNKNOWN, ModelConfig
from lstmctl.data.columns import Example
from lstmctl.model.text import Vocabulary, clip_at, tokenize

Ids = NDArray[np.int32]


class Tokens:
    """Numbers words in the order in which they are first met, for any number of vocabularies over the same texts.

    A text is tokenized by `read` alone; `vocabulary` and `to_ids` work on the numbers that `read` returned.
    """

    def __init__(self, tokenizer: str) -> None:
        self._tokenizer = tokenizer
        self._numbers: defaultdict[str, int] = defaultdict()
        self._numbers.default_factory = self._numbers.__len__  # the next free number

    def read(self, texts: Iterable[str]) -> list[Ids]:
        """The numbers of the words of each text."""
        numbers, tokenizer = self._numbers, self._tokenizer
        return [np.array([numbers[word] for word in tokenize(text, tokenizer)], np.int32) for text in texts]

    def vocabulary(self, texts: Sequence[Ids]) -> Vocabulary:
        """The vocabulary of all words of these texts."""
        counts = np.bincount(np.concatenate([*texts, np.empty(0, np.int32)]), minlength=len(self._numbers)).tolist()
        return Vocabulary.learn({word: counts[number] for word, number in self._numbers.items() if counts[number]})

    def to_ids(self, texts: Sequence[Ids], vocabulary: Vocabulary) -> list[Ids]:
        """The same texts as ids of a vocabulary; words that it lacks are unknown."""
        ids = np.array([vocabulary.ids.get(word, UNKNOWN) for word in self._numbers], np.int32)
        return [ids[text] for text in texts]


def learn_vocabulary(texts: Iterable[str], *, tokenizer: str) -> tuple[Vocabulary, list[Ids]]:
    """The vocabulary of all words of the texts, and the texts as its ids, at full length.

    >>> vocabulary, ids = learn_vocabulary(["good film", "bad film"], tokenizer="words-1")
    >>> vocabulary.words, [text.tolist() for text in ids]
    (('film', 'bad', 'good'), [[4, 2], [3, 2]])
    """
    tokens = Tokens(tokenizer)
    read = tokens.read(texts)
    vocabulary = tokens.vocabulary(read)
    return vocabulary, tokens.to_ids(read, vocabulary)


def texts_to_ids(examples: Sequence[Example], vocabulary: Vocabulary, *, tokenizer: str) -> list[Ids]:
    """Texts as ids of a vocabulary, at full length."""
    lookup = vocabulary.ids
    return [
        np.array([lookup.get(word, UNKNOWN) for word in tokenize(example.text, tokenizer)], np.int32)
        for example in examples
    ]


def truncate_ids(texts: Sequence[Ids], model: ModelConfig) -> list[Ids]:
    """The same texts as the model reads them: cut at max_len, words beyond its vocabulary unknown.

    The model's vocabulary must be the beginning of the one that the ids are from.
    """
    dropped = (clip_at(text.size, model.max_len, model.cut) for text in texts)
    clipped = (
        text if start == stop else np.concatenate([text[:start], text[stop:]])
        for text, (start, stop) in zip(texts, dropped, strict=True)
    )
    return [np.where(text < model.vocab_size, text, np.int32(UNKNOWN)) for text in clipped]
