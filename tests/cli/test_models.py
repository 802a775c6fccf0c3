"""`lstmctl models`: tags, verification, pruning, sorted and filtered lists."""

import json
import os
from pathlib import Path

import pytest
from toy import register_toy

from lstmctl.config import ModelConfig
from lstmctl.registry.listing import SORT_KEYS


@pytest.fixture
def home():
    return Path(os.environ["LSTMCTL_HOME"])


def names(result):
    assert result.code == 0, result.err
    return [line.split("\t")[0] for line in result.lines[1:]]


def test_tag_and_untag(cli, home):
    for _ in range(2):
        register_toy(home)
    assert cli("models", "tag", "tiny@1", "prod").out == "tiny@prod\n"
    assert json.loads(cli("predict", "-m", "tiny@prod", "--json", "good").out)["model"] == "tiny@1"
    assert names(cli("models", "list", "--tag", "prod")) == ["tiny@1"]
    untagged = cli("models", "untag", "tiny@prod", terminal=True)
    assert "undo: lstmctl models tag tiny@1 prod" in untagged.err
    assert cli("models", "untag", "tiny@prod").code == 66
    assert cli("models", "tag", "tiny@1", "latest").code == 2
    assert "no such models" in cli("models", "list", "--tag", "prod", terminal=True).err


def test_prune(cli, home):
    for _ in range(2):
        register_toy(home)
    assert "no removed models" in cli("models", "prune").err
    cli("models", "rm", "tiny@1")
    assert cli("models", "prune", "tiny").out == "tiny@1\n"
    gone = cli("models", "restore", "tiny@1")
    assert gone.code == 66 and "pruned" in gone.err
    assert names(cli("models", "list")) == ["tiny@2"]


def test_verify_without_models(cli, home):
    result = cli("models", "verify")
    assert (result.code, result.out, result.err) == (0, "", "there are no models to verify\n")


def test_verify(cli, home):
    for _ in range(2):
        register_toy(home)
    assert cli("models", "verify").lines == ["tiny@2\tok", "tiny@1\tok"]
    assert cli("models", "verify", terminal=True).lines == ["ok      tiny@2", "ok      tiny@1"]
    weights = home / "models/tiny/v000001/weights.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    result = cli("models", "verify")
    assert (result.code, result.lines) == (76, ["tiny@2\tok", "tiny@1\tbroken"])
    assert "tiny@1 cannot be used: weights.safetensors" in result.err
    assert "1 of 2 cannot be used" in result.err
    assert cli("models", "verify", "tiny@2").code == 0
    states = [json.loads(line)["state"] for line in cli("models", "verify", "--json").lines]
    assert states == ["ok", "broken"]
    assert cli("models", "verify", "tiny@9").code == 66


def test_sorted_and_filtered_lists(cli, home):
    small = ModelConfig(labels=("neg", "pos"), vocab_size=5, max_len=20, embedding_dim=2, units=1)
    register_toy(home, "b", created="2026-01-01T00:00:00+00:00")
    register_toy(home, "a", created="2026-01-02T00:00:00+00:00", config=small)
    register_toy(home, "a", created="2026-01-03T00:00:00+00:00")
    assert names(cli("models", "list")) == ["a@2", "a@1", "b@1"]
    assert names(cli("models", "list", "--sort", "name")) == ["a@2", "a@1", "b@1"]
    assert names(cli("models", "list", "--sort", "parameters")) == ["a@2", "b@1", "a@1"]
    assert len(names(cli("models", "list", "--sort", "accuracy"))) == 3
    assert len(names(cli("models", "list", "--min", "accuracy=0.5", "--min", "auc=0.1"))) == 3
    assert cli("models", "list", "--min", "accuracy=0.999", "--json").out == ""
    unknown = cli("models", "list", "--sort", "acuracy")
    assert unknown.code == 2 and "accuracy" in unknown.err
    for wrong in ("accuracy", "=1", "accuracy=x", "accuracy=nan"):
        assert cli("models", "list", "--min", wrong).code == 2


def test_help_lists_sort_keys(cli):
    assert ", ".join(SORT_KEYS) in " ".join(cli("models", "list", "--help").out.split())


def test_json_of_models(cli, home):
    register_toy(home)
    cli("models", "tag", "tiny@1", "prod")
    model = json.loads(cli("models", "list", "--json").out)
    bytes_on_disk = sum(path.stat().st_size for path in (home / "models/tiny/v000001").iterdir())
    assert {name: model[name] for name in ("schema", "model", "tags", "data", "n", "epoch", "bytes")} == {
        "schema": "lstmctl.model/1",
        "model": "tiny@1",
        "tags": ["prod"],
        "data": "imdb",
        "n": 10,
        "epoch": 3,
        "bytes": bytes_on_disk,
    }
    assert 0 <= model["low"] < model["accuracy"] < model["high"] <= 1
    header, row = cli("models", "list").lines
    assert row.split("\t") == ["prod" if name == "tags" else str(model[name]) for name in header.split("\t")]


def test_export_and_import(cli, home, tmp_path):
    register_toy(home)
    file = tmp_path / "tiny-1.lstmctl"
    assert cli("models", "export", "tiny@1", "-o", file).code == 0
    assert cli("models", "export", "tiny@1", "-o", file).code == 73
    onto_terminal = cli("models", "export", "tiny@1", terminal=True)
    assert onto_terminal.code == 2 and "-o tiny-1.lstmctl" in onto_terminal.err
    elsewhere = ["--home", tmp_path / "elsewhere"]
    assert cli("models", "import", file, *elsewhere).out == "tiny@1\n"
    assert cli("models", "import", file, "--name", "copy").out == "copy@1\n"
    answers = [cli("predict", "-m", model, "good film").out for model in ("tiny@1", "copy@1")]
    assert answers[0] == answers[1]
    assert cli("models", "import", file, "--name", "../x").code == 2
    assert cli("models", "import", tmp_path / "none").code == 66
    file.write_bytes(file.read_bytes()[:-1])
    broken = cli("models", "import", file)
    assert broken.code == 76 and "cannot be used" in broken.err
