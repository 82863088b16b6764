from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quote_core.dex.pool import ChainClock, Direction, Pool, SwapMode
from quote_core.dex.raydium_cpmm.fill import CpmmFees, swap_exact_in, swap_exact_out
from quote_core.dex.spl_token import TransferFee
from quote_core.errors import ActivationPending, AmountOverflow, CorruptAccount, ImpossibleReserves, NotTradable

OpenPool = Callable[..., Pool]
DEX, NAME = "raydium_cpmm", "sol_usdc_7JuwJuNU"
STATUS, PROTOCOL_FEES_0, OPEN_TIME, CREATOR_FEE_ON, ENABLE_CREATOR_FEE = 329, 341, 373, 389, 390
TRADE_RATE, CREATOR_RATE = 12, 108
VAULT_AMOUNT = 64

reserves = st.integers(1, 2**62)
amounts = st.integers(1, 2**62)
transfer_fees = st.builds(TransferFee, st.integers(0, 2_000), st.integers(0, 2**40))
fees = st.builds(
    CpmmFees,
    trade_ppm=st.integers(0, 100_000),
    creator_ppm=st.integers(0, 100_000),
    creator_on_input=st.booleans(),
    transfer_in=transfer_fees,
    transfer_out=transfer_fees,
)


def u64(value: int) -> bytes:
    return value.to_bytes(8, "little")


def test_creator_fee_on_the_input_shares_one_ceil_with_the_trade_fee() -> None:
    both = CpmmFees(trade_ppm=2_500, creator_ppm=500, creator_on_input=True)
    fill = swap_exact_in(10**12, 10**12, 1_001, both)
    # ceil(1001 * 3000 / 1e6) = 4, of which floor(4 * 500 / 3000) = 0 is the creator's; two ceils would take 3 + 1
    assert (fill.trade_fee, fill.creator_fee) == (4, 0)


def test_creator_fee_on_the_output_is_taken_after_the_curve() -> None:
    on_output = CpmmFees(trade_ppm=0, creator_ppm=10_000, creator_on_input=False)
    fill = swap_exact_in(10**15, 10**15, 1_000_000, on_output)
    assert (fill.trade_fee, fill.creator_fee, fill.amount_out) == (0, 10_000, 999_999 - 10_000)


def test_transfer_fees_are_off_the_input_first_and_off_the_output_last() -> None:
    charged = CpmmFees(
        0, 0, creator_on_input=True, transfer_in=TransferFee(100, 2**60), transfer_out=TransferFee(200, 3)
    )
    fill = swap_exact_in(10**15, 10**15, 10_000, charged)
    assert (fill.vault_received, fill.vault_sent, fill.amount_out) == (9_900, 9_899, 9_896)


@given(reserves, reserves, amounts, fees)
def test_exact_out_costs_enough_to_get_it_by_exact_in(
    reserve_in: int, reserve_out: int, wanted: int, terms: CpmmFees
) -> None:
    fill = swap_exact_out(reserve_in, reserve_out, wanted, terms)
    if fill is not None:
        assert swap_exact_in(reserve_in, reserve_out, fill.amount_in, terms).amount_out >= wanted


@given(reserves, reserves, amounts, fees)
def test_the_product_of_reserves_never_falls(reserve_in: int, reserve_out: int, amount: int, terms: CpmmFees) -> None:
    fill = swap_exact_in(reserve_in, reserve_out, amount, terms)
    assert (reserve_in + fill.vault_received) * (reserve_out - fill.vault_sent) >= reserve_in * reserve_out


@given(reserves, reserves, amounts, fees)
def test_fees_and_curve_input_add_up_to_what_was_received(
    reserve_in: int, reserve_out: int, amount: int, terms: CpmmFees
) -> None:
    fill = swap_exact_in(reserve_in, reserve_out, amount, terms)
    charged = fill.trade_fee + (fill.creator_fee if terms.creator_on_input else 0)
    assert 0 <= charged <= fill.vault_received <= fill.amount_in == amount


def test_accounts_needed_are_vaults_and_config_but_no_classic_mint(open_pool: OpenPool) -> None:
    assert len(open_pool(DEX, NAME).accounts_needed()) == 3


