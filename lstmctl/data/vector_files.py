"""Files of pre-trained word vectors: GloVe's text, and the text and binary formats of word2vec and fastText.

    the 0.418 0.24968 -0.41242 …       GloVe: a word and its values on each line, frequent words first
    2000000 300                        word2vec and fastText text, `.vec`: first the numbers of words and of dimensions
    3000000 300⏎the <300 float32>⏎     word2vec binary, `.bin`: little-endian; the line feed after a vector is optional

The content of a file tells its format, not its name; only .gz and .xz at the end of a name mean packed data. A file is
read in one pass, and only the vectors that are asked for are kept and checked: two million words take the memory of the
wanted ones. Words are UTF-8; a word with other bytes matches nothing.

Left out: fastText's models, which compose vectors of unknown words from character n-grams, and all pickled formats,
which can run code.
"""

import codecs
import gzip
import io
import lzma
import re
import shlex
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lstmctl.config import MAX_LINE_BYTES, MAX_PARAMETER_BYTES
from lstmctl.data.columns import short_repr
from lstmctl.data.lines import Lines
from lstmctl.data.opening import display, open_lines
from lstmctl.errors import BadData, from_os_error
from lstmctl.model.text import normalise

Vectors = NDArray[np.float32]

MAX_DIM = 4096  # the largest --embedding-dim
MAX_WORDS = 100_000_000  # in a file; the largest public ones have a few million

_MAX_WORD_BYTES = 10_000  # in a binary file
_READ_BYTES = 1 << 20
_BOM = b"\xef\xbb\xbf"
_HEADER = re.compile(rb"([0-9]+)[ \t]+([0-9]+)[ \t\r]*")
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f]")
_FLOAT32_END = re.compile(rb"[<=>?]")  # the last byte of values from 0.008 to 2; numbers in text have none of these

_FORMATS = "supported are GloVe text and word2vec or fastText vectors (.vec, .bin), also packed as .gz or .xz"
_INCOMPLETE = "is the file complete? download or copy it again"
_SAVE_FROM_GENSIM = "save it from gensim with save_word2vec_format; " + _FORMATS
# First bytes of files that have no words to show, what they are, and what to do; {} is the file's name.
_OTHER_FILES = (
    (b"\xba\x16\x4f\x2f", "it is a fastText model", "use the .vec file that comes with the .bin file"),
    (b"\x93NUMPY", "it is a NumPy array", _SAVE_FROM_GENSIM),
    *((bytes([0x80, protocol]), "it is a Python pickle", _SAVE_FROM_GENSIM) for protocol in range(2, 6)),
    (b"PK\x03\x04", "it is a zip archive", "if it is a download: unzip {}, and name a file from it"),
    (b"\x89HDF", "it is an HDF5 file", _FORMATS),
    (b"\x1f\x8b", "it is gzip data, and its name does not end in .gz", "mv {0} {0}.gz"),
    (b"\xfd7zXZ\0", "it is xz data, and its name does not end in .xz", "mv {0} {0}.xz"),
    (b"\x28\xb5\x2f\xfd", "it is zstd data", "unpack it with zstd -d {}"),
    (b"BZh91AY&SY", "it is bzip2 data", "unpack it with bunzip2 {}"),
    (b"\xff\xfe", "it is UTF-16", "iconv -f UTF-16 -t UTF-8 converts it"),
    (b"\xfe\xff", "it is UTF-16", "iconv -f UTF-16 -t UTF-8 converts it"),
)

# The Penn Treebank splits these words in two, and so does the tokenizer of GloVe's training texts.
_CONTRACTION = re.compile(r"(.+)(n't|'(?:s|m|d|ll|re|ve))", re.DOTALL)
_SPLIT_WORDS = {
    "cannot": ("can", "not"),
    "gimme": ("gim", "me"),
    "gonna": ("gon", "na"),
    "gotta": ("got", "ta"),
    "lemme": ("lem", "me"),
    "wanna": ("wan", "na"),
    "y'all": ("y'", "all"),
}


class WordVectors(NamedTuple):
    """The vectors of a list of words."""

    vectors: Vectors  # (words, dim); zero for words that were not found
    found: NDArray[np.bool_]  # (words,)
    dim: int


class _Header(NamedTuple):
    """What a file says about itself before its first vector."""

    dim: int
    words: int | None = None  # None: the file has no header line
    binary: bool = False


