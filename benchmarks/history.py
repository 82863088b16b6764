"""What the history costs the auditor: a result with its route and event, from the stream's bytes into the database.

    python benchmarks/history.py [--json]

The path is the auditor's: decode, make rows, one transaction a batch with the place in it, in a file on this disk.
Beside it the standard library's sqlite3 writes the same finished rows, as one transaction a batch too: what SQLite
itself takes.
Both in turns, a batch each, in one process on one core; processor time, medians of the batches.
"""

import argparse
import dataclasses
import json
import sqlite3
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from pipeline.history.database import HistoryDatabase
from pipeline.history.rows import BatchRows, rows_of
from pipeline.history.settings import HistorySettings
from pipeline.history.store import write
from quote_core.bus.follow import Followed, Place
from quote_core.events import ExecutionMode, ExecutionResult, Header, Hop, Outcome, Stream, derived_id, encode
from quote_core.quotes import Provenance
from quote_core.settings import PlatformSettings
from quote_core.units import Pubkey

BATCH_COUNT: Final = 40
BATCH_RESULTS: Final = 250
MINT: Final = Pubkey("So11111111111111111111111111111111111111112")
LIFE: Final = "2026-07-30T12:00:00+00:00"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    ours_us, theirs_us = measured()
    if parser.parse_args().json:
        print(json.dumps({"history_us": ours_us, "sqlite3_us": theirs_us}))
        return
    print(f"a result into the history: {ours_us:.1f} us of processor time ({ours_us / theirs_us:.1f} x sqlite3 alone)")
    print(f"its finished rows by sqlite3 alone: {theirs_us:.1f} us")


def measured() -> tuple[float, float]:
    """Of one result, in microseconds: ours, and sqlite3 alone."""
    with tempfile.TemporaryDirectory() as folder:
        database = HistoryDatabase(PlatformSettings(data_dir=Path(folder)), HistorySettings())
        database.migrate()
        plain = HistoryDatabase(PlatformSettings(data_dir=Path(folder) / "plain"), HistorySettings())
        plain.migrate()
        beside = sqlite3.connect(plain.file)
        beside.execute("PRAGMA synchronous=NORMAL")
        ours: list[float] = []
        theirs: list[float] = []
        before: Place | None = None
        for number in range(BATCH_COUNT):
            batch = [message(number * BATCH_RESULTS + index + 1) for index in range(BATCH_RESULTS)]
            begin = time.process_time()
            rows = rows_of(Stream.EXECUTED, batch, keeps_events=True, span_ns=60 * 10**9)
            after = Place(LIFE, batch[-1].sequence)
            write(database, Stream.EXECUTED, rows, before=before, after=after)
            ours.append(time.process_time() - begin)
            before = after
            begin = time.process_time()
            write_plainly(beside, rows)
            theirs.append(time.process_time() - begin)
        beside.close()
        database.close()
        plain.close()
    return _us(ours), _us(theirs)


def _us(batches_s: list[float]) -> float:
    return statistics.median(batches_s) / BATCH_RESULTS * 1e6


def write_plainly(connection: sqlite3.Connection, rows: BatchRows) -> None:
    """The three tables' rows, without anything that makes them right."""
    for table, of_table in (("events", rows.events), ("trades", rows.trades), ("trade_routes", rows.routes)):
        names = [name for name in of_table[0] if (table, name) != ("trade_routes", "sequence")]
        values = ", ".join(f":{name}" for name in names)
        connection.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({values})", of_table)
    connection.commit()


def message(number: int) -> Followed:
    """A fill over two pools, as EXECUTED has it."""
    event = result(number)
    return Followed(LIFE, f"executed.SOL-USDC.{event.plan_id.hex()}", number, number * 10**9, encode(event), 0)


def result(number: int) -> ExecutionResult:
    hop = Hop(
        pool_id=MINT,
        input_mint=MINT,
        output_mint=MINT,
        input_amount=10**11,
        output_amount=10**11 + number,
        provenance=Provenance.SYNTHETIC,
    )
    fields: dict[str, Any] = {
        field.name: number for field in dataclasses.fields(ExecutionResult) if field.name.endswith(("_ns", "_lamports"))
    }
    return ExecutionResult(
        **fields,
        header=Header(event_id=derived_id("result", number), created_unix_ns=number, slot=number),
        plan_id=derived_id("plan", number),
        opportunity_id=derived_id("opportunity", number),
        pair="SOL-USDC",
        outcome=Outcome.FILLED,
        mode=ExecutionMode.PAPER,
        reason="",
        hops=(hop, hop),
        amount_in=10**11,
        expected_amount_out=10**11 + 10**8,
        actual_amount_out=10**11 + 10**8,
        executor="host/4711",
        run_id="recorded-20260730T120000-c7fe",
    )


if __name__ == "__main__":
    main()
