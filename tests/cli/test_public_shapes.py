"""The shapes of files that people have: what is recognised, which rows are used, and hints that work when followed."""

import csv
import json
import re
import shlex
import subprocess
import tempfile
from pathlib import Path

import pytest
from public_shapes import rows, table, write_public_shapes

PUBLIC = {  # options → texts in the training, validation and test part; two of "1" and "5" or the like each
    "--data archive.zip": (44, 10, 6),
    "--data sentiment140.csv --no-header --text-column 6 --label-column 1": (44, 10, 6),
    "--data ./ag_news --no-header --text-column 2 --text-column 3 --label-column 1": (48, 12, 20),
    "--data ./SMSSpamCollection --no-header --text-column 2 --label-column 1": (44, 10, 6),
    "--data reviews_Toys_5.json.gz": (44, 10, 6),
    "--data ./amazonreviews": (48, 12, 20),
    "--data ./aclImdb": (48, 12, 20),
    "--data ./rotten_tomatoes": (60, 20, 20),
}


@pytest.fixture
def shapes(tmp_path, monkeypatch):
    write_public_shapes(tmp_path)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("options", PUBLIC)
def test_well_known_data_sets(cli, shapes, options):
    found = json.loads(cli("data", "check", *options.split(), "--json").out)
    assert tuple(found["rows"].values()) == PUBLIC[options]
    assert found["bad_rows"] == [] and found["left_out"] == {}
    labels = {label for part in found["labels"].values() for label in part}
    assert len(labels) == 2 and not any("." in label for label in labels)


def test_test_rows_are_never_trained_on(cli, shapes):
    """The parts of a folder are those of its files, in whatever way they are named."""
    for source in ("./ag_news", "ag_news/*.csv"):
        options = ["--no-header", "--text-column", "2", "--text-column", "3", "--label-column", "1"]
        found = json.loads(cli("data", "check", "--data", source, *options, "--json").out)
        assert tuple(found["rows"].values()) == (48, 12, 20)
    both = ["--data", "ag_news/train.csv", "--data", "ag_news/test.csv", *options]
    assert tuple(json.loads(cli("data", "check", *both, "--json").out)["rows"].values()) == (48, 12, 20)


def write(name: str, lines: list[object], **options: str) -> None:
    table(Path(name), lines, **options)


WORDS = {"neg": "ужасный и скучный", "pos": "прекрасный и интересный"}


