"""Predictions of files of any size, in a folder: one file of predictions for each chunk of the input.

A worker reads, predicts and writes one chunk, and keeps a few thousand rows in memory at most. A file of predictions
gets its name only when it is complete, so after an interruption only the chunks without one are left to do, and doing
a chunk twice writes the same bytes.

    scored/scoring.json                                         model and options of all predictions here
    scored/reviews.csv-3fa91c0212ab34cd-000000.jsonl            predictions for the first chunk of reviews.csv
    scored/bad-rows/reviews.csv-3fa91c0212ab34cd-000000.jsonl   the rows of that chunk that were skipped, if any

A folder has predictions of one model, with one set of options, for unchanged input, and only one run at a time may
write to it. Only files that scoring wrote are ever removed.
"""

import json
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from stat import S_ISDIR
from tempfile import SpooledTemporaryFile
from typing import IO, Any, NamedTuple

from lstmctl.data import parquet as parquets
from lstmctl.data.bad_rows import offer_skip
from lstmctl.data.chunks import CHUNK_BYTES
from lstmctl.data.columns import Example
from lstmctl.data.layout import BAD_ROWS, DOCUMENT, SCORING_FILE
from lstmctl.data.opening import display
from lstmctl.errors import BadData, BadRow, CannotCreate, Interrupted, LstmctlError, Signalled
from lstmctl.model.classifier import Classifier, Prediction
from lstmctl.process import signal_number
from lstmctl.scoring.pool import ParallelMapContext, WorkerPool
from lstmctl.scoring.stream import InputRows, PredictionRequest, predict_rows, prediction_object
from lstmctl.scoring.tasks import InputChanged, Task, check_unchanged, document_tasks, file_key, table_tasks
from lstmctl.storage.filesystem import Directory, os_errors, write_file
from lstmctl.storage.locks import lock

BAD_ROW_SCHEMA = "lstmctl.bad-row/1"
SCORING_SCHEMA = "lstmctl.scoring/1"
_LAYOUT = ("delimiter", "encoding", "no_header")  # options that scoring.json has only if they were given
_LOCK = ".lock"
_SCORED = re.compile(r".*-([0-9a-f]{16})-\d{6,}\.(?:jsonl|parquet)", re.DOTALL)
_TEMPORARY = re.compile(r"\.lstmctl-[0-9a-f]+\.tmp")
_MAX_SCORING_FILE_BYTES = 2**20
_ROW_GROUP, _ROW_GROUP_CHARACTERS = 4_096, 2**23  # texts of a Parquet row group: whichever is reached first
_IN_MEMORY = 2**22  # bytes of predictions, before they go to a temporary file

Objects = list[dict[str, Any]]


class ChunkResult(NamedTuple):
    """The outcome of a task. With an error nothing was written."""

    rows: int = 0  # predicted
    bad_rows: int = 0  # skipped
    bytes: int = 0  # of the input
    error: LstmctlError | None = None


