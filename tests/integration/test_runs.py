"""Runs kept apart: what paper took in one, and what it earned, are told of that run alone."""

import asyncio
import csv
import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes.executors import HARD_LIMITS
from fakes.nats_server import NatsServer
from fakes.plans import SOL, plan
from fakes.results import result, round_trip

from pipeline.auditor.ledger import DAY_NS
from pipeline.auditor.reports import FOLDER, report_path, write_once
from pipeline.executor.hard_stops import HardStops
from pipeline.executor.known_results import follow_results
from pipeline.executor.paper_model import TakenBook
from quote_core.bus import Bus
from quote_core.clock import SYSTEM_CLOCK
from quote_core.events import ExecutionMode, ExecutionResult, Outcome, TakenDepth

pytestmark = pytest.mark.integration
DEADLINE_S = 20.0
FIRST, SECOND = "recorded-1", "recorded-2"


def of_run(run_id: str, *profits: int, first: int) -> list[ExecutionResult]:
    return [
        replace(result(profit, number=number), run_id=run_id, rivals_effect_lamports=-3)
        for number, profit in enumerate(profits, start=first)
    ]


@pytest.fixture
async def two_runs(bus: Bus) -> Bus:
    missed = replace(result(-5, number=9, outcome=Outcome.MISSED), run_id=SECOND, latency_effect_lamports=-12)
    for each in [*of_run(FIRST, 100, 200, first=0), *of_run(SECOND, 10, 20, first=5), missed]:
        await bus.publish(each)
    return bus


async def pnl(nats_server: NatsServer, *arguments: str) -> str:
    command = [sys.executable, "-m", "solquote", "pnl", *arguments]
    environ = {**os.environ, "SOLQUOTE_NATS_URL": nats_server.url}
    done = await asyncio.to_thread(
        subprocess.run, command, env=environ, capture_output=True, text=True, timeout=DEADLINE_S * 3, check=False
    )
    return done.stdout + done.stderr


