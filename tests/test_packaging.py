"""What is installed is what is here: built, put into clean environments, and run there, without TensorFlow.

Makes environments of its own and needs a package index: `make packaging`.
"""

import itertools
import os
import re
import shutil
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
    here = {str(path.relative_to(ROOT)) for path in (ROOT / "lstmctl").rglob("*") if path.suffix in (".py", ".toml")}
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


def test_bash_completes_models_options_and_data_sets(built, tmp_path):
    """The script that `lstmctl completion bash` prints, in a real bash."""
    register_toy(Path(os.environ["LSTMCTL_HOME"]))
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "lstmctl").write_text(f'#!/bin/sh\nexec {sys.executable} -m lstmctl "$@"\n')
    (programs / "lstmctl").chmod(0o755)

    def completed(line):
        script = f"""
        source <(lstmctl completion bash)
        COMP_LINE={line!r} COMP_POINT={len(line)}
        words=($COMP_LINE); [[ $COMP_LINE == *' ' ]] && words+=('')
        COMP_WORDS=("${{words[@]}}") COMP_CWORD=$(( ${{#words[@]}} - 1 ))
        _lstmctl_completion; printf '%s\\n' "${{COMPREPLY[@]}}"
        """
        environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
        done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=True)
        return done.stdout.split()

    assert "predict" in completed("lstmctl pre")
    assert "tiny@1" in completed("lstmctl predict -m ti")
    assert "--threshold" in completed("lstmctl predict --thr")
    assert "imdb" in completed("lstmctl train --data im")
