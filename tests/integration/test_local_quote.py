"""The local quote service on the recorded market: every method, exact, and what its errors say."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from operator import le
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest
from fakes.endpoints import rpc_at
from fakes.recorded_market_process import MarketProcess, recorded_market_process
from fakes.running_local_quote import RunningLocalQuote, local_quote
from fakes.waiting import DEADLINE_S

from quote_core.clock import SYSTEM_CLOCK
from quote_core.dex.pool import Direction, SwapMode
from quote_core.dex.programs import decode_pool
from quote_core.generated.solquote.v1 import local_quote_pb2, quotes_pb2
from quote_core.solana import CLOCK_SYSVAR, decode_clock
from quote_core.tokens import load_tokens

pytestmark = pytest.mark.integration

REGISTRY = load_tokens()
SOL, USDC, SSOL, JITOSOL = (REGISTRY.resolve(symbol, field="") for symbol in ("SOL", "USDC", "sSOL", "JitoSOL"))
UNKNOWN = "11111111111111111111111111111111"
POOL_OF_NOBODY = "SysvarRent111111111111111111111111111111111"
WITHOUT_POOLS = {"sSOL", "mpSOL", "BGSOL"}


@pytest.fixture(scope="module")
def market() -> Iterator[MarketProcess]:
    with recorded_market_process(slot_time="100ms") as market:
        yield market


@pytest.fixture
async def service(market: MarketProcess) -> AsyncIterator[RunningLocalQuote]:
    async with local_quote(rpc_url=market.rpc_url, rpc_ws_url=market.websocket_url) as service:
        await service.until_serving()
        await service.until_figure("directions_quoted", 24)
        async with asyncio.timeout(DEADLINE_S):
            while not (await service.stub.GetQuote(quote_request())).HasField("oracle_price"):  # noqa: ASYNC110  # asked
                await asyncio.sleep(0.05)
        yield service


def quote_request(
    one: str = SOL.mint, other: str = USDC.mint, amount: int = 10**9
) -> local_quote_pb2.LocalQuoteRequest:
    return local_quote_pb2.LocalQuoteRequest(input_mint=one, output_mint=other, input_amount=amount)


def token_pair(one: str, other: str, **fields: list[int]) -> quotes_pb2.TokenPair:
    return quotes_pb2.TokenPair(input_mint=one, output_mint=other, **fields)  # type: ignore[arg-type]  # amounts, rows


async def test_twelve_pairs_quote_both_ways_and_say_where_their_pools_come_from(service: RunningLocalQuote) -> None:
    for pair in REGISTRY.pairs:
        for one, other in pair.directions():
            request = quote_request(one.mint, other.mint, 10**one.decimals)
            if {one.symbol, other.symbol} & WITHOUT_POOLS:
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await service.stub.GetQuote(request)
                assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
                subject = f"{one.symbol}/{other.symbol}: no pool of the supported DEXes"
                assert str(caught.value.details()).startswith(subject)
                continue
            quote = await service.stub.GetQuote(request)
            assert quote.output_amount > 0
            assert quote.HasField("oracle_price")
            assert abs(quote.deviation_percent) < 5
            expected = quotes_pb2.PROVENANCE_RECORDED if pair.quote is USDC else quotes_pb2.PROVENANCE_SYNTHETIC
            assert quote.provenance == quote.route[0].provenance == expected


async def test_pools_too_shallow_are_told_and_not_held(market: MarketProcess) -> None:
    """The recorded CPMM pool moves by 1 % for a hundredth of a SOL."""
    request = local_quote_pb2.ListPoolsRequest(mint_a=SOL.mint, mint_b=USDC.mint, include_dropped=True)
    urls = {"rpc_url": market.rpc_url, "rpc_ws_url": market.websocket_url}
    async with local_quote(**urls, pool_depth_min_sol=1.0) as service:
        await service.until_figure("directions_quoted", 24)
        listed = await service.stub.ListPools(request)
        assert "raydium_cpmm" not in {pool.protocol for pool in listed.pools}
        (dropped,) = listed.dropped
        assert (dropped.protocol, dropped.reason) == ("raydium_cpmm", "shallow")
        assert 10**6 < dropped.depth_lamports < 10**9
        elsewhere = local_quote_pb2.ListPoolsRequest(mint_a=JITOSOL.mint, include_dropped=True)
        assert not (await service.stub.ListPools(elsewhere)).dropped


async def test_pools_are_held_from_a_list_where_the_node_is_not_searched(
    market: MarketProcess, service: RunningLocalQuote, tmp_path: Path
) -> None:
    everything = await service.stub.ListPools(local_quote_pb2.ListPoolsRequest())
    listed = tmp_path / "pools.txt"
    listed.write_text("".join(f"{pool.pool_id}\n" for pool in everything.pools))
    settings = {"discovery": False, "pool_list": listed}
    async with local_quote(rpc_url=market.rpc_url, rpc_ws_url=market.websocket_url, **settings) as other:
        await other.until_figure("directions_quoted", 24)
        held = await other.stub.ListPools(local_quote_pb2.ListPoolsRequest())
    assert [pool.pool_id for pool in held.pools] == [pool.pool_id for pool in everything.pools]


async def test_a_quote_equals_the_pools_own_arithmetic_on_the_nodes_bytes() -> None:
    with recorded_market_process(slot_time="4s") as market:  # slow, so that both read the same slot
        async with (
            local_quote(rpc_url=market.rpc_url, rpc_ws_url=market.websocket_url) as service,
            aiohttp.ClientSession() as session,
        ):
            await service.until_figure("directions_quoted", 24)
            rpc = rpc_at(market.rpc_url, session=session, clock=SYSTEM_CLOCK)
            for _ in range(10):
                slot = await rpc.get_slot()
                listed = await service.stub.ListPools(
                    local_quote_pb2.ListPoolsRequest(mint_a=SOL.mint, mint_b=USDC.mint)
                )
                outputs: dict[Direction, set[int]] = {direction: set() for direction in Direction}
                costs: set[int] = set()
                for state in listed.pools:
                    own, clock = await rpc.get_multiple_accounts([state.pool_id, CLOCK_SYSVAR])
                    assert own.account is not None
                    assert clock.account is not None
                    pool = decode_pool(own.pubkey, own.account)
                    for update in await rpc.get_multiple_accounts([need.pubkey for need in pool.accounts_needed()]):
                        pool.apply(update.pubkey, update.account)
                    for direction, amount in ((Direction.A_TO_B, 10**10), (Direction.B_TO_A, 10**9)):
                        swap = pool.swap(direction, SwapMode.EXACT_IN, amount, decode_clock(clock.account))
                        outputs[direction].add(swap.amount_out)
                    wanted = pool.swap(Direction.A_TO_B, SwapMode.EXACT_OUT, 10**7, decode_clock(clock.account))
                    costs.add(wanted.amount_in)
                wanted_output = quote_request(SOL.mint, USDC.mint, 0)
                wanted_output.output_amount = 10**7
                exact_out = await service.stub.GetQuote(wanted_output)
                forward = await service.stub.GetQuote(quote_request(SOL.mint, USDC.mint, 10**10))
                reverse = await service.stub.GetQuote(quote_request(USDC.mint, SOL.mint, 10**9))
                if forward.slot == reverse.slot == exact_out.slot == slot == await rpc.get_slot():
                    break
            assert len(listed.pools) >= 2
            # Not always the most: a fresh pool goes before one that gives more and was read a slot ago.
            assert forward.output_amount in outputs[Direction.A_TO_B]
            assert reverse.output_amount in outputs[Direction.B_TO_A]
            assert exact_out.input_amount in costs
            assert exact_out.output_amount >= 10**7


async def test_paired_quotes_are_of_one_state_and_a_round_trip_never_gains(service: RunningLocalQuote) -> None:
    request = local_quote_pb2.PairedQuoteRequest(input_mint=JITOSOL.mint, output_mint=SOL.mint, input_amount=10**9)
    paired = await service.stub.GetPairedQuote(request)
    assert paired.reverse.input_amount == paired.forward.output_amount
    if paired.forward.pool_id == paired.reverse.pool_id:
        assert paired.reverse.output_amount <= 10**9
    assert paired.slot >= max(paired.forward.slot, paired.reverse.slot) > 0


async def test_a_paired_quote_with_one_impossible_leg_still_gives_the_other(service: RunningLocalQuote) -> None:
    request = local_quote_pb2.PairedQuoteRequest(
        input_mint=SOL.mint, output_mint=USDC.mint, input_amount=10**9, reverse_amount=1
    )
    paired = await service.stub.GetPairedQuote(request)
    assert paired.forward.output_amount > 0
    assert paired.reverse.error.code == "FAILED_PRECONDITION"
    request.input_amount, request.reverse_amount = 1, 10**6
    paired = await service.stub.GetPairedQuote(request)
    assert paired.forward.error.code == "FAILED_PRECONDITION"
    assert paired.reverse.output_amount > 0


async def test_a_simulated_route_feeds_each_hop_with_the_one_before(service: RunningLocalQuote) -> None:
    hops = [
        local_quote_pb2.SimulateHop(input_mint=SOL.mint, output_mint=USDC.mint),
        local_quote_pb2.SimulateHop(input_mint=USDC.mint, output_mint=SOL.mint),
        local_quote_pb2.SimulateHop(input_mint=SOL.mint, output_mint=JITOSOL.mint),
    ]
    answer = await service.stub.SimulateRoute(local_quote_pb2.SimulateRouteRequest(hops=hops, input_amount=10**9))
    first, second, third = answer.route
    assert (first.input_amount, second.input_amount, third.input_amount) == (
        10**9,
        first.output_amount,
        second.output_amount,
    )
    assert answer.output_amount == third.output_amount
    assert len({hop.pool_id for hop in answer.route}) == 3
    assert len(answer.depth_amounts) == len(answer.price_impacts) == 3
    assert all(hop.fee_mint for hop in answer.route)


async def test_a_pool_is_shown_with_the_accounts_it_rests_on(service: RunningLocalQuote) -> None:
    quote = await service.stub.GetQuote(quote_request())
    state = await service.stub.GetPoolState(local_quote_pb2.PoolStateRequest(pool_id=quote.pool_id))
    assert {state.mint_a, state.mint_b} == {SOL.mint, USDC.mint}
    assert state.tradable
    assert state.depth_a_amount > 0
    assert state.accounts[0].pubkey == quote.pool_id
    assert all(len(account.data_sha256) == 64 for account in state.accounts)
    everything = await service.stub.ListPools(local_quote_pb2.ListPoolsRequest())
    assert quote.pool_id in {pool.pool_id for pool in everything.pools}
    of_usdc = await service.stub.ListPools(local_quote_pb2.ListPoolsRequest(mint_a=USDC.mint))
    assert 0 < len(of_usdc.pools) < len(everything.pools)


async def test_oracle_prices_name_every_token_and_their_source(service: RunningLocalQuote) -> None:
    prices = {
        price.symbol: price
        for price in (await service.stub.GetOraclePrices(local_quote_pb2.OraclePricesRequest())).prices
    }
    assert list(prices) == [token.symbol for token in REGISTRY]
    assert prices["SOL"].source == "pyth"
    assert prices["USDC"].usd == pytest.approx(1.0, abs=0.02)
    assert prices["JitoSOL"].usd > prices["SOL"].usd
    assert not prices["sSOL"].HasField("usd")


async def test_a_stream_gives_everything_once_with_the_callers_row_numbers_then_changes(
    service: RunningLocalQuote,
) -> None:
    request = quotes_pb2.BatchQuoteRequest(
        pairs=[
            token_pair(SOL.mint, USDC.mint, amounts=[10**9, 10**10], rows=[70, 71]),
            token_pair(SOL.mint, SSOL.mint, amounts=[10**9], rows=[90]),
            token_pair(UNKNOWN, SOL.mint, amounts=[10**9], rows=[91]),
            token_pair(USDC.mint, SOL.mint, amounts=[10**8], rows=[72]),
        ],
        refresh_interval_ms=60_000,
    )
    call = service.stub.StreamQuoteBatches(request)
    snapshot = await call.read()
    assert isinstance(snapshot, local_quote_pb2.LocalQuoteBatch)
    assert (snapshot.sequence, snapshot.snapshot) == (1, True)
    by_row = {quote.row: quote for quote in snapshot.quotes}
    assert sorted(by_row) == [70, 71, 72, 90, 91]
    assert by_row[90].error.code == "FAILED_PRECONDITION"
    assert by_row[91].error.code == "NOT_FOUND"
    versions = {row: quote.version for row, quote in by_row.items()}
    for sequence in range(2, 8):
        batch = await call.read()
        assert isinstance(batch, local_quote_pb2.LocalQuoteBatch)
        assert (batch.sequence, batch.snapshot) == (sequence, False)
        for quote in batch.quotes:
            assert quote.version > versions[quote.row]
            versions[quote.row] = quote.version
            assert quote.row in {70, 71, 72}
    call.cancel()
    await service.until_figure("subscribers", 0)
    assert await service.figure("rows") == 0


async def test_unchanged_quotes_come_again_after_the_refresh_interval(service: RunningLocalQuote) -> None:
    request = quotes_pb2.BatchQuoteRequest(
        pairs=[token_pair(SOL.mint, SSOL.mint)], amounts=[1, 2], refresh_interval_ms=50
    )
    call = service.stub.StreamBatchQuotes(request)
    rows = []
    for _ in range(4):
        quote = await call.read()
        assert isinstance(quote, local_quote_pb2.LocalQuote)
        rows.append(quote.row)
    assert rows == [0, 1, 0, 1]
    call.cancel()


BAD_CALLS = [
    ("GetQuote", quote_request(UNKNOWN), "NOT_FOUND", "input_mint: "),
    ("GetQuote", quote_request(other="0OIl"), "INVALID_ARGUMENT", "output_mint: must be base58"),
    ("GetQuote", quote_request(amount=0), "INVALID_ARGUMENT", "input_amount: must be from 1 to"),
    ("GetQuote", quote_request(other=SOL.mint), "INVALID_ARGUMENT", "output_mint: must differ"),
    (
        "GetQuote",
        local_quote_pb2.LocalQuoteRequest(
            input_mint=JITOSOL.mint, output_mint=USDC.mint, input_amount=10**9, only_direct_routes=True
        ),
        "FAILED_PRECONDITION",
        "JitoSOL/USDC: no pool",
    ),
    (
        "GetQuote",
        local_quote_pb2.LocalQuoteRequest(input_mint=JITOSOL.mint, output_mint=USDC.mint, input_amount=2, max_hops=2),
        "FAILED_PRECONDITION",
        "JitoSOL/USDC: no route of up to 2 swaps",
    ),
    ("GetQuote", quote_request(amount=1), "FAILED_PRECONDITION", "SOL/USDC: none of"),
    ("GetPairedQuote", local_quote_pb2.PairedQuoteRequest(), "INVALID_ARGUMENT", "input_mint: must be base58"),
    ("SimulateRoute", local_quote_pb2.SimulateRouteRequest(input_amount=1), "INVALID_ARGUMENT", "hops: must be 1 to"),
    ("GetPoolState", local_quote_pb2.PoolStateRequest(pool_id="x"), "INVALID_ARGUMENT", "pool_id: must be base58"),
    ("GetPoolState", local_quote_pb2.PoolStateRequest(pool_id=POOL_OF_NOBODY), "NOT_FOUND", "pool_id: no pool"),
    ("ListPools", local_quote_pb2.ListPoolsRequest(mint_a="x"), "INVALID_ARGUMENT", "mint_a: must be base58"),
]
BAD_STREAMS = [
    (quotes_pb2.BatchQuoteRequest(amounts=[1]), "INVALID_ARGUMENT", "pairs: must name"),
    (
        quotes_pb2.BatchQuoteRequest(pairs=[token_pair(SOL.mint, USDC.mint)], amounts=range(1, 2_002)),
        "RESOURCE_EXHAUSTED",
        "pairs x amounts: 2001 quotes asked for, at most 2000",
    ),
]


async def test_a_route_is_what_its_swaps_give_one_after_the_other_to_the_unit(service: RunningLocalQuote) -> None:
    direct, split = (quote_request(JITOSOL.mint, USDC.mint, 10**10) for _ in range(2))
    split.max_splits = 3
    for asked in (direct, split):
        for _ in range(20):
            quote = await service.stub.GetQuote(asked)
            legs = [[hop for hop in quote.route if hop.leg == number] for number in range(3)]
            simulated = [
                await service.stub.SimulateRoute(
                    local_quote_pb2.SimulateRouteRequest(
                        hops=[
                            local_quote_pb2.SimulateHop(
                                input_mint=hop.input_mint, output_mint=hop.output_mint, pool_id=hop.pool_id
                            )
                            for hop in leg
                        ],
                        input_amount=leg[0].input_amount,
                    )
                )
                for leg in legs
                if leg
            ]
            told = [leg[-1].output_amount for leg in legs if leg]
            alone = [one.output_amount for one in simulated]
            is_disjoint = len({hop.pool_id for hop in quote.route}) == len(quote.route)
            # A pool in two parts gives the second less than it would alone, or the same inside one bin of a DLMM.
            is_told = told == alone or (not is_disjoint and told[0] == alone[0] and all(map(le, told, alone)))
            if is_told:
                break  # else the market moved on between the calls
        assert is_told, (told, alone)
        assert quote.output_amount == sum(told)
        assert sum(one.route[0].input_amount for one in simulated) == 10**10
        assert {hop.input_mint for hop in quote.route} == {JITOSOL.mint, SOL.mint}


async def test_every_bad_call_names_field_and_rule(service: RunningLocalQuote) -> None:
    for method, request, code, text in BAD_CALLS:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await getattr(service.stub, method)(request)
        assert caught.value.code() is grpc.StatusCode[code], (method, request)
        assert str(caught.value.details()).startswith(text), (method, request)
    for stream in (service.stub.StreamQuoteBatches, service.stub.StreamBatchQuotes):
        for request, code, text in BAD_STREAMS:
            call: Any = stream(request)
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call.read()
            assert caught.value.code() is grpc.StatusCode[code]
            assert str(caught.value.details()).startswith(text)
