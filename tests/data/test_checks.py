"""data check finds every planted fault, with its row, and nothing else."""

import json

import pytest
from planted import plant

from lstmctl.data.checks import plain_text


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    return plant(tmp_path_factory.mktemp("planted"), 3_000)


def row_numbers(findings):
    return {finding["row"] for finding in findings}


def test_planted_faults_are_found(cli, planted):
    """The parts train and validation are both of the training file."""
    result = cli("data", "check", "--data", planted.train, "--test-data", planted.test, "--json")
    assert result.code == 0, result.err
    found = json.loads(result.out)
    assert found["rows"]["test"] == 300 and found["rows"]["train"] + found["rows"]["validation"] == 3_000
    assert row_numbers(found["empty"]) == planted.empty
    test_leaks = [pair for pair in found["leaks"] if pair["part"] == "test"]
    assert row_numbers(test_leaks) == planted.leaks
    # Training rows are divided by their exact words, so a disguised duplicate can be in the validation part.
    validation_leaks = [pair for pair in found["leaks"] if pair["part"] == "validation"]
    duplicates = [*validation_leaks, *found["duplicates"], *found["conflicting_duplicates"]]
    pairs = [frozenset((pair["row"], pair["earlier"]["row"])) for pair in duplicates]
    faults = planted.duplicates | planted.conflicting
    assert len({*pairs}) == len(faults)
    assert all(len(pair & faults) == 1 for pair in pairs)
    conflicting = [pair for pair in found["conflicting_duplicates"] if pair["part"] != "test"]
    assert all(pair["label"] != pair["earlier"]["label"] for pair in conflicting)
    rows = {row for pair in conflicting for row in (pair["row"], pair["earlier"]["row"])}
    assert rows & faults == planted.conflicting


def test_tsv_and_strict(cli, planted):
    arguments = ["data", "check", "--data", planted.train, "--test-data", planted.test]
    table = [line.split("\t") for line in cli(*arguments, "--format", "tsv").lines]
    assert table[0][:3] == ["finding", "part", "row"] and len({len(row) for row in table}) == 1
    assert {int(row[2]) for row in table if row[0] == "empty"} == planted.empty
    strict = cli(*arguments, "--strict")
    assert strict.code == 1 and strict.out == cli(*arguments).out
    faults = sum(map(len, planted[2:]))
    assert f"{faults:,} rows of train.csv are duplicates or empty" in strict.err


@pytest.mark.parametrize("columns", [60, 80])
def test_screen_fits_and_names_rows(cli, planted, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    result = cli("data", "check", "--data", planted.train, "--test-data", planted.test, terminal=True)
    assert max(map(len, result.lines)) <= columns
    for text in ("leaks: ", "conflicting duplicates: ", "duplicates: ", "empty texts: ", "HTML tags: ", "= row "):
        assert text in result.out, text


def test_clean_data_passes_strict(cli, tmp_path):
    path = tmp_path / "clean.csv"
    path.write_text("text,label\n" + "".join(f"text number w{n},{'ab'[n % 2]}\n" for n in range(60)))
    result = cli("data", "check", "--data", path, "--strict", terminal=True)
    assert result.code == 0 and "no problems found" in result.out
    assert "60 texts" not in result.err


def test_suspicious_texts_are_counted(cli, tmp_path):
    path = tmp_path / "odd.csv"
    odd = [
        "cafÃ© one",
        "itâ€™s two",
        "caf\ufffd three",
        "cafe\u0301 four",
        "a\x01b five",
        "&eacute; six",
        "<i>seven</i>",
    ]
    fine = ["café", "l’été", "字", "a < b & c > d", "<br />eight"]
    path.write_text(
        "text,label\n" + "".join(f'"{text} {n}",{"ab"[n % 2]}\n' for n, text in enumerate((odd + fine) * 4))
    )
    found = json.loads(cli("data", "check", "--data", path, "--json").out)
    assert {kind: len(rows) for kind, rows in found["suspicious"].items()} == {
        "HTML tags": 4,
        "HTML entities": 4,
        "U+FFFD (replacement characters)": 4,
        "UTF-8 decoded as another encoding": 8,
        "not in Unicode normal form C": 4,
        "control characters": 4,
    }


def test_length_and_unknown_words(cli, tmp_path):
    path = tmp_path / "long.csv"
    path.write_text("text,label\n" + "".join(f"{'word ' * n}w{n},{'ab'[n % 2]}\n" for n in range(1, 101)))
    found = json.loads(cli("data", "check", "--data", path, "--max-len", 50, "--vocab-size", 1, "--json").out)
    assert found["length"]["cut"] == 51 and found["length"]["quantiles"]["1.0"] == 101
    train = found["rows"]["train"]
    assert 0 < found["unknown"]["train"] < 2 * train / 5_000


def test_plain_text():
    assert plain_text("<p>a&amp;b</p> x < y > z <3").split() == ["a&b", "x", "<", "y", ">", "z", "<3"]


@pytest.mark.parametrize("option", ["--max-len", "--vocab-size"])
def test_sizes_below_one(cli, option):
    assert cli("data", "check", option, 0).code == 2


def test_bad_rows_and_doubtful_labels_are_listed(cli, tmp_path):
    """All of them, and the other checks go on."""
    path = tmp_path / "messy.csv"
    rows = [f"text {n},{'pos' if n % 2 else 'neg'}{',x' if n % 9 == 4 else ''}" for n in range(90)]
    path.write_text(
        "text,label\n" + "\n".join([*rows, "text,Pos", "caf\udce9,pos", "lone,rare", ",pos", "b,"]),
        errors="surrogateescape",
    )
    done = cli("data", "check", "--data", path, "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert [row["row"] for row in found["bad_rows"]] == [*range(6, 92, 9), 96]
    assert len({row["kind"] for row in found["bad_rows"]}) == 2
    assert found["spellings"] == [{"pos": 42, "Pos": 1}] and set(found["rare_labels"]) == {"Pos", "rare"}
    assert sum(found["rows"].values()) + len(found["bad_rows"]) == 95
    assert len(found["empty"]) == 1
    table = [line.split("\t") for line in cli("data", "check", "--data", path, "--format", "tsv").lines]
    assert sum(row[0] == "bad_row" for row in table) == 11 and len({len(row) for row in table}) == 1
    screen = cli("data", "check", "--data", path, terminal=True)
    assert (
        "bad rows: 11" in screen.out
        and "  10  this row has … fields" in screen.out
        and max(map(len, screen.lines)) <= 80
    )
    strict = cli("data", "check", "--data", path, "--strict")
    assert strict.code == 1 and "11 rows of messy.csv cannot be read, 3 labels are doubtful" in strict.err


@pytest.mark.parametrize("content", ["text,label\nx\ny\n", "text,label\nx,a\ny,a\n", "text,label\nx,a\n"])
def test_hopeless_files_are_checked_too(cli, tmp_path, content):
    (tmp_path / "x.csv").write_text(content)
    for view in (["--json"], ["--format", "tsv"], ["--format", "table"]):
        done = cli("data", "check", "--data", tmp_path / "x.csv", *view)
        assert done.code == 0, done.err
