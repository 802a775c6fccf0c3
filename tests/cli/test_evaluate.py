"""evaluate: on the test part of a model's own data, or on other data; never a number from the wrong rows."""

import gzip
import json
import sys
from dataclasses import replace

import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, log_loss
from toy import CONFIG, register_toy

from lstmctl.config import DataConfig
from lstmctl.data.datasets import load
from lstmctl.data.digests import RowDigests

ROWS = [("good film", "pos"), ("bad film", "neg"), ("good", "pos"), ("bad", "neg"), ("good good bad", "neg")] * 4


@pytest.fixture
def labelled(tmp_path):
    path = tmp_path / "labelled.csv"
    rows = [f"{text} {number},{label}" for number, (text, label) in enumerate(ROWS)]
    path.write_text("text,label\n" + "\n".join(rows) + "\n")
    return path


def test_numbers_agree_with_sklearn(cli, tmp_path, labelled):
    register_toy(tmp_path / "home")
    result = cli("evaluate", "--data", labelled, "--json")
    assert result.code == 0, result.err
    measured = json.loads(result.out)
    predictions = [json.loads(line) for line in cli("predict", "--json", "-i", labelled).lines]
    truth, predicted = [label for _, label in ROWS], [prediction["label"] for prediction in predictions]
    matrix = confusion_matrix(truth, predicted, labels=["neg", "pos"])
    assert measured["schema"] == "lstmctl.evaluation/1"
    assert measured["n"] == len(ROWS)
    assert measured["metrics"]["accuracy"]["value"] == pytest.approx(accuracy_score(truth, predicted))
    assert measured["metrics"]["f1_macro"]["value"] == pytest.approx(f1_score(truth, predicted, average="macro"))
    probabilities = [[row["probabilities"]["neg"], row["probabilities"]["pos"]] for row in predictions]
    assert measured["metrics"]["log_loss"]["value"] == pytest.approx(log_loss(truth, probabilities))
    assert [list(row.values()) for row in measured["confusion"].values()] == matrix.tolist()
    assert measured["metrics"]["accuracy"]["low"] < 0.8 < measured["metrics"]["accuracy"]["high"]


def test_tsv(cli, tmp_path, labelled):
    register_toy(tmp_path / "home")
    header, *rows = [line.split("\t") for line in cli("evaluate", "--data", labelled).lines]
    assert header == ["metric", "value", "low", "high", "n", "slice", "model"]
    table = {row[0]: row for row in rows}
    assert table["accuracy"][1] == "0.800000" and table["accuracy"][4] == "20"
    assert {"recall.neg", "precision.pos", "f1.pos", "auc", "log_loss"} <= set(table)


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_screen_fits(cli, tmp_path, labelled, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    register_toy(tmp_path / "home")
    result = cli("evaluate", "tiny@1", "--data", labelled, terminal=True)
    assert max(map(len, result.lines)) <= columns
    assert "0.800" in result.out and "→ pos" in result.out


def own_data(labelled):
    """The card of a model that was trained on this file."""
    config = DataConfig(source=str(labelled))
    return {"data": config, "data_sha256": load(config, home=labelled.parent).sha256}


def test_own_test_part_is_default(cli, tmp_path, labelled):
    register_toy(tmp_path / "home", **own_data(labelled))
    result = cli("evaluate", "--json")
    assert result.code == 0, result.err
    data = load(DataConfig(source=str(labelled)), home=tmp_path)
    assert json.loads(result.out)["n"] == len(data.test)
    assert json.loads(cli("evaluate", "--part", "val", "--json").out)["n"] == len(data.validation)


def test_own_data_by_name(cli, tmp_path, labelled):
    register_toy(tmp_path / "home", **own_data(labelled))
    assert cli("evaluate", "--data", labelled, "--json").out == cli("evaluate", "--json").out


def test_threshold_not_measured_on_validation(cli, tmp_path, labelled):
    register_toy(tmp_path / "home", **own_data(labelled))
    result = cli("evaluate", "--data", labelled, "--part", "val", "--threshold", "auto:f1")
    assert result.code == 2
    assert "must not be measured there" in result.err


def test_training_texts_are_counted(cli, tmp_path, labelled):
    register_toy(tmp_path / "home", **own_data(labelled))
    copy = tmp_path / "copy.csv"
    copy.write_text(labelled.read_text().upper().replace("TEXT,LABEL", "text,label") + "new,pos\n")
    renames = ["--rename-label", "POS=pos", "--rename-label", "NEG=neg"]
    result = cli("evaluate", "--data", copy, *renames, "--json")
    trained_on = len(load(DataConfig(source=str(labelled)), home=tmp_path).train)
    assert json.loads(result.out)["n"] == len(ROWS) + 1
    assert f"was trained on {trained_on} of these {len(ROWS) + 1} texts" in result.err
    assert "warning" not in cli("evaluate", "--json").err


def test_changed_or_missing_data(cli, tmp_path, labelled):
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


def test_unknown_label_hints_rename(cli, tmp_path):
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
        (["--threshold", "auto:f1", "--part", "val"], 2, "must not be measured there"),
        (["--worst", "-1"], 2, "--worst must be 0 or more"),
        (["--fail-under", "accuracy"], 2, "METRIC=X"),
        (["--fail-under", "accuracy=1.5"], 2, "between 0 and 1"),
        (["--fail-under", "accuracy=0.5,high"], 2, "METRIC=X"),
        (["--fail-under", "log_loss=0.3"], 2, "log_loss is better the lower it is"),
        (["--part", "train"], 2, "train"),
    ],
)
def test_usage_errors(cli, tmp_path, arguments, code, message):
    register_toy(tmp_path / "home")
    result = cli("evaluate", *arguments)
    assert result.code == code
    assert message in result.err
    assert result.out == ""


