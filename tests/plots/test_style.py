"""--size, --dpi and --title: what is read, what is refused, and how many pixels a picture may have."""

import pytest

from lstmctl.errors import UsageError
from lstmctl.plots.style import MOST_PIXELS_A_SIDE, PictureStyle


@pytest.mark.parametrize("text", ["8x5", "8X5", " 8 x 5 ", "8.0×5.", "08x5"])
def test_sizes(text):
    assert PictureStyle.parse(text, None, None) == PictureStyle(size=(8, 5))


@pytest.mark.parametrize(
    "text", ["", "8", "8x", "x5", "8x5x2", "-8x5", "8by5", "nanx5", "infx5", "1e1x5", "0x5", "8x0.9", "8x101"]
)
def test_sizes_that_are_refused(text):
    with pytest.raises(UsageError, match="--size must be") as caught:
        PictureStyle.parse(text, None, None)
    assert caught.value.hint == "--size 8x5"


@pytest.mark.parametrize("dpi", [-1, 0, 19, 1201, 10**30])
def test_resolutions_that_are_refused(dpi):
    with pytest.raises(UsageError, match="--dpi must be 20 to 1200"):
        PictureStyle.parse(None, dpi, None)


def test_titles():
    assert PictureStyle.parse(None, None, " two\n lines\x1b ").title == "two lines?"
    for title, message in (("", "empty"), ("   ", "empty"), ("a" * 201, "at most 200")):
        with pytest.raises(UsageError, match=message):
            PictureStyle.parse(None, None, title)


def test_nothing_was_asked_for():
    assert PictureStyle().is_usual and PictureStyle.parse(None, None, None).is_usual
    assert not any(
        PictureStyle.parse(*given).is_usual for given in (("8x5", None, None), (None, 72, None), (None, None, "t"))
    )


def test_pixels_have_a_limit():
    assert PictureStyle().resolution(8, 5) == 150
    assert PictureStyle(dpi=300).resolution(8, 5) == 300
    wide = PictureStyle().resolution(600, 5)
    assert wide < 150 and wide * 600 <= MOST_PIXELS_A_SIDE  # a long text, and nobody asked for a resolution
    with pytest.raises(UsageError, match="pixels") as caught:
        PictureStyle(dpi=1200).resolution(100, 100)
    assert PictureStyle(dpi=int(caught.value.hint.removeprefix("--dpi "))).resolution(100, 100) == 100
    with pytest.raises(UsageError, match="pixels"):
        PictureStyle().resolution(5000, 5)
