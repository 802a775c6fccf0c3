"""Learn the n-gram model of a model: which n-grams, their weights, and what it says about its own training texts.

The weights are those of a logistic regression on binary n-grams, of naive Bayes, which learns more from few texts, or
the sum of both. A training text must not be read with weights that
were learned from it: they would reveal its label, and the LSTM would rely on them far too much. So the texts are
divided into folds, one model is fitted without each fold, and each text is read with the model that does not know it.
The finished model has the mean of these models. Duplicates are in one fold, and so are neighbours in the file, which
are often about the same thing.

The features of a text are 1 for each of its different n-grams, divided by the square root of its length, times a factor
for each n-gram that says how far its weight may move: either the naive Bayes log-count ratio, or the inverse document
frequency. All settings are chosen by cross-validation on these folds: factor, strength of the regularization, longest
n-gram, smoothing and share of naive Bayes.

Source: Wang and Manning, Baselines and Bigrams (2012), for log-count ratios as factors; scikit-learn's
LogisticRegression. Stacking of out-of-fold predictions: Wolpert, Stacked Generalization (1992).
"""

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lstmctl.config import ModelConfig
from lstmctl.data.word_ids import Ids
from lstmctl.evaluation.calibration import LOWEST, lowest_log_loss, minimize_log_loss
from lstmctl.model.classifier import both_labels
from lstmctl.model.lstm import Floats
from lstmctl.model.ngrams import KeyIndex, NgramParts, NgramTable, Occurrences, distinct, ngram_keys

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

FOLDS = 5
_SMALL, _LARGE = 1_000_000, 5_000_000  # n-grams of all texts times outputs: how many settings are tried
# With fewer texts than the first number, the number of them that an n-gram must be in.
_FEWEST = ((3_000, 1), (10_000, 2), (10**12, 3))
_MOST_CANDIDATES = 1_000_000  # n-grams, the most frequent ones
_MOST_NGRAMS, _MOST_WEIGHTS = 200_000, 2_000_000  # in the finished table, those that change most predictions
_MOST_WORDS = 12_000_000  # that are read for learning; further texts are read as unseen ones
_ITERATIONS = 10  # passes over the texts
_DEVIATION = 0.3  # of the inputs of the LSTM at words that have an n-gram
_ABSENT = -5.0  # intercept of a label that no text has


class Setting(NamedTuple):
    """The settings of one linear model."""

    order: int  # words of the longest n-gram
    kind: str  # a logistic regression with the factor "ratio" or "idf", or "bayes"
    strength: float  # inverse of the regularization strength, as C in scikit-learn; of "bayes" its smoothing


Mixture = list[tuple[Setting, float]]  # linear models, and the factors of their weights in the sum

_TRIED = [("ratio", 3.0), ("ratio", 30.0), ("ratio", 300.0), ("idf", 1.0), ("idf", 10.0), ("idf", 100.0)]
_TRIED += [("bayes", 0.1), ("bayes", 1.0)]
_TRIED_IF_MORE = [("ratio", 30.0), ("idf", 10.0)]
_BAYES_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class FittedNgrams:
    """The n-gram model, and what it contributes to the texts that it was learned from, out of fold."""

    order: int  # words of the longest n-gram
    tensors: dict[str, NDArray[Any]]  # of the finished model, by the names of `ModelConfig.ngram_shapes`
    out_of_fold: NgramParts

    def config(self, model: ModelConfig) -> ModelConfig:
        """The configuration of the model with these n-grams."""
        return _with_ngrams(model, self.order, count=self.tensors["ngrams.keys"].size)

    def balanced(self, truth: NDArray[np.int64], *, labels: int) -> "FittedNgrams":
        """The same, as if all labels were equally frequent: the logarithms of their frequencies are subtracted from
        the logits. truth (texts,): the labels of the texts that the model was learned from."""
        prior = np.log(np.maximum(np.bincount(truth, minlength=labels), 1) / truth.size)
        shift = prior[1:] - prior[:1] if labels == 2 else prior - prior.mean()
        tensors = {**self.tensors, "ngrams.bias": (self.tensors["ngrams.bias"] - shift).astype(np.float32)}
        return replace(
            self, tensors=tensors, out_of_fold=self.out_of_fold._replace(logits=self.out_of_fold.logits - shift)
        )


