"""How one file is recognised: each shape is read, said in one line, and nothing is lost or changed silently."""

import csv
import io
import json
import math
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import zipfile
from decimal import Decimal
from pathlib import Path

import pytest

from lstmctl.config import DataConfig
from lstmctl.data.chunks import split_file
from lstmctl.data.columns import ColumnNames, Layout, value_text
from lstmctl.data.formats import open_rows, read_rows
from lstmctl.errors import BadData, MissingExtra, NotFound, UsageError

USUAL = ColumnNames.of(DataConfig())
WORDS = ["good", "great", "film", "plot", "scene", "actor", "music", "story", "night", "city"]
TEXTS = [" ".join(WORDS[number * step % 10] for step in range(1, 8)) + f" number {number}" for number in range(40)]
ROWS = [(text, "pos" if number % 2 else "neg") for number, text in enumerate(TEXTS)]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def table(name, rows=ROWS, header=("text", "label"), encoding="utf-8", **how):
    file = io.StringIO()
    csv.writer(file, lineterminator="\n", **how).writerows([*([header] if header else []), *rows])
    Path(name).write_bytes(file.getvalue().encode(encoding))
    return Path(name)


def read(path, **settings):
    """The pairs of text and label, and what is said."""
    rows, reading = open_rows(Path(path), ColumnNames.of(DataConfig(**settings)))
    return [(row.text, row.label) for row in rows], reading.note


NAMES = 'header, text: "text", label: "label"'


@pytest.mark.parametrize(
    ("name", "how", "note"),
    [
        ("a.csv", {}, ""),
        ("a.csv", {"delimiter": ";"}, f"CSV, ';' between columns, {NAMES}"),
        ("a.csv", {"delimiter": "|"}, f"CSV, '|' between columns, {NAMES}"),
        ("a.csv", {"delimiter": "\t"}, f"TSV, {NAMES}"),
        ("a.tsv", {"delimiter": ","}, f"CSV, {NAMES}"),
        ("a.tab", {"delimiter": ";", "encoding": "utf-8-sig"}, f"CSV, ';' between columns, {NAMES}"),
        ("a.tsv", {"delimiter": "\t", "quoting": csv.QUOTE_ALL}, f"TSV, quoted fields, {NAMES}"),
        ("a.csv", {"encoding": "utf-16"}, f"CSV, utf-16, {NAMES}"),
        ("a.csv", {"encoding": "utf-16-be", "delimiter": ";"}, f"CSV, ';' between columns, utf-16-be, {NAMES}"),
    ],
)
def test_tables_are_recognised(name, how, note):
    assert read(table(name, **how)) == (ROWS, note)


def test_recognition_looks_at_content_not_at_counts():
    """Texts with more semicolons than commas, and a header that only one delimiter splits into the columns."""
    rows = [(f"a; b; c; number {number}", "x") for number in range(5)]
    assert read(table("a.csv", rows)) == (rows, "")
    assert read(table("b.csv", rows, delimiter=";"))[0] == rows


def test_ambiguous_table_names_both_readings():
    Path("a.csv").write_text("a,b;c\n1,2;3\n4,5;6\n")
    with pytest.raises(BadData, match="two ways, with commas .*a, b;c.* or semicolons .*a,b, c") as caught:
        read("a.csv")
    assert caught.value.hint.startswith("--delimiter ")
    assert read("a.csv", delimiter=",", text_column="b;c", label_column="a")[0] == [("2;3", "1"), ("5;6", "4")]


@pytest.mark.parametrize(
    ("lines", "texts"),
    [
        (['"a ""b"" c"\tx', "d\ty"], ['a "b" c', "d"]),  # only a writer of quoted fields doubles quotes
        (['"a\nb"\tx', "d\ty"], ["a\nb", "d"]),  # as lines, these rows have other widths
        (['"a"\tx', "d\ty", '"e" f\tz'], ['"a"', "d", '"e" f']),  # a quoted field does not go on
        (['"a"\tx', "b, c\ty"], ['"a"', "b, c"]),  # nothing in "a" needs quotes
        ([r"a\tb\\n" + "\tx", '"c\ty'], ["a\tb\\n", '"c']),
    ],
)
def test_quotes_in_tables_with_tabs(lines, texts):
    Path("a.tsv").write_text("text\tlabel\n" + "\n".join(lines) + "\n")
    assert [text for text, _ in read("a.tsv")[0]] == texts


