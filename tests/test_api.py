"""The program from Python: the same answers as on the command line, and nothing loaded before it is needed."""

import copy
import json
import pickle
import subprocess
import sys

import numpy as np
import pytest
from toy import register_toy

import lstmctl
from lstmctl.errors import BadData, LstmctlError, NotFound, UsageError
from lstmctl.model.classifier import Prediction


@pytest.fixture
def home(tmp_path):
    register_toy(tmp_path, name="toy")
    return tmp_path


def test_a_model_answers_as_the_command_line_does(home, cli):
    texts = ["good film", "bad", "", "good bad good"]
    model = lstmctl.load("toy@1", home=home)
    predictions = model.predict(texts)
    told = [json.loads(line) for line in cli("--home", home, "predict", "--json", *texts).lines]
    assert [prediction.label for prediction in predictions] == [row["label"] for row in told]
    assert [dict(zip(model.config.labels, prediction.probabilities, strict=True)) for prediction in predictions] == [
        row["probabilities"] for row in told
    ]
    explanation = lstmctl.explain(model, "good bad film")
    assert explanation.words == ["good", "bad", "film"]
    assert explanation.probability[-1] == model.predict(["good bad film"])[0].probabilities[1]


def test_models_and_which_one_is_the_default(home, monkeypatch):
    register_toy(home, name="toy")
    assert set(lstmctl.models(home=home)) == {"toy@1", "toy@2"}
    monkeypatch.setenv("LSTMCTL_HOME", str(home))
    monkeypatch.setenv("LSTMCTL_MODEL", "toy@1")
    assert lstmctl.load().predict(["good"])[0].label == "pos"
    with pytest.raises(NotFound):
        lstmctl.load("other")


def test_evaluate(home):
    model = lstmctl.load("toy", home=home)
    evaluation = lstmctl.evaluate(model, ["good", "bad", "good film", "bad film"], ["pos", "neg", "pos", "pos"])
    assert evaluation.metrics["accuracy"].value == 0.75
    with pytest.raises(BadData, match='row 1: the model does not know the label "positive"; it knows neg, pos'):
        lstmctl.evaluate(model, ["good"], ["positive"])
    with pytest.raises(UsageError, match="there are 1 texts, but 2 labels"):
        lstmctl.evaluate(model, ["good"], ["pos", "neg"])
    with pytest.raises(UsageError, match="0 texts"):
        lstmctl.evaluate(model, [], [])


def test_one_string_is_one_text(home):
    model = lstmctl.load("toy", home=home)
    one = model.predict("good film")
    assert isinstance(one, Prediction)
    assert one == model.predict(["good film"])[0]
    assert model.predict([]) == []
    assert model.labels == ("neg", "pos")
    assert repr(one) == "Prediction(label='pos', probability=0.7944)"


def test_probabilities_have_labels(home):
    one = lstmctl.load("toy", home=home).predict("good film")
    values = one.probabilities
    assert values["pos"] == values[1] == values[-1] == one.probability
    assert dict(values) == dict(values.items()) == {"neg": values[0], "pos": values[1]}
    assert list(values) == [values[0], values[1]] and values == tuple(values)
    assert repr(values) == "{'neg': 0.2056, 'pos': 0.7944}"
    with pytest.raises(KeyError, match="neg, pos"):
        values["positive"]
    for copied in (pickle.loads(pickle.dumps(one)), copy.deepcopy(one)):
        assert copied == one and copied.probabilities["pos"] == one.probability


