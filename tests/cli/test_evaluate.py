"""evaluate: on the texts that were kept aside, or on others; never a number from the wrong rows."""

import json

import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, log_loss
from toy import register_toy

from lstmctl.config import DataConfig
from lstmctl.data.datasets import load

ROWS = [("good film", "pos"), ("bad film", "neg"), ("good", "pos"), ("bad", "neg"), ("good good bad", "neg")] * 4


@pytest.fixture
def labelled(tmp_path):
    path = tmp_path / "labelled.csv"
    rows = [f"{text} {number},{label}" for number, (text, label) in enumerate(ROWS)]
    path.write_text("text,label\n" + "\n".join(rows) + "\n")
    return path


def test_numbers_are_those_of_scikit_learn(cli, tmp_path, labelled):
    register_toy(tmp_path / "home")
    result = cli("evaluate", "--data", labelled, "--json")
    assert result.code == 0, result.err
    measured = json.loads(result.out)
    predictions = [json.loads(line) for line in cli("predict", "--json", "-i", labelled).lines]
    truth, answers = [label for _, label in ROWS], [each["label"] for each in predictions]
    matrix = confusion_matrix(truth, answers, labels=["neg", "pos"])
    assert measured["schema"] == "lstmctl.evaluation/1"
    assert measured["n"] == len(ROWS)
    assert measured["metrics"]["accuracy"]["value"] == pytest.approx(accuracy_score(truth, answers))
    assert measured["metrics"]["f1_macro"]["value"] == pytest.approx(f1_score(truth, answers, average="macro"))
    probabilities = [[each["probabilities"]["neg"], each["probabilities"]["pos"]] for each in predictions]
    assert measured["metrics"]["log_loss"]["value"] == pytest.approx(log_loss(truth, probabilities))
    assert [list(row.values()) for row in measured["confusion"].values()] == matrix.tolist()
    assert measured["metrics"]["accuracy"]["low"] < 0.8 < measured["metrics"]["accuracy"]["high"]


def test_tsv_has_a_header_and_a_metric_a_line(cli, tmp_path, labelled):
    register_toy(tmp_path / "home")
    header, *rows = [line.split("\t") for line in cli("evaluate", "--data", labelled).lines]
    assert header == ["metric", "value", "low", "high", "n", "slice", "model"]
    table = {row[0]: row for row in rows}
    assert table["accuracy"][1] == "0.800000" and table["accuracy"][4] == "20"
    assert {"recall.neg", "precision.pos", "f1.pos", "auc", "log_loss"} <= set(table)


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_the_screen_fits(cli, tmp_path, labelled, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    register_toy(tmp_path / "home")
    result = cli("evaluate", "tiny@1", "--data", labelled, terminal=True)
    assert max(map(len, result.lines)) <= columns
    assert "0.800" in result.out and "→ pos" in result.out


def own_data(labelled):
    """The card of a model that was trained on this file."""
    config = DataConfig(source=str(labelled))
    return {"data": config, "data_sha256": load(config, home=labelled.parent).sha256}


def test_its_own_test_part_is_the_default(cli, tmp_path, labelled):
    register_toy(tmp_path / "home", **own_data(labelled))
    result = cli("evaluate", "--json")
    assert result.code == 0, result.err
    data = load(DataConfig(source=str(labelled)), home=tmp_path)
    assert json.loads(result.out)["n"] == len(data.test)
    assert json.loads(cli("evaluate", "--part", "val", "--json").out)["n"] == len(data.validation)


def test_its_own_data_by_name_is_still_only_the_part_it_has_not_seen(cli, tmp_path, labelled):
    register_toy(tmp_path / "home", **own_data(labelled))
    assert cli("evaluate", "--data", labelled, "--json").out == cli("evaluate", "--json").out


def test_a_threshold_is_not_judged_where_it_was_chosen_however_that_part_is_named(cli, tmp_path, labelled):
    register_toy(tmp_path / "home", **own_data(labelled))
    result = cli("evaluate", "--data", labelled, "--part", "val", "--threshold", "auto:f1")
    assert result.code == 2
    assert "must not be judged on it" in result.err


def test_texts_it_was_trained_on_are_counted_in_a_warning(cli, tmp_path, labelled):
    register_toy(tmp_path / "home", **own_data(labelled))
    copy = tmp_path / "copy.csv"
    copy.write_text(labelled.read_text().upper().replace("TEXT,LABEL", "text,label") + "new,pos\n")
    renames = ["--rename-label", "POS=pos", "--rename-label", "NEG=neg"]
    result = cli("evaluate", "--data", copy, *renames, "--json")
    trained_on = len(load(DataConfig(source=str(labelled)), home=tmp_path).train)
    assert json.loads(result.out)["n"] == len(ROWS) + 1
    assert f"was trained on {trained_on} of these {len(ROWS) + 1} texts" in result.err
    assert "warning" not in cli("evaluate", "--json").err


def test_changed_data_is_65_and_missing_data_66(cli, tmp_path, labelled):
    register_toy(tmp_path / "home", **own_data(labelled))
    with labelled.open("a") as file:
        file.write("one more,pos\n")
    changed = cli("evaluate")
    assert changed.code == 65
    assert "has changed" in changed.err and "--data" in changed.err
    labelled.unlink()
    missing = cli("evaluate")
    assert missing.code == 66
    assert "--data" in missing.err


def test_a_label_that_the_model_does_not_know_is_65_with_the_option_filled_in(cli, tmp_path):
    register_toy(tmp_path / "home")
    (tmp_path / "stars.csv").write_text("text,label\ngood,5\nbad,neg\n")
    result = cli("evaluate", "--data", tmp_path / "stars.csv")
    assert result.code == 65
    assert "--rename-label '5=…'" in result.err
    renamed = cli("evaluate", "--data", tmp_path / "stars.csv", "--rename-label", "5=pos", "--json")
    assert renamed.code == 0, renamed.err
    assert json.loads(renamed.out)["metrics"]["accuracy"]["value"] == 1.0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--data", "missing.csv"], 66, "missing.csv"),
        (["--data", "imbd"], 66, "did you mean imdb"),
        (["--threshold", "2"], 2, "--threshold"),
        (["--threshold", "auto:f1", "--part", "val"], 2, "must not be judged on it"),
        (["--worst", "-1"], 2, "--worst must be 0 or more"),
        (["--fail-under", "accuracy"], 2, "METRIC=X"),
        (["--fail-under", "accuracy=1.5"], 2, "between 0 and 1"),
        (["--fail-under", "accuracy=0.5,high"], 2, "METRIC=X"),
        (["--fail-under", "log_loss=0.3"], 2, "log_loss is better the lower it is"),
        (["--part", "train"], 2, "train"),
    ],
)
def test_mistakes(cli, tmp_path, arguments, code, message):
    register_toy(tmp_path / "home")
    result = cli("evaluate", *arguments)
    assert result.code == code
    assert message in result.err
    assert result.out == ""


