"""From a text to word ids: the tokenizer `words-1`, the vocabulary, and `encode`.

What a word is:
  * letters, digits and combining marks, with ' or ’ inside (`don't`, `l’été`); both apostrophes are the same;
  * in Han, kana, Thai, Lao, Khmer and Burmese, which are written without spaces, one letter with its marks;
  * an emoji, with its skin tone, and as a whole where several are joined into one picture.
Texts are lower-cased and brought to Unicode normal form C first, so an NFD and an NFC copy are one text. `<br />` is
white space. All else only separates words.

The tokenizer's name is stored in every model. A change to what a word is needs a new name. Unicode itself grows:
letters younger than the installed Python and `regex` package are separators until those learn them.

Source: UAX #15 (normal forms), UAX #29 (what a user perceives as one character), UTS #51 (emoji).
Left out: stemming, subwords, stop words, dictionaries for scripts without spaces.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import compress, repeat
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from lstmctl.config import FIRST_WORD, UNKNOWN

if TYPE_CHECKING:
    import regex

MAX_WORD_LENGTH = 100  # longer "words" (keys, base64, DNA) are read as unknown and never learned

_LINE_BREAK_TAG = re.compile(r"<br\s*/?>", re.IGNORECASE)

# Texts of Latin, IPA and plain punctuation alone need only `_SIMPLE_WORD`, which is fast and agrees with `_any_word`.
_NOT_SIMPLE = re.compile("[^\u0000-\u02ff\u2010-\u2030\u20ac]")
_SIMPLE_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
# A byte of ASCII → its lower case, the apostrophe → itself, anything else → a space.
_ASCII_WORDS = bytes(
    ord(chr(byte).lower()) if chr(byte).isalnum() or byte == ord("'") else 32 for byte in range(128)
) + bytes(128)


def normalise(text: str) -> str:
    """The form in which two copies of a text are equal: NFC, lower case, ’ as ', `<br />` as a space."""
    if "<" in text:
        text = _LINE_BREAK_TAG.sub(" ", text)
    if text.isascii():
        return text.lower()
    # Lower-casing can leave normal form C (U+0130 gives i and a dot), so it is restored afterwards.
    text = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower())
    return text.replace("\u2019", "'")


def tokenize(text: str) -> list[str]:
    """The words of a text, in order."""
    if text.isascii():
        return _ascii_words(text)
    text = normalise(text)
    return _SIMPLE_WORD.findall(text) if not _NOT_SIMPLE.search(text) else _any_word().findall(text)


def _ascii_words(text: str) -> list[str]:
    """What `_SIMPLE_WORD` finds in a text of ASCII alone, in two thirds of the time."""
    if "<" in text:
        text = _LINE_BREAK_TAG.sub(" ", text)
    text = f" {text} ".encode("ascii").translate(_ASCII_WORDS).decode("ascii")
    if "'" in text:  # only between two letters it belongs to a word
        text = text.replace("''", "  ")
        while "' " in text or " '" in text:
            text = text.replace("' ", " ").replace(" '", " ")
    return text.split()


@cache
def _any_word() -> "regex.Pattern[str]":
    """A word in any script. Built on first need: the `regex` module, which knows scripts, takes some 20 ms to load."""
    import regex

    scripts = ("Han", "Hiragana", "Katakana", "Thai", "Lao", "Khmer", "Myanmar")
    unspaced = "".join(rf"\p{{Script={script}}}" for script in scripts) + "\u30fc"  # ー belongs to two scripts
    lone = rf"[[{unspaced}]&&\p{{L}}]"
    word = rf"[[\p{{L}}\p{{N}}]--{lone}]"
    # A joiner inside a word belongs to it: Persian and the Indic scripts spell with U+200C and U+200D.
    run = rf"{word}(?:{word}|\p{{M}}|[\u200c\u200d](?=[{word}\p{{M}}]))*+"
    # Signs like © and ↔ are pictures only where U+FE0F says so.
    signs = "[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u21aa]"
    picture = rf"(?:[\p{{Extended_Pictographic}}--{signs}](?:\ufe0f|\p{{Emoji_Modifier}})*|{signs}\ufe0f)"
    joined = rf"{picture}[\U000e0020-\U000e007f]*(?:\u200d{picture})*"
    flag, keycap = r"\p{RI}\p{RI}?", "[0-9#*]\ufe0f?\u20e3"
    return regex.compile(rf"{flag}|{keycap}|{joined}|{lone}\p{{M}}*|{run}(?:'{run})*", regex.VERSION1)


