"""Rows through several pools, from the recorded market over both services to shared memory."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from fakes.ports import free_port
from fakes.recorded_market_process import MarketProcess, recorded_market_process
from fakes.running_aggregator import RunningAggregator, aggregator
from fakes.running_local_quote import RunningLocalQuote, local_quote
from fakes.waiting import DEADLINE_S

from quote_core.generated.solquote.v1 import evidence_pb2, local_quote_pb2, quotes_pb2
from quote_core.generated.solquote.v1 import quote_aggregator_pb2 as pb
from quote_core.generated.solquote.v1 import quote_aggregator_pb2_grpc as pb_grpc
from quote_core.quote_id import LOCAL, quote_id_of
from quote_core.quotes import route_id
from quote_core.tokens import load_tokens
from shm import Flag, QuoteReader, Role
from solquote.evidence_wire import evidence_from
from solquote.reproduction import reproduce

pytestmark = pytest.mark.integration

REGISTRY = load_tokens()
SOL, USDC, JITOSOL, MSOL = (REGISTRY.resolve(symbol, field="") for symbol in ("SOL", "USDC", "JitoSOL", "mSOL"))
AMOUNTS = (10**9, 5 * 10**9, 10**10)
ROUTED_PAIRS = ((JITOSOL, USDC), (USDC, JITOSOL), (JITOSOL, MSOL))


@dataclass(frozen=True)
class Platform:
    market: MarketProcess
    local: RunningLocalQuote
    aggregator: RunningAggregator

    def follow(self, *, refresh_ms: int = 200) -> "grpc.aio.UnaryStreamCall[quotes_pb2.BatchQuoteRequest, object]":
        """A client's stream of pairs that have no pool, and of one that has."""
        pairs = [
            quotes_pb2.TokenPair(input_mint=one.mint, output_mint=other.mint)
            for one, other in (*ROUTED_PAIRS, (SOL, USDC))
        ]
        request = quotes_pb2.BatchQuoteRequest(pairs=pairs, amounts=AMOUNTS, refresh_interval_ms=refresh_ms)
        return pb_grpc.QuoteAggregatorServiceStub(self.aggregator.channel).StreamBatchQuotes(request)


@contextlib.asynccontextmanager
async def platform(market: MarketProcess, shm_dir: Path, **settings: object) -> AsyncIterator[Platform]:
    async with (
        local_quote(rpc_url=market.rpc_url, rpc_ws_url=market.websocket_url, **settings) as local,
        aggregator(shm_dir, local_address=local.address, external_address=f"127.0.0.1:{free_port()}") as running,
    ):
        await local.until_figure("directions_quoted", 24)
        yield Platform(market, local, running)


@pytest.fixture(scope="module")
def market() -> Iterator[MarketProcess]:
    with recorded_market_process(slot_time="1s") as market:  # so slow that a row and two calls are mostly of one slot
        yield market


@pytest.fixture
async def routed(market: MarketProcess, tmp_path: Path) -> AsyncIterator[Platform]:
    async with platform(market, tmp_path, row_hop_count_max=2) as routed:
        yield routed


async def told(
    stream: "grpc.aio.UnaryStreamCall[quotes_pb2.BatchQuoteRequest, object]",
) -> AsyncIterator[pb.AggregatedQuote]:
    """Every quote of a stream, until it has been quiet for too long."""
    while True:
        async with asyncio.timeout(DEADLINE_S):
            message = await stream.read()
        assert isinstance(message, pb.BatchQuoteResponse)
        for quote in message.quotes:
            yield quote


async def first_routes(quotes: AsyncIterator[pb.AggregatedQuote]) -> dict[int, pb.AggregatedQuote]:
    """The rows of pairs without a pool, once each is told as a route that is fresh."""
    found: dict[int, pb.AggregatedQuote] = {}
    async for quote in quotes:
        if len(quote.local.route) > 1 and not quote.local.is_stale:
            found[quote.row] = quote
            if len(found) == len(ROUTED_PAIRS) * len(AMOUNTS):
                break
    return found


def assert_whole(quote: pb.AggregatedQuote) -> None:
    """Hops join, amounts go from one to the next, and all that follows from the route is of the route."""
    local = quote.local
    first, last = local.route[0], local.route[-1]
    assert (first.input_mint, first.input_amount) == (quote.input_mint, quote.input_amount)
    assert (last.output_mint, last.output_amount) == (quote.output_mint, local.output_amount)
    for before, after in zip(local.route, local.route[1:], strict=False):
        assert (before.output_mint, before.output_amount) == (after.input_mint, after.input_amount)
    assert local.route_id == route_id([hop.pool_id for hop in local.route])
    assert local.slot <= local.freshness.vouched_slot
    assert quote.local_factors.route == pytest.approx(1 - 0.2 * (len(local.route) - 1))


