"""What `lstmctl doctor` finds out: whether this machine and this installation can do what the program needs.

Each check is a function that returns one or more findings and never raises for a fault of the machine. Nothing is
changed; files that are written for a trial are removed again.
"""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from lstmctl import memory
from lstmctl.errors import LstmctlError
from lstmctl.process import cores, python_child
from lstmctl.registry.home import check_home, default_home
from lstmctl.registry.store import Registry

if TYPE_CHECKING:
    from packaging.requirements import Requirement

State = Literal["ok", "warning", "failed"]

MIN_FREE = 500 * 2**20  # bytes: checkpoints and a model of a large vocabulary
_MEMORY_TO_TRAIN = 3 * 2**30  # bytes of memory that training on 18,000 reviews takes, with TensorFlow
_IMPORT_TIMEOUT = 120  # seconds for TensorFlow, from a slow disk
_PACKAGE = "lstmctl"
_ONLY_FOR_TRAINING = {"tensorflow", "keras", "scikit-learn", "scipy"}


_TRY_TENSORFLOW = """
import os
from lstmctl.training.framework import isolate
isolate(os.environ)
import tensorflow, keras
print(tensorflow.__version__, keras.__version__, len(tensorflow.config.list_physical_devices("GPU")))
"""


class Finding(NamedTuple):
    """The result of a check. `repair` is a command or an option that mends it, None if there is nothing to mend."""

    check: str
    state: State
    found: str
    repair: str | None = None


def diagnose(home: str | None) -> Iterator[Finding]:
    """The findings of all checks, each as soon as it is known. `home` is the value of --home."""
    for check in CHECKS:
        yield from check(home)


def check_python(home: str | None) -> Iterator[Finding]:
    """Whether this version of Python is supported."""
    from packaging.specifiers import SpecifierSet

    supported = metadata.metadata(_PACKAGE)["Requires-Python"] or ""
    found = f"{platform.python_version()} · {sys.prefix}"
    if SpecifierSet(supported).contains(platform.python_version(), prereleases=True):
        yield Finding("python", "ok", found)
    else:
        yield Finding("python", "failed", f"{found} · lstmctl needs {supported}", "python3.13 -m venv ENVIRONMENT")


def check_packages(home: str | None) -> Iterator[Finding]:
    """Whether every package that lstmctl requires is installed, in a version that it can work with."""
    from packaging.requirements import Requirement

    faults, fitting = [], 0
    extras: dict[
        str, tuple[list[str], list[str]]
    ] = {}  # name → its packages that are installed, and those that are not
    for requirement in map(Requirement, metadata.requires(_PACKAGE) or ()):
        name, installed = requirement.name, _installed_version(requirement.name)
        extra = next((extra for extra in _extras() if requirement.marker and _needed_for(requirement, extra)), None)
        if extra is not None:
            extras.setdefault(extra, ([], []))[installed is None].append(name)
        elif requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        elif installed is None:
            faults.append((name, f"{name} is not installed", f"{name}{requirement.specifier}"))
        elif not requirement.specifier.contains(installed, prereleases=True):
            found = f"{name} {installed} does not fit: lstmctl needs {requirement.specifier}"
            faults.append((name, found, f"{name}{requirement.specifier}"))
        else:
            fitting += 1
    for name, found, install in faults:
        purpose = " · needed only to train" if name in _ONLY_FOR_TRAINING else ""
        yield Finding("packages", "failed", found + purpose, f"pip install '{install}'")
    if not faults:
        yield Finding("packages", "ok", f"{fitting} packages, each in a version that fits")
    yield _describe_extras(extras)


def _describe_extras(extras: Mapping[str, tuple[list[str], list[str]]]) -> Finding:
    """Which extras are installed, from the packages of each that are and are not. None of them has to be."""
    complete = [name for name, (_, missing) in extras.items() if not missing]
    partial = [f"{name} without {' '.join(missing)}" for name, (there, missing) in extras.items() if there and missing]
    absent = [name for name, (there, _) in extras.items() if not there]
    facts = [" ".join(complete) or "none", *partial]
    facts += [f"optional: {' '.join(absent)}"] if absent else []
    lacking = [name for name, (_, missing) in extras.items() if missing]
    return Finding("extras", "ok", " · ".join(facts), f"pip install 'lstmctl[{lacking[0]}]'" if lacking else None)


