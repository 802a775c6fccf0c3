"""Training curves in the terminal: at every width, in colour, Unicode and ASCII, and for any numbers."""

import math
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest
from epochs import THREE, record
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmctl.plots import terminal
from lstmctl.plots.figures import TrainingCurves
from lstmctl.plots.text import bar

ESCAPE = re.compile(r"\x1b\[([0-9;]*)m")


def many(epochs, *, best):
    return [
        record(n, 1 / n, 1 - 0.3 / n, 0.4 + abs(n - best) / 100, 0.9 - abs(n - best) / 1000)
        for n in range(1, epochs + 1)
    ]


def draw(records=THREE, *, name="imdb@1", width=80, color=False, unicode=True):
    return draw_runs([(name, records)], width=width, color=color, unicode=unicode)


def draw_runs(runs, *, width=80, color=False, unicode=True):
    return terminal.curves_chart(TrainingCurves(runs), SimpleNamespace(width=width, color=color, unicode=unicode))


# --- one model -----------------------------------------------------------------------------------------------------

IN_ASCII = """\
          accuracy                       loss
.95+                         .60+
   |                            |
.90+           ************  .50+
   |o + + + +*+#+ + + + + o     |**
.85+      ***                .40+  ****
   |    **                      |      ***
.80+ ***                     .30+o + + + +*+#+*+ + + + o
   |*                           |              ********
.75+                         .20+                      *
   ++----------+----------+     ++----------+----------+
    1          2          3      1          2          3
    ** train   ++ validation   # best epoch   imdb@1"""


def test_ascii_figure():
    assert draw(width=57, unicode=False) == IN_ASCII


def test_braille_figure():
    lines = draw().split("\n")
    assert [line.split("┤")[0] for line in lines if "┤" in line] == [".95", ".90", ".85", ".80", ".75"]
    assert re.findall(r"\.\d\d(?=┤)", "".join(lines))[1::2] == [".60", ".50", ".40", ".30", ".20"]
    assert lines[0].split() == ["accuracy", "loss"]
    assert lines[11].split() == ["1", "2", "3", "1", "2", "3"]
    assert lines[12] == "    ━━ train   ∙∙ validation   ★ best epoch   imdb@1"
    assert len(lines) == 13


def test_marks_and_star():
    lines = draw().split("\n")
    ticks = [match.start() for match in re.finditer(r"\d", lines[11])]
    places = {mark: [match.start() for line in lines[1:10] for match in re.finditer(mark, line)] for mark in "●★"}
    assert sorted(places["●"]) == [ticks[0], ticks[2], ticks[3], ticks[5]]
    assert sorted(places["★"]) == [ticks[1], ticks[4]]


def test_many_epochs_have_one_mark():
    drawn = draw(many(100, best=40)).rsplit("\n", 1)[0]
    assert drawn.count("●") == 0
    assert drawn.count("★") == 2
    assert drawn.split("\n")[11].split() == ["1", "20", "40", "60", "80", "100"] * 2


@pytest.mark.parametrize("width", [0, 24, 40, 55, 56, 57, 60, 80, 119, 120, 200])
@pytest.mark.parametrize("unicode", [True, False])
def test_width(width, unicode):
    lines = draw(many(30, best=7), width=width, unicode=unicode).split("\n")
    assert max(map(len, lines)) <= min(120, max(24, width))
    titles = [line.split() for line in lines if "accuracy" in line or "loss" in line]
    assert titles == ([["accuracy", "loss"]] if width >= 56 else [["accuracy"], ["loss"]])


def test_ticks_are_evenly_spaced():
    lines = draw().split("\n")
    assert len(lines) == 13
    places = [number for number, line in enumerate(lines) if "┤" in line]
    assert len(places) == 5
    assert len({later - earlier for earlier, later in zip(places, places[1:], strict=False)}) == 1


def test_colors_change_nothing_else():
    plain, painted = draw(), draw(color=True)
    assert "\x1b" not in plain
    assert "\n".join(line.rstrip() for line in ESCAPE.sub("", painted).split("\n")) == plain
    assert set(ESCAPE.findall(painted)) == {"0", "38;5;32", "38;5;166"}
    assert "\x1b[38;5;32m━━\x1b[0m train" in painted
    assert "\x1b[38;5;166m★\x1b[0m best epoch" in painted


def test_drawing_prints_nothing(capfd):
    draw(color=True)
    assert capfd.readouterr() == ("", "")


# --- several models -------------------------------------------------------------------------------------------------


def test_several_models():
    runs = [("imdb@1", THREE), ("imdb@2", many(4, best=3))]
    drawn = draw_runs(runs, color=True)
    assert "\x1b[38;5;32mA\x1b[0m imdb@1   \x1b[38;5;166mB\x1b[0m imdb@2" in drawn
    assert set(ESCAPE.findall(drawn)) == {"0", "38;5;32", "38;5;166"}
    panels = drawn.rsplit("\n", 1)[0]
    assert panels.count("A") >= 4
    assert panels.count("B") >= 4
    assert panels.count("★") == 4
    assert "●" not in panels