def _with_ngrams(model: ModelConfig, order: int, *, count: int) -> ModelConfig:
    name: Any = str(order)  # one of the literals
    return replace(model, ngrams=name, ngram_count=count)


def fit_ngrams(
    texts: Sequence[Ids],
    truth: NDArray[np.int64],
    model: ModelConfig,
) -> FittedNgrams | None:
    """Learn the n-gram model of `model`, with n-grams of at most `model.ngram_order` words; None if there are none that
    occur often enough.

    texts: the word ids of the training texts as the model reads them; truth (texts,): indices of their labels.
    """
    learner = _Learner(texts, truth, model)
    if not learner.keys.size:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of scikit-learn, that it has not converged yet
        mixture = _choose(learner, longest=model.ngram_order)
        return learner.finish(max(each.order for each, _ in mixture), [learner.mix(mixture, f) for f in range(FOLDS)])


def _choose(learner: "_Learner", *, longest: int) -> Mixture:
    """The linear model with the lowest log loss out of fold, or the sum of a regression and naive Bayes."""
    work = learner.size * learner.outputs
    orders = [longest] if work > _LARGE else range(1, longest + 1)
    settings = [Setting(order, *rest) for order in orders for rest in (_TRIED if work < _SMALL else _TRIED_IF_MORE)]
    folds = 1 if work > _LARGE else FOLDS
    known = learner.folds < folds
    truth = learner.truth[known]

    def loss(logits: NDArray[np.float64]) -> float:
        return lowest_log_loss(both_labels(logits), truth)

    best: dict[bool, tuple[float, Setting, NDArray[np.float64]]] = {}  # regression, and naive Bayes
    for setting in settings:
        logits = np.empty((len(learner.truth), learner.outputs))
        for fold in range(folds):
            logits[learner.folds == fold] = learner.predict(setting, fold)
        is_bayes, found = setting.kind == "bayes", loss(logits[known])
        if is_bayes not in best or found < best[is_bayes][0]:
            best[is_bayes] = found, setting, logits[known]
    if len(best) == 1:
        return [(setting, 1.0) for _, setting, _ in best.values()]
    regression, bayes = (logits for _, _, logits in (best[False], best[True]))
    units = [1 / minimize_log_loss(both_labels(logits), truth) for logits in (regression, bayes)]
    shares = {share: ((1 - share) * units[0], share * units[1]) for share in _BAYES_SHARES}
    factors = min(shares.values(), key=lambda pair: loss(pair[0] * regression + pair[1] * bayes))
    if not all(factors):  # one of the two, whose scale does not matter
        return [(best[bool(factors[1])][1], 1.0)]
    return [(best[is_bayes][1], factor) for is_bayes, factor in zip((False, True), factors, strict=True)]


class _Fold(NamedTuple):
    weights: Floats  # (n-grams, outputs): of all candidates; 0 where the fold has too few
    bias: NDArray[np.float64]  # (outputs,)


