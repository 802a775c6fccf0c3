"""Everything that is decided before the first step, without TensorFlow: vocabulary, ids, baselines, epochs, cost."""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lstmctl.config import FIRST_WORD, UNKNOWN, ModelConfig, TrainConfig
from lstmctl.data.datasets import Dataset
from lstmctl.data.word_ids import Ids, Tokens, truncate_ids
from lstmctl.errors import BadData, UsageError
from lstmctl.evaluation.baselines import Baselines, label_indices, measure_baselines
from lstmctl.model.classifier import Classifier, both_labels
from lstmctl.model.lstm import Floats
from lstmctl.model.ngrams import NgramParts, NgramTable
from lstmctl.model.text import Vocabulary
from lstmctl.training.ensemble import member_config
from lstmctl.training.ngrams import FittedNgrams, fit_ngrams
from lstmctl.training.tfidf import predict_tfidf
from lstmctl.training.vectors import ChosenVectors, choose_vectors
from lstmctl.training.vectors import Texts as VectorTexts


@dataclass(frozen=True)
class EncodedPart:
    """Labelled texts as the model reads them: the word ids of each, and the index of its label, (texts,)."""

    ids: list[Ids]
    truth: NDArray[np.int64]
    ngrams: NgramParts | None = None  # of texts that the n-gram model was learned from: out of fold

    def __len__(self) -> int:
        return len(self.ids)


class DataFindings(NamedTuple):
    """Numbers of texts that inflate the score or mislead the training, compared by their words alone. `lstmctl data
    check` is more thorough, and lists them."""

    leaks: int  # validation and test texts that are copies of training texts
    conflicts: int  # training texts that repeat an earlier one under another label
    empty: int  # training texts without words
    copies: int = 0  # training texts that repeat an earlier one under the same label


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
    ngrams: dict[str, NDArray[Any]] | None  # the tensors of the n-gram model, if there is one
    vectors: ChosenVectors | None  # where the embedding starts; None: at random, or the run has a checkpoint
    steps: int  # per epoch

    @property
    def epochs(self) -> int:
        """Number of epochs."""
        assert self.training.epochs is not None  # noqa: S101  `prepare` fills it in
        return self.training.epochs

    @property
    def ensemble_size(self) -> int:
        """LSTMs whose logits are averaged."""
        return self.training.ensemble_size or 1

    @property
    def embedding_rate(self) -> float:
        """Learning rate of the embedding, relative to all else; 0: it is not trained."""
        rate = self.training.vectors_rate
        return 1.0 if self.training.vectors == "none" or rate is None else rate

    def tensors(self, weights: Mapping[str, Floats], *, temperature: float = 1.0) -> dict[str, NDArray[Any]]:
        """All tensors of a model with these weights of the network, whose head is already divided by the temperature of
        its calibration."""
        tensors: dict[str, NDArray[Any]] = dict(weights)
        if self.ngrams is not None:
            tensors |= self.ngrams
            for name in ("ngrams.scale", "ngrams.bias"):
                tensors[name] = (tensors[name] / np.float32(temperature)).astype(np.float32)
        return tensors

    def validation_ngrams(self, temperature: float) -> NgramParts | None:
        """What n-grams contribute to the validation texts, out of fold, in a model with this temperature."""
        parts = self.validation.ngrams
        return None if parts is None else parts._replace(logits=parts.logits / temperature)


