"""The registry: models are stored, listed, removed and restored."""

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from faults import failing, recorded
from toy import toy_files

from lstmctl.errors import (
    Busy,
    CannotCreate,
    LstmctlError,
    NotFound,
    PermissionDenied,
    Rejected,
    StorageError,
    UsageError,
)
from lstmctl.registry import listing
from lstmctl.registry.home import default_home
from lstmctl.registry.names import check_tag
from lstmctl.registry.store import Registry
from lstmctl.storage.filesystem import Directory
from lstmctl.storage.locks import lock


def tree(path: Path) -> dict[str, bytes | None]:
    """All files and folders in a folder."""
    return {
        str(each.relative_to(path)): each.read_bytes() if each.is_file() else None for each in sorted(path.rglob("*"))
    }


def test_default_home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", "/data/ada")
    assert default_home("here", {"LSTMCTL_HOME": "/there"}) == tmp_path / "here"
    assert default_home(None, {"LSTMCTL_HOME": "/there"}) == Path("/there")
    assert default_home("~/models", {}) == tmp_path / "models"
    for environ in ({}, {"LSTMCTL_HOME": ""}):
        assert default_home(None, environ).name == "lstmctl"
    with pytest.raises(UsageError):
        default_home("", {})


def test_models_are_numbered(home, model_files):
    registry = Registry(home)
    assert registry.next_reference("imdb") == "imdb@1"
    assert [registry.register(name, model_files) for name in ("imdb", "imdb", "other")] == [
        "imdb@1",
        "imdb@2",
        "other@1",
    ]
    assert registry.next_reference("imdb") == "imdb@3"
    assert tree(home / "models" / "imdb" / "v000002") == model_files
    assert (home / "FORMAT").read_text() == "lstmctl 1\n"
    assert os.listdir(home / "tmp") == []
    assert sorted(os.listdir(home)) == ["FORMAT", "arrivals", "checkpoints", "models", "tmp"]


def test_incomplete_model_is_not_stored(home, model_files):
    del model_files["vocab.txt"]
    with pytest.raises(ValueError, match=r"vocab.txt"):
        Registry(home).register("imdb", model_files)
    assert not home.exists()


def test_remove_and_restore(home, model_files):
    registry = Registry(home)
    for _ in range(3):
        registry.register("imdb", model_files)
    assert registry.remove("imdb@3") == ["imdb@3"]
    assert (home / "models/imdb/v000003.deleted/model.json").exists()
    assert [entry.reference for entry in registry.entries()] == ["imdb@2", "imdb@1"]
    assert [entry.reference for entry in registry.entries(deleted=True)] == ["imdb@3"]
    assert registry.next_reference("imdb") == "imdb@4"
    assert registry.register("imdb", model_files) == "imdb@4"
    assert registry.restore("imdb@3") == "imdb@3"
    registry.resolve("imdb@3").verify()
    assert registry.remove("imdb", all_versions=True) == ["imdb@1", "imdb@2", "imdb@3", "imdb@4"]
    assert registry.entries() == []
    assert registry.register("imdb", model_files) == "imdb@5"


def test_pruned_version_keeps_its_number(home, model_files):
    registry = Registry(home)
    registry.register("imdb", model_files)
    registry.remove("imdb@1")
    deleted = home / "models/imdb/v000001.deleted"
    for file in deleted.iterdir():
        file.unlink()
    with pytest.raises(NotFound, match="pruned"):
        registry.restore("imdb@1")
    assert registry.register("imdb", model_files) == "imdb@2"


def test_remove_needs_a_version(home, model_files):
    registry = Registry(home)
    for _ in range(2):
        registry.register("imdb", model_files)
    before = tree(home)
    with pytest.raises(UsageError, match="several models") as caught:
        registry.remove("imdb")
    assert caught.value.hint == "lstmctl models rm imdb@2 · lstmctl models rm imdb --all"
    with pytest.raises(UsageError, match="bare name"):
        registry.remove("imdb@1", all_versions=True)
    with pytest.raises(UsageError, match="not a path"):
        registry.remove("./imdb")
    for missing in ("imdb@9", "imdb@best", "imbd@1"):
        with pytest.raises(NotFound):
            registry.remove(missing)
    with pytest.raises(NotFound, match='no model "other"'):
        registry.remove("other", all_versions=True)
    assert tree(home) == before
    assert registry.remove("imdb@latest") == ["imdb@2"]
    with pytest.raises(NotFound, match="was removed") as caught:
        registry.remove("imdb@2")
    assert caught.value.hint == "lstmctl models restore imdb@2"


