"""Files that change while they are read, and strange names: no wrong rows, nothing half-answered."""

import os
from pathlib import Path

import pytest
from toy import register_toy

from lstmctl.scoring import job


@pytest.fixture
def folder(tmp_path, monkeypatch):
    register_toy(Path(os.environ["LSTMCTL_HOME"]))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(job, "CHUNK_BYTES", 2_000)
    (tmp_path / "in").mkdir()
    for name in ("a", "b"):
        (tmp_path / "in" / f"{name}.csv").write_text("text\n" + "good film\n" * 600)
    return tmp_path


CHANGES = {
    "cut": lambda path: path.write_text("text\n" + "good film\n" * 10),
    "rewritten": lambda path: path.write_text("text\n" + "bad  film\n" * 600),
    "grown": lambda path: path.write_text("text\n" + "good film\n" * 601),
    "gone": lambda path: path.unlink(),
}


@pytest.mark.parametrize("when", ["during the first chunk", "after it", "after the last chunk"])
@pytest.mark.parametrize("change", CHANGES)
def test_changed_while_it_is_read(cli, folder, monkeypatch, change, when):
    path, score, calls = folder / "in/a.csv", job.Scoring._score, []

    def changing(self, task):
        if task.path == str(path):
            calls.append(task)
            if (when == "during the first chunk" and len(calls) == 1) or (when == "after it" and len(calls) == 2):
                CHANGES[change](path)
        elif when == "after the last chunk" and task.chunk.number == 0:  # of the other file
            CHANGES[change](path)
        return score(self, task)

    monkeypatch.setattr(job.Scoring, "_score", changing)
    done = cli("predict", "-i", "in", "-o", "out", "-j", 1)
    assert done.code == 65 and "changed while it was read" in done.err
    assert not [name for name in os.listdir("out") if name.startswith("a.csv")]


def test_strange_names(cli, folder):
    os.rename("in/a.csv", "in/a\nb.csv")
    os.rename(b"in/b.csv", b"in/b\xff.csv")
    (folder / "in/c\u202e.csv").write_text("text\ngood\n")
    for _ in range(2):  # the second run continues
        done = cli("predict", "-i", "in", "-o", "out")
        assert done.code == 0, done.err
    assert sum(path.read_text().count("\n") for path in (folder / "out").glob("*.jsonl")) == 1201
    assert all(path.name.isprintable() for path in (folder / "out").iterdir())


def test_answers_inside_the_input(cli, folder):
    for target in ("in/out", "in", "./in/../in/deep"):
        done = cli("predict", "-i", "in", "-o", target)
        assert done.code == 2 and ("inside" in done.err or "is an input" in done.err)
    os.symlink(folder / "in", "link")
    assert cli("predict", "-i", "in", "-o", "link/out").code == 2
    assert sorted(os.listdir("in")) == ["a.csv", "b.csv"]


def test_links_and_pipes(cli, folder):
    (folder / "elsewhere").mkdir()
    (folder / "in/a.csv").write_text('text\ngood\n"a"b\n')
    assert cli("predict", "-i", "in", "-o", "out", "--bad-rows", "skip").code == 0
    for path in (folder / "out/bad-rows").iterdir():
        path.unlink()
    (folder / "out/bad-rows").rmdir()
    (folder / "out/bad-rows").symlink_to(folder / "elsewhere")
    done = cli("predict", "-i", "in", "-o", "out", "--bad-rows", "skip", "--force")
    assert done.code == 73 and os.listdir("elsewhere") == []
    os.mkfifo("pipe.csv")
    done = cli("predict", "-i", "pipe.csv", "-o", "new/")
    assert done.code == 2 and "is a pipe" in done.err and not (folder / "new").exists()