def test_columns_and_arrays(home):
    pandas = pytest.importorskip("pandas")
    model = lstmctl.load("toy", home=home)
    texts = ["good", "bad film", "字"]
    frame = pandas.DataFrame({"text": texts, "label": ["pos", "neg", "pos"]}, index=[7, 8, 9])
    expected = model.predict(texts)
    for column in (frame["text"], frame.text.astype("category"), np.array(texts), np.array(texts, object), iter(texts)):
        assert model.predict(column) == expected
    assert lstmctl.evaluate(model, frame["text"], frame["label"]).metrics["accuracy"].value == 1
    with pytest.raises(UsageError, match="data frame with the columns text, label: pass one column") as raised:
        model.predict(frame)
    assert raised.value.hint == 'frame["text"]'
    with pytest.raises(UsageError, match="not DataFrame"):
        lstmctl.train(frame, home=home)
    frame.loc[8, "label"] = None
    with pytest.raises(BadData, match=r"labels\[1\] is (nan|None), not a string"):
        lstmctl.evaluate(model, frame["text"], frame["label"])
    with pytest.raises(BadData, match=r"texts\[2\] is <NA>"):
        model.predict(pandas.Series(["a", "b", pandas.NA], dtype="string"))


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["good", None], "texts[1] is None, not a string"),
        (["good", "bad", float("nan")], "texts[2] is nan, not a string"),
        ([5.0], "texts[0] is 5.0, not a string"),
        ([b"good"], "texts[0] is b'good', not a string"),
        (np.array([["good"]]), "texts[0] is array("),
        (b"good", "must be strings in a list"),
        ({"good": 1}, "must be strings in a list"),
        ({"good"}, "must be strings in a list"),
        (None, "must be strings in a list"),
        (np.array("good"), "must be strings in a list"),
    ],
)
def test_what_is_no_text_is_named(home, texts, message):
    with pytest.raises(LstmctlError) as raised:
        lstmctl.load("toy", home=home).predict(texts)
    assert message in raised.value.message
    with pytest.raises(UsageError, match="one string"):
        lstmctl.explain(lstmctl.load("toy", home=home), texts)


@pytest.mark.training
def test_train_makes_the_model_that_the_command_makes(cli, tmp_path):
    rows = "".join(f"good film {n},yes\nbad film {n},no\n" for n in range(40))
    (tmp_path / "few.csv").write_text("text,answer\n" + rows)
    code = (
        "import sys, lstmctl; print(lstmctl.train(sys.argv[1], label_column='answer', epochs=2, units=4, "
        "embedding_dim=4, home=sys.argv[2]))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "few.csv", tmp_path / "home"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert (told.stdout, told.stderr) == ("few@1\n", "")
    command = ["--data", tmp_path / "few.csv", "--label-column", "answer", "-e", 2, "--units", 4, "--embedding-dim", 4]
    assert cli("train", "-q", *command).code == 0
    ours, theirs = lstmctl.load("few@1", home=tmp_path / "home"), lstmctl.load("few@1")
    np.testing.assert_array_equal(ours.embedding, theirs.embedding)


@pytest.mark.parametrize(
    ("settings", "message", "hint"),
    [
        ({"epoch": 3}, 'there is no setting "epoch"', "did you mean epochs?"),
        ({"epochs": 0}, "--epochs must be 1 or more", None),
        ({"recipe": "clasic"}, "there is no recipe", "recipes: accurate"),
    ],
)
def test_settings_that_cannot_be(home, tmp_path, settings, message, hint):
    (tmp_path / "few.csv").write_text("text,label\ngood,yes\nbad,no\n")
    with pytest.raises(UsageError, match=message) as raised:
        lstmctl.train(tmp_path / "few.csv", home=home, **settings)
    assert hint is None or hint in (raised.value.hint or "")


def test_importing_loads_nothing_and_answering_no_tensorflow(home):
    code = (
        "import sys, lstmctl; assert 'numpy' not in sys.modules; "
        "lstmctl.load(home=sys.argv[1]).predict(['good']); assert 'tensorflow' not in sys.modules; "
        "assert 'typer' not in sys.modules; assert set(lstmctl.__all__) <= set(dir(lstmctl))"
    )
    subprocess.run([sys.executable, "-c", code, home], check=True)
    with pytest.raises(AttributeError):
        lstmctl.lode  # noqa: B018