def test_restore_without_remove(home, model_files):
    registry = Registry(home)
    with pytest.raises(NotFound):
        registry.restore("imdb@1")
    assert not home.exists()
    for _ in range(2):
        registry.register("imdb", model_files)
    with pytest.raises(NotFound):
        registry.restore("imdb@1")
    registry.remove("imdb@2")
    with pytest.raises(NotFound, match="was not removed") as caught:
        registry.restore("imdb@1")
    assert caught.value.hint == "removed: imdb@2"
    with pytest.raises(UsageError):
        registry.restore("imdb")
    (home / "models/imdb/v000002").mkdir()
    (home / "models/imdb/v000002/file").touch()
    with pytest.raises(CannotCreate, match="imdb@2 exists"):
        registry.restore("imdb@2")


def test_damaged_models_in_a_list(home, model_files):
    registry = Registry(home)
    for _ in range(4):
        registry.register("imdb", model_files)
    (home / "models/imdb/v000002/model.json").write_bytes(b"{}")
    (home / "models/imdb/v000004/metrics.json").write_bytes(b"{}")
    (home / "models/imdb/v000005").write_bytes(b"not a folder")
    entries = registry.entries()
    assert [(entry.reference, entry.folder is None) for entry in entries] == [
        ("imdb@3", False),
        ("imdb@1", False),
        ("imdb@5", True),
        ("imdb@4", True),
        ("imdb@2", True),
    ]
    assert all(isinstance(entry.error, Rejected) for entry in entries[2:])
    assert entries[0].error is None
    assert registry.remove("imdb@2") == ["imdb@2"]
    assert registry.register("imdb", model_files) == "imdb@6"


def test_foreign_files_stay(home, model_files):
    registry = Registry(home)
    registry.register("imdb", model_files)
    strange = [home / "models/.DS_Store", home / "models/Upper", home / "models/imdb/notes.txt", home / "README"]
    for path in strange:
        path.write_text("mine")
    (home / "models/imdb/v0000009").mkdir()
    registry.register("imdb", model_files)
    registry.remove("imdb@1")
    assert [entry.reference for entry in registry.entries()] == ["imdb@2"]
    assert registry.references() == ["imdb", "imdb@2"]
    assert all(path.read_text() == "mine" for path in strange)


def test_newest_first(home, model_files):
    """In the order in which they came, whatever their cards say: a clock was set back, or a stranger wrote the card."""
    registry = Registry(home)
    for name, created in (
        ("b", "9999-12-31T00:00:00+00:00"),
        ("a", "2026-01-03T00:00:00Z"),
        ("c", "2026-01-02T00:00:00.5+00:00"),
    ):
        registry.register(name, toy_files(created=created))
    assert [entry.reference for entry in registry.entries()] == ["c@1", "a@1", "b@1"]
    assert registry.resolve(None).reference == "c@1"
    shutil.rmtree(home / "arrivals")  # as earlier versions left it
    assert [entry.reference for entry in registry.entries()] == ["b@1", "a@1", "c@1"]
    registry.register("d", toy_files(created="2020-01-01T00:00:00+00:00"))
    assert [entry.reference for entry in registry.entries()] == ["d@1", "b@1", "a@1", "c@1"]
    assert registry.resolve(None).reference == "d@1"
    registry.remove("d@1")
    assert registry.resolve(None).reference == "b@1"
    registry.restore("d@1")
    assert registry.resolve(None).reference == "d@1"


