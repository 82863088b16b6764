"""The local quote service over two recorded nodes of one chain: one is killed, silent, lags, limits or forks."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest
from fakes.ports import free_port
from fakes.recorded_market_process import MarketProcess, recorded_market_process
from fakes.running_local_quote import RunningLocalQuote, local_quote
from fakes.waiting import DEADLINE_S

from quote_core.generated.solquote.v1 import local_quote_pb2, quotes_pb2
from quote_core.tokens import load_tokens

pytestmark = pytest.mark.integration

REGISTRY = load_tokens()
SOL, USDC = (REGISTRY.resolve(symbol, field="").mint for symbol in ("SOL", "USDC"))
REQUEST = local_quote_pb2.LocalQuoteRequest(input_mint=SOL, output_mint=USDC, input_amount=10**9)
QUICK = {
    "amm_refresh_interval": "200ms",
    "clmm_refresh_interval": "1s",
    "clmm_event_driven_interval": "500ms",
    "staleness_sweep_interval": "200ms",
}
DIRECTIONS = 24
KEY = "k3y-0123456789"
STALLED_SLOTS_MAX = 100
"""A node makes up for no slot that it was kept from: one that stood still for a second, on a busy machine, would be
further behind the other for good than the delivered 10 slots, and not read from where a test needs it."""


@dataclass
class Two:
    """The service, and the nodes it has; the first is read from and followed before the other."""

    service: RunningLocalQuote
    first: MarketProcess
    other: MarketProcess

    async def health(self) -> Any:
        return await self.service.stub.Health(quotes_pb2.HealthRequest())

    async def until(self, condition: Callable[[Any], bool]) -> Any:
        """Wait for the service's health to be so."""
        async with asyncio.timeout(DEADLINE_S):
            while not condition(health := await self.health()):  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.05)
        return health

    async def until_fresh(self, *, after_slot: int) -> local_quote_pb2.LocalQuote:
        """Wait for a fresh quote of a later slot; none of those before it is of an earlier slot than the one before."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                with contextlib.suppress(grpc.aio.AioRpcError):
                    quote = await self.service.stub.GetQuote(REQUEST)
                    if not quote.is_stale and quote.slot > after_slot:
                        return quote
                await asyncio.sleep(0.02)


def slot_of(node: MarketProcess) -> int:
    slot: int = node.ask("getSlot", {"commitment": "processed"})
    return slot


@contextlib.asynccontextmanager
async def two_nodes(tmp_path: Path, *, rpc_slot_lag_max: int = STALLED_SLOTS_MAX) -> AsyncIterator[Two]:
    """Processes of one seed whose slots are kept are of one chain; the second begins where the first is."""
    kept = {"slot_time": "100ms", "rpc_rehearsals": "true"}
    slot_files = tmp_path / "first", tmp_path / "other"
    with (
        recorded_market_process(slot_file=slot_files[0], **kept) as first,
        recorded_market_process(slot_file=slot_files[1], **kept) as other,
    ):
        ahead_slots = slot_of(first) - slot_of(other)  # it was started earlier
        first.ask("requestLag", {"slots": max(0, ahead_slots)})
        async with asyncio.timeout(DEADLINE_S):
            stood_at = slot_of(first)
            while slot_of(other) < stood_at or slot_of(first) < stood_at + 2:  # noqa: ASYNC110 - other processes
                await asyncio.sleep(0.02)  # a service that meets one standing still leaves it at once
        urls = [f"{first.rpc_url}|weight=100", other.rpc_url]
        async with local_quote(rpc_urls=urls, rpc_slot_lag_max=rpc_slot_lag_max, **QUICK) as service:
            await service.until_figure("directions_quoted", DIRECTIONS)
            two = Two(service, first, other)
            await two.until(lambda health: health.figures["endpoint_1_subscribed"] == 1)
            yield two


async def test_quotes_go_on_when_the_node_they_came_from_is_killed(tmp_path: Path) -> None:
    async with two_nodes(tmp_path) as two:
        before = await two.until_fresh(after_slot=0)
        two.first.process.kill()
        two.first.process.wait()
        health = await two.until(lambda health: health.figures["endpoint_2_subscribed"] == 1)
        after = await two.until_fresh(after_slot=before.slot + 5)
        assert after.slot > before.slot
        health = await two.until(lambda health: health.figures["endpoint_1_state"] == 2)
        assert any("#1: unhealthy" in finding for finding in health.findings)
        assert health.figures["polls_failed_total"] == 0  # no read went without an answer
        assert health.figures["endpoint_failovers_total"] > 0


async def test_a_silent_node_costs_each_read_one_failover_until_it_is_unhealthy(tmp_path: Path) -> None:
    async with two_nodes(tmp_path) as two:
        before = await two.until_fresh(after_slot=0)
        two.first.ask("requestFault", {"fault": "silence", "requests": 1_000})
        health = await two.until(lambda health: health.figures["endpoint_1_state"] == 2)
        await two.until_fresh(after_slot=before.slot + 5)
        health = await two.health()
        assert health.figures["polls_failed_total"] == 0


@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_a_node_that_limits_is_left_alone_for_as_long_as_it_says(tmp_path: Path, form: str) -> None:
    async with two_nodes(tmp_path) as two:
        before = await two.until_fresh(after_slot=0)
        # The clocks are the system's: an hour hence is far whatever this machine does meanwhile.
        wait = "3600" if form == "seconds" else formatdate(time.time() + 3_600, usegmt=True)
        two.first.ask("requestFault", {"fault": "rate_limited", "requests": 1_000, "retryAfter": wait})
        health = await two.until(lambda health: health.figures["endpoint_1_state"] == 3)
        assert any("#1: cooling for another" in finding for finding in health.findings)
        await two.until_fresh(after_slot=before.slot + 5)
        assert (await two.health()).figures["polls_failed_total"] == 0


async def test_a_node_that_lags_is_neither_read_from_nor_followed_and_no_older_slot_is_applied(tmp_path: Path) -> None:
    async with two_nodes(tmp_path, rpc_slot_lag_max=10) as two:
        await two.until_fresh(after_slot=0)
        two.first.ask("requestLag", {"slots": 200})
        health = await two.until(
            lambda health: health.figures["endpoint_1_readable"] == 0 and health.figures["endpoint_2_subscribed"] == 1
        )
        assert any("behind the others, not read from" in finding for finding in health.findings)
        newest = await two.until_fresh(after_slot=0)
        newest_slots, compared_count = {newest.pool_id: newest.slot}, 0  # a slot is that of one pool's state
        while compared_count < 50:
            quote = await two.service.stub.GetQuote(REQUEST)
            assert quote.slot >= newest_slots.get(quote.pool_id, 0)
            compared_count += quote.pool_id in newest_slots
            newest_slots[quote.pool_id] = quote.slot
        two.first.ask("requestLag", {"slots": 0})
        await two.until(lambda health: health.figures["endpoint_1_readable"] == 1)


@pytest.mark.parametrize("commitment", ["processed", "confirmed"])
async def test_what_a_fork_took_back_is_unlearned_and_quotes_follow_the_new_fork(commitment: str) -> None:
    """With `confirmed` nothing of the fork was ever seen, so nothing has to be unlearned."""
    with recorded_market_process(slot_time="100ms", rpc_rehearsals="true") as market:
        node = {"rpc_url": market.rpc_url, "rpc_ws_url": market.websocket_url}
        async with local_quote(**node, commitment=commitment, **QUICK) as service:
            await service.until_figure("directions_quoted", DIRECTIONS)
            for _ in range(3):
                forks_before = await service.figure("forks_total")
                doubts_before = await service.figure("pool_doubts_total")
                market.ask("requestFork", {"slots": 8})
                two = Two(service, market, market)
                health = await two.until(lambda health: health.figures["forks_total"] > forks_before)  # noqa: B023
                forked_slot = int(health.figures["slot"])
                if commitment == "processed":
                    assert health.figures["pool_doubts_total"] > doubts_before
                quote = await two.until_fresh(after_slot=forked_slot)
                assert quote.output_amount > 0
            health = await two.until(lambda health: health.figures["pools_in_doubt"] == 0)
            if commitment == "confirmed":
                assert not any("took back" in finding for finding in health.findings)


async def test_no_key_of_an_endpoint_is_in_logs_metrics_or_health(capfd: pytest.CaptureFixture[str]) -> None:
    """Nobody is where they lead to: what cannot be reached is what gets into errors."""
    urls = [f"http://127.0.0.1:{free_port()}/{KEY}", f"http://user:{KEY}@127.0.0.1:{free_port()}/?api-key={KEY}"]
    metrics_port = free_port()
    async with local_quote(rpc_urls=urls, metrics_port=metrics_port) as service:
        async with asyncio.timeout(DEADLINE_S):
            while await service.figure("endpoint_2_state") != 2:  # noqa: ASYNC110 - asked
                await asyncio.sleep(0.02)
        health = await service.stub.Health(quotes_pb2.HealthRequest())
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{metrics_port}/metrics") as page:
            metrics = await page.text()
    logged = "".join(capfd.readouterr())
    assert any("#2: unhealthy" in finding for finding in health.findings)
    assert 'state="unhealthy"' in metrics
    assert "feed lost" in logged
    for told in (str(health), metrics, logged):
        assert KEY not in told
        assert "#1" in told
