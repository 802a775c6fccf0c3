"""Models and runs written before settings were renamed can still be read."""

import json

import pytest
from toy import register_toy

from lstmctl.config import TrainConfig
from lstmctl.registry.artifact import FILES, ModelFolder, format_sums
from lstmctl.registry.runs import TrainingRun, read_run_file

# As written by versions before 0.2.
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
    (path / "model.json").write_text(json.dumps(card | {"training": TRAINING}))
    metrics = json.loads((path / "metrics.json").read_bytes())
    (path / "metrics.json").write_text(json.dumps({"test": metrics["test"], "floors": FLOORS}))
    (path / "SHA256SUMS").write_bytes(
        format_sums({name: (path / name).read_bytes() for name in FILES if name != "SHA256SUMS"})
    )
    return path


def test_old_card(old_model):
    folder = ModelFolder(old_model, "tiny@1")
    folder.verify()
    assert folder.card.training.ensemble_size == 3
    assert folder.card.training.to_dict() == {
        name.replace("members", "ensemble_size"): value for name, value in TRAINING.items()
    }


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
