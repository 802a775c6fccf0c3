"""README and docs: every command is run, every output is what it prints, every link leads somewhere."""

import os
import re
import runpy
import shutil
import sys
from pathlib import Path

import pytest
from keras_files import keras_file
from public_shapes import write_public_shapes
from terminal import run_in_terminal

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
INSTALL_AND_TRAIN = "pip install . && lstmctl train --epochs 3"
INSTALL_AND_TEST = "pip install '.[dev]' && pytest"

# What the examples find in their folder.
FILES = {
    "reviews.csv": "text,label,review,stars\n"
    + "".join(f"good film {n},pos,good film {n},5\nbad film {n},neg,bad film {n},1\n" for n in range(40)),
    "texts.txt": "good film\nbad film\n",
    "imdb_word_index.json": '{"the": 1, "film": 2, "great": 3, "movie": 4, "bad": 5}',
}


def blocks(page):
    """(language, content) of each fenced block of a page."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


def scripts(page):
    """What there is to run on a page, as shell scripts: whole `sh` blocks, and the lines after `$ ` of the others."""
    for language, content in blocks(page):
        if language == "sh":
            yield content
        elif language in ("console", "text"):
            yield from (line[2:] for line in content.split("\n") if line.startswith("$ "))


def shown(page):
    """(script, output) of what a page shows: the output behind a line with `$ `, or in the block after a script."""
    script = None
    for language, content in blocks(page):
        if language == "sh":
            script = content
        elif language in ("console", "text"):
            output = ""
            for line in content.splitlines():
                if line.startswith("$ "):
                    if output:
                        yield script, output
                    script, output = line[2:], ""
                else:
                    output += f"{line}\n"
            if output:
                yield script, output


# What two machines may differ in: they train models with other last bits, which read a text a little differently.
PROPORTION, COUNT = 0.05, 0.3  # absolute, of a number with decimals; relative, of a whole number
UNDECIDED = 0.08  # this near to one half, a probability may belong to either label
_DRAWN = re.compile(r"[\u2800-\u28ff━╸╺│┤└┬─●★◀∙]|best so far|≈ epoch \d+")  # drawn from numbers that are compared
_TIME = re.compile(r"\d+ s\b|\d{4}-\d\d-\d\d \d\d:\d\d|\d+:\d\d left|[\d,]+/s\b")
_NUMBER = re.compile(r"[-+−±]?\d*\.?\d[\d,]*(?:e-\d+)?")
_LABELS = {"neg", "pos"}


def lines_of(output):
    """The words of each line that is not empty, without what is drawn, and without times and dates."""
    lines = (_TIME.sub("TIME", _DRAWN.sub(" ", line)).split() for line in output.splitlines())
    return [words for words in lines if words]


def number(word):
    """(value, whether it is a whole number) of a word such as `(0.855`, `1,118` or `"start":0.5,`; else None."""
    found = _NUMBER.fullmatch(word.strip('(){}[],:;%"'))
    if found is None:
        return None
    text = found[0].replace(",", "").replace("−", "-").lstrip("±")
    return float(text), text.lstrip("-+").isdigit()


def same_number(expected, found):
    if expected[1] and found[1]:
        return abs(expected[0] - found[0]) <= max(2, COUNT * abs(expected[0]))
    return abs(expected[0] - found[0]) <= max(PROPORTION, COUNT * abs(expected[0]) if abs(expected[0]) > 1 else 0)


def same_line(expected, found):
    """Words are equal and numbers close. A label may be the other one where the number behind it is near one half."""
    if len(expected) != len(found):
        return False
    numbers = [value for word in expected if (value := number(word)) is not None]
    undecided = bool(numbers) and abs(numbers[0][0] - 0.5) <= UNDECIDED
    for ours, theirs in zip(expected, found, strict=True):
        if (a := number(ours)) is not None and (b := number(theirs)) is not None:
            if not same_number(a, b):
                return False
        elif ours != theirs and not (undecided and {ours, theirs} <= _LABELS):
            return False
    return True


def difference(expected, found):
    """The first line of a documented output that the program does not print like this, or None.

    Of a table of neighbouring words, half must be the same: which are nearest depends on the last bits of training.
    """
    expected, found = lines_of(expected), lines_of(found)
    if any("cosine" in words for words in expected):
        ours, theirs = ({words[0] for words in lines if len(words) == 3} for lines in (expected, found))
        return None if 2 * len(ours & theirs) >= len(ours) else f"neighbours: {sorted(ours)} but {sorted(theirs)}"
    for ours, theirs in zip(expected, found, strict=False):
        if not same_line(ours, theirs):
            return f"documented: {' '.join(ours)}\nprinted:    {' '.join(theirs)}"
    return None if len(expected) == len(found) else f"{len(expected)} lines are documented, {len(found)} printed"


@pytest.mark.parametrize(
    ("documented", "printed", "same"),
    [
        ("accuracy  0.868  0.855 – 0.881", "accuracy  0.861  0.847 – 0.874", True),
        ("accuracy  0.868  0.855 – 0.881", "accuracy  0.768  0.755 – 0.781", False),
        ("neg  0.850  1,118  132", "neg  0.861  1,100  150", True),
        ("neg  0.850  1,118  132", "neg  0.861  1,100  250", False),
        ("pos  0.70  ━━━  great movie", "pos  0.72  ━━━━  great movie", True),
        ("pos  0.70  ━━━  great movie", "neg  0.70  ━━━  great movie", False),
        ("neg  0.53  ━━  qwrtz plmk", "pos  0.51  ━━  qwrtz plmk", True),
        ("lstm  8,320", "lstm  9,999,999", False),
        ("trained  28 s", "trained  9 s", True),
        ("input gate", "forget gate", False),
        ("one line", "one line\nand another", False),
        ("word cosine count\ndull 0.98 12\nflat 0.97 9", "word cosine count\ndull 0.91 12\nweak 0.9 3", True),
        ("word cosine count\ndull 0.98 12\nflat 0.97 9", "word cosine count\ngreat 0.91 12\nweak 0.9 3", False),
    ],
)
def test_outputs_are_compared(documented, printed, same):
    assert (difference(documented, printed) is None) == same


def name(page):
    return str(page.relative_to(ROOT))


def test_the_two_commands_of_the_readme_are_what_ci_runs():
    readme, ci = (ROOT / "README.md").read_text(), (ROOT / ".ci" / "run").read_text()
    assert INSTALL_AND_TRAIN in readme and INSTALL_AND_TEST in readme
    assert INSTALL_AND_TRAIN.replace("install .", "install --quiet .") in ci
    assert INSTALL_AND_TEST.replace("install", "install --quiet") in ci


@pytest.mark.docs
@pytest.mark.training
@pytest.mark.parametrize("page", [page for page in PAGES if list(scripts(page))], ids=name)
def test_every_command_of_a_page_works(page, trained, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(trained.home, home)
    for file, content in FILES.items():
        (tmp_path / file).write_text(content)
    if page.name == "data.md":
        write_public_shapes(tmp_path)
    (tmp_path / "post.keras").write_bytes(keras_file())
    programs = tmp_path / "bin"
    programs.mkdir()
    for program, command in (("lstmctl", f"{sys.executable} -m lstmctl"), ("python3", sys.executable)):
        (programs / program).write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        (programs / program).chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "LSTMCTL_HOME": str(home),
        "comment": "bad film",
    }
    for script in scripts(page):
        documented = [output for shown_script, output in shown(page) if shown_script == script]
        if script.startswith("pip install"):  # CI runs these two lines, and the fixture has run the training
            found = trained.err + "saved     imdb@1"
        else:
            command = ["bash", "-c", f"set -e -o pipefail\n{script}"]
            done = run_in_terminal(command, stream="stdout", environment=environment, cwd=tmp_path)
            assert done.code == 0, f"{script}\n{done.pipe}"
            found = done.terminal
        for output in documented:
            wrong = difference(output, found)
            assert wrong is None, f"{script}\n{wrong}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_somewhere(page):
    for target, anchor in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target
            if anchor:
                assert anchor in anchors(page.parent / target if target else page), f"{target}#{anchor}"


def anchors(page):
    """What can stand behind the # of a link to a page: its headings, in lower case, with dashes for spaces."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_command_reference_is_what_the_program_says():
    written = runpy.run_path(str(ROOT / "docs" / "reference" / "make.py"))
    assert (ROOT / "docs" / "reference" / "cli.md").read_text() == written["page"]()


