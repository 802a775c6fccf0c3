"""plot --kind words and gates: numbers, several texts, all quantities, scales, and what pictures look like."""

import json

import numpy as np
import pytest
from rich.cells import cell_len
from toy import CONFIG, WORDS, register_toy, toy_weights

from lstmctl.model.classifier import Classifier
from lstmctl.model.explanation import explain
from lstmctl.plots.words import QUANTITIES

TEXT, OTHER = "Good film, qwrtz bad", "bad film"


@pytest.fixture
def home(tmp_path):
    register_toy(tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture
def expected():
    classifier = Classifier(CONFIG, WORDS, toy_weights())
    return [explain(classifier, text) for text in (TEXT, OTHER)]


def rows_of(result):
    header, *rows = (line.split("\t") for line in result.lines)
    return [dict(zip(header, row, strict=True)) for row in rows]


def test_words_in_numbers(cli, home, expected):
    arguments = ["plot", "--kind", "words", "--text", TEXT, "--text", OTHER]
    answers = list(map(json.loads, cli(*arguments, "--json").lines))
    rows = rows_of(cli(*arguments, "--format", "tsv"))
    assert [row["row"] for row in rows] == ["1"] * 4 + ["2"] * 2
    for answer, explanation in zip(answers, expected, strict=True):
        assert (answer["words"], answer["start"]) == (explanation.words, explanation.start)
        assert answer["explains"] == "pos" and answer["known"] == explanation.known
        for key in ("probability", "effect", "effect_log_odds"):
            assert answer[key] == getattr(explanation, key).tolist()
            row = str(answers.index(answer) + 1)
            values = [float(each[key]) for each in rows if each["row"] == row]
            np.testing.assert_allclose(values, answer[key], atol=1e-6)
    other = json.loads(cli(*arguments[:5], "--label", "neg", "--json").out)
    np.testing.assert_allclose(other["probability"], 1 - expected[0].probability)


@pytest.mark.parametrize("columns", [40, 60, 80, 140])
def test_words_on_a_screen(cli, home, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "dumb")
    long = "电影很好看 supercalifragilisticexpialidocious good"
    result = cli("plot", "--kind", "words", "--text", TEXT, "--text", long, terminal=True)
    assert result.code == 0 and max(map(cell_len, result.lines)) <= columns
    first = [line.split()[0] for line in result.lines if line]
    assert first.count("(start)") == first.count("text") == 2
    assert {"good", "film", "qwrtz", "bad"} <= set(first)
    assert any(line.startswith("effect: P(pos) minus") for line in result.lines)
    (good,) = [line for line in result.lines[:8] if line.startswith("good")]
    assert "◀" in good


@pytest.mark.parametrize("columns", [40, 80, 140, 250])
def test_all_quantities_are_panels(cli, home, monkeypatch, columns, expected):
    monkeypatch.setenv("COLUMNS", str(columns))
    arguments = ["plot", "--kind", "gates", "--show", "all", "--text", TEXT]
    screen = cli(*arguments)
    assert screen.code == 0
    for quantity in QUANTITIES.values():
        assert screen.out.count(quantity.title) >= 2  # above its map, and beside its scale
    maps = screen.lines[: next(n for n, line in enumerate(screen.lines) if line.endswith(QUANTITIES["forget"].meaning))]
    assert max(map(cell_len, maps)) <= columns
    answers = list(map(json.loads, cli(*arguments, "--json").lines))
    assert [answer["show"] for answer in answers] == list(QUANTITIES)
    trace = expected[0].traces["lstm.0.forward"]
    rows = rows_of(cli(*arguments, "--format", "tsv"))
    for answer in answers:
        np.testing.assert_allclose(answer["values"], getattr(trace, answer["show"]), rtol=1e-6)
        values = [[float(row[f"unit{n}"]) for n in range(3)] for row in rows if row["show"] == answer["show"]]
        np.testing.assert_allclose(values, answer["values"], atol=1e-6)


def test_gates_of_two_texts(cli, home):
    arguments = ["plot", "--kind", "gates", "--text", TEXT, "--text", OTHER]
    screen = cli(*arguments)
    assert [line for line in screen.lines if line.startswith("text")] == [f"text  {TEXT}", f"text  {OTHER}"]
    assert [json.loads(line)["text"] for line in cli(*arguments, "--json").lines] == [TEXT, OTHER]
    assert [row["row"] for row in rows_of(cli(*arguments, "--format", "tsv"))] == ["1"] * 4 + ["2"] * 2
    many = cli("plot", "--kind", "gates", *["--text", "good"] * 13)
    assert many.code == 2 and "13 texts do not fit" in many.err


def test_scales(cli, home, expected):
    """Gates on 0…1, candidate and states around 0, or from the smallest to the largest number."""

    def ends(show, *options):
        lines = cli("plot", "--kind", "gates", "--text", TEXT, "--show", show, *options).lines
        (line,) = [line for line in lines if line.endswith(QUANTITIES[show].meaning)]
        numbers = [float(word) for word in line.split() if word.lstrip("-").replace(".", "").isdigit()]
        return numbers[0], numbers[1]

    trace = expected[0].traces["lstm.0.forward"]
    for show in ("forget", "input", "output"):
        assert ends(show) == ends(show, "--scale", "fixed") == (0, 1)
        values = getattr(trace, show)
        assert ends(show, "--scale", "text") == pytest.approx((values.min(), values.max()), abs=0.006)
    for show in ("candidate", "hidden"):
        assert ends(show) == (-1, 1)
        largest = abs(getattr(trace, show)).max()
        assert ends(show, "--scale", "text") == pytest.approx((-largest, largest), abs=0.006)
    longer = [*["--text", "good good good good good"], "--json"]
    cell = json.loads(cli("plot", "--kind", "gates", *longer).out)["values"]
    lines = cli("plot", "--kind", "gates", *longer[:2]).lines
    assert np.max(cell) > 1 and f" {np.max(cell):.2f}  the memory" in lines[-1]  # never cut


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--kind", "words"], 2, "--kind words needs --text"),
        (["tiny", "tiny", "--kind", "words", "--text", "good"], 2, "--kind words takes one model"),
        (["--kind", "words", "--text", "…"], 65, "no words"),
        (["--kind", "words", "--text", "good", "--text", " "], 65, "no words"),
        (["--kind", "words", "--text", "good", "--show", "cell"], 2, "--show belongs to --kind gates"),
        (["--kind", "words", "--text", "good", "--scale", "text"], 2, "--scale belongs to --kind gates"),
        (["--kind", "words", "--text", "good", "--label", "x"], 2, '"x" is not a label'),
        (["--kind", "gates", "--text", "good", "--label", "pos"], 2, "--label belongs to --kind words"),
        (["--kind", "gates", "--text", "good", "--scale", "log"], 2, "--scale"),
        (["--kind", "words", "--text", "good", "--data", "x.csv"], 2, "--data belongs to"),
        (["--kind", "roc", "--text", "good"], 2, "--text belongs to --kind gates and words"),
        (["--size", "5x4"], 2, "--size is for pictures"),
        (["--dpi", "300"], 2, "--dpi is for pictures"),
        (["--title", "A title"], 2, "--title is for pictures"),
        (["--title", "A title", "-o", "x.tsv"], 2, "--title is for pictures"),
        (["--dpi", "5", "-o", "x.png"], 2, "--dpi must be"),
        (["--size", "1000x1", "-o", "x.png"], 2, "--size must be"),
        (["--json", "-o", "x.svg"], 2, "--format json contradicts -o x.svg"),
        (["-o", "x.eps"], 2, "cannot write .eps files"),
    ],
)
def test_usage_errors(cli, home, tmp_path, monkeypatch, arguments, code, message):
    monkeypatch.chdir(tmp_path)
    result = cli("plot", *arguments)
    assert (result.code, result.out) == (code, "")
    assert message in result.err and "hint: " in result.err
    assert not list(tmp_path.glob("x.*"))


def test_pictures(cli, home, tmp_path):
    options = ["--size", "12x14", "--dpi", "72", "--title", "Gates of two texts"]
    for kind, show in (("words", []), ("gates", []), ("gates", ["--show", "all"])):
        for suffix, beginning in ((".png", b"\x89PNG"), (".pdf", b"%PDF")):
            path = tmp_path / f"x{suffix}"
            done = cli(
                "plot", "--kind", kind, *show, "--text", "good film", "--text", OTHER, *options, "-o", path, "--force"
            )
            assert done.code == 0, done.err
            assert path.read_bytes().startswith(beginning)
