"""Parquet files, read a thousand rows at a time. Needs pyarrow, from the extra `parquet`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lstmctl.data.columns import Row, Wanted, label_text, shown
from lstmctl.data.lines import bad_row, encoding_hint, size_name
from lstmctl.data.opening import PACKED, open_bytes
from lstmctl.errors import BadData, LstmctlError, MissingExtra, UsageError, from_os_error

BATCH_ROWS = 1024


def read_parquet(path: Path, source: str, wanted: Wanted, *, strict: bool, max_text_bytes: int) -> Iterator[Row]:
    """Rows with their number, 1 for the first. Only the columns that are wanted are read.

    Raises:
        MissingExtra: pyarrow is not installed.
        UsageError: the name ends in .gz or .xz. BadData: not Parquet, damaged, or a row that cannot be used.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ModuleNotFoundError:
        raise MissingExtra("pyarrow", extra="parquet") from None
    if packing := PACKED.get(path.suffix.lower()):
        raise UsageError(
            f"{source}: Parquet is packed already and not read through {path.suffix}", hint=f"{packing} -d {source}"
        )
    failures = (pyarrow.ArrowException, OSError)
    with open_bytes(path) as file:
        try:
            table = parquet.ParquetFile(file)
        except failures as error:
            raise _damaged(error, source) from error
        names = list(table.schema_arrow.names)
        _check_names(names, source, wanted)
        read = names if wanted.keep else list({name: None for name in wanted[:3] if name is not None})
        batches = table.iter_batches(batch_size=BATCH_ROWS, columns=read)
        first = 1
        while True:
            try:
                batch = next(batches, None)
            except failures as error:
                raise _damaged(error, source) from error
            if batch is None:
                return
            values = {name: _values(batch.column(name), source, first, wanted, strict=strict) for name in read}
            yield from _rows(values, source, first, wanted, max_text_bytes=max_text_bytes)
            first += batch.num_rows


def _damaged(error: Exception, source: str) -> LstmctlError:
    if isinstance(error, OSError) and error.errno is not None:
        return from_os_error(error, f"read {source}")
    reason = str(error).split("\n", 1)[0][:200]
    return BadData(f"{source} is not Parquet, or damaged: {reason[:1].lower()}{reason[1:].rstrip('.')}")


def _check_names(names: list[str], source: str, wanted: Wanted) -> None:
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise BadData(f'{source}: two columns have the name "{repeated[0]}"', hint="rename one of them")
    if missing := wanted.missing_from(names):
        message, hint = missing
        raise BadData(f"{source}: {message}", hint=hint)


def _values(column: Any, source: str, first: int, wanted: Wanted, *, strict: bool) -> list[Any]:
    """A column of a batch as Python values. pyarrow lets strings that are not UTF-8 into files."""
    try:
        values: list[Any] = column.to_pylist()
    except UnicodeDecodeError as error:
        values = []
        for number, value in enumerate(column, start=first):
            raw: bytes | None = value.as_buffer().to_pybytes() if value.is_valid else None
            try:
                values.append(raw and raw.decode("utf-8", "strict" if strict else "replace"))
            except UnicodeDecodeError as found:
                message = f"byte {found.start + 1} of a text is 0x{found.object[found.start]:02x}, which is not UTF-8"
                hint = encoding_hint(source, labelled=False) if wanted.label is None else None
                raise bad_row(source, number, message, hint=hint) from error
    return values


def _rows(
    values: dict[str, list[Any]], source: str, first: int, wanted: Wanted, *, max_text_bytes: int
) -> Iterator[Row]:
    for place, text in enumerate(values[wanted.text]):
        number = first + place
        if not isinstance(text, str):
            found = "null" if text is None else shown(text)
            raise bad_row(source, number, f'"{wanted.text}" must be a string, not {found}')
        # A character has at most four bytes, so most texts need not be encoded to be measured.
        if len(text) * 4 > max_text_bytes and len(text.encode()) > max_text_bytes:
            raise bad_row(source, number, f"the text is longer than {size_name(max_text_bytes)}")
        words: list[str | None] = []
        for name in (wanted.label, wanted.group):
            value = "" if name is None or values[name][place] is None else label_text(values[name][place])
            if value is None and name is not None:
                found = shown(values[name][place])
                message = f'"{name}" must be a string, a whole number or a boolean, not {found}'
                raise bad_row(source, number, message)
            words.append(None if name is None else value)
        columns = {name: column[place] for name, column in values.items()} if wanted.keep else None
        yield Row(number, text, words[0], words[1], columns)
