"""Which word vectors a model starts from: those that help out of fold, given by name or file, or none."""

from contextlib import nullcontext

import numpy as np
import pytest

from lstmctl.config import DataConfig
from lstmctl.errors import LstmctlError, UsageError
from lstmctl.model.text import Vocabulary
from lstmctl.training import vectors
from lstmctl.training.embedding import SCALE
from lstmctl.training.vectors import Texts, choose_vectors

# 40 words, of which the first ten are positive and the next ten negative; "the" makes them English.
WORDS = Vocabulary(["the", *(f"w{number}" for number in range(40))], [100, *[10] * 40])
MEANING = np.repeat([0, 1, -1, 0], [3, 10, 10, 20]).astype(np.float32)  # by id


def texts_of(count=200, *, seed=0, labels=2):
    """Texts with two words that tell the label, different ones in each part, among others."""
    generator = np.random.default_rng(seed)
    truth = np.arange(count) % labels
    ids = []
    for label in truth:
        own = generator.integers(3, 13, 2) + 10 * (label == 0)
        ids.append(np.append(own, generator.integers(23, 43, 6)).astype(np.int32))
    return Texts(ids, truth, None)


def file_of(path, values):
    lines = [f"{word} {' '.join(map(str, row))}\n" for word, row in zip(WORDS.words, values.tolist(), strict=True)]
    path.write_text("".join(lines))
    return path


def choose(name, home, texts=None, *, vocabulary=WORDS, source="/some/file.csv", waiting=nullcontext):
    return choose_vectors(
        name,
        vocabulary,
        texts or texts_of(),
        dim=4,
        more=[],
        data=DataConfig(source=source),
        home=home,
        waiting=waiting,
    )


@pytest.fixture
def reviews(home, monkeypatch):
    """The vectors of the film reviews: a function that gives them these values."""
    monkeypatch.setattr(vectors, "_learn_reviews", lambda home: pytest.fail("they are learned once"))

    def call(values):
        path = home / vectors._REVIEWS
        path.parent.mkdir(parents=True, exist_ok=True)
        file_of(path, values)

    return call


NOISE = np.random.default_rng(1).normal(size=(41, 3)).round(3)
TELLING = np.append(NOISE, 3 * MEANING[2:, None], axis=1)


def test_no_vectors(home):
    assert choose("none", home) is None


def test_vectors_of_the_texts(home):
    chosen = choose("own", home)
    assert (chosen.name, chosen.vectors.shape, chosen.vectors.dtype) == ("own", (43, 4), np.float32)
    assert not chosen.vectors[[0, 1, 2]].any()  # "the" is in no text
    assert chosen.coverage == pytest.approx(400 / 500)


@pytest.mark.parametrize(("values", "name"), [(TELLING, "reviews"), (NOISE, "own")], ids=["better", "no better"])
def test_better_vectors_are_chosen(home, reviews, values, name):
    reviews(values)
    texts = texts_of()
    shuffled = [np.random.default_rng(number).permutation(text) for number, text in enumerate(texts.ids)]
    assert choose(None, home, texts._replace(ids=shuffled)).name == name


def test_vectors_that_add_nothing_to_ngrams(home, reviews):
    """Where n-grams tell all labels, the texts' own vectors are kept."""
    reviews(TELLING)
    texts = texts_of()
    known = texts._replace(ngram_logits=(20.0 * texts.truth - 10)[:, None])
    assert choose(None, home, known).name == "own"


def test_reviews_are_not_compared(home, monkeypatch):
    """Not for texts in another language, nor for the reviews themselves."""
    monkeypatch.setattr(vectors, "_ready_made", lambda *_, **__: pytest.fail("compared"))
    foreign = Vocabulary(WORDS.words, [20, *[10] * 40])
    assert choose(None, home, vocabulary=foreign).name == "own"
    assert choose(None, home, source="imdb").name == "own"


def test_reviews_for_the_reviews(home):
    with pytest.raises(UsageError, match="test texts included"):
        choose("reviews", home, source="imdb")


def test_reviews_are_learned_once(home, monkeypatch):
    calls = []

    def learn(home):
        calls.append(home)
        return b"3 2\n" + b"".join(
            word.encode() + b" " + np.array(row, "<f4").tobytes() + b"\n"
            for word, row in (("the", [1, 2]), ("w0", [3, 4]), ("other", [5, 6]))
        )

    monkeypatch.setattr(vectors, "_learn_reviews", learn)
    assert not home.exists()  # as before the first training
    first, second = choose("reviews", home), choose("reviews", home)
    assert calls == [home]
    np.testing.assert_array_equal(first.vectors, second.vectors)
    the, word = first.vectors[2:4]
    np.testing.assert_allclose(word / the, [3, 2], rtol=1e-6)
    assert first.vectors[2:4].std() == pytest.approx(SCALE, rel=1e-5)
    assert not first.vectors[4:].any() and not first.vectors[:2].any()
    assert first.coverage == pytest.approx(110 / 500)
    assert [path.name for path in (home / "vectors").iterdir()] == ["reviews-1.bin"]


def test_vectors_from_a_file(tmp_path, home):
    path = file_of(tmp_path / "vectors.txt", TELLING)
    chosen = choose(str(path), home)
    assert (chosen.name, chosen.vectors.shape, chosen.coverage) == (str(path), (43, 4), 1.0)
    np.testing.assert_allclose(chosen.vectors[2:], TELLING * SCALE / TELLING.std(), rtol=1e-5, atol=1e-6)
    assert not home.exists()


def test_file_without_any_of_the_words(tmp_path, home):
    path = tmp_path / "vectors.txt"
    path.write_text("other 1 2\nwords 3 4\n")
    try:
        chosen = choose(str(path), home)
    except LstmctlError:
        return
    assert chosen.coverage == 0 and not chosen.vectors.any()


def test_missing_file(tmp_path, home):
    with pytest.raises(LstmctlError, match=r"none\.txt"):
        choose(str(tmp_path / "none.txt"), home)


@pytest.mark.parametrize("count", [2, 3, 4, 5, 6])
def test_fewer_texts_than_folds(home, reviews, count):
    reviews(TELLING)
    assert choose(None, home, texts_of(count)).name in ("own", "reviews")


@pytest.mark.parametrize("rare", [1, 2])
def test_label_that_is_in_one_fold_only(home, reviews, rare):
    """The other folds know a single label."""
    reviews(TELLING)
    texts = texts_of(40)
    truth = np.zeros(40, np.int64)
    truth[:rare] = 1
    assert choose(None, home, texts._replace(truth=truth)).name in ("own", "reviews")


def test_losses_are_out_of_fold():
    """Vectors that identify each text, but tell nothing about its label, do not help."""
    generator = np.random.default_rng(0)
    texts = Texts([np.array([2 + number], np.int32) for number in range(41)], generator.integers(0, 2, 41), None)
    losses = vectors._losses(np.eye(43, dtype=np.float32), texts)
    assert losses.shape == (41,)
    assert losses.mean() > 0.6
    telling = np.append([0, 0], texts.truth)[:, None].astype(np.float32)
    assert vectors._losses(telling, texts).mean() < 0.5


def test_losses_of_three_labels_with_empty_texts():
    texts = texts_of(labels=3)
    ids = [text if number % 7 else text[:0] for number, text in enumerate(texts.ids)]
    losses = vectors._losses(np.append(np.zeros((2, 4)), TELLING, axis=0).astype(np.float32), texts._replace(ids=ids))
    assert np.isfinite(losses).all() and (losses >= 0).all()
