"""Texts, names and labels of strangers, on a terminal, in messages and in tables."""

import json
import os
from pathlib import Path

import pytest
from toy import CONFIG, register_toy, toy_files

from lstmctl.data.labels import find_spellings, label_key, show_invisible
from lstmctl.registry.store import Registry

BAD = ["\x9b2J", *"\x85\x7f\u061c\u200b\u200e\u202e\u2066\u2028\ufeff\u2060\u00ad\U000e0041"]
VIEWS = [("--json",), ("--format", "tsv"), ("--format", "csv"), (), ("--explain",), ("--explain", "--json")]


@pytest.fixture
def home():
    home = Path(os.environ["LSTMCTL_HOME"])
    register_toy(home)
    return home


@pytest.mark.parametrize("view", VIEWS, ids=" ".join)
def test_texts_on_a_terminal(cli, home, tmp_path, view):
    text = "good" + "".join(BAD) + "film"
    (tmp_path / "x.jsonl").write_text(json.dumps({"text": text, "n" + text: text}) + "\n")
    done = cli(
        "predict",
        "-i",
        tmp_path / "x.jsonl",
        *view,
        *([] if "--explain" in view else ["--keep-columns"]),
        terminal=True,
    )
    assert done.code == 0, done.err
    assert not [letter for letter in BAD if letter[0] in done.out + done.err]
    if view == ("--json",):
        piped = cli("predict", "-i", tmp_path / "x.jsonl", "--json", "--keep-columns")
        assert json.loads(done.out) == json.loads(piped.out)  # the same value
        assert "\u202e" in piped.out  # unchanged


def test_joiners_stay(cli, home):
    done = cli("predict", "👩‍💻 می‌خواهم", terminal=True)
    assert "👩‍💻" in done.out and "می‌خواهم" in done.out


def test_a_command_in_a_card(cli, tmp_path):
    home = Path(os.environ["LSTMCTL_HOME"])
    register_toy(home, command=("lstmctl", "train", "\x9b2J\u202e"))
    done = cli("summary", "--command", terminal=True)
    assert not {"\x9b", "\u202e"} & set(done.out)


@pytest.mark.parametrize("name", ["[/b]", "[bold]x[/bold]", "[link=file:///x]y", "{task.fields}", "[red]"])
def test_markup_in_names(cli, home, tmp_path, monkeypatch, name):
    """Of models, files and labels: before, a closing tag in a status line was an error of the program."""
    monkeypatch.chdir(tmp_path)
    model = tmp_path / name / "m"
    model.mkdir(parents=True)
    for file, content in toy_files().items():
        (model / file).write_bytes(content)
    data = tmp_path / f"{name.replace('/', '')}.csv"
    data.write_text("text,label\n" + "good film,pos\nbad film,neg\n" * 30)
    reference = f"./{name}/m"
    for arguments in (["evaluate", reference, "--data", data], ["summary", reference, "--gates", "--text", "good"]):
        done = cli(*arguments, terminal=True)
        assert done.code == 0, done.err
    done = cli("evaluate", f"./{name}/nothing", terminal=True)
    assert done.code == 66 and name in done.err


def test_labels_that_look_alike():
    for invisible in (
        "\u200b",
        "\u200d",
        "\u061c",
        "\u2061",
        "\u034f",
        "\u3164",
        "\ufe0f",
        "\U000e0041",
        "\u180e",
        "\u202d",
    ):
        assert label_key("pos" + invisible) == "pos"
        (group,) = find_spellings({"pos": 5, f"po{invisible}s": 3})
        assert str(group).isprintable() and f'"po{ascii(invisible)[1:-1]}s" (3)' in str(group)
    assert show_invisible("größe 字") == "größe 字"


def test_alike_labels_are_told(cli, tmp_path):
    data = tmp_path / "x.csv"
    data.write_text("text,label\n" + "".join(f"good {n},pos\nbad {n},neg\nfine {n},po\u2062s\n" for n in range(20)))
    done = cli("data", "check", "--data", data)
    assert "spelling\t\t\tpo\u2062s" in done.out
    assert "po\\x2062s" in cli("data", "check", "--data", data, "--format", "tsv", terminal=True).out
    done = cli("train", "--data", data, "--dry-run", "--recipe", "classic")
    assert '"po\\u2062s" (20)' in done.err


def test_names_of_a_megabyte(cli, home, tmp_path):
    """Quoted in a message or a hint, they would fill the screen."""
    long = "x" * 500_000
    (tmp_path / "x.csv").write_text(f"text,{long},{long}2\na,b,c\n")
    for arguments in (
        ["train", "--data", tmp_path / "x.csv", "--dry-run"],
        ["evaluate", "--data", tmp_path / "x.csv"],
        ["data", "check", "--data", tmp_path / "x.csv", "--label-column", "y"],
        ["predict", "-i", tmp_path / "x.csv", "--text-column", "y"],
        ["predict", "-m", long, "x"],
    ):
        done = cli(*arguments)
        assert done.code not in (0, 70) and len(done.err) < 5_000, done.err[:200]


@pytest.mark.parametrize(
    "field", ["=cmd|' /C calc'!A0", "@SUM(1)", "+1+cmd|x!A0", "-2+3+cmd|x!A0", "\t=1+1", '=HYPERLINK("x")']
)
def test_formulas_in_tables(cli, home, tmp_path, field):
    (tmp_path / "x.jsonl").write_text(json.dumps({"text": "good", "note": field}) + "\n")
    command = ["predict", "-i", tmp_path / "x.jsonl", "--keep-columns"]
    for options in (["--format", "csv"], ["-o", tmp_path / "out.csv"], ["-o", tmp_path / "out.tsv"]):
        done = cli(*command, *options)
        assert done.code == 0 and "1 fields begin like a formula" in done.err, options
    for options in (["--json"], ["--format", "tsv"], ["-o", tmp_path / "out.jsonl"]):
        assert "begin like" not in cli(*command, *options).err
    (tmp_path / "y.jsonl").write_text('{"text": "- a good film", "note": "-1.5", "n": 1}\n')
    assert "begin like" not in cli("predict", "-i", tmp_path / "y.jsonl", "--keep-columns", "--format", "csv").err


def test_labels_of_a_model(cli, tmp_path):
    from dataclasses import replace

    labels = replace(CONFIG, labels=("=cmd|x!A0", "\x9bpos", "=1"))
    Registry(Path(os.environ["LSTMCTL_HOME"])).register("it", toy_files(config=labels))
    done = cli("predict", "bad", "--format", "csv", "--top-k", 3)
    assert "formula" in done.err
    assert "\x9b" not in cli("predict", "good", "--json", terminal=True).out
