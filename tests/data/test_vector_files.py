"""Word vector files: every format is read back as it was written, and every other file is refused in one sentence."""

import gzip
import lzma
import pickle
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstmctl.data import vector_files
from lstmctl.data.vector_files import MAX_WORDS, coverage, read_vectors, split_contraction
from lstmctl.errors import BadData, LstmctlError, NotFound, UsageError
from lstmctl.model.text import normalise

FILM = [4, 5.25, 6]

Entries = list[tuple[str, list[float]]]


def text_file(entries: Entries, *, header: bool = False, end: str = "\n") -> bytes:
    lines = [f"{word} {' '.join(f'{value:.9g}' for value in values)}" for word, values in entries]
    first = [f"{len(entries)} {len(entries[0][1])}"] if header else []
    return "".join(line + end for line in first + lines).encode()


def binary_file(entries: Entries, *, end: bytes = b"\n") -> bytes:
    header = f"{len(entries)} {len(entries[0][1])}\n".encode()
    return header + b"".join(word.encode() + b" " + np.array(row, "<f4").tobytes() + end for word, row in entries)


ENTRIES: Entries = [("the", [0.5, -1, 0.2]), (".", [1, 2, 3]), ("film", FILM)]
FILES = {
    "glove": text_file(ENTRIES),
    "glove, last line not ended": text_file(ENTRIES).rstrip(),
    "glove, CRLF": text_file(ENTRIES, end="\r\n"),
    "glove, spaces at the ends": text_file(ENTRIES, end=" \n"),
    "glove, byte order mark": b"\xef\xbb\xbf" + text_file(ENTRIES),
    "glove, blank lines": text_file(ENTRIES) + b"\n\n",
    "text": text_file(ENTRIES, header=True),
    "text, CRLF": text_file(ENTRIES, header=True, end="\r\n"),
    "binary": binary_file(ENTRIES),
    "binary, no line feeds": binary_file(ENTRIES, end=b""),
    "binary, printable": binary_file([("the", [0.9] * 3), ("film", FILM)]),  # 0.9 is b"fff?"
}


def read(path: Path, data: bytes, *words: str, **options: int) -> list[list[float] | None]:
    """The vector of each word, None for those that were not found."""
    path.write_bytes(data)
    vectors, found, dim = read_vectors(path, words, **options)
    assert vectors.shape == (len(words), dim)
    assert vectors.dtype == np.float32
    assert found.dtype == bool
    assert not vectors[~found].any()
    return [row if has_vector else None for row, has_vector in zip(vectors.tolist(), found.tolist(), strict=True)]


def error(path: Path, data: bytes, *words: str, **options: int) -> BadData:
    with pytest.raises(BadData) as caught:
        read(path, data, *words, **options)
    assert caught.value.hint
    return caught.value


# --- what is found ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["", ".txt", ".vec", ".bin", ".gz", ".bin.XZ"])  # only .gz and .xz matter
@pytest.mark.parametrize("kind", FILES)
def test_formats(tmp_path: Path, kind: str, suffix: str) -> None:
    pack = {".gz": gzip.compress, ".XZ": lzma.compress}.get(suffix[-3:], bytes)
    assert read(tmp_path / f"vectors{suffix}", pack(FILES[kind]), "film", "absent", "film") == [FILM, None, FILM]


WORDS = st.text(st.characters(exclude_categories=("Z", "C"), exclude_characters="\ufffd"), min_size=1, max_size=5)
# As in real files: larger ones can be written with bytes that are all letters.
FLOATS = st.floats(-1.875, 1.875, width=32, allow_nan=False)


@st.composite
def entries(draw: st.DrawFn) -> Entries:
    words = draw(
        st.lists(WORDS.map(normalise).filter(lambda word: " " not in word), min_size=1, max_size=6, unique=True)
    )
    dim = draw(st.integers(2, 5))
    return [(word, draw(st.lists(FLOATS, min_size=dim, max_size=dim))) for word in words]


@given(entries())
def test_read_back(tmp_path_factory: pytest.TempPathFactory, written: Entries) -> None:
    path = tmp_path_factory.getbasetemp() / "written"
    words, vectors = zip(*written, strict=True)
    for data in (
        text_file(written),
        text_file(written, header=True),
        binary_file(written),
        binary_file(written, end=b""),
    ):
        assert read(path, data, *reversed(words)) == list(reversed(vectors))


