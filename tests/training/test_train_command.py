"""`lstmctl train` from a file to a registered model, for any labels and scripts, and its errors."""

import csv
import json
import random
import re
import time
import unicodedata

import pytest

pytestmark = pytest.mark.training

FILLERS = [
    "the",
    "film",
    "एक",
    "फ़िल्म",
    "这",
    "部",
    "电影",
    "это",
    "кино",
    "το",
    "έργο",
    "영화",
    "映画",
    "กข",
    "😀",
    "👍🏽",
    "l’été",
    "don't",
]
QUICK = ["--embedding-dim", 8, "--units", 8, "--max-len", 30, "--batch-size", 16]


def word_order_texts(count, *, seed=0):
    """Three classes with the same words: `not good`, `good not`, and only one of the two."""
    generator = random.Random(seed)
    kinds = {"negated": ["not", "good"], "good": ["good", "not"], "neither": []}
    for number in range(count):
        label = list(kinds)[number % 3]
        before = generator.choices(FILLERS, k=generator.randint(0, 5))
        after = generator.choices(FILLERS, k=generator.randint(0, 5))
        lone = [generator.choice(["not", "good"])] if label == "neither" else kinds[label]
        text = " ".join([*before, *lone, *after])
        # Half of the texts arrive decomposed, as from a Mac's file system.
        yield unicodedata.normalize("NFD" if number % 2 else "NFC", text), label


def write_csv(path, rows):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows(rows)
    return path


def test_word_order_in_mixed_scripts(cli, tmp_path):
    data = write_csv(tmp_path / "order.csv", word_order_texts(900))
    trained = cli("train", "--data", data, *QUICK, "--epochs", 30, "--lr", 0.01)
    assert trained.code == 0, trained.err
    assert trained.out == "order@1\n"
    evaluation = json.loads(cli("evaluate", "--json").out)
    assert set(evaluation["labels"]) == {"negated", "good", "neither"}
    assert evaluation["n"] >= 80
    assert evaluation["metrics"]["accuracy"]["value"] >= 0.95
    composed, decomposed = ("это не le café not good", unicodedata.normalize("NFD", "это не le café not good"))
    predictions = [json.loads(line) for line in cli("predict", "--json", composed, decomposed).lines]
    assert predictions[0]["probabilities"] == predictions[1]["probabilities"]
    assert predictions[0]["label"] == "negated"


@pytest.fixture
def small(tmp_path):
    rows = [(f"good film {number}", "yes") for number in range(40)]
    rows += [(f"bad film {number}", "no") for number in range(40)]
    return write_csv(tmp_path / "Small Reviews.csv", rows)


def test_plain_line_per_epoch(cli, small):
    result = cli("train", "--data", small, *QUICK, "-e", 2, "-v")
    assert result.code == 0, result.err
    assert result.out == "small-reviews@1\n"
    assert "will be small-reviews@1" in result.err
    epochs = [line for line in result.err.splitlines() if line.startswith("epoch=")]
    assert [line.split()[0] for line in epochs] == ["epoch=1/2", "epoch=2/2"]
    assert {field.split("=")[0] for field in epochs[0].split()} == {
        "epoch", "loss", "accuracy", "val_loss", "val_calibrated_loss", "val_accuracy", "seconds"
    }  # fmt: skip
    assert "n-grams alone" in result.err and "±" in result.err and "agreement" in result.err
    assert "\x1b" not in result.err and "\r" not in result.err


def test_json_output(cli, small):
    described = json.loads(cli("train", "--json", "--data", small, *QUICK, "-e", 1).out)
    assert (described["schema"], described["model"]) == ("lstmctl.model/1", "small-reviews@1")
    assert described == json.loads(cli("models", "list", "--json").out)
    assert 0 <= described["low"] <= described["accuracy"] <= described["high"] <= 1


