"""The program and its documentation use the field's words: input gate, candidate, cell state, baseline, held out."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "lstmctl"
# Words of earlier versions, and of the blog post, which the LSTM page and its module introduce beside the usual ones.
PRIVATE = re.compile(
    r"\b(?:belts?|conveyor|decision[ -]gates?|new[ _-]values?|floors?|kept[ -]aside|twins?|suspects|shel(?:f|ves)"
    r"|to beat|flatters|places on|texts a step|stand for a word|drawn sets?|as sure as)\b",
    re.IGNORECASE,
)
# Where the old words must stay: they are still accepted as input.
ACCEPTED = {
    "docs/reference/model-files.md": {"floors"},
    "docs/reference/explanations.md": {"new-value"},
    "cli/plot/texts.py": {"belt"},
    "model/what_if.py": {"belt", "new-value"},
    "registry/card.py": {"floors"},
}
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
STORY = {ROOT / "docs" / "explain" / "lstm.md", PACKAGE / "model" / "lstm.py"}


def texts(path):
    """(line, text) of each string constant of a module: help, messages, keys, docstrings."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


@pytest.mark.parametrize(
    "path", sorted({*PACKAGE.rglob("*.py")} - STORY), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_words_of_the_program(path):
    accepted = ACCEPTED.get(str(path.relative_to(PACKAGE)), set())
    found = [(line, word) for line, text in texts(path) for word in PRIVATE.findall(text) if word not in accepted]
    assert not found


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page not in STORY], ids=lambda page: str(page.relative_to(ROOT))
)
def test_words_of_a_page(page):
    accepted = ACCEPTED.get(str(page.relative_to(ROOT)), set())
    assert not [word for word in PRIVATE.findall(page.read_text()) if word not in accepted]


def test_the_story_introduces_them():
    """The post's words stand beside the usual ones."""
    for path in STORY:
        text = path.read_text()
        assert all(
            re.search(word, text) for word in ("input gate", "decision gate", "candidate", "new value", "conveyor belt")
        )


def test_recipes():
    assert not any(PRIVATE.findall(path.read_text()) for path in (PACKAGE / "recipes").glob("*.toml"))
