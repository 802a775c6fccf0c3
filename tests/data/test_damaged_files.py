"""Files of all formats, damaged at random: `data check` answers with a documented exit code, quickly, and never with
the one of a bug."""

import bz2
import csv
import gzip
import io
import json
import lzma
import random
import time
import zipfile
from pathlib import Path

import pytest

WORDS = ["good", "great", "film", "plot", "scene", "actor", "music", "story", "night", "city"]
ROWS = [(" ".join(random.Random(number).choices(WORDS, k=7)), "ab"[number % 2]) for number in range(30)]
SNIPPETS = [
    b"\0", b'"', b'""', b"\t", b";", b"|", b",", b"\n", b"\r", b"\r\n", b"\\", b"\xff", b"\xfe", b"\xef\xbb\xbf",
    b"{", b"}", b"[", b"]", b"null", b"NaN", b"1e999", b"__label__", b"\\ud83d", b"text", b"label", b"[[[[[[[[[[[[[[[",
    b"\xc3", b'{"a":' * 50, b"9" * 5_000, b"sep=;\n", b"\x1f\x8b", b"PK\x03\x04", b"@relation x\n", b"<html>", b"%PDF-",
]  # fmt: skip
OPTIONS = [
    [],
    [],
    ["--no-header", "--text-column", "1", "--label-column", "2"],
    ["--delimiter", ";"],
    ["--delimiter", "x"],
    ["--encoding", "utf-16"],
    ["--encoding", "cp037"],
    ["--encoding", "utf-7"],
    ["--text-column", "text", "--text-column", "label"],
    ["--text-column", "text.body", "--label-column", "meta.label"],
]


def table(delimiter, encoding="utf-8", **how):
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter, **how).writerows([("text", "label"), *ROWS])
    return file.getvalue().encode(encoding)


def seeds():
    objects = [{"text": text, "label": label} for text, label in ROWS]
    made = {
        "a.csv": table(","),
        "b.csv": table(";", "utf-16"),
        "c.csv": table("|", "cp1252").replace(b"good", b"caf\xe9"),
        "a.tsv": table("\t"),
        "b.tsv": table("\t", quoting=csv.QUOTE_ALL),
        "a.jsonl": "".join(json.dumps(value) + "\n" for value in objects).encode(),
        "a.json": json.dumps(objects, indent=1).encode(),
        "b.json": json.dumps({"data": objects}).encode(),
        "c.json": json.dumps({"columns": ["text", "label"], "data": ROWS}).encode(),
        "d.json": json.dumps({label: [text for text, each in ROWS if each == label] for label in "ab"}).encode(),
        "e.json": json.dumps({"train": objects[:20], "test": objects[20:]}).encode(),
        "d.jsonl": "".join(
            json.dumps({"text": {"body": text}, "meta": [{"label": label}]}) + "\n" for text, label in ROWS
        ).encode(),
        "d.csv": b"Reviews of May\n# by us\n\n" + table(","),
        "a.ft": "".join(f"__label__{label} {text}\n" for text, label in ROWS).encode(),
    }
    made |= {"a.csv.gz": gzip.compress(made["a.csv"]), "a.csv.xz": lzma.compress(made["a.csv"])}
    made |= {"a.csv.bz2": bz2.compress(made["a.csv"])}
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.csv", made["a.csv"])
    made["a.zip"] = archive.getvalue()
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        return made
    file = io.BytesIO()
    parquet.write_table(pyarrow.table({"text": [text for text, _ in ROWS], "label": [1.0] * 30}), file)
    return made | {"a.parquet": file.getvalue(), "a.xlsx": archive.getvalue()}


def damaged(data, chance):
    data = bytearray(data)
    for _ in range(chance.choice([1, 1, 2, 5, 20])):
        place, other = chance.randrange(len(data) + 1), chance.randrange(len(data) + 1)
        match chance.randrange(6):
            case 0:
                data[place : place + 1] = bytes([chance.randrange(256)])
            case 1:
                data[place:place] = chance.choice(SNIPPETS)
            case 2:
                data[:0] = chance.choice(SNIPPETS)
            case 3:
                del data[place : place + chance.choice([1, 3, 50, 1_000])]
            case 4:
                data[place:place] = data[other : other + chance.choice([1, 10, 200])]
            case _:
                del data[max(place, len(data) // 2) :]
    return bytes(data)


@pytest.mark.parametrize("count", [150, pytest.param(20_000, marks=pytest.mark.slow)])
@pytest.mark.timeout(3_600)
def test_damaged_files(count, cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = list(seeds().items())
    for number in range(count):
        chance = random.Random(number)
        name, data = files[number % len(files)]
        Path(name).write_bytes(damaged(data, chance))
        options = chance.choice(OPTIONS)
        started = time.process_time()
        result = cli("data", "check", "--data", f"./{name}", *options)
        assert result.code in (0, 1, 65), (number, name, options, result.err)
        assert "Traceback" not in result.err
        assert time.process_time() - started < 2 or number == 0, (number, name)
