"""Figures as pictures: their text, the same bytes every time, and their dependency."""

import math
import re
import struct
import subprocess
import sys
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from epochs import THREE, record

from lstmctl.errors import ExitCode, MissingExtra
from lstmctl.plots import pictures
from lstmctl.plots.figures import ConfusionMatrix, HeatMap, Line, SquareChart, TrainingCurves


def draw(runs, format="svg"):
    return pictures.draw(TrainingCurves(runs), format)


def texts(svg):
    """All text in a picture, as written."""
    root = ElementTree.fromstring(svg)
    return ["".join(element.itertext()).strip() for element in root.iter("{http://www.w3.org/2000/svg}text")]


def test_png_size():
    png = draw([("imdb@1", THREE)], "png")
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", png[16:24]) == (1650, 720)


def test_svg_text():
    words = texts(draw([("imdb@1", THREE)]))
    assert "Training and validation accuracy" in words
    assert "Training and validation loss" in words
    assert words.count("epoch") == 2
    assert {"accuracy", "loss", "train", "validation", "best epoch", "imdb@1"} <= set(words)
    assert [word for word in words if re.fullmatch(r"\d+", word)] == ["1", "2", "3"] * 2


def test_bytes_are_reproducible():
    for form in "svg", "png":
        first = draw([("imdb@1", THREE)], form)
        with matplotlib.rc_context({"axes.facecolor": "black", "font.size": 40, "svg.hashsalt": "other"}):
            assert draw([("imdb@1", THREE)], form) == first
            assert matplotlib.rcParams["font.size"] == 40
        assert b"<dc:date>" not in first


def test_awkward_model_names():
    names = ["_hidden@1", "a$b$c", "<&>", "\x1b[2J\n", "评论@1", "somewhere/" * 20 + "epoch-3"]
    words = texts(draw([(name, THREE) for name in names]))
    assert {"_hidden@1", "a$b$c", "<&>", "?[2J?", "评论@1"} <= set(words)
    assert any(word.endswith("somewhere/epoch-3") and len(word) <= 40 for word in words)


@pytest.mark.parametrize(
    "records",
    [
        THREE[:1],
        [*THREE, record(4, math.nan, 0.5, math.inf, math.nan)],
        [record(n, math.nan, math.nan, math.nan, math.nan) for n in (1, 2)],
        [*THREE, record(4, 1.7e308, 0.5, 1.7e308, 0.5)],
        [record(n, 1 / n, 1 - 1 / n, 1 / n, 0.5) for n in range(1, 101)],
    ],
    ids=["one", "diverged", "nothing", "huge", "hundred"],
)
def test_any_numbers_are_drawn(records):
    words = texts(draw([("imdb@1", records)]))
    epochs = [word for word in words if re.fullmatch(r"\d+", word)]
    assert "0" not in epochs
    assert epochs


def test_missing_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra) as caught:
        draw([("imdb@1", THREE)], "png")
    assert caught.value.exit_code == ExitCode.MISSING_EXTRA
    assert caught.value.hint == "pip install 'lstmctl[plots]'"


def test_import_is_light():
    program = (
        "import sys, lstmctl.plots.pictures; print([name for name in ('matplotlib', 'numpy') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_svg_text_of_other_figures():
    line = Line("_a@1", [{"x": 0.5, "y": 0.4, "low": 0.3, "high": 0.5, "n": 7}])
    square = SquareChart("reliability diagram", "confidence", "accuracy", "x.csv", [line])
    assert {"confidence", "accuracy", "reliability diagram", "_a@1"} <= set(texts(pictures.draw(square, "svg")))
    matrix = ConfusionMatrix("a@1", "x.csv", ["neg", "pos"], np.array([[1000, 0], [2, 3]]))
    words = texts(pictures.draw(matrix, "svg"))
    assert {"true label", "predicted label", "neg", "pos", "1,000", "0", "2", "3", "a@1 on x.csv"} <= set(words)
    heat_map = HeatMap("cell state", ["good", "字"], np.array([[0.5, -1.0], [0.0, 0.25]]), "the memory", signed=True)
    assert {"cell state", "the memory", "good", "字", "unit"} <= set(texts(pictures.draw(heat_map, "svg")))
