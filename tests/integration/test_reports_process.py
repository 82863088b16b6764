"""The auditor as a process, killed and started again: each day that has ended has one report."""

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
from fakes.nats_server import NatsServer
from fakes.pipeline_process import pipeline_process, until
from fakes.results import result, round_trip

from pipeline.auditor.ledger import DAY_NS
from pipeline.auditor.reports import FOLDER, report_path
from quote_core.bus import Bus
from quote_core.clock import SYSTEM_CLOCK

pytestmark = pytest.mark.integration
KILLS = 3


async def test_killed_again_and_again_the_report_of_a_day_is_written_once_and_is_its_results_sum(
    bus: Bus, nats_server: NatsServer, tmp_path: Path
) -> None:
    chance = random.Random(13)
    day = SYSTEM_CLOCK.unix_ns() // DAY_NS - 2
    profits = [chance.randrange(-(10**9), 10**9) for _ in range(30)]
    for number, profit in enumerate(profits):
        at = day * DAY_NS + number
        trade = round_trip(10**11, 15 * 10**9, 10**11 + profit, number=number, finished_unix_ns=at)
        await bus.publish(replace(trade, run_id=f"run-{number % 2}"))
    data = tmp_path / "data"
    path = report_path(data / FOLDER, day)
    environment = {
        "SOLQUOTE_DATA_DIR": str(data),
        "SOLQUOTE_NATS_URL": nats_server.url,
        "SOLQUOTE_HISTORY_ENABLED": "false",
        "SOLQUOTE_AUDITOR_METRICS_PORT": "0",
    }
    written: set[tuple[int, bytes]] = set()
    for number in range(KILLS):
        async with pipeline_process("auditor", tmp_path, environment) as auditor:
            await until(path.exists)
            await until(auditor.is_ready)
            auditor.process.kill()
        written.add((path.stat().st_ino, path.read_bytes()))
        await bus.publish(result(10**9, number=100 + number, finished_unix_ns=day * DAY_NS + 100))  # too late
    ((_, content),) = written
    runs = json.loads(content)["runs"]
    told = {run["runId"]: run["summary"]["cumulativeProfitLamports"] for run in runs}
    assert told == {"run-0": sum(profits[::2]), "run-1": sum(profits[1::2])}
    assert all(run["usd"]["unpricedTradeCount"] == 0 for run in runs)
    assert list(path.parent.glob("*.json.*")) == []
