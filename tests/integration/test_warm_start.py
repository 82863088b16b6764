"""A local quote service that was killed begins from what it kept, as processes see it: at once, marked, then exact."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from fakes.ports import free_port
from fakes.quote_services import FakeExternalService, serving
from fakes.recorded_market_process import MarketProcess, recorded_market_process
from fakes.replayed_market import assert_exact
from fakes.running_aggregator import aggregator
from fakes.waiting import DEADLINE_S, eventually

from quote_core.generated.solquote.v1 import (
    local_quote_pb2,
    local_quote_pb2_grpc,
    quote_aggregator_pb2,
    quote_aggregator_pb2_grpc,
    quotes_pb2,
)
from quote_core.tokens import load_tokens
from shm import Flag, QuoteReader

pytestmark = pytest.mark.integration

REGISTRY = load_tokens()
SEED = 11
REQUESTS = [
    local_quote_pb2.LocalQuoteRequest(input_mint=one.mint, output_mint=other.mint, input_amount=10**one.decimals * size)
    for pair in REGISTRY.pairs
    for one, other in pair.directions()
    for size in (1, 10)
]
SOL, USDC = (REGISTRY.resolve(symbol, field="").mint for symbol in ("SOL", "USDC"))
ONE_SOL = 10**9
ASKED = quote_aggregator_pb2.AggregatedQuoteRequest(input_mint=SOL, output_mint=USDC, input_amount=ONE_SOL)
ROUTE = local_quote_pb2.SimulateRouteRequest(
    hops=[local_quote_pb2.SimulateHop(input_mint=SOL, output_mint=USDC)], input_amount=ONE_SOL
)
DIRECTIONS_QUOTED = 24
PAST_LIMIT_S = 1.5
KEPT_CLOCK_LAG_S_MAX = 60
"""A pool that nothing vouches for meanwhile is priced at the chain's time, which goes on."""