def prepare(
    data: Dataset,
    training: TrainConfig,
    *,
    labels: tuple[str, ...],
    home: Path,
    unlabelled: Sequence[str] = (),
    vectors: bool = True,
    waiting: Callable[[str], AbstractContextManager[Any]] = nullcontext,
) -> Plan:
    """Learn the vocabulary from the training texts, encode all parts with it, measure the baselines, and learn the
    n-gram model and the word vectors.

    labels      in the order of the model's outputs: of two, the second is the positive one.
    home        the folder where ready-made word vectors are kept.
    unlabelled  texts that add words to the vocabulary and co-occurrences to the word vectors.
    vectors     False skips learning word vectors: in a dry run, or a run that continues from a checkpoint.
    waiting     a context around each step that can take seconds.

    Raises BadData if the training texts have no words, UsageError if the model would be too large, and as
    `choose_vectors`.
    """
    training = training.validate()
    training.model_config(labels, training.vocab_size).validate()  # sizes, before anything is allocated
    parts = (data.train, data.validation, data.test)
    tokens = Tokens(training.tokenizer)
    with waiting("learning the vocabulary"):
        texts = [tokens.read(example.text for example in part) for part in parts]
    truths = [label_indices(part, labels) for part in parts]
    vocabulary = tokens.vocabulary(texts[0])
    if len(vocabulary) == FIRST_WORD:
        raise BadData("the training texts have no words", hint="lstmctl data list shows the available data sets")
    train, validation, test = ids = [tokens.to_ids(part, vocabulary) for part in texts]
    training = training.for_data(texts=len(train), words=sum(min(text.size, training.max_len) for text in train))
    # Baselines and findings know the labelled texts alone, whatever else word vectors are learned from.
    baselines = _baselines(ids, truths, training, labels=labels, vocab_size=len(vocabulary), waiting=waiting)
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
    # From the validation texts too: what n-grams tell about a text is always from a model that does not know it.
    known, known_truth = encoded[0].ids + encoded[1].ids, np.concatenate(truths[:2])
    with waiting("fitting the n-gram model") if model.ngram_order else nullcontext():
        fitted = _fit_ngrams(known, known_truth, model, training, labels=len(labels))
    if fitted is None:
        model = replace(model, ngrams="none", ngram_count=0)
    else:
        model = fitted.config(model)
        encoded = _with_ngrams(encoded, fitted.out_of_fold)
        baselines = _measure_ngrams(baselines, encoded, NgramTable(model, fitted.tensors), labels=len(labels))
    chosen = None
    if vectors or training.vectors not in (None, "own", "none"):
        chosen = choose_vectors(
            training.vectors,
            vocabulary,
            VectorTexts(known, known_truth, None if fitted is None else fitted.out_of_fold.logits),
            dim=model.embedding_dim,
            more=unlabelled_ids,
            data=data.config,
            home=home,
            waiting=waiting,
        )
        training = replace(training, vectors=chosen.name if chosen is not None else "none")
        model = replace(model, embedding_dim=model.embedding_dim if chosen is None else chosen.vectors.shape[1])
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
        ngrams=None if fitted is None else fitted.tensors,
        vectors=chosen,
        steps=-(-len(train) // training.batch_size),
    )


def _baselines(
    parts: Sequence[Sequence[Ids]],
    truths: Sequence[NDArray[np.int64]],
    training: TrainConfig,
    *,
    labels: tuple[str, ...],
    vocab_size: int,
    waiting: Callable[[str], AbstractContextManager[Any]],
) -> Baselines:
    """Naive Bayes, and TF-IDF where the model has no n-grams: these alone are measured when they have been learned.

    parts: the ids of all words of the training, validation and test texts.
    """
    held_out = dict(zip(("validation", "test"), zip(parts[1:], truths[1:], strict=True), strict=True))
    baselines = measure_baselines((parts[0], truths[0]), held_out, labels=labels, vocab_size=vocab_size)
    if training.ngrams != "none":
        return baselines
    with waiting("fitting TF-IDF with logistic regression, the baseline"):
        predicted = predict_tfidf(parts[0], truths[0], held_out)
    if predicted is None:
        return baselines
    truth = {name: truth for name, (_, truth) in held_out.items()}
    return baselines.with_predictions("tfidf", predicted, truth, labels=len(labels))


def _fit_ngrams(
    texts: Sequence[Ids], truth: NDArray[np.int64], model: ModelConfig, training: TrainConfig, *, labels: int
) -> FittedNgrams | None:
    """The n-gram model of a model that has one; None if it has none, or none can be fitted to these texts."""
    fitted = fit_ngrams(texts, truth, model) if model.ngram_order else None
    balanced = fitted is not None and training.class_weight == "balanced"
    return fitted.balanced(truth, labels=labels) if fitted is not None and balanced else fitted


def _with_ngrams(parts: Sequence[EncodedPart], out_of_fold: NgramParts) -> list[EncodedPart]:
    """The parts, training and validation with what n-grams contribute to their texts, which `out_of_fold` is about."""
    train, validation, test = parts
    known, split = train.ids + validation.ids, len(train)
    return [
        replace(train, ngrams=out_of_fold.of(known, 0, split)),
        replace(validation, ngrams=out_of_fold.of(known, split, len(known))),
        test,
    ]


