"""Files in chunks have the same rows, with the same numbers, as read at once."""

import csv
import gzip
import io
import json
import random
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmctl.data.chunks import split_file
from lstmctl.data.columns import ColumnNames
from lstmctl.data.formats import decide_reading, read_rows
from lstmctl.errors import BadData, BadRow

UNLABELLED = ColumnNames(label=None, keep=True)

TEXTS = st.lists(st.text(st.sampled_from('ab,"\n\t é字😀'), max_size=12), max_size=30)


def in_chunks(path, kind, *, size, **options):
    reading = decide_reading(path, UNLABELLED, format=kind)
    chunks = list(split_file(path, reading, size=size))
    assert [chunk.number for chunk in chunks] == list(range(len(chunks)))
    rows = []
    for chunk in chunks:
        rows += read_rows(path, UNLABELLED, format=kind, chunk=chunk, reading=reading, **options)
    return rows, chunks


def written(path, kind, texts):
    if kind == "csv":
        file = io.StringIO()
        csv.writer(file).writerows([["text", "n"], *([text, number] for number, text in enumerate(texts))])
        path.write_bytes(file.getvalue().encode())
    elif kind == "jsonl":
        path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    else:
        lines = [text.replace("\n", " ").replace("\t", " ") for text in texts]
        path.write_bytes("\n".join(["text\tn", *(f"{line}\t1" for line in lines)] if kind == "tsv" else lines).encode())


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "lines"])
@given(texts=TEXTS, size=st.integers(1, 80), bom=st.booleans())
@settings(deadline=None, max_examples=150)
def test_chunks_have_all_rows(kind, texts, size, bom, tmp_path_factory):
    path = tmp_path_factory.mktemp("chunks") / f"rows.{kind}"
    written(path, kind, texts)
    if bom:
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    rows, chunks = in_chunks(path, kind, size=size)
    assert rows == list(read_rows(path, UNLABELLED, format=kind))
    ends = [chunk.stop for chunk in chunks[:-1]]
    assert [chunk.start for chunk in chunks[1:]] == ends
    assert chunks[-1].stop is None


def test_chunk_sizes(tmp_path):
    path = tmp_path / "rows.jsonl"
    written(path, "jsonl", ["word " * 20] * 1_000)
    _, chunks = in_chunks(path, "jsonl", size=10_000)
    assert len(chunks) == path.stat().st_size // 10_000 + 1
    assert all(10_000 <= chunk.stop - chunk.start < 10_120 for chunk in chunks[:-1])


def test_parquet_chunks_are_row_groups(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = tmp_path / "rows.parquet"
    table = pyarrow.table({"text": [f"text {number}" for number in range(1_000)]})
    parquet.write_table(table, path, row_group_size=70)
    rows, chunks = in_chunks(path, "parquet", size=1_000)
    assert rows == list(read_rows(path, UNLABELLED))
    assert [row.row for row in rows] == list(range(1, 1_001))
    assert len(chunks) > 3


def test_large_row_group_needs_little_memory(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = tmp_path / "rows.parquet"
    texts = [random.Random(number).randbytes(1_000).hex() for number in range(20_000)]
    parquet.write_table(pyarrow.table({"text": texts}), path, row_group_size=10**6)
    assert path.stat().st_size > 10_000_000
    del texts
    tracemalloc.start()  # pyarrow reads through a file of Python's
    try:
        assert sum(1 for _ in read_rows(path, UNLABELLED)) == 20_000
        assert tracemalloc.get_traced_memory()[1] < 12_000_000
    finally:
        tracemalloc.stop()


def test_packed_file_is_one_chunk(tmp_path):
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"text": "a"}\n' * 1_000, mtime=0))
    rows, chunks = in_chunks(path, "jsonl", size=100)
    assert len(chunks) == 1
    assert len(rows) == 1_000


def test_bad_header_is_not_a_bad_row(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("review,n\na,1\n")
    with pytest.raises(BadData, match="no column") as raised:
        list(split_file(path, decide_reading(path, ColumnNames(label=None), format="csv")))
    assert not isinstance(raised.value, BadRow)


GOOD = {"jsonl": b'{"text": "good"}\n', "csv": b"good,1\n", "tsv": b"good\t1\n", "lines": b"good\n"}
BAD = {
    "jsonl": [b'{"text": [1, 2]}\n', b"{\n", b"[]\n", b'"\xff"\n', b"x" * 3_000 + b"\n"],
    "csv": [b"a,b,c\n", b'"a"b,1\n', b"\xff,1\n", b"\0,1\n", b"x" * 3_000 + b",1\n"],
    "tsv": [b"alone\n", b"\xff\t1\n"],
    "lines": [b"\xff\n", b"\0\n", b"x" * 3_000 + b"\n"],
}


@pytest.mark.parametrize("size", [1, 100, 10**6])
@pytest.mark.parametrize("kind", list(GOOD))
def test_bad_rows_are_skipped(tmp_path, kind, size):
    """Every good row is read with its number; every bad one is reported once."""
    path, lines, expected, wrong = tmp_path / f"rows.{kind}", [], [], []
    for bad in BAD[kind]:
        for line in (GOOD[kind], bad, GOOD[kind]):
            (wrong if line is bad else expected).append(len(lines) + 1 + (kind in ("csv", "tsv")))
            lines.append(line)
    header = {"csv": b"text,n\n", "tsv": b"text\tn\n"}.get(kind, b"")
    path.write_bytes(header + b"".join(lines))
    skipped = []
    rows, _ = in_chunks(path, kind, size=size, skip_bad_row=skipped.append, max_line_bytes=1_000)
    assert [row.row for row in rows] == expected
    assert [error.number for error in skipped] == wrong
    assert all(error.message.startswith(f"{path}:{error.number}: ") for error in skipped)


def test_open_quote_is_skipped_to_its_end(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text('text,n\na,1\n"b,2\n' + "c,3\n" * 100)
    skipped = []
    rows, _ = in_chunks(path, "csv", size=10**6, skip_bad_row=skipped.append)
    assert [row.row for row in rows] == [2]
    assert [(error.number, error.last) for error in skipped] == [(3, 103)]


def test_bad_parquet_rows_are_skipped(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = tmp_path / "rows.parquet"
    parquet.write_table(pyarrow.table({"text": ["a", "x" * 99, "b"]}), path)
    skipped = []
    rows = list(read_rows(path, UNLABELLED, skip_bad_row=skipped.append, max_line_bytes=50))
    assert [row.text for row in rows] == ["a", "b"]
    assert [error.number for error in skipped] == [2]


def test_long_fields_are_split(tmp_path):
    """A field may be longer than the default limit of the csv module."""
    csv.field_size_limit(131_072)
    (tmp_path / "a.csv").write_text("text\n" + f"{'x' * 200_000}\n" * 3)
    assert len(in_chunks(tmp_path / "a.csv", "csv", size=1_000)[1]) == 3