@dataclass
class Progress:
    """How much of the input has predictions."""

    rows: int = 0
    bad_rows: int = 0
    chunks: int = 0
    bytes: int = 0  # of the input
    chunks_before: int = 0  # done by an earlier run
    bytes_before: int = 0

    def add(self, result: ChunkResult) -> None:
        """Count a chunk, or raise the error that it failed with."""
        if result.error is not None:
            if isinstance(result.error, BadRow):
                offer_skip(result.error)
            raise result.error
        self.rows += result.rows
        self.bad_rows += result.bad_rows
        self.chunks += 1
        self.bytes += result.bytes


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """What to do with each chunk. It is sent to worker processes, and has no open files."""

    classifier: Classifier
    reference: str  # of the model
    model_sha256: str
    request: PredictionRequest
    folder: str  # absolute
    kind: str  # jsonl or parquet
    skip_bad_rows: bool = False

    def settings(self) -> dict[str, Any]:
        """What the predictions depend on besides the input: the content of scoring.json."""
        options = ("keep_columns", "threshold", "top_k", "encoding_errors", "max_line_bytes")
        text = self.request.text_column or "text"
        layout = {"delimiter": self.request.delimiter, "encoding": self.request.encoding}
        return {
            "schema": SCORING_SCHEMA,
            "model": self.reference,
            "model_sha256": self.model_sha256,
            "kind": self.kind,
            "text_column": list(text) if isinstance(text, tuple) else text,
            **{name: value for name, value in layout.items() if value is not None},
            **({"no_header": True} if self.request.no_header else {}),
            **{option: getattr(self.request, option) for option in options},
            "chunk_bytes": CHUNK_BYTES,
        }

    def __call__(self, task: Task) -> ChunkResult:
        """Predict a chunk and write the file. Expected errors are part of the result, to cross process boundaries."""
        try:
            try:
                return self._score(task)
            except LstmctlError:
                check_unchanged(task)  # which explains most errors of a file that did change
                raise
        except LstmctlError as error:
            return ChunkResult(bytes=task.chunk.bytes, error=error)

    def _score(self, task: Task) -> ChunkResult:
        count = bad = 0
        request, folder, labels = self.request, Path(self.folder), self.classifier.config.labels
        with (
            os_errors("keep the predictions until they are complete"),
            SpooledTemporaryFile(_IN_MEMORY) as predictions,
            SpooledTemporaryFile(_IN_MEMORY) as bad_rows,
        ):

            def skip(path: str | Path, error: BadRow) -> None:
                nonlocal bad
                if error.swallows:
                    raise BadData(error.message, hint=error.hint)
                bad += 1
                bad_rows.write(_json_line(_bad_row_object(str(path), error)))

            if not task.documents:
                request = replace(request, text_column=task.reading.columns.text)  # as the file has it
            rows = self._rows(task, skip if self.skip_bad_rows else None)
            predict = partial(self.classifier.predict_list, threshold=request.threshold)
            pool = WorkerPool[Example, Prediction](predict, jobs=1)
            with open_writer(self.kind, predictions, labels) as write_objects:
                make_object = partial(prediction_object, request=request, labels=labels, reference=self.reference)

                def write(predicted: list[tuple[Example, Prediction]]) -> None:
                    nonlocal count
                    count += len(predicted)
                    write_objects([make_object(example, prediction) for example, prediction in predicted])

                predict_rows(InputRows(rows), pool, write)
            check_unchanged(task)
            if bad:
                write_file(folder / BAD_ROWS / f"{task.name}.jsonl", bad_rows, force=True)
            write_file(folder / f"{task.name}.{self.kind}", predictions, force=True)
        return ChunkResult(count, bad, task.chunk.bytes)

    def _rows(self, task: Task, skip: Callable[[str | Path, BadRow], None] | None) -> Iterator[Example]:
        """The rows of a task, each with the name of its file."""
        if task.documents:
            root = Path(task.root) if task.root else None
            paths, first = list(map(Path, task.documents)), task.chunk.before + 1
            return self.request.read_documents(paths, root, first=first, skip_bad_row=skip)
        skip_row = partial(skip, task.path) if skip is not None else None
        options = {"name": task.path, "chunk": task.chunk, "skip_bad_row": skip_row, "reading": task.reading}
        rows = self.request.read(Path(task.path), format=task.reading.format, **options).rows
        return (row._replace(file=task.file) for row in rows)


