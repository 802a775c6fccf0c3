"""summary, plot, models and data: their formats and screens."""

import json
from pathlib import Path

import pytest
from toy import register_toy, toy_history

from lstmctl.config import DataConfig


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


def test_summary_lists_layers_and_matrices(cli, home):
    register_toy(home)
    result = cli("summary")
    table = {line.split("\t")[0]: line.split("\t")[1:] for line in result.lines}
    assert list(table) == [
        "layer", "embedding", "lstm", "forget gate", "input gate", "candidate", "output gate", "dense"
    ]  # fmt: skip
    assert table["embedding"] == ["5 × 2", "10"]
    assert table["forget gate"] == ["(2 + 3 + 1) × 3", "18"]
    assert int(table["lstm"][1]) == 72
    assert sum(int(table[name][1]) for name in ("embedding", "lstm", "dense")) == 86


def test_summary_json(cli, home):
    register_toy(home)
    summary = json.loads(cli("summary", "--json").out)
    assert summary["schema"] == "lstmctl.summary/1"
    assert summary["parameters"] == 86
    assert summary["config"]["labels"] == ["neg", "pos"]
    assert summary["metrics"]["test"]["metrics"]["accuracy"]["value"] == 0.9


def test_summary_command(cli, home):
    register_toy(home, command=("lstmctl", "train", "--data", "my file.csv"))
    assert cli("summary", "--command").out == "lstmctl train --data 'my file.csv'\n"


@pytest.mark.parametrize("columns", [60, 80, 200])
@pytest.mark.parametrize("command", [["summary"], ["models", "list"], ["plot"], ["data", "list"]], ids=" ".join)
def test_screens_fit(cli, home, monkeypatch, columns, command):
    monkeypatch.setenv("COLUMNS", str(columns))
    register_toy(home)
    register_toy(home, "a-model-with-quite-a-long-name")
    result = cli(*command, terminal=True)
    assert result.code == 0
    assert max(map(len, result.lines)) <= columns


def test_ascii_terminal(cli, home, monkeypatch):
    register_toy(home)
    monkeypatch.setenv("TERM", "linux")
    for command in (["summary"], ["plot"], ["models", "list"], ["predict", "good film"]):
        assert cli(*command, terminal=True).out.isascii(), command


def test_colours_of_drawings_reach_a_terminal(cli, home, monkeypatch):
    """As escape sequences, while those in anyone's text are written out."""
    register_toy(home)
    monkeypatch.delenv("NO_COLOR")
    shown = cli("plot", "--color", "always", terminal=True).out
    assert "\x1b[38;5;" in shown and "\\x1b" not in shown


def test_plot_formats(cli, home):
    register_toy(home)
    picture = cli("plot")
    assert "accuracy" in picture.out and "★" in picture.out and "\x1b" not in picture.out
    rows = [line.split("\t") for line in cli("plot", "--format", "tsv").lines]
    assert rows[0] == ["model", "epoch", "part", "metric", "value"]
    assert ["tiny@1", "2", "validation", "loss", f"{toy_history()[1].val_loss:.6f}"] in rows
    assert len(cli("plot", "--json").lines) == 3


def test_only_drawing_limits_the_number_of_models(cli, home):
    register_toy(home)
    models = ["tiny@1"] * 9
    assert len(cli("plot", *models, "--json").lines) == 27
    drawn = cli("plot", *models)
    assert drawn.code == 2 and "9 models do not fit" in drawn.err


def test_plot_files(cli, home, tmp_path):
    register_toy(home)
    for name, beginning in (("c.png", b"\x89PNG"), ("c.svg", b"<?xml"), ("c.txt", b" ")):
        path = tmp_path / name
        assert cli("plot", "-o", path).code == 0
        written = path.read_bytes()
        assert written.startswith(beginning)
        again = cli("plot", "-o", path)
        assert again.code == 73
        assert "--force" in again.err
        assert path.read_bytes() == written
        assert cli("plot", "-o", path, "--force").code == 0
    assert cli("plot", "-o", tmp_path / "c.gif").code == 2
    assert cli("plot", "-o", tmp_path / "none" / "c.png").code == 73


