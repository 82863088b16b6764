"""How much of a depth taken on paper is left, by how far the market went; and real pools priced behind it."""

from dataclasses import replace

import pytest
from fakes.golden_market import CHAIN_UNIX_S, GOLDEN_POOLS, GoldenMarket
from fakes.held_market import REGISTRY, SOL, USDC, HeldMarket, clock_update

from local_quote.routes import HopRequest, SimulatedRoute, simulate_route
from local_quote.taken_depth import PRICES_HELD_MAX, LocalTakenDepth, PricePath, left_amount
from quote_core.dex.pool import Direction
from quote_core.errors import InvalidField, MarketError

SHALLOW = {"raydium_cpmm/sol_usdc_7JuwJuNU": 10**7}
EVERY_POOL = pytest.mark.parametrize("name", GOLDEN_POOLS)
RISING = LocalTakenDepth(input_amount=1_000, price_before=100.0, price_after=110.0, since_slot=5)
FALLING = replace(RISING, price_after=90.0)


@pytest.mark.parametrize(
    ("furthest_price", "left"), [(90.0, 1_000), (100.0, 1_000), (101.0, 900), (109.999, 1), (110.0, 0), (120.0, 0)]
)
def test_what_the_market_went_through_by_itself_is_no_longer_taken(furthest_price: float, left: int) -> None:
    assert left_amount(RISING, Direction.B_TO_A, furthest_price) == left
    assert left_amount(FALLING, Direction.A_TO_B, 200.0 - furthest_price) == left


def test_where_the_price_stood_still_depth_is_gone_once_the_price_has_left() -> None:
    in_one_bin = replace(RISING, price_after=100.0)
    assert left_amount(in_one_bin, Direction.B_TO_A, 100.0) == 1_000
    assert left_amount(in_one_bin, Direction.B_TO_A, 100.1) == 0


def test_how_far_a_price_went_is_told_from_any_slot_on() -> None:
    path = PricePath()
    for slot, price in ((1, 105.0), (2, 99.0), (3, 103.0), (3, 104.0), (4, 101.0), (5, 102.0)):
        path.note(slot, price)
    rising = [path.furthest(Direction.B_TO_A, since_slot=slot, price_now=102.0) for slot in range(6)]
    falling = [path.furthest(Direction.A_TO_B, since_slot=slot, price_now=102.0) for slot in range(6)]
    assert rising == [105.0, 104.0, 104.0, 102.0, 102.0, 102.0]
    assert falling == [99.0, 99.0, 101.0, 101.0, 102.0, 102.0]


def test_a_price_that_only_falls_leaves_a_bounded_path() -> None:
    path = PricePath()
    for slot in range(2 * PRICES_HELD_MAX):
        path.note(slot, -float(slot))
    assert path.furthest(Direction.B_TO_A, since_slot=0, price_now=-1e9) == -float(PRICES_HELD_MAX)


class OnePool:
    """One golden pool, asked for SOL to USDC."""

    def __init__(self, name: str) -> None:
        self.market = GoldenMarket()
        self.id = self.market.add(name)
        self.sol_in = SHALLOW.get(name, 200 * 10**9)

    def trade(self, input_mint: str, amount: int) -> int:
        return self.market.trade(self.id, input_mint, amount)

    def simulate(self, amount: int, *, taken: LocalTakenDepth | None = None) -> SimulatedRoute:
        return self.market.route([HopRequest(SOL.mint, USDC.mint, self.id, taken)], amount)


@EVERY_POOL
def test_behind_taken_depth_a_pool_gives_what_it_would_had_that_been_traded(name: str) -> None:
    pool = OnePool(name)
    first = pool.simulate(pool.sol_in)
    second = pool.simulate(pool.sol_in, taken=first.taken[0]).swaps[0].output_amount
    assert pool.simulate(pool.sol_in).swaps[0].output_amount == first.swaps[0].output_amount, "no pool was moved"
    assert pool.trade(SOL.mint, pool.sol_in) == first.swaps[0].output_amount
    assert pool.simulate(pool.sol_in).swaps[0].output_amount == second < first.swaps[0].output_amount


@EVERY_POOL
def test_once_others_have_traded_as_far_nothing_is_taken_any_more(name: str) -> None:
    pool = OnePool(name)
    taken = pool.simulate(pool.sol_in).taken[0]
    usdc = pool.trade(SOL.mint, 3 * pool.sol_in)
    assert pool.simulate(pool.sol_in, taken=taken).taken[0].input_amount == pool.sol_in
    pool.trade(USDC.mint, usdc)
    untouched, behind = pool.simulate(pool.sol_in), pool.simulate(pool.sol_in, taken=taken)
    assert behind.swaps == untouched.swaps, "what came back after that was never taken"


@EVERY_POOL
def test_what_others_trade_the_other_way_comes_before_what_is_taken(name: str) -> None:
    pool = OnePool(name)
    first = pool.simulate(pool.sol_in)
    pool.trade(USDC.mint, first.swaps[0].output_amount)
    behind = pool.simulate(pool.sol_in, taken=first.taken[0])
    assert behind.taken[0].input_amount == 2 * pool.sol_in
    fees = 0.01
    assert behind.swaps[0].output_amount == pytest.approx(first.swaps[0].output_amount, rel=fees)
    assert behind.swaps[0].output_amount < pool.simulate(pool.sol_in).swaps[0].output_amount


def test_a_depth_that_is_taken_of_no_pool_is_refused(held: HeldMarket) -> None:
    held.add("p", 10**12, 80 * 10**9)
    with pytest.raises(InvalidField, match=r"hops\[0\]\.taken: needs a pool_id"):
        simulate_route(
            quoter=held.market.quoter,
            store=held.market.store,
            registry=REGISTRY,
            hops=[HopRequest(SOL.mint, USDC.mint, "", RISING)],
            input_amount=1,
            hop_count_max=4,
        )


def test_of_a_chain_that_is_gone_nothing_is_priced_behind_what_was_taken() -> None:
    pool = OnePool("raydium_amm_v4/sol_usdc_58oQChx4")
    taken = pool.simulate(pool.sol_in).taken[0]
    pool.market.held.market.begin_anew()
    with pytest.raises(MarketError):
        pool.simulate(pool.sol_in, taken=taken)
    pool.market.held.market.apply(
        [
            clock_update(
                slot=pool.market.held.slot, unix_timestamp=CHAIN_UNIX_S, mono_ns=pool.market.held.clock.mono_ns()
            )
        ]
    )
    with pytest.raises(MarketError):
        pool.simulate(pool.sol_in, taken=taken)
