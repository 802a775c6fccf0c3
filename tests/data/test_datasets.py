"""Data sets: read, renamed, checked and divided."""

import gzip
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lstmctl.config import DataConfig
from lstmctl.data.bad_rows import BadRows
from lstmctl.data.columns import ColumnNames, Example
from lstmctl.data.datasets import Dataset, load, read_all
from lstmctl.data.formats import read_rows
from lstmctl.errors import BadData, LstmctlError, NotFound, UsageError


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


HOME = Path("home")


def table(name: str = "reviews.csv", *, rows: int = 40, labels: str = "ab", film: bool = False) -> str:
    """A file of `rows` different texts with the labels in turn, and where asked for, four texts a film."""
    path = Path(name).absolute()
    values = [
        {"text": f"text {number}", "label": labels[number % len(labels)], "film": f"film {number // 4}"}
        for number in range(rows)
    ]
    if not film:
        for value in values:
            del value["film"]
    if name.endswith(".jsonl"):
        path.write_text("".join(json.dumps(value) + "\n" for value in values), encoding="utf-8")
    else:
        lines = [",".join(values[0]), *(",".join(value.values()) for value in values)]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def folder(**parts: int) -> str:
    """A folder with a number of texts of each of two labels in each part."""
    for part, count in parts.items():
        for label in ("neg", "pos"):
            place = Path("films", part, label)
            place.mkdir(parents=True)
            for number in range(count):
                (place / f"{number}.txt").write_text(f"{part} {label} {number}", encoding="utf-8")
    return str(Path("films").absolute())


def sizes(data: Dataset) -> tuple[int, int, int]:
    return len(data.train), len(data.validation), len(data.test)


def test_load_file() -> None:
    config = DataConfig(source=table(rows=200))
    data = load(config, home=HOME)
    assert (data.name, data.labels, data.notes, data.readings) == ("reviews.csv", ("a", "b"), (), ())
    assert data.config == replace(config, text_column="text", label_column="label")
    assert sizes(data) == (144, 36, 20)
    everything = sorted((*data.train, *data.validation, *data.test), key=lambda example: example.row)
    assert everything == [Example(number + 2, f"text {number}", "ab"[number % 2]) for number in range(200)]


def test_hash_ignores_file_format() -> None:
    plain = load(DataConfig(source=table()), home=HOME).sha256
    assert load(DataConfig(source=table("other.jsonl")), home=HOME).sha256 == plain
    packed = Path("packed.csv.gz")
    packed.write_bytes(gzip.compress(Path("reviews.csv").read_bytes().replace(b"\n", b"\r\n")))
    options = {"split_seed": 5, "limit": 4, "rename_label": (("a", "c"),)}
    assert load(DataConfig(source=str(packed.absolute()), **options), home=HOME).sha256 == plain  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: lines[:-1],
        lambda lines: [*lines[:-1], lines[-1].replace("text", "test")],
        lambda lines: [*lines[:-1], lines[-1].replace(",b", ",a")],
        lambda lines: [lines[0], *lines[:0:-1]],
        lambda lines: [*lines, lines[-1]],
    ],
)
def test_hash_changes_with_rows(change: object) -> None:
    source = table()
    before = load(DataConfig(source=source), home=HOME).sha256
    lines = Path(source).read_text(encoding="utf-8").splitlines()
    Path(source).write_text("\n".join(change(lines)) + "\n", encoding="utf-8")  # type: ignore[operator]
    assert load(DataConfig(source=source), home=HOME).sha256 != before


