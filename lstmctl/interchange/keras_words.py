"""Which word each id of a Keras model stands for, from the file that its script kept.

  JSON object    word → number, as `keras.datasets.imdb.get_word_index` gives it
  JSON list      words, as `TextVectorization.get_vocabulary` gives them; the first one's number is 0
  lines          the same, a word a line
  our own        vocab.txt of a model folder: word, tab, count

Where special words stand among them ("", [UNK], <PAD>, <START> and the like), numbers are ids. Where none does, they
are places in a list by frequency, the first one's being 1, and ids are those of `keras.datasets.imdb.load_data`: the
number and 3, after 0 for padding, 1 for the start of a text and 2 for unknown words.

Source: https://keras.io/api/datasets/imdb/, https://keras.io/api/layers/preprocessing_layers/text/text_vectorization/
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lstmctl.config import FIRST_WORD, PADDING, UNKNOWN
from lstmctl.errors import BadData
from lstmctl.model.text import MAX_WORD_LENGTH, Vocabulary

MAX_FILE = 2**28  # bytes
FORMATS = "a vocabulary is a JSON object of word: number, a list of words, or a word a line"
INDEX_FROM, START, OUT_OF_VOCABULARY = 3, 1, 2  # of keras.datasets.imdb
_JSON = re.compile(r'\s*(?:\{\s*["}]|\[\s*["\[\]{0-9])')  # and not a line that is [UNK]
_SPECIAL = {
    "": "padding", "pad": "padding", "unk": "unknown", "oov": "unknown", "start": "start", "sos": "start",
    "unused": "unused",
}  # fmt: skip


class KerasWords(NamedTuple):
    """The words by id, and the ids of what is no word; `start` is read before every text. 0 is always padding."""

    words: Mapping[int, str]
    unknown: int
    start: int | None = None


def parse(data: bytes, path: str) -> KerasWords:
    """The vocabulary in a file.

    Raises:
        BadData: it is none of those above.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadData(f"{path}:{line} is not UTF-8", hint=FORMATS) from error
    if _JSON.match(text):
        return _numbered(_from_json(text, path), path)
    if text.partition("\n")[0].count("\t") == 1:
        try:
            own = Vocabulary.from_text(text)
        except ValueError as error:
            raise BadData(f"{path} has words and counts, but {error}", hint=FORMATS) from error
        return KerasWords(dict(enumerate(own.words, start=FIRST_WORD)), UNKNOWN)
    lines = text.removesuffix("\n").split("\n")
    return _numbered(_from_list([line.removesuffix("\r") for line in lines]), path)


def _from_json(text: str, path: str) -> list[tuple[str, int]]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadData(f"{path} begins like JSON and is none: {error}", hint=FORMATS) from error
    if isinstance(value, list) and all(isinstance(word, str) for word in value):
        return _from_list(value)
    if isinstance(value, dict) and all(type(number) is int for number in value.values()):
        return list(value.items())
    raise BadData(f"{path} is no vocabulary", hint=FORMATS)


def _from_list(words: Sequence[str]) -> list[tuple[str, int]]:
    first = 0 if any(_special(word) for word in words) else 1
    return list(zip(words, range(first, first + len(words)), strict=True))


def _numbered(pairs: list[tuple[str, int]], path: str) -> KerasWords:
    special = {kind: number for word, number in pairs if (kind := _special(word)) is not None}
    words = {number: word for word, number in pairs if _special(word) is None}
    if len(words) + sum(_special(word) is not None for word, _ in pairs) != len(pairs):
        raise BadData(f"{path} gives one number to two words", hint=FORMATS)
    if not special:
        shifted = {number + INDEX_FROM: word for number, word in words.items()}
        found = KerasWords(shifted, OUT_OF_VOCABULARY, START)
    elif "unknown" not in special:
        raise BadData(f"{path} has special words but none for unknown ones, such as [UNK]", hint=FORMATS)
    else:
        found = KerasWords(words, special["unknown"], special.get("start"))
    numbers = [*words, *special.values()]
    if special.get("padding", PADDING) != PADDING or min(numbers) < 0 or min(found.words, default=1) <= PADDING:
        raise BadData(f"{path} gives a word the number 0 or less; Keras pads with 0", hint=FORMATS)
    return found


def _special(word: str) -> str | None:
    """What a special word stands for; None for a word like others."""
    inner = word[1:-1] if word[:1] + word[-1:] in ("<>", "[]") else word
    return _SPECIAL.get(inner.lower()) if inner != word or not word else None


def usable(word: str) -> bool:
    """Whether the word can stand in a vocabulary of ours."""
    return bool(word) and len(word) <= MAX_WORD_LENGTH and "\t" not in word and "\n" not in word