async def pnl_json(nats_server: NatsServer, *arguments: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(await pnl(nats_server, "--json", *arguments))
    return told


@pytest.mark.usefixtures("two_runs")
async def test_pnl_is_of_the_newest_run_and_others_are_added_only_when_asked(nats_server: NatsServer) -> None:
    newest, first, every = (
        await pnl_json(nats_server),
        await pnl_json(nats_server, "--run", FIRST),
        await pnl_json(nats_server, "--run", "all"),
    )
    assert (newest["runId"], newest["summary"]["cumulativeProfitLamports"]) == (SECOND, 25)
    assert (first["runId"], first["summary"]["cumulativeProfitLamports"]) == (FIRST, 300)
    assert every["summary"]["cumulativeProfitLamports"] == 325
    assert [run["runId"] for run in newest["runs"]] == [FIRST, SECOND]
    assert len(newest["results"]) == 3
    summary = newest["summary"]
    assert (summary["missedCount"], summary["tradeCount"], summary["failedCount"]) == (1, 3, 0)
    effects = ("takenEffectLamports", "latencyEffectLamports", "rivalsEffectLamports")
    assert [summary[name] for name in effects] == [0, -12, -6]
    assert summary["naiveProfitLamports"] == 25 + 12 + 6


@pytest.mark.usefixtures("two_runs")
async def test_the_table_names_the_models_and_the_runs_left_out(nats_server: NatsServer) -> None:
    told = await pnl(nats_server, "--last", "0")
    assert f"(run {SECOND})" in told
    for line in ("depth that paper had taken", "the market moved until landing", "a rival was first", f"{FIRST};"):
        assert line in told
    assert "there are: recorded-1, recorded-2" in await pnl(nats_server, "--run", "nonsense")


@pytest.mark.usefixtures("two_runs")
async def test_the_csv_is_of_one_run_too_and_sums_each_by_itself(nats_server: NatsServer) -> None:
    def sums(text: str) -> list[tuple[str, str]]:
        return [(line["run_id"], line["cumulative_profit_lamports"]) for line in csv.DictReader(io.StringIO(text))]

    newest = [(SECOND, "10"), (SECOND, "30"), (SECOND, "25")]
    assert sums(await pnl(nats_server, "--csv")) == newest
    assert sums(await pnl(nats_server, "--csv", "--run", "all")) == [(FIRST, "100"), (FIRST, "300"), *newest]


@pytest.mark.usefixtures("two_runs")
async def test_the_curve_is_data_and_a_picture(nats_server: NatsServer, tmp_path: Path) -> None:
    told = list(csv.DictReader(io.StringIO(await pnl(nats_server, "--curve"))))
    assert [line["cumulative_profit_lamports"] for line in told] == ["10", "30", "25"]
    picture = tmp_path / "equity.svg"
    assert f"5 points in {picture}" in await pnl(nats_server, "--plot", str(picture), "--run", "all", "--last", "0")
    assert "<polyline" in picture.read_text()
    picture = tmp_path / "equity.png"
    assert f"3 points in {picture}" in await pnl(nats_server, "--plot", str(picture))
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "must end in .svg or .png" in await pnl(nats_server, "--plot", str(tmp_path / "equity.gif"))


async def test_the_tax_table_has_live_trades_and_says_what_it_left_out(bus: Bus, nats_server: NatsServer) -> None:
    paper = round_trip(10**9, 150_000_000, 10**9 + 5_000, number=1, tip_lamports=7)
    await bus.publish(paper)
    await bus.publish(replace(round_trip(2 * 10**9, 300_000_000, 10**9, number=2), mode=ExecutionMode.LIVE))
    told = await pnl(nats_server, "--csv-tax")
    assert [line["Sent Amount"] for line in csv.DictReader(io.StringIO(told))][:2] == ["2.000000000", "300.000000"]
    assert "solquote: 2 lines; 1 results on paper are left out" in told
    assert "4 lines" in await pnl(nats_server, "--csv-tax", "--with-paper")


async def test_a_day_is_told_as_published_or_else_of_what_the_stream_keeps(
    bus: Bus, nats_server: NatsServer, tmp_path: Path
) -> None:
    day = 20_000
    await bus.publish(round_trip(10**9, 150_000_000, 10**9 + 10**7, number=1, finished_unix_ns=day * DAY_NS + 5))
    await bus.publish(result(7, number=2, finished_unix_ns=(day + 1) * DAY_NS))
    asked = ("report", "--day", "2024-10-04", "--data-dir", str(tmp_path))
    computed = json.loads(await pnl(nats_server, *asked, "--json"))
    assert computed["isPublished"] is False
    (run,) = computed["runs"]
    assert (run["summary"]["cumulativeProfitLamports"], run["usd"]["profitMicroUsd"]) == (10**7, 1_500_000)
    published = {**computed, "runs": [{**run, "runId": "as-published"}]}
    write_once(report_path(tmp_path / FOLDER, day), published)
    text = await pnl(nats_server, *asked)
    for piece in ("as the auditor published it", "as-published", "SOL-USDC", "+1.50 USD of 1 trades"):
        assert piece in text
    report_path(tmp_path / FOLDER, day).write_text("{}")
    assert "is damaged" in await pnl(nats_server, *asked)


async def test_an_executor_knows_what_was_taken_before_it_started_and_by_others_since(bus: Bus) -> None:
    plans = [plan(number) for number in range(3)]

    def taken(number: int, run_id: str) -> ExecutionResult:
        hop = plans[number].hops[0]
        depth = TakenDepth(
            pool_id=hop.pool_id, input_mint=SOL, input_amount=10 + number, price_before=1, price_after=2, since_slot=3
        )
        filled = replace(result(1, number=number), run_id=run_id, taken=(depth,))
        return replace(filled, plan_id=plans[number].header.event_id)

    await bus.publish(taken(0, FIRST))
    await bus.publish(taken(1, SECOND))
    book, caught_up = TakenBook(), asyncio.Event()
    following = asyncio.create_task(
        follow_results(
            bus,
            HardStops(HARD_LIMITS),
            book,
            run_id=FIRST,
            now_unix_ns=SYSTEM_CLOCK.unix_ns(),
            caught_up=caught_up,
        )
    )

    def amount() -> int:
        depth = book.depth(plans[0].hops[0])
        return 0 if depth is None else depth.input_amount

    try:
        async with asyncio.timeout(DEADLINE_S):
            await caught_up.wait()
            assert amount() == 10, "the other run's is not known"
            await bus.publish(taken(2, FIRST))
            while amount() != 12:  # noqa: ASYNC110  # what is awaited happens in the server
                await asyncio.sleep(0.01)
    finally:
        following.cancel()
