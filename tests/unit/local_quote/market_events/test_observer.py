"""What a held market has to tell, as events that wait."""

from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from fakes.held_market import SOL, USDC, HeldMarket
from fakes.plain_pool import PlainPool
from hypothesis import given
from hypothesis import strategies as st
from solders.pubkey import Pubkey as SoldersPubkey

from local_quote.market_events.conflation import Conflation
from local_quote.market_events.observer import MarketObserver, ObserverTerms, spread_bps_ceil
from quote_core.events import LargeTrade, LiquidityUpdate, PoolStateChange, PriceUpdate, SlotUpdate, SpreadUpdate
from quote_core.tokens import Token
from quote_core.units import LAMPORTS_PER_SOL, NS_PER_S, Pubkey

TERMS = ObserverTerms(
    amount_lamports=LAMPORTS_PER_SOL, trade_lamports_min=10 * LAMPORTS_PER_SOL, window_ns=NS_PER_S, spike_deviations=6
)
DEPTH = 10_000 * LAMPORTS_PER_SOL, 10_000 * LAMPORTS_PER_SOL // 10

_Event = TypeVar("_Event")


class Watched:
    """A market, its observer, and what it told at each look."""

    def __init__(self, held: HeldMarket) -> None:
        self.held = held
        self.waiting = Conflation(per_s_max=10_000, waiting_max=1_000)
        self.observer = MarketObserver(market=held.market, waiting=self.waiting, clock=held.clock, terms=TERMS)
        held.market.watcher = self.observer
        self.observer.begin()

    def look(self) -> list[Any]:
        self.observer.look()
        self.held.clock.advance_ms(1_000)
        return [event for _, event in self.waiting.take(self.held.clock.mono_ns())]

    def told(self, kind: Callable[..., _Event]) -> list[_Event]:
        return [event for event in self.look() if type(event) is kind]


@pytest.fixture
def watched(held: HeldMarket) -> Watched:
    held.market.lamports_per_unit = lambda mint: 1.0 if mint == SOL.mint else None  # type: ignore[method-assign]
    return Watched(held)


def swap(held: HeldMarket, pool: PlainPool, sol: int, usdc: int) -> None:
    held.notify(pool, a=DEPTH[0] + sol, b=DEPTH[1] + usdc)


def test_nothing_changed_is_nothing_told(watched: Watched) -> None:
    watched.held.add("pool", *DEPTH)
    assert watched.look()
    assert watched.look() == []


def test_the_newest_slot_is_told_once(watched: Watched) -> None:
    (update,) = watched.told(SlotUpdate)
    assert update.header.slot == watched.held.market.progress.slot
    watched.held.tick()
    watched.held.tick()
    (update,) = watched.told(SlotUpdate)
    assert update.header.slot == watched.held.slot
    assert watched.told(SlotUpdate) == []


def test_prices_and_spread_are_those_of_the_best_pools(watched: Watched) -> None:
    held = watched.held
    held.add("cheap", *DEPTH, fee_bps=5)
    held.add("dear", *DEPTH, fee_bps=100)
    told = watched.look()
    forward, reverse = (event for event in told if isinstance(event, PriceUpdate))
    (spread,) = (event for event in told if isinstance(event, SpreadUpdate))
    there = held.market.quote(SOL, USDC, LAMPORTS_PER_SOL).swap
    back = held.market.quote(USDC, SOL, there.output_amount).swap
    assert (forward.input_amount, forward.output_amount) == (LAMPORTS_PER_SOL, there.output_amount)
    assert (reverse.input_amount, reverse.output_amount) == (there.output_amount, back.output_amount)
    assert forward.pool_id == reverse.pool_id == "cheap"
    assert (spread.pair, spread.return_lamports) == ("SOL-USDC", back.output_amount)
    assert spread.spread_bps == spread_bps_ceil(LAMPORTS_PER_SOL, back.output_amount) > 0


def test_a_round_trip_that_gains_has_a_spread_below_zero() -> None:
    assert spread_bps_ceil(10_000, 10_003) == -3
    assert spread_bps_ceil(10_000, 9_990) == 10


