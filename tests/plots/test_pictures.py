"""The curves as a picture: what it says, that it is always the same, and what it needs."""

import math
import re
import struct
import subprocess
import sys
from xml.etree import ElementTree

import matplotlib
import pytest

from lstmctl.errors import ExitCode, MissingExtra, UsageError
from lstmctl.history import EpochRecord
from lstmctl.plots.pictures import curves_image


def record(epoch, loss, accuracy, val_loss, val_accuracy):
    return EpochRecord(
        epoch=epoch,
        loss=loss,
        accuracy=accuracy,
        val_loss=val_loss,
        val_accuracy=val_accuracy,
        val_low=0.0,
        val_high=1.0,
        learning_rate=0.001,
        seconds=5.0,
    )


THREE = (
    record(1, 0.455, 0.779, 0.319, 0.872),
    record(2, 0.289, 0.888, 0.295, 0.881),
    record(3, 0.221, 0.912, 0.318, 0.879),
)


def texts(svg):
    """All text in a picture, as written."""
    root = ElementTree.fromstring(svg)
    return ["".join(element.itertext()).strip() for element in root.iter("{http://www.w3.org/2000/svg}text")]


def test_a_png_is_a_png_of_a_readable_size():
    png = curves_image([("imdb@1", THREE)], format="png")
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", png[16:24]) == (1650, 720)


def test_an_svg_has_titles_labels_and_whole_epochs():
    words = texts(curves_image([("imdb@1", THREE)], format="svg"))
    assert "Training and validation accuracy" in words
    assert "Training and validation loss" in words
    assert words.count("epoch") == 2
    assert {"accuracy", "loss", "training", "validation", "best epoch", "imdb@1"} <= set(words)
    assert [word for word in words if re.fullmatch(r"\d+", word)] == ["1", "2", "3"] * 2


def test_the_same_runs_give_the_same_bytes_whatever_matplotlib_is_set_to():
    for form in "svg", "png":
        first = curves_image([("imdb@1", THREE)], format=form)
        with matplotlib.rc_context({"axes.facecolor": "black", "font.size": 40, "svg.hashsalt": "other"}):
            assert curves_image([("imdb@1", THREE)], format=form) == first
            assert matplotlib.rcParams["font.size"] == 40
        assert b"<dc:date>" not in first


def test_many_models_with_awkward_names():
    names = ["_hidden@1", "a$b$c", "<&>", "\x1b[2J\n", "评论@1", "somewhere/" * 20 + "epoch-3"]
    words = texts(curves_image([(name, THREE) for name in names], format="svg"))
    assert {"_hidden@1", "a$b$c", "<&>", "?[2J?", "评论@1"} <= set(words)
    assert any(word.endswith("somewhere/epoch-3") and len(word) <= 40 for word in words)


def test_too_many_models_are_refused():
    with pytest.raises(UsageError, match="9 models"):
        curves_image([("imdb@1", THREE)] * 9, format="png")


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
def test_any_numbers_can_be_drawn(records):
    words = texts(curves_image([("imdb@1", records)], format="svg"))
    epochs = [word for word in words if re.fullmatch(r"\d+", word)]
    assert "0" not in epochs
    assert epochs


def test_no_epoch_at_all_is_an_error():
    with pytest.raises(ValueError, match="no epochs"):
        curves_image([("imdb@1", ())], format="svg")


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra) as caught:
        curves_image([("imdb@1", THREE)], format="png")
    assert caught.value.exit_code == ExitCode.MISSING_EXTRA
    assert caught.value.hint == "pip install 'lstmctl[plots]'"


def test_importing_the_module_is_light():
    program = (
        "import sys, lstmctl.plots.pictures; print([name for name in ('matplotlib', 'numpy') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
