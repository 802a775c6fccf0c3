"""predict --explain, plot --kind gates, and summary --gates, --near and --word: formats, screens, errors."""

import json

import numpy as np
import pytest
from rich.cells import cell_len
from toy import CONFIG, WORDS, register_toy, toy_weights

from lstmctl.cli.plot import complete_show
from lstmctl.config import DataConfig, ModelConfig
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


def test_tsv_has_a_row_for_each_word(cli, home, expected):
    rows = rows_of(cli("predict", "--explain", TEXT, "", "bad"))
    assert [(row["row"], row["position"], row["word"], row["known"]) for row in rows] == [
        ("1", "1", "good", "yes"),
        ("1", "2", "film", "yes"),
        ("1", "3", "qwrtz", "no"),
        ("1", "4", "bad", "yes"),
        ("3", "1", "bad", "yes"),
    ]
    for index, row in enumerate(rows[:4]):
        assert float(row["probability"]) == pytest.approx(expected.probability[index], abs=1e-6)
        assert float(row["effect"]) == pytest.approx(expected.effect[index], abs=1e-6)
        for name in ("cell_change", "forget", "input", "output"):
            assert float(row[name]) == pytest.approx(expected.mean(name)[index], abs=1e-6)


def test_json_has_an_object_for_each_text(cli, home, expected):
    first, second = map(json.loads, cli("predict", "--explain", "--json", TEXT, "").lines)
    assert (first["schema"], first["explains"], first["model"]) == ("lstmctl.explanation/1", "pos", "tiny@1")
    assert list(first["words"][0]) == [
        "word", "known", "forget", "input", "output", "cell_change", "probability", "effect", "effect_log_odds"
    ]  # fmt: skip
    assert [word["word"] for word in first["words"]] == ["good", "film", "qwrtz", "bad"]
    assert [word["known"] for word in first["words"]] == [True, True, False, True]
    assert first["words"][-1]["probability"] == first["probabilities"]["pos"]
    assert first["start"] == expected.start == second["probabilities"]["pos"]
    assert second["words"] == []


def test_all_units(cli, home, expected):
    trace = expected.traces["lstm.0.forward"]
    answer = json.loads(cli("predict", "--explain", "--all-units", "--json", TEXT).out)
    rows = rows_of(cli("predict", "--explain", "--all-units", TEXT))
    for index, (word, row) in enumerate(zip(answer["words"], rows, strict=True)):
        for quantity, values in trace._asdict().items():
            np.testing.assert_allclose(word["units"]["lstm.0.forward"][quantity], values[index], rtol=1e-6)
            columns = [float(row[f"lstm.0.forward.{quantity}.{unit}"]) for unit in range(3)]
            np.testing.assert_allclose(columns, values[index], atol=1e-6)


def test_files_and_stdin_with_several_jobs(cli, home, tmp_path):
    lines = [f"good film {'bad ' * (number % 7)}{'good ' * (number % 3)}" for number in range(40)]
    (tmp_path / "texts.txt").write_text("\n".join(lines) + "\n")
    alone = [cli("predict", "--explain", "--json", line).lines[0] for line in lines[:9]]
    one = cli("predict", "--explain", "--json", "-j", 1, "-", input="\n".join(lines).encode())
    two = cli("predict", "--explain", "--json", "-j", 2, "-i", tmp_path / "texts.txt")
    assert one.out == two.out
    assert [json.loads(line)["row"] for line in two.lines] == list(range(1, 41))
    assert [{**json.loads(line), "row": 1} for line in two.lines[:9]] == list(map(json.loads, alone))


def test_expect_and_threshold(cli, home):
    assert cli("predict", "--explain", "--expect", "neg", "good").code == 1
    assert json.loads(cli("predict", "--explain", "--json", "--threshold", "1", "good").out)["label"] == "neg"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--all-units", "good"], "--all-units needs --explain"),
        (["--explain", "-k", "1", "good"], "--explain and -k do not go together"),
        (["--explain", "--labels-only", "good"], "--explain and --labels-only do not go together"),
        (["--explain", "--all-units", "--format", "table", "good"], "does not fit on a screen"),
    ],
)
def test_conflicting_options(cli, home, arguments, message):
    result = cli("predict", *arguments)
    assert (result.code, result.out) == (2, "")
    assert message in result.err


WIDE = [
    "good film",
    "good " * 15 + "bad film",
    "supercalifragilisticexpialidociousness good",
    "电影很好 bad 👍 映画 good",
    "a\x1b[31m b\tgood",
    "ก้า good नमस्ते",
]


@pytest.mark.parametrize("columns", [40, 60, 80, 120])
@pytest.mark.parametrize("text", WIDE, ids=range(len(WIDE)))
def test_columns_are_aligned(cli, home, monkeypatch, columns, text):
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "dumb")  # no cursor movements: spaces alone must do
    result = cli("predict", "--explain", text, terminal=True)
    assert result.code == 0 and "\x1b" not in result.out
    assert max(map(cell_len, result.lines)) <= columns
    rows = result.lines[2 : result.lines.index("", 2)]
    bars = {cell_len(row[: row.index("│")]) for row in rows[1:]}
    assert len(bars) == 1, rows


