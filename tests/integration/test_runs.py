"""Runs kept apart: what paper took in one, and what it earned, are told of that run alone."""

import asyncio
import csv
import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from fakes.nats_server import NatsServer
from fakes.plans import SOL, plan
from fakes.results import result

from pipeline.executor.paper_model import TakenBook
from pipeline.executor.taking import follow_taken
from quote_core.bus import Bus
from quote_core.clock import SYSTEM_CLOCK
from quote_core.events import ExecutionResult, Outcome, TakenDepth

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
        follow_taken(bus, book, run_id=FIRST, now_unix_ns=SYSTEM_CLOCK.unix_ns(), caught_up=caught_up)
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
