"""The TF-IDF baseline agrees with scikit-learn's own vectorizer."""

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from lstmctl.config import FIRST_WORD
from lstmctl.training.tfidf import predict_tfidf


def corpus(labels, *, seed):
    """Texts of word ids in which each label prefers other words, and their labels."""
    generator = np.random.default_rng(seed)
    truth = generator.integers(labels, size=240)
    texts = [
        (FIRST_WORD + (generator.geometric(0.2, generator.integers(1, 12)) + 3 * label) % 30).astype(np.int32)
        for label in truth
    ]
    return texts, truth


@pytest.mark.parametrize("labels", [2, 4])
def test_agreement_with_scikit_learn(labels):
    texts, truth = corpus(labels, seed=labels)
    parts = {"validation": (texts[120:180], truth[120:180]), "test": (texts[180:], truth[180:])}
    predicted = predict_tfidf(texts[:120], truth[:120], parts)
    words = [" ".join(map(str, text)) for text in texts]
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\d+", max_features=None)
    # In at least two places, which within one text counts too; scikit-learn's `min_df` counts texts.
    everywhere = [gram for text in words[:120] for gram in vectorizer.build_analyzer()(text)]
    vectorizer.vocabulary = sorted({gram for gram in everywhere if everywhere.count(gram) >= 2})
    features = vectorizer.fit_transform(words[:120])
    rest = vectorizer.transform(words[120:])
    right = {}
    for strength in (1.0, 10.0, 100.0):
        regression = LogisticRegression(C=strength, solver="liblinear", dual=True, max_iter=10_000)
        answers = OneVsRestClassifier(regression).fit(features, truth[:120]).predict(rest)
        right[strength] = (
            np.mean(answers[:60] == truth[120:180]),
            np.mean(answers == np.concatenate([*predicted.values()])),
        )
    best = max(score for score, _ in right.values())
    assert np.mean(predicted["validation"] == truth[120:180]) == pytest.approx(best, abs=0.04)  # not fully converged
    assert max(agreement for score, agreement in right.values() if score >= best - 0.04) > 0.95


def test_nothing_to_learn():
    one = [np.array([2, 3], np.int32)] * 4
    assert predict_tfidf(one, np.zeros(4, np.int64), {"validation": (one, np.zeros(4, np.int64))}) is None
    different = [np.array([FIRST_WORD + index], np.int32) for index in range(4)]
    truth = np.array([0, 1, 0, 1])
    assert predict_tfidf(different, truth, {"validation": (different, truth)}) is None


def test_parts_without_texts_are_left_out():
    texts, truth = corpus(2, seed=0)
    nothing = [], np.zeros(0, np.int64)
    assert set(predict_tfidf(texts, truth, {"validation": (texts[:9], truth[:9]), "test": nothing})) == {"validation"}
