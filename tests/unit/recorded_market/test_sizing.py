"""On a recorded constant-product pool the right amounts are known in closed form, and compared with the search."""

from math import sqrt

import pytest

from quote_core.dex.pool import Direction, Pool, SwapMode
from quote_core.units import Pubkey
from recorded_market.genesis import Genesis
from recorded_market.pool_book import PoolBook
from recorded_market.sizing import amount_for_impact, amount_for_profit

AMM_V4 = Pubkey("58oQChx4yWmvKdwLLZzBi4ChoCc2fqCUWBkwMihLYQo2")
RECORDED = [
    "58oQChx4yWmvKdwLLZzBi4ChoCc2fqCUWBkwMihLYQo2",
    "7JuwJuNU88gurFnyWeiyGKbFmExMWcmRZntn9imEzdny",
    "3ucNos4NbumPLZNWztqGHNFFgkHeRMBQAVemeeomsUxv",
    "Czfq3xZZDmsdGdUyrNLtRhGc47cXcZtLG4crryfu44zE",
    "5rCf1DM8LjKTw4YqhnoLcngyZYeNnQqztScTogYHAS6",
]


@pytest.fixture
def book(genesis: Genesis) -> PoolBook:
    return PoolBook(genesis.accounts)


def pool_at(book: PoolBook, address: str) -> Pool:
    (pool,) = (pool for pool in book.pools if pool.address == address)
    return pool


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("address", RECORDED)
def test_a_push_moves_the_price_by_about_what_was_asked(
    genesis: Genesis, book: PoolBook, address: str, direction: Direction
) -> None:
    clock, pool = genesis.chain_time.clock(genesis.slot), pool_at(book, address)
    before = pool.spot_price(clock)
    assert book.swap(pool, direction, amount_for_impact(pool, direction, 50, clock), clock)
    moved_bps = (pool.spot_price(clock) / before - 1) * 10_000
    sign = -1 if direction is Direction.A_TO_B else 1
    assert 35 < sign * moved_bps < 75  # bins and ticks are coarse; constant product comes within 1


def test_a_push_beyond_the_recorded_liquidity_is_the_largest_that_goes_through(
    genesis: Genesis, book: PoolBook
) -> None:
    clock, clmm = genesis.chain_time.clock(genesis.slot), pool_at(book, RECORDED[2])
    amount = amount_for_impact(clmm, Direction.A_TO_B, 2_000, clock)
    assert book.swap(clmm, Direction.A_TO_B, amount, clock) is not None


def test_the_most_profitable_amount_is_the_one_of_the_closed_form(genesis: Genesis, book: PoolBook) -> None:
    clock, pool = genesis.chain_time.clock(genesis.slot), pool_at(book, AMM_V4)
    fair = pool.spot_price(clock) * 0.98  # the pool pays 2 % too much for SOL
    numerator, denominator = round(fair * 10**12), 10**12
    amount = amount_for_profit(pool, Direction.A_TO_B, (numerator, denominator), clock)
    reserve_sol, kept = 66_599.33e9, 0.9975
    closed_form = (sqrt(kept * pool.spot_price(clock) / fair) - 1) * reserve_sol / kept
    assert amount == pytest.approx(closed_form, rel=0.1)  # profit is flat at its top

    def gain(amount_in: float) -> float:
        swap = pool.swap(Direction.A_TO_B, SwapMode.EXACT_IN, int(amount_in), clock)
        return swap.amount_out - amount_in * fair

    assert gain(amount) >= 0.99 * gain(closed_form)


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("error", [0.999, 1.0, 1.001])
def test_nothing_is_traded_where_the_fee_eats_the_gap(
    genesis: Genesis, book: PoolBook, direction: Direction, error: float
) -> None:
    clock, pool = genesis.chain_time.clock(genesis.slot), pool_at(book, AMM_V4)
    fair = round(pool.spot_price(clock) * error * 10**12), 10**12
    assert amount_for_profit(pool, direction, fair, clock) == 0
