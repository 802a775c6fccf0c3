"""The word of each id of a Keras model, from the vocabulary file that its script saved.

  JSON object    word → number, as `keras.datasets.imdb.get_word_index` gives it
  JSON list      words, as `TextVectorization.get_vocabulary` gives them; the first one's number is 0
  lines          the same, a word on each line
  vocab.txt      of a model folder: word, tab, count

If special words are among them ("", [UNK], <PAD>, <START> and similar), numbers are ids. Otherwise they are ranks by
frequency, starting at 1, and ids are those of `keras.datasets.imdb.load_data`: the number plus 3, after 0 for padding,
1 for the start of a text and 2 for unknown words. A file of another format is a BadData error.

Source: https://keras.io/api/datasets/imdb/, https://keras.io/api/layers/preprocessing_layers/text/text_vectorization/
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from lstmctl.config import FIRST_WORD, PADDING, UNKNOWN
from lstmctl.data.opening import open_bytes
from lstmctl.errors import BadData
from lstmctl.model.text import MAX_WORD_LENGTH, Vocabulary

_MAX_FILE = 2**28  # bytes
_FORMATS = "a vocabulary is a JSON object of word: number, a list of words, or a text file with a word on each line"
INDEX_FROM, START, OUT_OF_VOCABULARY = 3, 1, 2  # of keras.datasets.imdb
_JSON = re.compile(r'\s*(?:\{\s*["}]|\[\s*["\[\]{0-9])')  # but not a line such as [UNK]
_SPECIAL = {
    "": "padding", "pad": "padding", "unk": "unknown", "oov": "unknown", "start": "start", "sos": "start",
    "unused": "unused",
}  # fmt: skip


class KerasWords(NamedTuple):
    """The words by id, the id of unknown words, and the id that begins every text, if any. Padding has id 0."""

    words: Mapping[int, str]
    unknown: int
    start: int | None = None


def read(path: Path) -> KerasWords:
    """The vocabulary in a file."""
    with open_bytes(path) as file:
        data = file.read(_MAX_FILE + 1)
    if len(data) > _MAX_FILE:
        raise BadData(f"{path} is too large for a vocabulary", hint=_FORMATS)
    return parse(data, str(path))


def parse(data: bytes, path: str) -> KerasWords:
    """The vocabulary in the content of the file `path`.

    >>> parse(b"the\\nfilm\\n", "words.txt")
    KerasWords(words={4: 'the', 5: 'film'}, unknown=2, start=1)
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadData(f"{path}:{line} is not UTF-8", hint=_FORMATS) from error
    if _JSON.match(text):
        return _number_words(_parse_json(text, path), path)
    if text.partition("\n")[0].count("\t") == 1:
        try:
            vocabulary = Vocabulary.from_text(text)
        except ValueError as error:
            raise BadData(f"{path} has words and counts, but {error}", hint=_FORMATS) from error
        return KerasWords(dict(enumerate(vocabulary.words, start=FIRST_WORD)), UNKNOWN)
    lines = text.removesuffix("\n").split("\n")
    return _number_words(_enumerate_words([line.removesuffix("\r") for line in lines]), path)


def is_storable(word: str) -> bool:
    """Whether a vocab.txt can contain the word."""
    return bool(word) and len(word) <= MAX_WORD_LENGTH and "\t" not in word and "\n" not in word


def _parse_json(text: str, path: str) -> list[tuple[str, int]]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadData(f"{path} begins like JSON but is not valid: {error}", hint=_FORMATS) from error
    if isinstance(value, list) and all(isinstance(word, str) for word in value):
        return _enumerate_words(value)
    if isinstance(value, dict) and all(type(number) is int for number in value.values()):
        return list(value.items())
    raise BadData(f"{path} is not a vocabulary", hint=_FORMATS)


def _enumerate_words(words: Sequence[str]) -> list[tuple[str, int]]:
    start = 1 if all(_special_kind(word) is None for word in words) else 0
    return list(zip(words, range(start, start + len(words)), strict=True))


def _number_words(pairs: list[tuple[str, int]], path: str) -> KerasWords:
    kinds = [_special_kind(word) for word, _ in pairs]
    special = {kind: number for kind, (_, number) in zip(kinds, pairs, strict=True) if kind is not None}
    words = {number: word for kind, (word, number) in zip(kinds, pairs, strict=True) if kind is None}
    if len(words) != kinds.count(None):
        raise BadData(f"{path} gives the same number to two words", hint=_FORMATS)
    if not special:
        shifted = {number + INDEX_FROM: word for number, word in words.items()}
        result = KerasWords(shifted, OUT_OF_VOCABULARY, START)
    elif "unknown" not in special:
        raise BadData(f"{path} has special words but none for unknown words, such as [UNK]", hint=_FORMATS)
    else:
        result = KerasWords(words, special["unknown"], special.get("start"))
    numbers = [*words, *special.values()]
    if (
        special.get("padding", PADDING) != PADDING
        or min(numbers, default=0) < 0
        or min(result.words, default=1) <= PADDING
    ):
        raise BadData(f"{path} gives a word the number 0 or less; 0 is padding in Keras", hint=_FORMATS)
    return result


def _special_kind(word: str) -> str | None:
    """The meaning of a special word; None for an ordinary one."""
    inner = word[1:-1] if word[:1] + word[-1:] in ("<>", "[]") else word
    return _SPECIAL.get(inner.lower()) if inner != word or not word else None
