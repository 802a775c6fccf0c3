"""docs/reference/json.md and what the program writes: the same schemas, with the same keys."""

import json
import os
import re
from pathlib import Path

import pytest
from toy import register_toy

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "json.md"
PACKAGE = Path(__file__).parents[2] / "lstmctl"
FILES = {"lstmctl.card/1", "lstmctl.state/1", "lstmctl.scoring/1"}  # what only the program itself reads


def documented():
    """Schema → (keys that are always there, keys that can be)."""
    found = {}
    for line in PAGE.read_text().splitlines():
        if line.startswith("| `lstmctl."):
            schemas, _, keys = (cell for cell in line.strip("|").split("|"))
            always = set(re.findall(r"`(\w+)`(?!\?)", keys))
            for schema in re.findall(r"`(lstmctl\.[^`]+)`", schemas):
                found[schema] = always, always | set(re.findall(r"`(\w+)`\?", keys))
    return found


def test_every_schema_is_there():
    written = set()
    for path in PACKAGE.rglob("*.py"):
        written |= set(re.findall(r'"(lstmctl\.[a-z_-]+/\d)"', path.read_text()))
    written |= {"lstmctl.roc/1", "lstmctl.pr/1", "lstmctl.calibration/1"}  # made of the kind of plot
    assert set(documented()) == written - FILES


@pytest.mark.parametrize(
    "arguments",
    [
        ["predict", "good film"],
        ["predict", "-k", "2", "-i", "labelled.csv", "--keep-columns"],
        ["predict", "--explain", "good film"],
        ["predict", "--explain", "--all-units", "good film"],
        ["predict", "-i", "label*.csv", "-o", "scored"],
        ["evaluate", "--data", "labelled.csv", "--by", "length", "--worst", "2", "--threshold", "0.6"],
        ["evaluate", "tiny@1", "tiny@2", "--data", "labelled.csv"],
        ["models", "list"],
        ["models", "verify"],
        ["train", "--data", "labelled.csv", "--dry-run"],
        ["plot"],
        ["plot", "--kind", "confusion", "--data", "labelled.csv"],
        ["plot", "--kind", "roc", "--data", "labelled.csv"],
        ["plot", "--kind", "calibration", "--data", "labelled.csv"],
        ["plot", "--kind", "pr", "--data", "labelled.csv"],
        ["plot", "--kind", "gates", "--text", "good film"],
        ["plot", "--kind", "words", "--text", "good film"],
        ["summary"],
        ["summary", "--gates", "--text", "good film"],
        ["summary", "--word", "good"],
        ["summary", "--near", "good"],
        ["data", "list"],
        ["data", "check", "--data", "labelled.csv"],
    ],
    ids=" ".join,
)
def test_the_keys_are_those_of_the_page(cli, tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        register_toy(Path(os.environ["LSTMCTL_HOME"]))
    rows = (f"good {n},pos\nbad {n},neg\nfilm {n},pos\n" for n in range(20))
    Path("labelled.csv").write_text("text,label\n" + "".join(rows))
    done = cli(*arguments, "--json")
    assert done.code == 0, done.err
    assert done.lines
    for line in done.lines:
        answer = json.loads(line)
        always, possible = documented()[answer.pop("schema")]
        assert always <= set(answer) <= possible
