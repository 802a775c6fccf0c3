"""Documents: files that are one text each, for training, evaluation and prediction alike."""

import json
import os
from pathlib import Path

import pytest
from toy import register_toy

from lstmctl.config import DataConfig
from lstmctl.data.datasets import load
from lstmctl.registry.store import Registry


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(*names, text="good\n\nfilm\n"):
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)


@pytest.fixture
def documents_model(home):
    """A model that was trained on class folders, as its card says."""
    for number in range(12):
        write(f"train/pos/{number}", text=f"good\nfilm {number}\n")
        write(f"train/neg/{number}", text=f"bad\nfilm {number}\n")
    data = load(DataConfig(source=str(Path("train").absolute())), home=home)
    assert data.config.documents
    return register_toy(home, data=data.config, data_sha256=data.sha256)


@pytest.fixture
def lines_model(home):
    return register_toy(home)


def predicted(cli, *arguments):
    done = cli("predict", *arguments, "--json")
    assert done.code == 0, done.err
    return [(row.get("file"), row["row"], row["text"], row["label"]) for row in map(json.loads, done.lines)]


def in_folder(cli, *arguments):
    done = cli("predict", *arguments, "-o", "scored/", "-j", 1)
    assert done.code == 0, done.err
    answers = [
        json.loads(line) for path in sorted(Path("scored").glob("*.jsonl")) for line in path.read_text().splitlines()
    ]
    return [(row["file"], row["row"], row["text"]) for row in answers]


def test_folder(cli, documents_model):
    write("new/a/doc.txt", "new/b/doc.txt", "new/c")
    expected = [(name, row, "good\n\nfilm", "pos") for row, name in enumerate(("c", "a/doc.txt", "b/doc.txt"), 1)]
    assert predicted(cli, "-i", "new") == expected
    assert in_folder(cli, "-i", "new") == [row[:3] for row in expected]
    done = cli("predict", "-i", "new")
    assert [line.split("\t")[2] for line in done.lines] == ["c", "a/doc.txt", "b/doc.txt"]
    assert "each file is one text" in done.err
    explained = cli("predict", "-i", "new", "--explain", "--format", "tsv").lines
    assert explained[0].endswith("\tfile") and explained[1].endswith("\tc")


@pytest.mark.parametrize("name", ["new/b/doc.txt", "new/10001"])
def test_one_file(cli, documents_model, name):
    write(name)
    assert predicted(cli, "-i", name) == [(name, 1, "good\n\nfilm", "pos")]
    assert "as in training; --input-format lines" in cli("predict", "-i", name).err
    assert in_folder(cli, "-i", name) == [(name, 1, "good\n\nfilm")]


def test_lines_on_request(cli, documents_model):
    write("a.txt")
    assert [row[2] for row in predicted(cli, "-i", "a.txt", "--input-format", "lines")] == ["good", "", "film"]


def test_tables_stay_tables(cli, documents_model):
    write("a.csv", text="text\ngood\nbad\n")
    assert [row[:3] for row in predicted(cli, "-i", "a.csv")] == [(None, 2, "good"), (None, 3, "bad")]
    write("tables/train.ft.txt", text="__label__pos good\n__label__neg bad\n")
    assert len(in_folder(cli, "-i", "tables")) == 2


def test_other_models(cli, lines_model):
    """Without .txt files a folder can hold nothing but documents; else a line is a text, unless told otherwise."""
    write("plain/1", "plain/2")
    assert [row[:2] for row in predicted(cli, "-i", "plain")] == [("1", 1), ("2", 2)]
    write("lines/a/1.txt", "lines/b/1.txt")
    assert len(in_folder(cli, "-i", "lines")) == 6
    assert (
        "each line of a .txt file is a text; --input-format document" in cli("predict", "-i", "lines", "-o", "x/").err
    )
    assert len(predicted(cli, "-i", "lines", "--input-format", "document")) == 2
    done = cli("predict", "-i", "plain/1")
    assert done.code == 2 and "--input-format document" in done.err
    assert len(predicted(cli, "-i", "plain/1", "--input-format", "document")) == 1


def test_two_readings(cli, documents_model):
    write("new/a.csv", text="text\ngood\n")
    write("new/1.txt")
    done = cli("predict", "-i", "new")
    assert done.code == 65 and "has data files (new/a.csv) and documents (new/1.txt)" in done.err
    for suffix in ("csv", "txt"):  # both halves of the hint
        pattern = f"{Path('new').absolute()}/**/*.{suffix}"
        assert pattern in done.err
        assert cli("predict", "-i", pattern, "-o", f"{suffix}/").code == 0


