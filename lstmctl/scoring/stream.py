"""What `predict` is asked for, and predictions of rows as they arrive: of texts, a file, or standard input."""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar

from lstmctl.data.columns import Example
from lstmctl.data.formats import FORMATS, find_format, read_rows
from lstmctl.data.lines import MAX_LINE_BYTES
from lstmctl.data.opening import StdinLines
from lstmctl.errors import LstmctlError, NotFound, UsageError
from lstmctl.scoring.pool import WorkerPool

_LARGEST_LINE_LIMIT = 2**30  # bytes

R = TypeVar("R")  # the result for a text: a prediction, or an explanation


@dataclass(frozen=True, kw_only=True)
class PredictionRequest:
    """Which texts to read, how, and what to predict for each. Defaults are those of the command."""

    texts: Sequence[str] = ()  # or ["-"]: standard input
    source: str | None = None  # of -i
    input_format: str | None = None  # None: by the file's name
    text_column: str = "text"
    keep_columns: bool = False
    encoding_errors: str = "strict"
    max_line_bytes: int = MAX_LINE_BYTES
    threshold: float | None = None
    top_k: int | None = None

    def validate(self) -> Self:
        """The request itself, if its options are valid and go together.

        Raises:
            UsageError: they do not.
        """
        if self.source is not None and self.texts:
            raise UsageError("both texts and --input were given", hint="leave out one of them")
        if self.input_format is not None and self.input_format not in FORMATS:
            raise UsageError(f"--input-format must be one of {', '.join(FORMATS)}, not {self.input_format}")
        if self.encoding_errors not in ("strict", "replace"):
            raise UsageError(f"--encoding-errors must be strict or replace, not {self.encoding_errors}")
        if not 1 <= self.max_line_bytes <= _LARGEST_LINE_LIMIT:
            raise UsageError(f"--max-line-bytes must be 1 to {_LARGEST_LINE_LIMIT:,}, not {self.max_line_bytes}")
        return self

    def check_labels(self, labels: Sequence[str]) -> None:
        """Check that a model with these labels supports `top_k` and `threshold`.

        Raises:
            UsageError: it does not.
        """
        if self.top_k is not None and not 1 <= self.top_k <= len(labels):
            raise UsageError(f"--top-k must be 1 to {len(labels)}, the model's number of labels, not {self.top_k}")
        if self.threshold is not None and len(labels) != 2:
            raise UsageError(f"--threshold needs a model with two labels; this one has {len(labels)}")
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise UsageError(f"--threshold must be between 0 and 1, not {self.threshold:g}")

    def read(self, source: Path | StdinLines, *, format: str, **options: Any) -> Iterator[Example]:  # noqa: A002
        """The rows of one source. `options` are the other ones of `read_rows`, which says what this raises."""
        return read_rows(
            source,
            format=format,
            text_column=self.text_column,
            label_column=None,
            keep_columns=self.keep_columns,
            encoding_errors=self.encoding_errors,
            max_line_bytes=self.max_line_bytes,
            **options,
        )


class InputRows(NamedTuple):
    """Rows to predict. `stdin` is their stream if they come from standard input, which can make the reader wait."""

    rows: Iterator[Example]
    stdin: StdinLines | None = None


def open_rows(request: PredictionRequest) -> InputRows:
    """The rows of a valid request: its texts, its file, or standard input.

    Raises:
        UsageError: there is no input, or an option does not apply to it. NotFound: no such file, or stdin is closed.
        While the rows are read, what `read_rows` raises.
    """
    texts, source = list(request.texts), request.source
    if texts and texts != ["-"]:
        if request.keep_columns:
            raise UsageError("--keep-columns is for tables: --input FILE")
        return InputRows(Example(number, text) for number, text in enumerate(texts, start=1))
    if source is None and not texts and sys.stdin is not None and sys.stdin.isatty():
        raise UsageError(
            "no text given", hint='lstmctl predict "great movie" · … | lstmctl predict - · predict -i FILE'
        )
    stream: Path | StdinLines
    if source is not None and source != "-":
        stream = Path(source)
        format = request.input_format or find_format(stream, labelled=False)
    elif sys.stdin is not None:
        stream = StdinLines(sys.stdin.buffer)
        format = request.input_format or "lines"
    else:
        raise NotFound("cannot read standard input: it is closed", hint="-i FILE reads a file")
    if request.keep_columns and not FORMATS[format].has_columns:
        raise UsageError(f"--keep-columns is for tables; {format} has no columns", hint="--input-format csv")
    return InputRows(request.read(stream, format=format), stream if isinstance(stream, StdinLines) else None)


def predict_rows(
    inputs: InputRows,
    pool: WorkerPool[Example, R],
    write: Callable[[list[tuple[Example, R]]], None],
    *,
    flush: Callable[[], None] = lambda: None,
) -> None:
    """Put all rows through a pool and write the results in order, in batches.

    All results are written and flushed before it waits for standard input, and before it raises the error of a later
    row.

    Raises:
        LstmctlError: what reading the rows, the pool or `write` raises.
    """

    def settle() -> None:
        if results := list(pool.drain()):
            write(results)
        flush()

    with pool:
        if inputs.stdin is not None:
            inputs.stdin.before_waiting = settle  # a producer that sends a line a second gets a prediction a second
        try:
            for row in inputs.rows:
                if results := pool.put(row, row.text):
                    write(results)
        except LstmctlError:
            settle()  # the rows before the bad one
            raise
        settle()