# --- limits, slices, mistakes, comparisons ---------------------------------------------------------------------------


@pytest.fixture
def table(tmp_path):
    """60 texts, of which the model gets every fifth wrong; the shop is a column."""
    path = tmp_path / "table.csv"
    rows = [f"{text} {'film ' * (n % 4)}w{n},{label},{'ab'[n % 2]}" for n, (text, label) in enumerate(ROWS * 3)]
    path.write_text("text,label,shop\n" + "\n".join(rows) + "\n")
    return path


def test_fail_under(cli, tmp_path, table):
    register_toy(tmp_path / "home")
    passed = cli("evaluate", "--data", table, "--fail-under", "accuracy=0.8", "--fail-under", "auc=0.5")
    assert (passed.code, passed.err) == (0, "not known: which of these texts tiny@1 was trained on\n")
    missed = cli("evaluate", "--data", table, "--fail-under", "accuracy=0.8,low", "--fail-under", "recall.neg=0.9")
    assert missed.code == 1 and missed.out == passed.out
    assert "tiny@1: accuracy, lower end of the interval, is 0.6822, below 0.8" in missed.err
    assert "tiny@1: recall.neg is 0.6667, below 0.9" in missed.err
    unknown = cli("evaluate", "--data", table, "--fail-under", "beauty=0.5")
    assert unknown.code == 2 and "the metrics are accuracy" in unknown.err


@pytest.mark.parametrize("by", ["length", "unknown", "shop"])
def test_slices(cli, tmp_path, table, by):
    register_toy(tmp_path / "home")
    measured = json.loads(cli("evaluate", "--data", table, "--by", by, "--json").out)
    slices = measured["slices"]
    assert len(slices) >= 2 and sum(part["n"] for part in slices.values()) == measured["n"] == 60
    correct = sum(part["metrics"]["accuracy"]["value"] * part["n"] for part in slices.values())
    assert correct == pytest.approx(48)
    rows = [line.split("\t") for line in cli("evaluate", "--data", table, "--by", by).lines]
    assert {row[5] for row in rows[1:]} == {"all", *slices}
    if by == "shop":
        assert list(slices) == ["shop=a", "shop=b"] and slices["shop=a"]["n"] == 30


def test_slices_by_missing_column(cli, tmp_path, table):
    register_toy(tmp_path / "home")
    result = cli("evaluate", "--data", table, "--by", "price")
    assert result.code == 2 and "the columns are text, label, shop" in result.err