def test_no_header():
    table("a.csv", [(label, text) for text, label in ROWS], header=None)
    rows, note = read("a.csv", no_header=True, text_column="2", label_column="1")
    assert rows == ROWS
    assert note == 'CSV, no header, text: "2", label: "1"'
    numbers = [row.row for row in read_rows(Path("a.csv"), ColumnNames("2", "1", layout=Layout(no_header=True)))]
    assert numbers == list(range(1, 41))


HEADERLESS = [
    (("label", "text"), "--no-header --text-column 2 --label-column 1"),
    (("text", "label"), "--no-header --text-column 1 --label-column 2"),
    (("text", "number", "label"), "--no-header --text-column 1 --label-column 3"),
    (("label", "text", "text"), "--no-header --text-column 2 --text-column 3 --label-column 1"),
]


@pytest.mark.parametrize(("order", "hint"), HEADERLESS)
@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_hint_for_a_table_without_header_reads_all_rows(order, hint, delimiter):
    """The hint is a command that works, and the first row is one of its rows."""
    made = [{"text": text, "label": label, "number": str(n)} for n, (text, label) in enumerate(ROWS)]
    table("a.csv", [[row[key] for key in order] for row in made], header=None, delimiter=delimiter)
    with pytest.raises(BadData, match="the first line looks like a row") as caught:
        read("a.csv")
    assert caught.value.hint == hint
    rows, _ = read("a.csv", **options(hint))
    copies = order.count("text")
    assert rows == [(" ".join([text] * copies), label) for text, label in ROWS]


def options(hint):
    words, settings = shlex.split(hint), {"text_column": []}
    while words:
        name = words.pop(0).removeprefix("--").replace("-", "_")
        if name == "no_header":
            settings[name] = True
        elif name == "text_column":
            settings[name].append(words.pop(0))
        else:
            settings[name] = words.pop(0)
    return settings


def test_text_columns_are_joined_and_remembered():
    table("a.csv", [("A title", "and a body", "x"), ("", "only a body", "y")], ("title", "body", "label"))
    rows, _ = read("a.csv", text_column=["title", "body"])
    assert rows == [("A title and a body", "x"), ("only a body", "y")]
    config = DataConfig(text_column=("title", "body"))
    assert DataConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert DataConfig.from_dict({"text_column": "review"}).text_column == "review"
    assert DataConfig(text_column=["review"]).text_column == "review"


@pytest.mark.parametrize(
    "names",
    [
        "review,sentiment",
        "Message,Category",
        "v2,v1",
        "TEXT, Label ",
        "tweet,sentiment",
        "content,target",
        "Sentence,LABEL",
    ],
)
def test_usual_names(names):
    header = names.split(",")
    rows, note = read(table("a.csv", header=header))
    assert rows == ROWS
    assert f'text: "{header[0].strip()}", label: "{header[1].strip()}"' in note
    with pytest.raises(BadData, match='no column "body"'):
        read("a.csv", text_column="body")


def test_two_usual_pairs_are_not_guessed():
    table("a.csv", [(text, text, label, label) for text, label in ROWS], ("review", "sentence", "sentiment", "label"))
    with pytest.raises(BadData, match="the columns are: review, sentence, sentiment, label") as caught:
        read("a.csv")
    assert read("a.csv", **options(caught.value.hint))[0] == ROWS


def test_hint_looks_at_values():
    rows = [(n, text, n % 2, 0) for n, (text, _) in enumerate(ROWS)]
    with pytest.raises(
        BadData, match="several 0/1 columns look like several labels a text.*: insult, threat"
    ) as caught:
        read(table("a.csv", rows, ("id", "message", "insult", "threat")))
    assert caught.value.hint == "--text-column message --label-column insult"
    assert len(read("a.csv", **options(caught.value.hint))[0]) == len(ROWS)


def test_windows_1252():
    rows = [(f"{text} café \u2019s \u201cok\u201d", label) for text, label in ROWS]
    assert read(table("a.csv", rows, encoding="cp1252")) == (rows, f"CSV, windows-1252, {NAMES}")


@pytest.mark.parametrize(
    ("encoding", "words"),
    [("cp1251", "хороший фильм, но очень длинный"), ("gb18030", "很好的电影，我非常喜欢"), ("koi8-r", "плохой фильм")],
)
def test_hint_names_an_encoding_that_works(encoding, words):
    rows = [(f"{words} {text}", label) for text, label in ROWS]
    with pytest.raises(BadData, match="which is not valid UTF-8") as caught:
        read(table("a.csv", rows, encoding=encoding))
    option, name = caught.value.hint.split()
    assert option == "--encoding"
    assert [label for _, label in read("a.csv", encoding=name)[0]] == [label for _, label in rows]
    assert read("a.csv", encoding=encoding)[0] == rows


