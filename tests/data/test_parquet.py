"""Parquet: the same rows, through pyarrow."""

import math
import sys
from pathlib import Path

import pytest

from lstmctl.data.columns import ColumnNames, Example
from lstmctl.data.formats import read_rows
from lstmctl.errors import BadData, MissingExtra, UsageError

ALL_COLUMNS = ColumnNames(keep=True)
UNLABELLED = ColumnNames(label=None, keep=True)


def table(path: Path, **columns: object) -> Path:
    import pyarrow
    from pyarrow import parquet

    arrays = {name: column if hasattr(column, "type") else pyarrow.array(column) for name, column in columns.items()}
    parquet.write_table(pyarrow.table(arrays), path)
    return path


def test_rows_with_numbers_and_columns(tmp_path: Path) -> None:
    path = table(tmp_path / "a.parquet", text=["x", "y"], label=[1, 0], extra=[[1, 2], None])
    assert list(read_rows(path, ALL_COLUMNS)) == [
        Example(1, "x", "1", "", {"text": "x", "label": 1, "extra": [1, 2]}),
        Example(2, "y", "0", "", {"text": "y", "label": 0, "extra": None}),
    ]
    assert list(read_rows(path, ColumnNames(label=None, group="label"))) == [
        Example(1, "x", "", "1"),
        Example(2, "y", "", "0"),
    ]


def test_more_rows_than_a_batch(tmp_path: Path) -> None:
    path = table(tmp_path / "a.parquet", text=[str(number) for number in range(3000)], label=["a"] * 3000)
    rows = list(read_rows(path))
    assert [row.row for row in rows] == list(range(1, 3001))
    assert rows[-1].text == "2999"


def test_dictionary_columns_and_booleans(tmp_path: Path) -> None:
    import pyarrow

    labels = pyarrow.array(["a", "b", "a"]).dictionary_encode()
    path = table(tmp_path / "a.parquet", text=["x", "y", "z"], label=labels, group=[True, False, None])
    rows = read_rows(path, ColumnNames(group="group", keep=True))
    assert [(row.label, row.group) for row in rows] == [("a", "true"), ("b", "false"), ("a", "")]


def test_bad_rows_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("a.parquet")
    for columns, message in (
        (
            {"text": [[1, 2], [3]], "label": ["a", "b"]},
            'a.parquet:1: "text" must be a text, a number or a boolean, not [1, 2]',
        ),
        ({"text": ["x", "y"], "label": ["a", None]}, "a.parquet:2: the label is empty"),
        ({"text": ["x", "y"], "label": [math.nan, 1.0]}, "a.parquet:1: the label is empty"),
        ({"text": ["x", "y" * 101], "label": ["a", "b"]}, "a.parquet:2: the text is longer than 100 bytes"),
        ({"review": ["x"], "label": ["a"]}, 'a.parquet: there is no column "text"'),
    ):
        with pytest.raises(BadData) as caught:
            list(read_rows(table(path, **columns), ALL_COLUMNS, max_line_bytes=100))
        assert caught.value.message.startswith(message)


def test_invalid_utf8(tmp_path: Path) -> None:
    import pyarrow

    raw = pyarrow.array([b"fine", None, b"caf\xe9"], pyarrow.binary())
    text = pyarrow.StringArray.from_buffers(3, raw.buffers()[1], raw.buffers()[2], raw.buffers()[0])
    path = table(tmp_path / "a.parquet", note=text, text=["x", "y", "z"])
    with pytest.raises(BadData, match=r"a\.parquet:3: byte 4 of a text is 0xe9"):
        list(read_rows(path, UNLABELLED))
    rows = list(read_rows(path, UNLABELLED, encoding_errors="replace"))
    assert [row.columns and row.columns["note"] for row in rows] == ["fine", None, "caf\ufffd"]


def test_damaged_files(tmp_path: Path) -> None:
    whole = table(tmp_path / "whole.parquet", text=["x"] * 100, label=["a"] * 100).read_bytes()
    middle = len(whole) // 2
    for data in (b"", b"text,label\n", b"PAR1" + bytes(100) + b"PAR1", whole[:-20], whole[:20] + bytes(middle)):
        path = tmp_path / "a.parquet"
        path.write_bytes(data)
        with pytest.raises(BadData, match=r"a\.parquet is not Parquet, or damaged: "):
            list(read_rows(path))
    packed = tmp_path / "a.parquet.gz"
    packed.write_bytes(whole)
    with pytest.raises(UsageError, match="not read from .gz files"):
        list(read_rows(packed))


def test_pyarrow_is_an_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1")
    with pytest.raises(MissingExtra, match="pyarrow is not installed") as caught:
        list(read_rows(path))
    assert caught.value.hint == "pip install 'lstmctl[parquet]'"
