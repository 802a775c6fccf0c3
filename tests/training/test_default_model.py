"""The default model, trained by the first command of the README. All tests of it are here: one process trains it, and
others would wait for it."""

import json
import os
import re

import numpy as np
import pytest

from lstmctl.data.datasets import load
from lstmctl.evaluation import metrics
from lstmctl.evaluation.calibration import uncalibrated
from lstmctl.registry.store import Registry

pytestmark = pytest.mark.training


@pytest.fixture
def home(trained, monkeypatch):
    monkeypatch.setenv("LSTMCTL_HOME", str(trained.home))
    return trained.home


def predict_part(folder, part):
    examples = getattr(load(folder.card.data, home=folder.path), part)
    labels = folder.card.config.labels
    truth = np.array([labels.index(example.label) for example in examples])
    predictions = folder.classifier().predict([example.text for example in examples])
    return np.array([prediction.probabilities for prediction in predictions]), truth


def test_command_ends_with_model_and_score(trained):
    assert trained.out == "imdb@1\n"
    assert re.search(
        r"^test      0\.(?:89|9\d)\d ±0\.01\d on 2,500 test texts · n-grams alone 0\.\d{3}$", trained.err, re.M
    )
    assert os.listdir(trained.home / "checkpoints") == []


def test_no_tensorflow_messages(trained):
    known = re.compile(
        r"|(data|words|model|n-grams|vectors|notice|baseline|test|verdict|next) .*"
        r"| +no significant difference on 2,500 texts"  # the verdict's second line
        r"| +train +validation|epoch +loss +acc .*|\d/3 .*"
        r"| +accuracy +loss|[ .\d]*[┤│└].*|[ 123]+| +━━ train .*"
    )
    assert [line for line in trained.err.splitlines() if not known.fullmatch(line)] == []


def test_great_and_terrible_movie(cli, home):
    assert cli("predict", "--labels-only", "great movie", "terrible movie").lines == ["pos", "neg"]


def test_accuracy_on_other_data(cli, home):
    measured = json.loads(cli("evaluate", "--data", "rotten-tomatoes", "--json").out)
    assert measured["n"] == 8_530
    assert measured["metrics"]["accuracy"]["value"] > 0.65
    assert 0.70 < measured["baselines"]["naive_bayes"] < 0.76


def test_evaluate_agrees_with_training(cli, home, trained):
    accuracy = json.loads(cli("evaluate", "--json").out)["metrics"]["accuracy"]
    assert f"test      {accuracy['value']:.3f} ±" in trained.err
    assert accuracy["value"] > 0.89


def test_default_model_is_calibrated(trained):
    folder = Registry(trained.home).resolve("imdb@1")
    temperature = folder.card.config.temperature
    assert temperature != 1
    # Its n-grams know the validation texts, so what calibration gains is seen in the history, and in the test part.
    kept = folder.history()[folder.card.epoch - 1]
    assert kept.val_calibrated_loss < kept.val_loss
    probabilities, truth = predict_part(folder, "test")
    before = uncalibrated(probabilities, temperature)
    assert metrics.log_loss(probabilities, truth) < metrics.log_loss(before, truth)
    assert metrics.log_loss(probabilities, truth) == pytest.approx(kept.val_calibrated_loss, abs=0.03)
    stored = folder.metrics()["test"]["metrics"]
    for name in ("log_loss", "ece", "log_loss_uncalibrated", "ece_uncalibrated"):
        assert stored[name]["low"] < stored[name]["value"] < stored[name]["high"], name


def test_registered_files_verify(home):
    (entry,) = Registry(home).entries()
    entry.folder.verify()
    assert entry.folder.card.config.parameters == 1_292_865


def test_real_reviews_in_batches_of_any_size(cli, home):
    from pathlib import Path

    from lstmctl.config import DataConfig

    classifier = Registry(home).resolve("imdb").classifier()
    texts = [example.text for example in load(DataConfig(), home=Path("/nowhere")).test[:150]]
    together = [prediction.probabilities for prediction in classifier.predict(texts)]
    assert [classifier.predict([text])[0].probabilities for text in texts] == together
    for size in (2, 7, 31, 100):
        batches = [classifier.predict(texts[start : start + size]) for start in range(0, len(texts), size)]
        assert [answer.probabilities for batch in batches for answer in batch] == together