class Vocabulary:
    """The words that a model knows, most frequent first, and how often its training texts had them.

    Ids: 0 is padding, 1 any unknown word, 2 the most frequent word, and so on.
    """

    def __init__(self, words: Sequence[str], counts: Sequence[int]) -> None:
        self.words = tuple(words)
        self.counts = tuple(counts)
        self.ids = {word: number for number, word in enumerate(self.words, start=FIRST_WORD)}

    def __len__(self) -> int:
        """How many ids there are: rows of the embedding, with padding and unknown."""
        return len(self.words) + FIRST_WORD

    @classmethod
    def learn(cls, counts: Mapping[str, int]) -> "Vocabulary":
        """All words of a training set, most frequent first; among equals the alphabet decides."""
        chosen = [item for item in counts.items() if len(item[0]) <= MAX_WORD_LENGTH]
        chosen.sort(key=lambda item: (-item[1], item[0]))
        return cls([word for word, _ in chosen], [count for _, count in chosen])

    def first(self, size: int, *, min_count: int = 1) -> "Vocabulary":
        """The most frequent words: at most `size` ids, as Keras's `num_words` counts, and none rarer than `min_count`.

        The ids that remain mean the same words.
        """
        end = size - FIRST_WORD
        words, counts = self.words[:end], self.counts[:end]
        frequent = sum(count >= min_count for count in counts)
        return Vocabulary(words[:frequent], counts[:frequent])

    def to_text(self) -> str:
        """One line a word, `word<TAB>count`, in the order of the ids."""
        return "".join(f"{word}\t{count}\n" for word, count in zip(self.words, self.counts, strict=True))

    @classmethod
    def from_text(cls, text: str) -> "Vocabulary":
        """Read what `to_text` wrote.

        Raises:
            ValueError: naming the line, for anything that is not `word<TAB>count` or a word that comes twice.
        """
        words, counts = [], []
        lines = text.split("\n")
        if lines.pop():
            raise ValueError("the last line does not end")
        for number, line in enumerate(lines, start=1):
            word, tab, count = line.partition("\t")
            if not (word and tab and len(word) <= MAX_WORD_LENGTH and count.isascii() and count.isdigit()):
                raise ValueError(f"line {number} is not a word and its count")
            if len(count) > 15:
                raise ValueError(f"line {number} has an absurd count")
            words.append(word)
            counts.append(int(count))
        vocabulary = cls(words, counts)
        if len(vocabulary.ids) != len(words):
            raise ValueError("a word comes twice")
        return vocabulary


class Reading(NamedTuple):
    """What a model read of a text."""

    words: int  # in the whole text
    known: int  # of the part that was read
    unknown: list[str]  # the other words of that part, in order
    cut: int  # words that were dropped because the text is longer than max_len


class Encoded(NamedTuple):
    """A text as a model reads it."""

    ids: list[int]  # what the LSTM is fed, at most max_len: those of `words`, perhaps after that of a start word
    words: list[str]  # the part of the text that is read
    reading: Reading


def encode(
    text: str, vocabulary: Vocabulary, *, max_len: int, cut: str = "start", start_word: str | None = None
) -> Encoded:
    """The ids of a text: its last `max_len` words if `cut` is "start", its first ones if "end".

    A `start_word` is read as one more word in front of the text, and like that is cut.
    """
    words = tokenize(text)
    read = clip(words if start_word is None else [start_word, *words], max_len, cut)
    ids = list(map(vocabulary.ids.get, read, repeat(UNKNOWN)))
    unknown = list(compress(read, map(UNKNOWN.__eq__, ids)))
    # The start word is in front unless it was cut; and it is there alone where a text has no word.
    begun = start_word is not None and (cut == "end" or len(words) < max_len)
    seen = read[1:] if begun else read
    return Encoded(ids, seen, Reading(len(words), len(seen) - len(unknown), unknown, len(words) - len(seen)))


T = TypeVar("T")  # a word, or its id


def clip(words: list[T], max_len: int, cut: str) -> list[T]:
    """The part of a tokenized text that a model reads."""
    if len(words) <= max_len:
        return words
    return words[-max_len:] if cut == "start" else words[:max_len]
