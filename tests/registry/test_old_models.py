"""Models and runs written before settings were renamed can still be read."""

import json

import pytest
from toy import register_toy

from lstmctl.config import TrainConfig
from lstmctl.registry.artifact import FILES, ModelFolder, format_sums
from lstmctl.registry.runs import TrainingRun, read_run_file

# As written by versions before 0.2. In other cards and runs `word_odds` is "naive-bayes", and `word_vectors`
# "cooccurrence".
TRAINING = {
    "vocab_size": 10000, "min_count": 1, "max_len": 20, "cut": "start", "embedding_dim": 2, "units": 3, "layers": 1,
    "bidirectional": False, "pooling": "last", "members": 3, "padding": "masked", "word_odds": None,
    "word_vectors": "none", "dropout": 0.2, "word_dropout": None, "output_dropout": None, "epochs": 3, "batch_size": 32,
    "optimizer": "rmsprop", "learning_rate": 0.001, "schedule": "linear", "warmup": 0.05, "clip_norm": None,
    "class_weight": "none", "keep": "best", "calibration": "temperature", "early_stopping": None, "time_limit": None,
    "seed": 0, "threads": None,
}  # fmt: skip
FLOORS = {
    "majority_label": "neg",
    "majority": {"validation": 0.5, "test": 0.5},
    "naive_bayes": {"validation": 0.8, "test": 0.7},
}


@pytest.fixture
def old_model(home):
    """The path of a registered model with an old card and old metrics."""
    register_toy(home)
    path = home / "models/tiny/v000001"
    card = json.loads((path / "model.json").read_bytes())
    metrics = json.loads((path / "metrics.json").read_bytes())
    rewrite(path, "metrics.json", {"test": metrics["test"], "floors": FLOORS})
    rewrite(path, "model.json", card | {"training": TRAINING})
    return path


def rewrite(path, name, values):
    (path / name).write_text(json.dumps(values))
    files = {each: (path / each).read_bytes() for each in FILES if each != "SHA256SUMS"}
    (path / "SHA256SUMS").write_bytes(format_sums(files))


def test_old_card(old_model):
    folder = ModelFolder(old_model, "tiny@1")
    folder.verify()
    assert folder.card.training.ensemble_size == 3
    names = {"members": "ensemble_size", "word_vectors": "vectors"}
    read = {names.get(name, name): value for name, value in TRAINING.items()}
    del read["word_odds"]
    read |= {"word_dropout": 0.0, "output_dropout": 0.0}  # which were None
    assert folder.card.training.to_dict() == TrainConfig().to_dict() | read


@pytest.mark.parametrize(
    "training",
    [
        {"word_odds": "naive-bayes", "word_dropout": 0.3, "output_dropout": 0.5},
        {"word_odds": "none", "word_vectors": "cooccurrence", "word_dropout": 0.4, "output_dropout": 0.5},
    ],
)
def test_old_settings(old_model, training):
    card = json.loads((old_model / "model.json").read_bytes())
    rewrite(old_model, "model.json", card | {"training": TRAINING | training})
    folder = ModelFolder(old_model, "tiny@1")
    folder.verify()
    assert folder.card.training.vectors == ("own" if "word_vectors" in training else "none")
    assert folder.card.training.output_dropout == 0.5
    assert folder.card.config.tokenizer == "words-1"
    assert folder.card.config.ngrams == "none"


def test_old_card_without_new_settings(old_model):
    """A model from before n-grams reads texts as it did then."""
    card = json.loads((old_model / "model.json").read_bytes())
    before = ModelFolder(old_model, "tiny@1").classifier().predict(["good film! 8/10"])
    for name in ("ngrams", "ngram_count"):
        del card["config"][name]
    rewrite(old_model, "model.json", card | {"training": TRAINING | {"word_dropout": 0.0, "output_dropout": 0.0}})
    folder = ModelFolder(old_model, "tiny@1")
    folder.verify()
    assert (folder.card.config.ngram_order, folder.card.config.ngram_shapes()) == (0, {})
    assert folder.classifier().predict(["good film! 8/10"]) == before
    assert before[0].reading.words == 4  # punctuation is none


def test_old_metrics(old_model):
    metrics = ModelFolder(old_model, "tiny@1").metrics()
    assert metrics["baselines"] == FLOORS
    assert "floors" not in metrics


def test_export_keeps_old_metrics(old_model):
    folder = ModelFolder(old_model, "tiny@1")
    assert folder.files()["metrics.json"] == (old_model / "metrics.json").read_bytes()  # an export keeps the bytes


def test_commands_read_old_model(cli, old_model):
    assert cli("models", "verify").out == "tiny@1\tok\n"
    assert json.loads(cli("summary", "--json").out)["training"]["ensemble_size"] == 3
    assert json.loads(cli("summary", "--json").out)["metrics"]["baselines"] == FLOORS


def test_old_run(home, model_files):
    run_id = "20261123-140233-imdb-3f2a"
    with TrainingRun.start(home, run_id, {"training": TRAINING}) as run:
        run.save(10, model_files, state={})
    assert TrainConfig.from_dict(read_run_file(home, run_id)["training"]).ensemble_size == 3
