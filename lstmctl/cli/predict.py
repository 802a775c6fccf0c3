"""`lstmctl predict`: one row out per row in."""

import os
import shlex
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lstmctl.cli.console import Console
from lstmctl.cli.options import Jobs, Model, TextColumn, job_count, settings
from lstmctl.cli.prediction_writer import PredictionWriter
from lstmctl.cli.session import open_model, open_registry, say_which
from lstmctl.errors import ExitCode, LstmctlError, NotFound, UsageError

if TYPE_CHECKING:
    from lstmctl.data.rows import Row
    from lstmctl.data.waiting import Waiting

NAME = "predict"
EXAMPLES = """
Examples:
  lstmctl predict "great movie" "terrible movie"
  cat reviews.txt | lstmctl predict -
  lstmctl predict -i reviews.csv --text-column review --json
  lstmctl predict -i reviews.csv --text-column review --keep-columns > labelled.tsv
"""


def command(
    texts: Annotated[list[str] | None, typer.Argument(metavar="[TEXT]... | -", help="Texts, or - for stdin.")] = None,
    model: Model = None,
    input: Annotated[  # noqa: A002
        str | None, typer.Option("-i", "--input", metavar="FILE", help="Read texts from FILE, or - for stdin.")
    ] = None,
    input_format: Annotated[
        str | None,
        typer.Option(
            "--input-format",
            metavar="KIND",
            help="lines, tsv, csv, jsonl, parquet or fasttext.",
            show_default="by the file's name, else lines",
        ),
    ] = None,
    text_column: TextColumn = "text",
    top_k: Annotated[
        int | None, typer.Option("-k", "--top-k", metavar="N", help="The N most probable labels of each text.")
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold",
            metavar="P",
            help="Answer the positive label from this probability on (two labels only); the probability shown is "
            "that of the label shown, so it can be below 0.5.",
        ),
    ] = None,
    labels_only: Annotated[bool, typer.Option("--labels-only", help="Print labels without probabilities.")] = False,
    keep_columns: Annotated[
        bool, typer.Option("--keep-columns", help="Pass the other columns of a table through, after the answer.")
    ] = False,
    expect: Annotated[
        str | None,
        typer.Option("--expect", metavar="LABEL", help="Exit 0 if any text gets LABEL, else 1, as grep does."),
    ] = None,
    jobs: Jobs = None,
    encoding_errors: Annotated[
        str,
        typer.Option(
            "--encoding-errors", metavar="HOW", help="strict: invalid UTF-8 is an error; replace: it reads as U+FFFD."
        ),
    ] = "strict",
    max_line_bytes: Annotated[
        int | None,
        typer.Option("--max-line-bytes", metavar="N", help="A longer row is an error.", show_default="1 MiB"),
    ] = None,
) -> int:
    """Label texts: one row out for each row in, in order."""
    console = Console.open(settings)
    rows, waiting = _rows(
        texts or [],
        source=input,
        input_format=input_format,
        text_column=text_column,
        encoding_errors=encoding_errors,
        keep_columns=keep_columns,
        max_line_bytes=max_line_bytes,
    )
    folder = open_model(model)
    labels = folder.card.config.labels
    _check_options(labels, top_k=top_k, threshold=threshold, expect=expect)

    from lstmctl.bulk import Bulk
    from lstmctl.classifier import Classifier

    say_which(console, folder, named=model is not None)
    _hint_at_names(console, texts or [])
    writer = PredictionWriter(
        console,
        labels,
        reference=folder.reference,
        top_k=top_k,
        labels_only=labels_only,
        text_column=text_column if keep_columns else None,
    )
    bulk: Bulk[Row] = Bulk(Classifier.load(folder), jobs=job_count(jobs), threshold=threshold)
    with bulk:

        def settle() -> None:
            writer.write_all(bulk.finish())
            console.flush()

        if waiting is not None:
            waiting.before_waiting = settle  # whoever feeds us one line a second gets one answer a second
        try:
            for row in rows:
                writer.write_all(bulk.put(row, row.text))
        except LstmctlError:
            settle()  # of the rows before the bad one, however they came
            raise
        settle()
    return int(ExitCode.DONE if expect is None or expect in writer.labels_given else ExitCode.NO)


