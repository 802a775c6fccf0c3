"""What is around the program is no bug of its own: no home folder, little memory, closed streams, variables."""

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from toy import register_toy

from lstmctl.errors import CannotCreate, UsageError
from lstmctl.registry.home import NO_HOME, check_home, default_home

FEW = "text,label\n" + "".join(f"good film {n},pos\nbad film {n},neg\n" for n in range(20))


def lstmctl(*arguments, limit=None, before=(), **environ):
    """A real process; `limit` is its address space in bytes. A variable that is None is not set."""
    variables = {name: value for name, value in {**os.environ, **environ}.items() if value is not None}
    command = [*before, sys.executable, "-m", "lstmctl", *map(str, arguments)]

    def limit_memory():
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    return subprocess.run(
        command, env=variables, capture_output=True, text=True, timeout=60, check=False, preexec_fn=limit_memory
    )


# --- the home ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def nobody(monkeypatch):
    """A user without HOME and without an entry in the list of users."""
    for name in ("HOME", "XDG_DATA_HOME", "LSTMCTL_HOME"):
        monkeypatch.delenv(name, raising=False)

    def unknown(uid):
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr("pwd.getpwuid", unknown)


def test_nobody_has_no_home(nobody, cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert default_home(None, {}) == NO_HOME
    for command in (["predict", "x"], ["models", "list"], ["models", "tag", "tiny@1", "prod"]):
        done = cli(*command)
        assert done.code == 73
        assert "HOME" in done.err and "--home DIR" in done.err
    for options in (["--home", "~/m"], ["--home", "~nobody-at-all/m"]):
        done = cli(*options, "models", "list")
        assert done.code == 2 and "--home" in done.err
    monkeypatch.setenv("LSTMCTL_HOME", "~/m")
    assert cli("predict", "x").code == 2
    assert list(tmp_path.iterdir()) == []


def test_nobody_predicts_with_a_model_folder(nobody, cli, tmp_path):
    register_toy(tmp_path / "home")
    model = tmp_path / "home/models/tiny/v000001"
    assert cli("predict", "-m", model, "good").out.startswith("pos")
    assert cli("--home", tmp_path / "home", "predict", "good").code == 0


@pytest.mark.parametrize("folder", ["/nonexistent", ""])
def test_a_home_folder_that_does_not_exist_is_not_made(folder, cli, monkeypatch):
    monkeypatch.delenv("LSTMCTL_HOME")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("HOME", folder)
    assert cli("predict", "x").code == 73
    assert not os.path.exists("/nonexistent")
    with pytest.raises(CannotCreate, match="no folder for models"):
        check_home(default_home(None, os.environ))
    with pytest.raises(UsageError, match="LSTMCTL_HOME"):
        default_home(None, {"LSTMCTL_HOME": "~/m"})


def test_a_tilde_in_a_variable_is_expanded(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    register_toy(tmp_path / "m")
    monkeypatch.setenv("LSTMCTL_HOME", "~/m")
    assert cli("predict", "good").code == 0
    monkeypatch.setenv("LSTMCTL_MODEL", "~/m/models/tiny/v000001")
    assert cli("predict", "good", "--output=~/answers.csv").code == 0
    assert (tmp_path / "answers.csv").exists() and not (tmp_path / "~").exists()


def test_the_home_that_was_searched_is_named(cli, home):
    for command in (["predict", "x"], ["predict", "-m", "nix", "x"], ["plot"]):
        done = cli(*command)
        assert done.code == 66
        assert str(home) in done.err and "--home DIR" in done.err
    assert str(home) in cli("models", "list", terminal=True).err


def test_a_read_only_home(home, tmp_path):
    register_toy(home)
    mounts = f"mount --bind {home} {home} && mount -o remount,bind,ro {home}"
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-rm", "true"], check=False).returncode:
        pytest.skip("needs user namespaces")
    before = ["unshare", "-rm", "sh", "-c", f'{mounts} && exec "$@"', "sh"]
    assert lstmctl("predict", "good", before=before).returncode == 0
    done = lstmctl("models", "tag", "tiny@1", "prod", before=before)
    assert done.returncode == 73
    assert "read-only file system" in done.stderr and "--home DIR" in done.stderr


def test_no_folder_for_temporary_files(cli, home, monkeypatch):
    register_toy(home)

    def none():
        raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr("tempfile.mkdtemp", lambda **options: none())
    monkeypatch.setattr("lstmctl.plots.pictures._matplotlib", none)
    done = cli("plot", "-o", home / "x.png")
    assert done.code == 74 and "TMPDIR" in done.err


# --- memory -----------------------------------------------------------------------------------------------------------

MEGABYTE = 10**6


@pytest.mark.skipif(sys.platform != "linux", reason="limits on address space")
@pytest.mark.parametrize("megabytes", [16, 24, 40, 80, 110, 130, 180, 400])
def test_little_memory(home, tmp_path, megabytes):
    """1 means "no", and 70 a bug: neither is what happened."""
    register_toy(home)
    (tmp_path / "few.csv").write_text(FEW)
    for command, answers in (
        (["predict", "--expect", "pos", "good"], (0, 74)),
        (["evaluate", "--data", tmp_path / "few.csv", "-j", 1], (0, 74)),
    ):
        done = lstmctl(*command, limit=megabytes * MEGABYTE)
        assert "Traceback" not in done.stderr
        if done.returncode not in answers:  # the interpreter itself did not start
            assert megabytes <= 16, done.stderr
        if done.returncode == 74:
            assert "was memory short?" in done.stderr and len(done.stderr.splitlines()) <= 2, done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="limits on address space")
def test_training_with_little_memory(home, tmp_path):
    (tmp_path / "few.csv").write_text(FEW)
    done = lstmctl("train", "-q", "--data", tmp_path / "few.csv", limit=900 * MEGABYTE)
    assert done.returncode == 74
    assert "was memory short?" in done.stderr and len(done.stderr.splitlines()) <= 2


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(12, "Cannot allocate memory"),
        ImportError("libopenblas.so: failed to map segment from shared object"),
        RuntimeError("can't start new thread"),
    ],
)
def test_errors_of_short_memory(cli, home, monkeypatch, error):
    def fail(*arguments, **options):
        raise error

    register_toy(home)
    monkeypatch.setattr("lstmctl.model.classifier.Classifier.predict", fail)
    done = cli("predict", "good", "--expect", "neg")
    assert done.code == 74 and "memory" in done.err


