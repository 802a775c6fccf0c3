"""Everything that is decided before the first step, without TensorFlow: vocabulary, ids, baselines, epochs, cost."""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lstmctl.config import FIRST_WORD, UNKNOWN, ModelConfig, TrainConfig
from lstmctl.data.datasets import Dataset
from lstmctl.data.word_ids import Ids, Tokens, truncate_ids
from lstmctl.errors import BadData, UsageError
from lstmctl.evaluation.baselines import Baselines, label_indices, measure_baselines
from lstmctl.model.classifier import Classifier
from lstmctl.model.lstm import Floats
from lstmctl.model.text import Vocabulary
from lstmctl.training.embedding import WordOdds, word_odds, word_vectors
from lstmctl.training.ensemble import member_config


@dataclass(frozen=True)
class EncodedPart:
    """Labelled texts as the model reads them: the word ids of each, and the index of its label, (texts,)."""

    ids: list[Ids]
    truth: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ids)


class DataFindings(NamedTuple):
    """Numbers of texts that inflate the score or mislead the training, compared by their words alone. `lstmctl data
    check` is more thorough, and lists them."""

    leaks: int  # validation and test texts that are copies of training texts
    conflicts: int  # training texts that repeat an earlier one under another label
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
    unknown: float  # proportion of the words of the training texts outside the vocabulary
    cut: float  # proportion of the training texts longer than max_len
    findings: DataFindings
    odds: WordOdds | None  # the first embedding dimensions, if the recipe uses them
    vectors: Floats | None  # (vocab_size, other dimensions): where these start; None: at random
    steps: int  # per epoch
    epochs: int

    def starting_embedding(self) -> Floats | None:
        """(vocab_size, embedding_dim): the embedding before the first step, NaN where it starts at random: for each
        ensemble member its odds, then its vectors. None: all of it starts at random."""
        known = [part for part in (self.odds and self.odds.table, self.vectors) if part is not None]
        if not known:
            return None
        table = np.concatenate(known, axis=1)
        random = self.model.embedding_dim // self.training.ensemble_size - table.shape[1]
        member = np.pad(table, [(0, 0), (0, random)], constant_values=np.nan)
        return np.tile(member, (1, self.training.ensemble_size))


