"""The reader of all formats: rows, and errors."""

import gzip
import io
import json
import lzma
import tempfile
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmctl.data import opening
from lstmctl.data.columns import ColumnNames, Example
from lstmctl.data.formats import FORMATS, find_format, formats_of_name, is_data_name, read_rows
from lstmctl.errors import BadData, LstmctlError, NotFound, PermissionDenied, UsageError

ALL_COLUMNS = ColumnNames(keep=True)
UNLABELLED = ColumnNames(label=None, keep=True)

CSV = b"text,label\n"


def gzipped(data):
    """The same bytes at any time."""
    return gzip.compress(data, mtime=0)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def written(name: str, data: bytes) -> Path:
    path = Path(name)
    path.write_bytes(data)
    return path


def test_formats_give_equal_rows() -> None:
    quoted = 'good, "very" good\nand more'
    sources = {
        "a.csv": b'id,text,label\n1,"good, ""very"" good\nand more",pos\n2,caf\xc3\xa9 ,neg\n',
        "a.tsv": b'id\ttext\tlabel\n1\tgood, "very" good\\nand more\tpos\n2\tcaf\xc3\xa9 \tneg\n',
        "a.jsonl": "".join(
            json.dumps({"id": number, "text": text, "label": label}) + "\n"
            for number, text, label in ((1, quoted, "pos"), (2, "café ", "neg"))
        ).encode(),
    }
    for name, data in sources.items():
        packed = [(".gz", gzipped(data)), (".xz", lzma.compress(data))]
        for path in (written(name, data), *(written(name + suffix, bytes) for suffix, bytes in packed)):
            rows = list(read_rows(path, ALL_COLUMNS))
            assert [(row.text, row.label, row.columns and str(row.columns["id"])) for row in rows] == [
                (quoted, "pos", "1"),
                ("café ", "neg", "2"),
            ]
    assert [row.row for row in read_rows(Path("a.csv"))] == [2, 4]
    assert [row.row for row in read_rows(Path("a.tsv"))] == [2, 3]
    assert [row.row for row in read_rows(Path("a.jsonl.gz"))] == [1, 2]


def test_columns_are_found_by_name() -> None:
    path = written("a.csv", b"\xef\xbb\xbf film , review ,stars\nx,good,5\ny,bad,1\n")
    assert list(read_rows(path, ColumnNames("review", "stars", "film"))) == [
        Example(2, "good", "5", "x"),
        Example(3, "bad", "1", "y"),
    ]
    assert list(read_rows(path, ColumnNames("review", label=None))) == [
        Example(2, "good"),
        Example(3, "bad"),
    ]


def test_labels_are_clean_strings() -> None:
    path = written("a.csv", "text,label\na, 1 \nb,01\nc,cafe\u0301\nd,caf\u00e9\n,\ufeffx\n".encode())
    assert [row.label for row in read_rows(path)] == ["1", "01", "café", "café", "\ufeffx"]
    path = written("a.jsonl", b'{"text":"","label":1}\n\n{"text":"b","label":true}\n{"text":"c","label":"1"}\n')
    assert [(row.row, row.label) for row in read_rows(path)] == [(1, "1"), (3, "true"), (4, "1")]


def test_fasttext_lines() -> None:
    data = b"__label__pos good  film\r\n\n__label__neg\tbad\n__label__neg\n"
    path = written("a.txt", data)
    assert list(read_rows(path)) == [Example(1, "good  film", "pos"), Example(3, "bad", "neg"), Example(4, "", "neg")]
    unlabelled = read_rows(path, UNLABELLED, format="fasttext")
    assert [row.text for row in unlabelled] == ["good  film", "", "bad", ""]
    assert [row.text for row in read_rows(path, UNLABELLED)][0] == "__label__pos good  film"


def test_blank_lines_of_tables() -> None:
    assert [row.row for row in read_rows(written("a.csv", CSV + b"\na,b\n\n\nc,d\n\n"))] == [3, 6]
    assert [row.row for row in read_rows(written("a.tsv", b"text\tlabel\n\na\tb\n"))] == [3]
    for name in ("b.csv", "b.tsv"):
        rows = read_rows(written(name, b"text\na\n\nb\n"), UNLABELLED)
        assert [row.text for row in rows] == ["a", "", "b"]


TSV_FIELDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=12)


