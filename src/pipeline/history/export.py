"""Rows as files for other programs: CSV by the standard library, Parquet by pyarrow, which is an extra.

Numbers are whole in both, times nanoseconds since 1970. In CSV, text that a spreadsheet would take for a formula begins
with a quote, as in `solquote pnl --csv`; bytes are hexadecimal.
"""

import csv
import importlib.util
import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TextIO

from sqlalchemy import BigInteger, Integer, LargeBinary, Table

from pipeline.auditor.export import cell_text
from pipeline.history.tables import U64
from quote_core.errors import InvalidField

__all__ = ["columns_of", "export_csv", "export_parquet"]

_ROWS_A_GROUP: Final = 10_000


def columns_of(table: Table) -> dict[str, str]:
    """The columns by name, with what is in them: `text`, `integer`, `unsigned`, `bytes`."""
    kinds = {U64: "unsigned", BigInteger: "integer", Integer: "integer", LargeBinary: "bytes"}
    return {column.name: kinds.get(type(column.type), "text") for column in table.columns}


def export_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]], file: TextIO) -> int:
    """Write a heading and all rows; say how many."""
    writer = csv.writer(file)
    writer.writerow(columns)
    count = 0
    for row in rows:
        writer.writerow(map(_cell, row))
        count += 1
    return count


def _cell(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    return cell_text(value) if isinstance(value, str) else value


def export_parquet(columns: dict[str, str], rows: Iterable[Sequence[Any]], path: Path, *, option: str) -> int:
    """Write all rows into `path`, which is replaced once the last of them is there; say how many.

    Args:
        columns: As `columns_of` gives them, `float` besides.
        rows: In the order of the columns.
        path: The file.
        option: How the caller was asked for it, for the error.

    Raises:
        InvalidField: pyarrow is not installed.
        OSError: The file cannot be written.
    """
    if importlib.util.find_spec("pyarrow") is None:
        raise InvalidField(option, "Parquet needs pyarrow, which comes with pip install 'solquote[parquet]'")
    import pyarrow as pa  # noqa: PLC0415  # an extra, and 60 MB of it
    from pyarrow import parquet  # noqa: PLC0415  # the same

    types: dict[str, pa.DataType] = {
        "text": pa.string(),
        "integer": pa.int64(),
        "unsigned": pa.uint64(),
        "bytes": pa.binary(),
        "float": pa.float64(),
    }
    schema = pa.schema([(name, types[kind]) for name, kind in columns.items()])
    scratch = path.with_name(f"{path.name}.part")
    count = 0
    try:
        with parquet.ParquetWriter(scratch, schema) as writer:
            for group in _groups(rows):
                arrays = [
                    pa.array(column, field.type) for column, field in zip(zip(*group, strict=True), schema, strict=True)
                ]
                writer.write_batch(pa.record_batch(arrays, schema=schema))
                count += len(group)
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)
    return count


def _groups(rows: Iterable[Sequence[Any]]) -> Iterator[list[Sequence[Any]]]:
    left = iter(rows)
    while group := list(itertools.islice(left, _ROWS_A_GROUP)):
        yield group
