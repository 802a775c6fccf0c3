"""predict --explain: the units that matter, log-odds, --label, pictures, and texts typed on a terminal."""

import json
import os
import pty
import re
import subprocess
import sys

import numpy as np
import pytest
from rich.cells import cell_len
from toy import CONFIG, NGRAM_CONFIG, WORDS, register_random, register_toy, toy_weights

from lstmctl.config import ModelConfig
from lstmctl.model.classifier import Classifier
from lstmctl.model.explanation import explain

TEXT = "Good film, qwrtz bad"


@pytest.fixture
def home(tmp_path):
    register_toy(tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture
def expected():
    return explain(Classifier(CONFIG, WORDS, toy_weights()), TEXT)


def rows_of(result):
    header, *rows = (line.split("\t") for line in result.lines)
    return [dict(zip(header, row, strict=True)) for row in rows]


# --- the units that matter ------------------------------------------------------------------------------------------


def unit_table(lines):
    """Names, shares, headers, and the rows of numbers by word."""
    start = next(number for number, line in enumerate(lines) if line.startswith("unit "))
    names, shares, headers, *rows = lines[start:]
    return names.split()[1:], shares.split()[1:], headers.split()[1:], [row.split() for row in rows if row]


def test_gates_of_the_strongest_units_are_columns(cli, home, monkeypatch, expected):
    monkeypatch.setenv("TERM", "dumb")
    for columns, header in ((80, ["forget", "input", "cand.", "output", "cell"]), (60, ["forget", "input", "cell"])):
        monkeypatch.setenv("COLUMNS", str(columns))
        names, shares, headers, rows = unit_table(cli("predict", "--explain", TEXT, terminal=True).lines)
        units = expected.units[: len(names)]
        assert len(names) >= 2
        assert names == [f"{unit.lstm}.{unit.unit}" for unit in units]
        assert shares == [f"{unit.log_odds:+.2f}" for unit in units]
        assert headers == header * len(names)
        quantities = ["candidate" if name == "cand." else name for name in header]
        for index, row in enumerate(rows[: len(expected.words)]):
            assert row[0] == expected.words[index]
            values = [
                getattr(expected.traces[unit.lstm], name)[index, unit.unit] for unit in units for name in quantities
            ]
            np.testing.assert_allclose(list(map(float, row[1:])), values, atol=0.0051)


@pytest.mark.parametrize("columns", [40, 60, 80, 120])
@pytest.mark.parametrize("shape", [{}, {"bidirectional": True, "layers": 2}, {"units": 300}, {"units": 1}], ids=str)
def test_units_fit(cli, tmp_path, monkeypatch, columns, shape):
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "dumb")
    register_random(tmp_path / "home", shape)
    result = cli("predict", "--explain", "good film supercalifragilisticexpialidocious 电影 bad", terminal=True)
    assert result.code == 0, result.err
    assert max(map(cell_len, result.lines)) <= columns
    names, shares, _, _ = unit_table(result.lines)
    assert 1 <= len(names) == len(shares) <= 3
    assert all(name.startswith("lstm.1." if "layers" in shape else "lstm.0.forward.") for name in names)


def test_units_in_colour_show_the_same_numbers(cli, home, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    plain = unit_table(cli("predict", "--explain", TEXT, terminal=True).lines)
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "xterm-256color")
    coloured = cli("predict", "--explain", "--color", "always", TEXT, terminal=True).out
    assert unit_table(re.sub(r"\x1b\[[\d;]*[mG]", "", coloured).splitlines()) == plain
    assert "48;5;" in coloured


def test_strongest_units_in_json(cli, home, expected):
    (unit, *_) = json.loads(cli("predict", "--explain", "--json", TEXT).out)["strongest_units"]
    assert (unit["lstm"], unit["unit"]) == expected.units[0][:2]
    assert unit["log_odds"] == pytest.approx(expected.units[0].log_odds, rel=1e-6)


# --- log-odds -------------------------------------------------------------------------------------------------------


