"""All that is decided before the first step, without TensorFlow: words, ids, baselines, epochs.

What a training would cost, before TensorFlow is loaded.
"""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lstmctl.config import FIRST_WORD, UNKNOWN, ModelConfig, TrainConfig
from lstmctl.data.datasets import Dataset
from lstmctl.data.word_ids import Ids, learn_vocabulary, texts_to_ids, truncate_ids
from lstmctl.errors import BadData, UsageError
from lstmctl.evaluation.baselines import Baselines, label_indices, measure_baselines
from lstmctl.model.classifier import Classifier
from lstmctl.model.lstm import Floats
from lstmctl.model.text import Vocabulary
from lstmctl.training.embedding import WordOdds, word_odds, word_vectors
from lstmctl.training.ensemble import member_config


@dataclass(frozen=True)
class EncodedPart:
    """Labelled texts as the model reads them: word ids of each, and (texts,) the place of its label."""

    ids: list[Ids]
    truth: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ids)


class DataFindings(NamedTuple):
    """How many texts mislead, as far as their words alone tell; `lstmctl data check` looks closer, and names them."""

    leaks: int  # validation and test texts that are copies of training texts
    twins: int  # training texts that are copies of an earlier one under another label
    empty: int  # training texts without words


@dataclass(frozen=True)
class Plan:
    """A training run, ready to start."""

    data: Dataset
    model: ModelConfig
    training: TrainConfig
    vocabulary: Vocabulary
    train: EncodedPart
    validation: EncodedPart
    test: EncodedPart
    baselines: Baselines
    unknown: float  # share of the words of the training texts that the model does not know
    cut: float  # share of the training texts that are longer than max_len
    findings: DataFindings  # texts that make a score better or a training worse than it looks
    odds: WordOdds | None  # the first numbers of each word's embedding, where the recipe wants them
    vectors: Floats | None  # (vocab_size, the rest of the embedding): where that starts from, else at random
    steps: int  # per epoch
    epochs: int

    def starting_embedding(self) -> Floats | None:
        """(vocab_size, embedding_dim): what the embedding is before the first step, NaN where it is to be drawn: for
        each member odds, then vectors."""
        parts = [self.odds.table] if self.odds is not None else []
        if not parts and self.vectors is None:
            return None
        known = np.concatenate([*parts, self.vectors] if self.vectors is not None else parts, axis=1)
        drawn = self.model.embedding_dim // self.training.ensemble_size - known.shape[1]
        member = np.pad(known, [(0, 0), (0, drawn)], constant_values=np.nan)
        return np.tile(member, (1, self.training.ensemble_size))


