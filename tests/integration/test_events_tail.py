"""`solquote events tail` on a NATS server that is not the platform's own, goes away, and comes back."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest
from fakes.nats_server import NatsServer
from fakes.waiting import DEADLINE_S

from quote_core.bus import Bus
from quote_core.clock import SYSTEM_CLOCK
from quote_core.errors import ProviderUnavailable
from quote_core.events import Lifecycle, Phase, stamp

pytestmark = pytest.mark.integration


async def publish(bus: Bus, pid: int) -> None:
    event = Lifecycle(header=stamp(SYSTEM_CLOCK), service="test", instance="1", phase=Phase.READY, pid=pid, detail="")
    while True:
        try:
            await bus.publish(event)
        except ProviderUnavailable:
            await asyncio.sleep(0.05)
        else:
            return


async def test_tail_says_that_nats_is_gone_and_back_and_misses_nothing(
    bus: Bus, nats_server: NatsServer, tmp_path: Path
) -> None:
    tailing = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "solquote", "events", "tail", "--type", "Lifecycle"),
        env={**os.environ, "SOLQUOTE_NATS_URL": nats_server.url, "SOLQUOTE_DATA_DIR": str(tmp_path)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert tailing.stdout is not None
    assert tailing.stderr is not None
    reading = asyncio.create_task(tailing.stdout.readline())
    try:
        async with asyncio.timeout(DEADLINE_S):
            while not reading.done():  # it may not have begun to follow yet
                await publish(bus, 1)
                await asyncio.wait([reading], timeout=0.2)
            nats_server.stop()
            assert await tailing.stderr.readline() == b"solquote: NATS is gone; trying to reach it again\n"
            nats_server.start()
            await publish(bus, 2)
            assert await tailing.stderr.readline() == b"solquote: NATS is back\n"
            pid = 1
            while pid == 1:
                pid = json.loads(await tailing.stdout.readline())["event"]["pid"]
            assert pid == 2
    finally:
        tailing.kill()
        await tailing.wait()


async def test_replay_prints_what_is_kept_in_order_and_at_its_pace(
    bus: Bus, nats_server: NatsServer, tmp_path: Path
) -> None:
    for pid in range(1, 5):
        await publish(bus, pid)
    started = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "solquote", "events", "replay", "--type", "Lifecycle", "--speed", "0.5", "-n", "3"),
        env={**os.environ, "SOLQUOTE_NATS_URL": nats_server.url, "SOLQUOTE_DATA_DIR": str(tmp_path)},
        stdout=asyncio.subprocess.PIPE,
    )
    assert started.stdout is not None
    async with asyncio.timeout(DEADLINE_S):
        lines = [json.loads(line) for line in (await started.stdout.read()).splitlines()]
        assert await started.wait() == 0
    assert [line["event"]["pid"] for line in lines] == [1, 2, 3]


async def test_stats_with_a_filter_count_what_they_read(bus: Bus, nats_server: NatsServer, tmp_path: Path) -> None:
    for pid in range(1, 5):
        await publish(bus, pid)

    async def stats(*options: str) -> list[tuple[str, int]]:
        started = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "solquote", "events", "stats", *options),
            env={**os.environ, "SOLQUOTE_NATS_URL": nats_server.url, "SOLQUOTE_DATA_DIR": str(tmp_path)},
            stdout=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(DEADLINE_S):
            printed, _ = await started.communicate()
        assert started.returncode == 0
        lines = [json.loads(line) for line in printed.splitlines()]
        assert {line["counted"] for line in lines} <= {"messages read"}
        return [(line["type"], line["messageCount"]) for line in lines]

    assert await stats("--type", "Lifecycle", "--type", "KillSwitch") == [("KillSwitch", 0), ("Lifecycle", 4)]
    assert await stats("--stream", "SYSTEM", "--since", "1d") == [("Lifecycle", 4)]
    assert await stats("--until", "2020-01-01") == []
