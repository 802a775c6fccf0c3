"""predict --explain --hold: the numbers with gates held, and that every view says so."""

import json

import pytest
from toy import register_toy

from lstmctl.model.explanation import explain
from lstmctl.model.what_if import Hold, hold
from lstmctl.registry.store import Registry

TEXT = "good film bad"


@pytest.fixture
def classifier(home, no_fsync):
    register_toy(home)
    return Registry(home).resolve("tiny@1").classifier()


def test_json(cli, classifier):
    (line,) = cli("predict", "--explain", "--json", "--hold", "decision=1", "--hold", "forget.2=0", TEXT).lines
    told = json.loads(line)
    holds = [Hold("input", 1.0), Hold("forget", 0.0, unit=2)]
    expected = explain(hold(classifier, holds), TEXT)
    assert told["held"] == [
        {"gate": "input", "value": 1.0, "unit": None, "lstm": None},
        {"gate": "forget", "value": 0.0, "unit": 2, "lstm": None},
    ]
    assert told["probability"] == expected.prediction.probability
    assert [word["effect"] for word in told["words"]] == expected.effect.tolist()
    assert [word["input"] for word in told["words"]] == [1, 1, 1]
    assert json.loads(cli("predict", "--explain", "--json", TEXT).out)["held"] == []


def test_tsv(cli, classifier):
    header, *rows = (line.split("\t") for line in cli("predict", "--explain", "--hold", "forget=0", TEXT).lines)
    assert header[-1] == "held" and {row[-1] for row in rows} == {"forget=0"}
    assert "held" not in cli("predict", "--explain", TEXT).out


def test_screen(cli, classifier):
    result = cli("predict", "--explain", "--hold", "forget=0", "--hold", "new-value.1=0.5", TEXT, terminal=True)
    free = classifier.predict(TEXT).probabilities["pos"]
    assert result.lines[1:4] == [
        "forget gate held at 0",
        "candidate of unit 1 held at 0.5",
        f"P(pos) with no gate held {free:.2f}",
    ]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("forget=2", "from 0 to 1"),
        ("forgot=1", "forget, input, candidate, output"),
        ("forget.3=1", "units 0 to 2"),
        ("lstm.0.backward.forget=1", "lstm.0.forward"),
        ("forget", "GATE=VALUE"),
    ],
)
def test_bad_values(cli, classifier, value, reason):
    result = cli("predict", "--explain", "--hold", value, TEXT)
    assert (result.code, result.out) == (2, "")
    assert reason in result.err.splitlines()[0] and value in result.err


def test_needs_explain(cli, classifier):
    result = cli("predict", "--hold", "forget=1", TEXT)
    assert result.code == 2 and "--explain" in result.err
