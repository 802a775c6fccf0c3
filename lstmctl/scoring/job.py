"""Scoring: a folder of answers to files of any size, one file of answers for each piece of the input.

A piece is read, answered and written by one process, which keeps a few thousand rows in memory at most. Its answers
get their name when they are whole, so after an interruption only the pieces without answers are left to do, and whoever
does one twice writes the same again. `scoring.json` tells what the answers were made with: no others get into the
folder.

    scored/scoring.json                                   see `lstmctl.answer_folder`
    scored/reviews.csv-3fa91c02-000000.jsonl              the answers to the first piece of reviews.csv
    scored/bad-rows/reviews.csv-3fa91c02-000000.jsonl     its rows that cannot be used, if there are such

The folder that scoring writes answers into: what is there already, what is left to do, and who may write.

`scoring.json` tells what the answers were made with. Answers that were made otherwise, or to input that has changed, do
not get into the same folder, nor do two runs at a time; and nothing is removed that scoring has not put there.
"""

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Any, NamedTuple

from lstmctl.data import parquet as parquets
from lstmctl.data.chunks import CHUNK_BYTES, split_file
from lstmctl.data.columns import Example
from lstmctl.data.formats import read_rows
from lstmctl.data.opening import Chunk, display
from lstmctl.errors import BadRow, CannotCreate, LstmctlError
from lstmctl.model.classifier import Classifier, Prediction
from lstmctl.scoring.pool import WorkerPool
from lstmctl.scoring.prediction_json import answer_object
from lstmctl.storage.filesystem import Directory, os_errors, write_file
from lstmctl.storage.locks import lock

BAD_ROWS = "bad-rows"
BAD_SCHEMA = "lstmctl.bad-row/1"
_GROUP, _GROUP_CHARACTERS = 4_096, 2**23  # of the texts of a row group in Parquet: whichever is reached first
_IN_MEMORY = 2**22  # bytes of answers, before they go to a temporary file

Objects = list[dict[str, Any]]


class Task(NamedTuple):
    """One piece of one input, and how its answers are to be called, without the end of the name."""

    path: str
    format: str
    piece: Chunk
    name: str
    done: bool  # the answers are there already


class Scored(NamedTuple):
    """What came of a task. With an error nothing was written."""

    rows: int
    bad: int  # rows that were set aside
    bytes: int  # of the input
    error: LstmctlError | None = None


@dataclass(frozen=True)
class Scoring:
    """What is to be done with every piece. It is sent to whatever process does it, and has no open files."""

    classifier: Classifier
    reference: str
    folder: str  # absolute
    kind: str  # jsonl or parquet
    text_column: str
    keep_columns: bool
    threshold: float | None
    top_k: int | None
    encoding_errors: str
    max_line_bytes: int
    skip_bad_rows: bool

    def settings(self) -> dict[str, Any]:
        """What the answers depend on beside input and model."""
        return {
            "kind": self.kind,
            "text_column": self.text_column,
            "keep_columns": self.keep_columns,
            "threshold": self.threshold,
            "top_k": self.top_k,
            "encoding_errors": self.encoding_errors,
            "max_line_bytes": self.max_line_bytes,
        }

    def __call__(self, task: Task) -> Scored:
        """Answer a piece. Expected errors are part of the result: they have come from another process."""
        try:
            return self._score(task)
        except LstmctlError as error:
            return Scored(0, 0, task.piece.bytes, error)

    def _score(self, task: Task) -> Scored:
        count = bad = 0
        target, answer = Path(self.folder), partial(self.classifier.predict, threshold=self.threshold)
        with (
            os_errors("keep the answers until they are whole"),
            SpooledTemporaryFile(_IN_MEMORY) as answers,
            SpooledTemporaryFile(_IN_MEMORY) as aside,
        ):

            def set_aside(error: BadRow) -> None:
                nonlocal bad
                bad += 1
                aside.write(_json_line(_set_aside(task.path, error)))

            rows = read_rows(
                Path(task.path),
                name=task.path,
                format=task.format,
                text_column=self.text_column,
                label_column=None,
                keep_columns=self.keep_columns,
                encoding_errors=self.encoding_errors,
                max_line_bytes=self.max_line_bytes,
                chunk=task.piece,
                skip_bad_row=set_aside if self.skip_bad_rows else None,
            )
            bulk = WorkerPool[Example, Prediction](answer, jobs=1)
            with _writer(self.kind, answers, self.classifier.config.labels) as write, bulk:
                for row in rows:
                    count += 1
                    if answered := bulk.put(row, row.text):
                        write(self._objects(answered))
                write(self._objects(bulk.finish()))
            if bad:
                write_file(target / BAD_ROWS / f"{task.name}.jsonl", aside, force=True)
            write_file(target / f"{task.name}.{self.kind}", answers, force=True)
        return Scored(count, bad, task.piece.bytes)

    def _objects(self, answered: list[tuple[Example, Prediction]]) -> Objects:
        labels = self.classifier.config.labels
        column = self.text_column if self.keep_columns else None
        return [
            answer_object(row, prediction, labels, reference=self.reference, top_k=self.top_k, text_column=column)
            for row, prediction in answered
        ]


def _set_aside(path: str, error: BadRow) -> dict[str, Any]:
    return {
        "schema": BAD_SCHEMA,
        "file": path,
        "row": error.number,
        "last_row": error.last,
        "reason": error.message.removeprefix(f"{path}:{error.number}: "),
    }


