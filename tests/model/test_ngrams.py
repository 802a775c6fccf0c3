"""N-grams inside a model: keys, the two ways to find them, and what they contribute, against naive computations."""

import itertools
import math
import pickle
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmctl.config import FIRST_WORD, MAX_NGRAM_INPUTS, ModelConfig
from lstmctl.model import ngrams
from lstmctl.model.classifier import Classifier
from lstmctl.model.ngrams import BITS, KeyIndex, NgramTable, check_table, ngram_keys
from lstmctl.model.text import Vocabulary

TWO, THREE = ("neg", "pos"), ("a", "b", "c")

word_ids = st.lists(st.integers(0, 6), max_size=9)  # 0 and 1 are no words
texts_of_ids = st.lists(word_ids, max_size=6)


def key_of(words):
    """The key of an n-gram: the last word lowest."""
    return sum(word << (BITS * place) for place, word in enumerate(reversed(words)))


def ngrams_at(text, end, order):
    """For n = 1 … order the n-gram that ends at a word, or None."""
    for size in range(1, order + 1):
        words = text[end + 1 - size : end + 1] if size <= end + 1 else []
        yield tuple(words) if words and min(words) >= FIRST_WORD else None


@given(texts=texts_of_ids, order=st.integers(1, 3))
def test_keys(texts, order):
    words, text, keys = ngram_keys(texts, order)
    assert words.tolist() == [word for text in texts for word in text]
    assert text.tolist() == [number for number, text in enumerate(texts) for _ in text]
    expected = [
        [ngram and key_of(ngram) or 0 for ngram in ngrams_at(text, end, order)]
        for text in texts
        for end in range(len(text))
    ]
    assert len(keys) == order
    assert np.stack(keys, axis=1).tolist() == expected
    assert {own.dtype for own in keys} == {np.dtype(np.uint64)}


def test_keys_of_the_largest_words():
    largest = 2_000_000 - 1
    (*_, triples) = ngram_keys([[largest] * 3, [2, largest, 2]], 3)[2]
    assert triples.tolist() == [0, 0, key_of([largest] * 3), 0, 0, key_of([2, largest, 2])]
    assert key_of([largest] * 3) < 2**63


@st.composite
def keys_and_wanted(draw):
    """Sorted keys, in clusters that collide in a hash table, and keys that are looked up."""
    step = draw(st.sampled_from([1, 2**BITS, 2 ** (2 * BITS), 0x9E3779B97F4A7C15]))
    number = st.integers(1, 60).map(lambda factor: factor * step % 2**63)
    keys = sorted(draw(st.sets(number, max_size=40)) - {0})
    return np.array(keys, np.uint64), np.array(draw(st.lists(number | st.just(0), max_size=60)), np.uint64)


@settings(max_examples=300)
@given(keys_and_wanted())
def test_search_and_hash_table_find_the_same(pair):
    keys, wanted = pair
    index = {key: number for number, key in enumerate(keys.tolist())}
    expected = [index.get(key, len(index)) for key in wanted.tolist()]
    searched, hashed = KeyIndex(keys), KeyIndex(keys)
    assert searched.find(wanted).tolist() == expected
    assert searched._slots is None
    hashed._slots = hashed._build()
    assert hashed.find(wanted).tolist() == expected


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 5_000])
def test_many_keys_are_hashed(size):
    generator = np.random.default_rng(size)
    keys = np.unique(generator.integers(1, 2**63, size, np.uint64))
    wanted = np.append(generator.permutation(np.repeat(keys, 3)), generator.integers(0, 2**63, 25_000, np.uint64))
    index = KeyIndex(keys)
    expected = np.where(np.isin(wanted, keys), np.searchsorted(keys, wanted), keys.size)
    np.testing.assert_array_equal(index.find(wanted), expected)
    assert (index._slots is not None) == (size > 0)
    np.testing.assert_array_equal(index.find(wanted[:9]), expected[:9])
    assert index.find(np.zeros(0, np.uint64)).size == 0
    assert index.find(np.zeros(3, np.uint64)).tolist() == [keys.size] * 3


VOCABULARY = Vocabulary([f"w{number}" for number in range(5)], [9, 8, 7, 6, 5])


def config_of(order, labels, **shape):
    sizes = {"vocab_size": 7, "max_len": 30, "embedding_dim": 4, "units": 5, **shape}
    return ModelConfig(labels=labels, ngrams=str(order), ngram_count=1, **sizes)


def random_model(order, labels, *, density=0.6, **shape):
    """A model that knows some of the n-grams of its five words, and its tensors, all random."""
    generator = np.random.default_rng(order)
    config = config_of(order, labels, **shape)
    words = range(FIRST_WORD, config.vocab_size)
    every = [ngram for size in range(1, order + 1) for ngram in itertools.product(words, repeat=size)]
    known = sorted(key_of(ngram) for ngram in every if generator.random() < density)
    config = replace(config, ngram_count=len(known)).validate()
    tensors = {name: generator.normal(0, 0.7, shape).astype(np.float32) for name, shape in config.shapes().items()}
    tensors |= {
        "ngrams.keys": np.array(known, np.uint64),
        "ngrams.weights": generator.normal(0, 1, (len(known), config.outputs)).astype(np.float16),
        "ngrams.scale": np.array([0.7], np.float32),
        "ngrams.bias": generator.normal(0, 1, config.outputs).astype(np.float32),
    }
    check_table(tensors, config)
    return config, tensors