def test_quiet_output(cli, small):
    result = cli("train", "-q", "--data", small, *QUICK, "-e", 1)
    assert (result.code, result.out, result.err) == (0, "small-reviews@1\n", "")


def test_seed_determines_the_weights(cli, small, tmp_path):
    for seed in (1, 1, 2):
        assert cli("train", "-q", "--data", small, *QUICK, "-e", 2, "--seed", seed, "--name", "m").code == 0
    first, again, other = (
        (tmp_path / f"home/models/m/v00000{version}/weights.safetensors").read_bytes() for version in (1, 2, 3)
    )
    assert first == again != other


def test_positive_label(cli, small):
    cli("train", "-q", "--data", small, *QUICK, "-e", 1)
    cli("train", "-q", "--data", small, *QUICK, "-e", 1, "--positive", "no")
    labels = [json.loads(cli("summary", f"small-reviews@{n}", "--json").out)["config"]["labels"] for n in (1, 2)]
    assert labels == [["no", "yes"], ["yes", "no"]]
    assert cli("evaluate", "small-reviews@2").code == 0


def test_checkpoint_is_a_model(cli, small, tmp_path, monkeypatch):
    from lstmctl.training import finish

    def stop(*arguments, **settings):
        raise KeyboardInterrupt

    monkeypatch.setattr(finish, "finish_model", stop)
    stopped = cli("train", "--data", small, *QUICK, "-e", 3)
    assert stopped.code == 130
    assert stopped.out == ""
    assert "stopped after epoch 3; progress is saved" in stopped.err
    (run,) = [json.loads(line) for line in cli("models", "list", "--runs", "--json").lines]
    assert (run["name"], run["live"]) == ("small-reviews", False)
    assert f"hint: lstmctl train --resume --run {run['run']}\n" in stopped.err
    for command in (["predict", "-m", run["checkpoint"], "good film"], ["summary", run["checkpoint"]]):
        assert cli(*command).code == 0
    assert cli("plot", run["checkpoint"]).code == 0
    assert cli("predict", "good film").code == 66  # a checkpoint is not a registered model
    monkeypatch.undo()


def test_run_stopped_in_its_first_epoch(cli, small, monkeypatch):
    from lstmctl.training import fit

    def stop(self):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(fit.Fit, "_validate", stop)
        stopped = cli("train", "--data", small, *QUICK, "-e", 3)
    assert stopped.code == 130
    assert "stopped after epoch 1, step 4; progress is saved" in stopped.err
    (run,) = [json.loads(line) for line in cli("models", "list", "--runs", "--json").lines]
    assert cli("summary", run["checkpoint"]).code == 0
    assert cli("predict", "-m", run["checkpoint"], "good film").code == 0
    plotted = cli("plot", run["checkpoint"])
    assert plotted.code == 65 and "no training history to draw" in plotted.err
    resumed = cli("train", "--resume")
    assert (resumed.code, resumed.out) == (0, "small-reviews@1\n")


def test_classic_recipe(cli, small):
    trained = cli("train", "-v", "--data", small, *QUICK, "--recipe", "classic", "--epochs", 2)
    assert trained.code == 0, trained.err
    assert "padding = pre (recipe classic)" in trained.err
    assert "units = 8 (--units)" in trained.err
    assert "dropout = 0.2 (default)" in trained.err
    assert "LSTM kernel: fused" in trained.err
    described = json.loads(cli("summary", "--json").out)
    assert (described["config"]["padding"], described["epoch"]) == ("pre", 2)
    assert cli("evaluate").code == 0


@pytest.mark.parametrize("shape", ["layers = 2", "bidirectional = true", "layers = 2\nbidirectional = true"])
def test_deep_and_bidirectional_models(cli, small, tmp_path, shape):
    recipe = tmp_path / "deep.toml"
    recipe.write_text(shape)
    trained = cli("train", "--data", small, *QUICK, "-e", 2, "--recipe", recipe)
    assert trained.code == 0, trained.err
    for command in (["predict", "good film", "bad film"], ["evaluate"], ["summary"], ["plot"]):
        assert cli(*command).code == 0