def test_list_rm_and_restore(cli, home):
    for _ in range(2):
        register_toy(home)
    header, *rows = [line.split("\t") for line in cli("models", "list").lines]
    assert header[:4] == ["model", "tags", "data", "accuracy"]
    assert {row[0] for row in rows} == {"tiny@1", "tiny@2"}
    assert cli("models", "rm", "tiny@2").out == "tiny@2\n"
    assert [json.loads(line)["model"] for line in cli("models", "list", "--json").lines] == ["tiny@1"]
    gone = cli("predict", "-m", "tiny@2", "x")
    assert gone.code == 66 and "lstmctl models restore tiny@2" in gone.err
    assert cli("models", "restore", "tiny@2").out == "tiny@2\n"
    assert cli("predict", "-m", "tiny@2", "good").code == 0
    register_toy(home)
    assert cli("models", "rm", "tiny@3").code == 0
    assert register_toy(home) == "tiny@4"  # a number is never used again


def test_default_model_is_never_a_trial(cli, home, monkeypatch):
    trial = DataConfig(source="imdb", limit=10)
    register_toy(home, data=trial)
    assert "All are trial models" in cli("models", "list", terminal=True).err
    assert cli("predict", "good").code == 66
    register_toy(home)
    register_toy(home, data=trial, created="2027-01-01T00:00:00+00:00")
    assert "Default model: tiny@2." in cli("models", "list", terminal=True).err
    assert json.loads(cli("predict", "--json", "good").out)["model"] == "tiny@2"
    monkeypatch.setenv("LSTMCTL_MODEL", "tiny@3")
    assert json.loads(cli("predict", "--json", "good").out)["model"] == "tiny@3"


def test_rm_needs_a_version(cli, home):
    register_toy(home)
    result = cli("models", "rm", "tiny")
    assert result.code == 2
    assert "tiny@1" in result.err and "--all" in result.err
    assert cli("models", "rm", "tiny", "--all").out == "tiny@1\n"
    assert cli("models", "list").code == 0


def test_damaged_model_does_not_hide_others(cli, home):
    for _ in range(2):
        register_toy(home)
    (damaged,) = Path(home).glob("models/tiny/v000002/model.json")
    damaged.write_text("{}")
    result = cli("models", "list")
    assert result.code == 0
    assert [line.split("\t")[0] for line in result.lines] == ["model", "tiny@1"]
    assert "tiny@2" in result.err
    assert cli("predict", "-m", "tiny@2", "good").code == 76


def test_empty_registry(cli):
    assert cli("models", "list", terminal=True).code == 0
    assert cli("models", "list", "--runs", terminal=True).code == 0
    assert cli("summary").code == 66


def test_data_list(cli):
    names = [line.split("\t")[0] for line in cli("data", "list").lines]
    assert names == ["name", "imdb", "rotten-tomatoes", "keras-imdb"]


def test_completion_scripts(cli):
    assert "complete -o default -F" in cli("completion", "bash").out
    assert "#compdef" in cli("completion", "zsh").out
    assert "complete " in cli("completion", "fish").out
    assert cli("completion", "csh").code == 2
    assert cli("completion").code == 2


@pytest.mark.parametrize(("shell", "startup"), [("bash", ".bashrc"), ("zsh", ".zshrc"), ("fish", None)])
def test_completion_is_set_up_once(shell, startup, cli, monkeypatch, tmp_path):
    """For the shell of $SHELL, without a change to what the start-up file has already."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SHELL", f"/usr/bin/{shell}")
    if startup:
        (tmp_path / startup).write_text("alias l=ls")
    first = cli("completion", "--install")
    assert first.code == 0, first.err
    written = {path: Path(path).read_text() for path in first.lines}
    assert cli("completion", shell).out == written[first.lines[0]]
    if startup:
        assert written[str(tmp_path / startup)].startswith("alias l=ls\n\n# Completion of lstmctl\n")
    assert cli("completion", "--install").lines == first.lines
    assert written == {path: Path(path).read_text() for path in first.lines}


@pytest.mark.parametrize(
    ("line", "meant"),
    {
        "explain": 'lstmctl predict --explain "great movie"',
        "trian": "lstmctl train",
        "ls": "lstmctl models list",
        "models lst": "lstmctl models list",
        "data chek": "lstmctl data check",
        "qqq": "lstmctl --help",
    }.items(),
)
def test_words_that_are_no_commands(line, meant, cli):
    result = cli(*line.split())
    assert result.code == 2 and result.err.endswith(f"hint: {meant}\n")