def test_arrivals_of_strangers(home, model_files):
    """Whatever lies among them changes the order of models at most."""
    registry = Registry(home)
    registry.register("imdb", model_files)
    arrivals = home / "arrivals"
    for name in (
        "999999999999.trained.imdb@7",
        "x.trained.imdb@1",
        "000000000005.trained...@1",
        "0.imported.a@1",
        "-rf",
    ):
        (arrivals / name).touch()
    (arrivals / "000000000009.trained.imdb@1").mkdir()
    os.mkfifo(arrivals / "000000000010.imported.imdb@1")
    assert registry.resolve(None).reference == "imdb@1"
    assert registry.register("imdb", model_files) == "imdb@2"
    assert registry.resolve(None).reference == "imdb@2"
    registry.remove("imdb", all_versions=True)
    assert registry.prune() == ["imdb@1", "imdb@2"]
    assert not [
        path.name for path in arrivals.iterdir() if path.name.endswith(("d.imdb@1", "d.imdb@2")) and path.name[0] != "x"
    ]


def test_no_version_is_higher_than_the_highest(home, model_files):
    registry = Registry(home)
    registry.register("imdb", model_files)
    for strange in ("v999999999999999999", "v1000000000"):  # no number that is given
        (home / "models/imdb" / strange).mkdir()
    assert registry.register("imdb", model_files) == "imdb@2"
    (home / "models/imdb/v999999999").mkdir()
    with pytest.raises(CannotCreate, match="the highest there can be"):  # said before a model is trained
        registry.next_reference("imdb")
    with pytest.raises(CannotCreate, match="the highest there can be"):
        registry.register("imdb", model_files)
    assert registry.register("other", model_files) == "other@1"


def test_writers_wait_for_the_lock(home, model_files):
    registry = Registry(home, lock_timeout=0.05)
    for _ in range(2):
        registry.register("imdb", model_files)
    registry.remove("imdb@2")
    before = tree(home)
    with Directory.open(home / "models" / "imdb") as folder, lock(folder, ".lock", timeout=0, what=""):
        for action in (
            lambda: registry.register("imdb", model_files),
            lambda: registry.remove("imdb@1"),
            lambda: registry.restore("imdb@2"),
        ):
            with pytest.raises(Busy, match="imdb is being changed by another process"):
                action()
        assert registry.register("other", model_files) == "other@1"
        registry.remove("other", all_versions=True)
    assert {path: data for path, data in tree(home).items() if "other" not in path} == before


def test_version_taken_at_the_last_moment(home, model_files):
    """As on file systems where locks have no effect: the other model stays, and ours gets the next number."""
    registry = Registry(home)
    others = []

    def before(number, call):
        if call.name == "rename" and call.paths[1].name == "v000001":
            shutil.copytree(model, home / "models/imdb/v000001")
            others.append(1)

    registry.register("model", model_files)
    model = home / "models/model/v000001"
    with recorded(before):
        assert registry.register("imdb", model_files) == "imdb@2"
    assert others
    assert tree(home / "models/imdb/v000001") == tree(home / "models/imdb/v000002") == model_files
    assert os.listdir(home / "tmp") == []


def test_model_removed_during_listing(home, model_files, monkeypatch):
    registry = Registry(home)
    for _ in range(2):
        registry.register("imdb", model_files)
    real = listing.open_version

    def open_version(home, name, version, **keywords):
        if version == 1:
            registry.remove("imdb@1")
        return real(home, name, version, **keywords)

    with monkeypatch.context() as patched:
        patched.setattr(listing, "open_version", open_version)
        assert [entry.reference for entry in registry.entries()] == ["imdb@2"]

    def before(number, call):
        if call.paths[0].name == "metrics.json" and (home / "models/imdb/v000002").exists():
            (home / "models/imdb/v000002").rename(home / "models/imdb/v000002.deleted")
            (home / "models/imdb/v000002.deleted/metrics.json").unlink()

    with recorded(before):  # its card was read already
        assert registry.entries() == []


def tag(home, name, tag, content):
    (home / "models" / name / "tags").mkdir(exist_ok=True)
    (home / "models" / name / "tags" / tag).write_bytes(content)