def read_vectors(path: Path, words: Sequence[str], *, max_dim: int = MAX_DIM) -> WordVectors:
    """The vectors of `words`, which are in the form of `normalise`, from a file.

    A word has the vector of the entry that equals it; else of the first entry with this normal form, so `paris` that of
    `Paris`; else, for a word that the Penn Treebank splits, the mean of its parts if the file has them all: `it's` that
    of `it` and `'s`, `don't` of `do` and `n't`. Of equal entries the first counts. Without a header line, the first
    line tells the dimension, which must be at least 2, and other lines may have spaces in a word.

    Raises:
        NotFound: the file does not exist. UsageError: it is a folder.
        BadData: it is no word vector file, has more than `max_dim` dimensions, is cut off, or has another number of
            values in a line, or a value of a wanted word that is no finite number; names the line, or in a binary file
            the byte. Also if the vectors of all words would need more than 2 GiB.
        PermissionDenied, StorageError: from the operating system.
    """
    name = display(path)
    with open_lines(path) as (stream, max_bytes), _damage_errors(name):
        file = io.BufferedReader(cast(io.RawIOBase, stream), MAX_LINE_BYTES)
        header = _read_header(file.peek(), name, max_dim)
        wanted = _Wanted(words, header.dim, name)
        if header.binary:
            _read_binary(file, name, wanted, header, max_bytes)
        else:
            # Bytes that are not UTF-8 become U+FFFD. `labelled` only chooses hints: there is no option to name.
            lines = Lines(file, name, strict=False, labelled=True, max_bytes=max_bytes)
            _read_text(lines, wanted, header)
    return wanted.result()


def select_vectors(words: Sequence[str], entries: Iterable[str], vectors: Vectors, name: str) -> WordVectors:
    """The vectors of `words` from those of all `entries`, shape (entries, dim), matched as by `read_vectors`."""
    wanted = _Wanted(words, vectors.shape[1], name)
    for place, entry in enumerate(entries):
        if (row := wanted.claim(entry)) is not None and not wanted.set(row, vectors[place]):
            raise BadData(f"{name}: {_not_finite(entry)}", hint=_INCOMPLETE)
    return wanted.result()


def coverage(found: NDArray[np.bool_], counts: ArrayLike) -> float:
    """The proportion of running words that have a vector: `counts`, shape (words,), says how often each word occurs.

    >>> coverage(np.array([True, False]), [3, 1])
    0.75
    """
    weights = np.asarray(counts, np.float64)
    total = float(weights.sum())
    return float(weights[found].sum()) / total if total else 0.0


def split_contraction(word: str) -> tuple[str, ...]:
    """The parts in which the Penn Treebank writes a word; empty if it does not split it.

    >>> split_contraction("can't"), split_contraction("film")
    (('ca', "n't"), ())
    """
    if word in _SPLIT_WORDS:
        return _SPLIT_WORDS[word]
    parts: list[str] = []
    while match := _CONTRACTION.fullmatch(word):
        word = match[1]
        parts.append(match[2])
    return (word, *reversed(parts)) if parts else ()


class _Wanted:
    """Collects the vectors of the wanted words and of the parts of contractions."""

    def __init__(self, words: Sequence[str], dim: int, name: str) -> None:
        self.words, self.dim = words, dim
        self.parts = {word: parts for word in words if (parts := split_contraction(word))}
        every = dict.fromkeys([*words, *(part for parts in self.parts.values() for part in parts)])
        if (size := 4 * dim * len(every)) > MAX_PARAMETER_BYTES:
            message = f"{name}: vectors of {dim:,} dimensions for {len(words):,} words need {size / 1024**3:.1f} GiB"
            limit = MAX_PARAMETER_BYTES // 1024**3
            raise BadData(message, hint=f"the limit is {limit} GiB; use shorter vectors, or fewer words (--vocab-size)")
        self._rows = {word: row for row, word in enumerate(every)}
        self._vectors = np.zeros((len(every), dim), np.float32)
        self._matches = bytearray(len(every))  # of a row: 0 none, 1 the normal form of an entry, 2 an entry itself

    def claim(self, word: str) -> int | None:
        """The row that takes the vector of this entry of the file; None if it is not needed."""
        match = 2
        row = self._rows.get(word)
        if row is None:
            match = 1
            row = self._rows.get(normalise(word))
        if row is None or self._matches[row] >= match or "\ufffd" in word:  # a word with bytes that are not UTF-8
            return None
        self._matches[row] = match
        return row

    def set(self, row: int, values: ArrayLike) -> bool:
        """Store a vector, shape (dim,); False if it is not finite as float32."""
        with np.errstate(over="ignore"):
            self._vectors[row] = values
        return bool(np.isfinite(self._vectors[row]).all())

    def result(self) -> WordVectors:
        """The vectors of all words, with those of contractions from their parts."""
        rows = np.array([self._rows[word] for word in self.words], np.intp)
        has_vector = np.frombuffer(self._matches, np.uint8) > 0
        found = has_vector[rows]
        vectors = self._vectors[rows]
        for place in np.flatnonzero(~found).tolist():
            parts = [self._rows[part] for part in self.parts.get(self.words[place], ())]
            if parts and has_vector[parts].all():
                vectors[place] = self._vectors[parts].mean(0, dtype=np.float64)
                found[place] = True
        return WordVectors(vectors, found, self.dim)