def test_groups_stay_together() -> None:
    source = table(rows=200, film=True)
    data = load(DataConfig(source=source, group_column="film"), home=HOME)
    films = [{(example.row - 2) // 4 for example in part} for part in (data.train, data.validation, data.test)]
    assert sizes(data) == (144, 36, 20)
    assert sum(map(len, films)) == len(set.union(*films)) == 50
    assert data.sha256 != load(DataConfig(source=source), home=HOME).sha256


def test_hash_is_stable() -> None:
    """Models store the hash and recognise their data by it."""
    source = table(rows=200, film=True)
    config = DataConfig(source=source, group_column="film", rename_label=(("a", "z"),))
    assert load(config, home=HOME).sha256 == "e24b52cb83ba47cffa83b77ebc8d4ad0982f698a47370993cd630a00cd221428"


def test_rename_and_merge_labels() -> None:
    source = table(rows=90, labels="abc")
    data = load(DataConfig(source=source, rename_label=(("a", "b"), ("b", "a"), ("c", " a "))), home=HOME)
    assert data.labels == ("a", "b")
    labels = {example.row: example.label for example in (*data.train, *data.validation, *data.test)}
    assert [labels[row] for row in (2, 3, 4)] == ["b", "a", "a"]


@pytest.mark.parametrize(
    ("rename", "message", "hint"),
    [
        ((("posi", "x"),), '--rename-label: reviews.csv has no label "posi"', "did you mean pos?"),
        ((("0", "x"),), '--rename-label: reviews.csv has no label "0"', "its labels: neg, pos"),
        ((("pos", " "),), "--rename-label: the label is empty", "FROM=TO"),
    ],
)
def test_invalid_label_renames(rename: tuple[tuple[str, str], ...], message: str, hint: str) -> None:
    Path("reviews.csv").write_text("text,label\n" + "x,pos\ny,neg\n" * 9, encoding="utf-8")
    with pytest.raises(UsageError, match=message) as caught:
        load(DataConfig(source=str(Path("reviews.csv").absolute()), rename_label=rename), home=HOME)
    assert hint in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"train": 20, "test": 5}, (32, 8, 10)),
        ({"train": 20, "val": 4, "test": 5}, (40, 8, 10)),
        ({"train": 20, "validation": 4}, (36, 8, 4)),
        ({"train": 20}, (28, 8, 4)),
    ],
)
def test_parts_of_the_data(parts: dict[str, int], expected: tuple[int, int, int]) -> None:
    data = load(DataConfig(source=folder(**parts)), home=HOME)
    assert sizes(data) == expected
    if "test" in parts:
        assert {example.text.split()[0] for example in data.test} == {"test"}
    if "val" in parts:
        assert {example.text.split()[0] for example in data.validation} == {"val"}


def test_parts_of_the_user_come_first() -> None:
    source, brought = folder(train=20, test=5), table("brought.csv", rows=6, labels=["neg", "pos"])  # type: ignore[arg-type]
    data = load(DataConfig(source=source, test_source=brought, val_source=brought), home=HOME)
    assert sizes(data) == (40, 6, 6)
    assert data.test == data.validation
    assert data.notes[1:] == ("the test part of films is not used: another was given",)
    assert load(DataConfig(source=brought, test_source=source, val_split=0.34), home=HOME).test[0].text == "test neg 0"


def test_missing_part_is_rejected() -> None:
    with pytest.raises(BadData, match="films has no validation part, only test and train"):
        load(DataConfig(source=table(labels=["neg", "pos"]), val_source=folder(train=3, test=3)), home=HOME)  # type: ignore[arg-type]
    with pytest.raises(BadData, match="films has a test part, but no training texts"):
        Path("films", "train").rename("train")
        load(DataConfig(source=str(Path("films").absolute())), home=HOME)


def test_given_parts_are_measured_on_what_they_have() -> None:
    data = load(DataConfig(source=table(), test_source=table("one.csv", labels="a")), home=HOME)
    assert {row.label for row in data.test} == {"a"}
    assert data.notes == ('the test part has no rows with the label "b"',)
    data = load(DataConfig(source=table(), test_source=table("three.csv", rows=30, labels="abc")), home=HOME)
    assert len(data.test) == 20 and data.labels == ("a", "b")
    assert data.left_out == {'the label "c" in the test part, which no training row has': 10}
    assert data.warnings[0].text.startswith("left out of the test part: 10 rows")
    with pytest.raises(BadData, match="no row of the test part") as caught:
        load(DataConfig(source=table(), test_source=table("other.csv", labels="cA")), home=HOME)
    assert caught.value.hint == "--rename-label 'c=LABEL', where LABEL is a or b"
    for label, hint in (("B", "--merge-labels"), ("bb", "--rename-label 'bb=b', if that is what it means")):
        with pytest.raises(BadData) as caught:
            load(DataConfig(source=table(), test_source=table("other.csv", labels=[label])), home=HOME)  # type: ignore[arg-type]
        assert caught.value.hint == hint


def test_rare_labels_stop() -> None:
    with pytest.raises(BadData, match='"b" has 1 in train, 1 in validation, 0 in test') as caught:
        load(DataConfig(source=table("small.csv", rows=4)), home=HOME)
    assert "3 different texts or more" in (caught.value.hint or "")
    with pytest.raises(BadData) as caught:
        load(DataConfig(source=table(rows=8, film=True), group_column="film"), home=HOME)
    assert "3 groups or more" in (caught.value.hint or "")


def test_no_test_part() -> None:
    assert sizes(load(DataConfig(source=table(rows=4), test_split=0.0), home=HOME)) == (2, 2, 0)


