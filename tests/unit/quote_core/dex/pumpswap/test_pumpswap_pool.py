from collections.abc import Callable

import pytest

from quote_core.dex.pool import Account, ChainClock, Direction, Pool, SwapMode
from quote_core.dex.pumpswap.fees import FeeRates
from quote_core.dex.pumpswap.fill import quote_spent_on_curve
from quote_core.dex.recorded import RecordedPool
from quote_core.errors import CorruptAccount, NoLiquidity, NotTradable, ReserveShort

OpenPool = Callable[..., Pool]
DEX, CANONICAL, PLAIN = "pumpswap", "synthetic_canonical_tier_1", "pump_usdc_2uF4Xh61"
DISABLE_FLAGS, VIRTUAL_QUOTE, CREATOR_FEE_BPS, VAULT_AMOUNT = 56, 245, 261, 64
PROTOCOL_FEES, CREATOR_FEES = 271, 279


def u64(value: int) -> bytes:
    return value.to_bytes(8, "little")


def i128(value: int) -> bytes:
    return value.to_bytes(16, "little", signed=True)


def test_three_fees_are_rounded_up_apart() -> None:
    rates = FeeRates(lp_bps=20, protocol_bps=5, creator_bps=60)
    assert rates.total_fee(1) == 3
    assert rates.total_fee(10_000) == 85


def test_spending_never_exceeds_the_budget_by_the_fees() -> None:
    rates = FeeRates(20, 5, 60)
    for spend in range(1, 3_000):
        effective = quote_spent_on_curve(spend, rates)
        assert effective <= 0 or effective + rates.total_fee(effective) <= spend


def test_fees_are_on_the_quote_side_both_ways(open_pool: OpenPool, clock: ChainClock) -> None:
    pool = open_pool(DEX, CANONICAL)
    for direction in Direction:
        swap = pool.swap(direction, SwapMode.EXACT_IN, 10**9, clock)
        assert swap.fee_mint == pool.mint_b


@pytest.mark.parametrize(("flags", "off"), [(1 << 3, Direction.B_TO_A), (1 << 4, Direction.A_TO_B)])
def test_a_switched_off_side_refuses_and_the_other_trades(
    open_pool: OpenPool, clock: ChainClock, flags: int, off: Direction
) -> None:
    pool = open_pool(DEX, CANONICAL, {("global_config", DISABLE_FLAGS): bytes([flags])})
    pool.check_tradable(clock)
    with pytest.raises(NotTradable):
        pool.swap(off, SwapMode.EXACT_IN, 10**9, clock)
    assert list(pool.ladder(off, [10**9], clock)) == [0]
    assert pool.ladder(off.reverse, [10**9], clock)[0] > 0


def test_both_sides_off_is_not_tradable(open_pool: OpenPool, clock: ChainClock) -> None:
    pool = open_pool(DEX, CANONICAL, {("global_config", DISABLE_FLAGS): b"\x18"})
    with pytest.raises(NotTradable):
        pool.check_tradable(clock)


def test_negative_virtual_reserve_beyond_the_vault_is_not_tradable(open_pool: OpenPool, clock: ChainClock) -> None:
    pool = open_pool(DEX, CANONICAL, {("pool", VIRTUAL_QUOTE): i128(-(2**64))})
    with pytest.raises(NotTradable, match="quote reserve"):
        pool.check_tradable(clock)


def test_sale_that_the_real_vault_cannot_pay_is_short(open_pool: OpenPool, clock: ChainClock) -> None:
    pool = open_pool(DEX, CANONICAL, {("vault_quote", VAULT_AMOUNT): u64(10), ("pool", VIRTUAL_QUOTE): i128(10**12)})
    with pytest.raises(ReserveShort):
        pool.swap(Direction.A_TO_B, SwapMode.EXACT_IN, 10**15, clock)
    assert list(pool.ladder(Direction.A_TO_B, [10**15], clock)) == [0]