# --- which format ----------------------------------------------------------------------------------------------------


def _read_header(head: bytes, name: str, max_dim: int) -> _Header:
    """The format of a file from its first `MAX_LINE_BYTES` bytes. Raises BadData if it is no word vector file."""
    for prefix, kind, hint in _OTHER_FILES:
        if head.startswith(prefix):
            raise _not_vectors(name, kind, hint=hint.format(shlex.quote(name)))
    first, _, rest = head.removeprefix(_BOM).partition(b"\n")
    if not first and not rest:
        raise _not_vectors(name, "it is empty")
    if match := _HEADER.fullmatch(first):
        count, dim = (int(digits[:19]) for digits in match.groups())  # 19 digits are too many anyway
        if not 1 <= count <= MAX_WORDS:
            message = f"{name}:1: the number of words in the header is {count:,}; 1 to {MAX_WORDS:,} are allowed"
            raise BadData(message, hint="is this a word vector file? " + _FORMATS)
        _check_dim(dim, name, max_dim)
        return _Header(dim, count, _is_binary(rest, dim))
    if len(first) >= MAX_LINE_BYTES:
        raise _not_vectors(name, "its first line does not end")
    text = first.decode("utf-8", "replace").rstrip(" \r")
    if "\t" in text and _all_numbers(text.split("\t", 1)[1].replace("\t", " ")):
        raise _not_vectors(name, "it has tabs between the values", hint="put spaces in their place with tr '\\t' ' '")
    values = text.partition(" ")[2]
    if " " not in values or not _all_numbers(values):
        raise _not_vectors(name, f"line 1 is {short_repr(text)}, not a word and its values")
    _check_dim(dim := values.count(" ") + 1, name, max_dim)
    return _Header(dim)


def _is_binary(data: bytes, dim: int) -> bool:
    """Whether the bytes after a header line are float32 values: they are no line of text, nor text at all."""
    fields = data.partition(b"\n")[0].decode("utf-8", "replace").rstrip(" \r").rsplit(" ", dim)
    if len(fields) > dim and _all_numbers(" ".join(fields[1:])):
        return False
    values = data.partition(b" ")[2][: 4 * dim]
    if _CONTROL.search(data) or _FLOAT32_END.search(values):
        return True
    try:
        codecs.utf_8_decode(data, "strict", False)  # the last character may be incomplete
    except UnicodeDecodeError:
        return True
    return False


def _check_dim(dim: int, name: str, max_dim: int) -> None:
    if not 1 <= dim <= max_dim:
        message = f"{name}:1: the vectors have {dim:,} dimensions; 1 to {max_dim:,} are allowed"
        raise BadData(message, hint="is this a word vector file? " + _FORMATS)


def _not_vectors(name: str, reason: str, *, hint: str = _FORMATS) -> BadData:
    return BadData(f"{name} is not a word vector file: {reason}", hint=hint)


@contextmanager
def _damage_errors(name: str) -> Iterator[None]:
    """Translate what unpacking and the operating system raise while a file is read."""
    try:
        yield
    except EOFError as error:
        raise BadData(f"{name}: the packed data ends too early", hint=_INCOMPLETE) from error
    except (zlib.error, gzip.BadGzipFile, lzma.LZMAError) as error:
        suffix = Path(name).suffix
        raise BadData(f"{name}: the data is damaged, or not what {suffix} stands for", hint=_INCOMPLETE) from error
    except OSError as error:
        raise from_os_error(error, f"read {name}") from error


# --- text ------------------------------------------------------------------------------------------------------------