def test_log_odds_where_the_probability_is_nearly_certain(cli, tmp_path, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    weights = {**toy_weights(), "head.kernel": np.full((3, 1), 9, np.float32)}
    monkeypatch.setattr("toy.toy_weights", lambda config=CONFIG: weights)
    register_toy(tmp_path / "home")
    sure = cli("predict", "--explain", "good good film", terminal=True).out
    assert "effect  log-odds" in sure and "log-odds: the effect on" in sure
    explained = explain(Classifier(CONFIG, WORDS, weights), "good good film")
    (first, *_) = rows_of(cli("predict", "--explain", "good good film"))
    assert float(first["effect_log_odds"]) == pytest.approx(explained.effect_log_odds[0], abs=1e-5)
    assert f"{explained.effect_log_odds[0]:+.2f}" in sure
    assert "log-odds" not in cli("predict", "--explain", "qwrtz", terminal=True).out.replace("to the log-odds", "")


# --- --label --------------------------------------------------------------------------------------------------------


def test_label_is_explained_whatever_is_predicted(cli, tmp_path):
    config = ModelConfig(labels=("a", "b", "c"), vocab_size=5, max_len=20, embedding_dim=2, units=3)
    register_toy(tmp_path / "home", config=config)
    for label in config.labels:
        answer = json.loads(cli("predict", "--explain", "--json", "--label", label, TEXT).out)
        assert answer["explains"] == label
        assert answer["words"][-1]["probability"] == answer["probabilities"][label]
        rows = rows_of(cli("predict", "--explain", "--label", label, TEXT))
        assert {row["explains"] for row in rows} == {label}
        assert float(rows[-1]["probability"]) == pytest.approx(answer["probabilities"][label], abs=1e-6)
    screen = cli("predict", "--explain", "--label", "a", TEXT, terminal=True).out
    assert "P(a) so far" in screen and "effect: P(a) minus P(a)" in screen and "log-odds of a" in screen


def test_the_effects_of_two_labels_are_opposite(cli, home):
    answers = [
        json.loads(cli("predict", "--explain", "--json", "--label", label, TEXT).out) for label in ("pos", "neg")
    ]
    for key in ("effect", "effect_log_odds"):
        first, second = ([word[key] for word in answer["words"]] for answer in answers)
        np.testing.assert_allclose(first, np.negative(second), atol=1e-12)
    assert [unit["log_odds"] for unit in answers[0]["strongest_units"]] == [
        -unit["log_odds"] for unit in answers[1]["strongest_units"]
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--label", "pos", "good"], "--label needs --explain"),
        (["--explain", "--label", "delivery", "good"], '--label "delivery" is not a label of this model'),
        (["--explain", "--label", "", "good"], '--label "" is not a label'),
        (["--explain", "--size", "5x4", "good"], "--size is for pictures"),
        (["--dpi", "100", "good"], "--dpi is for pictures"),
        (["--explain", "--title", "A title", "-o", "x.json", "good"], "--title is for pictures"),
        (["--explain", "--size", "5", "-o", "x.svg", "good"], "--size must be"),
        (["--explain", "--all-units", "-o", "x.svg", "good"], "--all-units is for numbers"),
    ],
)
def test_usage_errors(cli, home, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    result = cli("predict", *arguments)
    assert (result.code, result.out) == (2, "")
    assert message in result.err and "hint: " in result.err
    assert not (tmp_path / "x.svg").exists() and not (tmp_path / "x.json").exists()


# --- pictures -------------------------------------------------------------------------------------------------------


def test_picture_of_an_explanation(cli, home, tmp_path):
    for name, beginning in (("e.png", b"\x89PNG"), ("e.svg", b"<?xml"), ("e.pdf", b"%PDF")):
        result = cli("predict", "--explain", "--label", "neg", TEXT, "-o", tmp_path / name)
        assert (result.code, result.out) == (0, ""), result.err
        assert (tmp_path / name).read_bytes().startswith(beginning)
    picture = (tmp_path / "e.svg").read_text()
    assert all(f">{word}<" in picture for word in ("good", "film", "qwrtz ?", "bad", "P(neg) so far", "cell state"))


def test_picture_of_several_texts(cli, home, tmp_path):
    options = ["--size", "9x6", "--title", "Two texts", "-o", tmp_path / "e.svg"]
    assert cli("predict", "--explain", "good film", "bad film", *options).code == 0
    picture = (tmp_path / "e.svg").read_text()
    assert all(f">{word}<" in picture for word in ("good film", "bad film", "Two texts"))
    many = cli("predict", "--explain", *["good"] * 13, "-o", tmp_path / "many.svg")
    assert many.code == 2 and "more than 12 texts do not fit" in many.err
    empty = cli("predict", "--explain", "good", "…", "-o", tmp_path / "empty.svg")
    assert empty.code == 65 and "text 2 has no words" in empty.err
    none = cli("predict", "--explain", "-", "-o", tmp_path / "none.svg")
    assert none.code == 65 and "no text to draw" in none.err
    assert [path.name for path in tmp_path.glob("*.svg")] == ["e.svg"]


# --- texts typed on a terminal --------------------------------------------------------------------------------------


@pytest.mark.parametrize("explain", [["--explain"], []], ids=["explain", "predict"])
def test_live_mode_has_a_prompt(home, explain):
    """A real terminal: what is typed, and the answers, with a prompt before each text."""
    outer, inner = pty.openpty()
    environment = {**os.environ, "TERM": "dumb"}
    command = [sys.executable, "-m", "lstmctl", "predict", *explain, "-"]
    process = subprocess.Popen(command, stdin=inner, stdout=inner, stderr=inner, env=environment)
    os.close(inner)
    seen = b""

    def wait_for(text):
        nonlocal seen
        while text not in seen:
            seen += os.read(outer, 65_536)

    with process:
        wait_for(b"> ")
        assert b"live: type a text" in seen and b"Ctrl-D ends" in seen
        os.write(outer, b"good film\n")
        wait_for(b"pos  ")
        seen = seen[seen.index(b"pos  ") :]
        wait_for(b"\r\n> ")
        os.write(outer, b"\x04")
        assert process.wait(30) == 0
    os.close(outer)


def test_pipes_have_no_prompt(cli, home):
    piped = cli("predict", "--explain", "-", input=b"good film\nbad\n", terminal=True)
    assert "live" not in piped.err and ">" not in piped.err
    typed = cli("predict", "-q", "-", input=None, terminal=True)
    assert typed.err == ""


def test_ngrams_are_no_units(cli, tmp_path):
    register_toy(tmp_path / "home", config=NGRAM_CONFIG)
    answer = json.loads(cli("predict", "--explain", "--json", TEXT).out)
    assert answer["ngrams"] is not None and all(unit["lstm"] == "lstm.0.forward" for unit in answer["strongest_units"])
