"""Who may ask: the token, its file, the Host header, and the addresses that need no token."""

import hmac
import ipaddress
import os
import re
import shlex
import stat
from collections.abc import Iterable

from lstmctl.errors import BadData, NotFound, PermissionDenied, UsageError
from lstmctl.storage.filesystem import os_errors

_TOKEN = re.compile(r"[!-~]{16,512}")
_TOKEN_FILE_LIMIT = 4_096  # bytes
_HOST = re.compile(r"(?:\[(?P<six>[0-9a-f:.]+)\]|(?P<name>[^\s:/?#@\[\]]+))(?::\d{0,5})?", re.IGNORECASE | re.ASCII)
_ORIGIN = re.compile(r"https?://[^\s/?#@]+", re.ASCII)
_NOT_FOR_OTHERS = stat.S_IRWXO | stat.S_IWGRP


def read_token(path: str) -> str:
    """The token in a file: one line of 16 to 512 characters of ASCII without spaces.

    Raises NotFound, PermissionDenied: others may read the file, or the group may write it; BadData: it holds something
    else.
    """
    with os_errors(f"read {path}"):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError as error:
            raise NotFound(f"there is no file {path}", hint=_new_token_hint(path)) from error
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise BadData(f"{path} is not a regular file", hint="--token-file FILE names one that holds the token")
            if status.st_mode & _NOT_FOR_OTHERS:
                message = f"{path} holds a secret, but other users can read or change it"
                raise PermissionDenied(message, hint=f"chmod 600 {shlex.quote(path)}")
            data = os.read(descriptor, _TOKEN_FILE_LIMIT)
        finally:
            os.close(descriptor)
    token = data.decode("ascii", "replace").strip()
    if not _TOKEN.fullmatch(token):
        message = f"{path} is not a token: one line of 16 to 512 ASCII characters without spaces"
        raise BadData(message, hint=_new_token_hint(path))
    return token


def _new_token_hint(path: str) -> str:
    return f"(umask 077 && openssl rand -hex 32 > {shlex.quote(path)}) writes a token"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server at this address.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("0.0.0.0"), is_loopback("localhost")
    (True, True, False, True)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def check_origins(origins: Iterable[str]) -> None:
    """Raise UsageError for an --allow-origin that no browser would send."""
    for origin in origins:
        if origin != "*" and not _ORIGIN.fullmatch(origin):
            message = f'--allow-origin "{origin}" is not an origin: scheme, host and port, without a path'
            raise UsageError(message, hint="--allow-origin https://shop.example")


def bearer_matches(header: bytes | None, token: str) -> bool:
    """Whether an Authorization header has this token; takes the same time for all wrong ones of one length."""
    scheme, _, given = (header or b"").partition(b" ")
    return hmac.compare_digest(given.strip(), token.encode()) and scheme.lower() == b"bearer"


def check_hosts(names: Iterable[str]) -> None:
    """Raise UsageError for an --allow-host that no Host header has."""
    for name in names:
        match = _HOST.fullmatch(name)
        if name != "*" and (match is None or (match["six"] or match["name"]) != name.strip("[]")):
            message = f'--allow-host "{name}" is not a name: without scheme, port and path'
            raise UsageError(message, hint="--allow-host shop.example")


class Hosts:
    """The names that a Host header may have. A page on another site can make a browser ask a server on this machine, by
    pointing its own name at 127.0.0.1 (DNS rebinding); the browser then sends that name.

    >>> hosts = Hosts("127.0.0.1", ["shop.example"])
    >>> hosts.allow(b"localhost:8000"), hosts.allow(b"shop.example"), hosts.allow(b"evil.example")
    (True, True, False)
    """

    def __init__(self, listening: str, allowed: Iterable[str]) -> None:
        """`listening` is the address of --host, `allowed` are the names of --allow-host; * is every name."""
        self._names = {"localhost", listening.lower(), *(name.lower().strip("[]") for name in allowed)}
        self._any_address = not is_loopback(listening)

    def allow(self, header: bytes) -> bool | None:
        """Whether the name is one of them; None: it is not a Host header."""
        match = _HOST.fullmatch(header.decode("latin-1"))
        if match is None:
            return None
        name = (match["six"] or match["name"]).lower().removesuffix(".")
        if "*" in self._names or name in self._names:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return self._any_address or address.is_loopback  # an address cannot be pointed elsewhere
