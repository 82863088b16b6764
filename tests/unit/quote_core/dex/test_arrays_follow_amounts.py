"""Tick and bin arrays are asked for as far as the amounts need: one more whenever a walk or ladder ran out of them."""

from collections.abc import Callable

import pytest
from solders.pubkey import Pubkey as SoldersPubkey

from quote_core.dex.concentrated import ARRAYS_EACH_WAY_MAX
from quote_core.dex.meteora_dlmm import layout as dlmm
from quote_core.dex.pool import Account, ChainClock, Direction, Pool, SwapMode
from quote_core.dex.raydium_clmm import layout as clmm
from quote_core.dex.raydium_clmm.ticks import sqrt_price_at_tick
from quote_core.errors import LiquidityNotLoaded, MarketError, NoLiquidity
from quote_core.units import Pubkey

OpenPool = Callable[..., Pool]
POOLS = [("raydium_clmm", "sol_usdc_3ucNos4N_jul2026"), ("meteora_dlmm", "sol_usdc_bs4_5rCf1DM8")]
both_dexes = pytest.mark.parametrize(("dex_label", "name"), POOLS)
HUGE = 2**62
EXTENSIONS = {"raydium_clmm": clmm.bitmap_extension_address, "meteora_dlmm": dlmm.bitmap_extension_address}
BITMAPS = {"raydium_clmm": ("pool", 904), "meteora_dlmm": ("pool", 584)}
EVERY_ARRAY_SET = b"\xff" * 128


def opened(open_pool: OpenPool, dex_label: str, name: str) -> Pool:
    pool = open_pool(dex_label, name, {BITMAPS[dex_label]: EVERY_ARRAY_SET})
    pool.apply(EXTENSIONS[dex_label](pool.address), None)
    return pool


def needed(pool: Pool) -> list[Pubkey]:
    return [need.pubkey for need in pool.accounts_needed()]


def empty_array(pool: Pool, address: Pubkey) -> Account:
    """The array of that address, without anything in it."""
    own = bytes(SoldersPubkey.from_string(pool.address))
    if pool.dex.label == "meteora_dlmm":
        index = next(i for i in range(-512, 512) if dlmm.bin_array_address(pool.address, i) == address)
        head = bytes.fromhex("5c8e5cdc059446b5") + index.to_bytes(8, "little", signed=True) + bytes(8) + own
        return Account(dlmm.PROGRAM_ID, head.ljust(10136, b"\0"))
    span = clmm.TICKS_PER_ARRAY
    starts = (start for start in range(-512 * span, 512 * span, span))
    start = next(start for start in starts if clmm.tick_array_address(pool.address, start) == address)
    head = bytes.fromhex("c09b55cd31f9812a") + own + start.to_bytes(4, "little", signed=True)
    return Account(clmm.PROGRAM_ID, head.ljust(10240, b"\0"))


def swap_out(pool: Pool, clock: ChainClock, amount: int = HUGE) -> int:
    return pool.swap(Direction.A_TO_B, SwapMode.EXACT_IN, amount, clock).amount_out


@both_dexes
def test_a_walk_that_runs_out_asks_for_the_array_it_lacked(
    open_pool: OpenPool, clock: ChainClock, dex_label: str, name: str
) -> None:
    pool = opened(open_pool, dex_label, name)
    at_first = len(needed(pool))
    lacked = []
    for _ in range(12):
        with pytest.raises(LiquidityNotLoaded) as refusal:
            swap_out(pool, clock)
        lacked.append(Pubkey(refusal.value.account))
        assert lacked[-1] in needed(pool)
        pool.apply(lacked[-1], empty_array(pool, lacked[-1]))
    assert len(set(lacked)) == 12
    assert len(needed(pool)) > at_first


@both_dexes
def test_a_ladder_that_runs_out_asks_likewise(
    open_pool: OpenPool, clock: ChainClock, dex_label: str, name: str
) -> None:
    pool = opened(open_pool, dex_label, name)
    for _ in range(8):
        assert list(pool.ladder(Direction.A_TO_B, [HUGE], clock)) == [0]
        with pytest.raises(LiquidityNotLoaded) as refusal:
            swap_out(pool, clock)
        address = Pubkey(refusal.value.account)
        pool.apply(address, empty_array(pool, address))
    before = set(needed(pool))
    pool.ladder(Direction.A_TO_B, [HUGE], clock)
    (further,) = set(needed(pool)) - before
    assert further not in before


@both_dexes
def test_amounts_that_are_filled_ask_for_nothing(
    open_pool: OpenPool, clock: ChainClock, dex_label: str, name: str
) -> None:
    pool = opened(open_pool, dex_label, name)
    before = needed(pool)
    assert swap_out(pool, clock, 10**6) > 0
    assert pool.ladder(Direction.B_TO_A, [10**6], clock)[0] > 0
    assert needed(pool) == before


@both_dexes
def test_what_is_asked_for_ends_at_a_bound(open_pool: OpenPool, clock: ChainClock, dex_label: str, name: str) -> None:
    pool = opened(open_pool, dex_label, name)
    fixed = [need.pubkey for need in pool.accounts_needed()][:6]
    for _ in range(2 * ARRAYS_EACH_WAY_MAX):
        with pytest.raises(LiquidityNotLoaded) as refusal:
            swap_out(pool, clock)
        address = Pubkey(refusal.value.account)
        if address not in needed(pool):
            break
        pool.apply(address, empty_array(pool, address))
    assert len(needed(pool)) <= len(fixed) + 2 * ARRAYS_EACH_WAY_MAX
    assert address not in needed(pool)


@both_dexes
def test_an_array_that_does_not_exist_is_no_liquidity_and_an_unknown_one_is_not_loaded(
    open_pool: OpenPool, clock: ChainClock, dex_label: str, name: str
) -> None:
    pool = opened(open_pool, dex_label, name)
    with pytest.raises(LiquidityNotLoaded) as refusal:
        swap_out(pool, clock)
    pool.apply(Pubkey(refusal.value.account), None)
    with pytest.raises(NoLiquidity):
        swap_out(pool, clock)
    assert list(pool.ladder(Direction.A_TO_B, [HUGE], clock)) == [0]


def test_a_clmm_pool_far_out_without_extension_is_refused_or_not_known(open_pool: OpenPool, clock: ChainClock) -> None:
    dex_label, name = POOLS[0]
    far = 520 * clmm.TICKS_PER_ARRAY
    patches = {
        ("pool", clmm.TICK_CURRENT.offset): far.to_bytes(4, "little", signed=True),
        ("pool", clmm.SQRT_PRICE.offset): sqrt_price_at_tick(far).to_bytes(16, "little"),
        BITMAPS[dex_label]: EVERY_ARRAY_SET,
    }
    pool = open_pool(dex_label, name, patches)
    assert refusal_of(pool, clock) is LiquidityNotLoaded
    pool.apply(clmm.bitmap_extension_address(pool.address), None)
    assert refusal_of(pool, clock) is NoLiquidity


def refusal_of(pool: Pool, clock: ChainClock) -> type[MarketError] | None:
    try:
        swap_out(pool, clock)
    except MarketError as refusal:
        return type(refusal)
    return None
