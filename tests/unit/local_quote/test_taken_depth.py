"""How much of a depth taken on paper is left, by how far the market went; and real pools priced behind it."""

from dataclasses import replace

import pytest
from fakes.golden_pools import golden_accounts
from fakes.held_market import REGISTRY, SOL, USDC, HeldMarket, clock_update

from local_quote.pool_store import PoolEntry
from local_quote.routes import HopRequest, SimulatedRoute, simulate_route
from local_quote.taken_depth import PRICES_HELD_MAX, PricePath, TakenDepth, left_amount
from quote_core.dex.pool import Account, Direction, SwapMode
from quote_core.dex.programs import decode_pool
from quote_core.errors import InvalidField
from quote_core.quotes import Provenance
from quote_core.solana import AccountUpdate, UpdateSource
from quote_core.units import Pubkey

POOLS = {
    "raydium_amm_v4/sol_usdc_58oQChx4": "58oQChx4yWmvKdwLLZzBi4ChoCc2fqCUWBkwMihLYQo2",
    "raydium_cpmm/sol_usdc_7JuwJuNU": "7JuwJuNU88gurFnyWeiyGKbFmExMWcmRZntn9imEzdny",
    "raydium_clmm/sol_usdc_3ucNos4N_jul2026": "3ucNos4NbumPLZNWztqGHNFFgkHeRMBQAVemeeomsUxv",
    "orca_whirlpool/sol_usdc_ts4_Czfq3xZZ": "Czfq3xZZDmsdGdUyrNLtRhGc47cXcZtLG4crryfu44zE",
    "meteora_dlmm/sol_usdc_bs4_5rCf1DM8": "5rCf1DM8LjKTw4YqhnoLcngyZYeNnQqztScTogYHAS6",
}
SHALLOW = {"raydium_cpmm/sol_usdc_7JuwJuNU": 10**7}
EVERY_POOL = pytest.mark.parametrize("name", POOLS)
RISING = TakenDepth(input_amount=1_000, price_before=100.0, price_after=110.0, since_slot=5)
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


class RealPool:
    """One golden pool held in a market, moved by its own arithmetic as its program would."""

    def __init__(self, held: HeldMarket, name: str) -> None:
        held.market.apply([clock_update(slot=held.slot, unix_timestamp=1_790_000_000)])
        self.held = held
        self.accounts = golden_accounts(name)
        self.id = Pubkey(POOLS[name])
        self.sol_in = SHALLOW.get(name, 200 * 10**9)
        pool = decode_pool(self.id, self.accounts[self.id])
        held.market.add_pool(pool, self._update(self.id), Provenance.RECORDED)
        self._read()

    @property
    def entry(self) -> PoolEntry:
        entry = self.held.market.store.entry(self.id)
        assert entry is not None
        return entry

    def direction(self, input_mint: str) -> Direction:
        return Direction.A_TO_B if self.entry.pool.mint_a == input_mint else Direction.B_TO_A

    def trade(self, input_mint: str, amount: int) -> int:
        """A swap that somebody really makes."""
        pool, clock = self.entry.pool, self.held.market.quoter.now_on_chain()
        swap = pool.swap(self.direction(input_mint), SwapMode.EXACT_IN, amount, clock)
        for pubkey, data in pool.write_swap(swap).items():
            self.accounts[pubkey] = replace(self.accounts[pubkey], data=data)
        self._read()
        return swap.amount_out

    def simulate(self, amount: int, *, taken: TakenDepth | None = None, with_taken: bool = True) -> SimulatedRoute:
        market = self.held.market
        return simulate_route(
            quoter=market.quoter,
            store=market.store,
            registry=REGISTRY,
            hops=[HopRequest(SOL.mint, USDC.mint, self.id, taken)],
            input_amount=amount,
            hop_count_max=4,
            with_taken=with_taken,
        )

    def _read(self) -> None:
        self.held.tick()
        while True:
            wanted = [self.id, *(need.pubkey for need in self.entry.pool.accounts_needed())]
            self.held.market.apply([self._update(pubkey) for pubkey in wanted])
            if wanted == [self.id, *(need.pubkey for need in self.entry.pool.accounts_needed())]:
                return

    def _update(self, pubkey: Pubkey) -> AccountUpdate:
        now = self.held.clock.mono_ns()
        account: Account | None = self.accounts.get(pubkey)
        return AccountUpdate(pubkey, self.held.slot, account, now, UpdateSource.ANSWER, now)


@EVERY_POOL
def test_behind_taken_depth_a_pool_gives_what_it_would_had_that_been_traded(held: HeldMarket, name: str) -> None:
    pool = RealPool(held, name)
    first = pool.simulate(pool.sol_in)
    second = pool.simulate(pool.sol_in, taken=first.taken[0]).swaps[0].output_amount
    assert pool.simulate(pool.sol_in).swaps[0].output_amount == first.swaps[0].output_amount, "no pool was moved"
    assert pool.trade(SOL.mint, pool.sol_in) == first.swaps[0].output_amount
    assert pool.simulate(pool.sol_in).swaps[0].output_amount == second < first.swaps[0].output_amount


@EVERY_POOL
def test_once_others_have_traded_as_far_nothing_is_taken_any_more(held: HeldMarket, name: str) -> None:
    pool = RealPool(held, name)
    taken = pool.simulate(pool.sol_in).taken[0]
    usdc = pool.trade(SOL.mint, 3 * pool.sol_in)
    assert pool.simulate(pool.sol_in, taken=taken).taken[0].input_amount == pool.sol_in
    pool.trade(USDC.mint, usdc)
    untouched, behind = pool.simulate(pool.sol_in), pool.simulate(pool.sol_in, taken=taken)
    assert behind.swaps == untouched.swaps, "what came back after that was never taken"


@EVERY_POOL
def test_what_others_trade_the_other_way_comes_before_what_is_taken(held: HeldMarket, name: str) -> None:
    pool = RealPool(held, name)
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


def test_another_chain_knows_no_prices_of_this_one(held: HeldMarket) -> None:
    pool = RealPool(held, "raydium_amm_v4/sol_usdc_58oQChx4")
    taken = pool.simulate(pool.sol_in).taken[0]
    pool.trade(SOL.mint, 3 * pool.sol_in)
    held.market.begin_anew()
    assert held.market.quoter.chain_clock is None
    assert taken.since_slot < held.slot