def test_help_fits_80_columns():
    page = (ROOT / "docs" / "reference" / "cli.md").read_text()
    assert [
        line for block in re.findall(r"```\n(.*?)```", page, re.DOTALL) for line in block.splitlines() if len(line) > 80
    ] == []


def test_every_page_is_in_the_index():
    index = (ROOT / "docs" / "README.md").read_text()
    pages = {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")} - {"README.md"}
    assert {page for page in pages if f"]({page})" not in index} == set()


@pytest.mark.parametrize("page", [ROOT / "docs" / "reference" / "exit-codes.md"], ids=name)
def test_the_exit_codes_are_all_there(page):
    from lstmctl.errors import ExitCode

    table = {
        int(code) for row in re.findall(r"^\| ([\d, ]+) ", page.read_text(), re.MULTILINE) for code in row.split(",")
    }
    assert table == set(ExitCode)


def test_the_code_that_the_lstm_page_quotes_is_the_code():
    page = (ROOT / "docs" / "explain" / "lstm.md").read_text()
    quoted = "".join(re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)).splitlines()
    code = (ROOT / "lstmctl" / "model" / "lstm.py").read_text()
    assert len(quoted) == 6 and all(f"    {line}\n" in code for line in quoted)


def test_recipe_reference_is_generated():
    written = runpy.run_path(str(ROOT / "docs" / "reference" / "make.py"))
    assert (ROOT / "docs" / "reference" / "recipes.md").read_text() == written["recipes_page"]()


def test_every_command_explains_itself_with_an_example():
    page = (ROOT / "docs" / "reference" / "cli.md").read_text()
    for section in page.split("\n## ")[1:]:
        assert "\nExamples:\n" in section and "\nUsage: lstmctl" in section, section[:60]
