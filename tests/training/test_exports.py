"""What is exported gives the same probabilities: in plain Keras, and in ONNX Runtime."""

import json
import subprocess
import sys

import numpy as np
import pytest
from toy import WORDS

from lstmctl.classifier import Classifier
from lstmctl.config import DataConfig, ModelConfig, TrainConfig
from lstmctl.registry.artifact import ModelCard, pack
from lstmctl.registry.store import Registry

pytestmark = pytest.mark.training

SHAPES = [
    {},
    {"labels": ("a", "b", "c")},
    {"padding": "pre"},
    {"bidirectional": True},
    {"layers": 2},
    {"layers": 3, "bidirectional": True, "labels": ("a", "b", "c", "d")},
    {"layers": 2, "bidirectional": True, "padding": "pre"},
    {"pooling": "last+max"},
    {"pooling": "last+max", "layers": 2, "bidirectional": True, "labels": ("a", "b", "c")},
]

PLAIN_KERAS = """
import json, sys
import keras, numpy as np
for path, texts in json.loads(sys.argv[1]):
    print(json.dumps(keras.models.load_model(path).predict(np.array(texts), verbose=0).tolist()))
"""


def register(home, shape):
    """A model with random weights; its folder."""
    config = ModelConfig(
        **{"labels": ("neg", "pos"), "vocab_size": 5, "max_len": 9, "embedding_dim": 4, "units": 6, **shape}
    )
    generator = np.random.default_rng(len(shape))
    card = ModelCard(
        config=config,
        data=DataConfig(),
        data_sha256="0" * 64,
        rows={},
        training=TrainConfig(),
        epoch=0,
        created="2026-01-02T03:04:05+00:00",
        seconds=0.0,
        command=(),
        versions={},
    )
    weights = {name: generator.normal(0, 0.7, size).astype(np.float32) for name, size in config.shapes().items()}
    files = pack(card, vocabulary=WORDS, weights=weights, metrics={}, history=())
    return Registry(home).resolve(Registry(home).register("it", files))


def texts_and_answers(folder):
    generator = np.random.default_rng(0)
    texts = [generator.integers(1, 5, length).astype(np.int32) for length in (*range(10), 9, 9)]
    return texts, Classifier.load(folder).probabilities(texts)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_onnx(cli, tmp_path, shape):
    import onnx
    import onnxruntime

    from lstmctl.training.network import pad

    folder = register(tmp_path / "home", shape)
    path = tmp_path / "it.onnx"
    assert cli("models", "export", "it@1", "--to", "onnx", "-o", path).code == 0
    onnx.checker.check_model(str(path), full_check=True)
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    texts, ours = texts_and_answers(folder)
    (theirs,) = session.run(None, {"words": pad(texts, folder.card.config).astype(np.int64)})
    np.testing.assert_allclose(theirs, ours, atol=1e-5)
    about = session.get_modelmeta().custom_metadata_map
    assert tuple(json.loads(about["labels"])) == folder.card.config.labels
    assert json.loads(about["vocabulary"]) == list(WORDS.words)


def test_keras(cli, tmp_path):
    from lstmctl.training.network import pad

    questions, answers = [], []
    for number, shape in enumerate((SHAPES[0], SHAPES[5], SHAPES[6]), start=1):
        folder = register(tmp_path / "home", shape)
        path = tmp_path / f"{number}.keras"
        assert cli("models", "export", f"it@{number}", "--to", "keras", "-o", path).code == 0
        texts, ours = texts_and_answers(folder)
        questions.append((str(path), pad(texts, folder.card.config).tolist()))
        answers.append(ours[:, 1:] if len(folder.card.config.labels) == 2 else ours)
    done = subprocess.run(
        [sys.executable, "-c", PLAIN_KERAS, json.dumps(questions)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for theirs, expected in zip(map(json.loads, done.stdout.splitlines()[-3:]), answers, strict=True):
        np.testing.assert_allclose(theirs, expected, atol=1e-5)


def test_without_the_extra_it_says_which(cli, tmp_path, monkeypatch):
    register(tmp_path / "home", {})
    monkeypatch.setitem(sys.modules, "onnx", None)
    result = cli("models", "export", "it@1", "--to", "onnx", "-o", tmp_path / "x.onnx")
    assert result.code == 69
    assert "pip install 'lstmctl[onnx]'" in result.err
    assert not (tmp_path / "x.onnx").exists()