def test_tags(home, model_files):
    registry = Registry(home)
    for _ in range(3):
        registry.register("imdb", model_files)
    tag(home, "imdb", "best", b"v000001\n")
    tag(home, "imdb", "gone", b"v000003\n")
    tag(home, "imdb", "Upper", b"v000001\n")
    tag(home, "imdb", "broken", b"v1\n")
    (home / "models/imdb/tags/link").symlink_to("best")
    registry.remove("imdb@3")
    assert registry.resolve("imdb@best").reference == "imdb@1"
    assert [entry.tags for entry in registry.entries()] == [(), ("best",)]
    assert registry.references() == ["imdb", "imdb@2", "imdb@1", "imdb@best"]
    with pytest.raises(NotFound, match='imdb@3, which has the tag "gone", was removed') as caught:
        registry.resolve("imdb@gone")
    assert caught.value.hint == "lstmctl models restore imdb@3"
    with pytest.raises(NotFound) as caught:
        registry.resolve("imdb@bets")
    assert caught.value.hint == "did you mean imdb@best?"
    for name in ("broken", "link"):
        with pytest.raises(Rejected, match="damaged"):
            registry.resolve(f"imdb@{name}")
    assert registry.remove("imdb@best") == ["imdb@1"]


def test_tag_and_untag(home, model_files):
    registry = Registry(home)
    for _ in range(2):
        registry.register("imdb", model_files)
    assert registry.tag("imdb@1", "prod") == "imdb@prod"
    assert (home / "models/imdb/tags/prod").read_text() == "v000001\n"
    assert registry.tag("imdb", "best") == "imdb@best"  # the newest
    assert registry.tag("imdb@best", "prod") == "imdb@prod"  # what another tag means
    assert registry.resolve("imdb@prod").reference == "imdb@2"
    assert [entry.tags for entry in registry.entries()] == [("best", "prod"), ()]
    assert registry.untag("imdb@prod") == "imdb@2"
    with pytest.raises(NotFound, match="there is no tag imdb@prod") as caught:
        registry.untag("imdb@prod")
    assert caught.value.hint == "tags: imdb@best"
    assert registry.resolve("imdb@best").reference == "imdb@2"
    assert os.listdir(home / "tmp") == []


@pytest.mark.parametrize("tag", ["latest", "1st", "Prod", "a b", "../x", "", "a" * 65, "x.lock", "é", "a\n"])
def test_invalid_tags(home, model_files, tag):
    registry = Registry(home)
    registry.register("imdb", model_files)
    before = tree(home)
    with pytest.raises(UsageError, match="cannot be a tag"):
        registry.tag("imdb@1", tag)
    assert tree(home) == before


@pytest.mark.parametrize(
    ("tag", "hint"),
    [("latest", "latest always means the newest version"), ("1st", "begins with a letter"), ("Prod", "a-z")],
)
def test_hints_for_invalid_tags(tag, hint):
    with pytest.raises(UsageError) as caught:
        check_tag(tag)
    assert hint in caught.value.hint


def test_tag_missing_model(home, model_files):
    registry = Registry(home)
    with pytest.raises(NotFound):
        registry.tag("imdb@1", "prod")
    assert not home.exists()
    registry.register("imdb", model_files)
    for reference in ("imdb@2", "imdb@best", "other"):
        with pytest.raises(NotFound):
            registry.tag(reference, "prod")
    for action in (
        lambda: registry.tag("./imdb", "prod"),
        lambda: registry.untag("imdb"),
        lambda: registry.untag("imdb@1"),
    ):
        with pytest.raises(UsageError):
            action()


def test_prune(home, model_files):
    registry = Registry(home)
    assert registry.prune() == []
    assert not home.exists()
    for name in ("imdb", "imdb", "imdb", "other"):
        registry.register(name, model_files)
    registry.remove("imdb@1")
    registry.remove("imdb@3")
    registry.remove("other@1")
    assert [entry.reference for entry in registry.entries(deleted=True)] == ["other@1", "imdb@3", "imdb@1"]
    assert registry.prune("imdb") == ["imdb@1", "imdb@3"]
    assert registry.prune("imdb") == []
    for reference in ("imdb@1", "imdb@3"):
        with pytest.raises(NotFound, match="pruned"):
            registry.restore(reference)
    assert [entry.reference for entry in registry.entries(deleted=True)] == ["other@1"]
    assert registry.restore("other@1") == "other@1"
    assert registry.register("imdb", model_files) == "imdb@4"
    with pytest.raises(NotFound):
        registry.prune("third")
    with pytest.raises(UsageError):
        registry.prune("../imdb")