@given(st.binary(max_size=100) | st.binary(max_size=60).map(b"3 2\n".__add__))
def test_any_bytes(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    """Vectors or one error, whatever the file is."""
    try:
        read(tmp_path_factory.getbasetemp() / "any", data, "a", "b")
    except LstmctlError as found:
        assert isinstance(found, BadData)


@pytest.mark.parametrize(
    ("lines", "word", "expected"),
    [
        ("The 1 1\nTHE 2 2\nthe 3 3\n", "the", [3, 3]),  # the same word before other cases
        ("The 1 1\nTHE 2 2\n", "the", [1, 1]),  # else the most frequent
        ("the 1 1\nthe 2 2\n", "the", [1, 1]),
        ("CAFE\u0301 1 1\n", "café", [1, 1]),
        ("it’s 1 1\nit 2 2\n's 3 3\n", "it's", [1, 1]),  # a whole word before its parts
        ("it 1 2\n's 3 4\n", "it's", [2, 3]),
        ("DO 1 2\nN'T 3 4\n", "don't", [2, 3]),
        ("do 1 2\n", "don't", None),
        ("should 1 1\nn't 2 2\n've 6 6\n", "shouldn't've", [3, 3]),
        ("can 1 1\nnot 2 2\n", "cannot", [1.5, 1.5]),
        ("can't 1 1\n", "can", None),
        ("! 1 1\n... 2 2\n", "...", [2, 2]),
        ("x 0 0\n. . . 1 1\n", ".", None),  # words with spaces
        ("x 0 0\nnew york 1 1\n", "new", None),
        ("x 0 0\nNew York 1 1\n", "new york", [1, 1]),
        ("x 0 0\na\u00a0b\u2028c 1 1\n", "a", None),  # these are no separators
        ("1 2 3\n2 4 5\n", "2", [4, 5]),  # words that are numbers
        (" 1 1\na 2 2\n", "a", [2, 2]),  # an empty word
        ("a 1 1\nb nan x\n", "a", [1, 1]),  # values that are not wanted are not checked
        ("a 1 1\nlong 1 1e-60\n", "long", [1, 0]),
    ],
)
@pytest.mark.parametrize("header", [False, True])
def test_matching(tmp_path: Path, lines: str, word: str, expected: list[float] | None, header: bool) -> None:
    first = f"{lines.count(chr(10))} 2\n" if header else ""
    assert read(tmp_path / "vectors", (first + lines).encode(), word) == [expected]


@pytest.mark.parametrize("data", [b"a 1 1\ncaf\xe9 2 2\n\xff 3 3\n", binary_file([("a", [1, 1]), ("b", [2, 2])])])
def test_words_that_are_not_utf8(tmp_path: Path, data: bytes) -> None:
    data = data.replace(b"b ", b"\xff ")
    assert read(tmp_path / "vectors", data, "a", "caf\ufffd", "\ufffd") == [[1, 1], None, None]


def test_no_words(tmp_path: Path) -> None:
    assert read(tmp_path / "vectors", FILES["glove"]) == []


def test_dimension_1_needs_a_header(tmp_path: Path) -> None:
    assert read(tmp_path / "vectors", b"2 1\na 1\n5 3\n", "5") == [[3]]
    assert "is not a word vector file" in error(tmp_path / "vectors", b"Chapter 1\na 2\n").message


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("it's", ("it", "'s")),
        ("don't", ("do", "n't")),
        ("can't", ("ca", "n't")),
        ("i'm", ("i", "'m")),
        ("we'd've", ("we", "'d", "'ve")),
        ("gonna", ("gon", "na")),
        ("n't", ()),
        ("'s", ()),
        ("o'clock", ()),
        ("", ()),
    ],
)
def test_split_contraction(word: str, parts: tuple[str, ...]) -> None:
    assert split_contraction(word) == parts


def test_split_contraction_of_any_length() -> None:
    assert len(split_contraction("a" + "'s" * 5_000)) == 5_001


def test_coverage() -> None:
    assert coverage(np.array([True, False, True]), [5, 3, 2]) == 0.7
    assert coverage(np.array([True]), [0]) == coverage(np.array([], bool), []) == 0


# --- faults ----------------------------------------------------------------------------------------------------------

