"""`predict` for files of any size and number, into a folder of predictions, with a display of its progress."""

import os
import shlex
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from lstmctl.cli.console import Answer, Console
from lstmctl.cli.options import open_model, settings
from lstmctl.cli.outputs import ENDINGS, ending
from lstmctl.errors import UsageError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from lstmctl.scoring.job import Progress
    from lstmctl.scoring.pool import ParallelMap
    from lstmctl.scoring.stream import PredictionRequest

_FILES = (*ENDINGS, ".parquet", ".html", ".png", ".svg", ".xlsx")
NOTE_EVERY = 10.0  # seconds, where stderr is no terminal


def predict_to_folder(
    request: "PredictionRequest",
    model: str | None,
    *,
    pool: "AbstractContextManager[ParallelMap]",
    kind: Literal["jsonl", "parquet"],
    skip_bad_rows: bool,
) -> None:
    """Predict all rows of the files that the request names, into the folder of -o. Raises as `score_to_folder`."""
    target = settings.output
    if target is None:
        message = "predictions for several files, or from a cluster, need a folder"
        raise UsageError(message, hint="-o DIR, such as -o scored/")
    if ending(target) in _FILES and not os.path.isdir(target):
        message = f"-o {target} is the name of a file; predictions for several files, or from a cluster, need a folder"
        raise UsageError(message, hint=f"-o {shlex.quote(os.path.splitext(target)[0] + '/')}")
    source = request.source or ""
    if os.path.isdir(source) and Path(target).resolve().is_relative_to(Path(source).resolve()):
        message = f"-o {target} is inside {source}: the next run would read its predictions as texts"
        raise UsageError(message, hint="-o names a folder elsewhere, such as -o ../scored/")
    if source != "-" and stat.S_ISFIFO(_mode(source)):
        message = f"{source} is a pipe, which cannot be split into chunks"
        raise UsageError(message, hint="write it to a file and name that; without --engine ray, -o can name a file")
    folder = open_model(model)
    request.check_labels(folder.card.config.labels)
    console = Console.open(to_file=False)  # -o is a folder
    if model is None and console.err.on_terminal:
        console.note((f"model {folder.reference}", "dim"))
    from lstmctl.data.inputs import find_inputs
    from lstmctl.data.layout import BAD_ROWS
    from lstmctl.scoring.job import Scoring, score_to_folder

    documents = folder.card.data is not None and folder.card.data.documents
    inputs = find_inputs(request.source or "", format=request.input_format, documents=documents)
    for said in inputs.all_notes:
        console.note(said)
    scoring = Scoring(
        classifier=folder.classifier(),
        reference=folder.reference,
        model_sha256=folder.sha256,
        request=request,
        folder=os.path.abspath(target),
        kind=kind,
        skip_bad_rows=skip_bad_rows,
    )

    def note(reading: str) -> None:
        console.note_facts("reading", reading)

    with ProgressDisplay(console, total=sum(path.stat().st_size for path in inputs.files)) as shown:
        progress = score_to_folder(
            scoring, inputs.files, root=inputs.root, pool=pool, force=settings.force, report=shown.update, note=note
        )
    if progress.bad_rows:
        console.warn(f"skipped {_counted(progress.bad_rows, 'bad row')}, listed in {os.path.join(target, BAD_ROWS)}")
    console.note(shown.summary(progress, files=len(inputs.files)))
    result = {
        "schema": "lstmctl.scored/1",
        "folder": target,
        "model": folder.reference,
        "rows": progress.rows,
        "bad_rows": progress.bad_rows,
        "chunks": progress.chunks,
        "chunks_before": progress.chunks_before,
    }
    console.answer(Answer(objects=[result], rows=[[target]], screen=lambda console: console.result(target)))


class ProgressDisplay:
    """Shows progress while the context lasts: a bar on a terminal, else a line from time to time."""

    def __init__(self, console: Console, *, total: int) -> None:
        """`total` is the size of the input in bytes."""
        self._console, self._total = console, total
        self._started = self._noted = time.monotonic()
        self._bar: Any = None

    def __enter__(self) -> Self:
        text = "{task.percentage:3.0f} % {task.fields[numbers]}"
        self._bar = self._console.start_bar("", text, total=max(1, self._total), room=44, numbers="starting")
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def update(self, progress: "Progress") -> None:
        """Show the progress."""
        done, rate = progress.bytes + progress.bytes_before, self._rate(progress)
        left = self._seconds() / max(1, progress.bytes) * max(0, self._total - done)
        if self._bar is not None:
            numbers = f"{progress.rows:,} rows  {rate:,.0f}/s  {left // 60:.0f}:{left % 60:02.0f} left"
            self._bar.update(self._bar.task_ids[0], completed=done, numbers=numbers)
        elif time.monotonic() - self._noted >= NOTE_EVERY:
            self._noted = time.monotonic()
            self._console.note(f"rows={progress.rows} rows_per_second={rate:.0f} seconds_left={left:.0f}")

    def summary(self, progress: "Progress", *, files: int) -> str:
        """The whole run in one line."""
        before = _counted(progress.chunks_before, "chunk")
        if not progress.chunks:
            return f"nothing to do: all {before} of {_counted(files, 'file')} were predicted before"
        done = f"{_counted(progress.rows, 'row')} of {_counted(files, 'file')} in {self._seconds():.0f} s"
        earlier = f" · {before} predicted before" if progress.chunks_before else ""
        return f"{done} · {self._rate(progress):,.0f}/s{earlier}"

    def _seconds(self) -> float:
        return max(1e-9, time.monotonic() - self._started)

    def _rate(self, progress: "Progress") -> float:
        return progress.rows / self._seconds()


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("s" if number != 1 else "")


def _mode(path: str) -> int:
    try:
        return os.stat(path).st_mode
    except OSError:
        return 0
