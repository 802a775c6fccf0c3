"""From texts to arrays of word ids, each text tokenized once."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lstmctl.config import UNKNOWN, ModelConfig
from lstmctl.data.columns import Example
from lstmctl.model.text import Vocabulary, tokenize

Ids = NDArray[np.int32]


def learn_vocabulary(texts: Sequence[str]) -> tuple[Vocabulary, list[Ids]]:
    """The vocabulary of all words of the texts, and the texts as its ids."""
    seen: defaultdict[str, int] = defaultdict()
    seen.default_factory = seen.__len__  # the next free number
    provisional = [np.array([seen[word] for word in tokenize(text)], np.int32) for text in texts]
    counts = np.bincount(np.concatenate([*provisional, np.empty(0, np.int32)]), minlength=len(seen))
    vocabulary = Vocabulary.learn(dict(zip(seen, counts.tolist(), strict=True)))
    final = np.array([vocabulary.ids.get(word, UNKNOWN) for word in seen], np.int32)
    return vocabulary, [final[ids] for ids in provisional]


def texts_to_ids(examples: Sequence[Example], vocabulary: Vocabulary) -> list[Ids]:
    """Texts as ids of a vocabulary, whole."""
    lookup = vocabulary.ids
    return [np.array([lookup.get(word, UNKNOWN) for word in tokenize(example.text)], np.int32) for example in examples]


def truncate_ids(texts: Sequence[Ids], model: ModelConfig) -> list[Ids]:
    """The same texts as the model reads them: cut at max_len, with the words beyond its vocabulary unknown.

    Works because the model's vocabulary is the beginning of the one that the ids are from.
    """
    kept = slice(-model.max_len, None) if model.cut == "start" else slice(model.max_len)
    return [np.where(text[kept] < model.vocab_size, text[kept], np.int32(UNKNOWN)) for text in texts]