@settings(max_examples=150)
@given(st.lists(st.tuples(TSV_FIELDS, TSV_FIELDS), max_size=6))
def test_tsv_escapes(pairs: list[tuple[str, str]]) -> None:
    def escaped(field: str) -> str:
        return field.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")

    table = "text\tnote\n" + "".join(f"{escaped(text)}\t{escaped(note)}\n" for text, note in pairs)
    rows = read_rows(io.BytesIO(table.encode()), UNLABELLED, format="tsv")
    assert [(row.text, row.columns and row.columns["note"]) for row in rows] == pairs


# File name, bytes, and what the error must say; then what the hint must say.
TROUBLE = [
    (
        "a.csv",
        b"id,review,sentiment\n",
        'a.csv:1: there is no column "text"; the columns are: id, review, sentiment',
        "--text-column review",
    ),
    ("a.csv", b"text,stars of it,n\n", 'a.csv:1: there is no column "label"', "name one of them with --label-column"),
    ("a.csv", b"text,it's\n", 'a.csv:1: there is no column "label"', """--label-column 'it'"'"'s'"""),
    ("a.csv", b"Texts,label\n", 'a.csv:1: there is no column "text"', "--text-column Texts"),
    ("a.csv", b"text,label, text\n", 'a.csv:1: two columns have the name "text"', "rename"),
    ("a.csv", CSV + b"a,b\nc\n", "a.csv:3: this row has 1 field, the header 2", "add empty fields"),
    ("a.csv", CSV + b'"a\nb",c\nno, not good,neg\n', "a.csv:4: this row has 3 fields, the header 2", "double quotes"),
    ("a.csv", CSV + b",\n", "a.csv:2: the label is empty", "remove it"),
    ("a.csv", CSV + b'a,b\n"c,d\ne,f\n', "a.csv:3: a quote is opened here and never closed", '""'),
    ("a.csv", CSV + b'a,b\n"c,d\ne,"f"\n', "a.csv:3: a quoted field continues after its closing quote (line 4)", '""'),
    (
        "a.csv",
        CSV + b'a,b\n"c,d\n' + b"e,f\n" * 30,
        "a.csv:3: a quote is opened here and not closed within 100 bytes",
        '""',
    ),
    ("a.csv", CSV + b"a\rb,c\n", "a.csv:2: a field without quotes contains a carriage return", "double quotes"),
    ("a.csv", b"text,label\ra,b\rc,d\r", "a.csv:1: the lines end with carriage returns", r"tr '\r' '\n' < a.csv"),
    ("a.tsv", b"text\tlabel\ra\tb\r", "a.tsv:1: the lines end with carriage returns", r"tr '\r' '\n' < a.tsv"),
    ("a.jsonl", b'{"text":"a"}\r{"text":"b"}\r', "a.jsonl:1: the lines end with carriage returns", r"tr '\r' '\n'"),
    ("a.ft", b"__label__a b\r__label__c d\r", "a.ft:1: the lines end with carriage returns", r"tr '\r' '\n'"),
    ("a.csv", b"text,label\r" + b"a,b\r" * 50, "a.csv:1: the lines end with carriage returns", r"tr '\r' '\n'"),
    ("a.csv", b"", "a.csv:1: the file is empty; expected a header line", "text,label"),
    ("a.csv", b"\n", "a.csv:1: the first line is blank; expected a header line", "text,label"),
    ("a.csv", CSV, "a.csv has no rows", "is this the right file?"),
    ("a.jsonl", b"\n", "a.jsonl has no rows", "is this the right file?"),
    ("a.csv", CSV + b"x" * 101 + b",a\n", "a.csv:2: the line is longer than 100 bytes", "text file"),
    ("a.csv", CSV + b"a,   \n", "a.csv:2: the label is empty", "give the row a label"),
    ("a.csv", CSV + b"\xff,a\n", "a.csv:2: byte 1 of the line is 0xff", "--encoding windows-"),
    ("a.csv.gz", CSV, "a.csv.gz:1: this is not gzip data", "copy or pack the file again"),
    (
        "a.csv.gz",
        gzipped(CSV + b"a,b\n")[:-9],
        "a.csv.gz:3: the gzip data ends too early",
        "copy or pack the file again",
    ),
    (
        "a.csv.gz",
        gzipped(CSV + b"a,b\n") + b"junk",
        "a.csv.gz:3: the gzip data is damaged",
        "copy or pack the file again",
    ),
    (
        "a.csv.gz",
        gzipped(CSV + b"a,b\n")[:-8] + bytes(8),
        "a.csv.gz:3: the gzip data is damaged",
        "copy or pack the file again",
    ),
    (
        "a.csv.gz",
        gzipped(CSV)[:10] + b"\xff" * 20,
        "a.csv.gz:1: the gzip data is damaged",
        "copy or pack the file again",
    ),
    ("a.csv.gz", b"", "a.csv.gz:1: the file is empty", "text,label"),
    ("a.csv.xz", CSV, "a.csv.xz:1: this is not xz data", "copy or pack the file again"),
    (
        "a.csv.xz",
        lzma.compress(CSV + b"a,b\n")[:-9],
        "a.csv.xz:3: the xz data ends too early",
        "copy or pack the file again",
    ),
    (
        "a.csv.xz",
        lzma.compress(CSV + b"a,b\n")[:-12] + bytes(12),
        "a.csv.xz:1: the xz data is damaged",
        "copy or pack the file again",
    ),
    (
        "a.csv",
        lzma.compress(CSV),
        "a.csv: this is xz data; UTF-8 text is expected",
        f"xz -d < a.csv > {tempfile.gettempdir()}/a.repaired.csv",
    ),
    (
        "a.csv.gz",
        gzipped(CSV + b"\xff,a\n"),
        "a.csv.gz:2: byte 1",
        "--encoding windows-",
    ),
    ("a.json", b'[{"text": "a"}]\n', 'a.json: there is no column "label"', "--label-column"),
    ("a.json", b'{\n"text": "a",\n}\n', "a.json:3: not JSON: ", "copied completely"),
    ("a.jsonl", b'{"text": "a", "label": "b"}\n[1]\n', "a.jsonl:2: a JSON array", "jq -c '.[]'"),
    ("a.jsonl", b'"a"\n', "a.jsonl:1: expected a JSON object, not 'a'", "a line reads: {"),
    ("a.jsonl", b'{"text": [5, 6], "label": "a"}\n', 'a.jsonl:1: "text" must be a text, a number', "--text-column"),
    (
        "a.jsonl",
        b'{"text": "a", "label": {}}\n',
        'a.jsonl:1: "label" must be a text, a number or a boolean, not {}',
        "right column",
    ),
    ("a.jsonl", b'{"text": "a", "label": null}\n', "a.jsonl:1: the label is empty", "give the row a label"),
    (
        "a.jsonl",
        b'{"text": "a", "label": "b"}\n{"txt": "", "label": "b"}\n',
        'a.jsonl:2: there is no column "text"',
        "--text-column txt",
    ),
    (
        "a.jsonl",
        b'{"text": "a", "text": "b", "label": "c"}\n',
        "a.jsonl:1: invalid JSON: duplicate key 'text'",
        "a line reads: {",
    ),
    ("a.jsonl", b'{"text": "\\ud83d a", "label": "b"}\n', r"a.jsonl:1: an escape such as \ud83d", "without escapes"),
    (
        "a.txt",
        b"good\n",
        "a.txt:1: expected one __label__ at the start of the line; it starts 'good'",
        "__label__pos",
    ),
    (
        "a.txt",
        b"__label__a __label__b c\n",
        "a.txt:1: expected one __label__ at the start of the line; it has 2",
        "__label__pos",
    ),
    ("a.txt", b"__label__ c\n", "a.txt:1: the label is empty", "give the row a label"),
]


