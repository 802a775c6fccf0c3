"""Files of made-up rows in the shapes of well-known public data sets, which docs/how-to/data.md reads."""

import bz2
import csv
import gzip
import json
import zipfile
from collections.abc import Iterable
from pathlib import Path

GOOD = ("good", "lovely", "superb", "splendid")
BAD = ("bad", "awful", "tedious", "dismal")


def rows(count: int, labels: tuple[str, str]) -> list[tuple[str, str]]:
    """(text, label): different texts, of the two labels in turn."""
    words = {labels[0]: BAD, labels[1]: GOOD}
    return [
        (f"a {words[label][number % 4]} film number {number}", label)
        for number in range(count)
        for label in (labels[number % 2],)
    ]


def table(path: Path, lines: Iterable[Iterable[object]], *, encoding: str = "utf-8", **options: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding=encoding) as file:
        csv.writer(file, lineterminator="\n", **options).writerows(lines)


def write_public_shapes(folder: Path) -> None:
    """Write all of them into a folder."""
    # Kaggle's IMDB reviews, as downloaded
    reviews = folder / "IMDB Dataset.csv"
    made = [(f'{text}, they said "oh".<br /><br />', label) for text, label in rows(60, ("negative", "positive"))]
    table(reviews, [("review", "sentiment"), *made])
    with zipfile.ZipFile(folder / "archive.zip", "w") as archive:
        archive.write(reviews, reviews.name)
    reviews.unlink()
    # Sentiment140: six columns without header, Latin-1
    tweets = rows(60, ("0", "4"))
    lines = [(label, n, "Mon Apr 06", "NO_QUERY", "user", f"{text} café") for n, (text, label) in enumerate(tweets)]
    table(folder / "sentiment140.csv", lines, encoding="latin-1", quoting=csv.QUOTE_ALL)  # type: ignore[arg-type]
    # AG News: class, title, description, without header
    news = [(label, f"Title {n}", text) for n, (text, label) in enumerate(rows(80, ("1", "2")))]
    table(folder / "ag_news" / "train.csv", news[:60])
    table(folder / "ag_news" / "test.csv", news[60:])
    # SMS Spam Collection: label, tab, text, without header
    messages = [(label, text) for text, label in rows(60, ("ham", "spam"))]
    table(folder / "SMSSpamCollection", messages, delimiter="\t")
    # Amazon reviews: JSON Lines with stars
    stars = [{"overall": float(label), "reviewText": text} for text, label in rows(60, ("1", "5"))]
    with gzip.open(folder / "reviews_Toys_5.json.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in stars)
    # fastText's Amazon reviews
    for name, lines_of_part in (("train", rows(60, ("1", "2"))), ("test", rows(80, ("1", "2"))[60:])):
        data = "".join(f"__label__{label} {text}\n" for text, label in lines_of_part)
        path = folder / "amazonreviews" / f"{name}.ft.txt.bz2"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bz2.compress(data.encode()))
    # The Large Movie Review Dataset: a folder for each part and label
    for part, count in (("train", 60), ("test", 20)):
        for number, (text, label) in enumerate(rows(count, ("neg", "pos"))):
            path = folder / "aclImdb" / part / label / f"{number}_7.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{text} in {part}")
    (folder / "aclImdb" / "train" / "unsup").mkdir()
    (folder / "aclImdb" / "train" / "unsup" / "0_0.txt").write_text("a film")
    (folder / "aclImdb" / "README").write_text("about the data")
    # A data set of the Hugging Face hub
    import pyarrow
    from pyarrow import parquet

    for part, count in (("train", 60), ("validation", 20), ("test", 20)):
        texts = [(f"{text} of {part}", int(label)) for text, label in rows(count, ("0", "1"))]
        columns = {"text": [text for text, _ in texts], "label": [label for _, label in texts]}
        path = folder / "rotten_tomatoes" / "data" / f"{part}-00000-of-00001.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(pyarrow.table(columns), path)
