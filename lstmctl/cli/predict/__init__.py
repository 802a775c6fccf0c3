"""`lstmctl predict`: one row out per row in."""

import os
import shlex
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from lstmctl.cli.console import Console, show_readings
from lstmctl.cli.options import (
    Delimiter,
    Dpi,
    Encoding,
    Engine,
    Jobs,
    Model,
    NoHeader,
    RayAddress,
    Size,
    TextColumn,
    Title,
    open_model,
    open_registry,
    option,
    picture_style,
    reading_settings,
    settings,
)
from lstmctl.cli.outputs import PICTURES, ending
from lstmctl.errors import ExitCode, LstmctlError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lstmctl.data.columns import Example
    from lstmctl.model.what_if import Hold
    from lstmctl.registry.artifact import ModelFolder
    from lstmctl.scoring.pool import WorkerPool
    from lstmctl.scoring.stream import InputRows, PredictionRequest

FOLDER = "Predictions in a folder (-o DIR)"
_EXPLANATION_BATCH = 4  # texts: explaining one takes as long as predicting hundreds
EXAMPLES = """
Examples:
  lstmctl predict "great movie" "terrible movie"
  cat reviews.txt | lstmctl predict -
  lstmctl predict -i reviews.csv --text-column review --json
  lstmctl predict -i reviews.csv --keep-columns > labelled.tsv
  lstmctl predict -i reviews.csv -o labelled.csv      or .tsv .jsonl .parquet
  lstmctl predict -i 'reviews/*.jsonl' -o scored/    again: only what is missing
  lstmctl predict --explain "the acting was dull but the end is wonderful"
  lstmctl predict --explain "not a good film" -o film.html   for a browser
  lstmctl predict --explain "not a good film" -o film.svg    or .png .pdf
"""


_FORMAT_HELP = "lines, tsv, csv, jsonl, parquet, fasttext, or document (a file is a text)."
_THRESHOLD_HELP = (
    "Predict the positive label at probability >= P (two labels only). The probability shown is that of the predicted "
    "label, so it can be below 0.5."
)
_EXPLAIN_HELP = (
    "One row per word: the probability so far, the word's effect (the prediction minus the prediction without the "
    "word), and the mean gates and cell change. A terminal also shows the gates of the units that add most to the "
    "answer, and of a long text the words around the ten strongest effects; pipes and -o get all words. "
    "-o FILE.svg, .png or .pdf draws them."
)
_HOLD_HELP = (
    "With --explain: hold the forget, input or output gate or the candidate at a value for every word; forget.3=0 for "
    "unit 3 only. Repeat for more."
)
_UNITS_HELP = "With --explain: gates, cell and hidden state of every unit, in JSON or TSV."
_LABEL_HELP = "With --explain: explain the probability of LABEL instead."
_HEADER_HELP = "Begin TSV and CSV with the names of the columns; tables in files always do."
_EXPECT_HELP = "Exit with 0 if any text gets LABEL, else with 1, like grep."
_ENCODING_HELP = "Invalid UTF-8: strict stops, replace reads it as U+FFFD."
_BAD_ROWS_HELP = "Stop at a row that cannot be read, or skip and count it; with -o DIR it is listed in bad-rows/."


