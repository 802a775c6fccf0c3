"""What ends a server before it starts: one line, a hint, a documented exit code."""

import os
import socket
import sys

import pytest
from toy import register_toy

from lstmctl.errors import ExitCode
from lstmctl.serving.access import Hosts, read_token


@pytest.fixture(autouse=True)
def model(home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    register_toy(home)


def refused(cli, *arguments):
    """(exit code, message, hint)"""
    done = cli("serve", *arguments)
    message, hint = done.err.splitlines()
    assert done.out == "" and message.startswith("error: ") and hint.startswith("hint: ")
    return done.code, message.removeprefix("error: "), hint.removeprefix("hint: ")


def write_token(data, mode=0o600):
    with open("token", "wb") as file:
        file.write(data)
    os.chmod("token", mode)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--host", "0.0.0.0"],
        ["--host", "::"],
        ["--host", "192.168.0.1"],
        ["--host", "shop.example"],
        ["--no-auth", "--token-file", "token"],
        ["--port", "65536"],
        ["--port", "-1"],
        ["--workers", "0"],
        ["--timeout", "0"],
        ["--max-texts", "0"],
        ["--allow-host", "https://shop.example"],
        ["--allow-host", "shop.example:8000"],
        ["--allow-origin", "shop.example"],
        ["--allow-origin", "https://shop.example/"],
        ["-o", "log"],
        ["Tiny"],
        ["--host", "no-such-name.invalid", "--no-auth"],
        ["--host", "192.0.2.1", "--no-auth"],
    ],
    ids=" ".join,
)
def test_usage(cli, arguments):
    assert refused(cli, *arguments)[0] == ExitCode.USAGE


def test_no_model(cli, home):
    code, message, hint = refused(cli, "tiny", "nobody")
    assert code == ExitCode.NOT_FOUND and 'no model "nobody"' in message and "lstmctl models list" in hint
    assert refused(cli, "--home", "empty")[0] == ExitCode.NOT_FOUND


def test_a_broken_model(cli, home):
    (weights,) = home.rglob("weights.safetensors")
    weights.write_bytes(weights.read_bytes()[:-1])
    assert refused(cli)[0] == ExitCode.REJECTED


def test_the_port_is_in_use(cli):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert refused(cli, "--port", port) == (
            ExitCode.BUSY,
            f"port {port} is in use",
            "--port 0 takes a free one",
        )


def test_a_port_of_root(cli, monkeypatch):
    def fail(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket, "create_server", fail)
    assert refused(cli, "--port", 80)[0] == ExitCode.PERMISSION


def test_without_the_extra(cli, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("lstmctl.serving.")]:
        if name != "lstmctl.serving.settings":
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "starlette.datastructures", None)
    code, message, hint = refused(cli)
    assert code == ExitCode.MISSING_EXTRA and hint == "pip install 'lstmctl[serve]'"


@pytest.mark.parametrize(
    ("data", "mode", "code"),
    [
        (b"0123456789abcdef", 0o644, ExitCode.PERMISSION),
        (b"0123456789abcdef", 0o602, ExitCode.PERMISSION),
        (b"0123456789abcdef", 0o620, ExitCode.PERMISSION),
        (b"", 0o600, ExitCode.BAD_DATA),
        (b"short\n", 0o600, ExitCode.BAD_DATA),
        (b"0123456789 abcdef", 0o600, ExitCode.BAD_DATA),
        (b"0123456789abcdef\n0123456789abcdef", 0o600, ExitCode.BAD_DATA),
        ("0123456789abcdéf".encode(), 0o600, ExitCode.BAD_DATA),
        (b"x" * 600, 0o600, ExitCode.BAD_DATA),
    ],
)
def test_a_token_file_that_is_refused(cli, data, mode, code):
    write_token(data, mode)
    found = refused(cli, "--token-file", "token")
    assert found[0] == code and data.decode().strip()[:10] not in found[1] + found[2] or not data


def test_a_token_file_that_is_missing_or_a_folder(cli, tmp_path):
    assert refused(cli, "--token-file", "nothing")[0] == ExitCode.NOT_FOUND
    assert refused(cli, "--token-file", tmp_path)[0] == ExitCode.BAD_DATA


def test_a_token():
    write_token(b"  0123456789abcdef\n", 0o440)
    assert read_token("token") == "0123456789abcdef"


def test_every_name():
    assert Hosts("0.0.0.0", ["*"]).allow(b"evil.example")
