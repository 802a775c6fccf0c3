"""What is written to a terminal, to a pipe, and to a file."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstmctl.cli.console import Stream
from lstmctl.plots.text import align, balance, bar, tsv, visible


@given(st.text())
def test_no_control_characters(text):
    shown = visible(text)
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in shown)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2Jboo", "\\x1b[2Jboo"),
        ("a\tb\nc", "a b c"),
        ("\u202eevil", "\\x202eevil"),
        ("[/bold] é字", "[/bold] é字"),
    ],
)
def test_visible(text, shown):
    assert visible(text) == shown


@given(st.lists(st.text(), min_size=1))
def test_tsv_round_trip(fields):
    line = tsv(fields)
    assert "\n" not in line
    unescaped = [
        field.replace("\\\\", "\0").replace("\\t", "\t").replace("\\n", "\n").replace("\\r", "\r").replace("\0", "\\")
        for field in line.split("\t")
    ]
    assert unescaped == [field for field in fields] or any("\0" in field for field in fields)


def test_align_wide_characters():
    lines = align([["name", "n"], ["字字", "1"], ["abcde", "1,000"]], right=[1])
    assert ["".join(map(str, line)) for line in lines] == ["name       n", "字字       1", "abcde  1,000"]


@pytest.mark.parametrize(
    ("value", "drawn"), [(0, ""), (0.5, "====="), (0.54, "=====-"), (0.97, "=========-"), (1, "==========")]
)
def test_bars_in_ascii(value, drawn):
    stream = Stream(io.TextIOWrapper(io.BytesIO(), "ascii"), color="never")
    assert stream.render([bar(value, 10)]) == drawn
    assert stream.render(balance(0.2, 9)) == " -==|"
    assert stream.render(balance(0.8, 9)) == "    |==-"


def test_output_to_a_file(cli, tmp_path):
    from toy import register_toy

    register_toy(tmp_path / "home")
    path = tmp_path / "output"
    for command in (["predict", "good film"], ["summary", "--json"], ["models", "list"], ["data", "list"]):
        expected = cli(*command).out
        written = cli(*command, "-o", path, terminal=True)
        assert (written.code, written.out) == (0, "")
        assert f"wrote {path}" in written.err
        assert path.read_text() == expected
        refused = cli("-o", path, *command)
        assert refused.code == 73 and "--force" in refused.err
        assert cli(*command, "--force", "-o", path).code == 0
        path.unlink()
    assert cli("summary", "-m", "none", "-o", path).code == 66
    assert not path.exists()


@pytest.mark.parametrize(
    "command", [[], ["predict"], ["completion"]], ids=lambda command: " ".join(command) or "lstmctl"
)
@pytest.mark.parametrize("columns", ["80", "200"])
def test_help_fits_80_columns(cli, monkeypatch, command, columns):
    monkeypatch.setenv("COLUMNS", columns)
    result = cli(*command, "--help")
    assert (result.code, result.err) == (0, "")
    assert max(map(len, result.lines)) <= 80


@pytest.mark.parametrize("color", ["always", "never"])
def test_errors_are_not_cut(cli, color):
    """However narrow the terminal: a hint is a command to copy."""
    path = "no/such/" + "x" * 150
    message = cli("--color", color, "predict", "-m", path, "good", terminal=True).err
    assert path in message and "…" not in message
