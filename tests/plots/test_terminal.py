"""Charts in the terminal: what they show, at every width, in every dress, and whatever the numbers are."""

import math
import re
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmctl.errors import UsageError
from lstmctl.history import EpochRecord
from lstmctl.plots import terminal
from lstmctl.plots.terminal import curves_chart
from lstmctl.plots.text import bar

ESCAPE = re.compile(r"\x1b\[([0-9;]*)m")


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


def many(epochs, *, best):
    return [
        record(n, 1 / n, 1 - 0.3 / n, 0.4 + abs(n - best) / 100, 0.9 - abs(n - best) / 1000)
        for n in range(1, epochs + 1)
    ]


def draw(records=THREE, *, name="imdb@1", width=80, height=None, color=False, unicode=True):
    return curves_chart([(name, records)], width=width, height=height, color=color, unicode=unicode)


# --- the figure -----------------------------------------------------------------------------------------------------

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


def test_the_figure_in_ascii():
    assert draw(width=57, unicode=False) == IN_ASCII


def test_the_figure_in_braille():
    lines = draw().split("\n")
    assert [line.split("┤")[0] for line in lines if "┤" in line] == [".95", ".90", ".85", ".80", ".75"]
    assert re.findall(r"\.\d\d(?=┤)", "".join(lines))[1::2] == [".60", ".50", ".40", ".30", ".20"]
    assert lines[0].split() == ["accuracy", "loss"]
    assert lines[11].split() == ["1", "2", "3", "1", "2", "3"]
    assert lines[12] == "    ━━ train   ∙∙ validation   ★ best epoch   imdb@1"
    assert len(lines) == 13


def test_marks_stand_on_the_epochs_and_the_star_on_the_lowest_validation_loss():
    lines = draw().split("\n")
    ticks = [match.start() for match in re.finditer(r"\d", lines[11])]
    places = {mark: [match.start() for line in lines[1:10] for match in re.finditer(mark, line)] for mark in "●★"}
    assert sorted(places["●"]) == [ticks[0], ticks[2], ticks[3], ticks[5]]
    assert sorted(places["★"]) == [ticks[1], ticks[4]]


def test_many_epochs_are_not_marked_but_for_the_best():
    drawn = draw(many(100, best=40)).rsplit("\n", 1)[0]
    assert drawn.count("●") == 0
    assert drawn.count("★") == 2
    assert drawn.split("\n")[11].split() == ["1", "20", "40", "60", "80", "100"] * 2


@pytest.mark.parametrize("width", [0, 24, 40, 55, 56, 57, 60, 80, 119, 120, 200])
@pytest.mark.parametrize("unicode", [True, False])
def test_no_line_is_wider_than_the_terminal(width, unicode):
    lines = draw(many(30, best=7), width=width, unicode=unicode).split("\n")
    assert max(map(len, lines)) <= min(120, max(24, width))
    titles = [line.split() for line in lines if "accuracy" in line or "loss" in line]
    assert titles == ([["accuracy", "loss"]] if width >= 56 else [["accuracy"], ["loss"]])


@pytest.mark.parametrize(("height", "rows"), [(None, 12), (1, 8), (11, 8), (12, 12), (19, 16), (20, 20)])
def test_the_height_keeps_ticks_evenly_spaced(height, rows):
    lines = draw(height=height).split("\n")
    assert len(lines) == rows + 1
    places = [number for number, line in enumerate(lines) if "┤" in line]
    assert len(places) == 5
    assert len({later - earlier for earlier, later in zip(places, places[1:], strict=False)}) == 1


def test_colour_is_for_the_two_curves_and_changes_nothing_else():
    plain, painted = draw(), draw(color=True)
    assert "\x1b" not in plain
    assert "\n".join(line.rstrip() for line in ESCAPE.sub("", painted).split("\n")) == plain
    assert set(ESCAPE.findall(painted)) == {"0", "38;5;32", "38;5;166"}
    assert "\x1b[38;5;32m━━\x1b[0m train" in painted
    assert "\x1b[38;5;166m★\x1b[0m best epoch" in painted


def test_nothing_is_printed(capfd):
    draw(color=True)
    assert capfd.readouterr() == ("", "")


# --- several models -------------------------------------------------------------------------------------------------


