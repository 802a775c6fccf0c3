"""What else reads texts on a CPU, tuned as a careful user would: by cross-validation on the rows that it learns from.

  naive Bayes       counts of words, or of words and pairs; smoothing
  TF-IDF + LR       words and pairs, sublinear, least number of texts; logistic regression, its C
  NB-SVM            words, pairs and triples that are there, in rows of length 1, times their log-count ratios; a linear
                    SVM or logistic regression, its C, how much of it is mixed with naive Bayes; Wang and Manning (2012)
  fastText          floret.train_supervised, words and pairs, 50 numbers; epochs and learning rate, chosen on a fifth

More than two labels: one against the rest, except for naive Bayes and fastText. Tuned for F1, classes may also be
weighted. Words are as in the tokenizer `words-1` of the project, by a rule of their own, so that what was measured of
the peers stays valid when the project changes: letters, digits and marks with ' inside, one character of Chinese and
other scripts without spaces, an emoji.

Left out: characters of words as features, stemming, ensembles.
"""

import tempfile
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import regex
import scipy.sparse as sp
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import StratifiedKFold
from sklearn.naive_bayes import MultinomialNB
from sklearn.preprocessing import normalize
from sklearn.svm import LinearSVC

Words = list[list[str]]
Setting = dict[str, Any]
MOST_READ = 20_000_000  # words that fastText reads with one setting, in all epochs; longer settings are not tried
BUCKETS = 500_000

_UNSPACED = "".join(
    rf"\p{{Script={name}}}" for name in ("Han", "Hiragana", "Katakana", "Thai", "Lao", "Khmer", "Myanmar")
)
_RUN = rf"[[\p{{L}}\p{{N}}\p{{M}}]--[{_UNSPACED}]]+"
_WORD = regex.compile(rf"[{_UNSPACED}]\p{{M}}*|{_RUN}(?:'{_RUN})*|\p{{Extended_Pictographic}}", regex.VERSION1)


def tokenize(text: str) -> list[str]:
    text = regex.sub(r"<br\s*/?>", " ", unicodedata.normalize("NFC", text).lower()).replace("\u2019", "'")
    return _WORD.findall(text)


class Grams:
    """Counts of the words, pairs and triples of texts, up to `most` words, as sparse rows."""

    def __init__(self, texts: Words, most: int) -> None:
        self.most = most
        self.words = {word: number for number, word in enumerate(sorted({w for text in texts for w in text}), start=1)}
        if len(self.words) >= 1 << 21:
            raise ValueError("too many words: three numbers of them do not fit into 63 bits")
        self.keys = np.unique(np.concatenate([self._keys_of(text) for text in texts]))

    def _keys_of(self, text: list[str]) -> np.ndarray:
        """A number for each n-gram; none has that of another length, because words are numbered from 1."""
        ids = np.array([self.words.get(word, 0) for word in text], dtype=np.int64)
        keys = []
        for length in range(1, min(self.most, len(text)) + 1):
            parts = [ids[start : len(ids) - length + 1 + start] for start in range(length)]
            key = parts[0]
            for part in parts[1:]:
                key = (key << 21) | part
            keys.append(key[np.all(parts, axis=0)])
        return np.concatenate(keys) if keys else ids

    def counts(self, texts: Words) -> sp.csr_matrix:
        columns, ends = [], [0]
        for text in texts:
            keys = self._keys_of(text)
            places = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
            columns.append(places[self.keys[places] == keys])
            ends.append(ends[-1] + len(columns[-1]))
        indices = np.concatenate(columns)
        matrix = sp.csr_matrix((np.ones(len(indices)), indices, ends), shape=(len(texts), len(self.keys)))
        matrix.sum_duplicates()
        return matrix

    @property
    def is_word(self) -> np.ndarray:
        return self.keys < 1 << 21


def documents(counts: sp.csr_matrix) -> np.ndarray:
    """In how many texts each n-gram is."""
    return np.bincount(counts.indices, minlength=counts.shape[1])


def scaled(matrix: sp.csr_matrix, factors: np.ndarray) -> sp.csr_matrix:
    """The columns times their factors."""
    return sp.csr_matrix((matrix.data * factors[matrix.indices], matrix.indices, matrix.indptr), shape=matrix.shape)


