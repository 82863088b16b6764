"""The compiled ladders against their readable twins, over all reserves, rates and amounts that 64 bits hold."""

from array import array
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from quote_core.dex._constant_product import AmmV4Pricing, CpmmPricing
from quote_core.dex.constant_product import curve_out_floor
from quote_core.dex.fixed_point import mul_div_ceil
from quote_core.dex.pool import ChainClock, Direction
from quote_core.dex.pumpswap import PumpSwapPool
from quote_core.dex.raydium_cpmm.fill import CpmmFees, swap_exact_in
from quote_core.dex.spl_token import TransferFee
from quote_core.units import U64_MAX

u64 = st.one_of(st.integers(0, U64_MAX), st.integers(0, 1000), st.integers(U64_MAX - 1000, U64_MAX))
ladders = st.lists(u64, max_size=40)
ppm = st.integers(0, 499_999)
bps = st.integers(0, 10_000)


def fractions() -> st.SearchStrategy[tuple[int, int]]:
    """A fee below one."""
    return st.integers(1, U64_MAX).flatmap(lambda den: st.tuples(st.integers(0, den - 1), st.just(den)))


@given(ladders, u64, u64, fractions())
def test_amm_v4_kernel_is_its_formula(
    amounts: list[int], reserve_in: int, reserve_out: int, fee: tuple[int, int]
) -> None:
    expected = [
        curve_out_floor(reserve_in, reserve_out, amount - mul_div_ceil(amount, *fee)) if reserve_in else 0
        for amount in amounts
    ]
    assert list(AmmV4Pricing(reserve_in, reserve_out, *fee)(amounts)) == expected


@given(
    amounts=ladders,
    vault_in=u64,
    owed=u64,
    reserve_out=u64,
    trade=ppm,
    creator=ppm,
    on_input=st.booleans(),
    transfer_in=st.builds(TransferFee, bps, u64),
    transfer_out=st.builds(TransferFee, bps, u64),
)
def test_cpmm_kernel_is_its_twin(
    amounts: list[int],
    vault_in: int,
    owed: int,
    reserve_out: int,
    trade: int,
    creator: int,
    on_input: bool,
    transfer_in: TransferFee,
    transfer_out: TransferFee,
) -> None:
    fees = CpmmFees(trade, creator, on_input, transfer_in, transfer_out)
    reserve_in = max(0, vault_in - owed)

    def twin(amount: int) -> int:
        if reserve_in == 0:
            return 0
        fill = swap_exact_in(reserve_in, reserve_out, amount, fees)
        return fill.amount_out if vault_in + fill.vault_received <= U64_MAX else 0

    assert list(
        CpmmPricing(
            reserve_in,
            reserve_out,
            vault_in,
            fees.input_ppm,
            0 if on_input else creator,
            transfer_in.rate_bps,
            transfer_in.fee_max,
            transfer_out.rate_bps,
            transfer_out.fee_max,
        )(amounts)
    ) == [twin(amount) for amount in amounts]


@given(
    amounts=ladders,
    base=u64,
    quote=u64,
    virtual=st.integers(-(2**65), 2**65),
    direction=st.sampled_from(Direction),
)
def test_pumpswap_kernel_is_its_twin(
    open_pool: Callable[..., PumpSwapPool],
    clock: ChainClock,
    amounts: list[int],
    base: int,
    quote: int,
    virtual: int,
    direction: Direction,
) -> None:
    pool = open_pool(
        "pumpswap",
        "synthetic_canonical_tier_1",
        {
            ("vault_base", 64): base.to_bytes(8, "little"),
            ("vault_quote", 64): quote.to_bytes(8, "little"),
            ("pool", 245): virtual.to_bytes(16, "little", signed=True),
        },
    )
    if quote + virtual > 0:
        assert list(pool.ladder(direction, amounts, clock)) == list(pool.ladder_by_swaps(direction, amounts, clock))


@given(ladders)
def test_array_and_list_of_amounts_price_alike(amounts: list[int]) -> None:
    pricing = AmmV4Pricing(10**12, 10**12, 25, 10_000)
    as_list = pricing(amounts)
    assert pricing(array("Q", amounts)) == as_list
    assert pricing(tuple(amounts)) == as_list


def test_array_of_another_width_is_converted_not_misread() -> None:
    assert AmmV4Pricing(10**12, 10**12, 0, 1)(array("I", [1000]))[0] == 999