def _read_text(lines: Lines, wanted: _Wanted, header: _Header) -> None:
    """Read all lines. Of a line that is not wanted, only the number of values is checked."""
    dim, count, read = header.dim, header.words, 0
    rows = iter(lines)
    if count is not None:
        next(rows)
    for line in rows:
        text = line.rstrip(" \r\n")
        if not text:  # a blank line
            continue
        read += 1
        if count is not None and read > count:
            message = f"the number of words in the header is {count:,}, and here is one more"
            raise lines.fatal(message, hint="the first line must be the number of words and the number of dimensions")
        # Not `split()`: words have no-break spaces and the like.
        spaces = text.count(" ")
        word = text.partition(" ")[0] if spaces == dim else _word_with_spaces(text, dim, lines, ended=line[-1] == "\n")
        if (row := wanted.claim(word)) is not None:
            _set_values(row, word, text[len(word) + 1 :], wanted, lines)
    if count is not None and read < count:
        raise lines.fatal(f"the file ends after {read:,} of the {count:,} words that its header says", hint=_INCOMPLETE)


def _word_with_spaces(text: str, dim: int, lines: Lines, *, ended: bool) -> str:
    """The word of a line with more than `dim` spaces: `New York 0.1 0.2`. Raises Else BadData."""
    values = text.count(" ")
    if values > dim:
        word = text.rsplit(" ", dim)[0]
        if not _all_numbers(word.rpartition(" ")[2]):
            return word
    elif not ended:
        raise lines.fatal(f"the file ends in the middle of a line, after {values} of {dim} values", hint=_INCOMPLETE)
    hint = "repair or remove the line; a line is a word and its values, with one space between them"
    raise lines.fatal(f"expected a word and {dim} values; the line has {values}", hint=hint)


def _set_values(row: int, word: str, text: str, wanted: _Wanted, lines: Lines) -> None:
    try:
        values = _parse_numbers(text)
    except ValueError as error:
        bad = next(value for value in text.split(" ") if not _all_numbers(value))
        message = f"{short_repr(bad)} in the vector of {short_repr(word)} is not a number"
        raise lines.fatal(message, hint="repair or remove the line") from error
    if not wanted.set(row, values):
        raise lines.fatal(_not_finite(word), hint="repair or remove the line")


def _parse_numbers(text: str) -> list[float]:
    """Numbers with one space between them. Raises ValueError."""
    if "_" in text:  # Python reads 1_000
        raise ValueError("not a number")
    return list(map(float, text.split(" ")))


def _all_numbers(text: str) -> bool:
    try:
        return bool(_parse_numbers(text))
    except ValueError:
        return False


def _not_finite(word: str) -> str:
    return f"the vector of {short_repr(word)} has a value that is not a finite float32"


# --- binary ----------------------------------------------------------------------------------------------------------


def _read_binary(file: IO[bytes], name: str, wanted: _Wanted, header: _Header, max_bytes: int | None) -> None:
    """Read all vectors of a binary file. Errors count its bytes, unpacked, from 1."""
    count, size = header.words or 0, 4 * header.dim
    longest = 1 + _MAX_WORD_BYTES + 1 + size  # a line feed, the word, a space, the values
    start = len(file.readline())  # byte of the file where `data` starts
    data, position = b"", 0
    for number in range(count):
        if len(data) - position < longest:
            start += position
            data, position = data[position:] + file.read(_READ_BYTES), 0
            if max_bytes is not None and start + len(data) > max_bytes:
                message = f"{name} unpacks to more than {max_bytes / 1024**3:.3g} GiB; reading stopped"
                raise BadData(message, hint="is this a word vector file?")
        if data.startswith(b"\n", position):
            position += 1
        space = data.find(b" ", position, position + _MAX_WORD_BYTES + 1)
        values = space + 1
        if space < 0 and len(data) - position > _MAX_WORD_BYTES:
            message = f"{name}: no space follows the word at byte {start + position + 1:,}"
            raise BadData(message, hint="is the file damaged? " + _FORMATS)
        if space < 0 or values + size > len(data):
            message = f"{name}: the file ends at byte {start + len(data):,}, after {number:,} of {count:,} vectors"
            raise BadData(message, hint=_INCOMPLETE)
        word = data[position:space].decode("utf-8", "replace")
        row = wanted.claim(word)
        if row is not None and not wanted.set(row, np.frombuffer(data, "<f4", header.dim, values)):
            message = f"{name}: byte {start + values + 1:,}: {_not_finite(word)}"
            raise BadData(message, hint="is the file damaged? download or copy it again")
        position = values + size
    if (data[position:] + file.read(2)) not in (b"", b"\n"):
        message = (
            f"{name}: the number of words in the header is {count:,}, and more follow at byte {start + position + 1:,}"
        )
        raise BadData(message, hint="is the file damaged? download or copy it again")
