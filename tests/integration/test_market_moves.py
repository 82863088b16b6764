"""A fill on paper moves the recorded market: real node, real bus, asked for by two, and again after a restart."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from fakes.plans import SOL
from fakes.recorded_market_process import MarketProcess, recorded_market_process
from fakes.results import round_trip
from fakes.waiting import eventually

from pipeline.executor.market_moves import MarketMoves
from quote_core.bus import Bus
from quote_core.clock import SYSTEM_CLOCK
from quote_core.dex.pool import Account, ChainClock, Direction, Pool
from quote_core.dex.programs import decode_pool
from quote_core.events import ExecutionResult
from quote_core.settings import PlatformSettings
from quote_core.solana import RpcClient, open_endpoints
from quote_core.tokens import load_tokens
from quote_core.units import Pubkey
from recorded_market.genesis import make_genesis
from recorded_market.market import Market
from recorded_market.recording import load_recording
from recorded_market.sizing import amount_for_impact

pytestmark = pytest.mark.integration

IMPACT_BPS = 2_000
"""Far more than anybody else in this market moves a pool."""


def read(node: MarketProcess, pool: Pool, clock: ChainClock) -> Pool:
    """The pool as the node has it now."""
    pubkeys = [pool.address, *(need.pubkey for need in pool.accounts_needed())]
    values = node.ask("getMultipleAccounts", pubkeys, {"encoding": "base64", "commitment": "processed"})["value"]
    accounts = {
        pubkey: None
        if value is None
        else Account(Pubkey(value["owner"]), base64.b64decode(value["data"][0]), value["lamports"])
        for pubkey, value in zip(pubkeys, values, strict=True)
    }
    account = accounts[pool.address]
    assert account is not None
    fresh = decode_pool(pool.address, account)
    for need in pool.accounts_needed():
        fresh.apply(need.pubkey, accounts[need.pubkey])
    return fresh


def fill_of(pool: Pool, amount_in: int, slot: int) -> ExecutionResult:
    fill = round_trip(amount_in, 1, amount_in)
    hop = replace(fill.hops[0], pool_id=pool.address, input_mint=pool.mint_a, output_mint=pool.mint_b)
    return replace(fill, hops=(hop,), run_id="run", header=replace(fill.header, slot=slot))


@contextlib.asynccontextmanager
async def moving(bus: Bus, node: MarketProcess) -> AsyncIterator[None]:
    """As an executor does it."""
    addresses = PlatformSettings(rpc_url=node.rpc_url).rpc_addresses()
    async with open_endpoints(addresses, clock=SYSTEM_CLOCK, lag_slots_max=100) as endpoints:
        moves = MarketMoves(RpcClient(endpoints=endpoints, clock=SYSTEM_CLOCK).call, run_id="run")
        running = asyncio.create_task(moves.run(bus, now_unix_ns=SYSTEM_CLOCK.unix_ns()))
        try:
            yield
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def test_a_fill_moves_its_pool_by_the_pools_own_math_once_whoever_asks(bus: Bus) -> None:
    local = Market(make_genesis(load_recording(), load_tokens(), seed=1))
    pool = next(one for one in local.tradable_pools() if one.mint_a == SOL)
    amount_in = amount_for_impact(pool, Direction.A_TO_B, IMPACT_BPS, local.clock)
    with recorded_market_process(rpc_rehearsals="true", slot_time="400ms", seed=1) as node:
        before = read(node, pool, local.clock).spot_price(local.clock)
        fill = fill_of(pool, amount_in, node.ask("getSlot", {"commitment": "processed"}))

        def price() -> float:
            return read(node, pool, local.clock).spot_price(local.clock)

        async with moving(bus, node), moving(bus, node):
            await bus.publish(fill)
            await eventually(lambda: price() < before * 0.95)
        again = {"id": f"{fill.plan_id.hex()}.0", "slot": fill.header.slot, "pool": pool.address}
        asked = again | {"inputMint": pool.mint_a, "amount": str(amount_in)}
        assert node.ask("requestSwap", asked) == "known"
        assert node.ask("requestSwap", asked | {"id": "another", "slot": 1}) == "past"
        async with moving(bus, node):  # an executor that was started again reads it once more
            await eventually(lambda: price() > before * 0.97)  # arbitrage has closed the gap, and it stays closed
            for _ in range(3):
                slot = node.ask("getSlot", {"commitment": "processed"})
                await eventually(lambda slot=slot: node.ask("getSlot", {"commitment": "processed"}) > slot)
                assert price() > before * 0.95