def _json_line(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")


@contextmanager
def _writer(kind: str, file: IO[bytes], labels: tuple[str, ...]) -> Iterator[Callable[[Objects], None]]:
    """What writes answers into a file that is whole when the context ends."""
    if kind == "jsonl":

        def write_lines(objects: Objects) -> None:
            file.writelines(map(_json_line, objects))

        yield write_lines
        return
    pyarrow, parquet = parquets.import_pyarrow()
    schema = _schema(pyarrow, labels)
    with parquet.ParquetWriter(file, schema) as writer:
        group: Objects = []

        def write_group() -> None:
            writer.write_table(pyarrow.Table.from_pylist(group, schema=schema))
            group.clear()

        def write_rows(objects: Objects) -> None:
            for each in objects:
                columns = each.get("columns")
                group.append({**each, "columns": columns and json.dumps(columns, ensure_ascii=False)})
            if len(group) >= _GROUP or sum(len(each["text"]) for each in group) >= _GROUP_CHARACTERS:
                write_group()

        yield write_rows
        write_group()


def _schema(pyarrow: Any, labels: tuple[str, ...]) -> Any:
    """The columns of answers in Parquet: the keys of the JSON; what other columns there were is JSON text."""
    number, text, whole = pyarrow.float64(), pyarrow.string(), pyarrow.int64()
    return pyarrow.schema(
        {
            "row": whole,
            "text": text,
            "label": text,
            "probability": number,
            "probabilities": pyarrow.struct(dict.fromkeys(labels, number).items()),
            "words": whole,
            "known": whole,
            "unknown": pyarrow.list_(text),
            "cut": whole,
            "model": text,
            "top": pyarrow.list_(pyarrow.struct({"label": text, "probability": number}.items())),
            "columns": text,
        }
    )


SCORING_FILE = "scoring.json"
SCHEMA = "lstmctl.scoring/1"
_LOCK = ".lock"
_SCORED = re.compile(r".*-([0-9a-f]{16})-\d{6,}\.(?:jsonl|parquet)")
_LEFT_OVER = re.compile(r"\.lstmctl-[0-9a-f]+\.tmp")
_LONGEST_NAME = 150  # bytes of an input's name that its answers carry
_SCORING_FILE_BYTES = 2**20


@contextmanager
def claim_folder(scoring: Scoring, files: Mapping[Path, str], *, digest: str, force: bool) -> Iterator[Iterator[Task]]:
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
        folder = Directory.open(path)
    with folder:
        with os_errors(f"read {display(path)}"):
            _refuse_strangers(folder)
        with lock(folder, _LOCK, timeout=0, what=f"{display(path)} is being written"):
            keys = {path: _key(path) for path in files}
            with os_errors(f"write {display(path)}"):
                about = {"schema": SCHEMA, "model": scoring.reference, "model_sha256": digest, **scoring.settings()}
                _claim(folder, {**about, "piece_bytes": CHUNK_BYTES}, set(keys.values()), force=force)
                folder.make(BAD_ROWS)
                there = set(folder.names())
            yield _tasks(scoring, files, keys, there)


def _refuse_strangers(folder: Directory) -> None:
    """See that there is nothing in the folder but what scoring puts there."""
    names = folder.names()
    ours = (SCORING_FILE, BAD_ROWS, _LOCK)
    for name in names:
        known = name in ours or _LEFT_OVER.fullmatch(name) or (_SCORED.fullmatch(name) and SCORING_FILE in names)
        if not known:
            raise CannotCreate(f"{display(folder.path)} has other files in it: {name}", hint="-o names a new folder")


def _claim(folder: Directory, about: dict[str, Any], keys: set[str], *, force: bool) -> None:
    """Write what the answers are made with, or see that it is what is written there."""
    names, shown = folder.names(), display(folder.path)
    scored = [name for name in names if _SCORED.fullmatch(name)]
    for name in [*filter(_LEFT_OVER.fullmatch, names), *((*scored, BAD_ROWS) if force else ())]:
        folder.remove(name)
    hint = "-o names another folder; --force removes those answers"
    if scored and not force:
        before = _read_scoring_file(folder)
        if other := next((key for key in about if before.get(key) != about[key]), None):
            was, now = json.dumps(before.get(other)), json.dumps(about[other])
            raise CannotCreate(f"{shown} has answers that were made otherwise: {other} was {was}, is {now}", hint=hint)
        for name in scored:
            if _SCORED.fullmatch(name)[1] not in keys:  # type: ignore[index]
                raise CannotCreate(
                    f"{shown} has answers to a file that is not named, or has changed: {name}", hint=hint
                )
    write_file(folder.path / SCORING_FILE, (json.dumps(about, indent=1) + "\n").encode(), force=True)


def _read_scoring_file(folder: Directory) -> dict[str, Any]:
    with suppress(ValueError, FileNotFoundError):
        before = json.loads(folder.read(SCORING_FILE, limit=_SCORING_FILE_BYTES))
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
        for piece in split_file(path, format=kind, text_column=scoring.text_column, size=CHUNK_BYTES):
            name = f"{stem}-{keys[path]}-{piece.number:06d}"
            yield Task(str(path), kind, piece, name, f"{name}.{scoring.kind}" in there)
