"""Fetching Keras's reviews: ids become words again, and the file is whole or not there."""

import gzip
import json
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from lstmctl.data.columns import ColumnNames
from lstmctl.data.formats import read_rows
from lstmctl.training.keras_imdb import decode, lines, main, words_by_id

ALL_COLUMNS = ColumnNames(keep=True)

INDEX = {"the": 1, "film": 2, "good": 3, "bad": 4, "d'état": 5}


def test_ids_become_words() -> None:
    words = words_by_id(INDEX)
    assert decode([1, 4, 5, 2, 6, 0, 0], words) == "the film good"  # start, unknown and padding are no words
    assert decode([], words) == ""


def test_one_line_per_review() -> None:
    written = list(lines("test", [[1, 4, 8], [1]], [1, 0], words_by_id(INDEX)))
    assert [json.loads(line) for line in written] == [
        {"part": "test", "text": "the d'état", "label": "pos"},
        {"part": "test", "text": "", "label": "neg"},
    ]


def fake_keras(monkeypatch: pytest.MonkeyPatch, load_data: Any) -> None:
    imdb = types.SimpleNamespace(load_data=load_data, get_word_index=lambda: INDEX)
    datasets = types.ModuleType("keras.datasets")
    datasets.imdb = imdb  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keras", types.ModuleType("keras"))
    monkeypatch.setitem(sys.modules, "keras.datasets", datasets)


def test_reason_is_the_last_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def offline() -> None:
        raise Exception("URL fetch failure\n on x: no route")

    fake_keras(monkeypatch, offline)
    assert main(tmp_path / "out.jsonl.gz") == 1
    assert capsys.readouterr().err.splitlines()[-1] == "URL fetch failure on x: no route"
    assert list(tmp_path.iterdir()) == []


def test_full_disk_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    fake_keras(monkeypatch, lambda: (([[1, 4]], [1]), ([[1, 5]], [0])))
    monkeypatch.setattr("os.fsync", full)
    assert main(tmp_path / "out.jsonl.gz") == 1
    assert "o space left on device" in capsys.readouterr().err.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.training
def test_keras_reads_its_own_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small imdb.npz and word index in Keras's format, read by Keras itself."""
    import keras.src.datasets.imdb as keras_imdb
    import numpy as np

    def ragged(reviews: list[list[int]]) -> np.ndarray[Any, Any]:
        array = np.empty(len(reviews), dtype=object)
        array[:] = reviews
        return array

    train, test = [[1, 2, 3], [1, 2, 4], [4, 5], [3]], [[1, 1, 4], [3, 3]]
    files = {"imdb.npz": tmp_path / "imdb.npz", "imdb_word_index.json": tmp_path / "imdb_word_index.json"}
    np.savez(
        files["imdb.npz"], x_train=ragged(train), y_train=[1, 0, 0, 1], x_test=ragged(test), y_test=np.array([0, 1])
    )
    files["imdb_word_index.json"].write_text(json.dumps(INDEX), encoding="utf-8")
    monkeypatch.setattr(keras_imdb, "get_file", lambda fname, **_: str(files[fname]))
    path = tmp_path / "home" / "keras-imdb.jsonl.gz"
    path.parent.mkdir()
    assert main(path) == 0
    read = {(row.columns["part"], row.text, row.label) for row in read_rows(path, ALL_COLUMNS) if row.columns}
    assert read == {
        ("train", "the film good", "pos"),
        ("train", "the film bad", "neg"),
        ("train", "bad", "neg"),  # Keras itself leaves out the word of the highest id
        ("train", "good", "pos"),
        ("test", "the the bad", "neg"),
        ("test", "good good", "pos"),
    }
    first = path.read_bytes()
    assert gzip.decompress(first).count(b"\n") == 6
    assert main(path) == 0
    assert path.read_bytes() == first