def score_to_folder(
    scoring: Scoring,
    files: Mapping[Path, str],
    *,
    pool: ParallelMapContext,
    root: Path | None = None,
    force: bool = False,
    report: Callable[[Progress], None] = lambda progress: None,
    note: Callable[[str], None] = lambda text: None,
) -> Progress:
    """Predict the rows of all files (path → format) that have no predictions in the folder yet.

    Predictions have the names of their files, which start at the folder `root`, or without it where the program runs.
    `pool` is of `open_pool`, and is entered only if there is anything to do. `force` removes the predictions that the
    folder has. `report` is called after every chunk, `note` with how a file was recognised if that is not as usual.

    Raises:
        CannotCreate: the folder has other files in it, or predictions made with other options, or for files that are
        not named now or have changed. Busy: another run writes to it. BadData: naming file and row. Interrupted: by a
        signal; the files written so far are kept. PermissionDenied, StorageError.
    """
    if scoring.kind == "parquet":
        parquets.import_pyarrow()  # report a missing package here, not on a worker
    progress = Progress()
    try:
        tables = {path: format for path, format in files.items() if format != DOCUMENT}
        keys = {path: file_key(path) for path in tables}
        documents = list(document_tasks([path for path in files if path not in tables], root, size=CHUNK_BYTES))
        document_keys = {task.name.rsplit("-", 2)[1] for task in documents}
        with _claim_folder(scoring, {*keys.values(), *document_keys}, force=force) as names:
            chunks = table_tasks(scoring.request, tables, keys, root, size=CHUNK_BYTES, note=note)
            tasks = _undone(scoring, chain(documents, chunks), names, progress)
            if (first := next(tasks, None)) is not None:
                answered = dict[tuple[str, ...], Task]()
                with pool as run:
                    for result in run(scoring, _noted(chain([first], tasks), answered)):
                        progress.add(result)
                        report(progress)
                for task in answered.values():
                    check_unchanged(task)
    except InputChanged as error:
        with suppress(OSError), Directory.open(Path(scoring.folder)) as folder:
            for name in folder.names():
                if (match := _SCORED.fullmatch(name)) is not None and match[1] == error.key:
                    folder.remove(name)
        raise
    except (KeyboardInterrupt, Signalled) as interrupt:
        message = f"stopped after {progress.rows:,} row{'' if progress.rows == 1 else 's'}; their predictions are kept"
        raise Interrupted(signal_number(interrupt), message, hint="the same command continues") from None
    return progress


def _noted(tasks: Iterable[Task], answered: dict[tuple[str, ...], Task]) -> Iterator[Task]:
    """The tasks, one of each file noted."""
    for task in tasks:
        answered[task.documents or (task.path,)] = task
        yield task


def _undone(scoring: Scoring, tasks: Iterable[Task], names: set[str], progress: Progress) -> Iterator[Task]:
    """The tasks without predictions; the others are counted. `names` are the folder's files."""
    for task in tasks:
        if f"{task.name}.{scoring.kind}" in names:
            progress.chunks_before += 1
            progress.bytes_before += task.chunk.bytes
        else:
            yield task


# --- the folder -------------------------------------------------------------------------------------------------


@contextmanager
def _claim_folder(scoring: Scoring, keys: set[str], *, force: bool) -> Iterator[set[str]]:
    """The names in the folder, which is created if needed and locked for this process. Raises as `score_to_folder`."""
    path = Path(scoring.folder)
    if not path.parent.is_dir():
        raise CannotCreate(
            f"there is no folder {display(path.parent)}", hint=f"mkdir -p {shlex.quote(str(path.parent))}"
        )
    with os_errors(f"make the folder {display(path)}"):
        path.mkdir(exist_ok=True)
        folder = Directory.open(path)
    with folder:
        with os_errors(f"read {display(path)}"):
            _check_only_ours(folder)
        with lock(folder, _LOCK, timeout=0, what=f"{display(path)} is being written"):
            with os_errors(f"write {display(path)}"):
                _claim(folder, scoring.settings(), keys, force=force)
                folder.make(BAD_ROWS)
                names = set(folder.names())
            yield names


def _check_only_ours(folder: Directory) -> None:
    """Check that the folder has only files that scoring writes."""
    names = folder.names()
    for name in names:
        scored = SCORING_FILE in names and _SCORED.fullmatch(name)
        if not (name in (SCORING_FILE, BAD_ROWS, _LOCK) or scored or _TEMPORARY.fullmatch(name)):
            raise CannotCreate(f"{display(folder.path)} has other files in it: {name}", hint="-o names a new folder")
    if BAD_ROWS in names and not S_ISDIR(folder.status(BAD_ROWS).st_mode):  # a link would lead elsewhere
        raise CannotCreate(f"{display(folder.path / BAD_ROWS)} is not a folder", hint="-o names a new folder")


