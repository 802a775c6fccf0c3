"""Figures as pictures: their text, the same bytes every time, and their dependency."""

import math
import re
import struct
import subprocess
import sys
from types import SimpleNamespace
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from epochs import THREE, record

from lstmctl.errors import ExitCode, MissingExtra, UsageError
from lstmctl.plots import pictures
from lstmctl.plots.figures import (
    ConfusionMatrix,
    HeatMap,
    HeatMaps,
    Line,
    SquareChart,
    TrainingCurves,
    WordEffects,
    WordPanel,
)
from lstmctl.plots.style import PictureStyle


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
    assert words.count("Epoch") == 2
    assert {"Accuracy", "Loss", "train", "validation", "best epoch", "imdb@1"} <= set(words)
    assert [word for word in words if re.fullmatch(r"\d+", word)] == ["1", "2", "3"] * 2


def test_bytes_are_reproducible():
    for form in "svg", "png", "pdf":
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
    assert {"confidence", "accuracy", "reliability diagram", "_a@1", "7"} <= set(texts(pictures.draw(square, "svg")))
    matrix = ConfusionMatrix("a@1", "x.csv", ["neg", "pos"], np.array([[1000, 0], [2, 3]]))
    words = texts(pictures.draw(matrix, "svg"))
    counts = {"1,000", "100.0%", "0", "0.0%", "2", "40.0%", "3", "60.0%"}
    assert {"True label", "Predicted label", "neg", "pos", "a@1 on x.csv", *counts} <= set(words)
    heat_map = HeatMap("cell state", ["good", "字"], np.array([[0.5, -1.0], [0.0, 0.25]]), "the memory", signed=True)
    assert {"cell state", "the memory", "good", "字", "Unit"} <= set(texts(pictures.draw(heat_map, "svg")))


# --- figures with words ---------------------------------------------------------------------------------------------


def heat_map(words, units=4, title="cell state"):
    values = np.linspace(-1, 1, words * units).reshape(words, units)
    return HeatMap(title, [f"word{number}" for number in range(words)], values, "the memory", signed=True)


def panel(words, text="a text", *, cell=False, nearly_certain=False):
    effects = np.linspace(-0.5, 0.4, words)
    explained = SimpleNamespace(
        label="pos", start=0.5, words=[f"word{number}" for number in range(words)],
        known=[True] * (words - 1) + [False],
        probability=np.linspace(0.4, 0.9, words), effect=effects, effect_log_odds=10 * effects, strongest=[0],
        nearly_certain=nearly_certain, two_labels=True,
    )  # fmt: skip
    return WordPanel(text, explained, heat_map(words) if cell else None)


def labels_of(figure, style=PictureStyle()):  # noqa: B008
    return [text for text in texts(pictures.draw(figure, "svg", style)) if text.startswith("word")]


@pytest.mark.parametrize("words", [1, 100])
def test_no_word_is_left_out_of_the_labels(words):
    names = [f"word{number}" for number in range(words)]
    assert labels_of(heat_map(words)) == names
    assert labels_of(WordEffects("", [panel(words, cell=True)])) == [*names[:-1], f"{names[-1]} ?"]
    maps = [heat_map(words, title=title) for title in ("forget gate", "input gate")]
    assert sorted(labels_of(HeatMaps("", [("a text", maps)]))) == sorted(2 * names)


def test_words_keep_their_distance():
    """The picture grows with the text: labels that are turned do not overlap."""
    svg = pictures.draw(heat_map(80), "svg").decode()
    places = [float(x) for x in re.findall(r"rotate\(-90\D+([\d.]+) [^>]*>word\d+<", svg)]
    places = places or [float(x) for x in re.findall(r"translate\(([\d.]+) [^>]*>word\d+<", svg)]
    size = {float(number) for number in re.findall(r"font(?:-size)?: ?([\d.]+)px[^>]*>word\d+<", svg)}
    assert len(places) == 80 and len(size) == 1
    assert min(b - a for a, b in zip(places, places[1:], strict=False)) > max(size)


def test_too_small_for_the_words():
    with pytest.raises(UsageError, match="40 words have no room") as caught:
        pictures.draw(heat_map(40), "svg", PictureStyle(size=(3, 4)))
    width, height = map(float, caught.value.hint.removeprefix("--size ").split("x"))
    assert len(labels_of(heat_map(40), PictureStyle(size=(width, height)))) == 40  # the hint helps


def test_too_small_for_the_panels():
    figure = HeatMaps("maps", [(name, [heat_map(3)] * 6) for name in "ab"])
    with pytest.raises(UsageError, match="--size 8x5 is too small") as caught:
        pictures.draw(figure, "svg", PictureStyle(size=(8, 5)))
    width, height = map(float, caught.value.hint.removeprefix("--size ").split("x"))
    assert pictures.draw(figure, "svg", PictureStyle(size=(width, height)))  # the hint helps


def test_panels_of_texts():
    words = texts(pictures.draw(WordEffects("The title", [panel(3, "one"), panel(4, "two"), panel(2, "three")]), "svg"))
    assert {"The title", "one", "two", "three"} <= set(words)
    assert words.count("P(pos) so far") == words.count("Effect") == 3
    assert "Effect (log-odds)" in texts(pictures.draw(WordEffects("", [panel(3, nearly_certain=True)]), "svg"))


def test_pdf():
    for figure in (TrainingCurves([("imdb@1", THREE)]), heat_map(5), WordEffects("", [panel(3, cell=True)])):
        pdf = pictures.draw(figure, "pdf")
        assert pdf.startswith(b"%PDF-") and b"/CreationDate" not in pdf
        assert b"/TrueType" in pdf or b"/CIDFontType2" in pdf
        assert b"/Type3" not in pdf


FIGURES = [
    TrainingCurves([("imdb@1", THREE)]),
    SquareChart("ROC curve", "x", "y", "x.csv", [Line("a@1", [{"x": 0, "y": 0}, {"x": 1, "y": 1}], "AUC 0.500")]),
    ConfusionMatrix("a@1", "x.csv", ["neg", "pos"], np.array([[1, 0], [2, 3]])),
    heat_map(3),
    HeatMaps("maps", [("a", [heat_map(3)]), ("b", [heat_map(2)])]),
    WordEffects("effects", [panel(3)]),
]


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: type(figure).__name__)
def test_size_resolution_and_title(figure):
    style = PictureStyle(size=(5, 4), dpi=100, title="My own title")
    assert struct.unpack(">II", pictures.draw(figure, "png", style)[16:24]) == (500, 400)
    assert "My own title" in " ".join(texts(pictures.draw(figure, "svg", style)))


def test_the_score_is_in_the_legend():
    assert "a@1 (AUC 0.500)" in texts(pictures.draw(FIGURES[1], "svg"))
