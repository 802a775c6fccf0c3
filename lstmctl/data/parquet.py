"""Parquet files, read a thousand rows at a time. Needs pyarrow, from the extra `parquet`."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from lstmctl.data.columns import ColumnNames, Row, label_text, shown
from lstmctl.data.lines import bad_row, encoding_hint, size_name
from lstmctl.data.opening import PACKED, Chunk, open_bytes
from lstmctl.errors import BadData, BadRow, LstmctlError, MissingExtra, UsageError, from_os_error

BATCH_ROWS = 1024
_BUFFER = 2**20  # bytes of a column: or all of its row group would be in memory


def modules() -> tuple[Any, Any]:
    """pyarrow and its Parquet part.

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
    """A `pyarrow.parquet.ParquetFile`, of which no more than is needed is kept in memory.

    Raises:
        MissingExtra: pyarrow is not installed. BadData: not Parquet, or damaged.
    """
    pyarrow, parquet = modules()
    try:
        return parquet.ParquetFile(file, buffer_size=_BUFFER, pre_buffer=False)
    except (pyarrow.ArrowException, OSError) as error:
        raise _damaged(error, source) from error


def read_parquet(
    path: Path,
    source: str,
    wanted: ColumnNames,
    *,
    strict: bool,
    max_text_bytes: int,
    piece: Chunk | None = None,
    set_aside: Callable[[BadRow], None] | None = None,
) -> Iterator[Row]:
    """Rows with their number, 1 for the first. Only the columns that are wanted are read; of a piece, its row groups.

    Raises:
        MissingExtra: pyarrow is not installed.
        UsageError: the name ends in .gz or .xz. BadData: not Parquet, damaged, or a row that cannot be used.
    """
    if packing := PACKED.get(path.suffix.lower()):
        raise UsageError(
            f"{source}: Parquet is packed already and not read through {path.suffix}", hint=f"{packing} -d {source}"
        )
    with open_bytes(path) as file:
        table, (pyarrow, _) = open_parquet(file, source), modules()
        names = list(table.schema_arrow.names)
        _check_names(names, source, wanted)
        read = names if wanted.keep else list({name: None for name in wanted[:3] if name is not None})
        groups = None if piece is None else list(range(piece.start, table.num_row_groups)[: _length(piece)])
        batches = table.iter_batches(batch_size=BATCH_ROWS, row_groups=groups, columns=read)
        first = 1 if piece is None else piece.before + 1
        while True:
            try:
                batch = next(batches, None)
            except (pyarrow.ArrowException, OSError) as error:
                raise _damaged(error, source) from error
            if batch is None:
                return
            values = {name: _values(batch.column(name), source, first, wanted, strict=strict) for name in read}
            for place in range(batch.num_rows):
                try:
                    yield _row(values, place, source, first + place, wanted, max_text_bytes=max_text_bytes)
                except BadRow as error:
                    if set_aside is None:
                        raise
                    set_aside(error)
            first += batch.num_rows


def _length(piece: Chunk) -> int | None:
    """How many row groups, None for all that follow."""
    return None if piece.stop is None else piece.stop - piece.start


def _damaged(error: Exception, source: str) -> LstmctlError:
    if isinstance(error, OSError) and error.errno is not None:
        return from_os_error(error, f"read {source}")
    reason = str(error).split("\n", 1)[0][:200]
    message = f"{source} is not Parquet, or damaged: {reason[:1].lower()}{reason[1:].rstrip('.')}"
    return BadData(message, hint="was the file copied whole?")


def _check_names(names: list[str], source: str, wanted: ColumnNames) -> None:
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise BadData(f'{source}: two columns have the name "{repeated[0]}"', hint="rename one of them")
    if missing := wanted.missing_from(names):
        message, hint = missing
        raise BadData(f"{source}: {message}", hint=hint)


def _values(column: Any, source: str, first: int, wanted: ColumnNames, *, strict: bool) -> list[Any]:
    """A column of a batch as Python values, and the error where there is none: pyarrow lets strings that are not UTF-8
    into files."""
    try:
        values: list[Any] = column.to_pylist()
    except UnicodeDecodeError:
        values = []
        for number, value in enumerate(column, start=first):
            raw: bytes | None = value.as_buffer().to_pybytes() if value.is_valid else None
            try:
                values.append(raw and raw.decode("utf-8", "strict" if strict else "replace"))
            except UnicodeDecodeError as found:
                message = f"byte {found.start + 1} of a text is 0x{found.object[found.start]:02x}, which is not UTF-8"
                hint = encoding_hint(source, labelled=False) if wanted.label is None else "write that column as UTF-8"
                values.append(bad_row(source, number, message, hint=hint))
    return values


def _row(
    values: dict[str, list[Any]], place: int, source: str, number: int, wanted: ColumnNames, *, max_text_bytes: int
) -> Row:
    for column in values.values():
        if isinstance(column[place], BadRow):
            raise column[place]
    text = values[wanted.text][place]
    if not isinstance(text, str):
        found = "null" if text is None else shown(text)
        raise bad_row(
            source, number, f'"{wanted.text}" must be a string, not {found}', hint="--text-column names another"
        )
    # A character has at most four bytes, so most texts need not be encoded to be measured.
    if len(text) * 4 > max_text_bytes and len(text.encode()) > max_text_bytes:
        raise bad_row(source, number, f"the text is longer than {size_name(max_text_bytes)}", hint="is it one text?")
    words: list[str | None] = []
    for name in (wanted.label, wanted.group):
        value = "" if name is None or values[name][place] is None else label_text(values[name][place])
        if value is None and name is not None:
            found = shown(values[name][place])
            message = f'"{name}" must be a string, a whole number or a boolean, not {found}'
            raise bad_row(source, number, message, hint="is it the right column?")
        words.append(None if name is None else value)
    columns = {name: column[place] for name, column in values.items()} if wanted.keep else None
    return Row(number, text, words[0], words[1], columns)
