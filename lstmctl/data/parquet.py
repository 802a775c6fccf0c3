"""Parser of Parquet files, which reads about a thousand rows at a time. Needs pyarrow, from the extra `parquet`."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from lstmctl.data.columns import ColumnNames, Example, bad_row
from lstmctl.data.lines import encoding_hint, format_size
from lstmctl.data.opening import PACKED, Chunk, open_bytes
from lstmctl.data.parsers import ExampleBuilder
from lstmctl.errors import BadData, BadRow, LstmctlError, MissingExtra, UsageError, from_os_error

BATCH_ROWS = 1024
_BUFFER = 2**20  # bytes of a column; without a limit its whole row group would be in memory


def import_pyarrow() -> tuple[Any, Any]:
    """The modules pyarrow and pyarrow.parquet; raises MissingExtra without them."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ModuleNotFoundError:
        raise MissingExtra("pyarrow", extra="parquet") from None
    return pyarrow, parquet


def open_parquet(file: IO[bytes], source: str) -> Any:
    """A `pyarrow.parquet.ParquetFile` that is read in small parts. Raises as `read_parquet`."""
    pyarrow, parquet = import_pyarrow()
    try:
        return parquet.ParquetFile(file, buffer_size=_BUFFER, pre_buffer=False)
    except (pyarrow.ArrowException, OSError) as error:
        raise _damage_error(error, source) from error


def read_parquet(
    path: Path,
    source: str,
    columns: ColumnNames,
    *,
    strict: bool,
    max_line_bytes: int,
    chunk: Chunk,
    skip_bad_row: Callable[[BadRow], None] | None,
) -> Iterator[Example]:
    """Rows with their number, 1 for the first, as `read_rows`. Only the necessary columns and row groups are read.

    Raises:
        MissingExtra: pyarrow is not installed. UsageError: the name ends in .gz or .xz.
        BadData: not Parquet, damaged, or a row that cannot be used. StorageError: from the operating system.
    """
    if packing := PACKED.get(path.suffix.lower()):
        message = f"{source}: Parquet is compressed already and not read from {path.suffix} files"
        raise UsageError(message, hint=f"{packing} -d {source}")
    builder = ExampleBuilder(source, columns)
    with open_bytes(path) as file:
        table, (pyarrow, _) = open_parquet(file, source), import_pyarrow()
        names = list(table.schema_arrow.names)
        if repeated := [name for name in names if names.count(name) > 1]:
            raise BadData(f'{source}: two columns have the name "{repeated[0]}"', hint="rename one of them")
        if missing := columns.missing_from(names):
            message, hint = missing
            raise BadData(f"{source}: {message}", hint=hint)
        read_names = names if columns.keep else columns.used
        groups = list(range(chunk.start, table.num_row_groups if chunk.stop is None else chunk.stop))
        batches = table.iter_batches(batch_size=BATCH_ROWS, row_groups=groups, columns=read_names)
        first = chunk.before + 1  # number of the first row of a batch
        while True:
            try:
                batch = next(batches, None)
            except (pyarrow.ArrowException, OSError) as error:
                raise _damage_error(error, source) from error
            if batch is None:
                return
            read = [_read_column(batch.column(name), source, first, columns, strict=strict) for name in read_names]
            for number, values in enumerate(zip(*read, strict=True), start=first):
                try:
                    if undecoded := next((value for value in values if isinstance(value, BadRow)), None):
                        raise undecoded
                    example = builder.from_values(dict(zip(read_names, values, strict=True)), number)
                    _check_length(example, source, max_line_bytes)
                    yield example
                except BadRow as error:
                    if skip_bad_row is None:
                        raise
                    skip_bad_row(error)
            first += batch.num_rows


def _damage_error(error: Exception, source: str) -> LstmctlError:
    if isinstance(error, OSError) and error.errno is not None:
        return from_os_error(error, f"read {source}")
    reason = str(error).split("\n", 1)[0][:200]
    message = f"{source} is not Parquet, or damaged: {reason[:1].lower()}{reason[1:].rstrip('.')}"
    return BadData(message, hint="was the file copied completely?")


def _read_column(column: Any, source: str, first: int, columns: ColumnNames, *, strict: bool) -> list[Any]:
    """A column of a batch as Python values, with an error in place of a string that is not UTF-8, which pyarrow
    allows in files."""
    try:
        values: list[Any] = column.to_pylist()
    except UnicodeDecodeError:
        values = []
        for number, value in enumerate(column, start=first):
            raw: bytes | None = value.as_buffer().to_pybytes() if value.is_valid else None
            try:
                values.append(raw and raw.decode("utf-8", "strict" if strict else "replace"))
            except UnicodeDecodeError as error:
                message = f"byte {error.start + 1} of a text is 0x{error.object[error.start]:02x}, which is not UTF-8"
                hint = encoding_hint(source, labelled=False) if columns.label is None else "write that column as UTF-8"
                values.append(bad_row(source, number, message, hint=hint))
    return values


def _check_length(example: Example, source: str, limit: int) -> None:
    # A character has at most four bytes, so most texts need not be encoded to be measured.
    if len(example.text) * 4 > limit and len(example.text.encode()) > limit:
        message = f"the text is longer than {format_size(limit)}"
        raise bad_row(source, example.row, message, hint="is it one text?")
