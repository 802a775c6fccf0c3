"""An exported model has the same probabilities in plain Keras."""

import json
import subprocess
import sys

import numpy as np
import pytest
from toy import NGRAM_SHAPES, SHAPES, ngram_inputs, register_random, texts_and_answers

pytestmark = pytest.mark.training

PLAIN_KERAS = """
import json, sys
import keras, numpy as np
for path, inputs in json.loads(sys.argv[1]):
    arrays = [np.array(values) for values in inputs]
    print(json.dumps(keras.models.load_model(path).predict(arrays if arrays[1:] else arrays[0], verbose=0).tolist()))
"""


def test_keras_export(cli, tmp_path):
    inputs, expected = [], []
    shapes = [SHAPES[0], *SHAPES[5:7], *SHAPES[-2:], NGRAM_SHAPES[0], *NGRAM_SHAPES[-2:]]
    for number, shape in enumerate(shapes, start=1):
        folder = register_random(tmp_path / "home", shape)
        path = tmp_path / f"{number}.keras"
        assert cli("models", "export", f"it@{number}", "--to", "keras", "-o", path).code == 0
        words, ours = texts_and_answers(folder)
        more = ngram_inputs(folder, words) if folder.card.config.ngram_order else {}
        inputs.append((str(path), [words.tolist(), *(values.tolist() for values in more.values())]))
        expected.append(ours[:, 1:] if len(folder.card.config.labels) == 2 else ours)
    done = subprocess.run(
        [sys.executable, "-c", PLAIN_KERAS, json.dumps(inputs)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for theirs, ours in zip(map(json.loads, done.stdout.splitlines()[-len(shapes) :]), expected, strict=True):
        np.testing.assert_allclose(theirs, ours, atol=1e-5)
