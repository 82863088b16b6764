"""What the frame does for every compiled ladder, seen through the pools of all six DEXes."""

from array import array
from collections.abc import Callable
from typing import Final

import pytest

from quote_core.dex.pool import ChainClock, Direction, Pool

OpenPool = Callable[..., Pool]

WALKED: Final = (
    ("raydium_clmm", "sol_usdc_3ucNos4N_jul2026"),
    ("orca_whirlpool", "sol_usdc_ts4_Czfq3xZZ"),
    ("meteora_dlmm", "sol_usdc_bs4_5rCf1DM8"),
)
POOLS: Final = (
    *WALKED,
    ("raydium_amm_v4", "sol_usdc_58oQChx4"),
    ("raydium_cpmm", "sol_usdc_7JuwJuNU"),
    ("pumpswap", "pump_usdc_2uF4Xh61"),
)
AMOUNTS: Final = [10**6, 10**7, 10**7, 10**8]


@pytest.mark.parametrize(("dex_label", "name"), POOLS)
@pytest.mark.parametrize("direction", Direction)
def test_no_amounts_have_no_outputs(
    dex_label: str, name: str, direction: Direction, open_pool: OpenPool, clock: ChainClock
) -> None:
    for none in ([], (), array("Q")):
        assert list(open_pool(dex_label, name).ladder(direction, none, clock)) == []


@pytest.mark.parametrize(("dex_label", "name"), POOLS)
def test_amounts_come_as_any_sequence_and_stay_as_they_are(
    dex_label: str, name: str, open_pool: OpenPool, clock: ChainClock
) -> None:
    pool, amounts = open_pool(dex_label, name), array("Q", AMOUNTS)
    expected = list(pool.ladder(Direction.A_TO_B, AMOUNTS, clock))
    assert all(expected)
    for same in (amounts, tuple(AMOUNTS), array("I", AMOUNTS)):
        assert list(pool.ladder(Direction.A_TO_B, same, clock)) == expected
    assert list(amounts) == AMOUNTS
    amounts.append(10**9)  # nothing holds on to it


@pytest.mark.parametrize(("dex_label", "name"), WALKED)
def test_a_walk_refuses_amounts_out_of_order(dex_label: str, name: str, open_pool: OpenPool, clock: ChainClock) -> None:
    pool = open_pool(dex_label, name)
    with pytest.raises(ValueError, match="must ascend"):
        pool.ladder(Direction.A_TO_B, [10**7, 10**6], clock)


@pytest.mark.parametrize(("dex_label", "name"), POOLS)
@pytest.mark.parametrize("amount", [-1, 2**64])
def test_amounts_beyond_64_bits_are_an_error(
    dex_label: str, name: str, amount: int, open_pool: OpenPool, clock: ChainClock
) -> None:
    with pytest.raises(OverflowError):
        open_pool(dex_label, name).ladder(Direction.A_TO_B, [amount], clock)
