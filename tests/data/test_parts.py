"""Parts by the names of files and folders."""

from pathlib import Path

import pytest

from lstmctl.data.parts import WHOLE, divide_files, part_of, part_word
from lstmctl.errors import BadData


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("train", "train"),
        ("Train", "train"),
        ("dev", "validation"),
        ("valid", "validation"),
        ("validation-00001-of-00002-a09b74b3ef9c3b56", "validation"),
        ("test.0", "test"),
        ("test_12", "test"),
        ("train2", "train"),
        ("trainer", None),
        ("latest", None),
        ("train_data", "train"),
        ("2020", None),
    ],
)
def test_part_names(name: str, part: str | None) -> None:
    assert part_of(part_word(name)) == part


def divided(*names: str, explicit: bool = False) -> dict[str, str]:
    root = Path("data")
    found = divide_files([root / name for name in names], root=root, name="data", explicit=explicit)
    return {str(path.relative_to(root)): part for path, part in found.parts.items()}


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        (("a.csv", "b.csv"), {"a.csv": WHOLE, "b.csv": WHOLE}),
        (("test.csv", "train.csv"), {"train.csv": "train", "test.csv": "test"}),
        (("train/0.csv", "dev/0.csv"), {"train/0.csv": "train", "dev/0.csv": "validation"}),
        (("data/test-0-of-1.parquet",), {"data/test-0-of-1.parquet": "test"}),
        (("en/train.csv", "en/test.csv"), {"en/train.csv": "train", "en/test.csv": "test"}),
        (("train.ft.txt.gz", "test.ft.txt.gz"), {"train.ft.txt.gz": "train", "test.ft.txt.gz": "test"}),
        # Longer names count only where there is a train part and another one.
        (("x_train.csv", "x_test.csv"), {"x_train.csv": "train", "x_test.csv": "test"}),
        (("x-train/0.csv", "x-test/0.csv"), {"x-train/0.csv": "train", "x-test/0.csv": "test"}),
        (("train_data.csv", "test.csv"), {"train_data.csv": "train", "test.csv": "test"}),
        (("a.csv", "test_results.csv"), {"a.csv": WHOLE, "test_results.csv": WHOLE}),
        (("train.csv", "test.csv", "unsupervised.csv"), {"train.csv": "train", "test.csv": "test"}),
    ],
)
def test_division(names: tuple[str, ...], parts: dict[str, str]) -> None:
    assert divided(*names) == parts


def test_explicit_files() -> None:
    assert divided("test.csv", explicit=True) == {"test.csv": WHOLE}
    assert divided("train.csv", "more.csv", explicit=True) == {"train.csv": WHOLE, "more.csv": WHOLE}
    assert divided("reviews.csv", "test.csv", explicit=True) == {"reviews.csv": "train", "test.csv": "test"}


@pytest.mark.parametrize(
    ("names", "message", "hint"),
    [
        (("train.csv", "val.csv", "validation.csv"), "named val and data named validation", "move one"),
        (("reviews.csv", "test.csv"), "test.csv is named as the test part, but data/reviews", "--test-data data/test"),
        (("rest.csv", "train.csv"), "as the train part, but data/rest.csv as none", "--test-data data/rest"),
        (("train/test.csv", "test/1.csv"), "named after the test part, its folder after train", "rename it"),
    ],
)
def test_two_readings(names: tuple[str, ...], message: str, hint: str) -> None:
    with pytest.raises(BadData, match=message) as caught:
        divided(*names)
    assert hint in (caught.value.hint or "")


def test_notes_are_short() -> None:
    files = [Path("data", f"{part}-{number}.csv") for part in ("train", "test") for number in range(9)]
    (note,) = divide_files(files, root=Path("data"), name="data").notes
    assert (
        note == "parts by name · train: train-0.csv … train-8.csv (9 files) · test: test-0.csv … test-8.csv (9 files)"
    )