def test_slices_of_validation_file(cli, tmp_path, table):
    """The values of the column are those of the file that the part comes from."""
    validation = tmp_path / "validation.csv"
    validation.write_text(table.read_text().replace(",a\n", ",v\n").replace(",b\n", ",w\n"))
    data = DataConfig(source=str(table), val_source=str(validation), test_source=str(table))
    register_toy(tmp_path / "home", data=data, data_sha256=load(data, home=tmp_path).sha256)
    slices = json.loads(cli("evaluate", "--part", "val", "--by", "shop", "--json").out)["slices"]
    assert {name: part["n"] for name, part in slices.items()} == {"shop=v": 30, "shop=w": 30}


def test_slices_of_several_files(cli, tmp_path):
    """Rows of two files have the same numbers."""
    register_toy(tmp_path / "home")
    folder = tmp_path / "folder"
    folder.mkdir()
    for shop, n in (("a", 3), ("b", 5)):
        rows = [f"good {shop}{row},pos,{shop}\nbad {shop}{row},neg,{shop}\n" for row in range(n)]
        (folder / f"{shop}.csv").write_text("text,label,shop\n" + "".join(rows))
    slices = json.loads(cli("evaluate", "--data", folder, "--by", "shop", "--json").out)["slices"]
    assert {name: part["n"] for name, part in slices.items()} == {"shop=a": 6, "shop=b": 10}


def test_worst_mistakes(cli, tmp_path, table):
    register_toy(tmp_path / "home")
    worst = json.loads(cli("evaluate", "--data", table, "--worst", 100, "--json").out)["worst"]
    assert len(worst) == 12
    probabilities = [mistake["probability"] for mistake in worst]
    assert probabilities == sorted(probabilities, reverse=True) and min(probabilities) >= 0.5
    assert all(mistake["predicted"] == "pos" and mistake["label"] == "neg" for mistake in worst)
    rows = [line.split("\t") for line in cli("evaluate", "--data", table, "--worst", 3).lines]
    assert rows[0] == ["model", "row", "label", "predicted", "probability", "text"] and len(rows) == 4
    screen = cli("evaluate", "--data", table, "--worst", 1, terminal=True)
    assert f"row {worst[0]['row']}: predicted pos" in screen.out


def test_auto_threshold(cli, tmp_path, labelled):
    register_toy(tmp_path / "home", **own_data(labelled))
    answer = json.loads(cli("evaluate", "--threshold", "auto:f1", "--json").out)
    assert 0 < answer["threshold"] < 1
    fixed = json.loads(cli("evaluate", "--threshold", answer["threshold"], "--json").out)
    assert fixed["confusion"] == answer["confusion"]
    screen = cli("evaluate", "--threshold", "0.4", terminal=True).out
    assert "predicts pos at probability ≥ 0.400" in screen


def test_compares_models(cli, tmp_path, table):
    """tiny@2 reads the last two words only. Of the texts labelled neg it gets those right that end in "bad" and a word
    it does not know: 3 of the 12 "bad …" and 3 of the 12 "good good bad …", which tiny@1 gets wrong."""
    register_toy(tmp_path / "home")
    register_toy(tmp_path / "home", config=replace(CONFIG, max_len=2))
    command = ["evaluate", "tiny@1", "tiny@2", "--data", table]
    first, second, comparison = map(json.loads, cli(*command, "--json").lines)
    assert (first["model"], second["model"]) == ("tiny@1", "tiny@2")
    assert (first["metrics"]["accuracy"]["value"], second["metrics"]["accuracy"]["value"]) == (48 / 60, 30 / 60)
    assert (comparison["only_first"], comparison["only_second"], comparison["n"]) == (21, 3, 60)
    assert comparison["difference"] == pytest.approx(-18 / 60)
    assert comparison["low"] < -18 / 60 < comparison["high"] < 0
    assert comparison["p"] == pytest.approx(2 * (1 + 24 + 276 + 2024) / 2**24)
    assert comparison["in_words"] == "the first is better"
    screen = cli(*command, terminal=True).out
    assert "tiny@2 compared with tiny@1" in screen and "tiny@1 is better" in screen
    assert "only tiny@2 correct: 3 · only tiny@1: 21" in screen
    rows = [line.split("\t") for line in cli(*command).lines]
    assert rows[-2][:2] == ["accuracy.difference", "-0.300000"] and rows[-1][:2] == ["mcnemar.p", "0.000277"]
    swapped = json.loads(cli("evaluate", "tiny@2", "tiny@1", "--data", table, "--json").lines[-1])
    assert swapped["in_words"] == "the second is better" and swapped["difference"] == pytest.approx(18 / 60)


