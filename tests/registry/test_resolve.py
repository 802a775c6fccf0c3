"""Resolving a MODEL, and the errors if there is none."""

import pytest
from faults import recorded
from toy import toy_files

from lstmctl.config import DataConfig
from lstmctl.errors import NotFound, Rejected, UsageError
from lstmctl.registry import listing
from lstmctl.registry.listing import NO_MODELS
from lstmctl.registry.runs import TrainingRun, new_run_id
from lstmctl.registry.store import Registry


@pytest.fixture
def registry(home, model_files):
    registry = Registry(home)
    for _ in range(3):
        registry.register("imdb", model_files)
    return registry


def refusal(registry, reference, kind=NotFound):
    with pytest.raises(kind) as caught:
        registry.resolve(reference)
    return caught.value.message, caught.value.hint


def test_names_versions_and_latest(registry):
    for written, meant in (("imdb", 3), ("imdb@latest", 3), ("imdb@2", 2), ("imdb@1", 1)):
        folder = registry.resolve(written)
        assert folder.reference == f"imdb@{meant}"
        assert folder.path == registry.home / "models" / "imdb" / f"v00000{meant}"
    registry.remove("imdb@3")
    assert registry.resolve("imdb").reference == "imdb@2"


def test_paths(registry, model_path, monkeypatch):
    monkeypatch.chdir(model_path.parent)
    for written in ("./model", "./model/", str(model_path), f"{registry.home}/models/imdb/v000002"):
        folder = registry.resolve(written)
        assert folder.reference == written
        folder.verify()
    # A path needs no readable home.
    (registry.home / "FORMAT").write_text("lstmctl 9\n")
    assert registry.resolve("./model").card.epoch == 3


def test_checkpoints_are_models(registry, model_files):
    with TrainingRun.start(registry.home, new_run_id("imdb"), {}) as run:
        checkpoint = run.save(10, model_files, state={})
        folder = registry.resolve(str(checkpoint))
        assert folder.path == checkpoint / "model"
        folder.verify()
        message, hint = refusal(registry, f"{run.path}/")
    assert "not a model folder" in message
    assert hint == f"its newest checkpoint is {checkpoint}"


def test_default_model_is_newest_full_model(home):
    registry = Registry(home)
    assert refusal(registry, None) == (f"there are no models in {home}", NO_MODELS)
    trial = DataConfig(limit=100)
    registry.register("trial", toy_files(data=trial, created="2026-01-09T00:00:00+00:00"))
    message, hint = refusal(registry, None)
    assert "--limit" in message
    assert "trial@1" in hint
    registry.register("a", toy_files(created="2026-01-02T00:00:00+00:00"))
    registry.register("b", toy_files(created="2026-01-01T00:00:00+00:00"))
    assert registry.resolve(None).reference == "b@1"
    registry.register("trial", toy_files(data=trial))
    registry.register("a", toy_files(created="2026-01-03T00:00:00+00:00"))
    assert registry.resolve(None).reference == "a@2"
    (home / "models/a/v000002/model.json").unlink()
    assert registry.resolve(None).reference == "b@1"
    for name in ("a/v000001", "b/v000001", "trial/v000001", "trial/v000002"):
        (home / "models" / name / "model.json").unlink()
    assert refusal(registry, None) == (f"no model in {home} can be read", "lstmctl models list shows the reasons")


def test_missing_models(registry, model_files, home, tmp_path, monkeypatch):
    assert refusal(registry, "imbd") == (f'no model "imbd" in {home}', "did you mean imdb@3? · lstmctl models list")
    assert refusal(registry, "tomatoes@1") == (f'no model "tomatoes" in {home}', "lstmctl models list")
    assert refusal(registry, "imdb@9") == ("imdb has no version 9", "its versions: imdb@1 imdb@2 imdb@3")
    assert refusal(registry, "imdb@best") == ('imdb has no tag "best"', "its versions: imdb@1 imdb@2 imdb@3")
    registry.remove("imdb@2")
    assert refusal(registry, "imdb@2") == ("imdb@2 was removed", "lstmctl models restore imdb@2")
    registry.remove("imdb", all_versions=True)
    assert refusal(registry, "imdb") == ("imdb@3 was removed", "lstmctl models restore imdb@3")
    assert refusal(registry, "imbd") == (f'no model "imbd" in {home}', NO_MODELS)
    assert refusal(Registry(tmp_path / "empty"), "imdb") == (f'no model "imdb" in {tmp_path}/empty', NO_MODELS)
    assert not (tmp_path / "empty").exists()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "model.json").touch()
    assert refusal(registry, "mine")[1] == "./mine is the model folder of that name"


def test_hint_with_many_versions(registry, home, model_files):
    for _ in range(9):
        registry.register("imdb", model_files)
    hint = refusal(registry, "imdb@99")[1]
    assert hint.startswith("its versions: … imdb@3 ")
    assert hint.endswith(" imdb@12")


def test_data_file_as_model(registry, tmp_path):
    (tmp_path / "reviews.csv").touch()
    for written, kind in (
        ("reviews.csv", NotFound),
        ("Reviews 2026.CSV", UsageError),
        (f"{tmp_path}/reviews.csv", NotFound),
        ("a.jsonl.gz", NotFound),
    ):
        message, hint = refusal(registry, written, kind)
        assert f"--data {written}" in hint
        assert f"-i {written}" in hint
    assert "is a file" in refusal(registry, f"{tmp_path}/reviews.csv")[0]


def test_folder_without_model(registry, tmp_path):
    assert refusal(registry, "./missing/")[0] == "there is no folder ./missing/"
    assert "it has no model.json" in refusal(registry, str(tmp_path))[0]
    assert len(refusal(registry, "x/" + "a" * 5_000)[0]) < 300
    (tmp_path / "loop").symlink_to("loop")
    refusal(registry, f"{tmp_path}/loop/x")
    (tmp_path / "model").mkdir()
    refusal(registry, str(tmp_path), Rejected)  # looks like a checkpoint but is none


def test_model_removed_during_resolve(registry, monkeypatch):
    """In the next attempt another version is the newest."""
    opened, real = [], listing.open_version

    def open_version(home, name, version, **keywords):
        if not opened:
            registry.remove(f"{name}@{version}")
        opened.append(version)
        return real(home, name, version, **keywords)

    monkeypatch.setattr(listing, "open_version", open_version)
    assert registry.resolve("imdb").reference == "imdb@2"
    assert opened == [3, 2]
    opened.clear()
    assert refusal(registry, "imdb@1") == ("imdb@1 was removed", "lstmctl models restore imdb@1")


def test_model_removed_during_read(registry):
    folder = registry.resolve("imdb@3")
    registry.remove("imdb@3")
    with pytest.raises(NotFound):
        folder.weights()
    registry.restore("imdb@3")
    folder.verify()


def test_the_default_model_is_found_among_any_number(home, monkeypatch):
    """Without opening the others: the first answer takes as long as with one model."""
    registry = Registry(home)
    for number in range(12):
        registry.register(f"m{number % 3}", toy_files())
    opened = []
    folder = listing.ModelFolder
    monkeypatch.setattr(listing, "ModelFolder", lambda *args, **more: opened.append(args) or folder(*args, **more))
    assert registry.resolve(None).reference == "m2@4"
    assert len(opened) == 1
    with recorded() as trace:
        registry.resolve(None)
    assert len({call.paths[0] for call in trace.calls if call.name == "open"}) < 12
