"""Recipes that calibrate, and `classic`, which does not."""

import pytest
from training.test_default_model import predict_part

from lstmctl.evaluation import metrics
from lstmctl.evaluation.calibration import uncalibrated
from lstmctl.registry.store import Registry

pytestmark = pytest.mark.training


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
