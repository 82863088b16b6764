"""Tick and bin arrays: those that a moved price needs no more are dropped, for nobody tells of their changes."""

from collections.abc import Callable

import pytest

from quote_core.dex.layout import IntField, with_fields
from quote_core.dex.meteora_dlmm import layout as dlmm
from quote_core.dex.orca_whirlpool import layout as whirlpool
from quote_core.dex.orca_whirlpool import ticks as whirlpool_ticks
from quote_core.dex.pool import Account, ChainClock, Direction, Pool, SwapMode
from quote_core.dex.raydium_clmm import layout as clmm
from quote_core.dex.raydium_clmm import ticks as clmm_ticks
from quote_core.dex.recorded import RecordedPool
from quote_core.errors import LiquidityNotLoaded

OpenPool = Callable[..., Pool]
Recorded = Callable[[str, str], RecordedPool]
FAR_TICK = 100_000
FAR_AWAY: dict[tuple[str, str], list[tuple[IntField, int]]] = {
    ("raydium_clmm", "sol_usdc_3ucNos4N_jul2026"): [
        (clmm.TICK_CURRENT, FAR_TICK),
        (clmm.SQRT_PRICE, clmm_ticks.sqrt_price_at_tick(FAR_TICK)),
    ],
    ("orca_whirlpool", "sol_usdc_ts4_Czfq3xZZ"): [
        (whirlpool.TICK_CURRENT, FAR_TICK),
        (whirlpool.SQRT_PRICE, whirlpool_ticks.sqrt_price_at_tick(FAR_TICK)),
    ],
    ("meteora_dlmm", "sol_usdc_bs4_5rCf1DM8"): [(dlmm.ACTIVE_ID, 30_000)],
}


@pytest.mark.parametrize(("dex_label", "name"), FAR_AWAY)
def test_a_price_that_went_far_and_came_back_does_not_find_the_old_arrays(
    open_pool: OpenPool, recorded: Recorded, clock: ChainClock, dex_label: str, name: str
) -> None:
    pool = open_pool(dex_label, name)
    own = recorded(dex_label, name).accounts[pool.address]
    before = pool.swap(Direction.A_TO_B, SwapMode.EXACT_IN, 10**6, clock)
    pool.apply(pool.address, Account(own.owner, with_fields(own.data, FAR_AWAY[dex_label, name])))
    pool.apply(pool.address, own)
    with pytest.raises(LiquidityNotLoaded):
        pool.swap(Direction.A_TO_B, SwapMode.EXACT_IN, 10**6, clock)
    for need in pool.accounts_needed():
        pool.apply(need.pubkey, recorded(dex_label, name).accounts.get(need.pubkey))
    assert pool.swap(Direction.A_TO_B, SwapMode.EXACT_IN, 10**6, clock).amount_out == before.amount_out


def test_an_absent_bin_array_takes_no_other_with_it(open_pool: OpenPool, clock: ChainClock) -> None:
    pool = open_pool("meteora_dlmm", "memecoin_sol_EtAdVRLF")  # stands in array 0
    before = pool.swap(Direction.A_TO_B, SwapMode.EXACT_IN, 10**4, clock)
    pool.apply(dlmm.bin_array_address(pool.address, 5_000), None)
    assert pool.swap(Direction.A_TO_B, SwapMode.EXACT_IN, 10**4, clock).amount_out == before.amount_out