def command(
    texts: Annotated[
        list[str] | None, typer.Argument(metavar="[TEXT]... | -", help="Texts, or - for standard input.")
    ] = None,
    model: Model = None,
    input: Annotated[  # noqa: A002
        str | None, option("-i --input FILE|DIR|'*'", "Read the texts from files, or - for stdin.")
    ] = None,
    input_format: Annotated[
        str | None, option("--input-format KIND", _FORMAT_HELP, default="by the file's name, else lines")
    ] = None,
    text_column: TextColumn = None,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    no_header: NoHeader = False,
    top_k: Annotated[int | None, option("-k --top-k N", "Show the N most probable labels.")] = None,
    threshold: Annotated[float | None, option("--threshold P", _THRESHOLD_HELP)] = None,
    labels_only: Annotated[bool, option("--labels-only", "Print labels without probabilities.")] = False,
    header: Annotated[bool, option("--header", _HEADER_HELP)] = False,
    keep_columns: Annotated[bool, option("--keep-columns", "Copy the other columns of a table to the output.")] = False,
    explain: Annotated[bool, option("--explain", _EXPLAIN_HELP)] = False,
    all_units: Annotated[bool, option("--all-units", _UNITS_HELP)] = False,
    label: Annotated[str | None, option("--label LABEL", _LABEL_HELP, default="the positive or predicted one")] = None,
    hold: Annotated[list[str] | None, option("--hold GATE=VALUE", _HOLD_HELP)] = None,
    expect: Annotated[str | None, option("--expect LABEL", _EXPECT_HELP)] = None,
    jobs: Jobs = None,
    encoding_errors: Annotated[str, option("--encoding-errors HOW", _ENCODING_HELP)] = "strict",
    max_line_bytes: Annotated[int | None, option("--max-line-bytes N", "Reject longer rows.", default="1 MiB")] = None,
    bad_rows: Annotated[
        Literal["stop", "skip"],
        option("--bad-rows stop|skip", _BAD_ROWS_HELP),
    ] = "stop",
    engine: Engine = "local",
    ray_address: RayAddress = None,
    answers: Annotated[
        Literal["jsonl", "parquet"] | None,
        option("--answers jsonl|parquet", "Format of the predictions.", default="jsonl", panel=FOLDER),
    ] = None,
    size: Size = None,
    dpi: Dpi = None,
    title: Title = None,
) -> int:
    """Predict the labels of texts.

    Prints one row for each input row, in order; none for a row that --bad-rows skip leaves out.
    """
    from lstmctl.cli.predict.explaining import PAGES, check_holds, check_options, open_explanations
    from lstmctl.cli.predict.folder import predict_to_folder
    from lstmctl.cli.predict.writers import PARQUET, PredictionWriter
    from lstmctl.config import MAX_LINE_BYTES
    from lstmctl.data.bad_rows import BadRows
    from lstmctl.scoring import open_pool
    from lstmctl.scoring.pool import worker_count
    from lstmctl.scoring.stream import PredictionRequest, open_rows

    workers = worker_count(jobs)
    request = PredictionRequest(
        texts=texts or [],
        source=None if input is None else os.path.expanduser(input),  # the shell leaves --input=~/… as it is
        input_format=input_format,
        **reading_settings(text_column, delimiter, encoding, no_header),
        keep_columns=keep_columns,
        encoding_errors=encoding_errors,
        max_line_bytes=MAX_LINE_BYTES if max_line_bytes is None else max_line_bytes,
        threshold=threshold,
        top_k=top_k,
    ).validate()
    if input is not None and (engine == "ray" or _is_folder(settings.output, input)):
        if explain or all_units or hold or labels_only or expect is not None:
            raise UsageError("--explain, --all-units, --hold, --labels-only and --expect are for one file at a time")
        pool = open_pool(engine, address=ray_address, jobs=jobs)
        predict_to_folder(request, model, pool=pool, kind=answers or "jsonl", skip_bad_rows=bad_rows == "skip")
        return int(ExitCode.DONE)
    if engine == "ray" or ray_address or answers:
        raise UsageError(
            "--engine ray, --ray-address and --answers are for predictions in a folder",
            hint="lstmctl predict -i FOLDER -o SCORED, or -i 'reviews/*.csv', or -i FILE --engine ray",
        )
    holds = check_options(
        explain=explain,
        all_units=all_units,
        label=label,
        hold=hold or (),
        top_k=top_k,
        labels_only=labels_only,
        keep_columns=keep_columns,
        output=settings.output,
    )
    console = Console.open(endings=(*PAGES, *PICTURES) if explain else (PARQUET,))
    style = picture_style(size, dpi, title)
    if header and (console.format not in ("tsv", "csv") or ending(console.output) == PARQUET):
        raise UsageError("--header is for --format tsv and csv")
    folder = open_model(model)
    skipped = BadRows()
    inputs = open_rows(
        request,
        documents=folder.card.data is not None and folder.card.data.documents,
        skip_bad_row=skipped if bad_rows == "skip" else None,
    )
    request = _as_read(inputs, request, console)
    request.check_labels(folder.card.config.labels)
    _check_label(folder, "--expect", expect)
    _check_label(folder, "--label", label)
    check_holds(holds, folder)
    writer: Any  # of predictions, of explanations, of their picture or page
    if explain:
        writer = open_explanations(console, folder, all_units=all_units, style=style, holds=holds)
    else:
        writer = PredictionWriter(console, folder, request, labels_only=labels_only, header=header)
    if model is None and console.err.on_terminal:
        console.note((f"model {folder.reference}", "dim"))
    _hint_at_names(console, texts or [])
    predict_pool = _make_pool(folder, workers=workers, threshold=threshold, explain=explain, label=label, holds=holds)
    try:
        _write_all(inputs, predict_pool, writer, console, reference=folder.reference)
    finally:
        if skipped.count:
            console.warn(skipped.describe())
    return int(ExitCode.DONE if expect is None or expect in writer.labels_given else ExitCode.NO)