class Task(NamedTuple):
    """Rows to learn from, rows to predict, and how many labels there are."""

    grams: Grams
    train: sp.csr_matrix
    truth: np.ndarray
    test: sp.csr_matrix
    labels: int

    def one_against_rest(self) -> Iterator[tuple[int, np.ndarray]]:
        """Each label with the rows that have it; of two labels only the second."""
        for label in range(self.labels) if self.labels > 2 else (1,):
            yield label, self.truth == label


def choose(scores: list[np.ndarray]) -> np.ndarray:
    """The label with the highest score; of two labels, the score is that of the second."""
    return np.argmax(scores, axis=0) if len(scores) > 1 else (scores[0] > 0).astype(int)


def linear(setting: Setting) -> LogisticRegression | LinearSVC:
    weight = setting.get("class_weight")
    if setting.get("loss") == "hinge":
        return LinearSVC(C=setting["C"], class_weight=weight, max_iter=2_000)
    return LogisticRegression(solver="liblinear", dual=True, C=setting["C"], class_weight=weight, max_iter=1_000)


def naive_bayes(task: Task, settings: Sequence[Setting]) -> list[np.ndarray]:
    found = []
    for setting in settings:
        kept = np.flatnonzero(task.grams.is_word | (setting["pairs"] and documents(task.train) > 0))
        model = MultinomialNB(alpha=setting["alpha"], fit_prior=setting.get("fit_prior", True))
        found.append(model.fit(task.train[:, kept], task.truth).predict(task.test[:, kept]))
    return found


def tfidf_lr(task: Task, settings: Sequence[Setting]) -> list[np.ndarray]:
    features = {}
    for least in {setting["min_df"] for setting in settings}:
        kept = np.flatnonzero(documents(task.train) >= least)
        transformer = TfidfTransformer(sublinear_tf=True)
        features[least] = transformer.fit_transform(task.train[:, kept]), transformer.transform(task.test[:, kept])
    found = []
    for setting in settings:
        train, test = features[setting["min_df"]]
        scores = [linear(setting).fit(train, ours).decision_function(test) for _, ours in task.one_against_rest()]
        found.append(choose(scores))
    return found


def nb_svm(task: Task, settings: Sequence[Setting]) -> list[np.ndarray]:
    kept = np.flatnonzero(documents(task.train))
    train, test = ((matrix[:, kept] > 0).astype(float) for matrix in (task.train, task.test))
    scores: list[list[np.ndarray]] = [[] for _ in settings]
    unit = normalize(train), normalize(test)
    for _, ours in task.one_against_rest():
        counts = [np.asarray(train[part].sum(axis=0)).ravel() + 1 for part in (ours, ~ours)]
        ratio = np.log(counts[0] / counts[0].sum()) - np.log(counts[1] / counts[1].sum())
        rows, others = scaled(unit[0], ratio), scaled(unit[1], ratio)
        models: dict[tuple, Any] = {}
        for found, setting in zip(scores, settings, strict=True):
            key = setting["loss"], setting["C"], setting.get("class_weight")
            if key not in models:
                models[key] = linear(setting).fit(rows, ours)
            weights = models[key].coef_[0]
            mixed = (1 - setting["mix"]) * np.abs(weights).mean() + setting["mix"] * weights
            found.append(others @ mixed + models[key].intercept_[0])
    return [choose(found) for found in scores]


class Peer(NamedTuple):
    """A peer that reads counts of n-grams."""

    predict: Callable[[Task, Sequence[Setting]], list[np.ndarray]]
    most: int  # words of an n-gram
    settings: list[Setting]
    weighted: tuple[str, Any] = ("class_weight", "balanced")  # more settings, tuned for F1


LINEAR = {
    "naive Bayes": Peer(
        naive_bayes,
        2,
        [{"pairs": pairs, "alpha": alpha} for pairs in (False, True) for alpha in (0.03, 0.1, 0.3, 1, 3)],
        ("fit_prior", False),
    ),
    "TF-IDF + LR": Peer(tfidf_lr, 2, [{"C": c, "min_df": least} for least in (1, 2) for c in (1, 3, 10, 30, 100)]),
    "NB-SVM": Peer(
        nb_svm,
        3,
        [
            {"loss": loss, "C": c, "mix": mix}
            for loss, c in (("hinge", 0.1), ("hinge", 1), ("hinge", 10), ("log", 1), ("log", 10), ("log", 100))
            for mix in (0.25, 0.5, 1)
        ],
    ),
}
EPOCHS, RATES = (5, 15, 25, 50), (0.1, 0.5)
PEERS = (*LINEAR, "fastText")