BINARY = binary_file([("a", [1, 2]), ("b", [3, 4])])  # its header has 4 bytes, a record 11


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a 1 2\nb 1\n", "v:2: expected a word and 2 values; the line has 1"),
        (b"a 1 2\nb 1 2 3\n", "v:2: expected a word and 2 values; the line has 3"),
        (b"a 1 2\nb\n", "v:2: expected a word and 2 values; the line has 0"),
        (b"a 1 2\nb 1", "v:2: the file ends in the middle of a line, after 1 of 2 values"),
        (b"a 1 2\nb 1 x\n", "v:2: 'x' in the vector of 'b' is not a number"),
        (b"a 1 2\nb 1 \n", "v:2: expected a word and 2 values; the line has 1"),
        (b"a 1 2\nb 1 1_0\n", "v:2: '1_0' in the vector of 'b' is not a number"),
        (b"a 1 2\nb  2\n", "v:2: '' in the vector of 'b' is not a number"),
        (b"a 1 2\nb 1 nan\n", "v:2: the vector of 'b' has a value that is not a finite float32"),
        (b"a 1 2\nb 1 -inf\n", "v:2: the vector of 'b' has a value that is not a finite float32"),
        (b"a 1 2\nb 1 1e39\n", "v:2: the vector of 'b' has a value that is not a finite float32"),
        (b"2 2\na 1 2\nb 1\n", "v:3: expected a word and 2 values; the line has 1"),
        (b"2 2\na 1 x\nb 1 2\n", "v:2: 'x' in the vector of 'a' is not a number"),
        (b"3 2\na 1 2\nb 1 2\n", "v:3: the file ends after 2 of the 3 words that its header says"),
        (b"1 2\na 1 2\nb 1 2\n", "v:3: the number of words in the header is 1, and here is one more"),
        (b"3 2", "v:1: the file ends after 0 of the 3 words that its header says"),
        (b"0 2\n", "v:1: the number of words in the header is 0; 1 to 100,000,000 are allowed"),
        (b"%d 2\n" % (MAX_WORDS + 1), "v:1: the number of words in the header is 100,000,001; 1 to"),
        (b"9" * 5000 + b" 2\n", "v:1: the number of words in the header is 9,999,999,999,999,999,999; 1 to"),
        (b"3 0\n", "v:1: the vectors have 0 dimensions; 1 to 4,096 are allowed"),
        (b"3 4097\n", "v:1: the vectors have 4,097 dimensions; 1 to 4,096 are allowed"),
        (b"a" + b" 1" * 4097, "v:1: the vectors have 4,097 dimensions; 1 to 4,096 are allowed"),
        (b"a 1 2\n" + b"x" * (1 << 20) + b"y 1 2\n", "v:2: the line is longer than 1 MiB"),
        (BINARY[:-2], "v: the file ends at byte 24, after 1 of 2 vectors"),
        (BINARY[:16], "v: the file ends at byte 16, after 1 of 2 vectors"),
        (b"3" + BINARY[1:], "v: the file ends at byte 26, after 2 of 3 vectors"),
        (b"1" + BINARY[1:], "v: the number of words in the header is 1, and more follow at byte 15"),
        (BINARY + b"x", "v: the number of words in the header is 2, and more follow at byte 26"),
        (BINARY[:15] + b"x" * 10_001 + BINARY[15:], "v: no space follows the word at byte 16"),
        (b"1 2\na " + np.array([1, np.nan], "<f4").tobytes(), "v: byte 7: the vector of 'a' has a value that is not"),
        (b"1 2\na " + np.array([1, np.inf], "<f4").tobytes(), "v: byte 7: the vector of 'a' has a value that is not"),
    ],
)
def test_faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes, message: str) -> None:
    monkeypatch.chdir(tmp_path)
    assert error(Path("v").absolute(), data, "a", "b").message.startswith(message)


@pytest.mark.parametrize(
    ("data", "reason", "hint"),
    [
        (b"", "it is empty", "supported are GloVe"),
        (b"\n", "it is empty", "supported are GloVe"),
        (b"\xef\xbb\xbf", "it is empty", "supported are GloVe"),
        (b"\n\n", "line 1 is ''", "supported are GloVe"),
        (b"text,label\na film,1\n", "line 1 is 'text,label', not a word and its values", "supported are GloVe"),
        (b"It was the best of times\n", "line 1 is 'It was the best", "supported are GloVe"),
        (b"__label__pos a film\n", "line 1 is '__label__pos", "supported are GloVe"),
        (b"a 1 2 x 3\n", "line 1 is 'a 1 2 x 3'", "supported are GloVe"),
        (b"the\t1\t2\n", "it has tabs", "tr "),
        (b"the\t1 2\n", "it has tabs", "tr "),
        (bytes(2**20 + 1), "its first line does not end", "supported are GloVe"),
        (b"\xba\x16\x4f\x2f\x0c\0\0\0", "it is a fastText model", "use the .vec file"),
        (b"\x93NUMPY\x01\0", "it is a NumPy array", "save_word2vec_format"),
        (pickle.dumps({"a": 1}), "it is a Python pickle", "save_word2vec_format"),
        (b"PK\x03\x04\x14\0", "it is a zip archive", "unzip v.bin"),
        (b"\x89HDF\r\n\x1a\n", "it is an HDF5 file", "supported are GloVe"),
        (gzip.compress(b"a 1 2\n", mtime=0), "it is gzip data", "mv v.bin v.bin.gz"),
        (lzma.compress(b"a 1 2\n"), "it is xz data", "mv v.bin v.bin.xz"),
        (b"\x28\xb5\x2f\xfd\0", "it is zstd data", "zstd -d v.bin"),
        (b"BZh91AY&SY", "it is bzip2 data", "bunzip2 v.bin"),
        ("a 1 2\n".encode("utf-16"), "it is UTF-16", "iconv"),
    ],
)
def test_other_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes, reason: str, hint: str) -> None:
    monkeypatch.chdir(tmp_path)
    found = error(Path("v.bin").absolute(), data, "a")
    assert found.message.startswith(f"v.bin is not a word vector file: {reason}")
    assert hint in (found.hint or "")


