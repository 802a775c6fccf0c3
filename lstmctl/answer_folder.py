"""The folder that scoring writes answers into: what is there already, what is left to do, and who may write.

`scoring.json` tells what the answers were made with. Answers that were made otherwise, or to input that has changed, do
not get into the same folder, nor do two runs at a time; and nothing is removed that scoring has not put there.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from lstmctl.data.opening import display
from lstmctl.data.pieces import PIECE_BYTES, cut
from lstmctl.errors import CannotCreate
from lstmctl.files import Folder, os_errors, write_file
from lstmctl.registry.locks import lock
from lstmctl.scoring import BAD_ROWS, Scoring, Task

ABOUT = "scoring.json"
SCHEMA = "lstmctl.scoring/1"
_LOCK = ".lock"
_SCORED = re.compile(r".*-([0-9a-f]{16})-\d{6,}\.(?:jsonl|parquet)")
_LEFT_OVER = re.compile(r"\.lstmctl-[0-9a-f]+\.tmp")
_LONGEST_NAME = 150  # bytes of an input's name that its answers carry
_ABOUT_BYTES = 2**20


@contextmanager
def claimed(scoring: Scoring, files: Mapping[Path, str], *, digest: str, force: bool) -> Iterator[Iterator[Task]]:
    """The folder of the answers, made if need be, for this process alone; and all tasks, found one by one.

    `digest` is that of the model. `force` removes all answers that are there.

    Raises:
        CannotCreate: the folder has other things in it, or answers that were made otherwise, or from files that are not
        named now or have changed since. Busy: another process scores into it. PermissionDenied, StorageError.
    """
    path = Path(scoring.folder)
    if not path.parent.is_dir():
        raise CannotCreate(f"there is no folder {display(path.parent)}", hint=f"mkdir -p '{path.parent}'")
    with os_errors(f"make the folder {display(path)}"):
        path.mkdir(exist_ok=True)
        folder = Folder.open(path)
    with folder:
        with os_errors(f"read {display(path)}"):
            _refuse_strangers(folder)
        with lock(folder, _LOCK, timeout=0, what=f"{display(path)} is being written"):
            keys = {path: _key(path) for path in files}
            with os_errors(f"write {display(path)}"):
                about = {"schema": SCHEMA, "model": scoring.reference, "model_sha256": digest, **scoring.settings()}
                _claim(folder, {**about, "piece_bytes": PIECE_BYTES}, set(keys.values()), force=force)
                folder.make(BAD_ROWS)
                there = set(folder.names())
            yield _tasks(scoring, files, keys, there)


def _refuse_strangers(folder: Folder) -> None:
    """See that there is nothing in the folder but what scoring puts there."""
    names = folder.names()
    ours = (ABOUT, BAD_ROWS, _LOCK)
    for name in names:
        known = name in ours or _LEFT_OVER.fullmatch(name) or (_SCORED.fullmatch(name) and ABOUT in names)
        if not known:
            raise CannotCreate(f"{display(folder.path)} has other files in it: {name}", hint="-o names a new folder")


def _claim(folder: Folder, about: dict[str, Any], keys: set[str], *, force: bool) -> None:
    """Write what the answers are made with, or see that it is what is written there."""
    names, shown = folder.names(), display(folder.path)
    scored = [name for name in names if _SCORED.fullmatch(name)]
    for name in [*filter(_LEFT_OVER.fullmatch, names), *((*scored, BAD_ROWS) if force else ())]:
        folder.remove(name)
    hint = "-o names another folder; --force removes those answers"
    if scored and not force:
        before = _about(folder)
        if other := next((key for key in about if before.get(key) != about[key]), None):
            was, now = json.dumps(before.get(other)), json.dumps(about[other])
            raise CannotCreate(f"{shown} has answers that were made otherwise: {other} was {was}, is {now}", hint=hint)
        for name in scored:
            if _SCORED.fullmatch(name)[1] not in keys:  # type: ignore[index]
                raise CannotCreate(
                    f"{shown} has answers to a file that is not named, or has changed: {name}", hint=hint
                )
    write_file(folder.path / ABOUT, (json.dumps(about, indent=1) + "\n").encode(), force=True)


def _about(folder: Folder) -> dict[str, Any]:
    with suppress(ValueError, FileNotFoundError):
        before = json.loads(folder.read(ABOUT, limit=_ABOUT_BYTES))
        if isinstance(before, dict):
            return before
    return {}


def _key(path: Path) -> str:
    """Sixteen digits that another file has not, nor the same file once it is written to."""
    with os_errors(f"read {display(path)}"):
        status = os.stat(path)
    return hashlib.blake2b(f"{path}\0{status.st_size}\0{status.st_mtime_ns}".encode(), digest_size=8).hexdigest()


def _tasks(scoring: Scoring, files: Mapping[Path, str], keys: Mapping[Path, str], there: set[str]) -> Iterator[Task]:
    for path, kind in files.items():
        stem = path.name.encode()[:_LONGEST_NAME].decode("utf-8", "ignore").lstrip(".")
        for piece in cut(path, format=kind, text_column=scoring.text_column, size=PIECE_BYTES):
            name = f"{stem}-{keys[path]}-{piece.number:06d}"
            yield Task(str(path), kind, piece, name, f"{name}.{scoring.kind}" in there)