@pytest.mark.parametrize("labels", [TWO, THREE])
@pytest.mark.parametrize("order", [1, 2, 3])
@given(texts=st.lists(word_ids, min_size=1, max_size=5))
def test_parts(order, labels, texts):
    config, tensors = random_model(order, labels)
    weights = dict(zip(tensors["ngrams.keys"].tolist(), tensors["ngrams.weights"].tolist(), strict=True))
    nothing, inputs, logits = [0.0] * config.outputs, [], []
    for text in texts:
        found = [[ngram and key_of(ngram) for ngram in ngrams_at(text, end, order)] for end in range(len(text))]
        inputs += [[value for key in row for value in weights.get(key, nothing)] for row in found]
        different = {key for row in found for key in row if key in weights}
        total = np.sum([nothing, *(weights[key] for key in different)], axis=0)
        scale = float(tensors["ngrams.scale"][0]) / math.sqrt(max(1, len(text)))
        logits.append(tensors["ngrams.bias"] + scale * total)

    parts = NgramTable(config, tensors).parts(texts)
    assert parts.inputs.dtype == np.float32
    np.testing.assert_array_equal(parts.inputs, np.reshape(inputs, (-1, order * config.outputs)))
    np.testing.assert_allclose(parts.logits, logits, atol=1e-12)
    for start in range(len(texts)):
        part, alone = parts.of(texts, start, start + 2), NgramTable(config, tensors).parts(texts[start : start + 2])
        assert part.inputs.tobytes() == alone.inputs.tobytes()
        assert part.logits.tobytes() == alone.logits.tobytes()


def test_repeated_ngram_counts_once():
    config, tensors = random_model(2, TWO, density=1)
    (once, twice) = NgramTable(config, tensors).parts([[2, 2, 2, 2], [2, 2, 1, 1]]).logits
    assert once == twice
    assert once != NgramTable(config, tensors).parts([[2, 1, 1, 1]]).logits


