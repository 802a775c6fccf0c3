"""What reaches a terminal and what reaches a pipe."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstmctl.plots.text import align, tsv, visible


@given(st.text())
def test_no_control_character_reaches_a_terminal(written):
    shown = visible(written)
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in shown)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("\x1b[2Jboo", "\\x1b[2Jboo"),
        ("a\tb\nc", "a b c"),
        ("\u202eevil", "\\x202eevil"),
        ("[/bold] é字", "[/bold] é字"),
    ],
)
def test_what_is_shown_instead(written, shown):
    assert visible(written) == shown


@given(st.lists(st.text(), min_size=1))
def test_a_tsv_line_is_one_line_and_can_be_read_back(fields):
    line = tsv(fields)
    assert "\n" not in line
    unescaped = [
        field.replace("\\\\", "\0").replace("\\t", "\t").replace("\\n", "\n").replace("\\r", "\r").replace("\0", "\\")
        for field in line.split("\t")
    ]
    assert unescaped == [field for field in fields] or any("\0" in field for field in fields)


def test_columns_are_aligned_also_with_wide_characters():
    lines = align([["name", "n"], ["字字", "1"], ["abcde", "1,000"]], right=[1])
    assert ["".join(map(str, line)) for line in lines] == ["name       n", "字字       1", "abcde  1,000"]


def test_any_answer_can_go_to_a_file(cli, tmp_path):
    from toy import register_toy

    register_toy(tmp_path / "home")
    path = tmp_path / "answer"
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
