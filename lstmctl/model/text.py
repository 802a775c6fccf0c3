"""From text to word ids: the tokenizers `words-1` and `words-2`, the vocabulary, and `encode`.

For `words-1` a word is
  * a run of letters, digits and combining marks, with ' or ’ inside (`don't`, `l’été`); both apostrophes are equal;
  * in Han, kana, Thai, Lao, Khmer and Burmese, which are written without spaces, one letter with its marks;
  * an emoji, with its skin tone; several joined into one picture are one word.
Texts are lower-cased and normalized to Unicode NFC first, so the NFD and NFC forms of a text are equal. `<br />` counts
as white space. Everything else separates words.

For `words-2`, digits with / or . between them are one word too (`8/10`, `3.5`), and so is punctuation that tells
something about the opinion: `!`, `?`, two or more full stops (`...`), and the faces `:)` `:(` `;)`, also with a nose.

The tokenizer's name is stored in every model; a change to these rules needs a new name. Letters that are newer than the
installed versions of Python and `regex` are separators.

Source: UAX #15 (normal forms), UAX #29 (grapheme clusters), UTS #51 (emoji).
Left out: stemming, subwords, stop words, dictionaries for scripts without spaces.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache, partial
from itertools import compress, groupby, repeat
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from lstmctl.config import FIRST_WORD, UNKNOWN

if TYPE_CHECKING:
    import regex

MAX_WORD_LENGTH = 100  # longer "words" (keys, base64, DNA) are read as unknown words and not added to a vocabulary
_COUNT_DIGITS = 15  # at most, of the count of a word in a vocabulary file

_LINE_BREAK_TAG = re.compile(r"<br\s*/?>", re.IGNORECASE)

# Texts of only Latin, IPA and common punctuation need only `_SIMPLE_WORD`, which is fast and agrees with `_any_word`.
_NOT_SIMPLE = re.compile("[^\u0000-\u02ff\u2010-\u2030\u20ac]")
_SIMPLE_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
# A byte of ASCII → its lower case, the apostrophe → itself, anything else → a space.
_ASCII_WORDS = bytes(
    ord(chr(byte).lower()) if chr(byte).isalnum() or byte == ord("'") else 32 for byte in range(128)
) + bytes(128)


# What may be a long run of combining marks: none of them is a letter, a digit or below U+0300.
_MANY_MARKS = re.compile("[^\\w\x00-\u02ff]{64,}")
_decomposed = cache(partial(unicodedata.normalize, "NFD"))  # of one character


def to_nfc(text: str) -> str:
    """The text in Unicode normal form C, in linear time: `unicodedata` sorts the marks of a letter in time that grows
    with the square of their number, minutes for one line, and no signal gets through. Here long runs are sorted before.

    >>> to_nfc("e\u0301") == "é", len(to_nfc("a" + "\u0315\u0316" * 100_000))
    (True, 200001)
    """
    if text.isascii():
        return text
    return unicodedata.normalize("NFC", _MANY_MARKS.sub(_sort_marks, text))


def _sort_marks(match: re.Match[str]) -> str:
    """The canonical order of combining marks: each run of them sorted by class, equal ones as they were."""
    letters = "".join(map(_decomposed, match[0]))
    runs = groupby(letters, key=lambda letter: unicodedata.combining(letter) > 0)
    return "".join("".join(sorted(run, key=unicodedata.combining) if are_marks else run) for are_marks, run in runs)


def normalise(text: str) -> str:
    """The text in NFC and lower case, with ’ as ' and `<br />` as a space. Texts with equal forms count as equal.

    >>> normalise("L’été<br />")
    "l'été "
    """
    if "<" in text:
        text = _LINE_BREAK_TAG.sub(" ", text)
    if text.isascii():
        return text.lower()
    # Lower-casing can leave normal form C (U+0130 gives i and a dot), so it is restored afterwards.
    text = to_nfc(to_nfc(text).lower())
    return text.replace("\u2019", "'")


def tokenize(text: str, tokenizer: str) -> list[str]:
    """The words of a text, in order.

    >>> tokenize("Don't miss it — 10/10! 很好 👍🏽", "words-1")
    ["don't", 'miss', 'it', '10', '10', '很', '好', '👍🏽']
    >>> tokenize("Don't miss it... 8.5/10! 很好 :-)", "words-2")
    ["don't", 'miss', 'it', '...', '8.5/10', '!', '很', '好', ':)']
    """
    if tokenizer == "words-1":
        if text.isascii():
            return _ascii_words(text)
        text = normalise(text)
        return _SIMPLE_WORD.findall(text) if not _NOT_SIMPLE.search(text) else _any_word().findall(text)
    if text.isascii():
        return _ascii_words_2(text)
    text = _rewrite_marks(normalise(text).replace("\u2026", "..."))
    if not _NOT_SIMPLE.search(text):
        return _SIMPLE_WORD_2.findall(text)
    return _any_word(_JOINER_2, f"|{_MARK}").findall(text)


def _ascii_words(text: str) -> list[str]:
    """The matches of `_SIMPLE_WORD` in an ASCII text, in two thirds of the time."""
    if "<" in text:
        text = _LINE_BREAK_TAG.sub(" ", text)
    text = f" {text} ".encode("ascii").translate(_ASCII_WORDS).decode("ascii")
    if "'" in text:  # part of a word only between two letters
        text = text.replace("''", "  ")
        while "' " in text or " '" in text:
            text = text.replace("' ", " ").replace(" '", " ")
    return text.split()


# Runs of full stops and faces in one form.
_DOTS, _FACE = re.compile(r"\.\.+"), re.compile(r"([:;])-?([()])")
_MARK = r"[!?\uff01\uff1f]|\.\.\.|:[()]|;\)"
_JOINER_2 = "(?:'|(?<=[0-9])[/.](?=[0-9]))"
_SIMPLE_WORD_2 = re.compile(rf"[^\W_]+(?:{_JOINER_2}[^\W_]+)*|{_MARK}")


def _rewrite_marks(text: str) -> str:
    """The text with two or more full stops as three, and faces without nose."""
    if ".." in text:
        text = _DOTS.sub("...", text)
    if ":" in text or ";" in text:
        text = _FACE.sub(r"\1\2", text)
    return text


# In an ASCII text these control characters stand for marks, and for / and . between digits, while everything else that
# is not part of a word becomes a space.
_CONTROLS = re.compile("[\x01-\x08]")
_MARKS = {"!": "\x01", "?": "\x02", "...": "\x03", ":)": "\x04", ":(": "\x05", ";)": "\x06"}
_JOINED = re.compile("([0-9])([/.])(?=[0-9])")
_SLASH, _POINT = "\x07", "\x08"
_ASCII_WORDS_2 = b" " + bytes(range(1, 9)) + _ASCII_WORDS[9:]


def _ascii_words_2(text: str) -> list[str]:
    """The matches of `_SIMPLE_WORD_2` in an ASCII text, in two thirds of the time."""
    if "<" in text:
        text = _LINE_BREAK_TAG.sub(" ", text)
    if _CONTROLS.search(text):
        text = _CONTROLS.sub(" ", text)
    text = _rewrite_marks(text)
    present = [(mark, control) for mark, control in _MARKS.items() if mark in text]
    for mark, control in present:
        text = text.replace(mark, control)
    if has_numbers := ("/" in text or "." in text) and _JOINED.search(text) is not None:
        text = _JOINED.sub(lambda match: match[1] + (_SLASH if match[2] == "/" else _POINT), text)
    text = f" {text} ".encode("ascii").translate(_ASCII_WORDS_2).decode("ascii")
    for mark, control in present:
        text = text.replace(control, f" {mark} ")
    if "'" in text:  # part of a word only between two letters
        text = text.replace("''", "  ")
        while "' " in text or " '" in text:
            text = text.replace("' ", " ").replace(" '", " ")
    if has_numbers:
        text = text.replace(_SLASH, "/").replace(_POINT, ".")
    return text.split()


@cache
def _any_word(joiner: str = "'", marks: str = "") -> "regex.Pattern[str]":
    """A word in any script. Built on first use: the `regex` module, which knows scripts, takes 20 ms to load."""
    import regex

    scripts = ("Han", "Hiragana", "Katakana", "Thai", "Lao", "Khmer", "Myanmar")
    unspaced = "".join(rf"\p{{Script={script}}}" for script in scripts) + "\u30fc"  # ー is in two scripts
    lone = rf"[[{unspaced}]&&\p{{L}}]"
    word = rf"[[\p{{L}}\p{{N}}]--{lone}]"
    # A joiner inside a word is part of it: Persian and the Indic scripts use U+200C and U+200D.
    run = rf"{word}(?:{word}|\p{{M}}|[\u200c\u200d](?=[{word}\p{{M}}]))*+"
    # Signs such as © and ↔ are emoji only before U+FE0F.
    signs = "[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u21aa]"
    picture = rf"(?:[\p{{Extended_Pictographic}}--{signs}](?:\ufe0f|\p{{Emoji_Modifier}})*|{signs}\ufe0f)"
    joined = rf"{picture}[\U000e0020-\U000e007f]*(?:\u200d{picture})*"
    flag, keycap = r"\p{RI}\p{RI}?", "[0-9#*]\ufe0f?\u20e3"
    return regex.compile(rf"{flag}|{keycap}|{joined}|{lone}\p{{M}}*|{run}(?:{joiner}{run})*{marks}", regex.VERSION1)


# All lines at once: the first answer of a model waits for its words.
_WORDS_AND_COUNTS = re.compile(rf"(?:[^\t\n]{{1,{MAX_WORD_LENGTH}}}\t[0-9]{{1,{_COUNT_DIGITS}}}\n)*+")


class Vocabulary:
    """The words that a model knows, most frequent first, with their counts in the training texts.

    Ids: 0 is padding, 1 any unknown word, 2 the most frequent word, and so on.

    >>> Vocabulary.learn({"film": 2, "good": 3}).ids
    {'good': 2, 'film': 3}
    """

    def __init__(self, words: Sequence[str], counts: Sequence[int]) -> None:
        self.words = tuple(words)
        self.counts = tuple(counts)
        self.ids = {word: number for number, word in enumerate(self.words, start=FIRST_WORD)}

    def __len__(self) -> int:
        """Number of ids, with padding and unknown: the rows of the embedding."""
        return len(self.words) + FIRST_WORD

    @classmethod
    def learn(cls, counts: Mapping[str, int]) -> "Vocabulary":
        """All words of a training set, most frequent first, ties in alphabetical order."""
        chosen = [item for item in counts.items() if len(item[0]) <= MAX_WORD_LENGTH]
        chosen.sort(key=lambda item: (-item[1], item[0]))
        return cls([word for word, _ in chosen], [count for _, count in chosen])

    def first(self, size: int, *, min_count: int = 1) -> "Vocabulary":
        """The most frequent words, with the same ids: at most `size` ids (like Keras's `num_words`), none rarer than
        `min_count`."""
        end = size - FIRST_WORD
        words, counts = self.words[:end], self.counts[:end]
        frequent = sum(count >= min_count for count in counts)
        return Vocabulary(words[:frequent], counts[:frequent])

    def to_text(self) -> str:
        """One line per word, `word<TAB>count`, in the order of the ids."""
        return "".join(f"{word}\t{count}\n" for word, count in zip(self.words, self.counts, strict=True))

    @classmethod
    def from_text(cls, text: str) -> "Vocabulary":
        """Read what `to_text` wrote. Raises ValueError naming the bad line, or if a word occurs twice."""
        if not _WORDS_AND_COUNTS.fullmatch(text):
            raise ValueError(_first_bad_line(text))
        fields = text.replace("\n", "\t").split("\t")[:-1]
        words, counts = fields[::2], [*map(int, fields[1::2])]
        vocabulary = cls(words, counts)
        if len(vocabulary.ids) != len(words):
            raise ValueError("a word occurs twice")
        return vocabulary


def _first_bad_line(text: str) -> str:
    """What is wrong with the text of a vocabulary."""
    for number, line in enumerate(text.split("\n")[:-1], start=1):
        word, tab, count = line.partition("\t")
        if not (word and tab and len(word) <= MAX_WORD_LENGTH and count.isascii() and count.isdigit()):
            return f"line {number} is not a word and its count"
        if len(count) > _COUNT_DIGITS:
            return f"line {number} has a count of more than {_COUNT_DIGITS} digits"
    return "the last line does not end"


class Reading(NamedTuple):
    """How much of a text a model read."""

    words: int  # in the text
    known: int  # known words in the part that was read
    unknown: list[str]  # unknown words in that part, in order
    cut: int  # words left out because the text is longer than max_len


class Encoded(NamedTuple):
    """A text as a model reads it."""

    ids: list[int]  # of `words`, after that of the start word if there is one: at most max_len
    words: list[str]  # of the part of the text that is read
    reading: Reading


def encode(
    text: str,
    vocabulary: Vocabulary,
    *,
    tokenizer: str,
    max_len: int,
    cut: str = "start",
    start_word: str | None = None,
) -> Encoded:
    """The ids of a text, of the `max_len` words that `clip` leaves.

    A `start_word` counts as one more word at the start of the text, and is cut like the others.

    >>> encode("A good film", Vocabulary(["good", "film"], [3, 2]), tokenizer="words-2", max_len=500)
    Encoded(ids=[1, 2, 3], words=['a', 'good', 'film'], reading=Reading(words=3, known=2, unknown=['a'], cut=0))
    """
    words = tokenize(text, tokenizer)
    read = clip(words if start_word is None else [start_word, *words], max_len, cut)
    ids = list(map(vocabulary.ids.get, read, repeat(UNKNOWN)))
    unknown = list(compress(read, map(UNKNOWN.__eq__, ids)))
    # `read` begins with the start word unless that was cut, even where the text has no words.
    first, rest = clip_at(len(words) + 1, max_len, cut)
    has_start = start_word is not None and (first > 0 or rest == 0)
    own = read[1:] if has_start else read
    return Encoded(ids, own, Reading(len(words), len(own) - len(unknown), unknown, len(words) - len(own)))


T = TypeVar("T")  # a word, or its id


def clip(words: list[T], max_len: int, cut: str) -> list[T]:
    """The part of a tokenized text that a model reads.

    >>> clip(["a", "b", "c", "d", "e", "f"], 4, "middle")
    ['a', 'd', 'e', 'f']
    """
    first, rest = clip_at(len(words), max_len, cut)
    return words if first == rest else words[:first] + words[rest:]


def clip_at(words: int, max_len: int, cut: str) -> tuple[int, int]:
    """Which part of a text with so many words a model drops: from the first index up to the second. The start if `cut`
    is "start", the end if "end"; if "middle", a quarter of the words are from the start and the rest from the end,
    where opinions are summed up.

    >>> clip_at(6, 4, "start"), clip_at(6, 4, "middle"), clip_at(3, 4, "end")
    ((0, 2), (1, 3), (0, 0))
    """
    if words <= max_len:
        return 0, 0
    first = {"start": 0, "middle": max_len // 4, "end": max_len}[cut]
    return first, words - (max_len - first)
