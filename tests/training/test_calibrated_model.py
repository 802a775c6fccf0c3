"""Training calibrates: the validation loss falls, and the temperature is recorded; `classic` does not calibrate."""

import numpy as np
import pytest

from lstmctl.data.datasets import load
from lstmctl.evaluation import metrics
from lstmctl.evaluation.calibration import uncalibrated
from lstmctl.registry.store import Registry

pytestmark = pytest.mark.training


def predict_part(folder, part):
    examples = getattr(load(folder.card.data, home=folder.path), part)
    labels = folder.card.config.labels
    truth = np.array([labels.index(example.label) for example in examples])
    predictions = folder.classifier().predict([example.text for example in examples])
    return np.array([prediction.probabilities for prediction in predictions]), truth


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


def test_classic_is_not_calibrated(cli, tmp_path):
    rows = [f"{'good' if n % 2 ^ (n % 9 == 0) else 'bad'} film w{n},{'pos' if n % 2 else 'neg'}\n" for n in range(900)]
    (tmp_path / "data.csv").write_text("text,label\n" + "".join(rows))
    sizes = ["--max-len", 6, "--units", 4, "--embedding-dim", 4, "--epochs", 4, "--lr", 0.02]
    for recipe, calibrated in (("classic", False), ("standard", True), ("readable", True)):
        done = cli("train", "--data", tmp_path / "data.csv", "--recipe", recipe, "--name", recipe, *sizes)
        assert done.code == 0, done.err
        assert (Registry(tmp_path / "home").resolve(recipe).card.config.temperature != 1) == calibrated
    assert "before calibration" in cli("evaluate", "standard", terminal=True).out
    # Without n-grams, the loss of the same epoch before calibration is that of the validation texts.
    folder = Registry(tmp_path / "home").resolve("readable")
    probabilities, truth = predict_part(folder, "validation")
    before = uncalibrated(probabilities, folder.card.config.temperature)
    assert metrics.log_loss(probabilities, truth) < metrics.log_loss(before, truth)
    kept = folder.history()[folder.card.epoch - 1]
    assert metrics.log_loss(before, truth) == pytest.approx(kept.val_loss, abs=1e-4)
