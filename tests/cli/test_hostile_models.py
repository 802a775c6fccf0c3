"""Damaged and hostile models given to commands: a result or exit code 76, without side effects."""

import os
import random
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from mutants import mutant_of
from toy import toy_files

from lstmctl.registry import artifact

LABELLED = "text,label\ngood film,pos\nbad,neg\n"
FORBIDDEN = {
    "exec", "compile", "marshal.loads", "pickle.find_class", "os.system", "os.exec", "os.posix_spawn",
    "subprocess.Popen", "socket.connect", "socket.bind", "ctypes.dlopen", "os.mkdir", "os.rename", "os.remove",
    "os.rmdir", "os.link", "os.symlink", "os.chmod", "os.truncate", "shutil.rmtree",
}  # fmt: skip
_seen: list[str] = []
_watched: Path | None = None


def _watch(event, arguments):
    if _watched is None:
        return
    if event in FORBIDDEN:
        _seen.append(f"{event} {ascii(arguments)[:100]}")
    elif event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        _seen.append(f"open to write {arguments[0]!a:.100}")


@pytest.fixture(scope="module")
def hook():
    sys.addaudithook(_watch)


@pytest.fixture
def watching(hook, tmp_path):
    """Side effects while the test runs."""
    global _watched  # noqa: PLW0603  # an audit hook can never be removed
    _seen.clear()
    _watched = tmp_path
    yield _seen
    _watched = None


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model"
    path.mkdir()
    for name, data in toy_files().items():
        (path / name).write_bytes(data)
    (tmp_path / "labelled.csv").write_text(LABELLED)
    return path


def commands(model):
    return [
        ("predict", "-m", model, "good film"),
        ("predict", "-m", model, "--json", "good", "bad"),
        ("evaluate", model, "--data", model.parent / "labelled.csv"),
        ("summary", model, "--json"),
        ("plot", model),
        ("models", "verify", model),
    ]


def damage(model, files, dice):
    """Change one file of the model, usually with the right checksum."""
    name = dice.choice(sorted(files))
    changed = files | {name: mutant_of(name, files[name], dice)}
    if name != "SHA256SUMS" and dice.random() < 0.9:
        changed["SHA256SUMS"] = artifact.format_sums({each: changed[each] for each in files if each != "SHA256SUMS"})
    for each in (name, "SHA256SUMS"):
        (model / each).write_bytes(changed[each])
    return name


def restore(model, files, name):
    for each in (name, "SHA256SUMS"):
        (model / each).write_bytes(files[each])


@pytest.mark.parametrize("count", [100, pytest.param(10_000, marks=pytest.mark.slow)])
def test_every_command_works_or_rejects(cli, model, watching, count):
    global _watched  # noqa: PLW0603
    files, dice, codes = toy_files(), random.Random(0), []
    for command in commands(model):
        assert cli(*command).code == 0
    for number in range(count):
        _watched = None
        name = damage(model, files, dice)
        command = commands(model)[number % len(commands(model))]
        _seen.clear()
        _watched = model
        result = cli(*command)
        codes.append(result.code)
        details = f"{command[0]} with another {name}: {result}"
        if result.code == 65:  # a valid model, but with other labels than the data
            assert (command[0], name) == ("evaluate", "model.json") and "does not know the label" in result.err, details
            result = result._replace(code=76)
        assert result.code in (0, 76), details
        assert "Traceback" not in result.err, details
        assert _seen == [], details
        if result.code:
            assert result.out == "" or command[1] == "verify", details
            assert "error:" in result.err and all(line.isprintable() for line in result.err.splitlines()), details
        _watched = None
        restore(model, files, name)
    assert codes.count(76) > count / 4


def test_watch_sees_side_effects(watching, tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "file").unlink()
    assert [event.split()[0] for event in watching] == ["open", "os.remove"]


@pytest.mark.parametrize("count", [6, pytest.param(300, marks=pytest.mark.slow)])
def test_commands_with_little_memory(model, count):
    """1 GiB of address space and 60 s."""
    files, dice = toy_files(), random.Random(1)
    for number in range(count):
        name = damage(model, files, dice)
        command = list(map(str, commands(model)[number % len(commands(model))]))
        done = subprocess.run(
            [sys.executable, "-m", "lstmctl", *command],
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30)),
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert done.returncode in (0, 76), done.stderr
        assert b"Traceback" not in done.stderr
        restore(model, files, name)
