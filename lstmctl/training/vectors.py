"""Which word vectors the embedding starts from: learned from the texts, ready-made ones, or none.

With few texts, what words mean must come from elsewhere: good vectors that are not trained are worth several points of
accuracy. `reviews` are learned, without labels, from the 25,000 film reviews that every installation has, once, and
kept in the home folder. Whether they help on other texts, or GloVe where the extra `words` is installed, is decided by
cross-validation on the training and validation texts: a logistic regression on the mean vector of each text, beside
what the n-gram model says out of fold.
"""

import io
import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lstmctl.config import FIRST_WORD, DataConfig
from lstmctl.data.named import read_named
from lstmctl.data.packaged_vectors import is_installed, read_packaged
from lstmctl.data.vector_files import coverage, read_vectors
from lstmctl.data.word_ids import Ids, Tokens
from lstmctl.errors import UsageError
from lstmctl.model.lstm import Floats
from lstmctl.model.text import Vocabulary
from lstmctl.storage.filesystem import os_errors, write_file
from lstmctl.training.embedding import SCALE, word_vectors
from lstmctl.training.ngrams import FOLDS

_DIM = 64  # of `reviews`
_WINDOW = 20  # words to either side: wide windows tell more about opinions than narrow ones
_REVIEWS = Path("vectors", "reviews-1.bin")  # in the home folder; the number is that of the way they are learned
_REVIEW_WORDS, _REVIEW_COUNT = 30_000, 5  # most words that have a vector, and how often each must occur
# Where fewer than this share of all words are these, `reviews` are not tried: the texts are not in English.
_ENGLISH = ("the", "and", "of", "to", "is", "it", "that", "this", "for", "with", "you", "was")
_ENGLISH_SHARE = 0.06
_FEWEST_TEXTS = 200  # with fewer, a cross-validation tells nothing
_COMPARED_TEXTS = 20_000  # that the cross-validation uses
_GAIN = 1.0  # standard errors by which ready-made vectors must be better than the texts' own


class ChosenVectors(NamedTuple):
    """Where the embedding starts."""

    name: str  # "own", "reviews", "words" or a file
    vectors: Floats  # (vocab_size, dim); zeros for words without a vector
    coverage: float  # share of the words of the training texts that have a vector


class Texts(NamedTuple):
    """What vectors are chosen for: the training texts, then the validation texts."""

    ids: list[Ids]  # as the model reads them
    truth: NDArray[np.int64]
    ngram_logits: NDArray[np.float64] | None  # (texts, outputs), out of fold


def choose_vectors(
    name: str | None,
    vocabulary: Vocabulary,
    texts: Texts,
    *,
    dim: int,
    more: Sequence[Ids],
    data: DataConfig,
    home: Path,
    waiting: Callable[[str], AbstractContextManager[Any]],
) -> ChosenVectors | None:
    """The vectors called `name`, or the best ones if that is None; None for "none".

    dim: their dimensions, if these are not given by a file. more: unlabelled texts that own vectors are learned from.
    Raises UsageError: `reviews` for the data that they are learned from; and as `read_vectors`.
    """
    if name == "none":
        return None

    def own() -> ChosenVectors:
        with waiting("learning word vectors"):
            vectors = word_vectors([*texts.ids, *more], vocab_size=len(vocabulary), dim=dim)
        return _chosen("own", vectors, vocabulary)

    if name == "own":
        return own()
    if name is not None:
        if name == "reviews" and data.source == "imdb":
            message = "--vectors reviews are learned from imdb, the test texts included"
            raise UsageError(message, hint="--vectors own learns them from the training texts")
        return _ready_made(name, vocabulary, home=home, waiting=waiting)
    if data.source == "imdb" or len(texts.ids) < _FEWEST_TEXTS or not _is_english(vocabulary):
        return own()
    ready_made = ["reviews", "words"] if is_installed() else ["reviews"]
    candidates = [own(), *(_ready_made(each, vocabulary, home=home, waiting=waiting) for each in ready_made)]
    with waiting("choosing word vectors by cross-validation"):
        losses = [_losses(candidate.vectors, texts) for candidate in candidates]
    best = min(range(len(candidates)), key=lambda index: losses[index].mean())
    gain = losses[0] - losses[best]
    return candidates[best if gain.mean() > _GAIN * gain.std() / np.sqrt(len(gain)) else 0]


