"""`lstmctl predict`: one row out per row in."""

import os
import shlex
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from lstmctl.cli.console import Console
from lstmctl.cli.options import Engine, Jobs, Model, RayAddress, TextColumn, engine_of, job_count, settings
from lstmctl.cli.predict.explanations import ExplanationWriter
from lstmctl.cli.predict.folder import score
from lstmctl.cli.predict.predictions import PredictionWriter, check_answers
from lstmctl.cli.predict.rows import answer_rows, read_input_rows
from lstmctl.cli.registry_access import note_default_model, open_model, open_registry
from lstmctl.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from lstmctl.data.columns import Example
    from lstmctl.registry.artifact import ModelFolder
    from lstmctl.scoring.pool import WorkerPool

NAME = "predict"
FOLDER = "Answers in a folder (-o DIR)"
_EXPLAINED_TOGETHER = 4  # texts: explaining one takes as long as predicting hundreds
EXAMPLES = """
Examples:
  lstmctl predict "great movie" "terrible movie"
  cat reviews.txt | lstmctl predict -
  lstmctl predict -i reviews.csv --text-column review --json
  lstmctl predict -i reviews.csv --text-column review --keep-columns > labelled.tsv
  lstmctl predict -i 'reviews/*.jsonl' -o scored/     a folder; once more: only what is missing
  lstmctl predict --explain "the acting was dull but the end is wonderful"
"""


def command(
    texts: Annotated[list[str] | None, typer.Argument(metavar="[TEXT]... | -", help="Texts, or - for stdin.")] = None,
    model: Model = None,
    input: Annotated[  # noqa: A002
        str | None, typer.Option("-i", "--input", metavar="FILE|DIR|'*'", help="Read texts from there, or - for stdin.")
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
    explain: Annotated[
        bool,
        typer.Option(
            "--explain",
            help="A row for each word: the probability so far, the word's effect (the prediction minus that "
            "without the word), and what gates and belt did (they describe, the effect attributes). Of a long text, a "
            "terminal shows the words around the strongest ten; pipes and -o get all.",
        ),
    ] = False,
    all_units: Annotated[
        bool,
        typer.Option("--all-units", help="With --explain: gates, belt and hidden state of every unit, in JSON or TSV."),
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
    engine: Engine = "local",
    ray_address: RayAddress = None,
    bad_rows: Annotated[
        Literal["stop", "skip"] | None,
        typer.Option(
            "--bad-rows",
            metavar="stop|skip",
            help="A row that cannot be used: an error, or set aside in bad-rows/.",
            show_default="stop",
            rich_help_panel=FOLDER,
        ),
    ] = None,
    answers: Annotated[
        Literal["jsonl", "parquet"] | None,
        typer.Option(
            "--answers",
            metavar="jsonl|parquet",
            help="Format of the answers.",
            show_default="jsonl",
            rich_help_panel=FOLDER,
        ),
    ] = None,
) -> int:
    """Label texts: one row out for each row in, in order."""
    processes = job_count(jobs)
    if input is not None and (engine == "ray" or _is_several(input) or _is_folder(settings.output)):
        if texts:
            raise UsageError("texts and --input together: which one?", hint="leave out one of the two")
        if explain or all_units or labels_only or expect is not None:
            raise UsageError("--explain, --all-units, --labels-only and --expect are for one file at a time")
        score(
            input,
            model,
            engine=engine_of(engine, address=ray_address, jobs=jobs),
            input_format=input_format,
            kind=answers or "jsonl",
            text_column=text_column,
            keep_columns=keep_columns,
            threshold=threshold,
            top_k=top_k,
            encoding_errors=encoding_errors,
            max_line_bytes=max_line_bytes,
            skip_bad_rows=bad_rows == "skip",
        )
        return int(ExitCode.DONE)
    if engine == "ray" or ray_address or bad_rows or answers:
        raise UsageError(
            "--engine ray, --ray-address, --bad-rows and --answers are for answers in a folder",
            hint="lstmctl predict -i FOLDER -o SCORED, or -i 'reviews/*.csv', or -i FILE --engine ray",
        )
    console = Console.open(output=settings.output)
    rows, waiting = read_input_rows(
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
    check_answers(labels, top_k=top_k, threshold=threshold)
    if expect is not None and expect not in labels:
        raise UsageError(f'--expect "{expect}" is not a label of this model', hint=f"its labels: {', '.join(labels)}")
    writer: PredictionWriter | ExplanationWriter
    if explain:
        _check_explain(top_k=top_k, labels_only=labels_only, keep_columns=keep_columns)
        writer = ExplanationWriter(console, labels, reference=folder.reference, all_units=all_units)
    elif all_units:
        raise UsageError("--all-units belongs to --explain")
    else:
        writer = PredictionWriter(
            console,
            labels,
            reference=folder.reference,
            top_k=top_k,
            labels_only=labels_only,
            text_column=text_column if keep_columns else None,
        )
    note_default_model(console, folder, named=model is not None)
    _hint_at_names(console, texts or [])
    bulk = _bulk(folder, jobs=processes, threshold=threshold, explain=explain)
    answer_rows(bulk, rows, waiting, writer.write_all, console.flush)
    return int(ExitCode.DONE if expect is None or expect in writer.labels_given else ExitCode.NO)


def _is_folder(output: str | None) -> bool:
    return output is not None and (output.endswith("/") or os.path.isdir(output))


def _is_several(named: str) -> bool:
    from lstmctl.data.sources import is_folder_or_pattern

    return named != "-" and is_folder_or_pattern(named)


def _bulk(folder: "ModelFolder", *, jobs: int, threshold: float | None, explain: bool) -> "WorkerPool[Example, Any]":
    """What answers the texts, or explains the answers."""
    from lstmctl.scoring.pool import WorkerPool

    classifier = folder.classifier()
    if not explain:
        return WorkerPool(partial(classifier.predict, threshold=threshold), jobs=jobs)
    from lstmctl.model.explanation import explain_all

    return WorkerPool(partial(explain_all, classifier, threshold=threshold), jobs=jobs, batch=_EXPLAINED_TOGETHER)


def _check_explain(*, top_k: int | None, labels_only: bool, keep_columns: bool) -> None:
    for given, option in ((top_k is not None, "-k"), (labels_only, "--labels-only"), (keep_columns, "--keep-columns")):
        if given:
            raise UsageError(f"--explain and {option} do not go together: an explanation has its own columns")


def _hint_at_names(console: Console, texts: list[str]) -> None:
    """Say so if a text looks as if something else was meant: the name of a file, or of a model."""
    for text in texts[:3]:
        if text == "-" or " " in text:
            continue
        if os.path.isfile(text):
            console.note(f'"{text}" was read as a text; lstmctl predict -i {shlex.quote(text)} reads the file')
        elif text in open_registry().references():
            console.note(f'"{text}" was read as a text; lstmctl predict -m {text} TEXT asks the model')
