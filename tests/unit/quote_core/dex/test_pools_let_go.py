"""A pool that nobody refers to is freed at once: it does not wait for the garbage collector, which may never look."""

import gc
import weakref
from collections.abc import Callable

import pytest

from quote_core.dex.pool import ChainClock, Direction, Pool, SwapMode

OpenPool = Callable[..., Pool]


@pytest.mark.parametrize(
    ("dex_label", "name"),
    [
        ("raydium_amm_v4", "sol_usdc_58oQChx4"),
        ("raydium_cpmm", "sol_usdc_7JuwJuNU"),
        ("pumpswap", "pump_usdc_2uF4Xh61"),
        ("raydium_clmm", "sol_usdc_3ucNos4N_jul2026"),
        ("orca_whirlpool", "synthetic_adaptive_ts4_A"),
        ("meteora_dlmm", "sol_usdc_bs4_5rCf1DM8"),
    ],
)
def test_a_pool_let_go_is_freed_without_a_collection(
    open_pool: OpenPool, clock: ChainClock, dex_label: str, name: str
) -> None:
    pool = open_pool(dex_label, name)
    for direction in Direction:
        pool.ladder(direction, [10**6, 10**12], clock)
        pool.swap(direction, SwapMode.EXACT_IN, 10**6, clock)
    left = weakref.ref(pool)
    gc.disable()
    try:
        del pool
        assert left() is None
    finally:
        gc.enable()
