"""Fetch `keras.datasets.imdb` and write it as JSON Lines: `python -m lstmctl.training.keras_imdb OUTPUT.jsonl.gz`;
or only its word index, a JSON object, to OUTPUT.json.

`lstmctl.data.named` runs this program as a child process. If it fails, its last line on stderr is the reason.
"""

import gzip
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lstmctl.data.named import SENTIMENT
from lstmctl.interchange.from_keras import INDEX_FROM
from lstmctl.storage.filesystem import write_file
from lstmctl.training.framework import isolate

FILES = ("imdb.npz", "imdb_word_index.json")  # of Keras's data set, in the folder of its downloads


def words_by_id(word_index: Mapping[str, int]) -> dict[int, str]:
    """The word of each id. In Keras 0 pads, 1 starts a review, 2 is an unknown word; word n of the index is n + 3.

    >>> words_by_id({"the": 1, "and": 2})
    {4: 'the', 5: 'and'}
    """
    return {number + INDEX_FROM: word for word, number in word_index.items()}


def decode(ids: Iterable[int], words: Mapping[int, str]) -> str:
    """A review as text, its words separated by spaces. Ids without a word are skipped.

    >>> decode([1, 4, 2, 5], {4: "the", 5: "and"})
    'the and'
    """
    return " ".join(words[number] for number in ids if number in words)


def lines(part: str, texts: Iterable[Iterable[int]], labels: Iterable[int], words: Mapping[int, str]) -> Iterator[str]:
    """One JSON object per review: the part of the data, text and label."""
    for ids, label in zip(texts, labels, strict=True):
        record = {"part": part, "text": decode(ids, words), "label": SENTIMENT[label]}
        yield json.dumps(record, ensure_ascii=False) + "\n"


@contextmanager
def keras_datasets() -> Iterator[Any]:
    """Keras's `imdb` module with a temporary folder for its files, in which those that the user has already appear."""
    own = Path(os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras"), "datasets")
    isolate(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["KERAS_HOME"] = folder
        datasets = Path(folder, "datasets")
        datasets.mkdir()
        for name in FILES:
            if (own / name).is_file():
                (datasets / name).symlink_to((own / name).resolve())
        from keras.datasets import imdb

        yield imdb


def fetch() -> bytes:
    """The data set as gzip-compressed JSON Lines, training part first."""

    with keras_datasets() as imdb:
        (train, train_labels), (test, test_labels) = imdb.load_data()
        words = words_by_id(imdb.get_word_index())
    text = [*lines("train", train, train_labels, words), *lines("test", test, test_labels, words)]
    return gzip.compress("".join(text).encode(), compresslevel=6, mtime=0)


def fetch_words() -> bytes:
    """The word index as JSON: word → rank by frequency, from 1."""
    with keras_datasets() as imdb:
        return json.dumps(imdb.get_word_index(), ensure_ascii=False).encode()


def main(output: Path) -> int:
    """Write the data set or the word index to `output`, completely or not at all; returns the exit status."""
    try:
        write_file(output, fetch_words() if output.suffix == ".json" else fetch(), force=True)
    except Exception as error:  # Keras raises plain Exception when a download fails
        reason = str(error) or type(error).__name__
        sys.stderr.write("\n" + " ".join(reason.split()) + "\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