def test_strongest_and_unknown_words_are_marked(cli, home, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    lines = cli("predict", "--explain", TEXT, terminal=True).lines
    marked = {line.split()[0]: ("◀" in line, " ? " in line) for line in lines[4:8]}
    assert marked == {"good": (True, False), "film": (False, False), "qwrtz": (False, True), "bad": (True, False)}
    assert lines[3].startswith("(start)")
    assert "P(pos) so far" in lines[2]
    assert "? unknown word" in lines


def test_long_text_is_shortened(cli, home, tmp_path, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    register_toy(home, config=ModelConfig(labels=("neg", "pos"), vocab_size=5, max_len=200, embedding_dim=2, units=3))
    text = "film " * 90 + "good " + "film " * 9
    lines = cli("predict", "--explain", text, terminal=True).lines
    lines, units = lines[: lines.index("", 2)], lines[lines.index("", 2) :]
    words = [line for line in lines if line.startswith(("film", "good"))]
    assert sum(line.startswith(("film", "good")) for line in units) == len(words)
    left_out = sum(int(line.split()[1]) for line in lines if line.startswith("…"))
    assert len(words) + left_out == 100 and len(words) <= 50
    position = next(number for number, line in enumerate(lines) if line.startswith("good"))
    assert all(lines[position + step].startswith("film") for step in (-2, -1, 1, 2))
    assert len(cli("predict", "--explain", text).lines) == 101  # a pipe gets all


def test_three_labels_explain_the_prediction(cli, tmp_path):
    config = ModelConfig(labels=("a", "b", "c"), vocab_size=5, max_len=20, embedding_dim=2, units=3)
    register_toy(tmp_path / "home", config=config, data=DataConfig(source="imdb"))
    answer = json.loads(cli("predict", "--explain", "--json", "good").out)
    assert answer["explains"] == answer["label"] == "c"
    assert answer["words"][0]["probability"] == answer["probability"]


# --- plot --kind gates ---------------------------------------------------------------------------------------------


def test_heat_map_numbers(cli, home, expected):
    trace = expected.traces["lstm.0.forward"]
    for show, values in (("forget", trace.forget), ("candidate", trace.candidate), ("cell", trace.cell)):
        answer = json.loads(cli("plot", "--kind", "gates", "--text", TEXT, "--show", show, "--json").out)
        assert (answer["words"], answer["lstm"], answer["show"]) == (expected.words, "lstm.0.forward", show)
        np.testing.assert_allclose(answer["values"], values, rtol=1e-6)
        rows = rows_of(cli("plot", "--kind", "gates", "--text", TEXT, "--show", show, "--format", "tsv"))
        assert [row["word"] for row in rows] == expected.words
        np.testing.assert_allclose(
            [[float(row[f"unit{unit}"]) for unit in range(3)] for row in rows], values, atol=1e-6
        )


def test_heat_map_characters_show_signs(cli, home):
    lines = cli("plot", "--kind", "gates", "--text", "good film bad bad bad").lines
    assert lines[0] == "cell state · tiny@1"
    assert {line[5:11] for line in lines[3:5]} <= {"++++++", "******", "######"}
    assert lines[7] == "bad  ======"  # the third one in a row is the strongest


@pytest.mark.parametrize(("alias", "name"), [("decision", "input"), ("new-value", "candidate"), ("belt", "cell")])
def test_show_accepts_the_words_of_the_post(cli, home, alias, name):
    old, new = (cli("plot", "--kind", "gates", "--text", TEXT, "--show", show, "--json") for show in (alias, name))
    assert old.code == 0 and old.out == new.out
    assert json.loads(old.out)["show"] == name
    assert alias not in cli("plot", "--help").out
    assert complete_show("") == ["forget", "input", "candidate", "output", "cell", "hidden", "all"]


@pytest.mark.parametrize("columns", [30, 60, 120])
@pytest.mark.parametrize("units", [1, 3, 40, 300])
def test_heat_map_fits(cli, tmp_path, monkeypatch, columns, units):
    monkeypatch.setenv("COLUMNS", str(columns))
    config = ModelConfig(labels=("neg", "pos"), vocab_size=5, max_len=20, embedding_dim=2, units=units)
    register_toy(tmp_path / "home", config=config)
    result = cli(
        "plot", "--kind", "gates", "--text", "good 电影 supercalifragilisticexpialidocious", "--show", "output"
    )
    assert result.code == 0
    first, *_ = words = result.lines[3:7]
    assert max(map(cell_len, words)) <= columns
    if units > columns:
        assert "is the mean of" in result.lines[-1]
    assert first.startswith("good")


def test_heat_map_picture(cli, home, tmp_path):
    for name, beginning in (("g.png", b"\x89PNG"), ("g.svg", b"<?xml"), ("g.pdf", b"%PDF")):
        assert cli("plot", "--kind", "gates", "--text", TEXT, "-o", tmp_path / name).code == 0
        assert (tmp_path / name).read_bytes().startswith(beginning)
    picture = (tmp_path / "g.svg").read_text()
    assert all(f">{word}<" in picture for word in ("good", "film", "qwrtz", "bad"))


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--kind", "gates"], 2, "needs --text"),
        (["--text", "good"], 2, "--text belongs to --kind gates and words"),
        (["--kind", "gates", "--text", "good", "--show", "mood"], 2, "--show must be one of forget"),
        (["--kind", "gates", "--text", "good", "--lstm", "lstm.1.forward"], 2, "--lstm must be one of lstm.0.forward"),
        (["--kind", "gates", "--text", "…"], 65, "no words"),
        (["tiny", "tiny", "--kind", "gates", "--text", "good"], 2, "takes one model"),
    ],
)
def test_heat_map_usage_errors(cli, home, arguments, code, message):
    result = cli("plot", *arguments)
    assert (result.code, result.out) == (code, "")
    assert message in result.err