def test_utf8_with_a_damaged_row_is_not_another_encoding():
    Path("a.csv").write_bytes("text,label\nété café,x\n".encode() * 3 + b"caf\xe9,y\n")
    with pytest.raises(BadData, match=r"a\.csv:7: byte 4 of the line is 0xe9"):
        read("a.csv")


@pytest.mark.parametrize(
    "settings",
    [
        {"delimiter": ";;"},
        {"delimiter": '"'},
        {"encoding": "klingon"},
        {"encoding": "hex"},
        {"encoding": "idna"},
        {"encoding": "unicode_escape"},
        {"encoding": "a\0"},
    ],
)
def test_impossible_settings(settings):
    with pytest.raises(UsageError, match="^--"):
        DataConfig(**settings).validate()


OBJECTS = [{"text": text, "label": label} for text, label in ROWS]
FORMS = {
    "records": OBJECTS,
    "wrapped": {"version": 1, "data": OBJECTS},
    "columns": {key: {str(n): row[key] for n, row in enumerate(OBJECTS)} for key in ("text", "label")},
    "index": {str(n): row for n, row in enumerate(OBJECTS)},
    "split": {"columns": ["text", "label"], "index": list(range(40)), "data": [list(row) for row in ROWS]},
    "list": {key: [row[key] for row in OBJECTS] for key in ("text", "label")},
    "one": OBJECTS[:1],
}
TEXTS_OF = {label: [text for text, each in ROWS if each == label] for label in ("neg", "pos")}
INSIDE = [{"review": {"body": text}, "meta": [{"by": "us", "label": label}]} for text, label in ROWS]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("form", FORMS)
def test_json_forms(form, indent):
    Path("a.json").write_text(json.dumps(FORMS[form], indent=indent))
    rows, note = read("a.json")
    assert rows == (ROWS[:1] if form == "one" else ROWS)
    assert note == 'JSON, text: "text", label: "label"'


@pytest.mark.parametrize("texts", [TEXTS_OF, {"neg": TEXTS_OF["neg"], "pos": TEXTS_OF["pos"][:7]}])
def test_json_texts_by_label(texts):
    Path("a.json").write_text(json.dumps(texts))
    assert read("a.json")[0] == [(text, label) for label in texts for text in texts[label]]


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.parquet"])
def test_values_inside_objects(name):
    if name == "a.parquet":
        pyarrow = pytest.importorskip("pyarrow")
        pytest.importorskip("pyarrow.parquet").write_table(pyarrow.Table.from_pylist(INSIDE), name)
    else:
        Path(name).write_text(json.dumps(INSIDE) if name == "a.json" else "\n".join(map(json.dumps, INSIDE)))
    with pytest.raises(BadData, match="the columns are: review.body, meta.by, meta.label") as raised:
        read(name)
    assert raised.value.hint == "--text-column review.body --label-column meta.label"
    assert read(name, text_column=("review.body",), label_column="meta.label")[0] == ROWS


def test_lists_of_one_value_and_of_several():
    Path("a.jsonl").write_text('{"text": "a", "label": ["x"]}\n{"text": ["b"], "label": ["x", "y"]}\n')
    skipped = []
    assert [row.label for row in read_rows(Path("a.jsonl"), USUAL, skip_bad_row=skipped.append)] == ["x"]
    assert "not ['x', 'y']" in skipped[0].message


