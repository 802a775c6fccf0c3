"""What is installed is what is here: built, put into clean environments, and run there, without TensorFlow.

Makes environments of its own and needs a package index: `make packaging`.
"""

import itertools
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
from toy import register_toy

pytestmark = [pytest.mark.packaging, pytest.mark.timeout(900)]
ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "how-to" / "without-tensorflow.md"


def pythons():
    """This Python, and of the other versions that are supported one each, where they can be found and run."""
    found = {sys.version_info[:2]: sys.executable}
    folders = [*os.environ["PATH"].split(os.pathsep), *sorted(Path.home().glob(".pyenv/versions/*/bin"))]
    for version, folder in itertools.product(((3, 11), (3, 12), (3, 13)), folders):
        candidate = Path(folder, "python{}.{}".format(*version))
        if version not in found and candidate.exists():
            asked = subprocess.run([candidate, "--version"], capture_output=True, check=False)
            if asked.returncode == 0:  # a shim may lead nowhere
                found[version] = str(candidate)
    return [found[version] for version in sorted(found)]


def run(*command, expected=0, **options):
    environment = {**os.environ, "PYTHONPATH": "", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run(
        list(map(str, command)), env=environment, capture_output=True, text=True, check=False, **options
    )
    assert done.returncode == expected, done.stdout[-2_000:] + done.stderr[-2_000:]
    return done


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder with sdist and wheel, built from a copy without anything that is not in the repository."""
    work = tmp_path_factory.mktemp("built")
    names = ["lstmctl", "tests", "docs", "README.md", "CHANGELOG.md", "LICENSE", "Makefile", "pyproject.toml"]
    for name in names:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, work / name)
    venv.create(work / "venv", with_pip=True)
    run(work / "venv" / "bin" / "pip", "install", "-q", "hatchling")
    run(work / "venv" / "bin" / "python", "-m", "hatchling", "build", "-d", "dist", cwd=work)
    return work / "dist"


def test_the_wheel_has_the_package_and_nothing_else(built):
    (wheel,) = built.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    kinds = (".py", ".toml", ".js", ".css", ".html")
    here = {str(path.relative_to(ROOT)) for path in (ROOT / "lstmctl").rglob("*") if path.suffix in kinds}
    assert here | {"lstmctl/py.typed"} == {name for name in names if name.startswith("lstmctl/")}
    assert all(name.startswith("lstmctl") for name in names)


def test_the_sdist_can_be_tested_and_built(built):
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    assert {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "lstmctl/model/lstm.py", "tests/toy.py"} <= names
    assert "docs/README.md" in names


@pytest.mark.parametrize("python", pythons(), ids=lambda path: Path(path).name)
def test_it_predicts_without_tensorflow_and_says_what_training_lacks(built, tmp_path, python):
    (wheel,) = built.glob("*.whl")
    (requirements,) = re.findall(r"`requirements.txt`:\n\n```\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "requirements.txt").write_text(requirements)
    run(python, "-m", "venv", tmp_path / "venv")
    binaries = tmp_path / "venv" / "bin"
    run(binaries / "pip", "install", "-q", "-r", tmp_path / "requirements.txt")
    run(binaries / "pip", "install", "-q", "--no-deps", wheel)
    there = run(binaries / "python", "-c", "import importlib.util as u; print(u.find_spec('tensorflow'))")
    assert there.stdout == "None\n"

    register_toy(Path(os.environ["LSTMCTL_HOME"]))
    data = tmp_path / "labelled.csv"
    data.write_text("text,label\n" + "".join(f"good film {n},pos\nbad film {n},neg\n" for n in range(30)))
    program = binaries / "lstmctl"
    assert run(program, "predict", "good film", "这部电影").stdout.startswith("pos\t")
    assert run(binaries / "python", "-m", "lstmctl", "--version").stdout.startswith("lstmctl ")
    for arguments in (
        ("evaluate", "--data", data),
        ("summary",),
        ("summary", "--gates", "--text", "good film"),
        ("plot",),
        ("plot", "--kind", "gates", "--text", "good film"),
        ("predict", "--explain", "good film"),
        ("predict", "-i", tmp_path / "label*.csv", "-o", tmp_path / "scored"),
        ("models", "verify"),
        ("models", "export", "tiny@1", "-o", tmp_path / "tiny.lstmctl"),
        ("models", "import", tmp_path / "tiny.lstmctl", "--name", "copy"),
        ("data", "check", "--data", data),
        ("completion", "bash"),
    ):
        run(program, *arguments)
    lacks = run(program, "train", "--data", data, expected=69).stderr
    assert "pip install tensorflow keras" in lacks and "Traceback" not in lacks
    run(program, "train", expected=69)


@pytest.fixture
def program_path(tmp_path):
    """PATH with an `lstmctl` that runs this package, in a folder with two files."""
    register_toy(Path(os.environ["LSTMCTL_HOME"]))
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "lstmctl").write_text(f'#!/bin/sh\nexec {sys.executable} -m lstmctl "$@"\n')
    (programs / "lstmctl").chmod(0o755)
    for name in ("reviews.csv", "other.csv"):
        (tmp_path / name).write_text("")
    return f"{programs}:{os.environ['PATH']}"


# A line that is typed → a reply that must be among those of the shell.
COMPLETED = {
    "lstmctl pre": "predict",
    "lstmctl predict -m ti": "tiny@1",
    "lstmctl predict --thr": "--threshold",
    "lstmctl train --data im": "imdb",
    "lstmctl predict -i rev": "reviews.csv",
}


def output(command, **options):
    return subprocess.run(command, capture_output=True, text=True, check=True, **options).stdout


@pytest.mark.parametrize(("line", "reply"), COMPLETED.items())
def test_bash_completes(line, reply, program_path, tmp_path):
    """The script that `lstmctl completion bash` prints, in a real bash; names of files are left to bash itself."""
    script = f"""
    source <(lstmctl completion bash)
    COMP_LINE={line!r} COMP_POINT={len(line)}
    COMP_WORDS=($COMP_LINE) COMP_CWORD=$(( $(wc -w <<<"$COMP_LINE") - 1 ))
    _lstmctl_completion; printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    environment = {**os.environ, "PATH": program_path}
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    replies = done.stdout.splitlines()
    assert reply in replies or (reply == "reviews.csv" and replies == [""])  # nothing: bash completes the file


@pytest.mark.parametrize(("line", "reply"), COMPLETED.items())
def test_fish_completes(line, reply, program_path, tmp_path):
    script = f"source (lstmctl completion fish | psub); complete -C {line!r}"
    environment = {**os.environ, "PATH": program_path, "HOME": str(tmp_path)}
    done = subprocess.run(
        ["fish", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert reply in [found.split("\t")[0] for found in done.stdout.splitlines()]


def test_zsh_completes(program_path, tmp_path):
    """A real zsh with a terminal of its own, in which Tab is pressed."""
    functions = tmp_path / "functions"
    functions.mkdir()
    environment = {**os.environ, "PATH": program_path, "HOME": str(tmp_path), "TERM": "xterm"}
    (functions / "_lstmctl").write_text(output(["lstmctl", "completion", "zsh"], env=environment))
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(tmp_path)
        os.execvpe("zsh", ["zsh", "-f", "-i"], environment)
    try:
        shown = _Shown(terminal)
        os.write(
            terminal, f"PS1='ready> '; fpath=({functions} $fpath); autoload -Uz compinit && compinit -u\r".encode()
        )
        shown.wait_for("ready> \x1b[K")
        for line, reply in COMPLETED.items():
            typed = line.replace("-m ti", "-m tiny@")  # of several replies, zsh first inserts what they have in common
            os.write(terminal, f"{typed}\t".encode())
            shown.wait_for(f"{line.rpartition(' ')[0]} {reply}")
            os.write(terminal, b"\x15")
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(terminal)


class _Shown:
    """What a terminal has shown."""

    def __init__(self, descriptor):
        self.descriptor, self.text = descriptor, ""

    def wait_for(self, text):
        """Read until a text has been shown, and forget what came before its end."""
        while text not in self.text:
            readable, _, _ = select.select([self.descriptor], [], [], 60)
            assert readable, f"no {text!r} in {self.text!r}"
            self.text += os.read(self.descriptor, 4096).decode(errors="replace")
        self.text = self.text.partition(text)[2]