# --- summary --gates, --word, --near -------------------------------------------------------------------------------


def test_matrices_in_numbers(cli, home):
    answer = json.loads(cli("summary", "--gates", "--json", "--text", TEXT).out)
    weights = toy_weights()
    bias = weights["lstm.0.forward.bias"].reshape(4, 3)  # input, forget, candidate, output
    assert [row["matrix"] for row in answer["matrices"]] == ["forget gate", "input gate", "candidate", "output gate"]
    assert [row["mean_bias"] for row in answer["matrices"]] == pytest.approx(bias[[1, 0, 2, 3]].mean(axis=1).tolist())
    assert [row["norm_word"] for row in answer["matrices"]] == pytest.approx([0, 0, 3**0.5, 0])
    assert answer["matrices"][0]["norm_hidden"] == pytest.approx(0.03, rel=1e-5)
    assert sum(row["parameters"] for row in answer["matrices"]) == 72
    assert answer["matrices"][0]["share"] == 18 / 86
    forget = explain(Classifier(CONFIG, WORDS, weights), TEXT).traces["lstm.0.forward"].forget
    lives = answer["half_life"]["words_by_unit"]["lstm.0.forward"]
    np.testing.assert_allclose(lives, np.log(0.5) / np.log(forget).mean(axis=0), rtol=1e-5)
    rows = rows_of(cli("summary", "--gates", "--text", TEXT))
    assert float(rows[0]["half_life"]) == pytest.approx(lives[1], rel=1e-3)
    assert [row["half_life"] for row in rows[1:]] == ["", "", ""]


def test_matrices_without_data(cli, home):
    result = cli("summary", "--gates")  # the toy says imdb, and has not its checksum
    assert result.code == 0 and len(result.lines) == 5
    assert "no half-life of the cell state: imdb has changed" in result.err and "--text TEXT" in result.err


def test_word_is_known_or_not(cli, home):
    known = cli("summary", "--word", "Bad")
    assert (known.code, rows_of(known)) == (0, [{"word": "bad", "known": "yes", "rank": "2", "count": "20"}])
    unknown = cli("summary", "--word", "god")
    assert (unknown.code, rows_of(unknown)) == (1, [{"word": "god", "known": "no", "rank": "", "count": ""}])
    screen = cli("summary", "--word", "godd", "--format", "table")
    assert "it knows good" in screen.out
    assert cli("summary", "--word", "good film").code == cli("summary", "--word", "…").code == 2


def test_neighbours(cli, home):
    rows = rows_of(cli("summary", "--near", "good"))
    assert rows == [
        {"word": "film", "cosine": "0.000000", "count": "10"},
        {"word": "bad", "cosine": "-1.000000", "count": "20"},
    ]
    unknown = cli("summary", "--near", "godd")
    assert (unknown.code, unknown.out) == (66, "") and "it knows good" in unknown.err
    assert json.loads(cli("summary", "--near", "bad", "--json").out)["neighbours"][0]["word"] == "film"


def test_summary_usage_errors(cli, home):
    assert cli("summary", "--gates", "--word", "good").code == 2
    assert cli("summary", "--text", "good").code == 2


@pytest.mark.parametrize("columns", [60, 80])
@pytest.mark.parametrize("arguments", [["--gates", "--text", "good"], ["--near", "good"], ["--word", "good"]], ids=str)
def test_summary_views_fit(cli, home, monkeypatch, columns, arguments):
    monkeypatch.setenv("COLUMNS", str(columns))
    result = cli("summary", *arguments, terminal=True)
    assert result.code == 0
    assert max(map(cell_len, result.lines)) <= columns
