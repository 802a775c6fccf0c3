"""Descriptions of figures: what is refused, left out and averaged."""

import math

import numpy as np
import pytest
from epochs import THREE, record

from lstmctl.errors import UsageError
from lstmctl.plots.figures import COLORS, ConfusionMatrix, HeatMap, TrainingCurves, drawable, rgb


def test_too_many_models():
    with pytest.raises(UsageError, match="9 models"):
        TrainingCurves([("imdb@1", THREE)] * 9)


@pytest.mark.parametrize("runs", [[], [("imdb@1", ())]])
def test_no_epochs(runs):
    with pytest.raises(ValueError, match="no epochs"):
        TrainingCurves(runs)


def test_curves_of_one_model():
    (curve,) = TrainingCurves([("imdb@1", THREE)]).curves("accuracy")
    assert curve.train == [(1, 0.779), (2, 0.888), (3, 0.912)]
    assert curve.validation == [(1, 0.872), (2, 0.881), (3, 0.879)]
    assert curve.best == [(2, 0.881)]  # the lowest validation loss
    assert (curve.train_color, curve.color) == COLORS[:2]


def test_curves_of_several_models():
    diverged = [*THREE, record(4, math.nan, 0.5, -math.inf, math.nan)]
    figure = TrainingCurves([("a@1", THREE), ("b@1", diverged), ("c@1", ())])
    assert figure.first_and_last == (1, 4)
    first, second, third = figure.curves("loss")
    assert (first.color, second.color, third.color) == COLORS[:3]
    assert [curve.train_color for curve in (first, second, third)] == [*COLORS[:3]]
    assert second.best == [(2, 0.295)] and len(second.train) == 3
    assert third.train == third.validation == third.best == []


def test_drawable_points():
    huge = [(1, math.nan), (2, math.inf), (3, -math.inf), (4, 10_001), (5, 10_000)]
    assert drawable(huge) == [(5, 10_000)]


def test_rgb():
    assert [rgb(color) for color in (16, 231, 232, 255, 102, 133)] == [
        "#000000", "#ffffff", "#080808", "#eeeeee", "#878787", "#af5faf"
    ]  # fmt: skip


def test_confusion_proportions():
    matrix = ConfusionMatrix("a@1", "x.csv", ["a", "b", "c"], np.array([[3, 1, 0], [0, 0, 0], [1, 1, 2]]))
    assert matrix.proportions.tolist() == [[0.75, 0.25, 0], [0, 0, 0], [0.25, 0.25, 0.5]]


def test_heat_map_range():
    values = np.array([[0.5, -0.75, 0.25]])
    assert HeatMap("", ["a"], values, "", signed=True).range == (-0.75, 0.75)
    assert HeatMap("", ["a"], values, "", signed=False).range == (-0.75, 0.5)


def test_heat_map_means():
    heat_map = HeatMap("", ["a", "b"], np.array([[1.0, 3.0, 8.0], [2.0, 2.0, 5.0]]), "", signed=False)
    assert heat_map.mean_over(1) is heat_map
    assert heat_map.mean_over(2).values.tolist() == [[2, 8], [2, 5]]
    assert heat_map.mean_over(3).values.tolist() == [[4], [3]]
