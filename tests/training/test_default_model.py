"""The default model, trained by the first command of the README."""

import json
import os
import re

import pytest

pytestmark = pytest.mark.training


@pytest.fixture
def home(trained, monkeypatch):
    monkeypatch.setenv("LSTMCTL_HOME", str(trained.home))
    return trained.home


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


def test_registered_files_verify(home):
    from lstmctl.registry.store import Registry

    (entry,) = Registry(home).entries()
    entry.folder.verify()
    assert entry.folder.card.config.parameters == 1_292_865


def test_real_reviews_in_batches_of_any_size(cli, home):
    from pathlib import Path

    from lstmctl.config import DataConfig
    from lstmctl.data.datasets import load
    from lstmctl.registry.store import Registry

    classifier = Registry(home).resolve("imdb").classifier()
    texts = [example.text for example in load(DataConfig(), home=Path("/nowhere")).test[:150]]
    together = [prediction.probabilities for prediction in classifier.predict(texts)]
    assert [classifier.predict([text])[0].probabilities for text in texts] == together
    for size in (2, 7, 31, 100):
        batches = [classifier.predict(texts[start : start + size]) for start in range(0, len(texts), size)]
        assert [answer.probabilities for batch in batches for answer in batch] == together