def test_limit_applies_to_each_part() -> None:
    data = load(DataConfig(source=table(rows=200), limit=10), home=HOME)
    assert sizes(data) == (10, 10, 10)
    whole = load(DataConfig(source=table(rows=200)), home=HOME)
    assert set(data.train) < set(whole.train) and set(data.test) < set(whole.test)
    with pytest.raises(UsageError, match="--limit 1 leaves labels without a text") as caught:
        load(DataConfig(source=table(), limit=1), home=HOME)
    assert caught.value.hint == "--limit 2"


def test_number_of_labels() -> None:
    with pytest.raises(BadData, match='reviews.csv has only one label, "a", on 40 rows') as caught:
        load(DataConfig(source=table(labels="a", film=True)), home=HOME)
    assert caught.value.hint == "--label-column names another column: film"
    with pytest.raises(BadData, match="only one label") as caught:
        load(DataConfig(source=table(), rename_label=(("a", "b"),)), home=HOME)
    assert caught.value.hint == "add rows with another label"
    many = Path("many.csv")
    many.write_text("text,label\n" + "".join(f"a,{number}\n" for number in range(1001)), encoding="utf-8")
    with pytest.raises(BadData, match="many.csv has 1,001 different labels; at most 1,000 are allowed"):
        load(DataConfig(source=str(many.absolute())), home=HOME)
    for place in (Path("films"), Path("films", "pos")):
        place.mkdir()
    Path("films", "pos", "1.txt").write_text("x", encoding="utf-8")
    with pytest.raises(BadData, match="only one label") as caught:
        load(DataConfig(source=str(Path("films").absolute())), home=HOME)
    assert "its own folder" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("source", "options", "error"),
    [
        ("/nowhere/reviews.csv", {}, NotFound),
        ("/nowhere", {}, NotFound),
        ("imdb", {"group_column": "film"}, UsageError),
        (__file__, {}, UsageError),
    ],
)
def test_invalid_sources(source: str, options: dict[str, str], error: type[LstmctlError]) -> None:
    with pytest.raises(error):
        load(DataConfig(source=source, **options), home=HOME)  # type: ignore[arg-type]


def test_read_all() -> None:
    config = DataConfig(source=table(labels="a"), rename_label=(("a", "pos"), ("b", "neg")), group_column="film")
    examples, sha256, *_ = read_all(config, home=HOME)
    assert examples == [Example(number + 2, f"text {number}", "pos") for number in range(40)]
    assert len(sha256) == 64
    examples, *_ = read_all(DataConfig(source=folder(train=3, test=2)), home=HOME)
    assert [example.text for example in examples] == ["test neg 0", "test neg 1", "test pos 0", "test pos 1"]
    assert [example.row for example in examples] == [7, 8, 9, 10]


def test_read_all_counts_other_parts() -> None:
    unused = Counter[str]()
    rows, *_ = read_all(DataConfig(source=folder(train=20, test=5)), home=HOME, unused=unused)
    assert len(rows) == 10 and unused == {"train": 40}


# --- bad rows, and labels that are one or too rare -------------------------------------------------------------------


def messy(name: str = "messy.csv", *, rows: int = 60) -> str:
    """Every 7th row has a field too many, every 11th no label; two rows have a label of their own."""
    lines = ["text,label"]
    for number in range(rows):
        label = f"rare{number}" if number in (1, 2) else "ab"[number % 2]
        lines.append(f"text {number},{'' if number % 11 == 10 else label}{',more' if number % 7 == 6 else ''}")
    path = Path(name).absolute()
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def test_bad_rows_stop_or_are_counted_by_kind() -> None:
    source = messy()
    with pytest.raises(BadData, match=r"messy.csv:8: this row has 3 fields"):
        load(DataConfig(source=source, rare_labels="drop"), home=HOME)
    data = load(DataConfig(source=source, bad_rows="skip", rare_labels="drop"), home=HOME)
    assert data.bad_rows.kinds == {"this row has … fields, the header …": 8, "the label is empty": 5}
    assert data.bad_rows.first["the label is empty"] == "messy.csv:12: the label is empty"
    assert data.warnings[0].text.startswith(
        "skipped 13 bad rows: messy.csv:8: this row has 3 fields, the header 2 (and 7"
    )