def prepare(
    data: Dataset,
    training: TrainConfig,
    *,
    labels: tuple[str, ...],
    unlabelled: Sequence[str] = (),
    vectors: bool = True,
) -> Plan:
    """Learn the vocabulary from the training texts, encode all parts with it, and measure the baselines.

    labels      in the order of the model's outputs: of two, the second is the positive one.
    unlabelled  texts that add words to the vocabulary and co-occurrences to the word vectors.
    vectors     False skips the word vectors, for a run that continues from a checkpoint.

    Raises BadData if the training texts have no words, UsageError if the model would be too large.
    """
    training = training.validate().for_texts(len(data.train))
    training.model_config(labels, training.vocab_size).validate()  # sizes, before anything is allocated
    parts = (data.train, data.validation, data.test)
    tokens = Tokens()
    texts = [tokens.read(example.text for example in part) for part in parts]
    truths = [label_indices(part, labels) for part in parts]
    vocabulary = tokens.vocabulary(texts[0])
    if len(vocabulary) == FIRST_WORD:
        raise BadData("the training texts have no words", hint="lstmctl data list shows the available data sets")
    train, validation, test = ids = [tokens.to_ids(part, vocabulary) for part in texts]
    # Baselines and findings know the labelled texts alone, whatever else word vectors are learned from.
    held_out = {"validation": (validation, truths[1]), "test": (test, truths[2])}
    baselines = measure_baselines((train, truths[0]), held_out, labels=labels, vocab_size=len(vocabulary))
    findings = _find_misleading(train, truths[0], [*validation, *test])
    unlabelled_ids: list[Ids] = []
    if unlabelled:
        more = tokens.read(unlabelled)
        vocabulary = tokens.vocabulary([*texts[0], *more])
        train, validation, test = ids = [tokens.to_ids(part, vocabulary) for part in texts]
        unlabelled_ids = tokens.to_ids(more, vocabulary)
    vocabulary = vocabulary.first(training.vocab_size, min_count=training.min_count)
    model = training.model_config(labels, len(vocabulary)).validate()
    encoded = [EncodedPart(truncate_ids(part, model), truth) for part, truth in zip(ids, truths, strict=True)]
    member = member_config(model, training.ensemble_size)
    odds = word_odds(encoded[0].ids, truths[0], member) if training.word_odds == "naive-bayes" else None
    learned = None
    if training.word_vectors == "cooccurrence" and vectors:
        dim = member.embedding_dim - (odds.table.shape[1] if odds else 0)
        learned = word_vectors([*train, *unlabelled_ids], vocab_size=model.vocab_size, dim=dim)
    return Plan(
        data=data,
        model=model,
        training=training,
        vocabulary=vocabulary,
        train=encoded[0],
        validation=encoded[1],
        test=encoded[2],
        baselines=baselines,
        unknown=float(np.mean(np.concatenate(train) >= model.vocab_size)),
        cut=sum(text.size > model.max_len for text in train) / len(train),
        findings=findings,
        odds=odds,
        vectors=learned,
        steps=-(-len(train) // training.batch_size),
        epochs=training.epochs_for(len(train)),
    )


def ordered_labels(labels: tuple[str, ...], *, positive: str | None) -> tuple[str, ...]:
    """The labels in the order of the model's outputs: of two, the positive one is last.

    >>> ordered_labels(("no", "yes"), positive="no")
    ('yes', 'no')

    Raises UsageError if `positive` is not one of two.
    """
    if positive is None:
        return labels
    if len(labels) != 2:
        raise UsageError(f"--positive needs data with two labels; these have {len(labels)}", hint="omit --positive")
    if positive not in labels:
        raise UsageError(f'--positive "{positive}" is not a label of the data', hint=f"its labels: {' '.join(labels)}")
    return tuple(sorted(labels, key=lambda label: label == positive))


def _find_misleading(train: Sequence[Ids], truth: NDArray[np.int64], held_out: Sequence[Ids]) -> DataFindings:
    """Ids are those of all words of the training texts."""

    def digest(text: Ids) -> bytes:
        return hashlib.blake2b(text.tobytes(), digest_size=16).digest()

    labels: dict[bytes, int] = {}
    conflicts = 0
    for text, label in zip(train, truth.tolist(), strict=True):
        if text.size:
            conflicts += labels.setdefault(digest(text), label) != label
    # A duplicate has no unknown word; different texts with unknown words might look alike.
    known = [text for text in held_out if text.size and not (text == UNKNOWN).any()]
    return DataFindings(sum(digest(text) in labels for text in known), conflicts, sum(not text.size for text in train))


# A training step takes about as long as this many NumPy forward passes over its texts (two threads; see
# docs/explain/training.md).
_PASSES_PER_STEP = 4.0
_START_SECONDS = 6.0  # loading TensorFlow and tracing the steps
_START_BYTES = 0.75e9  # TensorFlow and the texts
_SAMPLE = 256  # texts that are timed


@dataclass(frozen=True)
class Cost:
    """An estimate of what a training takes."""

    parameters: int
    seconds: float
    memory_bytes: int


def estimate_cost(plan: Plan) -> Cost:
    """What the training would take on this machine, from timing the forward pass with random weights."""
    ensemble_size = plan.training.ensemble_size
    config = member_config(plan.model, ensemble_size)  # zeros between the members are not trained
    generator = np.random.default_rng(0)
    weights = {name: generator.normal(0, 0.1, shape).astype(np.float32) for name, shape in config.shapes().items()}
    classifier = Classifier(config, plan.vocabulary, weights)
    sample = plan.train.ids[:_SAMPLE]
    classifier.probabilities(sample)  # the first call also fills the table of words
    started = time.perf_counter()
    classifier.probabilities(sample)
    text_seconds = ensemble_size * (time.perf_counter() - started) / len(sample)
    epoch_seconds = text_seconds * (_PASSES_PER_STEP * len(plan.train) + len(plan.validation))
    # Weights, gradients, optimizer slots, and the copies to be saved.
    arrays = {"rmsprop": 6, "adam": 7}[plan.training.optimizer] * plan.model.parameters
    lstms = ensemble_size * config.layers * len(config.directions)
    activations = plan.training.batch_size * config.max_len * lstms * 20 * max(config.units, config.embedding_dim)
    memory_bytes = int(_START_BYTES + 4 * (arrays + activations))
    return Cost(plan.model.parameters, _START_SECONDS + plan.epochs * epoch_seconds, memory_bytes)
