"""All that is decided before the first step, without TensorFlow: words, ids, floors, epochs."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lstmctl.baseline import NaiveBayes, majority
from lstmctl.config import FIRST_WORD, UNKNOWN, ModelConfig, TrainConfig
from lstmctl.data import Dataset, Example
from lstmctl.errors import BadData
from lstmctl.metrics import accuracy
from lstmctl.text import Vocabulary, tokenize
from lstmctl.training.batches import Ids


@dataclass(frozen=True)
class Part:
    """Labelled texts as the model reads them: word ids of each, and (texts,) the place of its label."""

    ids: list[Ids]
    truth: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Floors:
    """What needs no LSTM: accuracies on the validation and test parts."""

    majority_label: str
    majority: dict[str, float]
    naive_bayes: dict[str, float]


@dataclass(frozen=True)
class Plan:
    """A training run, ready to start."""

    data: Dataset
    model: ModelConfig
    training: TrainConfig
    vocabulary: Vocabulary
    train: Part
    validation: Part
    test: Part
    floors: Floors
    unknown: float  # share of the words of the training texts that the model does not know
    cut: float  # share of the training texts that are longer than max_len
    steps: int  # per epoch
    epochs: int


def prepare(data: Dataset, training: TrainConfig, *, labels: tuple[str, ...]) -> Plan:
    """Learn the vocabulary from the training part, read all parts with it, and measure the floors.

    `labels` in the order of the model's outputs: of two, the second is the positive one.

    Raises:
        BadData: the training texts have no words.
        UsageError: the model would be absurdly large.
    """
    training.validate()
    training.model_config(labels, training.vocab_size).validate()  # sizes, before anything is allocated
    everything, train = learn_words([example.text for example in data.train])
    if len(everything) == FIRST_WORD:
        raise BadData("the training texts have no words", hint="lstmctl data list shows the data sets that are here")
    validation, test = (read_words(part, everything) for part in (data.validation, data.test))
    place = {label: number for number, label in enumerate(labels)}
    truths = [
        np.array([place[example.label] for example in part], np.int64)
        for part in (data.train, data.validation, data.test)
    ]
    floors = _floors(labels, [train, validation, test], truths, vocab_size=len(everything))
    vocabulary = everything.first(training.vocab_size, min_count=training.min_count)
    model = training.model_config(labels, len(vocabulary)).validate()
    words = sum(text.size for text in train)
    steps = -(-len(train) // training.batch_size)
    return Plan(
        data=data,
        model=model,
        training=training,
        vocabulary=vocabulary,
        train=Part(as_read(train, model), truths[0]),
        validation=Part(as_read(validation, model), truths[1]),
        test=Part(as_read(test, model), truths[2]),
        floors=floors,
        unknown=1 - sum(vocabulary.counts) / words,
        cut=sum(text.size > model.max_len for text in train) / len(train),
        steps=steps,
        epochs=training.epochs_for(steps),
    )


def learn_words(texts: Sequence[str]) -> tuple[Vocabulary, list[Ids]]:
    """The vocabulary of all words of the texts, and the texts as its ids. Tokenizes each text once."""
    seen: defaultdict[str, int] = defaultdict()
    seen.default_factory = seen.__len__  # the next free number
    provisional = [np.array([seen[word] for word in tokenize(text)], np.int32) for text in texts]
    counts = np.bincount(np.concatenate([*provisional, np.empty(0, np.int32)]), minlength=len(seen))
    vocabulary = Vocabulary.learn(dict(zip(seen, counts.tolist(), strict=True)))
    final = np.array([vocabulary.ids.get(word, UNKNOWN) for word in seen], np.int32)
    return vocabulary, [final[ids] for ids in provisional]


def read_words(examples: Sequence[Example], vocabulary: Vocabulary) -> list[Ids]:
    """Texts as ids of a vocabulary, whole."""
    lookup = vocabulary.ids
    return [np.array([lookup.get(word, UNKNOWN) for word in tokenize(example.text)], np.int32) for example in examples]


def as_read(texts: Sequence[Ids], model: ModelConfig) -> list[Ids]:
    """The same texts as the model reads them: cut at max_len, with the words beyond its vocabulary unknown.

    Works because the model's vocabulary is the beginning of the one that the ids are from.
    """
    kept = slice(-model.max_len, None) if model.cut == "start" else slice(model.max_len)
    return [np.where(text[kept] < model.vocab_size, text[kept], np.int32(UNKNOWN)) for text in texts]


def _floors(
    labels: tuple[str, ...], texts: Sequence[list[Ids]], truths: Sequence[NDArray[np.int64]], *, vocab_size: int
) -> Floors:
    bayes = NaiveBayes.fit(texts[0], truths[0], labels=len(labels), vocab_size=vocab_size)
    parts = {name: part for name, part in (("validation", 1), ("test", 2)) if truths[part].size}
    most_frequent = majority(truths[0], labels=len(labels))
    return Floors(
        majority_label=labels[most_frequent],
        majority={name: float(np.mean(truths[part] == most_frequent)) for name, part in parts.items()},
        naive_bayes={name: accuracy(truths[part], bayes.predict(texts[part])) for name, part in parts.items()},
    )
