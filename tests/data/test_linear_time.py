"""Four times the input takes about four times as long, in every tokenizer and format: no line takes minutes.

CPU times of this process are compared with each other, never with a number of seconds; what takes time with the square
of its input would take 16 times as long.
"""

import json
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstmctl.data.columns import ColumnNames, clean_label
from lstmctl.data.formats import read_rows
from lstmctl.errors import LstmctlError, closest_names
from lstmctl.model.text import _MANY_MARKS, normalise, to_nfc, tokenize

MOST = 11  # times as long for four times the input; the square would be 16
ENOUGH = 0.005  # seconds that a measured piece takes at least, so that a ratio means something

# What is repeated, and what comes before it.
SHAPES = {
    "marks in falling order": ("a", "\u0315\u0300\u031b\u0316"),
    "marks after a composed letter": ("é", "\u0316\u0301"),
    "marks that decompose": ("a", "\u0f73\u0344"),
    "marks and joiners": ("a", "\u0316\u0300\u200d"),
    "marks without a letter": ("", "\u0316\u0300"),
    "jamo": ("", "\u1100\u1161\u11a8"),
    "apostrophes": ("", "'"),
    "lone apostrophes": ("", "' a '"),
    "curly apostrophes": ("", "é’"),
    "tags": ("", "<br "),
    "open tag": ("<br", " "),
    "full stops": ("", ". "),
    "noses": ("", ":-;"),
    "numbers": ("", "1/1."),
    "emoji": ("", "👩\u200d"),
    "flags": ("", "🇫"),
    "keycaps": ("", "1\ufe0f"),
    "tags of emoji": ("🏴", "\U000e0067"),
    "joiners": ("a", "\u200c"),
    "Thai": ("", "กิ่"),
    "one word": ("", "a"),
    "quotes": ("", '"'),
    "open quotes": ("", '"a'),
    "commas": ("", ","),
    "tabs": ("", "\t"),
    "spaces": ("", " "),
    "vertical tabs": ("", "\x0b"),
    "carriage returns": ("", "\r"),
    "backslashes": ("", "\\"),
    "labels": ("", "__label__x "),
    "brackets": ("", "["),
    "BOMs": ("", "\ufeff"),
}


def seconds(work, size):
    best = float("inf")
    for _ in range(2):
        started = time.process_time()
        work(size)
        best = min(best, time.process_time() - started)
    return best


def check_linear(work, size=2_000):
    """`work` takes the number of repetitions."""
    while (once := seconds(work, size)) < ENOUGH and size < 100_000:
        size *= 4
    if once < ENOUGH:
        return
    ratio = seconds(work, 4 * size) / once
    if ratio >= MOST:  # another program may have disturbed it
        ratio = seconds(work, 4 * size) / seconds(work, size)
    assert ratio < MOST, f"{ratio:.1f} times as long for 4 times {size:,} repetitions"


def reading(content, suffix, tmp_path, columns):
    """Reads a file, whose content follows from a size."""

    def work(size):
        path = tmp_path / f"x{suffix}"
        path.write_bytes(content(size).encode("utf-8", "surrogatepass"))
        try:
            for _ in read_rows(path, columns):
                pass
        except LstmctlError:
            pass

    return work


@pytest.mark.parametrize("tokenizer", ["words-1", "words-2"])
@pytest.mark.parametrize("shape", SHAPES)
def test_tokenizers(shape, tokenizer):
    before, repeated = SHAPES[shape]
    check_linear(lambda size: tokenize(before + repeated * size, tokenizer))


LINES = {
    ".csv": lambda text: f"text,label\n{text},pos\n{text}\ngood,bad\n",
    ".tsv": lambda text: f"text\tlabel\n{text}\tpos\n{text}\ngood\tbad\n",
    ".txt": lambda text: f"{text}\ngood\n",
    ".ft": lambda text: f"__label__a {text}\n{text} b\n",
    ".jsonl": lambda text: f'{{"text": {json.dumps(text)}, "label": "a"}}\n{text}\n',
    ".json": lambda text: f'[{{"text": {json.dumps(text)}, "label": "a"}}, {text}]\n',
}


@pytest.mark.slow
@pytest.mark.parametrize("suffix", LINES)
@pytest.mark.parametrize("shape", SHAPES)
def test_formats(shape, suffix, tmp_path):
    before, repeated = SHAPES[shape]
    for columns in (ColumnNames(), ColumnNames(label=None)):
        check_linear(reading(lambda size: LINES[suffix](before + repeated * size), suffix, tmp_path, columns))


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        (".jsonl", lambda n: "{" + ", ".join(f'"k{i}": 1' for i in range(n)) + ', "k1": 1}\n'),
        (".jsonl", lambda n: "{" + ", ".join(f'"k{i}": 1' for i in range(n)) + "}\n"),
        (".json", lambda n: "{" + ", ".join(f'"k{i}": {{"text": "a", "label": "b"}}' for i in range(n)) + "}\n"),
        (".jsonl", lambda n: '{"text": "' + "\\ud83d" * n + '", "label": "a"}\n'),
        (".ft", lambda n: "__label__x " * n + "text\n"),
        (".csv", lambda n: ",".join(f"c{i}" for i in range(n)) + "\n" + "," * (n - 1) + "\n"),
        (".csv", lambda n: "text,label\n" + '"' + "a\n" * n),
        (".csv", lambda n: "text,label\n" + '"a""b"",\n' * n),
        (".tsv", lambda n: "text\tlabel\n" + '"a\n' * n),
    ],
    ids=["duplicate key", "no columns", "keys", "half characters", "labels", "columns", "open quote", "quotes", "tsv"],
)
def test_rows(suffix, content, tmp_path):
    for columns in (ColumnNames(), ColumnNames(label=None)):
        check_linear(reading(content, suffix, tmp_path, columns), size=250)


def test_labels_and_hints():
    def label(size):
        with pytest.raises(ValueError, match="characters"):
            clean_label("a" + "\u0315\u0300" * size)

    check_linear(label)
    check_linear(lambda size: closest_names("text", [f"texture {number}" for number in range(size)]), size=250)
    check_linear(lambda size: closest_names("text" * size, ["text" * size, "x" * size]), size=250)


MARKS = [chr(code) for code in range(0x110000) if unicodedata.combining(chr(code))]


def test_every_mark_can_be_in_a_run():
    assert len(MARKS) > 900
    for mark in MARKS:
        assert _MANY_MARKS.fullmatch(mark * 64), ascii(mark)


@given(st.lists(st.sampled_from([*MARKS, *"aé\u0f73\u0344\u0f81\u0340字 \u200d각\u1100\u1161≠"]), max_size=300))
def test_the_same_form_as_unicodedata(letters):
    text = "".join(letters)
    for mixed in (text, "a" + "\u0316" * 70 + text, "\u0315\u0316" * 40 + text + "\u0345" * 3):
        assert to_nfc(mixed) == unicodedata.normalize("NFC", mixed)
    assert normalise(text) == normalise(unicodedata.normalize("NFD", text))