def check_machine(home: str | None) -> Iterator[Finding]:
    """Cores and memory."""
    yield Finding("cores", "ok", f"{cores()} of {os.cpu_count()} for this process · {platform.machine()}")
    limit = memory_limit()
    if limit is None:
        yield Finding("memory", "ok", "no limit for this process")
    elif limit < _MEMORY_TO_TRAIN:
        found = f"limited to {limit / 2**30:.1f} GiB: too little to train, enough to predict"
        repair = "ulimit -v unlimited" if memory.is_limited() else "a machine or container with at least 3 GiB"
        yield Finding("memory", "warning", found, repair)
    else:
        yield Finding("memory", "ok", f"limited to {limit / 2**30:.1f} GiB")


def check_folders(home: str | None) -> Iterator[Finding]:
    """Whether the home and the folder of temporary files can be written to and have room, and how many models there
    are."""
    try:
        path = default_home(home, os.environ)
        check_home(path)
        registry = Registry(path)
        registry.prepare_for_writing()
    except LstmctlError as error:
        yield Finding("home", "failed", error.message, error.hint)
    else:
        entries = registry.entries()
        broken = [entry for entry in entries if entry.error is not None]
        yield Finding("home", "ok", f"{path} · {_models(len(entries) - len(broken))}")
        for entry in broken:
            message = entry.error.message if entry.error is not None else ""
            yield Finding("models", "failed", f"{entry.reference}: {message}", f"lstmctl models rm {entry.reference}")
        yield _room("disk", path, f"--home DIR on a disk with {_size(MIN_FREE)}")
    try:
        temporary = tempfile.gettempdir()
        with tempfile.TemporaryFile(dir=temporary) as file:
            file.write(b"\0" * 4096)
    except OSError as error:
        found = f"no folder for temporary files can be written to: {error.strerror or error}"
        yield Finding("temporary", "failed", found, "TMPDIR=FOLDER before the command names one")
    else:
        yield _room("temporary", Path(temporary), f"TMPDIR=FOLDER on a disk with {_size(MIN_FREE)}")


def check_locale(home: str | None) -> Iterator[Finding]:
    """Whether text from files and terminals is read and shown as UTF-8."""
    encoding = (getattr(sys.stdout, "encoding", None) or "none").lower()
    if encoding.replace("-", "") == "utf8":
        yield Finding("locale", "ok", "UTF-8")
    else:
        found = f"the terminal is written to in {encoding}: other characters are shown as \\u escapes"
        yield Finding("locale", "warning", found, "export LC_ALL=C.UTF-8")


def check_numbers(home: str | None) -> Iterator[Finding]:
    """A self-test of the LSTM: the fast pass must agree with `step`, which is written as the equations, on this
    processor and with this build of NumPy."""
    try:
        difference = _self_test()
    except ImportError as error:
        yield Finding("self-test", "failed", f"NumPy cannot be loaded: {error}", "pip install --force-reinstall numpy")
        return
    if difference <= 1e-5:
        yield Finding("self-test", "ok", f"the LSTM computes what its equations say (to {difference:.0e})")
    else:
        found = f"the LSTM's fast pass is off by {difference:.1g}: NumPy's matrix library is wrong on this processor"
        yield Finding("self-test", "failed", found, "pip install --force-reinstall --upgrade numpy")


