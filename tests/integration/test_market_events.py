"""Market events of the local quote service on the recorded market, over a real NATS server, held against the node.

The recorded market with the same seed is the same bytes at the same slot, so a second one, played in the test, judges
what the events say of a slot.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from fakes.nats_server import NatsServer
from fakes.recorded_market_process import recorded_market_process
from fakes.replayed_market import assert_exact
from fakes.running_local_quote import RunningLocalQuote, local_quote
from fakes.waiting import DEADLINE_S, eventually

from local_quote.market_events.observer import spread_bps_ceil
from pipeline.initializer.repair import repair
from pipeline.initializer.streams import STREAMS
from quote_core.bus import Bus
from quote_core.bus.follow import follow
from quote_core.dex.spl_token import token_amount
from quote_core.events import (
    Event,
    LargeTrade,
    LiquidityUpdate,
    PoolStateChange,
    PriceUpdate,
    SlotUpdate,
    SpreadUpdate,
    Stream,
    VolumeSpike,
    decode,
    subject_of,
)
from quote_core.generated.solquote.v1 import local_quote_pb2, quotes_pb2
from quote_core.tokens import load_tokens
from quote_core.units import LAMPORTS_PER_SOL
from recorded_market.genesis import make_genesis
from recorded_market.ledger import Commitment
from recorded_market.market import Market
from recorded_market.recording import load_recording

pytestmark = pytest.mark.integration

REGISTRY = load_tokens()
SEED = 11
TELLING = {
    "market_events_per_s": 10_000,
    "market_events_interval": "50ms",
    "large_trade_min_sol": 0,
    "volume_spike_window": "1s",
    "volume_spike_deviations": 1,
    "companion_wait": "500ms",  # however busy this machine is
}
PAIRS = {f"{pair.base.symbol}-{pair.quote.symbol}" for pair in REGISTRY.pairs}

Heard = dict[type[Event], list[Any]]


async def hear(bus: Bus, heard: Heard, is_enough: Callable[[], bool]) -> None:
    """Take what the stream keeps, and what it gets, until it is enough."""
    async with asyncio.timeout(2 * DEADLINE_S):
        async for batch in follow(bus, Stream.MARKET_DATA):
            for message in batch:
                event = decode(message.data)
                assert message.subject == subject_of(event)
                heard[type(event)].append(event)
            if is_enough():
                return


async def follow_rows(service: RunningLocalQuote) -> None:
    """Depths are measured of pools that rows rest on, as the aggregator's are."""
    pairs = [
        quotes_pb2.TokenPair(input_mint=one.mint, output_mint=other.mint, amounts=[10**one.decimals])
        for pair in REGISTRY.pairs
        for one, other in pair.directions()
    ]
    call = service.stub.StreamQuoteBatches(quotes_pb2.BatchQuoteRequest(pairs=pairs, refresh_interval_ms=60_000))
    async for _ in call:
        pass


def check_slots(updates: list[SlotUpdate]) -> None:
    slots = [update.header.slot for update in updates]
    assert slots == sorted(set(slots))
    assert all(update.parent_slot in (0, update.header.slot - 1) for update in updates)
    assert any(update.parent_slot for update in updates)


def check_prices(updates: list[PriceUpdate]) -> None:
    """To the unit, at the slot they name."""
    quotes = [
        SimpleNamespace(
            slot=update.header.slot,
            pool_id=update.pool_id,
            input_mint=update.input_mint,
            input_amount=update.input_amount,
            output_amount=update.output_amount,
            protocol="any",
        )
        for update in updates
    ]
    assert assert_exact(quotes, seed=SEED)["any"] == len(updates)  # type: ignore[arg-type]


def check_spreads(updates: list[SpreadUpdate]) -> None:
    for update in updates:
        assert update.pair in PAIRS
        assert update.amount_lamports == LAMPORTS_PER_SOL
        assert update.spread_bps == spread_bps_ceil(update.amount_lamports, update.return_lamports)


