"""A card decides nothing on this machine: it names no file that is opened, starts no program and chooses no default."""

import os
import sys
from pathlib import Path

import pytest
from toy import register_toy, toy_files

from lstmctl.config import DataConfig
from lstmctl.interchange.model_files import pack_archive
from lstmctl.registry.store import Registry


@pytest.fixture
def events():
    """What is opened and started from here on."""
    seen = []
    active = [True]

    def hook(event, arguments):
        if active and event in ("open", "subprocess.Popen", "socket.connect", "os.listdir", "os.scandir"):
            seen.append((event, str(arguments[0])))

    sys.addaudithook(hook)
    yield seen
    active.clear()


def sources(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "secret.csv").write_text("text,label\ngood,pos\nbad,neg\n" * 40)
    secret, pipe = str(tmp_path / "secret.csv"), str(tmp_path / "pipe.csv")
    return [
        DataConfig(source=pipe),
        DataConfig(source="/dev/zero"),
        DataConfig(source="/dev"),
        DataConfig(source=secret),
        DataConfig(source="imdb", more_sources=(secret,)),
        DataConfig(source="keras-imdb"),
        DataConfig(source=str(tmp_path / "*.csv")),
        DataConfig(source=secret, val_source=pipe, test_source=pipe),
    ]


@pytest.mark.parametrize("way", ["archive", "folder", "earlier"])
@pytest.mark.parametrize("number", range(8))
def test_its_data_is_not_opened(cli, tmp_path, events, way, number):
    data, home = sources(tmp_path)[number], Path(os.environ["LSTMCTL_HOME"])
    model = "it@1"
    if way == "archive":
        (tmp_path / "it.lstmctl").write_bytes(pack_archive(toy_files(data=data)))
        assert cli("models", "import", tmp_path / "it.lstmctl").code == 0
    elif way == "folder":
        model = f"{tmp_path}/it/"
        Path(model).mkdir()
        for name, content in toy_files(data=data).items():
            Path(model, name).write_bytes(content)
    else:  # registered by an earlier version: only what can be read at once
        Registry(home).register("it", toy_files(data=data))
        if number in (2, 3, 4, 6):
            return
    events.clear()
    done = cli("evaluate", model)
    assert done.code == 66 and ("imported" in done.err or "gone" in done.err)
    assert "lstmctl evaluate" in done.err or "lstmctl data check" in done.err
    assert cli("summary", model, "--gates").code == 0
    assert not [event for event in events if any(word in event[1] for word in ("pipe.csv", "secret", "/dev", "keras"))]
    assert not [event for event in events if event[0] in ("subprocess.Popen", "socket.connect")]


def test_named_data_is_measured(cli, tmp_path):
    (tmp_path / "own.csv").write_text("text,label\n" + "good film,pos\nbad film,neg\n" * 40)
    data = DataConfig(source="imdb", test_source=str(tmp_path / "pipe.csv"))
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "it.lstmctl").write_bytes(pack_archive(toy_files(data=data)))
    assert cli("models", "import", tmp_path / "it.lstmctl").code == 0
    assert cli("evaluate", "it", "--data", tmp_path / "own.csv").code == 0
    assert "--data imdb" in cli("evaluate", "it").err


def test_its_date_does_not_make_it_the_default(cli, tmp_path):
    """A model that is trained here after it is newer, whatever either card says."""
    (tmp_path / "it.lstmctl").write_bytes(pack_archive(toy_files(created="9999-12-31T23:59:59+00:00")))
    assert cli("models", "import", tmp_path / "it.lstmctl").code == 0
    register_toy(Path(os.environ["LSTMCTL_HOME"]), "own", created="2020-01-01T00:00:00+00:00")
    assert "own@1" in cli("predict", "--json", "good").out
    assert [line.split("\t")[0] for line in cli("models", "list").lines[1:]] == ["own@1", "it@1"]
    assert cli("models", "list", terminal=True).code == 0


@pytest.mark.parametrize(
    "created", ["2026-99-99T99:99:99+00:00", "2026-02-30T00:00:00+00:00", "0000-01-01T00:00:00+00:00"]
)
def test_dates_that_do_not_exist(cli, tmp_path, created):
    files = toy_files()
    archive = pack_archive(files).replace(b"2026-01-02T03:04:05+00:00", created.encode().ljust(25))
    (tmp_path / "it.lstmctl").write_bytes(archive)
    assert cli("models", "import", tmp_path / "it.lstmctl").code == 76