def _write_all(
    inputs: "InputRows", pool: "WorkerPool[Example, Any]", writer: Any, console: Console, *, reference: str
) -> None:
    """Put all rows through the pool, and write the results as they arrive."""
    from lstmctl.cli.predict.live import Prompt
    from lstmctl.data.bad_rows import skip_offered
    from lstmctl.scoring.stream import predict_rows

    prompt = Prompt(console, inputs.stdin, reference=reference)
    with skip_offered():
        predict_rows(inputs, pool, writer.write_all, flush=console.flush, before_waiting=prompt.show)
        prompt.close()
        writer.finish()


def _check_label(folder: "ModelFolder", flag: str, label: str | None) -> None:
    """Raise UsageError if the value of this option is not a label of the model."""
    labels = folder.card.config.labels
    if label is not None and label not in labels:
        raise UsageError(f'{flag} "{label}" is not a label of this model', hint=f"its labels: {', '.join(labels)}")


def _as_read(inputs: "InputRows", request: "PredictionRequest", console: Console) -> "PredictionRequest":
    """Say how the input is read; the request with the names that its columns have."""
    show_readings(console, [inputs.reading])
    for note in inputs.notes:
        console.note((note, "dim"))
    return replace(request, text_column=inputs.texts) if inputs.texts else request


def _is_folder(output: str | None, source: str) -> bool:
    """Whether -o names a folder of predictions: for several files, if its name does not end as that of a file."""
    from lstmctl.data.formats import is_data_name
    from lstmctl.data.patterns import is_folder_or_pattern

    if output is None or os.path.isfile(output):
        return False
    several = source != "-" and is_folder_or_pattern(os.path.expanduser(source)) and not is_data_name(output)
    return several or output.endswith("/") or os.path.isdir(output)


def _make_pool(
    folder: "ModelFolder",
    *,
    workers: int,
    threshold: float | None,
    explain: bool,
    label: str | None,
    holds: "Sequence[Hold]",
) -> "WorkerPool[Example, Any]":
    """Worker processes that predict, or explain the predictions."""
    from lstmctl.scoring.pool import WorkerPool

    classifier = folder.classifier()
    if not explain:
        return WorkerPool(partial(classifier.predict_list, threshold=threshold), jobs=workers)
    from lstmctl.model.explanation import explain_all

    if holds:
        from lstmctl.model.what_if import hold

        classifier = hold(classifier, holds)
    return WorkerPool(
        partial(explain_all, classifier, threshold=threshold, label=label), jobs=workers, batch=_EXPLANATION_BATCH
    )


def _hint_at_names(console: Console, texts: list[str]) -> None:
    """Point out a text that is the name of a file or of a model."""
    for text in texts[:3]:
        if text == "-" or " " in text:
            continue
        if os.path.isfile(text):
            console.note(f'"{text}" was read as a text; lstmctl predict -i {shlex.quote(text)} reads the file')
            continue
        with suppress(LstmctlError):  # the home is not needed for a prediction
            if text in open_registry().references():
                console.note(f'"{text}" was read as a text; lstmctl predict -m {text} TEXT uses the model')
