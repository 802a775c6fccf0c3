"""The options of `predict`, predictions of rows as they arrive, and the JSON object of a prediction."""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeVar

from lstmctl.config import MAX_LINE_BYTES
from lstmctl.data.columns import ColumnNames, Example, Layout, column_json
from lstmctl.dialects import layout_problem
from lstmctl.errors import BadRow, LstmctlError, NotFound, UsageError
from lstmctl.model.classifier import Prediction
from lstmctl.scoring.pool import WorkerPool

if TYPE_CHECKING:
    from lstmctl.data.formats import OpenedRows
    from lstmctl.data.inputs import Inputs
    from lstmctl.data.opening import StdinLines
    from lstmctl.data.reading import Reading
    from lstmctl.model.explanation import Explanation
    from lstmctl.model.what_if import Hold

_LARGEST_LINE_LIMIT = 2**30  # bytes
_READINGS = 3  # files of which is said how they are read

R = TypeVar("R")  # the result for a text: a prediction, or an explanation


@dataclass(frozen=True, kw_only=True)
class PredictionRequest:
    """Which texts to read, how, and what to predict for each. The defaults are those of the command."""

    texts: Sequence[str] = ()  # or ["-"]: standard input
    source: str | None = None  # of -i
    input_format: str | None = None  # None: by the file's name
    text_column: str | tuple[str, ...] | None = None  # None: `text`, or a usual name
    delimiter: str | None = None
    encoding: str | None = None
    no_header: bool = False
    keep_columns: bool = False
    encoding_errors: str = "strict"
    max_line_bytes: int = MAX_LINE_BYTES
    threshold: float | None = None
    top_k: int | None = None

    def validate(self) -> Self:
        """The request itself; raises UsageError if its options are not valid or do not go together."""
        if self.source is not None and self.texts:
            raise UsageError("both texts and --input were given", hint="leave out one of them")
        if self.input_format is not None:
            from lstmctl.data.inputs import KINDS

            if self.input_format not in KINDS:
                raise UsageError(f"--input-format must be one of {', '.join(KINDS)}, not {self.input_format}")
        if self.encoding_errors not in ("strict", "replace"):
            raise UsageError(f"--encoding-errors must be strict or replace, not {self.encoding_errors}")
        if problem := layout_problem(self.delimiter, self.encoding):
            raise UsageError(f"--{problem[0]} {problem[1]}")
        if not 1 <= self.max_line_bytes <= _LARGEST_LINE_LIMIT:
            raise UsageError(f"--max-line-bytes must be 1 to {_LARGEST_LINE_LIMIT:,}, not {self.max_line_bytes}")
        return self

    @cached_property
    def has_lines(self) -> bool:
        """Whether the input has lines of text, so that a row has a line."""
        if self.source is None:
            return list(self.texts) in ([], ["-"])
        from lstmctl.data.formats import FORMATS, formats_of_name

        names = [self.input_format] if self.input_format else formats_of_name(Path(self.source))
        return not any(name in FORMATS and FORMATS[name].binary for name in names)

    def check_labels(self, labels: Sequence[str]) -> None:
        """Raise UsageError if a model with these labels does not support `top_k` or `threshold`."""
        if self.top_k is not None and not 1 <= self.top_k <= len(labels):
            raise UsageError(f"--top-k must be 1 to {len(labels)}, the model's number of labels, not {self.top_k}")
        if self.threshold is not None and len(labels) != 2:
            raise UsageError(f"--threshold needs a model with two labels; this one has {len(labels)}")
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise UsageError(f"--threshold must be between 0 and 1, not {self.threshold:g}")

    @property
    def columns(self) -> ColumnNames:
        """The columns that are read."""
        usual, layout = self.text_column is None, Layout(self.delimiter, self.encoding, self.no_header)
        return ColumnNames(self.text_column or "text", None, None, self.keep_columns, usual, layout)

    def read(self, source: "Path | StdinLines", *, format: str, **options: Any) -> "OpenedRows":
        """The rows of one source. `options` are those of `open_rows`. Raises as `open_rows`."""
        from lstmctl.data.formats import open_rows

        options |= {"encoding_errors": self.encoding_errors, "max_line_bytes": self.max_line_bytes}
        return open_rows(source, self.columns, format=format, **options)

    def reading_of(self, path: Path, format: str) -> "Reading":
        """How a file of this format is read. Raises as `open_rows`."""
        from lstmctl.data.formats import decide_reading

        return decide_reading(path, self.columns, format=format, strict=self.encoding_errors == "strict")

    def read_documents(
        self, source: "Sequence[Path] | StdinLines", root: Path | None, **options: Any
    ) -> Iterator[Example]:
        """Files as one text each, or all of standard input as one. `options` are those of `read_documents`."""
        from lstmctl.data.folders import read_document, read_documents

        options |= {"strict": self.encoding_errors == "strict", "max_bytes": self.max_line_bytes}
        options["encoding"] = self.encoding
        if isinstance(source, Sequence):
            yield from read_documents(source, root, **options)
            return
        skip_bad_row = options.pop("skip_bad_row", None)
        try:
            text = read_document(source, labelled=False, **options)
        except BadRow as error:
            if skip_bad_row is None:
                raise
            skip_bad_row(None, error)
        else:
            yield Example(1, text)


