"""Scoring: a folder of answers to files of any size, one file of answers for each piece of the input.

A piece is read, answered and written by one process, which keeps a few thousand rows in memory at most. Its answers
get their name when they are whole, so after an interruption only the pieces without answers are left to do, and whoever
does one twice writes the same again. `scoring.json` tells what the answers were made with: no others get into the
folder.

    scored/scoring.json                                   see `lstmctl.answer_folder`
    scored/reviews.csv-3fa91c02-000000.jsonl              the answers to the first piece of reviews.csv
    scored/bad-rows/reviews.csv-3fa91c02-000000.jsonl     its rows that cannot be used, if there are such
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Any, NamedTuple

from lstmctl.answers import answer_object
from lstmctl.bulk import Bulk
from lstmctl.classifier import Classifier, Prediction
from lstmctl.data import parquet as parquets
from lstmctl.data.columns import Row
from lstmctl.data.opening import Piece
from lstmctl.data.rows import read_rows
from lstmctl.errors import BadRow, LstmctlError
from lstmctl.files import os_errors, write_file

BAD_ROWS = "bad-rows"
BAD_SCHEMA = "lstmctl.bad-row/1"
_GROUP, _GROUP_CHARACTERS = 4_096, 2**23  # of the texts of a row group in Parquet: whichever is reached first
_IN_MEMORY = 2**22  # bytes of answers, before they go to a temporary file

Objects = list[dict[str, Any]]


class Task(NamedTuple):
    """One piece of one input, and how its answers are to be called, without the end of the name."""

    path: str
    format: str
    piece: Piece
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
                piece=task.piece,
                set_aside=set_aside if self.skip_bad_rows else None,
            )
            bulk = Bulk[Row, Prediction](answer, jobs=1)
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

    def _objects(self, answered: list[tuple[Row, Prediction]]) -> Objects:
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
    pyarrow, parquet = parquets.modules()
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
