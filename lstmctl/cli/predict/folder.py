"""`predict` for files of any size and number, to a folder of answers: on this machine, or on a cluster."""

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from lstmctl.cli.console import Console
from lstmctl.cli.options import settings
from lstmctl.cli.predict.predictions import check_answers
from lstmctl.cli.predict.rows import check_reading
from lstmctl.cli.registry_access import note_default_model, open_model
from lstmctl.errors import BadRow, Interrupted, Signalled, UsageError
from lstmctl.process import signal_number

if TYPE_CHECKING:
    from lstmctl.registry.artifact import ModelFolder
    from lstmctl.scoring.job import Scored, Task
    from lstmctl.scoring.pool import ParallelMap

SAY_EVERY = 10.0  # seconds, where there is no terminal to draw on


def score(
    source: str,
    model: str | None,
    *,
    threshold: float | None,
    top_k: int | None,
    input_format: str | None,
    encoding_errors: str,
    max_line_bytes: int | None,
    **options: Any,
) -> None:
    """Answer all rows of the files that `source` names, into the folder of -o; only what is not there yet.

    `options` are those of `_score`.

    Raises:
        UsageError, NotFound, MissingExtra: what is named cannot be. CannotCreate: not into that folder. BadData: naming
        file and row, unless bad rows are skipped. Interrupted: what was written is kept.
    """
    limit = check_reading(input_format, encoding_errors, max_line_bytes)
    folder = open_model(model)
    check_answers(folder.card.config.labels, top_k=top_k, threshold=threshold)
    target = settings.output  # a folder, of which the console knows nothing
    console = Console.open()
    note_default_model(console, folder, named=model is not None)
    _score(
        console,
        folder,
        source,
        target=target,
        input_format=input_format,
        threshold=threshold,
        top_k=top_k,
        encoding_errors=encoding_errors,
        max_line_bytes=limit,
        **options,
    )


def _score(
    console: Console,
    folder: "ModelFolder",
    source: str,
    *,
    target: str | None,
    engine: "AbstractContextManager[ParallelMap]",
    input_format: str | None,
    kind: str,
    **options: Any,
) -> None:
    """The same for a model that is open. `options` are the other fields of a `Scoring`."""
    from lstmctl.data.opening import display
    from lstmctl.data.sources import find_inputs
    from lstmctl.scoring.job import BAD_ROWS, Scoring, claim_folder

    if target is None:
        raise UsageError(
            "answers to several files, or from a cluster, go to a folder", hint="-o DIR, such as -o scored/"
        )
    if kind == "parquet":
        from lstmctl.data.parquet import import_pyarrow

        import_pyarrow()  # rather now than in a process far away
    inputs = find_inputs(source, format=input_format)
    if inputs.ignored:
        example = display(inputs.ignored[0])
        console.note(
            f"left out, as the name tells no format: {_counted(len(inputs.ignored), 'file')}, such as {example}"
        )
    scoring = Scoring(
        classifier=folder.classifier(),
        reference=folder.reference,
        folder=os.path.abspath(target),
        kind=kind,
        **options,
    )
    tally = Tally(console, bytes=sum(path.stat().st_size for path in inputs.files))
    claim = claim_folder(scoring, inputs.files, digest=folder.sha256, force=settings.force)
    with claim as tasks, _kept_when_stopped(tally), tally:
        left = tally.left_of(tasks)
        if (first := next(left, None)) is not None:  # else no engine need be started
            with engine as each:
                for scored in each(scoring, chain([first], left)):
                    tally.add(scored)
    if tally.bad:
        console.warn(f"set aside: {_counted(tally.bad, 'row')}, named in {display(Path(scoring.folder, BAD_ROWS))}")
    console.note(tally.summary(files=len(inputs.files)))
    if console.format == "json":
        counts = {"rows": tally.rows, "bad_rows": tally.bad, "pieces": tally.pieces, "pieces_before": tally.before}
        console.json({"schema": "lstmctl.scored/1", "folder": target, "model": folder.reference, **counts})
    else:
        console.result(target)


@contextmanager
def _kept_when_stopped(tally: "Tally") -> Iterator[None]:
    try:
        yield
    except (KeyboardInterrupt, Signalled) as interrupt:
        done = f"stopped after {_counted(tally.rows, 'row')}; their answers are kept"
        raise Interrupted(signal_number(interrupt), done, hint="the same command goes on") from None


class Tally:
    """What was done so far, and a display of it while the context lasts: a bar on a terminal, else a line at times."""

    def __init__(self, console: Console, *, bytes: int) -> None:  # noqa: A002
        self.console = console
        self.rows, self.bad, self.pieces = 0, 0, 0
        self.before = 0  # pieces that were answered by an earlier run
        self._bytes, self._done, self._skipped = bytes, 0, 0
        self._started = self._said = time.monotonic()
        self._bar: Any = None

    def left_of(self, tasks: "Iterable[Task]") -> "Iterator[Task]":
        """The tasks that have no answers yet; the others are counted."""
        for task in tasks:
            if task.done:
                self.before += 1
                self._skipped += task.piece.bytes
            else:
                yield task

    def add(self, scored: "Scored") -> None:
        """A task is done.

        Raises:
            LstmctlError: it failed.
        """
        if scored.error is not None:
            if isinstance(scored.error, BadRow):
                hints = (scored.error.hint, "--bad-rows skip sets such rows aside")
                scored.error.hint = "; or ".join(hint for hint in hints if hint)
            raise scored.error
        self.rows += scored.rows
        self.bad += scored.bad
        self.pieces += 1
        self._done += scored.bytes
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=self._skipped + self._done, numbers=self._numbers())
        elif time.monotonic() - self._said >= SAY_EVERY:
            self._said = time.monotonic()
            self.console.note(f"rows={self.rows} rows_per_second={self._rate():.0f} seconds_left={self._left():.0f}")

    def summary(self, *, files: int) -> str:
        """All of it in a line."""
        if not self.pieces:
            before = _counted(self.before, "piece")
            return f"nothing to do: {before} of {_counted(files, 'file')} answered before"
        seconds = time.monotonic() - self._started
        before = f" · {_counted(self.before, 'piece')} answered before" if self.before else ""
        done = f"{_counted(self.rows, 'row')} of {_counted(files, 'file')} in {seconds:.0f} s"
        return f"{done} · {self._rate():,.0f}/s{before}"

    def __enter__(self) -> Self:
        self._started = self._said = time.monotonic()
        rich = self.console.progress()
        if rich is not None:
            from rich import progress

            columns: list[Any] = [progress.BarColumn(max(8, min(30, self.console.width - 44)))]
            columns += [progress.TextColumn("{task.percentage:3.0f} %"), progress.TextColumn("{task.fields[numbers]}")]
            self._bar = progress.Progress(
                *columns, console=rich, transient=True, redirect_stdout=False, redirect_stderr=False
            )
            self._bar.add_task("", total=max(1, self._bytes), numbers="starting")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _rate(self) -> float:
        return self.rows / max(1e-9, time.monotonic() - self._started)

    def _left(self) -> float:
        """Seconds, as far as what was done tells."""
        seconds = time.monotonic() - self._started
        return seconds / max(1, self._done) * max(0, self._bytes - self._skipped - self._done)

    def _numbers(self) -> str:
        left = self._left()
        return f"{self.rows:,} rows  {self._rate():,.0f}/s  {left // 60:.0f}:{left % 60:02.0f} left"


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("s" if number != 1 else "")