def test_time_limit(cli, small):
    started = time.monotonic()
    trained = cli("train", "--data", small, *QUICK, "-e", 10_000, "--time-limit", "1s")
    assert (trained.code, trained.out) == (0, "small-reviews@1\n"), trained.err
    assert time.monotonic() - started < 60


def test_dry_run_prints_a_recipe(cli, small, tmp_path):
    options = ["--data", small, *QUICK, "--epochs", 2, "--class-weight", "balanced"]
    dry = cli("train", "--dry-run", *options)
    assert dry.code == 0, dry.err
    assert re.search(r"^# small-reviews · \d+ training texts · [\d,]+ parameters$", dry.out, re.M)
    assert "parameters" in dry.out and " s on this machine" in dry.out and "GB of memory" in dry.out
    assert re.search(r"^units = 8 +# --units · Number of LSTM units\.$", dry.out, re.M)
    assert re.search(r"^dropout = 0.3 +# recipe standard · Dropout rate on embeddings\.$", dry.out, re.M)
    assert not list(tmp_path.glob("home/*"))
    recipe = tmp_path / "mine.toml"
    recipe.write_text(dry.out)
    again = cli("train", "--dry-run", "--data", small, "--recipe", recipe, "--json")
    planned = json.loads(again.out)
    assert (planned["schema"], planned["training"]["units"], planned["training"]["epochs"]) == ("lstmctl.plan/1", 8, 2)
    assert planned["origins"]["units"] == f"recipe {recipe}"
    assert planned["parameters"] > 0 and planned["seconds"] > 0 and planned["memory_bytes"] > 0


def test_dry_run_chooses_the_epochs(cli, small):
    assert re.search(
        r"^epochs = 30 +# for \d+ texts · Number of epochs\.$", cli("train", "--dry-run", "--data", small).out, re.M
    )


def test_finished_run_leaves_nothing(cli, small, tmp_path):
    assert cli("train", "-q", "--data", small, *QUICK, "-e", 2).code == 0
    assert cli("models", "list", "--runs", "--json").out == ""
    assert list((tmp_path / "home" / "checkpoints").iterdir()) == []
    assert list((tmp_path / "home" / "tmp").iterdir()) == []


MISTAKES = [
    (["--epochs", "0"], 2, "--epochs must be 1 or more, not 0"),
    (["--units", "0"], 2, "--units must be 1 or more"),
    (["--units", "1000000"], 2, "--units must be at most 4,096"),
    (["--vocab-size", "2000000", "--embedding-dim", "4096"], 2, "GB"),
    (["--lr", "nan"], 2, "--lr must be between"),
    (["--dropout", "1"], 2, "--dropout must be between"),
    (["--batch-size", "0x10"], 2, "not a whole number"),
    (["--seed", "9" * 30], 2, "--seed must be at most"),
    (["--name", "../escape"], 2, "cannot be the name of a model"),
    (["--name", "Big"], 2, "lower case"),
    (["--positive", "maybe"], 2, "its labels: no yes"),
    (["--text-column", "review"], 65, "text"),
    (["--label-column", "stars"], 65, "label"),
    (["--rename-label", "nonsense"], 2, "is not FROM=TO"),
    (["--rename-label", "yes=no"], 65, "only one label"),
    (["--recipes", "x"], 2, "no such option"),
    (["--recipe", "clasic"], 2, "recipes: accurate classic readable standard"),
    (["--recipe", "none.toml"], 2, "there is no recipe file none.toml"),
    (["--class-weight", "heavy"], 2, "'heavy' is not one of"),
    (["--early-stopping", "0"], 2, "--early-stopping must be 1 or more"),
    (["--threads", "0"], 2, "--threads must be 1 or more"),
    *((["--time-limit", time], 2, "is not a time") for time in ("", "m", "10x", "1m30", "１0m", "--")),
    *((["--time-limit", time], 2, "--time-limit must be between") for time in ("0", "nan", "inf", "-5", "1e300h")),
    *(
        ([option, value], 2, option)
        for option in ("--epochs", "--units", "--max-len", "--batch-size", "--threads", "--limit", "--seed")
        for value in ("-1", "1.5", "nan", "1e3", "９" * 5_000)
    ),
    *(
        ([option, value], 2, option)
        for option in ("--lr", "--dropout", "--val-split", "--test-split")
        for value in ("nan", "inf", "-1", "1e308", "x")
    ),
]


