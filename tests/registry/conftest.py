"""A home, and the files of a model that is packed once."""

from functools import cache
from pathlib import Path

import pytest
from toy import toy_files

from lstmctl import files


@cache
def _packed() -> dict[str, bytes]:
    return toy_files()


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody cuts the power here. That everything is flushed in the right order is seen from the calls."""
    monkeypatch.setattr(files.system, "fsync", lambda descriptor: None)


@pytest.fixture
def model_files() -> dict[str, bytes]:
    return dict(_packed())


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def model_path(tmp_path: Path, model_files: dict[str, bytes]) -> Path:
    """A model folder that stands alone."""
    path = tmp_path / "model"
    path.mkdir()
    for name, data in model_files.items():
        (path / name).write_bytes(data)
    return path
