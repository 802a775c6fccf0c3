"""A lack of files, processes or memory is told as one, wherever it is met."""

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from toy import register_toy

from lstmctl.cli import predict
from lstmctl.errors import RESOURCES


@pytest.mark.parametrize("number", RESOURCES, ids=errno.errorcode.get)
@pytest.mark.parametrize("wrapped", [False, True])
def test_errors_of_the_system(cli, monkeypatch, number, wrapped):
    def lacking(*arguments, **options):
        error = OSError(number, os.strerror(number))
        if wrapped:
            raise ImportError("cannot import name x") from error
        raise error

    monkeypatch.setattr(predict.Console, "open", lacking)
    done = cli("predict", "good")
    assert done.code == 74 and "bug" not in done.err


@pytest.mark.parametrize("files", [5, 8, 12, 20, 40])
def test_few_files(tmp_path, files):
    register_toy(Path(os.environ["LSTMCTL_HOME"]))
    done = subprocess.run(
        [sys.executable, "-m", "lstmctl", "predict", "-", "-j", "8"],
        input=b"good film\n" * 9_000,
        capture_output=True,
        timeout=120,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files, files)),
    )
    assert done.returncode in (0, 74), done.stderr.decode()[-500:]
    assert b"Traceback" not in done.stderr