@pytest.mark.parametrize(("name", "data", "message", "hint"), TROUBLE)
def test_errors_name_file_and_line(name: str, data: bytes, message: str, hint: str) -> None:
    with pytest.raises(BadData) as caught:
        list(read_rows(written(name, data), ALL_COLUMNS, max_line_bytes=100))
    assert caught.value.message.startswith(message)
    assert hint in (caught.value.hint or "")


@pytest.mark.parametrize("line", [b"[" * 100_000, b'{"text": "a", "label": ' + b"1" * 5_000 + b"}"])
def test_hostile_json(line: bytes) -> None:
    with pytest.raises(BadData, match=r"^a\.jsonl.*: .*(nested too deeply|thousands of digits)"):
        list(read_rows(written("a.jsonl", line + b"\n")))


def test_long_label_is_rejected() -> None:
    with pytest.raises(BadData, match=r"^a\.csv:2: the label has 201 characters") as caught:
        list(read_rows(written("a.csv", CSV + b"a," + b"x" * 201 + b"\n")))
    assert "--label-column" in (caught.value.hint or "")


def test_replace_surrogates() -> None:
    path = written("a.jsonl", b'{"text": "\\ud83d a \\ud83d\\ude00", "label": "b"}\n')
    assert [row.text for row in read_rows(path, ALL_COLUMNS, encoding_errors="replace")] == ["\ufffd a \U0001f600"]


