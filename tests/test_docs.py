"""README and docs: every command is run, every output is what it prints, every link leads somewhere."""

import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from keras_files import keras_file
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


def skeleton(output):
    """An output without what differs from machine to machine: numbers, labels, bars, curves, neighbours of a word."""
    text = re.sub(r"[\u2800-\u28ff━╸╺│┤●★◀∙]|best so far|≈ epoch \d+", " ", output)
    text = re.sub(r"\b(neg|pos)\b", "LABEL", re.sub(r"[-+−]?\.?\d[\d,.]*(e-\d+)?", "0", text))
    lines = [re.sub(r"^\w+ 0 0$", "WORD 0 0", " ".join(line.split())) for line in text.splitlines()]
    return [line for line in lines if line]


def name(page):
    return str(page.relative_to(ROOT))


def test_the_two_commands_of_the_readme_are_what_ci_runs():
    readme, ci = (ROOT / "README.md").read_text(), (ROOT / ".ci" / "run").read_text()
    assert INSTALL_AND_TRAIN in readme and INSTALL_AND_TEST in readme
    assert INSTALL_AND_TRAIN.replace("install .", "install --quiet .") in ci
    assert INSTALL_AND_TEST.replace("install", "install --quiet") in ci


@pytest.mark.training
@pytest.mark.parametrize("page", [page for page in PAGES if list(scripts(page))], ids=name)
def test_every_command_of_a_page_works(page, trained, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(trained.home, home)
    for file, content in FILES.items():
        (tmp_path / file).write_text(content)
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
        expected = [skeleton(output) for shown_script, output in shown(page) if shown_script == script]
        if script.startswith("pip install"):  # CI runs these two lines, and the fixture has run the training
            found = trained.err + "saved     imdb@1"
        else:
            command = ["bash", "-c", f"set -e -o pipefail\n{script}"]
            done = run_in_terminal(command, stream="stdout", environment=environment, cwd=tmp_path)
            assert done.code == 0, f"{script}\n{done.pipe}"
            found = done.terminal
        assert expected in ([], [skeleton(found)]), script


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


def test_the_recipe_page_has_every_key_with_its_default_and_option():
    import json
    from dataclasses import fields

    from lstmctl.config import TrainConfig

    page = (ROOT / "docs" / "reference" / "recipes.md").read_text()
    cells = [[cell.strip(" `") for cell in line.split("|")[1:-1]] for line in page.splitlines()]
    rows = [(row[0], row[2], row[3]) for row in cells if len(row) == 4 and row[0] not in ("key", "---")]
    assert [row[0] for row in rows] == [field.name for field in fields(TrainConfig)]
    for name, default, _ in rows:
        value = getattr(TrainConfig(), name)
        assert default == ("" if value is None else json.dumps(value)), name
    help_text = subprocess.run(
        [sys.executable, "-m", "lstmctl", "train", "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert all(option in help_text for _, _, option in rows if option)


def test_every_command_explains_itself_with_an_example():
    page = (ROOT / "docs" / "reference" / "cli.md").read_text()
    for section in page.split("\n## ")[1:]:
        assert "\nExamples:\n" in section and "\nUsage: lstmctl" in section, section[:60]