def test_several_models_have_a_letter_and_a_colour_each():
    runs = [("imdb@1", THREE), ("imdb@2", many(4, best=3))]
    drawn = curves_chart(runs, width=80, color=True, unicode=True)
    assert "\x1b[38;5;32mA\x1b[0m imdb@1   \x1b[38;5;166mB\x1b[0m imdb@2" in drawn
    assert set(ESCAPE.findall(drawn)) == {"0", "38;5;32", "38;5;166"}
    panels = drawn.rsplit("\n", 1)[0]
    assert panels.count("A") >= 4
    assert panels.count("B") >= 4
    assert panels.count("★") == 4
    assert "●" not in panels


def test_too_many_models_are_refused():
    with pytest.raises(UsageError, match="9 models"):
        curves_chart([("imdb@1", THREE)] * 9, width=80, color=False, unicode=True)


def test_long_and_hostile_names_are_cut_and_made_harmless():
    names = ["somewhere/" * 20 + "epoch-3", "\x1b[2Jevil\nname\x9b", "评论@1"]
    runs = [(name, THREE) for name in names]
    lines = curves_chart(runs, width=60, color=False, unicode=True).split("\n")
    assert max(map(len, lines)) <= 60
    assert any(line.endswith("somewhere/epoch-3") and "A ..." in line for line in lines)
    assert any("B ?[2Jevil?name?" in line for line in lines)
    assert curves_chart(runs, width=60, color=False, unicode=False).isascii()


# --- numbers that cannot be drawn -----------------------------------------------------------------------------------


def test_one_epoch_is_told_in_numbers():
    lines = draw(THREE[:1]).split("\n")
    assert lines == [
        "imdb@1 epoch 1 (a curve needs two)",
        "accuracy  0.779 train  0.872 validation",
        "loss      0.455 train  0.319 validation",
    ]
    assert "nan train" in draw([record(1, math.nan, 0.5, math.nan, 0.5)])


def test_no_epoch_at_all_is_an_error():
    with pytest.raises(ValueError, match="no epochs"):
        draw([])


def test_a_model_without_epochs_takes_nothing_from_the_others():
    drawn = curves_chart([("imdb@1", ()), ("imdb@2", THREE)], width=80, color=False, unicode=True)
    assert drawn.count("★") == 3


def test_diverged_training_keeps_what_was_a_number():
    drawn = draw([*THREE, record(4, math.nan, 0.5, math.inf, math.nan)])
    assert drawn.count("★") == 3
    assert drawn.split("\n")[11].split() == ["1", "2", "3", "4"] * 2


def test_nothing_but_nan_draws_empty_panels():
    drawn = draw([record(n, math.nan, math.nan, math.nan, math.nan) for n in (1, 2)])
    assert drawn.count("┤") == 10
    assert drawn.count("★") == 1  # in the key


@given(
    st.lists(st.tuples(*[st.floats(width=32) | st.floats(0, 1)] * 4), min_size=2, max_size=12),
    st.integers(1, 130),
    st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_any_numbers_can_be_drawn(rows, width, unicode):
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
def test_ticks_of_accuracies(values, labels):
    assert terminal._scale(values, most=1.0)[1] == labels


def test_ticks_of_large_losses():
    assert terminal._scale([0.2, 9.0], most=math.inf)[1] == [".00", "2.50", "5.00", "7.50", "10.00"]


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=5))
@settings(max_examples=100, deadline=None)
def test_ticks_hold_all_values_in_four_round_steps(values):
    ticks, labels = terminal._scale(values, most=math.inf)
    step = (ticks[4] - ticks[0]) / 4
    assert len(ticks) == len(set(labels)) == 5
    assert ticks[0] <= min(values) + step / 1000
    assert ticks[4] >= max(values) - step / 1000
    assert min(abs(step / 10 ** round(math.log10(step / factor)) - factor) for factor in (1, 2, 2.5, 5)) < 1e-3
    assert [float(label) for label in labels] == pytest.approx(ticks, abs=step / 1000)


@given(st.integers(1, 2000), st.integers(1, 10_000), st.integers(8, 60))
@settings(max_examples=100, deadline=None)
def test_ticks_of_epochs_are_integers_with_first_and_last_and_room_for_labels(first, span, columns):
    ticks = terminal._integers(first, first + span, columns=columns)
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
def test_bars_have_half_cells(value, drawn):
    assert bar(value, 10, unicode=True) == drawn
    assert bar(value, 10, unicode=False) == drawn.translate(str.maketrans("━╸", "=-"))


def test_importing_the_module_is_light():
    heavy = ("plotext", "numpy", "rich")
    program = f"import sys, lstmctl.plots.terminal; print([name for name in {heavy} if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
