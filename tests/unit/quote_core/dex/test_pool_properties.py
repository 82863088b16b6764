"""Invariants of every DEX on recorded pools: what no swap may do, whatever the amount.

PumpSwap bends two of them by its own arithmetic, and the tests say by how much: three fees rounded up apart let one
more unit of input deliver up to two units less, and buy_exact_quote_in keeps a unit of the budget off the curve.
"""

from collections.abc import Callable, Mapping
from typing import Final

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from quote_core.dex.pool import Account, ChainClock, Direction, Pool, Swap, SwapMode
from quote_core.dex.recorded import RecordedPool
from quote_core.errors import MarketError
from quote_core.units import Pubkey

OpenPool = Callable[..., Pool]
Recorded = Callable[[str, str], RecordedPool]

CONSTANT_PRODUCT: Final = [
    ("raydium_amm_v4", "sol_usdc_58oQChx4"),
    ("raydium_cpmm", "sol_usdc_7JuwJuNU"),
    ("pumpswap", "pump_usdc_2uF4Xh61"),
    ("pumpswap", "synthetic_virtual_reserves_pos"),
]
CONCENTRATED: Final = [
    ("raydium_clmm", "sol_usdc_3ucNos4N_jul2026"),
    ("orca_whirlpool", "sol_usdc_ts4_Czfq3xZZ"),
    ("orca_whirlpool", "synthetic_adaptive_ts4_A"),
    ("meteora_dlmm", "sol_usdc_bs4_5rCf1DM8"),
]
PUMPSWAP_SALE_SLACK: Final = 2  # quote units
PUMPSWAP_BUY_STEP: Final = 8  # quote units of input that outweigh the rounding of three fees and the unit kept back

constant_product_pools = pytest.mark.parametrize(("dex_label", "name"), CONSTANT_PRODUCT)
every_pool = pytest.mark.parametrize(("dex_label", "name"), CONSTANT_PRODUCT + CONCENTRATED)
few_examples = settings(max_examples=50, deadline=None)
directions = st.sampled_from(Direction)
amounts = st.integers(0, 48).flatmap(lambda bits: st.integers(2**bits, 2 ** (bits + 1)))


def tried(pool: Pool, direction: Direction, mode: SwapMode, amount: int, clock: ChainClock) -> Swap:
    """Price a swap; an amount the pool refuses makes the example void."""
    try:
        return pool.swap(direction, mode, amount, clock)
    except MarketError:
        assume(False)
        raise AssertionError("assume(False) returns nowhere") from None


def apply_swap(pool: Pool, swap: Swap, source: RecordedPool) -> None:
    for pubkey, data in pool.write_swap(swap).items():
        pool.apply(pubkey, Account(source.accounts[pubkey].owner, data))


def vault_changes(pool: Pool, source: RecordedPool, written: Mapping[Pubkey, bytes]) -> dict[str, int]:
    """How the balance of each written token account changes, by its mint."""
    return {
        source.accounts[pubkey].data[:32].hex(): balance(data) - balance(source.accounts[pubkey].data)
        for pubkey, data in written.items()
        if source.accounts[pubkey].owner.startswith("Token")
    }


def balance(token_account: bytes) -> int:
    return int.from_bytes(token_account[64:72], "little")


@every_pool
@few_examples
@given(direction=directions, amount=amounts, more=amounts)
def test_output_never_falls_as_input_grows(
    open_pool: OpenPool, clock: ChainClock, dex_label: str, name: str, direction: Direction, amount: int, more: int
) -> None:
    slack, pool = 0, open_pool(dex_label, name)
    if dex_label == "pumpswap" and direction is Direction.A_TO_B:
        slack = PUMPSWAP_SALE_SLACK
    elif dex_label == "pumpswap":
        more += PUMPSWAP_BUY_STEP
    less_in = tried(pool, direction, SwapMode.EXACT_IN, amount, clock)
    more_in = tried(pool, direction, SwapMode.EXACT_IN, amount + more, clock)
    assert more_in.amount_out >= less_in.amount_out - slack


@every_pool
@few_examples
@given(direction=directions, amount=amounts)
def test_round_trip_never_gains(
    open_pool: OpenPool,
    recorded: Recorded,
    clock: ChainClock,
    dex_label: str,
    name: str,
    direction: Direction,
    amount: int,
) -> None:
    pool = open_pool(dex_label, name)
    there = tried(pool, direction, SwapMode.EXACT_IN, amount, clock)
    apply_swap(pool, there, recorded(dex_label, name))
    back = tried(pool, direction.reverse, SwapMode.EXACT_IN, there.amount_out, clock)
    assert back.amount_out <= amount


@every_pool
@few_examples
@given(direction=directions, wanted=amounts)
def test_what_exact_out_costs_buys_at_least_as_much_by_exact_in(
    open_pool: OpenPool, clock: ChainClock, dex_label: str, name: str, direction: Direction, wanted: int
) -> None:
    pool = open_pool(dex_label, name)
    cost = tried(pool, direction, SwapMode.EXACT_OUT, wanted, clock).amount_in
    if dex_label == "pumpswap" and direction is Direction.B_TO_A:
        cost += PUMPSWAP_BUY_STEP
    assert tried(pool, direction, SwapMode.EXACT_IN, cost, clock).amount_out >= wanted