class InputRows(NamedTuple):
    """Rows to predict. `stdin` is their stream if they come from standard input, which can make the reader wait."""

    rows: Iterator[Example]
    stdin: "StdinLines | None" = None
    notes: tuple[str, ...] = ()  # for the user, about how they are read
    reading: str = ""  # how the file was recognised, where that is not as usual
    texts: tuple[str, ...] = ()  # the columns that the text is from


def open_rows(
    request: PredictionRequest, *, documents: bool = False, skip_bad_row: Callable[[BadRow], None] | None = None
) -> InputRows:
    """The rows of a valid request: its texts, its file, its folder of documents, or standard input.

    `documents`: for a model that was trained on documents. `skip_bad_row` is as in `read_rows`.

    Raises:
        UsageError: there is no input, or an option does not apply to it. NotFound: no such file, or stdin is closed.
        BadData: a folder that can be read in two ways.
        While the rows are read, what `read_rows` raises.
    """
    texts, source = list(request.texts), request.source
    if texts and texts != ["-"]:
        if request.keep_columns:
            raise UsageError("--keep-columns is for tables: --input FILE")
        return InputRows(Example(number, text) for number, text in enumerate(texts, start=1))
    if source is None and not texts and sys.stdin is not None and sys.stdin.isatty():
        hint = 'lstmctl predict "great movie" · … | lstmctl predict - · lstmctl predict -i FILE'
        raise UsageError("no text given", hint=hint)
    from lstmctl.data.inputs import find_inputs
    from lstmctl.data.inputs import input_format as format_of
    from lstmctl.data.layout import DOCUMENT
    from lstmctl.data.opening import StdinLines, display
    from lstmctl.data.patterns import is_folder_or_pattern

    skip_bad_file = None if skip_bad_row is None else lambda _, error: skip_bad_row(error)
    stream: Path | StdinLines
    notes: tuple[str, ...] = ()
    if source is not None and source != "-" and is_folder_or_pattern(source):
        inputs = find_inputs(source, format=request.input_format, documents=documents)
        if not inputs.documents:
            return _open_files(request, inputs, skip_bad_row)
        _refuse_columns(request, DOCUMENT)
        rows = request.read_documents([*inputs.files], inputs.root, skip_bad_row=skip_bad_file)
        return InputRows(rows, notes=inputs.all_notes)
    if source is not None and source != "-":
        stream = Path(source)
        format = request.input_format or format_of(stream, documents=documents)
    elif sys.stdin is not None:
        stream = StdinLines(sys.stdin.buffer)
        format = request.input_format or "lines"
    else:
        raise NotFound("cannot read standard input: it is closed", hint="-i FILE reads a file")
    _refuse_columns(request, format)
    stdin = stream if isinstance(stream, StdinLines) else None
    if format != DOCUMENT:
        rows, reading = request.read(stream, format=format, skip_bad_row=skip_bad_row)
        return InputRows(rows, stdin, reading=reading.note, texts=reading.columns.texts)
    rows = request.read_documents(
        stream if isinstance(stream, StdinLines) else [stream], None, skip_bad_row=skip_bad_file
    )
    if documents and request.input_format is None and isinstance(stream, Path):
        notes = (f"{display(stream)} is read as one text, as in training; --input-format lines reads each line as one",)
    return InputRows(rows, stdin, notes)


def _open_files(
    request: PredictionRequest, inputs: "Inputs", skip_bad_row: Callable[[BadRow], None] | None
) -> InputRows:
    """The rows of several files, one file after the other, each row with the name of its file."""
    from lstmctl.data.layout import DOCUMENT
    from lstmctl.data.opening import display
    from lstmctl.data.parts import relative_name

    skip_bad_file = None if skip_bad_row is None else lambda _, error: skip_bad_row(error)
    readings: dict[Path, Reading] = {}
    for path, format in inputs.files.items():
        _refuse_columns(request, format)
        if format != DOCUMENT:  # the rows of a file that is read as a whole are read again, one file at a time
            readings[path] = request.reading_of(path, format)._replace(items=None)

    def rows() -> Iterator[Example]:
        for path, format in inputs.files.items():
            name = relative_name(path, inputs.root)
            if (reading := readings.get(path)) is None:
                yield from request.read_documents([path], inputs.root, skip_bad_row=skip_bad_file)
                continue
            for row in request.read(path, format=format, reading=reading, skip_bad_row=skip_bad_row).rows:
                yield row._replace(file=name)

    said = [f"{display(path)}: {reading.note}" for path, reading in readings.items() if reading.note]
    more = [f"and {len(said) - _READINGS:,} more files"] if len(said) > _READINGS else []
    texts = {reading.columns.texts for reading in readings.values()}
    notes = (*inputs.all_notes, *(f"reading {each}" for each in said[:_READINGS]), *more)
    return InputRows(rows(), notes=notes, texts=texts.pop() if len(texts) == 1 else ())


