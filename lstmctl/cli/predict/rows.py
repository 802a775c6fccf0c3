"""The rows that `predict` answers: its arguments, a file, or standard input; and how they are answered in order."""

import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from lstmctl.errors import LstmctlError, NotFound, UsageError

if TYPE_CHECKING:
    from lstmctl.data.columns import Example
    from lstmctl.data.opening import StdinLines
    from lstmctl.scoring.pool import WorkerPool

_HIGHEST_LIMIT = 2**30  # bytes of a line

A = TypeVar("A")  # an answer


def answer_rows(
    bulk: "WorkerPool[Example, A]",
    rows: "Iterator[Example]",
    waiting: "StdinLines | None",
    write: "Callable[[list[tuple[Example, A]]], None]",
    flush: Callable[[], None],
) -> None:
    """Answer all rows, and write each answer before more rows are waited for."""
    with bulk:

        def settle() -> None:
            write(bulk.finish())
            flush()

        if waiting is not None:
            waiting.before_waiting = settle  # whoever feeds us one line a second gets one answer a second
        try:
            for row in rows:
                write(bulk.put(row, row.text))
        except LstmctlError:
            settle()  # of the rows before the bad one, however they came
            raise
        settle()


def read_input_rows(
    texts: list[str],
    *,
    source: str | None,
    input_format: str | None,
    text_column: str,
    encoding_errors: str,
    keep_columns: bool,
    max_line_bytes: int | None,
) -> "tuple[Iterator[Example], StdinLines | None]":
    """The rows, and for standard input the stream, which can tell when nothing more is there.

    Raises:
        UsageError: the options do not go together, or there is nothing to answer. NotFound: no such file, no stdin.
    """
    if texts and texts != ["-"]:
        return _of_arguments(texts, source=source, keep_columns=keep_columns), None
    if source is None and not texts and sys.stdin is not None and sys.stdin.isatty():
        raise UsageError(
            "no text given", hint='lstmctl predict "great movie" · … | lstmctl predict - · predict -i FILE'
        )
    from lstmctl.data.formats import read_rows

    limit = check_reading(input_format, encoding_errors, max_line_bytes)
    path = None if source in (None, "-") else Path(source or "")
    kind = _format(path, input_format, keep_columns=keep_columns)
    read = partial(
        read_rows,
        format=kind,
        text_column=text_column,
        label_column=None,
        encoding_errors=encoding_errors,
        keep_columns=keep_columns,
        max_line_bytes=limit,
    )
    if path is not None:
        return read(path), None
    if sys.stdin is None:
        raise NotFound("cannot read standard input: it is closed", hint="-i FILE reads a file")
    from lstmctl.data.opening import StdinLines

    stream = StdinLines(sys.stdin.buffer)
    return read(stream), stream


def check_reading(input_format: str | None, encoding_errors: str, max_line_bytes: int | None) -> int:
    """See that the options which say how to read can be; how many bytes a line may have."""
    from lstmctl.data.formats import FORMATS
    from lstmctl.data.lines import MAX_LINE_BYTES

    if input_format is not None and input_format not in FORMATS:
        raise UsageError(f"--input-format must be one of {', '.join(FORMATS)}, not {input_format}")
    if encoding_errors not in ("strict", "replace"):
        raise UsageError(f"--encoding-errors must be strict or replace, not {encoding_errors}")
    if max_line_bytes is not None and not 1 <= max_line_bytes <= _HIGHEST_LIMIT:
        raise UsageError(f"--max-line-bytes must be 1 to {_HIGHEST_LIMIT:,}, not {max_line_bytes}")
    return MAX_LINE_BYTES if max_line_bytes is None else max_line_bytes


def _of_arguments(texts: list[str], *, source: str | None, keep_columns: bool) -> "Iterator[Example]":
    from lstmctl.data.columns import Example

    if source is not None:
        raise UsageError("texts and --input together: which one?", hint="leave out one of the two")
    if keep_columns:
        raise UsageError("--keep-columns is for tables: --input FILE")
    return (Example(number, text) for number, text in enumerate(texts, start=1))


def _format(path: Path | None, wanted: str | None, *, keep_columns: bool) -> str:
    """How the input is to be read: as asked for, else as the file's name says."""
    from lstmctl.data.formats import FORMATS, find_format

    kind = wanted or ("lines" if path is None else find_format(path, labelled=False))
    if keep_columns and not FORMATS[kind].has_columns:
        raise UsageError(f"--keep-columns is for tables; {kind} has no columns", hint="--input-format csv")
    return kind