def test_unlabelled_table_without_rows() -> None:
    assert list(read_rows(written("a.csv", CSV), UNLABELLED)) == []


def test_long_csv_field() -> None:
    path = written("a.csv", CSV + b"x" * 500_000 + b",a\n")
    assert [len(row.text) for row in read_rows(path)] == [500_000]


@pytest.mark.parametrize(
    ("name", "labelled", "unlabelled"),
    [
        ("a.csv", "csv", "csv"),
        ("A.CSV.GZ", "csv", "csv"),
        ("a.b.tab", "tsv", "tsv"),
        ("a.ndjson", "jsonl", "jsonl"),
        ("a.json", "jsonl", "jsonl"),
        ("a.txt", "fasttext", "lines"),
        ("a.txt.gz", "fasttext", "lines"),
        ("a.fasttext", "fasttext", "fasttext"),
        ("a.parquet", "parquet", "parquet"),
    ],
)
def test_format_of_file_name(name: str, labelled: str, unlabelled: str) -> None:
    assert find_format(Path(name), labelled=True) == labelled
    assert find_format(Path(name), labelled=False) == unlabelled
    assert {labelled, unlabelled} <= set(FORMATS)


@pytest.mark.parametrize("name", ["a", "a.xyz", "a.gz", ".csv"])
def test_unknown_file_format(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_format(Path(name), labelled=True)
    assert ".jsonl" in (caught.value.hint or "")


def test_data_names() -> None:
    assert all(formats_of_name(Path(f"a{suffix}")) for entry in FORMATS.values() for suffix in entry.suffixes)
    assert formats_of_name(Path("a.txt.gz")) == ["lines", "fasttext"]
    assert [is_data_name(name) for name in ("a.FT", "a.tab.xz", "a.gz", "imdb", "imdb@3")] == [True] * 3 + [False] * 2


def test_missing_files() -> None:
    written("reviews.csv", CSV)
    with pytest.raises(NotFound, match="^there is no file revews.csv$") as caught:
        read_rows(Path("revews.csv"))
    assert caught.value.hint == "did you mean reviews.csv?"
    with pytest.raises(NotFound) as caught:
        read_rows(Path("nowhere/a.csv"))
    assert caught.value.hint == "there is no folder nowhere"
    with pytest.raises(NotFound):
        read_rows(Path("reviews.csv/a.csv"))
    Path("folder.csv").mkdir()
    with pytest.raises(UsageError, match="folder.csv is a folder"):
        read_rows(Path("folder.csv"))


def test_unreadable_file(monkeypatch: pytest.MonkeyPatch) -> None:
    path = written("a.csv", CSV)

    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(PermissionDenied, match="cannot read a.csv: permission denied"):
        list(read_rows(path))


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        (Path("a.csv"), {"format": "lines"}, "plain lines have no labels"),
        (io.BytesIO(), {"format": "parquet"}, "Parquet cannot be read from standard input"),
    ],
)
def test_incompatible_formats(source: Path | io.BytesIO, options: dict[str, str], message: str) -> None:
    written("a.csv", CSV)
    with pytest.raises(UsageError, match=message):
        read_rows(source, **options)  # type: ignore[arg-type]


def test_gzip_bomb_needs_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    one_line = written("line.txt.gz", gzipped(b"x" * 64_000_000))
    many_lines = written("lines.txt.gz", gzipped(b"\n" * 8_000_000))
    monkeypatch.setattr(opening, "MAX_RATIO", 2)
    monkeypatch.setattr(opening, "MAX_UNPACKED_BYTES_AT_ANY_RATIO", 50_000)
    tracemalloc.start()
    try:
        for path, message in ((one_line, "longer than 1 MiB"), (many_lines, "unpacks to more than")):
            with pytest.raises(LstmctlError, match=message):
                for _ in read_rows(path, UNLABELLED):
                    pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8_000_000


def test_memory_is_constant() -> None:
    path = written("a.csv", CSV + b"some words of a text,a\n" * 200_000)
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_rows(path)) == 200_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3_000_000