@pytest.mark.parametrize(
    ("owed_field", "name"), [(PROTOCOL_FEES, CANONICAL), (CREATOR_FEES, CANONICAL), (CREATOR_FEES, PLAIN)]
)
def test_fees_that_wait_in_the_vault_are_priced_with_but_not_paid_out(
    open_pool: OpenPool,
    recorded: Callable[[str, str], RecordedPool],
    clock: ChainClock,
    owed_field: int,
    name: str,
) -> None:
    plain = open_pool(DEX, name)
    sale = plain.swap(Direction.A_TO_B, SwapMode.EXACT_IN, 10**12, clock)
    before = int.from_bytes(recorded(DEX, name).accounts[plain.vault_b].data[64:72], "little")
    paid_out = before - int.from_bytes(plain.write_swap(sale)[plain.vault_b][64:72], "little")
    just_enough = open_pool(DEX, name, {("pool", owed_field): u64(before - paid_out)})
    assert just_enough.swap(Direction.A_TO_B, SwapMode.EXACT_IN, 10**12, clock).amount_out == sale.amount_out
    assert list(just_enough.ladder(Direction.A_TO_B, [10**12], clock)) == [sale.amount_out]
    short = open_pool(DEX, name, {("pool", owed_field): u64(before - paid_out + 1)})
    with pytest.raises(ReserveShort):
        short.swap(Direction.A_TO_B, SwapMode.EXACT_IN, 10**12, clock)
    assert list(short.ladder(Direction.A_TO_B, [10**12], clock)) == [0]
    assert short.ladder(Direction.B_TO_A, [10**9], clock)[0] == plain.ladder(Direction.B_TO_A, [10**9], clock)[0]


def test_an_account_from_before_the_waiting_fees_owes_none(
    open_pool: OpenPool, recorded: Callable[[str, str], RecordedPool], clock: ChainClock
) -> None:
    pool = open_pool(DEX, PLAIN)
    own = recorded(DEX, PLAIN).accounts[pool.address]
    before = pool.swap(Direction.A_TO_B, SwapMode.EXACT_IN, 10**9, clock).amount_out
    pool.apply(pool.address, Account(own.owner, own.data[:270]))
    assert pool.swap(Direction.A_TO_B, SwapMode.EXACT_IN, 10**9, clock).amount_out == before


def test_virtual_reserve_beyond_64_bits_prices_like_any_other(open_pool: OpenPool, clock: ChainClock) -> None:
    pool = open_pool(DEX, CANONICAL, {("pool", VIRTUAL_QUOTE): i128(2**70)})
    amounts = [10**6, 10**9]
    expected = [pool.swap(Direction.B_TO_A, SwapMode.EXACT_IN, amount, clock).amount_out for amount in [2**63]]
    assert list(pool.ladder(Direction.B_TO_A, [2**63], clock)) == expected
    assert list(pool.ladder(Direction.A_TO_B, amounts, clock)) == [0, 0]  # the vault is short of what they are worth


def test_sale_by_wanted_quote_delivers_it(open_pool: OpenPool, clock: ChainClock) -> None:
    pool = open_pool(DEX, CANONICAL)
    for wanted in (1, 2, 999, 10**6, 123_456_789):
        swap = pool.swap(Direction.A_TO_B, SwapMode.EXACT_OUT, wanted, clock)
        assert swap.amount_out >= wanted
        again = pool.swap(Direction.A_TO_B, SwapMode.EXACT_IN, swap.amount_in, clock)
        assert again.amount_out == swap.amount_out


def test_wanting_more_quote_than_there_is_has_no_liquidity(open_pool: OpenPool, clock: ChainClock) -> None:
    with pytest.raises(NoLiquidity):
        open_pool(DEX, CANONICAL).swap(Direction.A_TO_B, SwapMode.EXACT_OUT, 2**63, clock)


def test_creator_rate_of_all_is_corrupt(open_pool: OpenPool) -> None:
    with pytest.raises(CorruptAccount, match=r"pool\.creator_fee_bps"):
        open_pool(DEX, CANONICAL, {("pool", CREATOR_FEE_BPS): u64(10_000)})


def test_pool_without_coin_creator_pays_no_creator_fee(open_pool: OpenPool, clock: ChainClock) -> None:
    with_creator = open_pool(DEX, CANONICAL).fee_fraction(Direction.A_TO_B, clock)
    without = open_pool(DEX, CANONICAL, {("pool", 211): bytes(32)}).fee_fraction(Direction.A_TO_B, clock)
    assert with_creator == pytest.approx(0.0085)
    assert without == pytest.approx(0.0025)


def test_creator_rate_of_the_pool_counts_only_where_configurable(open_pool: OpenPool, clock: ChainClock) -> None:
    own_rate = {("pool", CREATOR_FEE_BPS): u64(10)}
    # GlobalConfig of the recording ends before the switch, which is then off
    assert open_pool(DEX, CANONICAL, own_rate).fee_fraction(Direction.A_TO_B, clock) == pytest.approx(0.0085)