def _claim(folder: Directory, settings: dict[str, Any], keys: set[str], *, force: bool) -> None:
    """Write scoring.json, or check that the predictions in the folder belong to these settings and files."""
    names, shown = folder.names(), display(folder.path)
    scored = [name for name in names if _SCORED.fullmatch(name)]
    for name in [*filter(_TEMPORARY.fullmatch, names), *((*scored, BAD_ROWS) if force else ())]:
        folder.remove(name)
    hint = "-o names another folder; --force removes those predictions"
    if scored and not force:
        previous = _read_scoring_file(folder)
        compared = dict.fromkeys([*settings, *(key for key in _LAYOUT if key in previous)])
        if other := next((key for key in compared if previous.get(key) != settings.get(key)), None):
            was, now = json.dumps(previous.get(other)), json.dumps(settings.get(other))
            message = f"{shown} has predictions made with other options: {other} was {was}, is {now}"
            raise CannotCreate(message, hint=hint)
        for name in scored:
            if _SCORED.fullmatch(name)[1] not in keys:  # type: ignore[index]
                message = f"{shown} has predictions for a file that is not named now, or has changed: {name}"
                raise CannotCreate(message, hint=hint)
    write_file(folder.path / SCORING_FILE, (json.dumps(settings, indent=1) + "\n").encode(), force=True)


def _read_scoring_file(folder: Directory) -> dict[str, Any]:
    with suppress(ValueError, FileNotFoundError):
        settings = json.loads(folder.read(SCORING_FILE, limit=_MAX_SCORING_FILE_BYTES))
        if isinstance(settings, dict):
            if "piece_bytes" in settings:  # the key's name in the first version
                settings["chunk_bytes"] = settings.pop("piece_bytes")
            return settings
    return {}


# --- files of predictions ---------------------------------------------------------------------------------------


def _bad_row_object(path: str, error: BadRow) -> dict[str, Any]:
    reason = error.message.removeprefix(f"{path}:{error.number}: ")
    return {"schema": BAD_ROW_SCHEMA, "file": path, "row": error.number, "last_row": error.last, "reason": reason}


def _json_line(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")


@contextmanager
def open_writer(kind: str, file: IO[bytes], labels: tuple[str, ...]) -> Iterator[Callable[[Objects], None]]:
    """A function that writes predictions to a file, which is complete when the context ends."""
    if kind == "jsonl":
        yield lambda objects: file.writelines(map(_json_line, objects))
        return
    pyarrow, parquet = parquets.import_pyarrow()
    schema = _parquet_schema(pyarrow, labels)
    with parquet.ParquetWriter(file, schema) as writer:
        group: Objects = []

        def write_group() -> None:
            writer.write_table(pyarrow.Table.from_pylist(group, schema=schema))
            group.clear()

        def write_rows(objects: Objects) -> None:
            for value in objects:
                columns = value.get("columns")
                group.append({**value, "columns": columns and json.dumps(columns, ensure_ascii=False)})
            if len(group) >= _ROW_GROUP or sum(len(value["text"]) for value in group) >= _ROW_GROUP_CHARACTERS:
                write_group()

        yield write_rows
        write_group()


def _parquet_schema(pyarrow: Any, labels: tuple[str, ...]) -> Any:
    """The columns of predictions in Parquet: the keys of the JSON object; `columns` is JSON text."""
    real, text, integer = pyarrow.float64(), pyarrow.string(), pyarrow.int64()
    return pyarrow.schema(
        {
            "file": text,
            "row": integer,
            "text": text,
            "label": text,
            "probability": real,
            "probabilities": pyarrow.struct(dict.fromkeys(labels, real).items()),
            "words": integer,
            "known": integer,
            "unknown": pyarrow.list_(text),
            "cut": integer,
            "model": text,
            "top": pyarrow.list_(pyarrow.struct({"label": text, "probability": real}.items())),
            "columns": text,
        }
    )