# --- variables and streams --------------------------------------------------------------------------------------------


def test_variables_and_files_of_keras_have_no_effect(tmp_path, monkeypatch):
    from lstmctl.training.framework import isolate

    environ = {
        "KERAS_BACKEND": "torch",
        "TF_USE_LEGACY_KERAS": "1",
        "XLA_FLAGS": "--none",
        "TF_XLA_FLAGS": "x",
        "A": "b",
    }
    isolate(environ)
    assert environ["KERAS_BACKEND"] == "tensorflow" and environ["A"] == "b"
    assert not {"TF_USE_LEGACY_KERAS", "XLA_FLAGS", "TF_XLA_FLAGS"} & set(environ)
    assert not Path(environ["KERAS_HOME"]).parent.is_dir()  # neither read nor made


@pytest.mark.long
@pytest.mark.training
def test_training_beside_a_strange_keras(tmp_path):
    """Same bits whatever Keras's own settings are, and nothing is made in the user's folder."""
    (tmp_path / "few.csv").write_text(FEW)
    user = tmp_path / "user"
    (user / ".keras").mkdir(parents=True)
    (user / ".keras/keras.json").write_text('{"floatx": "bfloat16", "backend": "torch", "nnx_enabled": true}')
    command = ["train", "-q", "--data", tmp_path / "few.csv", "-e", 1, "--units", 4, "--embedding-dim", 4]
    done = lstmctl("--home", tmp_path / "a", *command, HOME=str(user), KERAS_BACKEND="jax", XLA_FLAGS="--nonsense")
    assert (done.returncode, done.stderr) == (0, "")
    assert [path.name for path in user.rglob("*")] == [".keras", "keras.json"]
    assert lstmctl("--home", tmp_path / "b", *command, TF_ENABLE_ONEDNN_OPTS="0").returncode == 0
    first, second = (next((tmp_path / home).rglob("weights.safetensors")).read_bytes() for home in "ab")
    assert first == second


@pytest.mark.parametrize(("options", "shown"), [([], False), (["-W", "default"], True)])
def test_warnings_of_libraries(options, shown):
    """They are shown to whoever asks Python for them."""
    program = (
        "import sys, warnings\nfrom lstmctl.__main__ import main\nsys.argv = ['lstmctl', '--version']\n"
        "assert main() == 0\nwarnings.warn('of a library')"
    )
    done = subprocess.run([sys.executable, *options, "-c", program], capture_output=True, text=True, check=True)
    assert ("of a library" in done.stderr) == shown


@pytest.mark.parametrize(
    "variables",
    [
        {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"},
        {"TERM": "dumb", "COLUMNS": "0"},
        {"TERM": None, "COLUMNS": "-5", "PYTHONSTARTUP": "/nonexistent"},
        {"COLUMNS": "1", "TMPDIR": "/nonexistent", "OPENBLAS_NUM_THREADS": "x"},
    ],
    ids=str,
)
def test_variables_of_the_terminal(home, variables):
    register_toy(home)
    done = lstmctl("predict", "good 字 😀", "--format", "table", **variables)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


@pytest.mark.parametrize(("streams", "code"), [("<&- >&- 2>&-", 74), (">&- 2>/dev/null", 74), ("2>&-", 0)])
def test_closed_streams(home, streams, code):
    register_toy(home)
    for command in ("predict good", "models list", "summary"):
        line = f"{sys.executable} -m lstmctl {command} {streams}"
        assert subprocess.run(["sh", "-c", line], capture_output=True, check=False, timeout=60).returncode == code