def test_hostile_model_names():
    names = ["somewhere/" * 20 + "epoch-3", "\x1b[2Jevil\nname\x9b", "评论@1"]
    runs = [(name, THREE) for name in names]
    lines = draw_runs(runs, width=60).split("\n")
    assert max(map(len, lines)) <= 60
    assert any(line.endswith("somewhere/epoch-3") and "A ..." in line for line in lines)
    assert any("B ?[2Jevil?name?" in line for line in lines)
    assert draw_runs(runs, width=60, unicode=False).isascii()


# --- numbers that cannot be drawn -----------------------------------------------------------------------------------


def test_single_epoch():
    lines = draw(THREE[:1]).split("\n")
    assert lines == [
        "imdb@1 epoch 1 (a curve needs two)",
        "accuracy  0.779 train  0.872 validation",
        "loss      0.455 train  0.319 validation",
    ]
    assert "nan train" in draw([record(1, math.nan, 0.5, math.nan, 0.5)])


def test_model_without_epochs():
    drawn = draw_runs([("imdb@1", ()), ("imdb@2", THREE)])
    assert drawn.count("★") == 3


def test_diverged_training():
    drawn = draw([*THREE, record(4, math.nan, 0.5, math.inf, math.nan)])
    assert drawn.count("★") == 3
    assert drawn.split("\n")[11].split() == ["1", "2", "3", "4"] * 2


def test_only_nan():
    drawn = draw([record(n, math.nan, math.nan, math.nan, math.nan) for n in (1, 2)])
    assert drawn.count("┤") == 10
    assert drawn.count("★") == 1  # in the key


@given(
    st.lists(st.tuples(*[st.floats(width=32) | st.floats(0, 1)] * 4), min_size=2, max_size=12),
    st.integers(1, 130),
    st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_any_numbers_are_drawn(rows, width, unicode):
    """One NaN that reached plotext would end this whole process."""
    records = [record(number, *values) for number, values in enumerate(rows, start=1)]
    lines = draw(records, width=width, unicode=unicode).split("\n")
    assert max(map(len, lines)) <= min(120, max(24, width))
    assert unicode or "\n".join(lines).isascii()


# --- ticks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([0.779, 0.912], [".75", ".80", ".85", ".90", ".95"]),
        ([0.3, 0.7], [".30", ".40", ".50", ".60", ".70"]),
        ([0.97, 0.995], [".96", ".97", ".98", ".99", "1.00"]),
        ([1.0, 1.0], [".980", ".985", ".990", ".995", "1.000"]),
        ([0.0, 1.0], [".00", ".25", ".50", ".75", "1.00"]),
        ([], [".00", ".25", ".50", ".75", "1.00"]),
    ],
)
def test_accuracy_ticks(values, labels):
    assert terminal._value_axis(values, most=1.0).labels == labels


def test_large_loss_ticks():
    assert terminal._value_axis([0.2, 9.0], most=math.inf).labels == [".00", "2.50", "5.00", "7.50", "10.00"]


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=5))
@settings(max_examples=100, deadline=None)
def test_ticks_are_round_and_hold_all_values(values):
    ticks, labels = terminal._value_axis(values, most=math.inf)
    step = (ticks[4] - ticks[0]) / 4
    assert len(ticks) == len(set(labels)) == 5
    assert ticks[0] <= min(values) + step / 1000
    assert ticks[4] >= max(values) - step / 1000
    assert min(abs(step / 10 ** round(math.log10(step / factor)) - factor) for factor in (1, 2, 2.5, 5)) < 1e-3
    assert [float(label) for label in labels] == pytest.approx(ticks, abs=step / 1000)


@given(st.integers(1, 2000), st.integers(1, 10_000), st.integers(8, 60))
@settings(max_examples=100, deadline=None)
def test_epoch_ticks_have_room(first, span, columns):
    ticks, labels = terminal._epoch_axis(first, first + span, columns=columns)
    assert labels == [str(tick) for tick in ticks]
    assert (ticks[0], ticks[-1]) == (first, first + span)
    gaps = [later - earlier for earlier, later in zip(ticks, ticks[1:], strict=False)]
    assert min(gaps) > 0
    if len(ticks) > 2:
        assert min(gaps) * (columns - 1) / span >= len(str(first + span)) + 2


# --- bars -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "drawn"),
    [
        (0, ""),
        (0.02, ""),
        (0.5, "━━━━━"),
        (0.54, "━━━━━╸"),
        (0.97, "━━━━━━━━━╸"),
        (1, "━━━━━━━━━━"),
        (7, "━━━━━━━━━━"),
        (-1, ""),
    ],
)
def test_bars(value, drawn):
    assert bar(value, 10) == drawn


def test_import_is_light():
    heavy = ("plotext", "numpy", "rich")
    program = f"import sys, lstmctl.plots.terminal; print([name for name in {heavy} if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