PARTS = {"train": OBJECTS[:30], "test": OBJECTS[30:]}


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (PARTS, "parts"),
        ({part: [[row["text"], row["label"]] for row in rows] for part, rows in PARTS.items()}, "numbered"),
        ({label: [{"text": text} for text in texts] for label, texts in TEXTS_OF.items()}, "labels"),
    ],
)
def test_json_with_several_lists(value, expected, tmp_path, monkeypatch):
    """The command of the hint loses no row and no label."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "made"))
    Path("made").mkdir()
    Path("a.json").write_text(json.dumps(value))
    with pytest.raises(BadData, match="several keys have a list of rows") as raised:
        read("a.json")
    command = raised.value.hint.partition(", and name")[0]
    subprocess.run(["sh", "-c", command], check=True)
    if expected == "labels":
        assert sorted(read("made/a.jsonl")[0]) == sorted(ROWS)
        return
    options = {} if expected == "parts" else {"text_column": ("1",), "label_column": "2"}
    assert read("made/a/train.jsonl", **options)[0] == ROWS[:30]
    assert read("made/a/test.jsonl", **options)[0] == ROWS[30:]


def test_json_objects_over_several_lines_and_bad_ones():
    Path("a.json").write_text("\n".join(json.dumps(value, indent=1) for value in OBJECTS))
    assert read("a.json")[0] == ROWS
    Path("b.json").write_text(json.dumps([OBJECTS[0], {"text": "a"}, 7, {"text": [], "label": "x"}, OBJECTS[1]]))
    skipped = []
    rows = list(read_rows(Path("b.json"), USUAL, skip_bad_row=skipped.append))
    assert [row.row for row in rows] == [1, 5]
    assert [error.number for error in skipped] == [2, 3, 4]


def test_json_lines_stay_lines():
    Path("a.json").write_text(json.dumps(OBJECTS[0]) + "\n")
    assert read("a.json") == (ROWS[:1], "")
    Path("b.jsonl").write_text(json.dumps({**OBJECTS[0], "meta": [{"a": 1}]}) + "\n")
    assert read("b.jsonl") == (ROWS[:1], "")


def test_one_rule_for_typed_values():
    values = ["5", 5, 5.0, Decimal("5.00"), 0.5, Decimal("0.50"), True, math.nan, None, 10**20]
    assert [value_text(value) for value in values] == [*"5555", "0.5", "0.5", "true", "", "", str(10**20)]
    assert value_text([1, 2]) is None
    kinds = [("a", 5.0), (7, "5"), (None, 5), (2.5, True), (math.nan, "x")]
    expected = [("a", "5"), ("7", "5"), ("", "5"), ("2.5", "true"), ("", "x")]
    Path("a.jsonl").write_text("".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in kinds))
    assert read("a.jsonl")[0] == expected
    Path("a.csv").write_text("text,label\na,5\n7,5\n,5\n2.5,true\n,x\n")
    assert read("a.csv")[0] == expected
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.table({"text": [7.0, math.nan, None], "label": [5.0, 1.0, 0.5]}), "a.parquet")
    assert read("a.parquet")[0] == [("7", "5"), ("", "1"), ("", "0.5")]


STRANGERS = [
    ("a.csv", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a Git LFS pointer", "git lfs pull"),
    ("a.csv", b"\n\n<!DOCTYPE html>\n<html>", "a web page", "download"),
    ("a.jsonl", b"<html><body>", "a web page", "download"),
    ("a.csv", b"% a\n@RELATION x\n@DATA\n", "ARFF", "grep -v"),
    ("a.csv", b"%PDF-1.7\n", "a PDF document", "pdftotext"),
    ("a.csv", b"\\documentclass{article}\n", "LaTeX", "CSV"),
    ("a.csv", b"PK\x03\x04....xl/workbook.xml", "a spreadsheet under another name", ".xlsx"),
    ("a.csv", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old spreadsheet", ".xls"),
    ("a.csv", b"PAR1\0", "Parquet under another name", ".parquet"),
    ("a.csv", b"SQLite format 3\0", "an SQLite database", "sqlite3"),
]


@pytest.mark.parametrize(("name", "data", "kind", "hint"), STRANGERS)
def test_strangers_are_named(name, data, kind, hint):
    Path(name).write_bytes(data)
    with pytest.raises(BadData, match=rf"^{name}: this is .*{kind}") as caught:
        read(name)
    assert hint in caught.value.hint


def test_url():
    for url in ("https://example.com/a/b.csv?c=1", "http://example.com/b.csv"):
        with pytest.raises(NotFound, match="is a URL") as caught:
            read(url)
        assert caught.value.hint.startswith("curl -L -o b.csv ")


def zipped(name, members):
    with zipfile.ZipFile(name, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, data in members.items():
            archive.writestr(member, data)
    return Path(name)


def test_zip():
    data = table("a.csv").read_bytes()
    for name in ("a.csv.zip", "archive.zip"):
        assert read(zipped(name, {"__MACOSX/._a.csv": "x", "IMDB Dataset.csv": data})) == (ROWS, "")
    with pytest.raises(BadData, match=r"two\.zip: the zip archive has 2 files: a\.csv, b\.csv") as caught:
        read(zipped("two.zip", {"a.csv": data, "b.csv": data}))
    assert re.fullmatch(r"unzip -q two\.zip -d \S+/two, and name the folder \S+/two/", caught.value.hint)
    assert read(zipped("about.zip", {"README.md": "x", "d/LICENSE": "y", "d/a.csv": data})) == (ROWS, "")
    with pytest.raises(BadData, match=r"no\.csv\.zip: the zip archive is empty"):
        read(zipped("no.csv.zip", {}))
    locked = bytearray(zipped("b.csv.zip", {"b.csv": data}).read_bytes())
    locked[6] |= 1
    locked[locked.index(b"PK\x01\x02") + 8] |= 1
    Path("b.csv.zip").write_bytes(locked)
    with pytest.raises(BadData, match="encrypted") as caught:
        read("b.csv.zip")
    assert "unzip -P PASSWORD -p b.csv.zip b.csv > " in caught.value.hint
    for cut in (10, 30, len(data) // 9):
        Path("c.csv.zip").write_bytes(Path("a.csv.zip").read_bytes()[:-cut])
        with pytest.raises(BadData, match=r"^c\.csv\.zip: the zip archive is damaged"):
            read("c.csv.zip")


def test_zstandard(monkeypatch):
    zstandard = pytest.importorskip("zstandard")
    packed = zstandard.compress(table("a.csv").read_bytes())
    Path("a.csv.zst").write_bytes(packed + zstandard.compress(b"more text,pos\n"))  # two frames
    assert read("a.csv.zst")[0] == [*ROWS, ("more text", "pos")]
    Path("b.csv.zst").write_bytes(packed[:-20])
    with pytest.raises(BadData, match="the zstd data ends too early"):
        read("b.csv.zst")
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(MissingExtra, match="zstandard is not installed"):
        read("a.csv.zst")


def spreadsheet(name, rows, *, first=()):
    """A file with a sheet "Reviews", and if there are rows of it, a sheet "Notes" before it."""

    def cell(value):
        if isinstance(value, float):
            return f"<c><v>{value}</v></c>"
        return f'<c t="inlineStr"><is><t>{value}</t></is></c>'

    sheets = [("Notes", first)] * bool(first) + [("Reviews", rows)]
    bodies = ["".join(f"<row>{''.join(map(cell, row))}</row>" for row in made) for _, made in sheets]
    main, office = "http://schemas.openxmlformats.org", "application/vnd.openxmlformats-officedocument.spreadsheetml"
    types = f'<Override PartName="/xl/workbook.xml" ContentType="{office}.sheet.main+xml"/>'
    numbers = range(1, len(sheets) + 1)
    types += "".join(
        f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{office}.worksheet+xml"/>' for n in numbers
    )
    kind = f"{main}/officeDocument/2006/relationships"
    relation, sheet = "<Relationship", f'xmlns="{main}/spreadsheetml/2006/main"'
    listed = "".join(f'<sheet name="{sheets[n - 1][0]}" sheetId="{n}" r:id="rId{n}"/>' for n in numbers)
    related = "".join(
        f'{relation} Id="rId{n}" Type="{kind}/worksheet" Target="worksheets/sheet{n}.xml"/>' for n in numbers
    )
    zipped(
        name,
        {
            "[Content_Types].xml": f'<Types xmlns="{main}/package/2006/content-types">{types}</Types>',
            "_rels/.rels": f'<Relationships xmlns="{main}/package/2006/relationships">{relation} Id="rId1" '
            f'Type="{kind}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
            "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{main}/package/2006/relationships">{related}'
            "</Relationships>",
            "xl/workbook.xml": f'<workbook {sheet} xmlns:r="{kind}"><sheets>{listed}</sheets></workbook>',
            **{
                f"xl/worksheets/sheet{n}.xml": f"<worksheet {sheet}><sheetData>{bodies[n - 1]}</sheetData></worksheet>"
                for n in numbers
            },
        },
    )
    return Path(name)


def test_spreadsheet(monkeypatch):
    pytest.importorskip("python_calamine")
    path = spreadsheet("a.xlsx", [("Review", "Sentiment"), ("good film", 5.0), ("bad film", 1.0)])
    rows, note = read(path)
    assert rows == [("good film", "5"), ("bad film", "1")]
    assert note == 'spreadsheet, sheet "Reviews", header, text: "Review", label: "Sentiment"'
    Path("b.xlsx").write_bytes(path.read_bytes()[:-300])
    with pytest.raises(BadData, match=r"^b\.xlsx is not a spreadsheet, or damaged"):
        read("b.xlsx")
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    with pytest.raises(MissingExtra, match="python-calamine is not installed"):
        read(path)


def test_spreadsheet_with_a_title_and_other_sheets():
    pytest.importorskip("python_calamine")
    made = [("Reviews of May", ""), ("", ""), ("text", "label"), ("good film", "pos"), ("bad film", "neg")]
    rows, note = read(spreadsheet("a.xlsx", made, first=[("About these reviews",), ("made by us",)]))
    assert rows == [("good film", "pos"), ("bad film", "neg")]
    assert note == 'spreadsheet, sheet "Reviews" (not "Notes"), header in row 3, text: "text", label: "label"'


@pytest.mark.parametrize(
    ("above", "number"),
    [
        ("Reviews of May\n", 2),
        ("# made by the shop\n# on 2026-05-01, by hand\n", 3),
        ("Report: May\n\n", 3),
        ('"Report\tof May",\n,\n', 3),
    ],
)
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_lines_above_the_header(above, number, delimiter):
    path = table("a.csv", delimiter=delimiter)
    path.write_text(above + path.read_text())
    rows, note = read(path)
    assert rows == ROWS and f"header in line {number}, " in note
    assert [row.row for row in open_rows(path, USUAL).rows][:2] == [number + 1, number + 2]
    reading = open_rows(path, USUAL).reading
    chunks = list(split_file(path, reading, size=200))
    assert len(chunks) > 2
    assert [
        (row.text, row.label) for chunk in chunks for row in open_rows(path, chunk=chunk, reading=reading).rows
    ] == ROWS
    names = table("b.csv", header=("opinion", "mark"), delimiter=delimiter)
    names.write_text(above + names.read_text())
    with pytest.raises(BadData, match=rf"^b\.csv:{number}: there is no column") as raised:
        read(names)
    assert raised.value.hint == "--text-column opinion --label-column mark"
    assert read(names, text_column=("opinion",), label_column="mark")[0] == ROWS


def test_long_lines_take_linear_time():
    """Each of these took minutes when a step looked at all earlier keys or labels again."""
    keys = ", ".join(f'"k{number}": 0' for number in range(40_000))
    Path("a.jsonl").write_text('{"text": "a", "label": "b"}\n{' + keys + ', "k7": 1}\n{' + keys + "}\n")
    skipped = []
    assert len(list(read_rows(Path("a.jsonl"), USUAL, skip_bad_row=skipped.append))) == 1
    assert "duplicate key 'k7'" in skipped[0].message
    Path("a.ft").write_text("__label__a " * 90_000 + "text\n")
    with pytest.raises(BadData, match="it has 90000"):
        list(read_rows(Path("a.ft"), USUAL))


def test_commands_say_how_a_file_is_read(cli, model_path):
    table("a.csv", header=("review", "sentiment"), delimiter=";")
    line = "reading   CSV, ';' between columns, header, text: \"review\""
    assert f'{line}, label: "sentiment"\n' in cli("data", "check", "--data", "./a.csv").err
    assert f'{line}, label: "sentiment"\n' in cli("evaluate", model_path, "--data", "./a.csv").err
    assert cli("data", "check", "--data", "./a.csv", "-q").err == ""
    predicted = cli("predict", "-m", model_path, "-i", "a.csv", "--keep-columns")
    assert predicted.err == f"{line}\n"
    assert [row.split("\t")[2:] for row in predicted.lines] == [[label] for _, label in ROWS]
    scored = cli("predict", "-m", model_path, "-i", "a.csv", "--keep-columns", "-o", "scored/")
    assert line.replace("CSV", "a.csv: CSV") in scored.err
    written = [json.loads(row) for path in Path("scored").glob("a.csv*") for row in path.read_text().splitlines()]
    assert [(row["text"], row["columns"]) for row in written] == [(text, {"sentiment": label}) for text, label in ROWS]


def test_standard_input_is_read_as_the_options_say(cli, model_path):
    data = table("a.csv", delimiter=";", encoding="utf-16").read_bytes()
    given = ("predict", "-m", model_path, "-i", "-", "--input-format", "csv")
    assert len(cli(*given, "--delimiter", ";", "--encoding", "utf-16", input=data).lines) == len(ROWS)
    refused = cli(*given, input=data.decode("utf-16").encode())
    assert refused.code == 65 and "hint: --delimiter ';'" in refused.err