def test_find_registered(home, model_files):
    registry = Registry(home)
    assert registry.find_registered("imdb", model_files) is None
    for _ in range(2):
        registry.register("imdb", model_files)
    assert registry.find_registered("imdb", model_files) == "imdb@2"
    assert registry.find_registered("other", model_files) is None
    assert registry.find_registered("imdb", {**model_files, "history.jsonl": b""}) is None
    registry.remove("imdb@2")
    (home / "models/imdb/v000001/SHA256SUMS").write_bytes(b"")
    assert registry.find_registered("imdb", model_files) is None


@pytest.mark.parametrize(
    ("action", "undo", "warning"),
    [
        (("remove", "imdb@2"), ("restore", "imdb@2"), "imdb@2 is removed, but a power cut may undo that"),
        (("tag", "imdb@1", "prod"), ("untag", "imdb@prod"), "imdb@prod is set, but a power cut may undo that"),
        (("untag", "imdb@best"), ("tag", "imdb@1", "best"), "imdb@best is removed, but a power cut may bring it back"),
        (("restore", "imdb@3"), ("remove", "imdb@3"), "imdb@3 is restored, but a power cut may undo that"),
    ],
)
def test_unflushed_change_is_reported(home, model_files, action, undo, warning):
    """The last flush, of the folder with the new name, fails."""
    registry = Registry(home)
    for _ in range(3):
        registry.register("imdb", model_files)
    registry.tag("imdb@1", "best")
    registry.remove("imdb@3")
    with recorded() as trace:
        getattr(registry, action[0])(*action[1:])
    getattr(registry, undo[0])(*undo[1:])
    last = max(number for number, call in enumerate(trace.calls) if call.name == "fsync")
    with recorded(failing(last, errno.EIO)), pytest.raises(StorageError) as caught:
        getattr(registry, action[0])(*action[1:])
    assert caught.value.message == f"{warning}: input/output error"
    assert caught.value.hint


# The home


def test_newer_home_is_untouched(home, model_files):
    registry = Registry(home)
    registry.register("imdb", model_files)
    (home / "FORMAT").write_text("lstmctl 2\n")
    before = tree(home)
    actions = [
        lambda: registry.resolve(None),
        lambda: registry.resolve("imdb"),
        registry.entries,
        registry.references,
        lambda: registry.next_reference("imdb"),
        registry.prepare_for_writing,
        lambda: registry.register("imdb", model_files),
        lambda: registry.remove("imdb@1"),
        lambda: registry.restore("imdb@1"),
        lambda: registry.restore("other@1"),
        lambda: registry.tag("other@1", "prod"),
        lambda: registry.untag("imdb@prod"),
        lambda: registry.prune("other"),
        registry.prune,
    ]
    for action in actions:
        with pytest.raises(Rejected, match="newer lstmctl") as caught:
            action()
        assert "--upgrade" in caught.value.hint
    assert tree(home) == before


@pytest.mark.parametrize("content", [b"", b"lstmctl\n", b"lstmctl 1", b"git 1\n", b"lstmctl 1\n" * 100, b"1" * 65])
def test_home_of_another_program(home, content, model_files):
    home.mkdir()
    (home / "FORMAT").write_bytes(content)
    with pytest.raises(Rejected):
        Registry(home).register("imdb", model_files)
    with pytest.raises(Rejected):
        Registry(home).entries()
    assert os.listdir(home) == ["FORMAT"]


