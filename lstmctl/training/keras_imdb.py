"""Fetch `keras.datasets.imdb` and write it as JSON Lines: `python -m lstmctl.training.keras_imdb OUTPUT.jsonl.gz`;
or its word index alone, a JSON object, to OUTPUT.json.

A program of its own, run once by `lstmctl.data.named` as a child process. Its last line on stderr says why it failed.
"""

import gzip
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from lstmctl.data.named import SENTIMENT
from lstmctl.interchange.keras_words import INDEX_FROM
from lstmctl.storage.filesystem import write_file


def words_by_id(word_index: Mapping[str, int]) -> dict[int, str]:
    """The word of each id. In Keras 0 pads, 1 starts a review, 2 is an unknown word; word n of the index is n + 3."""
    return {number + INDEX_FROM: word for word, number in word_index.items()}


def decode(ids: Iterable[int], words: Mapping[int, str]) -> str:
    """The review that the ids stand for, its words with spaces between. Ids that stand for no word are left out."""
    return " ".join(words[number] for number in ids if number in words)


def lines(
    part: str, reviews: Iterable[Iterable[int]], labels: Iterable[int], words: Mapping[int, str]
) -> Iterator[str]:
    """A JSON object a review: its part of the data, its text, its label."""
    for ids, label in zip(reviews, labels, strict=True):
        record = {"part": part, "text": decode(ids, words), "label": SENTIMENT[label]}
        yield json.dumps(record, ensure_ascii=False) + "\n"


def fetch() -> bytes:
    """The whole data set as packed JSON Lines, its training part first."""
    from keras.datasets import imdb

    (train, train_labels), (test, test_labels) = imdb.load_data()
    words = words_by_id(imdb.get_word_index())
    text = [*lines("train", train, train_labels, words), *lines("test", test, test_labels, words)]
    return gzip.compress("".join(text).encode(), compresslevel=6, mtime=0)


def fetch_words() -> bytes:
    """The word index: word → place by frequency, beginning with 1."""
    from keras.datasets import imdb

    return json.dumps(imdb.get_word_index(), ensure_ascii=False).encode()


def main(output: Path) -> int:
    """Write the data set or the word index to `output`, whole or not at all; the exit status."""
    try:
        write_file(output, fetch_words() if output.suffix == ".json" else fetch(), force=True)
    except Exception as error:  # Keras raises plain Exception for what goes wrong with a download
        reason = str(error) or type(error).__name__
    else:
        return 0
    sys.stderr.write("\n" + " ".join(reason.split()) + "\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
