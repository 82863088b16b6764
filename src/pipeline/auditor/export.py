"""Results as CSV for spreadsheets: one line a result, money in lamports, times as ISO 8601 in UTC.

The cumulative profit is that of the line's own run. `naive_profit_lamports` and the three effects add up to the profit.
"""

import collections
import csv
from collections.abc import AsyncIterable
from datetime import UTC, datetime, timedelta
from typing import Final, TextIO

from quote_core.events import ExecutionResult

__all__ = ["COLUMNS", "cell_text", "export_csv"]

COLUMNS: Final = (
    "finished",
    "pair",
    "outcome",
    "mode",
    "reason",
    "amount_in",
    "expected_amount_out",
    "actual_amount_out",
    "expected_profit_lamports",
    "profit_lamports",
    "cumulative_profit_lamports",
    "flash_fee_lamports",
    "tip_lamports",
    "network_fee_lamports",
    "opportunity_to_finish_us",
    "plan_id",
    "opportunity_id",
    "executor",
    "run_id",
    "naive_profit_lamports",
    "taken_effect_lamports",
    "latency_effect_lamports",
    "rivals_effect_lamports",
)


async def export_csv(results: AsyncIterable[ExecutionResult], file: TextIO) -> int:
    """Write a heading and all results; say how many."""
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    count = 0
    profit_lamports_by_run: collections.Counter[str] = collections.Counter()
    async for result in results:
        profit_lamports_by_run[result.run_id] += result.profit_lamports
        writer.writerow(_line(result, profit_lamports_by_run[result.run_id]))
        count += 1
    return count


def _line(result: ExecutionResult, cumulative_profit_lamports: int) -> tuple[str | int, ...]:
    effects = (result.taken_effect_lamports, result.latency_effect_lamports, result.rivals_effect_lamports)
    return (
        _iso(result.finished_unix_ns),
        cell_text(result.pair),
        result.outcome.name,
        result.mode.name,
        cell_text(result.reason),
        result.amount_in,
        result.expected_amount_out,
        result.actual_amount_out,
        result.expected_profit_lamports,
        result.profit_lamports,
        cumulative_profit_lamports,
        result.flash_fee_lamports,
        result.tip_lamports,
        result.network_fee_lamports,
        (result.finished_unix_ns - result.opportunity_created_unix_ns) // 1_000,
        result.plan_id.hex(),
        result.opportunity_id.hex(),
        cell_text(result.executor),
        cell_text(result.run_id),
        result.profit_lamports - sum(effects),
        *effects,
    )


def _iso(unix_ns: int) -> str:
    instant = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=unix_ns // 1_000)
    return instant.isoformat(timespec="microseconds")


def cell_text(text: str) -> str:
    """Keep a spreadsheet from taking text for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