def _measure_ngrams(baselines: Baselines, parts: Sequence[EncodedPart], table: NgramTable, *, labels: int) -> Baselines:
    """The baselines, with the n-grams alone: out of fold on the validation texts."""
    _, validation, test = parts
    logits = {"test": table.parts(test.ids).logits}
    if validation.ngrams is not None:
        logits["validation"] = validation.ngrams.logits
    predicted = {name: both_labels(own).argmax(axis=1) for name, own in logits.items()}
    truths = {"validation": validation.truth, "test": test.truth}
    return baselines.with_predictions("ngrams", predicted, truths, labels=labels)


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
    conflicts = copies = 0
    for text, label in zip(train, truth.tolist(), strict=True):
        if text.size:
            different, first = len(labels), labels.setdefault(digest(text), label)
            conflicts += first != label
            copies += first == label and len(labels) == different
    # A duplicate has no unknown word; different texts with unknown words might look alike.
    known = [text for text in held_out if text.size and not (text == UNKNOWN).any()]
    leaks, empty = sum(digest(text) in labels for text in known), sum(not text.size for text in train)
    return DataFindings(leaks, conflicts, empty, copies)


# A training step takes about as long as this many NumPy forward passes over its texts (two threads; see
# docs/explain/training.md).
_PASSES_PER_STEP = 4.0
_START_SECONDS = 6.0  # loading TensorFlow and tracing the steps
_START_BYTES = 0.75e9  # TensorFlow and the texts
_SAMPLE = 256  # texts that are timed, and fewer where they take
_TIMED_PRODUCTS = 10**10  # multiplications
_TIMED_SIZE = 512  # units and numbers of the embedding of the network that is timed, at most


@dataclass(frozen=True)
class Cost:
    """An estimate of what a training takes."""

    parameters: int
    seconds: float
    memory_bytes: int


def _timed_texts(texts: Sequence[Ids], config: ModelConfig) -> list[Ids]:
    """The first texts, which take about `_TIMED_PRODUCTS` multiplications; at least one, which may be cut."""
    words = max(16, _TIMED_PRODUCTS // config.products)
    if config.padding == "pre":  # each text has as many words
        return list(texts[: min(_SAMPLE, max(1, words // config.max_len))])
    chosen = list[Ids]()
    for text in texts[:_SAMPLE]:
        if chosen and words < len(text):
            break
        chosen.append(text[:words])
        words -= len(text)
    return chosen


def estimate_cost(plan: Plan) -> Cost:
    """What the training would take on this machine, from timing the forward pass with random weights. Networks that are
    large are not built: a smaller one is timed on part of the texts, and multiplied."""
    ensemble_size = plan.ensemble_size
    full = member_config(plan.model, ensemble_size)  # zeros between the members are not trained
    sizes = {name: min(getattr(full, name), _TIMED_SIZE) for name in ("units", "embedding_dim")}
    config = replace(full, **sizes)
    sample = _timed_texts(plan.train.ids, config)
    generator = np.random.default_rng(0)
    weights = {name: generator.normal(0, 0.1, shape).astype(np.float32) for name, shape in config.shapes().items()}
    classifier = Classifier(config, plan.vocabulary, plan.tensors(weights))
    classifier.probabilities(sample)  # the first call also fills the table of words
    started = time.perf_counter()
    classifier.probabilities(sample)
    timed = (time.perf_counter() - started) * full.products / config.products
    if config.padding == "pre":
        text_seconds = ensemble_size * timed / len(sample)
    else:
        words = sum(map(len, plan.train.ids)) / len(plan.train)
        text_seconds = ensemble_size * timed * words / max(1, sum(map(len, sample)))
    epoch_seconds = text_seconds * (_PASSES_PER_STEP * len(plan.train) + len(plan.validation))
    # Weights, gradients, optimizer slots, and the copies to be saved.
    arrays = {"rmsprop": 6, "adam": 7}[plan.training.optimizer] * plan.model.parameters
    lstms = ensemble_size * full.layers * len(full.directions)
    activations = plan.training.batch_size * full.max_len * lstms * 20 * max(full.units, full.embedding_dim)
    memory_bytes = int(_START_BYTES + 4 * (arrays + activations))
    return Cost(plan.model.parameters, _START_SECONDS + plan.epochs * epoch_seconds, memory_bytes)