def check_training(home: str | None) -> Iterator[Finding]:
    """Whether TensorFlow and Keras can be loaded, and whether they see a GPU. They are loaded in another process."""
    missing = [name for name in sorted(_ONLY_FOR_TRAINING) if _installed_version(name) is None]
    if missing:
        repair = f"pip install {' '.join(missing)}"
        yield Finding("training", "warning", f"{', '.join(missing)} not installed: everything but train works", repair)
        return
    try:
        command, environ = python_child("-c", _TRY_TENSORFLOW)
        done = subprocess.run(
            command,
            env=environ,
            capture_output=True,
            text=True,
            timeout=_IMPORT_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        yield Finding("training", "failed", f"TensorFlow could not be tried: {error}", "lstmctl train --limit 100")
        return
    answer = done.stdout.strip().splitlines()
    if done.returncode == 0 and answer:
        tensorflow, keras, gpus = answer[-1].split()
        yield Finding("training", "ok", f"TensorFlow {tensorflow} · Keras {keras} · {gpus.replace('0', 'no')} GPU")
        return
    reason = (done.stderr.strip().splitlines() or [f"the process ended with status {done.returncode}"])[-1]
    yield Finding(
        "training",
        "failed",
        f"TensorFlow cannot be loaded: {reason:.200}",
        "pip install --force-reinstall tensorflow keras",
    )


CHECKS: tuple[Callable[[str | None], Iterator[Finding]], ...] = (
    check_python,
    check_packages,
    check_machine,
    check_folders,
    check_locale,
    check_numbers,
    check_training,
)


def memory_limit() -> int | None:
    """The bytes of memory that this process may use, by `ulimit` or its control group; None: no limit."""
    import resource

    limits = [resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA)]
    found = [limit for limit in limits if limit != resource.RLIM_INFINITY]
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            text = Path(path).read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            continue
        if text.isdigit() and int(text) < 2**60:
            found.append(int(text))
    return min(found, default=None)


def _self_test() -> float:
    """The largest difference between `run` and `step`, for random matrices and texts of many lengths."""
    import numpy as np

    from lstmctl.model.lstm import Matrices, Matrix, Memory, pack, product, run, step

    random = np.random.default_rng(0)
    inputs, units, longest = 64, 32, 40
    matrices = Matrices(
        *(
            Matrix(
                *(random.normal(0, 0.3, shape).astype(np.float32) for shape in ((inputs, units), (units, units), units))
            )
            for _ in range(4)
        )
    )
    packed = pack(matrices)
    lengths = np.arange(longest, 0, -1)
    words = random.integers(0, 500, (longest, longest)).astype(np.int32)
    embedding = random.normal(0, 1, (500, inputs)).astype(np.float32)
    table = product(embedding, packed.kernel) + packed.bias
    fast = run(table, words, lengths, packed.recurrent)
    difference = 0.0
    for column, length in enumerate(lengths):
        state = Memory(np.zeros(units, np.float32), np.zeros(units, np.float32))
        for word in words[:length, column]:
            state, _ = step(embedding[word], state, matrices)
        difference = max(difference, float(np.abs(state.hidden - fast[column]).max()))
    return difference if np.isfinite(fast).all() else float("inf")


def _room(check: str, path: Path, repair: str) -> Finding:
    while not path.exists() and path != path.parent:
        path = path.parent
    try:
        free = shutil.disk_usage(path).free
    except OSError as error:
        return Finding(check, "failed", f"cannot tell the free space of {path}: {error.strerror}", repair)
    if free < MIN_FREE:
        return Finding(check, "failed", f"{_size(free)} free in {path}: training needs {_size(MIN_FREE)}", repair)
    return Finding(check, "ok", f"{_size(free)} free in {path}")


def _models(count: int) -> str:
    return f"{count:,} model{'s' * (count != 1)}"


def _size(size: float) -> str:
    """Bytes for people.

    >>> _size(3 * 2**30), _size(500 * 2**20)
    ('3.0 GiB', '500 MiB')
    """
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"


def _extras() -> list[str]:
    return [extra for extra in metadata.metadata(_PACKAGE).get_all("Provides-Extra") or () if extra != "dev"]


def _needed_for(requirement: "Requirement", extra: str) -> bool:
    """Whether a requirement belongs to an extra, and to nothing else."""
    marker = requirement.marker
    return marker is not None and marker.evaluate({"extra": extra}) and not marker.evaluate({"extra": ""})


def _installed_version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
