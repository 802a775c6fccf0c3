"""An exported model has the same probabilities in plain Keras."""

import json
import subprocess
import sys

import numpy as np
import pytest
from toy import SHAPES, register_random, texts_and_answers

pytestmark = pytest.mark.training

PLAIN_KERAS = """
import json, sys
import keras, numpy as np
for path, texts in json.loads(sys.argv[1]):
    print(json.dumps(keras.models.load_model(path).predict(np.array(texts), verbose=0).tolist()))
"""


def test_keras_export(cli, tmp_path):
    inputs, expected = [], []
    for number, shape in enumerate((SHAPES[0], SHAPES[5], SHAPES[6]), start=1):
        folder = register_random(tmp_path / "home", shape)
        path = tmp_path / f"{number}.keras"
        assert cli("models", "export", f"it@{number}", "--to", "keras", "-o", path).code == 0
        words, ours = texts_and_answers(folder)
        inputs.append((str(path), words.tolist()))
        expected.append(ours[:, 1:] if len(folder.card.config.labels) == 2 else ours)
    done = subprocess.run(
        [sys.executable, "-c", PLAIN_KERAS, json.dumps(inputs)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for theirs, ours in zip(map(json.loads, done.stdout.splitlines()[-3:]), expected, strict=True):
        np.testing.assert_allclose(theirs, ours, atol=1e-5)