# --- limits, slices, mistakes, comparisons ---------------------------------------------------------------------------


@pytest.fixture
def table(tmp_path):
    """60 texts, right but for every fifth; the shop is a column."""
    path = tmp_path / "table.csv"
    rows = [f"{text} {'film ' * (n % 4)}w{n},{label},{'ab'[n % 2]}" for n, (text, label) in enumerate(ROWS * 3)]
    path.write_text("text,label,shop\n" + "\n".join(rows) + "\n")
    return path


def test_fail_under_ends_with_1_and_the_reason(cli, tmp_path, table):
    register_toy(tmp_path / "home")
    passed = cli("evaluate", "--data", table, "--fail-under", "accuracy=0.8", "--fail-under", "auc=0.5")
    assert (passed.code, passed.err) == (0, "")
    missed = cli("evaluate", "--data", table, "--fail-under", "accuracy=0.8,low", "--fail-under", "recall.neg=0.9")
    assert missed.code == 1 and missed.out == passed.out
    assert "tiny@1: accuracy is 0.8000; the lower end of its interval must be 0.8 or more, and is 0.68" in missed.err
    assert "tiny@1: recall.neg is 0.6667; it must be 0.9 or more" in missed.err
    unknown = cli("evaluate", "--data", table, "--fail-under", "beauty=0.5")
    assert unknown.code == 2 and "there are accuracy" in unknown.err


@pytest.mark.parametrize("by", ["length", "unknown", "shop"])
def test_slices_divide_the_texts(cli, tmp_path, table, by):
    register_toy(tmp_path / "home")
    whole = json.loads(cli("evaluate", "--data", table, "--by", by, "--json").out)
    parts = whole["slices"]
    assert len(parts) >= 2 and sum(part["n"] for part in parts.values()) == whole["n"] == 60
    right = sum(part["metrics"]["accuracy"]["value"] * part["n"] for part in parts.values())
    assert right == pytest.approx(48)
    rows = [line.split("\t") for line in cli("evaluate", "--data", table, "--by", by).lines]
    assert {row[5] for row in rows[1:]} == {"all", *parts}
    if by == "shop":
        assert list(parts) == ["shop=a", "shop=b"] and parts["shop=a"]["n"] == 30


def test_a_slice_by_no_column(cli, tmp_path, table):
    register_toy(tmp_path / "home")
    result = cli("evaluate", "--data", table, "--by", "price")
    assert result.code == 2 and "there are text, label, shop" in result.err


def test_the_most_confident_mistakes(cli, tmp_path, table):
    register_toy(tmp_path / "home")
    whole = json.loads(cli("evaluate", "--data", table, "--worst", 100, "--json").out)
    assert len(whole["worst"]) == 12
    probabilities = [mistake["probability"] for mistake in whole["worst"]]
    assert probabilities == sorted(probabilities, reverse=True) and min(probabilities) >= 0.5
    assert all(mistake["answer"] == "pos" and mistake["label"] == "neg" for mistake in whole["worst"])
    rows = [line.split("\t") for line in cli("evaluate", "--data", table, "--worst", 3).lines]
    assert rows[0] == ["model", "row", "label", "answer", "probability", "text"] and len(rows) == 4
    screen = cli("evaluate", "--data", table, "--worst", 1, terminal=True)
    assert f"row {whole['worst'][0]['row']}: pos" in screen.out