@dataclass
class Service:
    """`python -m local_quote`, and what it has logged to a file."""

    process: "subprocess.Popen[bytes]"
    log: Path
    address: str
    stub: "local_quote_pb2_grpc.LocalQuoteServiceAsyncStub"

    def logged(self, event: str) -> list[dict[str, object]]:
        lines = (json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{"))
        return [line for line in lines if line["event"] == event]

    async def quotes(self) -> list[local_quote_pb2.LocalQuote]:
        """One of each request, those refused left out."""
        answers = []
        for request in REQUESTS:
            with contextlib.suppress(grpc.aio.AioRpcError):
                answers.append(await self.stub.GetQuote(request))
        return answers

    async def until(self, done: Callable[[list[local_quote_pb2.LocalQuote]], bool]) -> list[local_quote_pb2.LocalQuote]:
        """Ask again and again until the answers are as wanted."""
        async with asyncio.timeout(DEADLINE_S):
            while not done(answers := await self.quotes()):
                assert self.process.poll() is None, self.log.read_text()
                await asyncio.sleep(0.02)
        return answers

    async def figure(self, name: str) -> float:
        return float((await self.stub.Health(quotes_pb2.HealthRequest())).figures[name])

    async def until_written(self) -> None:
        """Until a file is on disk that was begun from now on."""
        begun = await self.figure("warm_writes_total")
        async with asyncio.timeout(DEADLINE_S):
            while await self.figure("warm_writes_total") < begun + 2:  # noqa: ASYNC110  # asked
                await asyncio.sleep(0.05)

    async def until_confirmed(self) -> None:
        """Until all that was kept was read: a pool that gives no best quote may be the last."""
        async with asyncio.timeout(DEADLINE_S):
            while await self.figure("warm_pools_unconfirmed"):  # noqa: ASYNC110  # asked
                await asyncio.sleep(0.02)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextlib.asynccontextmanager
async def local_quote_process(market: MarketProcess, folder: Path, **settings: str) -> AsyncIterator[Service]:
    port, log = free_port(), folder / f"log-{time.monotonic_ns()}"
    own = {"grpc_port": str(port), "warm_start": "true", "warm_start_interval": "1s", "metrics_port": "0", **settings}
    environ = os.environ | {
        "SOLQUOTE_RPC_URL": market.rpc_url,
        "SOLQUOTE_RPC_WS_URL": market.websocket_url,
        "SOLQUOTE_DATA_DIR": str(folder / "data"),
        **{f"SOLQUOTE_LOCAL_QUOTE_{name.upper()}": value for name, value in own.items()},
    }
    with (
        log.open("wb") as stderr,
        subprocess.Popen([sys.executable, "-m", "local_quote"], env=environ, stderr=stderr) as process,  # noqa: ASYNC220
    ):
        try:
            address = f"127.0.0.1:{port}"
            async with grpc.aio.insecure_channel(address) as channel:
                async with asyncio.timeout(DEADLINE_S):
                    await channel.channel_ready()
                yield Service(process, log, address, local_quote_pb2_grpc.LocalQuoteServiceStub(channel))
        finally:
            process.kill()


@contextlib.contextmanager
def frozen(market: MarketProcess) -> Iterator[None]:
    """The node answers nothing while the context lasts."""
    market.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        market.process.send_signal(signal.SIGCONT)


def all_fresh(answers: list[local_quote_pb2.LocalQuote]) -> bool:
    return len(answers) >= DIRECTIONS_QUOTED and not any(answer.is_stale for answer in answers)


def many(answers: list[local_quote_pb2.LocalQuote]) -> bool:
    return len(answers) >= DIRECTIONS_QUOTED


async def test_it_quotes_what_it_kept_while_the_node_is_silent_and_exactly_once_it_is_back(tmp_path: Path) -> None:
    """Past the limit of a running service, too: what was kept is older than that when it is quoted."""
    limits = {"pool_cache_staleness_threshold": f"{PAST_LIMIT_S}s", "stale_after": "1s"}
    with recorded_market_process(seed=SEED, slot_time="100ms") as market:
        async with local_quote_process(market, tmp_path, **limits) as before:
            await before.until(all_fresh)
            await before.until_written()
            before.kill()
        killed_mono_ns = time.monotonic_ns()
        with frozen(market):
            await asyncio.sleep(PAST_LIMIT_S)
            async with local_quote_process(market, tmp_path, **limits) as after:
                kept = await after.until(many)
                age_ms = (time.monotonic_ns() - killed_mono_ns) // 1_000_000
                assert all(quote.is_stale for quote in kept)
                assert all(quote.freshness.vouched_mono_ns < killed_mono_ns for quote in kept)
                assert all(quote.pool_state_age_ms > PAST_LIMIT_S * 1000 for quote in kept), age_ms
                restored = await after.figure("warm_pools_restored")
                assert restored == await after.figure("pools") > 0
                assert await after.figure("warm_pools_unconfirmed") == restored
                market.process.send_signal(signal.SIGCONT)
                fresh = await after.until(all_fresh)
                assert all(quote.freshness.vouched_mono_ns > killed_mono_ns for quote in fresh)
                await after.until_confirmed()
        newest_kept = max(quote.slot for quote in kept)
        assert all(quote.slot > newest_kept for quote in fresh)
        changed = {(one.input_mint, one.output_mint, one.input_amount, one.output_amount) for one in kept}
        assert any(
            (one.input_mint, one.output_mint, one.input_amount, one.output_amount) not in changed for one in fresh
        )
    assert len(assert_exact([*kept, *fresh], seed=SEED, lag_s_max=KEPT_CLOCK_LAG_S_MAX)) >= 3


async def test_a_damaged_file_is_set_aside_and_the_start_is_a_cold_one(tmp_path: Path) -> None:
    with recorded_market_process(seed=SEED, slot_time="100ms") as market:
        async with local_quote_process(market, tmp_path) as before:
            await before.until(all_fresh)
            await before.until_written()
            before.kill()
        path = tmp_path / "data" / "local_quote.warm"
        assert path.stat().st_mode & 0o777 == 0o600
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        async with local_quote_process(market, tmp_path) as after:
            fresh = await after.until(all_fresh)
            (warning,) = after.logged("what was kept is not used and set aside; a cold start")
            assert "checksum" in str(warning["reason"])
            assert path.with_name("local_quote.warm.refused").read_bytes() == content
    assert_exact(fresh, seed=SEED, lag_s_max=KEPT_CLOCK_LAG_S_MAX)


async def test_what_is_held_when_it_is_told_to_stop_is_kept(tmp_path: Path) -> None:
    with recorded_market_process(seed=SEED, slot_time="100ms") as market:
        async with local_quote_process(market, tmp_path, warm_start_interval="10m") as before:
            await before.until(all_fresh)
            before.process.terminate()
            await asyncio.to_thread(before.process.wait, DEADLINE_S)
        with frozen(market):
            async with local_quote_process(market, tmp_path) as after:
                assert all(quote.is_stale for quote in await after.until(many))


def priced(reader: QuoteReader) -> dict[int, Flag]:
    """The flags of the rows in shared memory that have a price."""
    return {quote.index: quote.flags for quote in reader if Flag.VALID in quote.flags}


async def test_shared_memory_and_the_aggregator_show_it_stale_until_the_node_confirms_it(tmp_path: Path) -> None:
    """Right after the restart, too, when its age alone is that of a fresh one: doubt decides, no plan rests on it."""
    with recorded_market_process(seed=SEED, slot_time="100ms") as market:
        async with local_quote_process(market, tmp_path) as before:
            await before.until(all_fresh)
            await before.until_written()
            before.kill()
        killed_mono_ns = time.monotonic_ns()
        with frozen(market):
            async with (
                local_quote_process(market, tmp_path) as after,
                serving(external=FakeExternalService()) as external_address,
                aggregator(tmp_path, local_address=after.address, external_address=external_address) as running,
            ):
                stub = quote_aggregator_pb2_grpc.QuoteAggregatorServiceStub(running.channel)
                with QuoteReader.open(running.shm_dir) as reader:
                    await eventually(lambda: len(priced(reader)) >= DIRECTIONS_QUOTED)
                    assert all(Flag.STALE in flags for flags in priced(reader).values())
                    handle = reader.handle(SOL, USDC, ONE_SOL)
                    assert not handle
                    kept = await stub.GetQuote(ASKED)
                    assert kept.local.output_amount > 0
                    assert kept.local.is_stale
                    assert kept.local.freshness.vouched_mono_ns < killed_mono_ns
                    assert kept.decision == quote_aggregator_pb2.DECISION_SKIP
                    with pytest.raises(grpc.aio.AioRpcError, match="kept from before the start"):
                        await after.stub.SimulateRoute(ROUTE)
                    assert all(Flag.STALE in flags for flags in priced(reader).values())
                    market.process.send_signal(signal.SIGCONT)
                    await eventually(lambda: bool(handle))
                    fresh = await stub.GetQuote(ASKED)
                    assert fresh.local.freshness.vouched_mono_ns > killed_mono_ns
                    await after.stub.SimulateRoute(ROUTE)
