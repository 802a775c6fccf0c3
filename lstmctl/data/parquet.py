"""Parser of Parquet files, which reads about a thousand rows at a time. Needs pyarrow, from the extra `parquet`."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from lstmctl.data.columns import ColumnNames, Example, LabelCleaner, bad_row, label_error, label_text, short_repr
from lstmctl.data.lines import encoding_hint, format_size
from lstmctl.data.opening import PACKED, Chunk, open_bytes
from lstmctl.errors import BadData, BadRow, LstmctlError, MissingExtra, UsageError, from_os_error

BATCH_ROWS = 1024
_BUFFER = 2**20  # bytes of a column; without a limit its whole row group would be in memory


def import_pyarrow() -> tuple[Any, Any]:
    """The modules pyarrow and pyarrow.parquet.

    Raises:
        MissingExtra: pyarrow is not installed.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ModuleNotFoundError:
        raise MissingExtra("pyarrow", extra="parquet") from None
    return pyarrow, parquet


def open_parquet(file: IO[bytes], source: str) -> Any:
    """A `pyarrow.parquet.ParquetFile` that is read in small parts.

    Raises:
        MissingExtra: pyarrow is not installed. BadData: not Parquet, or damaged.
    """
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
    max_text_bytes: int,
    chunk: Chunk | None = None,
    skip_bad_row: Callable[[BadRow], None] | None = None,
) -> Iterator[Example]:
    """Rows with their number, 1 for the first. Only the necessary columns are read; of a chunk, its row groups.

    Raises:
        MissingExtra: pyarrow is not installed.
        UsageError: the name ends in .gz or .xz. BadData: not Parquet, damaged, or a row that cannot be used.
    """
    if packing := PACKED.get(path.suffix.lower()):
        message = f"{source}: Parquet is compressed already and not read from {path.suffix} files"
        raise UsageError(message, hint=f"{packing} -d {source}")
    chunk = chunk or Chunk()
    labels = LabelCleaner(source)
    with open_bytes(path) as file:
        table, (pyarrow, _) = open_parquet(file, source), import_pyarrow()
        names = list(table.schema_arrow.names)
        _check_names(names, source, columns)
        read_names = names if columns.keep else list({name: None for name in columns[:3] if name is not None})
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
            values = {
                name: _read_column(batch.column(name), source, first, columns, strict=strict) for name in read_names
            }
            for index in range(batch.num_rows):
                row = {name: column[index] for name, column in values.items()}
                try:
                    yield _example(row, first + index, source, columns, labels, max_text_bytes=max_text_bytes)
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


def _check_names(names: list[str], source: str, columns: ColumnNames) -> None:
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise BadData(f'{source}: two columns have the name "{repeated[0]}"', hint="rename one of them")
    if missing := columns.missing_from(names):
        message, hint = missing
        raise BadData(f"{source}: {message}", hint=hint)


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


def _example(
    values: dict[str, Any],
    number: int,
    source: str,
    columns: ColumnNames,
    labels: LabelCleaner,
    *,
    max_text_bytes: int,
) -> Example:
    for value in values.values():
        if isinstance(value, BadRow):
            raise value
    text = values[columns.text]
    if not isinstance(text, str):
        message = f'"{columns.text}" must be a string, not {"null" if text is None else short_repr(text)}'
        raise bad_row(source, number, message, hint="--text-column names another")
    # A character has at most four bytes, so most texts need not be encoded to be measured.
    if len(text) * 4 > max_text_bytes and len(text.encode()) > max_text_bytes:
        raise bad_row(source, number, f"the text is longer than {format_size(max_text_bytes)}", hint="is it one text?")
    label = "" if columns.label is None else labels.clean(_parse_label(values, columns.label, source, number), number)
    group = "" if columns.group is None else _parse_label(values, columns.group, source, number)
    return Example(number, text, label, group, values if columns.keep else None)


def _parse_label(values: dict[str, Any], name: str, source: str, number: int) -> str:
    """A label or group as text."""
    text = label_text(values[name])
    if text is None:
        message, hint = label_error(name, values[name])
        raise bad_row(source, number, message, hint=hint)
    return text