def test_a_threshold_is_chosen_on_validation_and_said(cli, tmp_path, labelled):
    register_toy(tmp_path / "home", **own_data(labelled))
    answer = json.loads(cli("evaluate", "--threshold", "auto:f1", "--json").out)
    assert 0 < answer["threshold"] < 1
    fixed = json.loads(cli("evaluate", "--threshold", answer["threshold"], "--json").out)
    assert fixed["confusion"] == answer["confusion"]


def test_models_are_compared_on_the_same_texts(cli, tmp_path, table):
    for _ in range(2):
        register_toy(tmp_path / "home")
    first, second, comparison = map(json.loads, cli("evaluate", "tiny@1", "tiny@2", "--data", table, "--json").lines)
    assert (first["model"], second["model"]) == ("tiny@1", "tiny@2")
    assert (comparison["difference"], comparison["p"]) == (0, 1)
    assert comparison["in_words"] == "not distinguishable at n = 60"
    screen = cli("evaluate", "tiny@1", "tiny@2", "--data", table, terminal=True)
    assert "tiny@2 against tiny@1" in screen.out and "not distinguishable at n = 60" in screen.out
    rows = [line.split("\t") for line in cli("evaluate", "tiny@1", "tiny@2", "--data", table).lines]
    assert [row[0] for row in rows[-2:]] == ["accuracy.difference", "mcnemar.p"]


def test_models_of_different_data_need_texts_that_neither_has_seen(cli, tmp_path, labelled):
    register_toy(tmp_path / "home", **own_data(labelled))
    register_toy(tmp_path / "home")
    result = cli("evaluate", "tiny@1", "tiny@2")
    assert result.code == 65 and "kept away from different texts" in result.err


# --- plot --kind roc, calibration, confusion -------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [40, 80, 200])
@pytest.mark.parametrize("kind", ["roc", "calibration", "confusion"])
def test_diagrams_are_drawn(cli, tmp_path, table, monkeypatch, kind, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    for _ in range(2):
        register_toy(tmp_path / "home")
    result = cli("plot", "tiny@1", "--kind", kind, "--data", table, terminal=True)
    assert result.code == 0, result.err
    assert max(map(len, result.lines)) <= max(columns, 48) and "tiny@1" in result.out
    for suffix, beginning in ((".png", b"\x89PNG"), (".svg", b"<?xml")):
        path = tmp_path / f"{kind}{suffix}"
        assert cli("plot", "--kind", kind, "--data", table, "-o", path).code == 0
        assert path.read_bytes().startswith(beginning)
    two = cli("plot", "tiny@1", "tiny@2", "--kind", kind, "--data", table)
    assert (two.code == 2) == (kind == "confusion")


def test_the_numbers_of_diagrams(cli, tmp_path, table):
    register_toy(tmp_path / "home")
    measured = json.loads(cli("evaluate", "--data", table, "--json").out)
    confusion = json.loads(cli("plot", "--kind", "confusion", "--data", table, "--json").out)
    assert confusion["confusion"] == measured["confusion"]
    rows = [line.split("\t") for line in cli("plot", "--kind", "confusion", "--data", table, "--format", "tsv").lines]
    assert {(row[1], row[2]): int(row[3]) for row in rows[1:]} == {
        (label, answer): n for label, row in measured["confusion"].items() for answer, n in row.items()
    }
    points = json.loads(cli("plot", "--kind", "roc", "--data", table, "--json").out)["points"]
    area = sum((b["x"] - a["x"]) * (a["y"] + b["y"]) / 2 for a, b in zip(points, points[1:], strict=False))
    assert area == pytest.approx(measured["metrics"]["auc"]["value"])
    bins = json.loads(cli("plot", "--kind", "calibration", "--data", table, "--json").out)["points"]
    assert sum(each["n"] for each in bins) == 60 and all(each["low"] <= each["y"] <= each["high"] for each in bins)
    rows = [line.split("\t") for line in cli("plot", "--kind", "calibration", "--data", table, "--format", "tsv").lines]
    assert rows[0] == ["model", "x", "y", "low", "high", "n"] and len(rows) == len(bins) + 1


def test_a_roc_needs_both_labels_and_data_a_diagram(cli, tmp_path):
    register_toy(tmp_path / "home")
    (tmp_path / "one.csv").write_text("text,label\ngood,pos\nbad,pos\n")
    result = cli("plot", "--kind", "roc", "--data", tmp_path / "one.csv")
    assert result.code == 65 and "texts of both labels" in result.err
    assert cli("plot", "--data", tmp_path / "one.csv").code == 2