def messy() -> None:
    """One file of each kind of trouble."""
    made = rows(60, ("neg", "pos"))
    write("no-header.tsv", [(label, text) for text, label in made], delimiter="\t")
    write("titles.csv", [(1 + (label == "pos"), f"Title {n}", text) for n, (text, label) in enumerate(made)])
    flags = [(n, text, int(label == "pos"), 0) for n, (text, label) in enumerate(made)]
    write("flags.csv", [("id", "message", "insult", "threat"), *flags])
    write("ragged.csv", [("text", "label"), *[(*row, "more") if n % 20 == 5 else row for n, row in enumerate(made)]])
    write("empty.csv", [("text", "label"), *[(row[0], "") if n % 20 == 9 else row for n, row in enumerate(made)]])
    write("rare.csv", [("text", "label"), *made, ("one of a kind", "rare")])
    spelled = [(text, ("Pos", "pos")[n // 2 % 2] if label == "pos" else label) for n, (text, label) in enumerate(made)]
    write("spelled.csv", [("text", "label"), *spelled])
    header = [("текст", "метка"), *[(f"фильм {WORDS[label]} {n}", label) for n, (_, label) in enumerate(made)]]
    write("cyrillic-header.csv", header, encoding="cp1251")
    write(
        "cyrillic.csv",
        [
            ("text", "label"),
            *[(f"фильм совершенно {WORDS[label]} номер {n}", label) for n, (_, label) in enumerate(made)],
        ],
        encoding="cp1251",
    )


# What is left of the rows when the hint, an option, is followed; some hints have several, of which the first is taken.
FOLLOWED = {
    "no-header.tsv": 60,
    "titles.csv": 60,
    "flags.csv": 60,
    "ragged.csv": 57,
    "empty.csv": 57,
    "rare.csv": 60,
    "cyrillic.csv": 60,
}


@pytest.mark.parametrize("name", FOLLOWED)
def test_the_hint_of_an_error_works(cli, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    messy()
    command = ["train", "--data", name, "--dry-run"]
    first = cli(*command)
    assert first.code == 65 and len(first.err.splitlines()) == 2, first.err
    hint = re.search(r"^hint: .*?(--[a-z].*?)(?: leaves.*| lists.*)?$", first.err, re.M)[1]
    options = shlex.split(re.split(r"[,;] (?=--|or )", hint)[0])
    second = cli(*command, *options)
    assert second.code == 0, f"{hint}\n{second.err}"
    assert name != "cyrillic.csv" or "1251" in hint
    counts = re.search(r"(\d+) train · (\d+) validation · (\d+) test", second.err)
    assert sum(map(int, counts.groups())) == FOLLOWED[name]


@pytest.mark.parametrize("delimiter", ["\t", ";", "|", ","])
@pytest.mark.parametrize("name", ["reviews.txt", "reviews", "reviews.dat"])
def test_tables_whose_name_says_nothing(cli, tmp_path, monkeypatch, name, delimiter):
    monkeypatch.chdir(tmp_path)
    write(name, [("text", "label"), *rows(40, ("neg", "pos"))], delimiter=delimiter)
    found = json.loads(cli("data", "check", "--data", f"./{name}", "--json").out)
    assert sum(found["rows"].values()) == 40 and found["bad_rows"] == []


def test_names_that_say_nothing_of_other_files(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = rows(40, ("neg", "pos"))
    Path("fast").write_text("".join(f"__label__{label} {text}\n" for text, label in made))
    Path("lines").write_text("".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in made))
    for name in ("./fast", "./lines"):
        assert sum(json.loads(cli("data", "check", "--data", name, "--json").out)["rows"].values()) == 40
    Path("prose.txt").write_text("".join(f"{text}\n" for text, _ in made))
    Path("prose").write_text("".join(f"{text}\n" for text, _ in made))
    assert "expected one __label__" in cli("train", "--data", "prose.txt").err
    assert cli("train", "--data", "./prose").code == 2


def test_a_broken_link_is_told(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("data.csv").symlink_to("nowhere.csv")
    done = cli("train", "--data", "data.csv")
    assert done.code == 66 and "data.csv is a link to nowhere.csv, which does not exist" in done.err


def test_names_in_another_encoding(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    messy()
    done = cli("train", "--data", "cyrillic-header.csv", "--dry-run")
    assert (done.code, done.err.splitlines()[1]) == (65, "hint: --encoding windows-1251")
    more = ["--encoding", "windows-1251", "--text-column", "текст", "--label-column", "метка"]
    assert cli("train", "--data", "cyrillic-header.csv", "--dry-run", *more).code == 0


def test_json_lines_under_another_name(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = [json.dumps({"text": text, "label": label}) for text, label in rows(60, ("neg", "pos"))]
    Path("data.csv").write_text("\n".join(made) + "\n")
    done = cli("train", "--data", "data.csv", "--dry-run")
    assert done.code == 65 and "is JSON Lines under another name" in done.err
    command = re.search("^hint: (cp .*) makes", done.err, re.M)[1]
    subprocess.run(["sh", "-c", command], check=True)
    assert cli("train", "--data", shlex.split(command)[2], "--dry-run").code == 0


def test_texts_one_folder_too_deep(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number, (text, label) in enumerate(rows(40, ("neg", "pos"))):
        path = Path("deep", label, f"sub{number % 3}", f"{number}.txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "copies"))
    done = cli("data", "check", "--data", "./deep")
    command = re.search("^hint: for each label: (mkdir .*), and name", done.err, re.M)[1]
    assert done.code == 65 and "deep/neg has 3 folders and no texts" in done.err
    for label in ("neg", "pos"):
        subprocess.run(["sh", "-c", command.replace("neg", label)], check=True)
    found = json.loads(cli("data", "check", "--data", tmp_path / "copies" / "deep", "--json").out)
    assert sum(found["rows"].values()) == 40


def test_an_open_quote_is_not_one_bad_row(cli, tmp_path, monkeypatch):
    """Skipping it would lose all rows up to the end of the file."""
    from toy import register_toy

    register_toy(tmp_path / "home")
    monkeypatch.chdir(tmp_path)
    lines = [f"{text},{label}" for text, label in rows(60, ("neg", "pos"))]
    lines[30] = f'"{lines[30]}'
    Path("open.csv").write_text("text,label\n" + "\n".join(lines) + "\n")
    for command in (
        ["train", "--dry-run", "--data"],
        ["evaluate", "--data"],
        ["predict", "-i"],
        ["predict", "-o", "d", "-i"],
    ):
        done = cli(*command, "open.csv", "--bad-rows", "skip")
        assert done.code == 65 and "open.csv:32: a quote is opened here" in done.err, done.err
        assert "--bad-rows" not in done.err
    assert not Path("d").exists()
    found = json.loads(cli("data", "check", "--data", "open.csv", "--json").out)
    assert [(row["row"], row["last_row"]) for row in found["bad_rows"]] == [(32, 61)]


@pytest.mark.parametrize(
    "names",
    [
        ("trainset", "valset", "testset"),
        ("trainData", "devData", "testData"),
        ("trn", "vld", "tst"),
        ("product-test-train", "product-test-dev", "product-test-test"),
        ("train", "eval", "holdout"),
    ],
)
def test_other_names_of_parts(cli, tmp_path, names):
    for name, count in zip(names, (20, 10, 8), strict=True):
        table(tmp_path / "set" / f"{name}.csv", [("text", "label"), *rows(count, ("neg", "pos"))])
    found = json.loads(cli("data", "check", "--data", tmp_path / "set", "--json").out)
    assert tuple(found["rows"].values()) == (20, 10, 8)


@pytest.mark.parametrize("encoding", ["windows-1251", "koi8-r", "cp866"])
@pytest.mark.parametrize("english", ["", "the film is "])
def test_cyrillic_encodings_are_named(cli, tmp_path, encoding, english):
    made = [
        (f"{english}фильм {WORDS[label]} номер {n}", label) for n, (_, label) in enumerate(rows(60, ("neg", "pos")))
    ]
    table(tmp_path / "data.csv", [("text", "label"), *made], encoding=encoding)
    done = cli("train", "--data", tmp_path / "data.csv", "--dry-run")
    assert done.code == 65 and f"--encoding {encoding}" in done.err, done.err


def test_predictions_in_a_folder_are_data(cli, tmp_path, monkeypatch):
    from toy import register_toy

    register_toy(tmp_path / "home")
    monkeypatch.chdir(tmp_path)
    for name in "ab":
        table(
            Path("in") / f"{name}.csv", [("text",), *[(text,) for text, _ in rows(20, ("neg", "pos"))], *[("x", "y")]]
        )
    assert cli("predict", "-i", "in", "-o", "out", "--bad-rows", "skip").code == 0
    found = json.loads(cli("data", "check", "--data", "./out", "--json").out)
    assert sum(found["rows"].values()) == 40


def test_spellings_of_a_label_are_noticed_and_merged(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    messy()
    noticed = cli("train", "--data", "spelled.csv", "--dry-run")
    assert noticed.code == 0 and '"Pos" (15) = "pos" (15)' in noticed.err and "--merge-labels" in noticed.err
    merged = cli("data", "check", "--data", "spelled.csv", "--json")
    assert len(json.loads(merged.out)["spellings"]) == 1
    assert '"Pos"' not in re.sub(
        "merged labels.*", "", cli("train", "--data", "spelled.csv", "--dry-run", "--merge-labels").err
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 66212309\n", "Git LFS"),
        (b"\n\n<!DOCTYPE html>\n<html><body>404</body></html>\n", "web page"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "PDF"),
        (b"@relation films\n@attribute text string\n@data\n'good',pos\n", "ARFF"),
    ],
)
def test_strangers_are_recognised(cli, tmp_path, content, said):
    path = tmp_path / "data.csv"
    path.write_bytes(content)
    for command in ("train", "evaluate"):
        if command == "train":
            done = cli(command, "--data", path)
            assert done.code == 65 and said in done.err and "hint: " in done.err


def test_what_predict_writes_is_data(cli, tmp_path, monkeypatch):
    """A file of predictions has a text and a label column, whatever its format."""
    from toy import register_toy

    register_toy(tmp_path / "home")
    monkeypatch.chdir(tmp_path)
    texts = [text for text, _ in rows(30, ("neg", "pos"))]
    with open("texts.csv", "w", newline="") as file:
        csv.writer(file).writerows([("text",), *[(f'{text}, "so"\nto say',) for text in texts]])
    for name in ("answers.csv", "answers.tsv", "answers.jsonl", "answers.parquet"):
        assert cli("predict", "-i", "texts.csv", "-o", name).code == 0
        found = json.loads(cli("data", "check", "--data", name, "--json").out)
        assert sum(found["rows"].values()) == 30, name


def test_a_folder_of_tables_is_answered_row_by_row(cli, tmp_path, monkeypatch):
    from toy import register_toy

    register_toy(tmp_path / "home")
    monkeypatch.chdir(tmp_path)
    table(Path("in") / "a.csv", [("text", "n"), ("good film", 1), ("bad film", 2)])
    table(Path("in/b.csv"), [("Review", "n"), ("bad", 3)])
    Path("in/c.jsonl").write_text('{"text": "good", "n": 4}\n')
    Path("in/d.json").write_text('[{"text": "bad"}]')
    assert [line.split("\t")[::2] for line in cli("predict", "-i", "in").lines] == [
        ["pos", "a.csv"], ["neg", "a.csv"], ["neg", "b.csv"], ["pos", "c.jsonl"], ["neg", "d.json"]
    ]  # fmt: skip
    done = cli("predict", "-i", "in/*.csv", "--json")
    assert [(row["file"], row["row"]) for row in map(json.loads, done.lines)] == [
        ("a.csv", 2),
        ("a.csv", 3),
        ("b.csv", 2),
    ]
    assert 'in/b.csv: CSV, header, text: "Review"' in done.err
    assert cli("predict", "-i", "in", "-o", "all.csv").code == 0
    assert [line.split(",")[-1] for line in Path("all.csv").read_text().splitlines()][:2] == ["file", "a.csv"]
    Path("in/b.csv").write_text("Review,n\nbad,3,4\ngood,5\n")
    assert cli("predict", "-i", "in").code == 65
    skipped = cli("predict", "-i", "in", "--bad-rows", "skip")
    assert skipped.code == 0 and len(skipped.lines) == 5 and "skipped 1 bad row" in skipped.err


@pytest.mark.parametrize("name", ["answers.csv", "answers.jsonl", "answers.parquet"])
def test_predicted_labels_are_not_taken_for_the_truth(cli, tmp_path, monkeypatch, name):
    from toy import register_toy

    register_toy(tmp_path / "home")
    monkeypatch.chdir(tmp_path)
    table(Path("texts.csv"), [("text", "label"), ("good film", "pos"), ("good", "neg"), ("bad film", "neg")])
    assert cli("predict", "-i", "texts.csv", "-o", name).code == 0
    measured = cli("evaluate", "--data", name)
    assert measured.code == 0 and "the labels are predictions of lstmctl, not the truth" in measured.err
    assert "predictions of lstmctl" in cli("data", "check", "--data", name).err
    assert cli("predict", "-i", "texts.csv", "--keep-columns", "-o", "kept.csv").code == 0
    measured = cli("evaluate", "--data", "kept.csv", "--label-column", "input_label", "--json")
    assert "predictions of lstmctl" not in measured.err
    assert json.loads(measured.out)["metrics"]["accuracy"]["value"] == pytest.approx(2 / 3)