def test_home_that_is_a_file(tmp_path, model_files):
    (tmp_path / "file").write_text("mine")
    for home in (tmp_path / "file", tmp_path / "file" / "home"):
        for action in (
            lambda r: r.register("imdb", model_files),
            lambda r: r.prepare_for_writing(),
            lambda r: r.entries(),
        ):
            with pytest.raises(CannotCreate, match="not a folder") as caught:
                action(Registry(home))
            assert "LSTMCTL_HOME" in caught.value.hint
    (tmp_path / "dangling").symlink_to("nowhere")
    with pytest.raises(CannotCreate):
        Registry(tmp_path / "dangling").prepare_for_writing()
    assert (tmp_path / "file").read_text() == "mine"


def test_home_is_made_with_parents(tmp_path, model_files):
    deep = tmp_path / "not" / "there" / "yet"
    assert Registry(deep).register("imdb", model_files) == "imdb@1"
    (tmp_path / "link").symlink_to(deep)
    assert Registry(tmp_path / "link").register("imdb", model_files) == "imdb@2"


def test_prepare_for_writing(home, monkeypatch):
    Registry(home).prepare_for_writing()
    assert tree(home) == {
        "FORMAT": b"lstmctl 1\n",
        **{name: None for name in ("arrivals", "checkpoints", "models", "tmp")},
    }


def test_linked_name_is_not_followed(home, model_files, tmp_path):
    registry = Registry(home)
    registry.register("imdb", model_files)
    outside = tmp_path / "outside"
    (home / "models/imdb").rename(outside)
    (home / "models/imdb").symlink_to(outside)
    before = tree(outside)
    for action in (lambda: registry.register("imdb", model_files), lambda: registry.remove("imdb@1")):
        with pytest.raises(LstmctlError):
            action()
    assert registry.entries() == []
    assert tree(outside) == before


def test_reading_writes_nothing(home, model_files):
    registry = Registry(home)
    registry.entries()
    assert not home.exists()
    for _ in range(2):
        registry.register("imdb", model_files)
    registry.remove("imdb@2")
    before = tree(home)
    with recorded() as trace:
        registry.entries()
        registry.entries(deleted=True)
        registry.references()
        registry.next_reference("imdb")
        for reference in (None, "imdb", "imdb@1", "imdb@latest", str(home / "models/imdb/v000001")):
            try:
                registry.resolve(reference).verify()
            except NotFound:
                assert reference in ("imdb", "imdb@latest")
    assert {call.name for call in trace.calls} == {"open", "read"}
    assert not [call for call in trace.calls if call.creates]
    assert tree(home) == before


PROGRAM = """
import os, sys
import numpy
from pathlib import Path
from lstmctl.model.classifier import Classifier
from lstmctl.errors import LstmctlError
from lstmctl.registry.runs import TrainingRun, new_run_id, unfinished_runs
from lstmctl.storage.filesystem import Directory
from lstmctl.registry import listing
from lstmctl.storage.locks import lock
from lstmctl.registry.store import Registry
import lstmctl.registry.runs, difflib, regex, encodings.idna
os.setgid(65534)
os.setuid(65534)
registry = Registry(Path("."))
files = {path.name: path.read_bytes() for path in Path("models/imdb/v000001").iterdir()}
for entry in registry.entries():
    print(entry.reference)
print(registry.resolve(None).classifier().predict(["good"])[0].label, unfinished_runs(registry.home))
for write in (
    lambda: registry.register("imdb", files),
    lambda: registry.register("other", files),
    lambda: registry.remove("imdb@1"),
    lambda: registry.restore("imdb@2"),
    registry.prepare_for_writing,
    lambda: TrainingRun.start(registry.home, new_run_id("imdb"), {}),
):
    try:
        write()
    except LstmctlError as error:
        print(int(error.exit_code))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become someone else")
def test_read_only_user(home, model_files):
    registry = Registry(home)
    for _ in range(2):
        registry.register("imdb", model_files)
    registry.remove("imdb@2")
    before = tree(home)
    home.chmod(0o755)
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=home, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["imdb@1", "pos []"] + ["77"] * 6
    assert tree(home) == before


def test_unreadable_home_is_77(home, model_files, monkeypatch):
    def before(number, call):
        if call.name == "open" and call.paths[0] == home:
            raise PermissionError(13, "Permission denied")

    with recorded(before), pytest.raises(PermissionDenied, match="permission denied"):
        Registry(home).entries()