@every_pool
@few_examples
@given(direction=directions, wanted=amounts)
def test_a_unit_less_than_exact_out_costs_does_not_buy_as_much_by_exact_in(
    open_pool: OpenPool, clock: ChainClock, dex_label: str, name: str, direction: Direction, wanted: int
) -> None:
    pool = open_pool(dex_label, name)
    cost = tried(pool, direction, SwapMode.EXACT_OUT, wanted, clock).amount_in
    assert tried(pool, direction, SwapMode.EXACT_IN, cost - 1, clock).amount_out < wanted


@constant_product_pools
@few_examples
@given(direction=directions, first=amounts, second=amounts)
def test_splitting_a_trade_never_beats_it(
    open_pool: OpenPool,
    recorded: Recorded,
    clock: ChainClock,
    dex_label: str,
    name: str,
    direction: Direction,
    first: int,
    second: int,
) -> None:
    pool = open_pool(dex_label, name)
    fee_before = pool.fee_fraction(direction, clock)
    whole = tried(pool, direction, SwapMode.EXACT_IN, first + second, clock)
    part = tried(pool, direction, SwapMode.EXACT_IN, first, clock)
    apply_swap(pool, part, recorded(dex_label, name))
    assume(pool.fee_fraction(direction, clock) == fee_before)  # PumpSwap: the second part may be of another tier
    rest = tried(pool, direction, SwapMode.EXACT_IN, second, clock)
    allowance = 0
    if dex_label == "pumpswap":
        # a sale leaves its fee for liquidity in the very reserve the next sale draws on
        allowance = part.fee_amount + PUMPSWAP_SALE_SLACK if direction is Direction.A_TO_B else worth(pool, clock)
    assert part.amount_out + rest.amount_out <= whole.amount_out + allowance


def worth(pool: Pool, clock: ChainClock) -> int:
    """Base units that the rounding of one PumpSwap buy can be worth."""
    return int(PUMPSWAP_BUY_STEP / pool.spot_price(clock)) + 1


@every_pool
@few_examples
@given(direction=directions, amount=amounts)
def test_vaults_gain_what_the_trader_pays_and_lose_what_he_gets(
    open_pool: OpenPool,
    recorded: Recorded,
    clock: ChainClock,
    dex_label: str,
    name: str,
    direction: Direction,
    amount: int,
) -> None:
    source, pool = recorded(dex_label, name), open_pool(dex_label, name)
    swap = tried(pool, direction, SwapMode.EXACT_IN, amount, clock)
    lost, gained = sorted(vault_changes(pool, source, pool.write_swap(swap)).values())
    if dex_label == "pumpswap" and direction is Direction.A_TO_B:
        assert gained == amount
        assert swap.amount_out <= -lost <= swap.amount_out + swap.fee_amount
    elif dex_label == "pumpswap":
        assert amount - swap.fee_amount - PUMPSWAP_BUY_STEP <= gained <= amount
        assert lost == -swap.amount_out
    else:
        assert (gained, lost) == (amount, -swap.amount_out)


@every_pool
@few_examples
@given(direction=directions, amount=amounts)
def test_token_accounts_change_in_nothing_but_the_balance(
    open_pool: OpenPool,
    recorded: Recorded,
    clock: ChainClock,
    dex_label: str,
    name: str,
    direction: Direction,
    amount: int,
) -> None:
    source, pool = recorded(dex_label, name), open_pool(dex_label, name)
    written = pool.write_swap(tried(pool, direction, SwapMode.EXACT_IN, amount, clock))
    for pubkey, data in written.items():
        before = source.accounts[pubkey]
        assert len(data) == len(before.data)
        if before.owner.startswith("Token"):
            assert data[:64] + data[72:] == before.data[:64] + before.data[72:]


@few_examples
@given(direction=directions, amount=amounts)
def test_cpmm_swap_changes_nothing_of_the_pool_but_its_fee_counters(
    open_pool: OpenPool, recorded: Recorded, clock: ChainClock, direction: Direction, amount: int
) -> None:
    dex_label, name = CONSTANT_PRODUCT[1]
    pool = open_pool(dex_label, name)
    before = recorded(dex_label, name).accounts[pool.address].data
    after = pool.write_swap(tried(pool, direction, SwapMode.EXACT_IN, amount, clock))[pool.address]
    changed = {index for index, (old, new) in enumerate(zip(before, after, strict=True)) if old != new}
    assert changed <= {*range(341, 373), *range(397, 413)}


@every_pool
@few_examples
@given(direction=directions, rungs=st.lists(amounts, min_size=1, max_size=12))
def test_ladder_is_one_swap_after_the_other(
    open_pool: OpenPool, clock: ChainClock, dex_label: str, name: str, direction: Direction, rungs: list[int]
) -> None:
    pool = open_pool(dex_label, name)
    ascending = sorted(rungs)
    assert list(pool.ladder(direction, ascending, clock)) == [
        out_or_zero(pool, direction, amount, clock) for amount in ascending
    ]


def out_or_zero(pool: Pool, direction: Direction, amount: int, clock: ChainClock) -> int:
    try:
        return pool.swap(direction, SwapMode.EXACT_IN, amount, clock).amount_out
    except MarketError:
        return 0