def _refuse_columns(request: PredictionRequest, format: str) -> None:  # noqa: A002
    from lstmctl.data.formats import FORMATS

    if request.keep_columns and not (format in FORMATS and FORMATS[format].has_columns):
        raise UsageError(f"--keep-columns is for tables; {format} has no columns", hint="--input-format csv")


def predict_rows(
    inputs: InputRows,
    pool: WorkerPool[Example, R],
    write: Callable[[list[tuple[Example, R]]], None],
    *,
    flush: Callable[[], None] = lambda: None,
    before_waiting: Callable[[], None] = lambda: None,
) -> None:
    """Put all rows through a pool and write the results in order, in batches.

    All results are written and flushed before it calls `before_waiting` and waits for standard input, and before it
    raises the error of a later row. Raises what reading the rows, the pool or `write` raises.
    """

    def settle() -> None:
        if results := list(pool.drain()):
            write(results)
        flush()

    def settle_and_wait() -> None:
        settle()
        before_waiting()

    with pool:
        if inputs.stdin is not None:
            inputs.stdin.before_waiting = (
                settle_and_wait  # a producer that sends a line a second gets a prediction a second
            )
        try:
            for row in inputs.rows:
                if results := pool.put(row, row.text):
                    write(results)
        except LstmctlError:
            settle()  # the rows before the bad one
            raise
        settle()


# --- the JSON objects of a prediction and of an explanation, the same from `predict`, in a folder of predictions, and
# from a server


def ranked_labels(prediction: Prediction, labels: Sequence[str], *, top_k: int | None) -> list[tuple[str, float]]:
    """Label and probability: of the predicted label, or of the `top_k` most probable; in a tie, the predicted first."""
    if top_k is None:
        return [(prediction.label, prediction.probability)]
    pairs = zip(labels, prediction.probabilities, strict=True)
    return sorted(pairs, key=lambda pair: (-pair[1], pair[0] != prediction.label))[:top_k]


def other_columns(example: Example, texts: Sequence[str]) -> dict[str, Any]:
    """All columns of a table's row except those of the text."""
    return {name: value for name, value in (example.columns or {}).items() if name not in texts}


def prediction_object(
    example: Example, prediction: Prediction, request: PredictionRequest, *, labels: Sequence[str], reference: str
) -> dict[str, Any]:
    """The prediction for a row as a JSON object. `labels` and `reference` are the model's."""
    fields: dict[str, Any] = {
        "schema": "lstmctl.prediction/1",
        **({"file": example.file} if example.file else {}),
        "row": example.row,
        "text": example.text,
        "label": prediction.label,
        "probability": prediction.probability,
        "probabilities": dict(zip(labels, prediction.probabilities, strict=True)),
        **prediction.reading._asdict(),
        "model": reference,
    }
    if request.top_k is not None:
        top = ranked_labels(prediction, labels, top_k=request.top_k)
        fields["top"] = [{"label": label, "probability": value} for label, value in top]
    if request.keep_columns:
        fields["columns"] = column_json(other_columns(example, request.columns.texts))
    return fields


_MEANS = ("forget", "input", "output", "cell_change")


def explanation_object(
    example: Example,
    explanation: "Explanation",
    *,
    labels: Sequence[str],
    reference: str,
    all_units: bool = False,
    holds: "Sequence[Hold]" = (),
) -> dict[str, Any]:
    """The explanation of a prediction as a JSON object. `labels` and `reference` are the model's, `holds` the gates
    that were held; with `all_units` each word has the gates and states of every unit."""
    prediction = explanation.prediction
    means = {name: explanation.mean(name) for name in _MEANS}
    words: list[dict[str, Any]] = []
    for index, word in enumerate(explanation.words):
        words.append(
            {
                "word": word,
                "known": explanation.known[index],
                **{name: _single(values[index]) for name, values in means.items()},
                "probability": float(explanation.probability[index]),
                "effect": float(explanation.effect[index]),
                "effect_log_odds": float(explanation.effect_log_odds[index]),
            }
        )
        if all_units:
            words[-1]["units"] = {
                lstm: {name: list(map(_single, values[index].tolist())) for name, values in trace._asdict().items()}
                for lstm, trace in explanation.traces.items()
            }
    return {
        "schema": "lstmctl.explanation/1",
        **({"file": example.file} if example.file else {}),
        "row": example.row,
        "text": example.text,
        "label": prediction.label,
        "probability": prediction.probability,
        "probabilities": dict(zip(labels, prediction.probabilities, strict=True)),
        "explains": explanation.label,
        "start": explanation.start,
        "ngrams": explanation.ngrams,
        "strongest_units": [{**unit._asdict(), "log_odds": _single(unit.log_odds)} for unit in explanation.units],
        "held": [each._asdict() for each in holds],
        "words": words,
        "cut": prediction.reading.cut,
        "model": reference,
    }


def _single(value: float) -> float:
    """Rounded to the precision of a 32-bit number."""
    return float(f"{value:.7g}")