def test_all_pickle_protocols_are_recognised() -> None:
    starts = tuple(prefix for prefix, *_ in vector_files._OTHER_FILES)
    assert all(pickle.dumps([], protocol).startswith(starts) for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1))


@pytest.mark.parametrize("suffix", [".gz", ".xz"])
@pytest.mark.parametrize("kind", ["glove", "binary"])
def test_damaged_packing(tmp_path: Path, suffix: str, kind: str) -> None:
    path, data = tmp_path / f"v{suffix}", FILES[kind]
    packed = gzip.compress(data, mtime=0) if suffix == ".gz" else lzma.compress(data)
    assert "ends too early" in error(path, packed[:-9], "film").message
    middle = len(packed) // 2
    assert "damaged" in error(path, packed[:middle] + bytes(8) + packed[middle + 8 :], "film").message
    assert f"not what {suffix} stands for" in error(path, data, "film").message


@pytest.mark.parametrize("kind", ["glove", "binary"])
def test_unpacks_to_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    from lstmctl.data import opening

    monkeypatch.setattr(opening, "MAX_UNPACKED_BYTES", 20)
    assert "reading stopped" in error(tmp_path / "v.gz", gzip.compress(FILES[kind], mtime=0), "film").message


@pytest.mark.parametrize("first_row", [b"a 1 2\n", b"a \0\1\2\3"])
def test_no_allocation_by_header(tmp_path: Path, first_row: bytes) -> None:
    """The largest header costs nothing: sizes follow from the words that are wanted and from what is read."""
    data = f"{MAX_WORDS} 4096\n".encode() + first_row
    words = [f"word{number}" for number in range(200_000)]
    needed = "vectors of 4,096 dimensions for 200,000 words need 3.1 GiB"
    assert needed in error(tmp_path / "v", data, *words).message
    tracemalloc.start()
    try:
        assert "v:2: expected" in (found := error(tmp_path / "v", data, "a").message) or "file ends" in found
        assert tracemalloc.get_traced_memory()[1] < 10 * 2**20  # bytes
    finally:
        tracemalloc.stop()


def test_max_dim(tmp_path: Path) -> None:
    assert read(tmp_path / "v", FILES["glove"], "film", max_dim=3) == [FILM]
    assert "1 to 2 are allowed" in error(tmp_path / "v", FILES["glove"], "film", max_dim=2).message


def test_records_across_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Binary records may begin and end anywhere in what is read at a time."""
    monkeypatch.setattr(vector_files, "_MAX_WORD_BYTES", 8)
    written: Entries = [(f"w{number}", [number, -number, 0.5]) for number in range(50)]
    for size in range(30, 60):
        monkeypatch.setattr(vector_files, "_READ_BYTES", size)
        for end in (b"", b"\n"):
            assert read(tmp_path / "v", binary_file(written, end=end), "w0", "w49", "w17") == [
                [0, 0, 0.5],
                [49, -49, 0.5],
                [17, -17, 0.5],
            ]


def test_paths(tmp_path: Path) -> None:
    (tmp_path / "glove.txt").touch()
    with pytest.raises(NotFound, match=r"there is no file .*glove\.tx") as caught:
        read_vectors(tmp_path / "glove.tx", ["a"])
    assert "glove.txt" in (caught.value.hint or "")
    with pytest.raises(UsageError, match="is a folder"):
        read_vectors(tmp_path, ["a"])


def test_pipe(tmp_path: Path) -> None:
    """Nothing is read twice, so `<(unzip -p glove.zip)` works."""
    program = "import sys, pathlib; from lstmctl.data.vector_files import read_vectors; "
    program += "print(read_vectors(pathlib.Path('/dev/stdin'), ['film']).vectors.tolist())"
    for kind in ("glove", "binary"):
        done = subprocess.run([sys.executable, "-c", program], input=FILES[kind], capture_output=True, check=True)
        assert done.stdout.split() == b"[[4.0, 5.25, 6.0]]".split()