class _Learner:
    """The candidates, which texts have them, and the folds."""

    def __init__(self, texts: Sequence[Ids], truth: NDArray[np.int64], model: ModelConfig) -> None:
        from scipy.sparse import csr_matrix

        self.texts, self.truth, self.model = texts, truth, model
        self.outputs = model.outputs
        self.words = np.fromiter(map(len, texts), np.int64, len(texts))
        self.fewest = next(fewest for many, fewest in _FEWEST if len(texts) < many)
        self.used = sample(self.words)
        self.keys = candidates([texts[index] for index in self.used], model.ngram_order, self.fewest)
        index = KeyIndex(self.keys)
        _, text, keys = ngram_keys(texts, model.ngram_order)
        self.found = Occurrences(np.stack([index.find(own) for own in keys], axis=1), text)
        text, row = distinct(self.found, missing=self.keys.size)
        shape = len(texts), self.keys.size
        self.present: csr_matrix = csr_matrix((np.ones(len(row), np.float32), (text, row)), shape)
        self.size = self.present.nnz
        self.length = np.sqrt(np.maximum(self.words, 1)).astype(np.float32)
        self.orders = np.searchsorted(np.array([1 << 21, 1 << 42], np.uint64), self.keys, side="right") + 1
        self.folds = _folds(texts, truth)

    def mix(self, mixture: Mixture, fold: int) -> _Fold:
        """The sum of linear models that are learned without the texts of a fold."""
        models = [(self.fit(setting, fold), factor) for setting, factor in mixture]
        weights = sum(np.float32(factor) * model.weights for model, factor in models)
        return _Fold(np.asarray(weights), np.asarray(sum(factor * model.bias for model, factor in models)))

    def fit(self, setting: Setting, fold: int) -> _Fold:
        """The model that is learned without the texts of a fold."""
        train = np.zeros(len(self.texts), np.bool_)
        train[self.used] = True
        train &= self.folds != fold
        rows, truth = self.present[train], self.truth[train]
        counts = rows.T @ np.ones(len(truth), np.float32)
        usable = (counts >= self.fewest) & (self.orders <= setting.order)
        rows.data /= np.repeat(self.length[train], np.diff(rows.indptr))
        if setting.kind == "bayes":
            return self._naive_bayes(train, usable, smoothing=setting.strength)
        inverse_frequency = np.log((1 + len(truth)) / np.maximum(counts, 1))
        weights, bias = np.zeros((self.keys.size, self.outputs), np.float32), np.zeros(self.outputs)
        for output in range(self.outputs):
            of_label = truth == (1 if self.outputs == 1 else output)
            if setting.kind == "idf":
                factor = inverse_frequency
            else:
                ours = self.present[train].T @ of_label.astype(np.float32) + 1
                others = counts + 2 - ours
                factor = np.log(ours / ours.sum()) - np.log(others / others.sum())
            weights[:, output], bias[output] = _regression(rows, of_label, factor * usable, c=setting.strength)
        return _Fold(weights, bias)

    def _naive_bayes(self, train: NDArray[np.bool_], usable: NDArray[np.bool_], *, smoothing: float) -> _Fold:
        """How much more likely each n-gram is in texts of a label than in texts of the other one, or of all labels on
        average; labels are taken to be equally frequent."""
        labels = [(self.truth == label) & train for label in range(len(self.model.labels))]
        counts = np.stack([self.present[texts].T @ np.ones(texts.sum(), np.float32) for texts in labels], axis=1)
        smoothed = (counts + np.float32(smoothing)) * usable[:, None]
        likelihood = np.log(np.maximum(smoothed, np.float32(1e-9))) - np.log(np.maximum(smoothed.sum(axis=0), 1e-9))
        if self.outputs == 1:
            weights = likelihood[:, 1:] - likelihood[:, :1]
        else:
            weights = likelihood - likelihood.mean(axis=1, keepdims=True)
        return _Fold(weights * usable[:, None], np.zeros(self.outputs))

    def predict(self, setting: Setting, fold: int) -> NDArray[np.float64]:
        """(texts of the fold, outputs): the logits of the model that is learned without them."""
        return self._logits(self.fit(setting, fold), self.folds == fold)

    def _logits(self, model: _Fold, texts: NDArray[np.bool_]) -> NDArray[np.float64]:
        sums = self.present[texts] @ model.weights
        return np.asarray(sums / self.length[texts, None] + model.bias, np.float64)

    def finish(self, order: int, folds: Sequence[_Fold]) -> FittedNgrams | None:
        """The mean of the models of all folds, and what each says about its own fold; None without weights."""
        logits = np.empty((len(self.texts), self.outputs))
        for number, model in enumerate(folds):
            logits[self.folds == number] = self._logits(model, self.folds == number)
        temperature = minimize_log_loss(both_labels(logits), self.truth)
        if temperature <= LOWEST:  # without mistakes, the loss falls as long as the logits grow
            temperature = 1.0
        weights = np.mean([model.weights for model in folds], axis=0)
        bias = np.mean([model.bias for model in folds], axis=0)
        # The inputs of the LSTM vary about as much as its other inputs.
        deviation = float(np.std(weights[self.found.rows[self.found.rows < self.keys.size]], dtype=np.float64)) or 1.0
        kept = self._most_important(weights)
        if not kept.any():
            return None
        unit = np.float32(_DEVIATION / deviation)
        tensors = {
            "ngrams.keys": self.keys[kept],
            "ngrams.weights": (weights[kept] * unit).astype(np.float16),
            "ngrams.scale": np.array([1 / (unit * temperature)], np.float32),
            "ngrams.bias": (bias / temperature).astype(np.float32),
        }
        config = _with_ngrams(self.model, order, count=int(kept.sum()))
        inputs = np.empty((len(self.found.rows), config.ngram_inputs), np.float32)
        fold_of_word = np.repeat(self.folds, self.words)
        for number, model in enumerate(folds):
            own_weights = model.weights * unit * kept[:, None]
            table = NgramTable(config, {**tensors, "ngrams.keys": self.keys, "ngrams.weights": own_weights})
            own = fold_of_word == number
            found = Occurrences(self.found.rows[own, :order], self.found.texts[own])
            inputs[own] = table.word_inputs(found)
        return FittedNgrams(order, tensors, NgramParts(inputs, logits / temperature))

    def _most_important(self, weights: Floats) -> NDArray[np.bool_]:
        """(n-grams,): which ones have weights and change most predictions, as many as there may be."""
        counts = np.asarray(self.present.sum(axis=0)).ravel()
        importance = np.abs(weights).max(axis=1) * np.sqrt(counts)
        most = max(1, min(_MOST_NGRAMS, _MOST_WEIGHTS // self.outputs))
        kept = np.zeros(importance.size, np.bool_)
        kept[np.argsort(-importance, kind="stable")[:most]] = True
        return np.asarray(kept & (importance > 0))


def sample(words: NDArray[np.int64]) -> NDArray[np.int64]:
    """The indices of the texts that n-grams are learned from: all, or a sample of very many."""
    if words.sum() <= _MOST_WORDS:
        return np.arange(words.size)
    order = np.random.default_rng(0).permutation(words.size)
    return np.sort(order[np.cumsum(words[order]) <= _MOST_WORDS])


def candidates(texts: Sequence[Ids], order: int, fewest: int) -> NDArray[np.uint64]:
    """The keys of the n-grams that occur at least `fewest` times, sorted; of very many the most frequent ones."""
    _, _, keys = ngram_keys(texts, order)
    every = np.sort(np.concatenate([own[own > 0] for own in keys]))
    starts = np.flatnonzero(np.diff(every, prepend=np.uint64(0)))
    counts = np.diff(starts, append=every.size)
    frequent = counts >= fewest
    if frequent.sum() > _MOST_CANDIDATES:
        frequent = counts > np.partition(counts, -_MOST_CANDIDATES)[-_MOST_CANDIDATES]
    return every[starts[frequent]]


def _folds(texts: Sequence[Ids], truth: NDArray[np.int64]) -> NDArray[np.int64]:
    """(texts,): the fold of each text: blocks of neighbours within a label; duplicates in the fold of the first one."""
    folds = np.empty(len(texts), np.int64)
    for label in np.unique(truth):
        own = np.flatnonzero(truth == label)
        folds[own] = np.arange(own.size) * FOLDS // own.size
    first: dict[bytes, int] = {}
    for index, text in enumerate(texts):
        digest = hashlib.blake2b(text.tobytes(), digest_size=16).digest()
        folds[index] = first.setdefault(digest, int(folds[index]))
    return folds


def _regression(
    rows: "csr_matrix", truth: NDArray[np.bool_], factor: NDArray[np.floating[Any]], *, c: float
) -> tuple[Floats, float]:
    """Weights (features,) and intercept of a logistic regression on the features times `factor` (features,)."""
    from sklearn.linear_model import LogisticRegression

    if not truth.size:
        return np.zeros(rows.shape[1], np.float32), 0.0
    if truth.all() or not truth.any():
        return np.zeros(rows.shape[1], np.float32), -_ABSENT if truth.all() else _ABSENT
    factor, scaled = factor.astype(np.float32), rows.copy()
    scaled.data *= factor[rows.indices]
    # The dual solver of liblinear is five times as fast here as L-BFGS. Not in threads: they share a random generator.
    model = LogisticRegression(C=c, solver="liblinear", dual=True, max_iter=_ITERATIONS, random_state=0)
    model.fit(scaled, truth)
    return model.coef_[0].astype(np.float32) * factor, float(model.intercept_[0])
