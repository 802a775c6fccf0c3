"""In a folder with a stranger's files, no program that is started imports one of them."""

import ast
import json
import os
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import keras_files
import pytest

import lstmctl
from lstmctl.process import python_child

CANARY = "open(__import__('os').environ['CANARY'], 'a').write(__name__ + '\\n')\nraise SystemExit(99)\n"
ROOT = Path(lstmctl.__file__).parent


@pytest.fixture
def strange(tmp_path, monkeypatch):
    """A current folder with a module of every name that could be imported; the file that the first to run writes."""
    names = {*sys.stdlib_module_names, *packages_distributions(), "lstmctl", "sitecustomize", "usercustomize"}
    folder = tmp_path / "strange"
    folder.mkdir()
    for name in names:
        if name.isidentifier():
            (folder / f"{name}.py").write_text(CANARY)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("CANARY", str(tmp_path / "canary"))
    return tmp_path / "canary"


def program(code, *arguments, **environ):
    """A program whose own path leaves out the current folder, as that of the installed `lstmctl` does."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT.parent), **environ}
    command = [sys.executable, "-P", "-c", code, *arguments]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120, check=False)


MAIN = "import sys; from lstmctl.__main__ import main; sys.exit(main())"


def test_canary_works(strange):
    done = subprocess.run([sys.executable, "-m", "base64", "-h"], capture_output=True, check=False)
    assert done.returncode == 99 and strange.exists()


def test_import_of_a_keras_file(strange):
    Path("post.keras").write_bytes(keras_files.keras_file())
    Path("index.json").write_text(json.dumps({f"w{number}": number for number in range(1, 50)}))
    done = program(MAIN, "models", "import", "post.keras", "--vocab", "index.json")
    assert (done.returncode, done.stdout) == (0, "post@1\n"), done.stderr
    assert not strange.exists()


@pytest.mark.parametrize("arguments", [("data", "check", "--data", "keras-imdb")])
def test_download(strange, arguments, tmp_path):
    proxies = {"https_proxy": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9", "KERAS_HOME": str(tmp_path)}
    done = program(MAIN, *arguments, **proxies)
    assert done.returncode == 66 and "downloading failed" in done.stderr
    assert not strange.exists()


SPAWNED = """
import types
from lstmctl.scoring import pool
pool.sys = types.SimpleNamespace(platform="darwin")  # where processes are not forked
print(*pool.parallel_map(str.upper, ["a", "b"], jobs=2))
"""


def test_workers_that_are_not_forked(strange):
    done = program(SPAWNED)
    assert (done.returncode, done.stdout) == (0, "A B\n"), done.stderr
    assert not strange.exists()


def test_empty_entries_of_the_path_are_left_out(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["", ".", "src", "/absolute", ""]))
    monkeypatch.setenv("PYTHONSTARTUP", "evil.py")
    monkeypatch.setenv("PYTHONINSPECT", "1")
    command, environ = python_child("-m", "lstmctl")
    assert command[1:] == ["-P", "-m", "lstmctl"]
    assert environ["PYTHONPATH"].split(os.pathsep)[0] == "/absolute"
    assert all(map(os.path.isabs, environ["PYTHONPATH"].split(os.pathsep)))
    assert not {"PYTHONSTARTUP", "PYTHONINSPECT"} & set(environ)


def test_only_one_place_names_the_interpreter():
    """Whatever else starts Python must go through `python_child`."""
    found = {
        path.relative_to(ROOT).as_posix()
        for path in ROOT.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr == "executable"
    }
    assert found == {"process.py"}
