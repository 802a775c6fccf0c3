"""The screens of the documentation: drawn from the output of the program on a real terminal."""

import importlib.util
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from toy import register_toy

DOCS = Path(__file__).parent.parent / "docs"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def make():
    spec = importlib.util.spec_from_file_location("make_screens", DOCS / "screens" / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def texts(svg):
    """(x, y, text) of all that is written in a picture."""
    return [
        (float(text.get("x")), float(text.get("y")), text.text)
        for text in ElementTree.fromstring(svg).iter(f"{SVG}text")
    ]


def test_screens_exist_and_bars_are_aligned(make):
    names = {screen.name for screen in make.SCREENS}
    assert names == {"short", "long", "narrow", "plain", "chinese", "cell"}
    for screen in make.SCREENS:
        svg = (DOCS / "screens" / f"{screen.name}.svg").read_text(encoding="utf-8")
        root = ElementTree.fromstring(svg)
        assert root.find(f"{SVG}title").text.startswith(f"$ lstmctl {screen.command[0]}")
        written = texts(svg)
        right = float(root.get("width"))
        assert all(x + len(text) * make.CELL <= right for x, _, text in written if text.isascii()), screen.name
        bars = [x for x, _, text in written if text == "│"]
        if "--explain" in screen.command and not screen.plain:
            assert len(bars) >= 10 and len(set(bars)) == 1, screen.name
    plain = (DOCS / "screens" / "plain.svg").read_text()
    assert plain.isascii() and "style=" not in plain and 'class="bold' not in plain


@pytest.mark.parametrize("columns", [40, 60, 80])
def test_screen_shows_what_the_program_writes(make, tmp_path, columns):
    register_toy(tmp_path / "home")
    screen = make.Screen("any", columns, make.explained("good 👍🏽 film 电影 bad"))
    written = make.output(screen, {"LSTMCTL_HOME": str(tmp_path / "home")})
    assert f"\x1b[{len('(start)') + 1}G" in written  # the cursor moves to where the columns after the word begin
    found = texts(make.draw(screen, written))
    assert len({x for x, _, text in found if text == "│"}) == 1
    marks = [y for _, y, text in found if text == "?"]
    first_table = reversed([(text, y) for x, y, text in found if x == make.MARGIN])
    rows = dict(first_table)  # below it, the units have the same words
    assert sorted(marks[:3]) == sorted(rows[word] for word in ("👍🏽", "电", "影"))


def test_runs_of_escape_sequences(make):
    line = "ab\x1b[1mc\x1b[0m\x1b[38;5;32md\x1b[0m\x1b[48;5;25m  \x1b[0m\x1b[20Ge"
    runs = list(make.runs(line))
    assert [(run.column, run.text) for run in runs] == [(0, "ab"), (2, "c"), (3, "d"), (4, "  "), (19, "e")]
    assert [(set(run.classes), run.color, run.background) for run in runs] == [
        (set(), None, None), ({"bold"}, None, None), (set(), 32, None), (set(), None, 25), (set(), None, None)
    ]  # fmt: skip


def test_readme_shows_a_screen():
    shown = re.findall(r"!\[[^\]]+\]\((docs/screens/[\w-]+\.svg)\)", (DOCS.parent / "README.md").read_text())
    assert shown and all((DOCS.parent / path).exists() for path in shown)
