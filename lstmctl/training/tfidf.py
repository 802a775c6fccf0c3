"""The strongest baseline for models without n-grams: TF-IDF of words and pairs of words, and logistic regression.

This is what most people try first on texts. Tuned as usual: words and pairs in at least two texts, sublinear term
frequencies, and the best of three regularization strengths on the validation texts.

Source: scikit-learn's TfidfTransformer and LogisticRegression.
"""

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lstmctl.data.word_ids import Ids
from lstmctl.evaluation.baselines import Texts
from lstmctl.model.ngrams import KeyIndex, ngram_keys
from lstmctl.training.ngrams import candidates, sample

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_ORDER, _FEWEST = 2, 2  # words of the longest n-gram, and the number of times that an n-gram must occur
_STRENGTHS = (1.0, 10.0, 100.0)  # inverse, as in scikit-learn
_ITERATIONS = 10


def predict_tfidf(
    train: Sequence[Ids], truth: NDArray[np.int64], parts: Mapping[str, Texts]
) -> dict[str, NDArray[np.int64]] | None:
    """The label indices that the baseline predicts for the texts of each part, "validation" among them; None if the
    training texts have one label only, or no n-gram occurs twice.

    Texts are given as word ids; `truth` (texts,) are the labels of the training texts.
    """
    from sklearn.feature_extraction.text import TfidfTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier

    used = sample(np.fromiter(map(len, train), np.int64, len(train)))
    train, truth = [train[index] for index in used], truth[used]
    keys = candidates(train, _ORDER, _FEWEST)
    if np.unique(truth).size < 2 or not keys.size:
        return None
    index = KeyIndex(keys)
    weighting = TfidfTransformer(sublinear_tf=True)
    features = weighting.fit_transform(_counts(train, index))
    held_out = {name: weighting.transform(_counts(texts, index)) for name, (texts, _) in parts.items() if texts}
    best: dict[str, NDArray[np.int64]] = {}
    most = -1.0
    for strength in _STRENGTHS:
        regression = LogisticRegression(C=strength, solver="liblinear", dual=True, max_iter=_ITERATIONS, random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it has not converged yet
            model = OneVsRestClassifier(regression).fit(features, truth)
        right = float(np.mean(model.predict(held_out["validation"]) == parts["validation"][1]))
        if right > most:
            best, most = {name: model.predict(part) for name, part in held_out.items()}, right
    return best


def _counts(texts: Sequence[Ids], index: KeyIndex) -> "csr_matrix":
    """(texts, n-grams): how often each n-gram occurs in each text."""
    from scipy.sparse import csr_matrix

    _, text, keys = ngram_keys(texts, _ORDER)
    rows, texts_of_rows = np.concatenate([index.find(own) for own in keys]), np.tile(text, _ORDER)
    known = rows < index.size
    cells = np.ones(int(known.sum()), np.float32), (texts_of_rows[known], rows[known])
    return csr_matrix(cells, (len(texts), index.size))  # equal cells are added
