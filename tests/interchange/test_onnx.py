"""Exported ONNX models give the same probabilities in ONNX Runtime."""

import json
import sys

import numpy as np
import pytest
from toy import NGRAM_SHAPES, SHAPES, WORDS, ngram_inputs, register_random, texts_and_answers


@pytest.mark.parametrize("shape", [*SHAPES, *NGRAM_SHAPES], ids=lambda shape: str(shape)[:90])
def test_probabilities_agree(cli, tmp_path, shape):
    import onnx
    import onnxruntime

    folder = register_random(tmp_path / "home", shape)
    path = tmp_path / "it.onnx"
    assert cli("models", "export", "it@1", "--to", "onnx", "-o", path).code == 0
    onnx.checker.check_model(str(path), full_check=True)
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    words, ours = texts_and_answers(folder)
    more = ngram_inputs(folder, words) if folder.card.config.ngram_order else {}
    assert [each.name for each in session.get_inputs()] == ["words", *more]
    (theirs,) = session.run(None, {"words": words.astype(np.int64), **more})
    np.testing.assert_allclose(theirs, ours, atol=1e-5)
    assert np.ptp(ours, axis=0).max() > 0.01
    for name, values in more.items():  # each is used
        (other,) = session.run(None, {"words": words.astype(np.int64), **more, name: -values})
        assert np.abs(other - ours).max() > 1e-3
    about = session.get_modelmeta().custom_metadata_map
    assert tuple(json.loads(about["labels"])) == folder.card.config.labels
    assert json.loads(about["vocabulary"]) == list(WORDS.words)


def test_missing_extra(cli, tmp_path, monkeypatch):
    register_random(tmp_path / "home", {})
    monkeypatch.setitem(sys.modules, "onnx", None)
    result = cli("models", "export", "it@1", "--to", "onnx", "-o", tmp_path / "x.onnx")
    assert result.code == 69
    assert "pip install 'lstmctl[onnx]'" in result.err
    assert not (tmp_path / "x.onnx").exists()