def test_second_run(cli, documents_model):
    write("new/1", "new/2")
    in_folder(cli, "-i", "new")
    assert "nothing to do" in cli("predict", "-i", "new", "-o", "scored").err
    write("new/3")
    done = cli("predict", "-i", "new", "-o", "scored")
    assert done.code == 73 and "--force" in done.err
    assert cli("predict", "-i", "new", "-o", "scored", "--force").code == 0


def test_bad_documents(cli, documents_model):
    write("new/1", "new/2")
    Path("new/2").write_bytes(b"caf\xe9")
    done = cli("predict", "-i", "new", "-o", "scored")
    assert done.code == 65 and "new/2:1: byte 4" in done.err and "--bad-rows skip" in done.err
    done = cli("predict", "-i", "new", "-o", "scored", "--bad-rows", "skip")
    assert done.code == 0 and "skipped 1 bad row" in done.err
    (skipped,) = [
        json.loads(line) for path in Path("scored/bad-rows").iterdir() for line in path.read_text().splitlines()
    ]
    assert skipped["file"] == str(Path("new/2").absolute())
    Path("new/2").write_bytes(b"x\n" * 600_000)
    done = cli("predict", "-i", "new")
    assert done.code == 65 and "new/2 is larger than 1 MiB" in done.err and "--max-line-bytes" in done.err


def test_pipe_in_folder(cli, documents_model):
    write("new/1")
    os.mkfifo("new/2")
    done = cli("predict", "-i", "new")
    assert done.code == 65 and "new/2 is neither a file" in done.err


def test_names_that_are_not_utf8(cli, documents_model):
    Path("new").mkdir()
    Path(os.fsdecode(b"new/caf\xe9")).write_text("good")
    assert predicted(cli, "-i", "new")[0][0] == r"caf\xe9"
    assert in_folder(cli, "-i", "new")[0][0] == r"caf\xe9"


def test_evaluate_and_check_say_how_a_folder_is_read(cli, documents_model):
    write("other/pos/1", "other/neg/1")
    done = cli("evaluate", "--data", "./other")
    assert done.code == 0 and "a folder for each label, each file one text: neg, pos" in done.err
    assert "each file one text" in cli("data", "check", "--data", "./train").err


def test_evaluate_uses_the_test_part(cli, lines_model):
    write("parts/train.csv", text="text,label\ngood,pos\nbad,neg\n")
    write("parts/test.csv", text="text,label\ngood one,pos\nbad one,neg\nbad two,neg\n")
    done = cli("evaluate", "--data", "./parts", "--json")
    assert json.loads(done.out)["n"] == 3
    assert "parts by name · train: train.csv · test: test.csv" in done.err
    assert "not used: 2 train rows, because the data has a test part" in done.err


def test_several_files(cli, lines_model):
    write("a.csv", text="text,label\ngood,pos\nbad,neg\n")
    write("b.csv", text="text,label\ngood film,neg\nbad film,neg\n")
    done = cli("evaluate", "--data", "a.csv", "--data", "b.csv", "--worst", 1, "--json")
    result = json.loads(done.out)
    assert result["n"] == 4 and result["worst"][0]["file"] == "b.csv" and result["worst"][0]["row"] == 2
    write("b.csv", text="text,label\ngood film,?\n")
    assert "b.csv, row 2: tiny@1 does not know the label" in cli("evaluate", "--data", "a.csv", "--data", "b.csv").err


def test_home_directory(cli, documents_model, monkeypatch, tmp_path):
    """A shell leaves the ~ of --input=~/… as it is."""
    monkeypatch.setenv("HOME", str(tmp_path))
    write("new/1")
    assert cli("predict", "--input=~/new", "--output=~/answers.tsv").code == 0
    assert "\tpos\t" in Path("answers.tsv").read_text()
    assert cli("data", "check", "--data=~/train").code == 0
    assert not Path("~").exists()


def test_cards_without_the_new_fields(home, documents_model):
    card = Registry(home).resolve(documents_model).card
    values = {name: value for name, value in card.data.to_dict().items() if name not in ("more_sources", "documents")}
    old = DataConfig.from_dict(values)
    assert old == card.data and not old.documents and old.sources == (card.data.source,)
