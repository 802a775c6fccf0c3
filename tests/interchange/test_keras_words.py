"""The word of each id of a Keras model."""

import json

import pytest

from lstmctl.errors import BadData
from lstmctl.interchange.from_keras import KerasWords, parse_words

IMDB = KerasWords({4: "the", 5: "film", 6: "don't"}, unknown=2, start=1)
NAMED = KerasWords({2: "the", 3: "film"}, unknown=1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"the": 1, "film": 2, "don\'t": 3}', IMDB),
        ("the\nfilm\ndon't\n", IMDB),
        ("\ufeffthe\r\nfilm\r\ndon't", IMDB),
        ('["the", "film", "don\'t"]', IMDB),
        ('["", "[UNK]", "the", "film"]', NAMED),
        ("\n[UNK]\nthe\nfilm\n", NAMED),
        ('{"<PAD>": 0, "<UNK>": 1, "the": 2, "film": 3}', NAMED),
        ('{"<OOV>": 1, "the": 2, "film": 3}', NAMED),
        ("the\t10\nfilm\t7\n", NAMED),  # our own vocab.txt
        ('{"<PAD>":0,"<START>":1,"<UNK>":2,"<UNUSED>":3,"the":4,"film":5,"don\'t":6}', IMDB),
    ],
)
def test_valid_vocabularies(text, expected):
    assert parse_words(text.encode(), "words") == expected


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\xff\n", "words:1 is not UTF-8"),
        (b"good\nb\xe9\n", "words:2 is not UTF-8"),
        (b'{"the": 1', "is not valid"),
        (b"[" * 100_000, "is not valid"),
        (b'{"the": "1"}', "is not a vocabulary"),
        (b"[1, 2]", "is not a vocabulary"),
        (b'{"the": 1, "film": 1}', "same number to two words"),
        (b'{"the": 1, "film": -5}', "number 0 or less"),
        (b'{"<PAD>": 0, "the": 1}', "none for unknown words"),
        (b'{"<UNK>": 1, "the": 0}', "number 0 or less"),
        (b'{"<PAD>": 3, "<UNK>": 1, "the": 2}', "number 0 or less"),
        (b"the\t1\nfilm\n", "words and counts"),
    ],
)
def test_invalid_vocabularies(data, reason):
    with pytest.raises(BadData, match=reason):
        parse_words(data, "words")


@pytest.mark.parametrize("data", [b"{}", b"[]"])
def test_empty_vocabulary(data):
    assert parse_words(data, "words").words == {}


def test_numbers_beyond_the_model():
    assert parse_words(json.dumps({"the": 1, "rare": 88_000}).encode(), "words").words[88_003] == "rare"