def check_trades(trades: list[LargeTrade]) -> Counter[str]:
    """What vaults hold at a trade's slot, less at that of the trade before it, is the trade; by pool."""
    judge = Market(make_genesis(load_recording(), REGISTRY, seed=SEED))
    by_pool: dict[str, list[LargeTrade]] = defaultdict(list)
    for trade in trades:
        by_pool[trade.pool_id].append(trade)
    held: dict[tuple[str, int], tuple[int, int]] = {}
    last_slot = max(trade.header.slot for trade in trades)
    while judge.clock.slot < last_slot:
        judge.advance()
        view = judge.ledger.view(Commitment.PROCESSED)
        for pool in judge.tradable_pools():
            if pool.address in by_pool:
                accounts = [view.accounts[vault] for vault in (pool.vault_a, pool.vault_b)]
                amounts = [token_amount(account.data) for account in accounts]
                held[pool.address, judge.clock.slot] = (amounts[0], amounts[1])
    checked: Counter[str] = Counter()
    pools = {pool.address: pool for pool in judge.tradable_pools()}
    for pool_id, told in by_pool.items():
        for before, trade in pairwise(told):
            if before.header.slot == trade.header.slot or (pool_id, before.header.slot) not in held:
                continue
            a_before, b_before = held[pool_id, before.header.slot]
            a_after, b_after = held[pool_id, trade.header.slot]
            a, b = (trade.input_amount, -trade.output_amount), (-trade.output_amount, trade.input_amount)
            expected = a if trade.input_mint == pools[pool_id].mint_a else b
            checked[pool_id] += (a_after - a_before, b_after - b_before) == expected
    return checked


async def test_events_of_every_type_come_and_say_what_the_node_s_accounts_say(
    bus: Bus, nats_server: NatsServer
) -> None:
    heard: Heard = defaultdict(list)
    wanted: Iterable[type[Event]] = (LiquidityUpdate, LargeTrade, SpreadUpdate, PoolStateChange)

    def is_enough() -> bool:
        are_there = all(heard[each] for each in wanted)
        return are_there and len(heard[PriceUpdate]) > 100 and len(heard[SlotUpdate]) > 50 and bool(heard[VolumeSpike])

    with recorded_market_process(seed=SEED, slot_time="80ms") as market:
        node = {"rpc_url": market.rpc_url, "rpc_ws_url": market.websocket_url}
        async with local_quote(**node, nats_url=nats_server.url, **TELLING) as service:
            following = asyncio.create_task(follow_rows(service))
            await hear(bus, heard, is_enough)
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following
    check_slots(heard[SlotUpdate])
    check_prices(heard[PriceUpdate])
    check_spreads(heard[SpreadUpdate])
    trades = heard[LargeTrade]
    assert check_trades(trades).total() > len(trades) // 2  # the others share a slot, or have none before them
    assert any(change.tradable and not change.reason for change in heard[PoolStateChange])
    assert all(depth.depth_a_amount and depth.depth_b_amount for depth in heard[LiquidityUpdate])
    for spike in heard[VolumeSpike]:
        assert spike.volume_amount >= 2 * spike.usual_volume_amount
        assert spike.window_ms == 1_000
    assert {event.pair for kind in wanted for event in heard[kind]} <= PAIRS


async def test_quotes_go_on_while_nats_is_away_and_what_is_newest_is_told_after_it(
    bus: Bus, nats_server: NatsServer
) -> None:
    heard: Heard = defaultdict(list)
    with recorded_market_process(seed=SEED, slot_time="80ms") as market:
        node = {"rpc_url": market.rpc_url, "rpc_ws_url": market.websocket_url}
        async with local_quote(**node, nats_url=nats_server.url, **TELLING) as service:
            await hear(bus, heard, lambda: bool(heard[PriceUpdate]))
            pair = REGISTRY.pairs[0]
            request = local_quote_pb2.LocalQuoteRequest(
                input_mint=pair.base.mint, output_mint=pair.quote.mint, input_amount=LAMPORTS_PER_SOL
            )
            nats_server.stop()
            slots = set()
            async with asyncio.timeout(DEADLINE_S):
                while len(slots) < 20:
                    slots.add((await service.stub.GetQuote(request)).slot)
            nats_server.start()
            await eventually(lambda: bus.is_connected)
            await repair(bus, STREAMS)  # one in memory is gone with its server; the initializer makes it again
            after: Heard = defaultdict(list)
            newest = max(slots)
            await hear(bus, after, lambda: any(one.header.slot > newest for one in after[PriceUpdate]))
    told = [one.header.slot for one in after[SlotUpdate]]
    assert told == sorted(told)
