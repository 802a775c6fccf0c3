"""Parser of Parquet files, which reads about a thousand rows at a time. Needs pyarrow, from the extra `parquet`."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from lstmctl.data.columns import ColumnNames, Example, bad_row, with_nested
from lstmctl.data.opening import Chunk, open_bytes
from lstmctl.data.packing import PACKED, repaired_path, unpack_command
from lstmctl.data.parsers import ExampleBuilder, check_length
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


def column_names(path: Path, source: str) -> list[str]:
    """The names of all columns, checked to be different; of a column of objects, those of the values in them, such as
    `meta.label`. Raises as `read_parquet`."""
    if path.suffix.lower() in PACKED:
        message = f"{source}: Parquet is compressed already and not read from {path.suffix} files"
        hint = f"{unpack_command(source)} > {repaired_path(source[: -len(path.suffix)])}"
        raise UsageError(message, hint=hint)
    with open_bytes(path) as file:
        names = _names_of(open_parquet(file, source).schema_arrow)
    if repeated := [name for name, count in Counter(names).items() if count > 1]:
        raise BadData(f'{source}: two columns have the name "{repeated[0]}"', hint="rename one of them")
    return names


def _names_of(fields: Any, prefix: str = "") -> list[str]:
    """The names of the fields of a schema or of a struct type, with those inside structs in their place."""
    import pyarrow

    names = []
    for field in fields:
        inner = pyarrow.types.is_struct(field.type) and field.type.num_fields > 0
        names += _names_of(field.type, f"{prefix}{field.name}.") if inner else [f"{prefix}{field.name}"]
    return names


def first_rows(path: Path, source: str, count: int) -> list[dict[str, Any]]:
    """The first rows, at most `count`; without any, one of empty values. Raises as `read_parquet`."""
    with open_bytes(path) as file:
        pyarrow, _ = import_pyarrow()
        try:
            table = open_parquet(file, source)
            batch = next(table.iter_batches(batch_size=count), None)
        except (pyarrow.ArrowException, OSError) as error:
            raise _damage_error(error, source) from error
    names = table.schema_arrow.names
    if batch is None:
        return [dict.fromkeys(names)]
    read = [_read_column(column, source, 1, ColumnNames(label=None), strict=False) for column in batch.columns]
    return [dict(zip(names, values, strict=True)) for values in zip(*read, strict=True)]


def read_parquet(
    path: Path,
    source: str,
    columns: ColumnNames,
    *,
    items: None,
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
    builder = ExampleBuilder(source, columns)
    with open_bytes(path) as file:
        table, (pyarrow, _) = open_parquet(file, source), import_pyarrow()
        names = list(table.schema_arrow.names)
        # A name such as `meta.label` is that of a value inside the column `meta`.
        nested = any(name not in names for name in columns.used)
        outer = list(dict.fromkeys(name if name in names else name.partition(".")[0] for name in columns.used))
        read_names = names if columns.keep else outer
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
                    row = dict(zip(read_names, values, strict=True))
                    if nested:
                        row = dict.fromkeys(columns.used) | with_nested(row, columns.used)
                    example = builder.from_values(row, number)
                    check_length(example, source, max_line_bytes)
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
                hint = "--encoding-errors replace" if columns.label is None else "write that column as UTF-8"
                values.append(bad_row(source, number, message, hint=hint))
    return values