@given(st.integers(10**9, 2**64), st.integers(0, 2**64 // 10**6))
def test_a_spread_is_rounded_up(amount: int, returned: int) -> None:
    bps = spread_bps_ceil(amount, returned)
    assert (bps - 1) * amount < (amount - returned) * 10_000 <= bps * amount


def test_a_pool_s_state_is_told_when_it_changes_and_when_it_goes(watched: Watched) -> None:
    pool = watched.held.add("pool", *DEPTH)
    (change,) = watched.told(PoolStateChange)
    assert (change.pool_id, change.tradable, change.reason, change.pair) == ("pool", True, "", "SOL-USDC")
    pool.closed = "paused"
    watched.held.read(pool, DEPTH[0] + 1, DEPTH[1])
    (change,) = watched.told(PoolStateChange)
    assert not change.tradable
    assert "paused" in change.reason
    watched.held.market.remove_pool(pool.address)
    (change,) = watched.told(PoolStateChange)
    assert change.reason == "no longer held"
    assert watched.told(PoolStateChange) == []


def test_a_pool_too_old_to_be_quoted_is_not_tradable(watched: Watched) -> None:
    watched.held.add("pool", *DEPTH)
    watched.look()
    watched.held.pass_ms(70_000)
    watched.held.market.sweep()
    (change,) = watched.told(PoolStateChange)
    assert not change.tradable
    assert "too long ago" in change.reason


def test_depths_are_told_once_they_are_measured_both_ways(watched: Watched) -> None:
    held = watched.held
    held.add("best", *DEPTH, fee_bps=5)
    held.add("other", *DEPTH, fee_bps=50)
    (depth,) = watched.told(LiquidityUpdate)  # that of the best is measured with the price
    assert depth.pool_id == "best"
    assert depth.depth_a_amount == pytest.approx(DEPTH[0] / 200, rel=0.05)
    assert depth.depth_b_amount == pytest.approx(DEPTH[1] / 200, rel=0.05)
    assert (depth.mint_a, depth.mint_b) == (SOL.mint, USDC.mint)
    held.register((SOL, USDC, LAMPORTS_PER_SOL), (USDC, SOL, 10**8))
    held.market.measure_depths(10)
    (depth,) = watched.told(LiquidityUpdate)
    assert depth.pool_id == "other"
    assert watched.told(LiquidityUpdate) == []


def test_a_large_trade_is_told_with_its_amounts_and_worth(watched: Watched) -> None:
    held = watched.held
    pool = held.add("pool", *DEPTH)
    held.read(pool, *DEPTH)
    watched.look()
    swap(held, pool, 20 * LAMPORTS_PER_SOL, -(10**9))
    (trade,) = watched.told(LargeTrade)
    assert (trade.input_mint, trade.output_mint, trade.signature) == (SOL.mint, USDC.mint, "")
    assert (trade.input_amount, trade.output_amount) == (20 * LAMPORTS_PER_SOL, 10**9)
    assert (trade.value_lamports, trade.header.slot) == (20 * LAMPORTS_PER_SOL, held.slot)


def test_small_trades_and_liquidity_are_no_large_trades(watched: Watched) -> None:
    held = watched.held
    pool = held.add("pool", *DEPTH)
    held.read(pool, *DEPTH)
    watched.look()
    swap(held, pool, 9 * LAMPORTS_PER_SOL, -(10**8))
    swap(held, pool, 500 * LAMPORTS_PER_SOL, 10**11)
    assert watched.told(LargeTrade) == []


def test_trades_of_tokens_that_nobody_registered_are_worth_nothing_known(held: HeldMarket) -> None:
    watched, one, other = Watched(held), foreign(8), foreign(9)
    pool = held.add("pool", *DEPTH, tokens=(one, other))
    swap(held, pool, DEPTH[0], -DEPTH[1] // 2)
    told = watched.look()
    assert {type(event) for event in told} <= {SlotUpdate, PoolStateChange, LiquidityUpdate}
    (change,) = (event for event in told if isinstance(event, PoolStateChange))
    assert change.pair == "-".join(sorted((one.mint[:8], other.mint[:8])))


def foreign(number: int) -> Token:
    return Token(Pubkey(str(SoldersPubkey(bytes([number] * 32)))), "ANY", 9, "stable", None)


def test_two_large_trades_of_one_pool_are_both_told(watched: Watched) -> None:
    held = watched.held
    pool = held.add("pool", *DEPTH)
    held.read(pool, *DEPTH)
    swap(held, pool, 20 * LAMPORTS_PER_SOL, -(10**9))
    swap(held, pool, 0, 0)
    first, second = watched.told(LargeTrade)
    assert (first.input_mint, second.input_mint) == (SOL.mint, USDC.mint)


def test_without_a_watcher_the_market_tells_nobody(held: HeldMarket) -> None:
    pool = held.add("pool", *DEPTH)
    held.market.remove_pool(pool.address)
    assert held.market.watcher is None