async def is_what_its_pools_give_now(platform: Platform, quote: pb.AggregatedQuote) -> bool:
    """Whether the service's simulation of these very pools and its own search give the same at this moment."""
    hops = [
        local_quote_pb2.SimulateHop(input_mint=hop.input_mint, output_mint=hop.output_mint, pool_id=hop.pool_id)
        for hop in quote.local.route
    ]
    simulated = await platform.local.stub.SimulateRoute(
        local_quote_pb2.SimulateRouteRequest(hops=hops, input_amount=quote.input_amount)
    )
    searched = await platform.local.stub.GetQuote(
        local_quote_pb2.LocalQuoteRequest(
            input_mint=quote.input_mint, output_mint=quote.output_mint, input_amount=quote.input_amount, max_hops=2
        )
    )
    amounts = [(hop.pool_id, hop.input_amount, hop.output_amount) for hop in quote.local.route]
    return all(
        amounts == [(hop.pool_id, hop.input_amount, hop.output_amount) for hop in route]
        for route in (simulated.route, searched.route)
    )


async def test_pairs_without_a_pool_are_told_as_routes_that_their_pools_give(routed: Platform) -> None:
    quotes = told(routed.follow())
    found = await first_routes(quotes)
    for quote in found.values():
        assert_whole(quote)
        assert [hop.output_mint for hop in quote.local.route][:-1] == [SOL.mint]
    exact: set[int] = set()
    async with asyncio.timeout(DEADLINE_S):
        async for quote in quotes:
            # Else the market moved on between the row and the calls: it does at every other slot.
            if quote.row in found and await is_what_its_pools_give_now(routed, quote):
                exact.add(quote.row)
                if exact == found.keys():
                    break


async def test_every_route_told_is_reproduced_from_the_accounts_it_rested_on(routed: Platform) -> None:
    """Whatever the market does meanwhile: the id alone leads to the accounts, and they give it to the unit."""
    quotes, checked = told(routed.follow()), 0
    async with asyncio.timeout(DEADLINE_S):
        async for quote in quotes:
            local = quote.local
            if len(local.route) < 2:  # one swap
                continue
            asked = quote_id_of(
                LOCAL,
                local.route_id,
                local.input_mint,
                local.input_amount,
                local.output_amount,
                local.freshness.vouched_slot,
            )
            evidence = await routed.local.stub.ExplainQuote(evidence_pb2.ExplainQuoteRequest(quote_id=asked.text))
            reproduced = reproduce(evidence_from(evidence))
            assert reproduced.is_equal, reproduced
            assert (reproduced.input_amount, reproduced.output_amount) == (local.input_amount, local.output_amount)
            checked += 1
            if checked == 60:  # of several slots
                break


async def test_a_route_goes_to_shared_memory_and_is_looked_up_by_its_number(routed: Platform) -> None:
    quotes = told(routed.follow())
    await first_routes(quotes)
    with QuoteReader.open(routed.aggregator.shm_dir) as reader:
        handle = reader.handle(JITOSOL.mint, USDC.mint, AMOUNTS[0], role=Role.INTERNAL)
        async with asyncio.timeout(DEADLINE_S):
            async for quote in quotes:
                entry = handle.fresh()
                if quote.row == 0 and entry.output_amount == quote.local.output_amount:
                    break
        assert (entry.route_id, entry.dex_id) == (quote.local.route_id, 0)
        assert Flag.VALID in entry.flags
    stub = pb_grpc.QuoteAggregatorServiceStub(routed.aggregator.channel)
    route = await stub.GetRoute(pb.RouteRequest(route_id=quote.local.route_id))
    assert [hop.pool_id for hop in route.route] == [hop.pool_id for hop in quote.local.route]


async def test_unless_the_setting_says_so_such_a_row_is_refused(market: MarketProcess, tmp_path: Path) -> None:
    async with platform(market, tmp_path) as direct:
        async for quote in told(direct.follow()):
            assert len(quote.local.route) <= 1
            if quote.row == 0 and quote.HasField("error"):
                assert "no pool of the supported DEXes" in quote.error.message
                break


async def test_a_route_whose_pools_nobody_vouches_for_is_stale_until_they_are(tmp_path: Path) -> None:
    with recorded_market_process(slot_time="200ms") as market:
        async with platform(market, tmp_path, row_hop_count_max=2, stale_after="2s") as routed:
            quotes = told(routed.follow())
            await first_routes(quotes)
            market.process.send_signal(signal.SIGSTOP)
            try:
                async with asyncio.timeout(DEADLINE_S):
                    async for quote in quotes:
                        if quote.row == 0 and quote.local.is_stale:
                            break
                assert len(quote.local.route) == 2  # over SOL
                assert quote.decision == pb.DECISION_SKIP
            finally:
                market.process.send_signal(signal.SIGCONT)
            async with asyncio.timeout(DEADLINE_S):
                async for quote in quotes:
                    if quote.row == 0 and quote.local.route and not quote.local.is_stale:
                        break