def _chosen(name: str, vectors: Floats, vocabulary: Vocabulary) -> ChosenVectors:
    found = np.abs(vectors).max(axis=1)[FIRST_WORD:] > 0
    return ChosenVectors(name, vectors, coverage(found, vocabulary.counts))


def _ready_made(
    name: str, vocabulary: Vocabulary, *, home: Path, waiting: Callable[[str], AbstractContextManager[Any]]
) -> ChosenVectors:
    path = home / _REVIEWS if name == "reviews" else Path(name).expanduser()
    if name == "reviews" and not path.exists():
        with waiting("learning word vectors from the film reviews, once"):
            data = _learn_reviews(home)
        with os_errors(f"create {path.parent}"):
            path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, data, force=True)
    with waiting("reading word vectors"):
        read = read_packaged(vocabulary.words) if name == "words" else read_vectors(path, vocabulary.words)
    vectors = np.zeros((len(vocabulary), read.dim), np.float32)
    vectors[FIRST_WORD:] = read.vectors
    deviation = float(read.vectors[read.found].std()) if read.found.any() else 0.0
    if deviation:
        vectors *= np.float32(SCALE / deviation)
    return _chosen(name, vectors, vocabulary)


def _learn_reviews(home: Path) -> bytes:
    """The vectors of the words of the film reviews, in word2vec's binary format."""
    tokens = Tokens("words-2")
    read = tokens.read(example.text for _, example in read_named("imdb", home=home))
    vocabulary = tokens.vocabulary(read).first(_REVIEW_WORDS, min_count=_REVIEW_COUNT)
    ids = tokens.to_ids(read, vocabulary)
    vectors = word_vectors(ids, vocab_size=len(vocabulary), dim=_DIM, window=_WINDOW)
    file = io.BytesIO()
    file.write(f"{len(vocabulary.words)} {_DIM}\n".encode())
    for word, vector in zip(vocabulary.words, vectors[FIRST_WORD:].astype("<f4"), strict=True):
        file.write(word.encode() + b" " + vector.tobytes() + b"\n")
    return file.getvalue()


def _is_english(vocabulary: Vocabulary) -> bool:
    counts = dict(zip(vocabulary.words, vocabulary.counts, strict=True))
    return sum(counts.get(word, 0) for word in _ENGLISH) >= _ENGLISH_SHARE * sum(vocabulary.counts)


def _losses(vectors: Floats, texts: Texts) -> NDArray[np.float64]:
    """(texts,): the log loss, out of fold, of a logistic regression on the mean vector of the words of each text."""
    from sklearn.linear_model import LogisticRegression

    ids, truth = texts.ids[:_COMPARED_TEXTS], texts.truth[:_COMPARED_TEXTS]
    means = np.stack([vectors[text].mean(axis=0) if text.size else np.zeros(vectors.shape[1]) for text in ids])
    deviation = means.std(axis=0)
    features = (means - means.mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    if texts.ngram_logits is not None:
        features = np.concatenate([features, texts.ngram_logits[:_COMPARED_TEXTS]], axis=1)
    fold = np.random.default_rng(0).permutation(len(ids)) % FOLDS
    losses = np.zeros(len(ids))
    for number in range(FOLDS):
        train, rest = fold != number, fold == number
        model = LogisticRegression(C=0.1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it has not converged yet
            probabilities = model.fit(features[train], truth[train]).predict_proba(features[rest])
        column = np.searchsorted(model.classes_, truth[rest])
        column = np.minimum(column, len(model.classes_) - 1)
        correct = model.classes_[column] == truth[rest]
        chosen = np.where(correct, probabilities[np.arange(len(column)), column], 0.0)
        losses[rest] = -np.log(np.maximum(chosen, 1e-7))
    return losses
