"""CSV and Parquet hold every number whole, and nothing that a spreadsheet would run."""

import csv
import io
from pathlib import Path

import pytest
from pyarrow import parquet

from pipeline.history.export import columns_of, export_csv, export_parquet
from pipeline.history.tables import events, trade_routes, trades
from quote_core.errors import InvalidField

COLUMNS = {"name": "text", "amount": "unsigned", "profit": "integer", "payload": "bytes", "share": "float"}
ROWS = [("=1+1", 2**64 - 1, -(2**63), b"\0\xff", 0.1), ("plain, quoted", 0, 2**63 - 1, b"", 2.0)]


def test_csv_has_all_of_it_and_no_formula() -> None:
    file = io.StringIO()
    assert export_csv(tuple(COLUMNS), ROWS, file) == 2
    assert list(csv.reader(io.StringIO(file.getvalue()))) == [
        list(COLUMNS),
        ["'=1+1", "18446744073709551615", "-9223372036854775808", "00ff", "0.1"],
        ["plain, quoted", "0", "9223372036854775807", "", "2.0"],
    ]


def test_parquet_has_all_of_it_in_its_own_types(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.history.export._ROWS_A_GROUP", 1)
    path = tmp_path / "trades.parquet"
    path.write_text("of before")
    assert export_parquet(COLUMNS, ROWS, path, option="--parquet") == 2
    found = parquet.read_table(path)
    assert [tuple(row.values()) for row in found.to_pylist()] == ROWS
    assert {name: str(found.schema.field(name).type) for name in COLUMNS} == {
        "name": "string",
        "amount": "uint64",
        "profit": "int64",
        "payload": "binary",
        "share": "double",
    }
    assert list(tmp_path.iterdir()) == [path]


def test_no_rows_are_a_file_with_columns(tmp_path: Path) -> None:
    path = tmp_path / "none.parquet"
    assert export_parquet(COLUMNS, [], path, option="--parquet") == 0
    assert parquet.read_table(path).column_names == list(COLUMNS)


def test_what_fails_half_way_leaves_the_file_that_was(tmp_path: Path) -> None:
    path = tmp_path / "trades.parquet"
    path.write_text("of before")
    with pytest.raises(OverflowError):
        export_parquet(COLUMNS, [*ROWS, ("x", -1, 0, b"", 0.0)], path, option="--parquet")
    assert [one.read_text() for one in tmp_path.iterdir()] == ["of before"]


def test_without_pyarrow_parquet_is_refused_with_the_way_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InvalidField, match=r"--parquet: .*pip install 'solquote\[parquet\]'"):
        export_parquet(COLUMNS, ROWS, tmp_path / "trades.parquet", option="--parquet")
    assert list(tmp_path.iterdir()) == []


def test_every_column_of_money_is_whole() -> None:
    kinds = columns_of(trades) | columns_of(trade_routes) | columns_of(events)
    assert {kinds[name] for name in kinds if "lamports" in name or "amount" in name} == {"integer", "unsigned"}
    assert "float" not in kinds.values()
    assert kinds["payload"] == "bytes"
