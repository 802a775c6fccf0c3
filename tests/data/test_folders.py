"""Folders of class folders, as the Large Movie Review Dataset comes."""

import os
from pathlib import Path

import pytest

from lstmctl.data.folders import read_folder
from lstmctl.errors import BadData


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def tree(*paths: str, root: str = "data") -> Path:
    for name in paths:
        path = Path(root, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"text of {name}\n", encoding="utf-8")
    return Path(root)


def listed(root: Path) -> list[tuple[str, int, str, str | None]]:
    return [(part, row.row, row.text, row.label) for part, row in read_folder(root)[0]]


def test_texts_in_order_of_file_names() -> None:
    root = tree("pos/b.txt", "pos/10.txt", "neg/9.txt", "neg/é", "pos/a.md")
    assert listed(root) == [
        ("", 1, "text of neg/9.txt", "neg"),
        ("", 2, "text of neg/é", "neg"),
        ("", 3, "text of pos/10.txt", "pos"),
        ("", 4, "text of pos/a.md", "pos"),
        ("", 5, "text of pos/b.txt", "pos"),
    ]
    assert read_folder(root)[1] == ("a folder for each label, each file one text: neg, pos",)


def test_parts_and_ignored_files() -> None:
    root = tree(
        "train/pos/1.txt",
        "train/neg/1.txt",
        "train/unsup/1.txt",
        "train/labeledBow.feat",
        "test/pos/1.txt",
        "test/neg/1.txt",
        "test/neg/deeper/1.txt",
        "val/pos/.hidden",
        "val/pos/1.txt",
        "imdb.vocab",
        "other/1.txt",
        ".DS_Store",
    )
    assert [(part, text, label) for part, _, text, label in listed(root)] == [
        ("train", "text of train/neg/1.txt", "neg"),
        ("train", "text of train/pos/1.txt", "pos"),
        ("validation", "text of val/pos/1.txt", "pos"),
        ("test", "text of test/neg/1.txt", "neg"),
        ("test", "text of test/pos/1.txt", "pos"),
    ]
    assert read_folder(root)[1] == (
        "a folder for each label with the parts train, validation, test, each file one text: neg, pos",
        "ignored, without labels: imdb.vocab, train/labeledBow.feat, train/unsup, other, test/neg/deeper",
        "ignored: 2 hidden files",
    )


def test_labels_named_train_and_test() -> None:
    assert [label for *_, label in listed(tree("train/1.txt", "test/1.txt", "bus/1.txt"))] == ["bus", "test", "train"]


def test_longer_names_of_parts() -> None:
    """The folders of the 20 newsgroups. A folder of texts is a class, whatever its name."""
    root = tree("20news-bydate-train/alt.atheism/1", "20news-bydate-test/alt.atheism/2", "test-drives/3")
    assert [(part, label) for part, _, _, label in listed(root)] == [("train", "alt.atheism"), ("test", "alt.atheism")]
    assert [label for *_, label in listed(tree("train-rides/1", "test-drives/2", root="cars"))] == [
        "test-drives",
        "train-rides",
    ]


def test_two_validation_folders() -> None:
    with pytest.raises(BadData, match="data has a folder val and a folder validation"):
        read_folder(tree("train/a/1", "val/a/1", "validation/a/1"))


def test_links() -> None:
    root = tree("pos/1.txt", "neg/1.txt", "elsewhere/mixed/1.txt")
    (root / "neg" / "2.txt").symlink_to(Path("..", "pos", "1.txt"))
    (root / "linked").symlink_to(Path("elsewhere", "mixed"))
    (root / "loop").symlink_to(".")
    (root / "pos" / "up").symlink_to("..")
    os.rename(root / "elsewhere" / "mixed", "mixed")
    (root / "elsewhere").rmdir()
    (root / "linked").unlink()
    (root / "linked").symlink_to(Path("..", "mixed"))
    assert [(text, label) for _, _, text, label in listed(root)] == [
        ("text of elsewhere/mixed/1.txt", "linked"),
        ("text of neg/1.txt", "neg"),
        ("text of pos/1.txt", "neg"),
        ("text of pos/1.txt", "pos"),
    ]
    assert read_folder(root)[1][1:] == ("ignored, without labels: loop, pos/up",)


def test_errors_name_the_file() -> None:
    root = tree("pos/1.txt", "neg/1.txt")
    (root / "pos" / "1.txt").write_bytes(b"fine\ncaf\x81\n")
    with pytest.raises(BadData, match=r"^data/pos/1\.txt:2: byte 4 of the line is 0x81"):
        listed(root)
    (root / "pos" / "1.txt").write_bytes(b"x\n" * 600_000)
    with pytest.raises(BadData, match=r"^data/pos/1\.txt is larger than 1 MiB"):
        listed(root)
    (root / "neg" / "gone.txt").symlink_to("nowhere")
    with pytest.raises(BadData, match=r"^data/neg/gone\.txt is neither a file nor a link to one"):
        read_folder(root)


def test_pipe_in_folder() -> None:
    root = tree("pos/1.txt")
    os.mkfifo(root / "pos" / "pipe")
    with pytest.raises(BadData, match="data/pos/pipe is neither a file"):
        read_folder(root)


def test_no_class_folders() -> None:
    with pytest.raises(BadData, match="data has no class folders") as caught:
        read_folder(tree("a.txt"))
    assert "pos/1.txt" in (caught.value.hint or "")
    Path("data", "empty").mkdir()
    with pytest.raises(BadData, match="data/empty is a class folder without texts"):
        read_folder(Path("data"))


def test_long_folder_name() -> None:
    with pytest.raises(BadData, match="the label has 201 characters"):
        read_folder(tree("x" * 201 + "/1.txt"))


@pytest.mark.parametrize(
    ("encodings", "note"),
    [
        (["cp1252"] * 4, "4 in windows-1252, as all that are not UTF-8"),
        (["cp1252", "utf-8", "utf-8", "utf-8"], "1 in windows-1252, as all that are not UTF-8"),
        (["utf-16", "utf-8", "utf-8-sig", "cp1252"], "1 in utf-16, 1 in windows-1252, as all that are not UTF-8"),
    ],
)
def test_encodings_of_documents(encodings: list[str], note: str) -> None:
    texts = [f"très déçu {number}" for number in range(4)]
    for text, encoding, label in zip(texts, encodings, ("neg", "neg", "pos", "pos"), strict=True):
        path = Path("data", label, f"{text[-1]}.txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode(encoding))
    assert [text for _, _, text, _ in listed(Path("data"))] == texts
    assert read_folder(Path("data"))[1][1:] == (f"encodings, of 4 files looked at: {note}",)


def test_a_named_encoding_of_documents() -> None:
    for label, text in (("a", "příliš žluťoučký kůň úpěl"), ("b", "ďábelské ódy, výborný člověk žil")):
        Path("data", label).mkdir(parents=True)
        Path("data", label, "1.txt").write_bytes(text.encode("cp1250"))
    rows, notes = read_folder(Path("data"), encoding="windows-1250")
    assert [row.text for _, row in rows] == ["příliš žluťoučký kůň úpěl", "ďábelské ódy, výborný člověk žil"]
    assert notes[1] == "all in windows-1250"
    with pytest.raises(BadData) as raised:
        listed(Path("data"))
    assert raised.value.hint == "--encoding windows-1250"
