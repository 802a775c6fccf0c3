"""What a folder is: data files, parts or class folders, and nothing that could be two of them."""

import os
from pathlib import Path

import pytest

from lstmctl.data.columns import ColumnNames
from lstmctl.data.layout import ClassFolders, DataFiles, find_layout
from lstmctl.data.sources import Source, open_source
from lstmctl.errors import BadData, LstmctlError, NotFound, UsageError


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def tree(*paths: str, text: str = "a text\n") -> Path:
    for name in paths:
        path = Path("data", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"text,label\ntext of {name},pos\n" if name.endswith(".csv") else text, encoding="utf-8")
    return Path("data")


def rows(*names: str, **options: object) -> list[tuple[str, str, str]]:
    return [(part, row.file, row.text) for part, row in opened(*names, **options).rows]


def opened(*names: str, **options: object) -> Source:
    return open_source(names, ColumnNames(), home=Path("home"), **options)  # type: ignore[arg-type]


def parts(folder: Path) -> dict[str, str]:
    layout = find_layout(folder)
    assert isinstance(layout, DataFiles)
    return {str(path.relative_to(folder)): part for path, part in layout.parts.items()}


def test_data_files() -> None:
    assert parts(tree("train.csv", "dev.csv", "README.md")) == {"train.csv": "train", "dev.csv": "validation"}
    assert find_layout(Path("data")).notes[-1] == "ignored, no data: README.md"


def test_hub_folder() -> None:
    root = tree("README.md", "dataset_infos.json", ".gitattributes", "data/train-0-of-1.csv", "data/test-0-of-1.csv")
    assert parts(root) == {"data/train-0-of-1.csv": "train", "data/test-0-of-1.csv": "test"}


def test_fasttext_is_data() -> None:
    root = tree("train.ft.txt", "test.ft.txt", text="__label__pos good\n")
    assert parts(root) == {"train.ft.txt": "train", "test.ft.txt": "test"}


def test_data_file_is_never_one_text() -> None:
    assert rows(str(tree("a/0.csv", "b/1.csv").absolute())) == [
        ("", "a/0.csv", "text of a/0.csv"),
        ("", "b/1.csv", "text of b/1.csv"),
    ]


@pytest.mark.parametrize("folder", ["", "docs/", "docs/all/"])
def test_class_folders(folder: str) -> None:
    root = tree(f"{folder}pos/1.txt", f"{folder}neg/1", "README")
    assert isinstance(find_layout(root), ClassFolders)
    assert rows(str(root.absolute())) == [("", "neg/1", "a text"), ("", "pos/1.txt", "a text")]


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (("pos/1.txt", "neg/1.txt", "labels.csv"), r"data files \(data/labels.csv\) and folders of documents"),
        (("pos/1.txt", "neg/1.txt", "pos/index.csv"), "which is the data?"),
        (("train/1.txt", "test/2.txt"), "are parts, but their texts have no labels"),
        (("README.md",), "data has no class folders"),
        (("train/a/1", "dev/a/1", "valid/a/1"), "a folder dev and a folder valid, the same part"),
    ],
)
def test_unclear_folders(paths: tuple[str, ...], message: str) -> None:
    root = tree(*paths)
    with pytest.raises(BadData, match=message):
        opened(str(root.absolute()))


def test_empty_folder() -> None:
    Path("data").mkdir()
    with pytest.raises(BadData, match="data has no files"):
        opened(str(Path("data").absolute()))


def test_pipe_beside_tables() -> None:
    os.mkfifo(tree("a.csv") / "b.csv")
    with pytest.raises(BadData, match=r"data/b\.csv is neither a file nor a link to one"):
        opened(str(Path("data").absolute()))


def test_links_in_circles() -> None:
    root = tree("a.csv", "more/b.csv")
    (root / "self").symlink_to("self")
    (root / "more" / "up").symlink_to("..")
    (root / "again").symlink_to("more")
    assert parts(root) == {"a.csv": "", "more/b.csv": ""}
    assert "ignored, no data: again, more/up" in find_layout(root).notes


def test_names_that_are_not_utf8() -> None:
    root = tree("b.csv")
    Path(os.fsdecode(b"data/caf\xe9.csv")).write_text("text,label\nx,neg\n")
    assert [file for _, file, _ in rows(str(root.absolute()))] == ["b.csv", r"caf\xe9.csv"]


def test_several_sources() -> None:
    tree("a.csv", "b.csv", "more/train.csv", "more/test.csv")
    files = [str(Path("data", name).absolute()) for name in ("a.csv", "b.csv")]
    assert rows(*files) == [("", "data/a.csv", "text of a.csv"), ("", "data/b.csv", "text of b.csv")]
    both = opened(files[0], str(Path("data/more").absolute()))
    assert both.name == "a.csv, more"
    assert [(part, row.file) for part, row in both.rows] == [
        ("", "data/a.csv"),
        ("train", "data/more/train.csv"),
        ("test", "data/more/test.csv"),
    ]


@pytest.mark.parametrize("second", ["a.csv", "more/../a.csv", "."])
def test_file_named_twice(second: str) -> None:
    root = tree("a.csv", "more/b.csv").absolute()
    with pytest.raises(UsageError, match="twice"):
        opened(str(root / "a.csv"), os.path.join(root, second))


def test_another_part_is_left_out() -> None:
    """`--data data --test-data data/holdout.csv`: its rows must not be trained on."""
    root = tree("a.csv", "holdout.csv", "b.csv").absolute()
    excluded = [str(root / "holdout.csv")]
    assert [file for _, file, _ in rows(str(root), excluded=excluded)] == ["a.csv", "b.csv"]
    assert [file for _, file, _ in rows(f"{root}/*.csv", excluded=excluded)] == ["a.csv", "b.csv"]
    assert "ignored, named as another part: holdout.csv" in opened(str(root), excluded=excluded).notes


def test_patterns() -> None:
    root = tree("train/0.csv", "test/0.csv", "test/1.csv").absolute()
    assert [part for part, *_ in rows(f"{root}/*/*.csv")] == ["train", "test", "test"]
    assert [part for part, *_ in rows(f"{root}/test/*.csv")] == ["", ""]
    assert [part for part, *_ in rows(f"{root}/te*/0.csv")] == [""]
    with pytest.raises(NotFound):
        opened(f"{root}/*.tsv")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_folder() -> None:
    root = tree("a.csv", "b/c.csv")
    (root / "b").chmod(0)
    with pytest.raises(LstmctlError) as caught:
        opened(str(root.absolute()))
    (root / "b").chmod(0o700)
    assert caught.value.exit_code == 77
