"""`solquote history` on a database of real results and events: filters, forms, and what it says where there is none."""

import csv
import dataclasses
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.history import HistoryKept, followed, history_kept, write_batch
from fakes.plans import plan, plan_id
from fakes.results import result, round_trip
from pyarrow import parquet

from pipeline.auditor.ledger import DAY_NS
from quote_core.bus.follow import Followed, Place
from quote_core.events import ExecutionMode, ExecutionResult, Outcome, Stream
from solquote.cli import run
from solquote.exit_codes import ExitCode

BEGIN_NS = 1_700_000_000 * 10**9


def trade(number: int) -> ExecutionResult:
    """Two runs, two pairs, three days; every third one failed."""
    outcome = Outcome.FAILED if number % 3 == 2 else Outcome.FILLED
    profit = -5_000 if outcome is Outcome.FAILED else 10**9 + number
    return dataclasses.replace(
        result(profit, number=number, outcome=outcome, finished_unix_ns=BEGIN_NS + number * DAY_NS // 2),
        pair="SOL-USDC" if number % 2 else "SOL-mSOL",
        run_id="second" if number >= 3 else "first",
    )


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    for kept in history_kept("sqlite", tmp_path, lambda: pytest.fail("not asked for")):
        _fill(kept)
        yield tmp_path


def _fill(kept: HistoryKept) -> None:
    database = kept.open()
    trades = [
        followed(trade(number), number + 1, stored_unix_ns=BEGIN_NS + number * DAY_NS // 2) for number in range(6)
    ]
    write_batch(database, Stream.EXECUTED, trades, before=None)
    garbage = Followed(trades[0].created, "executed.x.y", 7, BEGIN_NS + 9 * DAY_NS, b"garbage", 0)
    write_batch(database, Stream.EXECUTED, [garbage], before=Place(trades[0].created, 6))
    write_batch(database, Stream.PLANNED, [followed(plan(1), 1, stored_unix_ns=BEGIN_NS + 1)], before=None)


def ask(line: str, folder: Path, capsys: pytest.CaptureFixture[str], *, code: int = 0) -> str:
    assert run(["history", *line.split(), "--data-dir", str(folder)]) == code
    return capsys.readouterr().out


def asked(line: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(one) for one in ask(f"{line} --json", folder, capsys).splitlines()]


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        ("", [0, 1, 2, 3, 4, 5]),
        ("-n 2", [4, 5]),
        ("--run first", [0, 1, 2]),
        ("--run nobody's", []),
        ("--pair sol/usdc", [1, 3, 5]),
        ("--outcome failed", [2, 5]),
        ("--outcome failed --outcome FILLED --run second", [3, 4, 5]),
        ("--since 2023-11-15T22:13:20", [2, 3, 4, 5]),
        ("--until 2023-11-15T22:13:20", [0, 1]),
        ("--pair SOL-mSOL --until 2023-11-16T22:13:20 -n 1", [2]),
    ],
)
def test_trades_are_filtered(options: str, numbers: list[int], folder: Path, capsys: pytest.CaptureFixture[str]):
    found = asked(f"trades {options}", folder, capsys)
    assert [one["planId"] for one in found] == [trade(number).plan_id.hex() for number in numbers]


def test_a_trade_in_json_is_whole_and_has_its_route(folder: Path, capsys: pytest.CaptureFixture[str]):
    (found,) = asked("trades -n 1 --outcome filled", folder, capsys)
    assert found["profitLamports"] == 10**9 + 4
    assert found["runId"] == "second"
    assert found["route"] == []


def test_trades_for_people_are_short(folder: Path, capsys: pytest.CaptureFixture[str]):
    lines = ask("trades", folder, capsys).splitlines()
    assert len(lines) == 7
    assert "2023-11-17 10:13:20" in lines[-1]
    assert "-0.000005" in lines[-1]


