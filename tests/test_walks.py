"""How many modules a value passes through on its way from the command line to where it is used."""

import sys
from dataclasses import is_dataclass
from pathlib import Path

import pytest
from toy import register_toy

from lstmctl.cli import main
from lstmctl.registry.names import Reference

PACKAGE = Path(main.__file__).parents[1]


def modules_passed(arguments, text):
    """The modules of the package, in order, in which a function gets `text` as an argument: as it is, as a path or as
    a reference, alone, in a list, or as a field of a value."""

    def carries(value):
        if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
            return any(map(carries, value))
        if isinstance(value, str | Path | Reference):
            return str(value) == text
        fields = vars(value).values() if is_dataclass(value) and not isinstance(value, type) else ()
        return any(isinstance(field, str | Path | Reference) and str(field) == text for field in fields)

    passed = {}

    def profile(frame, event, _):
        path = Path(frame.f_code.co_filename)
        if event == "call" and path.is_relative_to(PACKAGE):
            count = frame.f_code.co_argcount + frame.f_code.co_kwonlyargcount
            if any(carries(frame.f_locals.get(name)) for name in frame.f_code.co_varnames[:count]):
                passed[str(path.relative_to(PACKAGE))] = None

    previous = sys.getprofile()
    sys.setprofile(profile)
    try:
        code = main.run(arguments)
    finally:
        sys.setprofile(previous)
    assert code == 0
    return [module for module in passed if module != "cli/main.py"]  # which only knows the words of the line


@pytest.fixture(autouse=True)
def registered(tmp_path, monkeypatch):
    monkeypatch.setenv("LSTMCTL_HOME", str(tmp_path / "home"))
    register_toy(tmp_path / "home")


def test_model_reference(capfd):
    """`name@3` from `predict` to the model folder."""
    passed = modules_passed(["predict", "-m", "tiny@1", "good film"], "tiny@1")
    print(passed)
    assert passed.index("registry/artifact.py") + 1 <= 6, passed


def test_evaluation_data(tmp_path, capfd):
    """`evaluate --data FILE` from the command to the rows."""
    path = tmp_path / "labelled.csv"
    path.write_text("text,label\n" + "good,pos\nbad,neg\n" * 12)
    passed = modules_passed(["evaluate", "tiny@1", "--data", str(path)], str(path))
    print(passed)
    assert len(passed) <= 14, passed
