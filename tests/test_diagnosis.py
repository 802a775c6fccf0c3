"""`lstmctl doctor`: each fault that is planted is found, with a repair that mends it."""

import io
import os
import platform
import resource
import shlex
import shutil
import sys
import tempfile
from collections import namedtuple
from importlib import metadata

import numpy as np
import pytest
from packaging.requirements import Requirement
from toy import register_toy

from lstmctl import diagnosis
from lstmctl.model import lstm

QUICK = tuple(check for check in diagnosis.CHECKS if check is not diagnosis.check_training)


@pytest.fixture
def doctor(cli, monkeypatch):
    """Run `lstmctl doctor` without loading TensorFlow: the exit code, and state, found and repair of each check."""
    monkeypatch.setattr(diagnosis, "CHECKS", QUICK)

    def call(*arguments):
        result = cli("doctor", "--format", "tsv", *arguments)
        rows = [line.split("\t") for line in result.lines]
        return result.code, {check: (state, found, repair) for state, check, found, repair in rows}

    return call


def test_a_sound_machine(doctor, home):
    register_toy(home)
    code, findings = doctor()
    assert code == 0, findings
    assert list(findings) == [
        *("python", "packages", "extras", "cores", "memory", "home", "disk", "temporary", "locale", "self-test")
    ]
    assert findings["home"][1] == f"{home} · 1 model"


def test_screen(doctor, cli):
    shown = cli("doctor", terminal=True)
    assert shown.out.startswith("✓ python     3.")
    assert cli("doctor", "--json").out.startswith('{"check": "python", "state": "ok", "found": "3.')


def test_home_is_a_file(doctor, home):
    home.write_text("")
    code, findings = doctor()
    assert code == 1 and findings["home"][0] == "failed" and "--home DIR" in findings["home"][2]
    assert doctor("--home", home.with_name("other"))[0] == 0


def test_home_of_another_program(doctor, home):
    home.mkdir()
    (home / "FORMAT").write_text("photos 7\n")
    assert doctor()[1]["home"][0] == "failed"


def test_damaged_model(doctor, cli, home):
    register_toy(home)
    (home / "models/tiny/v000001/model.json").write_text("{")
    code, findings = doctor()
    assert code == 1 and findings["models"][0] == "failed"
    repaired = cli(*shlex.split(findings["models"][2])[1:])
    assert repaired.code == 0 and doctor()[0] == 0


def test_no_folder_for_temporary_files(doctor, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [str(tmp_path / "missing")])
    assert doctor()[1]["temporary"][0] == "failed"


def test_full_disk(doctor, monkeypatch):
    usage = namedtuple("usage", "total used free")  # noqa: PYI024
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(2**40, 2**40 - 2**20, 2**20))
    findings = doctor()[1]
    assert findings["disk"][:2] == (
        "failed",
        f"1 MiB free in {findings['disk'][1].split(' in ')[1].split(':')[0]}: training needs 500 MiB",
    )
    assert findings["temporary"][0] == "failed" and "TMPDIR=" in findings["temporary"][2]


def test_memory_limit(doctor, monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (2**31, resource.RLIM_INFINITY))
    code, findings = doctor()
    assert code == 0 and findings["memory"] == (
        *("warning", "limited to 2.0 GiB: too little to train, enough to predict", "ulimit -v unlimited"),
    )


def test_old_python(doctor, monkeypatch):
    monkeypatch.setattr(platform, "python_version", lambda: "3.9.1")
    assert doctor()[1]["python"][0] == "failed"


def test_package_of_another_version(doctor, monkeypatch, tmp_path):
    (tmp_path / "h5py-1.0.dist-info").mkdir()
    (tmp_path / "h5py-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: h5py\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    state, found, repair = doctor()[1]["packages"]
    assert state == "failed" and found.startswith("h5py 1.0 does not fit: lstmctl needs ")
    assert Requirement(shlex.split(repair)[2]).specifier.contains(np.__version__) is not None
    sys.path.remove(str(tmp_path))
    assert Requirement(shlex.split(repair)[2]).specifier.contains(metadata.version("h5py"))


def test_package_is_missing(doctor, monkeypatch):
    installed = metadata.version

    def version(name):
        if name == "keras":
            raise metadata.PackageNotFoundError(name)
        return installed(name)

    monkeypatch.setattr(metadata, "version", version)
    state, found, repair = doctor()[1]["packages"]
    assert (state, found) == ("failed", "keras is not installed · needed only to train")
    assert Requirement(shlex.split(repair)[2]).name == "keras"
    assert [finding.state for finding in diagnosis.check_training(None)] == ["warning"]


def test_matrix_library_that_computes_wrong(doctor, monkeypatch):
    right = lstm.run
    monkeypatch.setattr(lstm, "run", lambda *arguments, **named: right(*arguments, **named) * np.float32(1.01))
    assert doctor()[1]["self-test"][0] == "failed"


def test_locale_without_unicode(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    (finding,) = diagnosis.check_locale(None)
    assert finding.state == "warning" and finding.repair == "export LC_ALL=C.UTF-8"


def test_tensorflow_that_cannot_be_loaded(monkeypatch, tmp_path):
    (tmp_path / "tensorflow.py").write_text("raise ImportError('libcudart.so: cannot open shared object file')")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")
    (finding,) = diagnosis.check_training(None)
    assert finding.state == "failed" and "libcudart.so" in finding.found