def test_identical_models_are_not_distinguishable(cli, tmp_path, table):
    for _ in range(2):
        register_toy(tmp_path / "home")
    comparison = json.loads(cli("evaluate", "tiny@1", "tiny@2", "--data", table, "--json").lines[-1])
    assert (comparison["difference"], comparison["p"]) == (0, 1)
    assert comparison["in_words"] == "not distinguishable at n = 60"


def test_models_of_different_data(cli, tmp_path, labelled):
    register_toy(tmp_path / "home", **own_data(labelled))
    register_toy(tmp_path / "home")
    result = cli("evaluate", "tiny@1", "tiny@2")
    assert result.code == 65 and "have different held-out texts" in result.err


# --- plot --kind roc, calibration, confusion -------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [40, 80, 200])
@pytest.mark.parametrize("kind", ["roc", "pr", "calibration", "confusion"])
def test_diagrams(cli, tmp_path, table, monkeypatch, kind, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    for _ in range(2):
        register_toy(tmp_path / "home")
    result = cli("plot", "tiny@1", "--kind", kind, "--data", table, terminal=True)
    assert result.code == 0, result.err
    assert max(map(len, result.lines)) <= max(columns, 48) and "tiny@1" in result.out
    for suffix, beginning in ((".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")):
        path = tmp_path / f"{kind}{suffix}"
        assert cli("plot", "--kind", kind, "--data", table, "-o", path).code == 0
        assert path.read_bytes().startswith(beginning)
    two = cli("plot", "tiny@1", "tiny@2", "--kind", kind, "--data", table)
    assert (two.code == 2) == (kind == "confusion")


def test_diagram_numbers(cli, tmp_path, table):
    register_toy(tmp_path / "home")
    measured = json.loads(cli("evaluate", "--data", table, "--json").out)
    confusion = json.loads(cli("plot", "--kind", "confusion", "--data", table, "--json").out)
    assert confusion["confusion"] == measured["confusion"]
    rows = [line.split("\t") for line in cli("plot", "--kind", "confusion", "--data", table, "--format", "tsv").lines]
    assert {(row[1], row[2]): int(row[3]) for row in rows[1:]} == {
        (label, predicted): n for label, row in measured["confusion"].items() for predicted, n in row.items()
    }
    roc = json.loads(cli("plot", "--kind", "roc", "--data", table, "--json").out)
    steps = list(zip(roc["points"], roc["points"][1:], strict=False))
    area = sum((b["x"] - a["x"]) * (a["y"] + b["y"]) / 2 for a, b in steps)
    assert area == pytest.approx(roc["auc"]) == pytest.approx(measured["metrics"]["auc"]["value"])
    pr = json.loads(cli("plot", "--kind", "pr", "--data", table, "--json").out)
    area = sum((b["x"] - a["x"]) * b["y"] for a, b in zip(pr["points"], pr["points"][1:], strict=False))
    assert area == pytest.approx(pr["average_precision"])
    for kind, score in (("roc", f"AUC {roc['auc']:.3f}"), ("pr", f"AP {pr['average_precision']:.3f}")):
        assert score in cli("plot", "--kind", kind, "--data", table).out
    bins = json.loads(cli("plot", "--kind", "calibration", "--data", table, "--json").out)["points"]
    assert sum(each["n"] for each in bins) == 60 and all(each["low"] <= each["y"] <= each["high"] for each in bins)
    rows = [line.split("\t") for line in cli("plot", "--kind", "calibration", "--data", table, "--format", "tsv").lines]
    assert rows[0] == ["model", "x", "y", "low", "high", "n"] and len(rows) == len(bins) + 1


def test_roc_needs_both_labels(cli, tmp_path):
    register_toy(tmp_path / "home")
    (tmp_path / "one.csv").write_text("text,label\ngood,pos\nbad,pos\n")
    result = cli("plot", "--kind", "roc", "--data", tmp_path / "one.csv")
    assert result.code == 65 and "texts of both labels" in result.err
    assert cli("plot", "--data", tmp_path / "one.csv").code == 2


def test_bad_file_before_cluster(cli, tmp_path, monkeypatch):
    """A file that cannot be used is reported before a Ray cluster is started."""
    register_toy(tmp_path / "home")
    monkeypatch.setitem(sys.modules, "ray", None)
    (tmp_path / "one.csv").write_text("text,label\ngood,pos\nbad,none\n")
    assert cli("evaluate", "--engine", "ray", "--data", tmp_path / "one.csv").code == 65
    assert cli("evaluate", "--engine", "ray", "--data", tmp_path / "two.csv").code == 66
    (tmp_path / "one.csv").write_text("text,label\ngood,pos\nbad,neg\n")
    result = cli("evaluate", "--engine", "ray", "--data", tmp_path / "one.csv")
    assert result.code == 69 and "ray is not installed" in result.err


# --- data that moved or grew, labels that are not the model's, bad rows ----------------------------------------------


@pytest.fixture
def grown(tmp_path):
    """A model with digests whose data, of 60 rows, is gone; and a function that writes some of its rows elsewhere."""
    rows = [f"{'good' if n % 2 else 'bad'} film {n},{'pos' if n % 2 else 'neg'}" for n in range(90)]

    def write(name, chosen, *, pack=lambda data: data):
        path = tmp_path / name
        path.write_bytes(pack("\n".join(["text,label", *chosen, ""]).encode()))
        return path

    before = write("before.csv", rows[:60])
    config = DataConfig(source=str(before))
    data = load(config, home=tmp_path)
    parts = {"train": data.train, "validation": data.validation, "test": data.test}
    digests = RowDigests.of({part: [row.text for row in examples] for part, examples in parts.items()})
    counts = {part: len(examples) for part, examples in parts.items()}
    register_toy(tmp_path / "home", data=config, data_sha256=data.sha256, rows=counts, digests=digests)
    before.unlink()
    return write, rows, data


def measured(result):
    assert result.code == 0, result.err
    return json.loads(result.out)


def test_moved_data_is_found(cli, grown, tmp_path):
    write, rows, data = grown
    gone = cli("evaluate", "tiny@1")
    assert gone.code == 66 and "lstmctl evaluate tiny@1 --data NEWPLACE" in gone.err
    (tmp_path / "new.jsonl").write_text(
        "".join(
            json.dumps({"text": text, "label": label}) + "\n" for text, label in (row.split(",") for row in rows[:60])
        )
    )
    places = [
        write("new.csv", rows[:60]),
        write("new.csv.gz", rows[:60], pack=gzip.compress),
        tmp_path / "new.jsonl",
        write("shuffled.csv", rows[59::-1]),
        write("some more.csv", [*rows[:60], *rows[60:64]]),
    ]
    for place in places:
        result = cli("evaluate", "tiny@1", "--data", place, "--json")
        assert measured(result)["n"] == len(data.test), place
        assert "rows of tiny@1" in result.err and "warning" not in result.err
        assert json.loads(result.out)["trained_on"] == 0
    val = cli("evaluate", "tiny@1", "--data", places[3], "--part", "val", "--json", "--threshold", "0.5")
    assert measured(val)["n"] == len(data.validation)
    auto = cli("evaluate", "tiny@1", "--data", places[3], "--threshold", "auto:f1", "--json")
    assert measured(auto)["n"] == len(data.test)


def test_grown_data_is_measured_as_a_whole_with_a_warning(cli, grown):
    write, rows, data = grown
    after = write("after.csv", rows)
    result = cli("evaluate", "tiny@1", "--data", after, "--json")
    assert measured(result)["n"] == 90 and measured(result)["trained_on"] == len(data.train)
    assert f"tiny@1 was trained on {len(data.train)} of these 90 texts" in result.err
    assert "--only-new" in result.err
    new = cli("evaluate", "tiny@1", "--data", after, "--only-new", "--json")
    assert measured(new)["n"] == 90 - len(data.train) and measured(new)["trained_on"] == 0
    assert sum(measured(new)["left_out"].values()) == len(data.train)
    assert "warning" not in new.err
    # also rows that are written differently, and with all of them in the training part
    known = [f"  {row.text.upper()}, {row.label}" for row in data.train]
    only = write("only.csv", known)
    assert f"trained on {len(known)} of these {len(known)}" in cli("evaluate", "--data", only).err
    nothing = cli("evaluate", "--data", only, "--only-new")
    assert nothing.code == 65 and "was trained on all" in nothing.err


def test_models_are_compared_on_rows_that_both_held_out(cli, grown, tmp_path):
    write, rows, data = grown
    texts = {part: [row.text for row in getattr(data, part)] for part in ("train", "validation", "test")}
    texts["test"], texts["train"] = texts["test"][1:], [*texts["train"], texts["test"][0]]
    counts = {part: len(part_texts) for part, part_texts in texts.items()}
    register_toy(tmp_path / "home", "other", data_sha256="1" * 64, rows=counts, digests=RowDigests.of(texts))
    place = write("new.csv", rows[:60])
    result = cli("evaluate", "tiny@1", "other@1", "--data", place, "--json")
    assert result.code == 0, result.err
    answers = [json.loads(line) for line in result.lines]
    assert [answer["n"] for answer in answers] == [len(data.test) - 1] * 3
    assert "rows of tiny@1 and other@1" in result.err and "warning" not in result.err


def test_only_new_needs_to_know(cli, grown, tmp_path):
    write, rows, _ = grown
    register_toy(tmp_path / "home", "old")
    result = cli("evaluate", "old", "--data", write("after.csv", rows), "--only-new")
    assert result.code == 2 and "is not known" in result.err
    assert cli("evaluate", "tiny", "--only-new").code == 2


def test_labels_are_read_as_in_training(cli, tmp_path, labelled):
    data = DataConfig(source=str(labelled), rename_label=(("1", "pos"),), merge_labels=True)
    register_toy(tmp_path / "home", data=data)
    other = tmp_path / "other.csv"
    other.write_text("text,label\ngood,1\ngood,POS\nbad,Neg\nbad,neg\n")
    assert measured(cli("evaluate", "--data", other, "--json"))["metrics"]["accuracy"]["value"] == 1


def test_unknown_labels_are_dropped_and_counted(cli, tmp_path):
    register_toy(tmp_path / "home")
    stars = tmp_path / "stars.csv"
    stars.write_text("text,label\ngood,5\nbad,neg\nbad,4\n")
    stopped = cli("evaluate", "--data", stars)
    assert stopped.code == 65 and "--unknown-labels drop" in stopped.err
    result = cli("evaluate", "--data", stars, "--unknown-labels", "drop", "--json")
    assert measured(result)["n"] == 1 and sum(measured(result)["left_out"].values()) == 2
    assert 'left out: 2 rows with labels that the model does not know: "5" (1), "4" (1)' in result.err
    stars.write_text("text,label\ngood,5\n")
    nothing = cli("evaluate", "--data", stars, "--unknown-labels", "drop")
    assert nothing.code == 65 and "no row of" in nothing.err


def test_absent_labels_as_in_sklearn(cli, tmp_path):
    register_toy(tmp_path / "home")
    path = tmp_path / "positive.csv"
    path.write_text("text,label\ngood,pos\nbad,pos\ngood film,pos\n")
    metrics = measured(cli("evaluate", "--data", path, "--json"))["metrics"]
    truth, predicted = ["pos"] * 3, ["pos", "neg", "pos"]
    assert metrics["f1_macro"]["value"] == pytest.approx(f1_score(truth, predicted, average="macro", zero_division=0))
    assert "auc" not in metrics


def test_bad_rows(cli, tmp_path, labelled):
    register_toy(tmp_path / "home")
    labelled.write_text(labelled.read_text() + "x,pos,more\nno label,\n")
    stopped = cli("evaluate", "--data", labelled)
    assert stopped.code == 65 and "--bad-rows skip" in stopped.err
    for more in ([], ["--by", "label"]):
        result = cli("evaluate", "--data", labelled, "--bad-rows", "skip", "--json", *more)
        assert measured(result)["n"] == len(ROWS) and sum(measured(result)["left_out"].values()) == 2
        assert "skipped 2 bad rows" in result.err and f"{labelled.name}:22: this row has 3 fields" in result.err
    plot = cli("plot", "--kind", "confusion", "--data", labelled)
    assert plot.code == 65 and "--bad-rows" not in plot.err, "plot has no such option"