def _hint_at_names(console: Console, texts: list[str]) -> None:
    """Say so if a text looks as if something else was meant: the name of a file, or of a model."""
    for text in texts[:3]:
        if text == "-" or " " in text:
            continue
        if os.path.isfile(text):
            console.note(f'"{text}" was read as a text; lstmctl predict -i {shlex.quote(text)} reads the file')
        elif text in open_registry().references():
            console.note(f'"{text}" was read as a text; lstmctl predict -m {text} TEXT asks the model')


def _check_options(labels: tuple[str, ...], *, top_k: int | None, threshold: float | None, expect: str | None) -> None:
    if top_k is not None and not 1 <= top_k <= len(labels):
        raise UsageError(f"--top-k must be 1 to {len(labels)}, the model's number of labels, not {top_k}")
    if threshold is not None and len(labels) != 2:
        raise UsageError(f"--threshold needs a model with two labels; this one has {len(labels)}")
    if threshold is not None and not 0 <= threshold <= 1:
        raise UsageError(f"--threshold must be between 0 and 1, not {threshold:g}")
    if expect is not None and expect not in labels:
        raise UsageError(f'--expect "{expect}" is not a label of this model', hint=f"its labels: {', '.join(labels)}")


def _rows(
    texts: list[str],
    *,
    source: str | None,
    input_format: str | None,
    text_column: str,
    encoding_errors: str,
    keep_columns: bool,
    max_line_bytes: int | None,
) -> "tuple[Iterator[Row], Waiting | None]":
    """The rows to answer, from the arguments, a file or stdin, which last one can tell when nothing more is there."""
    from lstmctl.data.columns import Row

    if texts and texts != ["-"]:
        if source is not None:
            raise UsageError("texts and --input together: which one?", hint="leave out one of the two")
        if keep_columns:
            raise UsageError("--keep-columns is for tables: --input FILE")
        return (Row(number, text) for number, text in enumerate(texts, start=1)), None
    from lstmctl.data.lines import MAX_LINE_BYTES
    from lstmctl.data.rows import FORMATS, format_of, read_rows

    if encoding_errors not in ("strict", "replace"):
        raise UsageError(f"--encoding-errors must be strict or replace, not {encoding_errors}")
    if input_format is not None and input_format not in FORMATS:
        raise UsageError(f"--input-format must be one of {', '.join(FORMATS)}, not {input_format}")
    if source is None and not texts and sys.stdin is not None and sys.stdin.isatty():
        raise UsageError(
            "no text given", hint='lstmctl predict "great movie" · … | lstmctl predict - · predict -i FILE'
        )
    if max_line_bytes is not None and not 1 <= max_line_bytes <= 2**30:
        raise UsageError(f"--max-line-bytes must be 1 to {2**30:,}, not {max_line_bytes}")
    from_file = source is not None and source != "-"
    kind = input_format or (format_of(Path(source or ""), labelled=False) if from_file else "lines")
    if keep_columns and kind in ("lines", "fasttext"):
        raise UsageError(
            f"--keep-columns is for tables; {kind} have no columns", hint="--input-format csv, tsv or jsonl"
        )
    read = partial(
        read_rows,
        format=kind,
        text_column=text_column,
        label_column=None,
        encoding_errors=encoding_errors,
        keep_columns=keep_columns,
        max_line_bytes=MAX_LINE_BYTES if max_line_bytes is None else max_line_bytes,
    )
    if from_file:
        return read(Path(source or "")), None
    if sys.stdin is None:
        raise NotFound("cannot read standard input: it is closed")
    from lstmctl.data.waiting import Waiting

    stream = Waiting(sys.stdin.buffer)
    return read(stream), stream
