"""Data sets: read, renamed, checked and divided."""

import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest

from lstmctl.config import DataConfig
from lstmctl.data.columns import Example
from lstmctl.data.datasets import Dataset, load, read_all
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
    assert data.notes == ("the test part of films is not used: another was given",)
    assert load(DataConfig(source=brought, test_source=source, val_split=0.34), home=HOME).test[0].text == "test neg 0"


def test_missing_part_is_rejected() -> None:
    with pytest.raises(BadData, match="films has no validation part, only test and train"):
        load(DataConfig(source=table(labels=["neg", "pos"]), val_source=folder(train=3, test=3)), home=HOME)  # type: ignore[arg-type]
    with pytest.raises(BadData, match="films has a test part, but no training texts"):
        Path("films", "train").rename("train")
        load(DataConfig(source=str(Path("films").absolute())), home=HOME)


def test_part_without_a_label_is_rejected() -> None:
    for brought in (table("one.csv", labels="a"), table("three.csv", labels="abc")):
        with pytest.raises(BadData, match="every label must be in every part"):
            load(DataConfig(source=table(), test_source=brought), home=HOME)
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
    examples, sha256 = read_all(config, home=HOME)
    assert examples == [Example(number + 2, f"text {number}", "pos") for number in range(40)]
    assert len(sha256) == 64
    examples, _ = read_all(DataConfig(source=folder(train=3, test=2)), home=HOME)
    assert [example.text for example in examples] == ["test neg 0", "test neg 1", "test pos 0", "test pos 1"]
    assert [example.row for example in examples] == [7, 8, 9, 10]