def prepare(
    data: Dataset,
    training: TrainConfig,
    *,
    labels: tuple[str, ...],
    unlabelled: Sequence[str] = (),
    vectors: bool = True,
) -> Plan:
    """Learn the vocabulary from the training part, read all parts with it, and measure the baselines.

    `labels` in the order of the model's outputs: of two, the second is the positive one. `unlabelled` texts add their
    words to the vocabulary and to what word vectors are learned from. Without `vectors` none are learned, as for a run
    that goes on.

    Raises:
        BadData: the training texts have no words.
        UsageError: the model would be absurdly large.
    """
    training = training.validate().for_texts(len(data.train))
    training.model_config(labels, training.vocab_size).validate()  # sizes, before anything is allocated
    everything, train = learn_vocabulary([example.text for example in data.train])
    if len(everything) == FIRST_WORD:
        raise BadData("the training texts have no words", hint="lstmctl data list shows the data sets that are here")
    validation, test = (texts_to_ids(part, everything) for part in (data.validation, data.test))
    truths = [label_indices(part, labels) for part in (data.train, data.validation, data.test)]
    baselines = measure_baselines(
        (train, truths[0]),
        {"validation": (validation, truths[1]), "test": (test, truths[2])},
        labels=labels,
        vocab_size=len(everything),
    )
    findings = _data_findings(train, truths[0], [*validation, *test])
    seen = train
    if unlabelled:
        # Not above, because what there is to beat learns from the labelled texts alone.
        everything, seen = learn_vocabulary([*(example.text for example in data.train), *unlabelled])
        train = seen[: len(train)]
        validation, test = (texts_to_ids(part, everything) for part in (data.validation, data.test))
    vocabulary = everything.first(training.vocab_size, min_count=training.min_count)
    model = training.model_config(labels, len(vocabulary)).validate()
    texts = truncate_ids(train, model)
    alone = member_config(model, training.ensemble_size)
    odds = word_odds(texts, truths[0], alone, training)
    learned = None
    if training.word_vectors == "cooccurrence" and vectors:
        dim = alone.embedding_dim - (odds.columns if odds is not None else 0)
        learned = word_vectors(seen, vocab_size=model.vocab_size, dim=dim)
    steps = -(-len(train) // training.batch_size)
    return Plan(
        data=data,
        model=model,
        training=training,
        vocabulary=vocabulary,
        train=EncodedPart(texts, truths[0]),
        validation=EncodedPart(truncate_ids(validation, model), truths[1]),
        test=EncodedPart(truncate_ids(test, model), truths[2]),
        baselines=baselines,
        unknown=float(np.mean(np.concatenate(train) >= model.vocab_size)),
        cut=sum(text.size > model.max_len for text in train) / len(train),
        findings=findings,
        odds=odds,
        vectors=learned,
        steps=steps,
        epochs=training.epochs_for(len(train)),
    )


def ordered_labels(labels: tuple[str, ...], *, positive: str | None) -> tuple[str, ...]:
    """The labels in the order of the model's outputs: of two, the positive one is last.

    Raises:
        UsageError: there are more than two, or `positive` is not one of them.
    """
    if positive is None:
        return labels
    if len(labels) != 2:
        raise UsageError(f"--positive needs data with two labels; these have {len(labels)}", hint="leave it out")
    if positive not in labels:
        raise UsageError(f'--positive "{positive}" is not a label of the data', hint=f"its labels: {' '.join(labels)}")
    return tuple(sorted(labels, key=lambda label: label == positive))


def _data_findings(train: Sequence[Ids], truth: NDArray[np.int64], others: Sequence[Ids]) -> DataFindings:
    """`others` are validation and test texts; ids are those of all training words."""
    labels: dict[bytes, int] = {}
    twins = 0
    for text, label in zip(train, truth.tolist(), strict=True):
        if text.size:
            twins += labels.setdefault(_digest(text), label) != label
    # A copy has no word that training does not know; other texts with such words might look alike.
    known = [text for text in others if text.size and not (text == UNKNOWN).any()]
    return DataFindings(sum(_digest(text) in labels for text in known), twins, sum(not text.size for text in train))


def _digest(text: Ids) -> bytes:
    return hashlib.blake2b(text.tobytes(), digest_size=16).digest()


# A step costs about as much as so many forward passes in NumPy over its texts (two threads; docs/explain/training.md).
_PASSES_A_STEP = 4.0
_START_SECONDS = 6.0  # to load TensorFlow and trace the steps
_START_BYTES = 0.75e9  # of TensorFlow and the texts
_TRIED = 256  # texts that are timed


@dataclass(frozen=True)
class Cost:
    """An estimate."""

    parameters: int
    seconds: float
    memory_bytes: int


def estimate(plan: Plan) -> Cost:
    """Time the forward pass on this machine, with weights of no meaning, and go on from there."""
    ensemble_size = plan.training.ensemble_size
    config = member_config(plan.model, ensemble_size)  # zeros between the members are not trained
    generator = np.random.default_rng(0)
    weights = {name: generator.normal(0, 0.1, shape).astype(np.float32) for name, shape in config.shapes().items()}
    classifier = Classifier(config, plan.vocabulary, weights)
    tried = plan.train.ids[:_TRIED]
    classifier.probabilities(tried)  # the first time also fills the table of words
    started = time.perf_counter()
    classifier.probabilities(tried)
    a_text = ensemble_size * (time.perf_counter() - started) / len(tried)
    an_epoch = a_text * (_PASSES_A_STEP * len(plan.train) + len(plan.validation))
    # Weights, gradients, the optimizer's, those to be saved.
    copies = {"rmsprop": 6, "adam": 7}[plan.training.optimizer]
    lstms = ensemble_size * config.layers * len(config.directions)
    a_step = plan.training.batch_size * config.max_len * lstms * 20 * max(config.units, config.embedding_dim)
    return Cost(
        parameters=plan.model.parameters,
        seconds=_START_SECONDS + plan.epochs * an_epoch,
        memory_bytes=int(_START_BYTES + 4 * (copies * plan.model.parameters + a_step)),
    )