def test_swap_bit_switches_swaps_off(open_pool: OpenPool, clock: ChainClock) -> None:
    open_pool(DEX, NAME, {("pool", STATUS): b"\x03"}).check_tradable(clock)
    with pytest.raises(NotTradable, match="status 4"):
        open_pool(DEX, NAME, {("pool", STATUS): b"\x04"}).check_tradable(clock)


def test_pool_opens_at_its_time(open_pool: OpenPool, clock: ChainClock) -> None:
    pool = open_pool(DEX, NAME, {("pool", OPEN_TIME): u64(clock.unix_timestamp)})
    pool.check_tradable(clock)
    with pytest.raises(ActivationPending):
        pool.check_tradable(replace(clock, unix_timestamp=clock.unix_timestamp - 1))


def test_fees_owed_beyond_the_vault_are_impossible(open_pool: OpenPool, clock: ChainClock) -> None:
    with pytest.raises(ImpossibleReserves):
        open_pool(DEX, NAME, {("pool", PROTOCOL_FEES_0): u64(2**62)}).check_tradable(clock)


def test_vault_that_would_overflow_refuses(open_pool: OpenPool, clock: ChainClock) -> None:
    pool = open_pool(DEX, NAME, {("vault_0", VAULT_AMOUNT): u64(2**64 - 100)})
    with pytest.raises(AmountOverflow):
        pool.swap(Direction.A_TO_B, SwapMode.EXACT_IN, 2**63, clock)
    assert list(pool.ladder(Direction.A_TO_B, [2**63], clock)) == [0]


@pytest.mark.parametrize(
    ("role", "offset", "raw", "field"),
    [
        ("pool", CREATOR_FEE_ON, b"\x03", "pool_state.creator_fee_on"),
        ("amm_config", TRADE_RATE, u64(1_000_000), "amm_config.trade_fee_rate"),
        ("amm_config", 20, u64(1_000_001), "amm_config.protocol_fee_rate"),
    ],
)
def test_impossible_values_are_refused_by_field(
    open_pool: OpenPool, role: str, offset: int, raw: bytes, field: str
) -> None:
    with pytest.raises(CorruptAccount) as caught:
        open_pool(DEX, NAME, {(role, offset): raw})
    assert caught.value.field == field


@pytest.mark.parametrize(("creator_fee_on", "charged_on_input"), [(0, True), (1, True), (2, False)])
def test_fee_counters_take_what_is_owed_and_the_reserve_keeps_the_rest(
    open_pool: OpenPool, clock: ChainClock, creator_fee_on: int, charged_on_input: bool
) -> None:
    pool = open_pool(
        DEX,
        NAME,
        {
            ("pool", CREATOR_FEE_ON): bytes([creator_fee_on]),
            ("pool", ENABLE_CREATOR_FEE): b"\x01",
            ("amm_config", CREATOR_RATE): u64(1_000),
        },
    )
    swap = pool.swap(Direction.A_TO_B, SwapMode.EXACT_IN, 10**9, clock)
    written = pool.write_swap(swap)[pool.address]
    creator_fees = [int.from_bytes(written[offset : offset + 8], "little") for offset in (397, 405)]
    assert [fee > 0 for fee in creator_fees] == [charged_on_input, not charged_on_input]
    assert pool.fee_fraction(Direction.A_TO_B, clock) == pytest.approx(0.0035)


@pytest.mark.parametrize(
    ("creator_fee_on", "refusing"), [(0, set(Direction)), (1, {Direction.A_TO_B}), (2, {Direction.B_TO_A})]
)
def test_rates_of_zero_on_the_input_refuse_every_amount(
    open_pool: OpenPool, clock: ChainClock, creator_fee_on: int, refusing: set[Direction]
) -> None:
    patches = {("amm_config", TRADE_RATE): u64(0), ("pool", CREATOR_FEE_ON): bytes([creator_fee_on])}
    pool = open_pool(DEX, NAME, patches)
    for direction in Direction:
        ladder = list(pool.ladder(direction, [10**6, 10**9], clock))
        if direction not in refusing:
            assert ladder[0] == pool.swap(direction, SwapMode.EXACT_IN, 10**6, clock).amount_out > 0
            continue
        assert ladder == [0, 0]
        for mode in SwapMode:
            with pytest.raises(AmountOverflow, match="rate of zero"):
                pool.swap(direction, mode, 10**6, clock)