def test_csv_and_parquet_hold_the_same(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    lines = list(csv.DictReader(io.StringIO(ask("trades --csv", folder, capsys))))
    ask(f"trades --parquet {tmp_path}/trades.parquet", folder, capsys)
    rows = parquet.read_table(tmp_path / "trades.parquet").to_pylist()
    assert [{name: str(value) for name, value in row.items()} for row in rows] == lines
    assert [row["profit_lamports"] for row in rows] == [trade(number).profit_lamports for number in range(6)]


@pytest.mark.parametrize(
    ("options", "sequences"),
    [
        ("", [1, 1, 2, 3, 4, 5, 6, 7]),
        ("--stream planned", [1]),
        ("--type ExecutionResult", [1, 2, 3, 4, 5, 6]),
        ("--type execution-plan", [1]),
        ("--pair SOL-mSOL --stream EXECUTED", [1, 3, 5]),
        ("--stream EXECUTED -n 2", [6, 7]),
    ],
)
def test_events_are_filtered(options: str, sequences: list[int], folder: Path, capsys: pytest.CaptureFixture[str]):
    assert [one["sequence"] for one in asked(f"events {options}", folder, capsys)] == sequences


def test_an_event_is_shown_as_the_streams_show_it(folder: Path, capsys: pytest.CaptureFixture[str]):
    *_, newest, garbage = asked("events --stream EXECUTED", folder, capsys)
    assert newest["subject"] == f"executed.SOL-USDC.{trade(5).plan_id.hex()}"
    assert newest["event"]["profitLamports"] == -5_000  # type: ignore[index]
    assert garbage["event"]["type"] == "unknown"  # type: ignore[index]
    assert "ExecutionResult" in ask("events", folder, capsys)
    assert ask("events --csv --stream EXECUTED -n 1", folder, capsys).endswith(f",{b'garbage'.hex()}\r\n")


def test_an_event_is_found_by_its_id_in_either_case(folder: Path, capsys: pytest.CaptureFixture[str]):
    event_id = plan_id(1).hex()
    for written in (event_id, event_id.upper()):
        (found,) = asked(f"events --id {written}", folder, capsys)
        assert (found["stream"], found["sequence"]) == ("PLANNED", 1)
    assert asked(f"events --id {event_id} --stream EXECUTED", folder, capsys) == []
    assert asked(f"events --id {'f' * 32}", folder, capsys) == []


def test_profit_is_told_by_run_by_pair_and_by_day(folder: Path, capsys: pytest.CaptureFixture[str]):
    def profits(options: str) -> dict[str, object]:
        (answer,) = asked(f"pnl {options}", folder, capsys)
        return {one["key"]: one["cumulativeProfitLamports"] for one in answer["accounts"]}  # type: ignore[attr-defined]

    assert profits("") == {"first": 2 * 10**9 + 1 - 5_000, "second": 2 * 10**9 + 7 - 5_000}
    assert profits("--by pair") == {"SOL-mSOL": 2 * 10**9 + 4 - 5_000, "SOL-USDC": 2 * 10**9 + 4 - 5_000}
    assert profits("--by day") == {
        "2023-11-14": 10**9,
        "2023-11-15": 10**9 + 1 - 5_000,
        "2023-11-16": 2 * 10**9 + 7,
        "2023-11-17": -5_000,
    }
    assert profits("--by day --run first --pair SOL-USDC") == {"2023-11-15": 10**9 + 1}
    assert "first" in ask("pnl", folder, capsys)


def test_profit_in_csv_and_parquet(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    lines = list(csv.DictReader(io.StringIO(ask("pnl --csv", folder, capsys))))
    assert [(line["run"], line["trade_count"]) for line in lines] == [("first", "3"), ("second", "3")]
    ask(f"pnl --by day --parquet {tmp_path}/days.parquet", folder, capsys)
    assert parquet.read_table(tmp_path / "days.parquet").column_names[:2] == ["day", "trade_count"]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("trades --csv --json", "ask for one"),
        ("trades --outcome lost", "--outcome: lost is not known; there are abandoned, failed, filled, missed, refused"),
        ("trades --pair SOL", "--pair"),
        ("events --type Nothing", "--type"),
        ("events --id 7", "--id: must be 32 hexadecimal digits, got '7'"),
        ("pnl --since never", "--since"),
    ],
)
def test_what_cannot_be_asked_is_refused(line: str, sentence: str, folder: Path, capsys: pytest.CaptureFixture[str]):
    assert run(["history", *line.split(), "--data-dir", str(folder)]) == 2
    assert sentence in "".join(capsys.readouterr())


def test_without_a_database_it_says_who_makes_it_and_makes_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert run(["history", "trades", "--data-dir", str(tmp_path)]) == 3
    assert "history.db is not there; the auditor makes it" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_url_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("SOLQUOTE_HISTORY_URL", "postgresql://solquote:hunter22@127.0.0.1")
    assert run(["history", "trades", "--data-dir", str(tmp_path)]) == 2
    told = "".join(capsys.readouterr())
    assert "SOLQUOTE_HISTORY_URL" in told
    assert "hunter22" not in told


def test_trades_for_tax_software_have_their_swaps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for kept in history_kept("sqlite", tmp_path, lambda: pytest.fail("not asked for")):
        trip = round_trip(2 * 10**9, 300_000_000, 2_010_000_000, number=1, tip_lamports=7)
        live = dataclasses.replace(trip, mode=ExecutionMode.LIVE)
        paper = round_trip(10**9, 150_000_000, 10**9, number=2)
        batch = [followed(one, number, stored_unix_ns=BEGIN_NS) for number, one in enumerate((live, paper), start=1)]
        write_batch(kept.open(), Stream.EXECUTED, batch, before=None)
        assert run(["history", "trades", "--csv-tax", "--data-dir", str(tmp_path)]) == 0
        told = capsys.readouterr()
        there, back = csv.DictReader(io.StringIO(told.out))
        assert (there["Sent Amount"], there["Received Amount"]) == ("2.000000000", "300.000000")
        assert (back["Received Amount"], back["Fee Amount"]) == ("2.010000000", "0.000000007")
        assert told.err == "solquote: 2 lines; 1 results on paper are left out\n"
        assert "PAPER" in ask("trades --csv-tax --with-paper -n 1", tmp_path, capsys)
        for line in ("trades --with-paper", "trades --csv --csv-tax"):
            ask(line, tmp_path, capsys, code=ExitCode.BAD_INPUT)