def score(truth: np.ndarray, predicted: np.ndarray, tune_for: str) -> float:
    if tune_for == "accuracy":
        return accuracy_score(truth, predicted)
    return f1_score(truth, predicted, average="macro", zero_division=0)


class Predictions(NamedTuple):
    """The labels that a peer predicts for the test rows, and the settings that it chose."""

    labels: list[str]
    setting: Setting


def tune_and_predict(
    peer: str, train: list[tuple[str, str]], test: list[str], *, seed: int, tune_for: str = "accuracy"
) -> Predictions:
    """Tune a peer on `train`, rows of text and label, learn from all of it, and predict the labels of `test`."""
    labels = sorted({label for _, label in train})
    truth = np.array([labels.index(label) for _, label in train])
    texts, others = [tokenize(text) for text, _ in train], [tokenize(text) for text in test]
    if peer == "fastText":
        predicted, setting = _fasttext(texts, truth, others, seed=seed, tune_for=tune_for)
    else:
        predicted, setting = _linear(LINEAR[peer], texts, truth, others, seed=seed, tune_for=tune_for)
    return Predictions([labels[answer] for answer in predicted], setting)


def _linear(peer: Peer, texts: Words, truth: np.ndarray, test: Words, *, seed: int, tune_for: str):
    grams = Grams(texts, peer.most)
    counts, labels = grams.counts(texts), len(set(truth.tolist()))
    settings = peer.settings
    if tune_for == "f1":
        settings = [*settings, *({**setting, peer.weighted[0]: peer.weighted[1]} for setting in settings)]
    folds = StratifiedKFold(5 if len(truth) <= 2_500 and labels <= 8 else 3, shuffle=True, random_state=seed)
    predicted = np.zeros((len(settings), len(truth)), int)
    for train, held_out in folds.split(truth, truth):
        predicted[:, held_out] = peer.predict(
            Task(grams, counts[train], truth[train], counts[held_out], labels), settings
        )
    best = max(range(len(settings)), key=lambda place: score(truth, predicted[place], tune_for))
    task = Task(grams, counts, truth, grams.counts(test), labels)
    return peer.predict(task, [settings[best]])[0], settings[best]


def _fasttext(texts: Words, truth: np.ndarray, test: Words, *, seed: int, tune_for: str):
    held_out = next(StratifiedKFold(5, shuffle=True, random_state=seed).split(truth, truth))[1]
    others = np.setdiff1d(np.arange(len(truth)), held_out)
    words = sum(map(len, texts))
    epochs = [number for number in EPOCHS if number * words <= MOST_READ] or EPOCHS[:1]
    best, highest = {}, -1.0
    for setting in ({"epoch": number, "lr": rate} for number in epochs for rate in RATES):
        predicted = _trained(
            [texts[row] for row in others], truth[others], [texts[row] for row in held_out], setting, seed
        )
        if (value := score(truth[held_out], predicted, tune_for)) > highest:
            best, highest = setting, value
    return _trained(texts, truth, test, best, seed), best


def _trained(texts: Words, truth: np.ndarray, test: Words, setting: Setting, seed: int) -> np.ndarray:
    import floret

    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        for words, label in zip(texts, truth, strict=True):
            file.write(f"__label__{label} {' '.join(words)}\n")
        file.flush()
        model = floret.train_supervised(
            file.name, **setting, wordNgrams=2, dim=50, bucket=BUCKETS, thread=1, seed=seed, verbose=0
        )
    most = int(np.bincount(truth).argmax())
    # Below its `predict`, which does not go with NumPy 2.
    predicted = [model.f.predict(" ".join(words) + "\n", 1, 0.0, "strict") for words in test]
    return np.array([int(answer[0][1].removeprefix("__label__")) if answer else most for answer in predicted])