@pytest.mark.parametrize("rare_labels", ["drop", "merge"])
@pytest.mark.parametrize("limit", [None, 4])
@pytest.mark.parametrize("given", [False, True])
def test_every_row_is_used_or_named_as_skipped(rare_labels: str, limit: int | None, given: bool) -> None:
    rows, test = 60, None
    source = messy()
    if given:
        rows, test = rows + 30, table("test.csv", rows=30, labels="abc")
    elif rare_labels == "merge":  # two rows are too few for "other"
        with pytest.raises(BadData, match="every label must be in every part"):
            load(DataConfig(source=source, bad_rows="skip", rare_labels="merge"), home=HOME)
        Path(source).write_text(Path(source).read_text(encoding="utf-8") + "x,rare3\n", encoding="utf-8")
        rows += 1
    config = DataConfig(source=source, test_source=test, bad_rows="skip", rare_labels=rare_labels, limit=limit)  # type: ignore[arg-type]
    data = load(config, home=HOME)
    assert sum(sizes(data)) + sum(data.skipped.values()) == rows
    assert data.bad_rows.count == 13
    again = load(data.config, home=HOME)
    assert (again.train, again.validation, again.test, again.sha256) == (
        data.train,
        data.validation,
        data.test,
        data.sha256,
    )


def test_all_rows_bad() -> None:
    Path("bad.csv").write_text("text,label\nx\ny\n", encoding="utf-8")
    with pytest.raises(BadData, match="bad.csv has no row that can be used: skipped 2 bad rows"):
        load(DataConfig(source=str(Path("bad.csv").absolute()), bad_rows="skip"), home=HOME)


def test_bad_documents_of_a_folder() -> None:
    source = folder(train=20)
    Path(source, "train", "pos", "x.txt").write_bytes(b"caf\xe9")
    Path(source, "train", "pos", "y.txt").write_bytes(b"word " * 300_000)
    with pytest.raises(BadData, match="not valid UTF-8"):
        load(DataConfig(source=source), home=HOME)
    data = load(DataConfig(source=source, bad_rows="skip"), home=HOME)
    assert sum(sizes(data)) == 40 and data.bad_rows.count == 2


def test_merged_labels_are_renamed_in_the_configuration() -> None:
    source = table(rows=90, labels=["Pos", "pos", "POS", "neg", "pos", "neg"])  # type: ignore[arg-type]
    noticed = load(DataConfig(source=source), home=HOME)
    assert noticed.labels == ("POS", "Pos", "neg", "pos")
    assert noticed.warnings[0].text == 'labels that may be one: "pos" (30) = "POS" (15) = "Pos" (15)'
    assert (noticed.warnings[0].hint or "").startswith("--merge-labels")
    data = load(DataConfig(source=source, merge_labels=True, rename_label=(("neg", "Neg"),)), home=HOME)
    assert data.labels == ("Neg", "pos") and data.warnings == ()
    assert data.config.rename_label == (("POS", "pos"), ("Pos", "pos"), ("neg", "Neg"))
    assert load(data.config, home=HOME).train == data.train


def test_other_is_a_label_of_the_data() -> None:
    source = table(rows=60, labels=["Other", "a", "b"])  # type: ignore[arg-type]
    Path(source).write_text(Path(source).read_text(encoding="utf-8") + "x,rare\n", encoding="utf-8")
    data = load(DataConfig(source=source, rare_labels="merge"), home=HOME)
    assert data.labels == ("Other", "a", "b")
    assert data.config.rename_label == (("rare", "Other"),)


LABELS = st.sampled_from(["a", "a", "a", "A", "b", "b", "1", "1.0", "nan", "rare", ""])
FAULTS = st.sampled_from(["", "", "", "", ",more", "\n", ',"open'])


@given(
    rows=st.lists(st.tuples(st.integers(0, 30), LABELS, FAULTS), max_size=60),
    rare_labels=st.sampled_from(["stop", "drop", "merge"]),
    merge_labels=st.booleans(),
    given_test=st.booleans(),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_row_is_lost(
    rows: list[tuple[int, str, str]], rare_labels: str, merge_labels: bool, given_test: bool
) -> None:
    """Whatever the file: each of its rows is in one part, or counted as left out; or it is an error that says why."""
    lines = [f"text {number},{label}{fault}" for number, label, fault in rows]
    Path("any.csv").write_text("text,label\n" + "\n".join(lines) + "\n", encoding="utf-8")
    test = table("test.csv", rows=12, labels="abc") if given_test else None
    options = {"bad_rows": "skip", "rare_labels": rare_labels, "merge_labels": merge_labels, "test_source": test}
    config = DataConfig(source=str(Path("any.csv").absolute()), **options)  # type: ignore[arg-type]
    counted = BadRows(keep=True)
    columns = ColumnNames()
    try:
        good = sum(1 for _ in read_rows(Path("any.csv"), columns, skip_bad_row=counted))
        data = load(config, home=HOME)
    except LstmctlError as error:
        assert error.exit_code in (65, 2) and error.hint
        return
    assert data.bad_rows.count == counted.count
    assert sum(sizes(data)) + sum(data.skipped.values()) == good + counted.count + (12 if given_test else 0)
    assert load(data.config, home=HOME).train == data.train