@pytest.mark.parametrize(("options", "code", "message"), MISTAKES, ids=lambda value: str(value)[:30])
def test_usage_errors(cli, small, tmp_path, options, code, message):
    result = cli("train", "--data", small, *options)
    assert result.code == code
    assert message in result.err
    assert result.out == ""
    assert "Traceback" not in result.err
    assert not list(tmp_path.glob("home/models/*/v*"))


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        ("", 65, "empty"),
        ("text,label\n", 65, "no rows"),
        ("text,label\ngood,pos\nbad,pos\n", 65, "only one label"),
        ("text,label\ngood,pos\nbad,neg\n", 65, "every label must be in every part"),
        ("text,label\n" + "".join(f"{'-' * n},pos\n{'*' * n},neg\n" for n in range(1, 9)), 65, "have no words"),
    ],
)
def test_unusable_data(cli, tmp_path, content, code, message):
    path = tmp_path / "data.csv"
    path.write_text(content)
    result = cli("train", "--data", path, *QUICK)
    assert result.code == code
    assert message in result.err
    assert not list(tmp_path.glob("home/models/*/v*"))


def test_unknown_data_set(cli):
    result = cli("train", "--data", "imbd")
    assert result.code == 66
    assert "did you mean imdb" in result.err


def test_unwritable_home(cli, small, tmp_path):
    (tmp_path / "file").write_text("")
    result = cli("train", "--data", small, *QUICK, "--home", tmp_path / "file")
    assert result.code == 73
    assert "--home" in result.err


def test_messy_data_is_counted_and_found_again(cli, tmp_path):
    """Bad rows, two spellings and rare labels: the card counts what is left out, and `evaluate` finds the test rows of
    data that has moved."""
    rows = [
        (f"{'good' if n % 2 else 'bad'} film {n}", ("Pos", "pos")[n % 4 > 1] if n % 2 else "neg") for n in range(90)
    ]
    data = write_csv(tmp_path / "messy.csv", [*rows, ("a field", "too", "many"), ("no label", ""), ("lone", "rare")])
    options = ["--bad-rows", "skip", "--merge-labels", "--rare-labels", "drop"]
    assert "--bad-rows skip" in cli("train", "--data", data).err
    trained = cli("train", "--data", data, *QUICK, "--epochs", 1, "--recipe", "classic", *options)
    assert trained.code == 0, trained.err
    assert 'merged labels: "Pos" (23) = "pos" (22)' in trained.err and "skipped 2 bad rows" in trained.err
    summary = json.loads(cli("summary", "--json").out)
    assert summary["config"]["labels"] == ["neg", "Pos"] or summary["config"]["labels"] == ["Pos", "neg"]
    assert sum(summary["rows"].values()) + sum(summary["skipped"].values()) == len(rows) + 3
    own = cli("evaluate", "--json")
    assert json.loads(own.out)["n"] == summary["rows"]["test"], own.err
    moved = data.rename(tmp_path / "moved.csv")
    assert cli("evaluate").code == 66
    assert cli("evaluate", "--data", moved).code == 65
    found = cli("evaluate", "--data", moved, "--bad-rows", "skip", "--json")
    assert {**json.loads(found.out), "data": 0, "left_out": 0} == {**json.loads(own.out), "data": 0, "left_out": 0}
    assert "test part" in found.err