def test_many_labels_have_no_inputs():
    labels = tuple(f"label {number}" for number in range(MAX_NGRAM_INPUTS + 1))
    config, tensors = random_model(1, labels)
    assert config.ngram_inputs == 0
    assert config.shapes()["lstm.0.forward.kernel"] == (4, 20)
    parts = NgramTable(config, tensors).parts([[2, 3], []])
    assert parts.inputs.shape == (2, 0)
    assert np.ptp(parts.logits, axis=1).min() > 0.1
    assert config_of(1, labels[:-1]).ngram_inputs == MAX_NGRAM_INPUTS
    assert config_of(2, labels[: MAX_NGRAM_INPUTS // 2]).ngram_inputs == MAX_NGRAM_INPUTS
    assert config_of(3, labels[: MAX_NGRAM_INPUTS // 2]).ngram_inputs == 0


NETWORKS = [
    {},
    {"bidirectional": True},
    {"layers": 2},
    {"layers": 2, "bidirectional": True, "pooling": "last+max+mean"},
]


@pytest.mark.parametrize("labels", [TWO, THREE])
@pytest.mark.parametrize("shape", NETWORKS, ids=str)
def test_bits_do_not_depend_on_the_batch(shape, labels, monkeypatch):
    config, tensors = random_model(3, labels, **shape)
    generator = np.random.default_rng(0)
    texts = [generator.integers(0, 7, length).astype(np.int32) for length in generator.integers(0, 30, 300)]
    monkeypatch.setattr(ngrams, "_HASHED_FROM", 1)
    hashed = Classifier(config, VOCABULARY, tensors)
    together = hashed.logits(texts)
    assert hashed.ngrams.index._slots is not None
    monkeypatch.setattr(ngrams, "_HASHED_FROM", 10**9)
    fresh = Classifier(config, VOCABULARY, tensors)
    for start, stop in [(0, 1), (7, 8), (10, 12), (100, 117), (150, 151), (299, 300), (0, 200), (1, 300)]:
        assert fresh.logits(texts[start:stop]).tobytes() == together[start:stop].tobytes()
    backwards = fresh.logits(texts[::-1])
    assert backwards[::-1].tobytes() == together.tobytes()
    alone = np.concatenate([fresh.logits([text]) for text in texts])
    assert alone.tobytes() == together.tobytes()
    assert np.ptp(together[:, -1]) > 1


@pytest.mark.parametrize("shape", NETWORKS, ids=str)
def test_ngrams_in_place_of_its_own(shape):
    """The model's own parts, given from outside, change nothing, however texts are grouped; others do."""
    config, tensors = random_model(2, TWO, **shape)
    generator = np.random.default_rng(0)
    texts = [generator.integers(0, 7, length).astype(np.int32) for length in generator.integers(0, 9, 1_300)]
    classifier = Classifier(config, VOCABULARY, tensors)
    own, logits = classifier.ngram_parts(texts), classifier.logits(texts)
    assert classifier.logits(texts, ngrams=own).tobytes() == logits.tobytes()
    raised = classifier.logits(texts, ngrams=own._replace(logits=own.logits + 1))
    np.testing.assert_allclose(raised[:, 1], logits[:, 1] + 1, atol=1e-12)
    other_inputs = classifier.logits(texts, ngrams=own._replace(inputs=-own.inputs))
    has_input = np.array([own.of(texts, number, number + 1).inputs.any() for number in range(len(texts))])
    assert ((other_inputs != logits).any(axis=1) == has_input).all()


def test_inputs_are_those_of_a_wider_embedding():
    """Unigram weights are a function of the word alone: the same as further dimensions of its embedding."""
    config, tensors = random_model(1, THREE, bidirectional=True, pooling="last+max+mean")
    texts = [[2, 3, 4, 5, 6], [1, 0, 2], [], [6]]
    rows = NgramTable(config, tensors).parts([[word] for word in range(7)]).inputs
    wide = replace(config, ngrams="none", ngram_count=0, embedding_dim=4 + 3)
    plain = {name: tensors[name] for name in wide.shapes()}
    plain["embedding"] = np.concatenate([tensors["embedding"], rows], axis=1)
    own = Classifier(config, VOCABULARY, tensors)
    expected = Classifier(wide, VOCABULARY, plain).logits(texts) + own.ngram_parts(texts).logits
    np.testing.assert_allclose(own.logits(texts), expected, atol=1e-5)


def test_classifier_in_another_process():
    config, tensors = random_model(2, TWO)
    classifier = Classifier(config, VOCABULARY, tensors)
    texts = [[2, 3, 4], [5, 2]]
    again = pickle.loads(pickle.dumps(classifier))  # noqa: S301
    assert again.logits(texts).tobytes() == classifier.logits(texts).tobytes()


GOOD = [[2], [6], [2, 2], [2, 6], [6, 5], [2, 2, 2], [6, 6, 6]]


def table(*grams, order=3, vocab_size=7):
    keys = [gram if isinstance(gram, int) else key_of(gram) for gram in grams]
    config = replace(config_of(order, TWO, vocab_size=vocab_size), ngram_count=len(keys))
    return {"ngrams.keys": np.array(keys, np.uint64)}, config


def test_good_tables():
    check_table(*table(*GOOD))
    check_table(*table([2], [3], order=1))
    check_table(*table([1_999_999] * 3, vocab_size=2_000_000))


SORTED, OTHER = "has n-grams that are not sorted", "has n-grams of other words than its vocabulary"
BAD_TABLES = {
    "unsorted": (table([3], [2]), SORTED),
    "unsorted at the end": (table(*GOOD[:-2], *reversed(GOOD[-2:])), SORTED),
    "twice": (table([2], [3], [3]), SORTED),
    "no n-gram": (table(0, [2]), OTHER),
    "padding": (table(0), OTHER),
    "unknown word": (table([1], [2]), OTHER),
    "unknown word in the middle": (table([2, 1, 2]), OTHER),
    "unknown first word": (table([1, 2]), OTHER),
    "no such word": (table([2], [7]), OTHER),
    "no such word in front": (table([7, 2]), OTHER),
    "no such word in front of two": (table([7, 2, 2]), OTHER),
    "no such word in the middle": (table([2, 7, 2]), OTHER),
    "largest word": (table([2**BITS - 1]), OTHER),
    "hole in the middle": (table([2, 0, 2]), OTHER),
    "hole at the end": (table([2, 0]), OTHER),
    "two holes at the end": (table([2, 0, 0]), OTHER),
    "hole at the end of three": (table([2, 2, 0]), OTHER),
    "pair in a table of words": (table([2], [2, 2], order=1), OTHER),
    "triple in a table of pairs": (table([2], [2, 2], [2, 2, 2], order=2), OTHER),
    "bit 63": (table(key_of([2, 2, 2]) + 2**63), OTHER),
    "bit 63 of a word": (table([2], 2 + 2**63), OTHER),
    "all bits": (table(2**64 - 1), OTHER),
    "one of many": (table(*GOOD[:4], [2, 7], *GOOD[4:]), OTHER),
}


@pytest.mark.parametrize(("bad", "reason"), BAD_TABLES.values(), ids=BAD_TABLES)
def test_bad_tables(bad, reason):
    with pytest.raises(ValueError, match=f"^{reason}$"):
        check_table(*bad)


def test_occurrences_are_counted_as_in_the_texts():
    generator = np.random.default_rng(0)
    texts = [generator.integers(0, 7, 50) for _ in range(20)]
    counted = Counter(key for own in ngram_keys(texts, 3)[2] for key in own.tolist() if key)
    naive = Counter(
        key_of(ngram)
        for text in texts
        for end in range(50)
        for ngram in ngrams_at(text.tolist(), end, 3)
        if ngram is not None
    )
    assert counted == naive
