"""The compiled ladder against the readable walk, on made-up pairs that reach every branch."""

from array import array

from hypothesis import given
from hypothesis import strategies as st

from quote_core.dex.meteora_dlmm._ladder import BinLadder, BinRun
from quote_core.dex.meteora_dlmm.bins import price_of_bin
from quote_core.dex.meteora_dlmm.state import BINS_PER_ARRAY, Bin, DlmmState, FeeParameters, Volatility
from quote_core.dex.meteora_dlmm.swap import (
    ArrayMissing,
    ExtensionMissing,
    OutOfBins,
    arrays_to_trade,
    bins_to_trade,
    walk,
)
from quote_core.dex.walk import MathOverflow

NOW = 1_790_000_000
U64_MAX = 2**64 - 1
ARRAY_ZERO = 8
amounts = st.lists(st.integers(0, 64).flatmap(lambda bits: st.integers(0, 2**bits - 1)), min_size=1, max_size=12)
sizes = st.just(0) | st.integers(0, 40).flatmap(lambda bits: st.integers(0, 2**bits)) | st.integers(0, U64_MAX)


@st.composite
def states(draw: st.DrawFn) -> DlmmState:
    bin_step = draw(st.sampled_from([1, 4, 100, 400]))
    active = draw(st.integers(-100, 100))
    with_orders = draw(st.booleans())
    orders = sizes if with_orders else st.just(0)
    arrays = {}
    array_set = 0
    for index in range(active // BINS_PER_ARRAY - 2, active // BINS_PER_ARRAY + 3):
        kind = draw(st.integers(0, 9))
        if kind == 0:
            continue  # not set: empty on chain
        array_set |= 1 << (index + ARRAY_ZERO)
        if kind == 1:
            continue  # set, and not held
        filled = draw(st.dictionaries(st.integers(0, BINS_PER_ARRAY - 1), st.none(), max_size=4))
        bins = []
        for position in range(BINS_PER_ARRAY):
            bin_id = index * BINS_PER_ARRAY + position
            price = price_of_bin(bin_id, bin_step)
            if position in filled:
                held = Bin(
                    bin_id, price, draw(sizes), draw(sizes), draw(orders), 0, draw(orders), 0, draw(st.booleans())
                )
            else:
                held = Bin(bin_id, price, 0, 0)
            bins.append(held)
        arrays[index] = tuple(bins)
    return DlmmState(
        active_id=active,
        bin_step=bin_step,
        fee=FeeParameters(
            base_factor=draw(st.integers(0, 65_535)),
            base_fee_power_factor=draw(st.integers(0, 3)),
            filter_period_s=30,
            decay_period_s=600,
            reduction_factor=5_000,
            variable_fee_control=draw(st.integers(0, 2**32 - 1)),
            accumulator_max=draw(st.integers(0, 2**32 - 1)),
        ),
        volatility=Volatility(
            accumulator=draw(st.integers(0, 10**6)),
            reference=draw(st.integers(0, 10**6)),
            index_reference=active + draw(st.integers(-50, 50)),
            last_update_unix_s=draw(st.sampled_from([NOW - 5, NOW - 100, NOW - 10_000])),
        ),
        fee_on_y_only=draw(st.booleans()),
        with_orders=with_orders,
        arrays=arrays,
        array_set=array_set,
        array_zero=ARRAY_ZERO,
        bitmap_complete=draw(st.booleans()),
    )


def ladder_of(state: DlmmState, *, x_to_y: bool) -> BinLadder:
    runs = [
        BinRun(bins_to_trade(state.arrays[index], x_to_y=x_to_y, with_orders=state.with_orders))
        for index in arrays_to_trade(state, x_to_y=x_to_y)
    ]
    fee_on_output = state.fee_on_y_only and x_to_y
    return BinLadder(runs, active_id=state.active_id, x_to_y=x_to_y, fee_on_output=fee_on_output)


def output(state: DlmmState, amount: int, *, x_to_y: bool, vault_out: int) -> int:
    try:
        done = walk(state, x_to_y=x_to_y, exact_in=True, amount=amount, unix_timestamp=NOW)
    except (ArrayMissing, ExtensionMissing, OutOfBins, MathOverflow):
        return 0
    return done.amount_out if done.amount_out <= vault_out else 0


@given(states(), amounts, st.booleans(), st.sampled_from([U64_MAX, 10**9]))
def test_a_ladder_gives_what_single_walks_give(state: DlmmState, amounts_in: list[int], x_to_y: bool, vault_out: int):
    amounts_in.sort()
    ladder = ladder_of(state, x_to_y=x_to_y)
    volatility = state.volatility.at_swap_start(state.fee, active_id=state.active_id, unix_timestamp=NOW)
    ran_out: list[None] = []
    pricing = ladder.pricing(
        fee=state.fee,
        volatility=volatility,
        bin_step=state.bin_step,
        vault_out=vault_out,
        ran_out=lambda: ran_out.append(None),
    )
    found = pricing(array("Q", amounts_in))
    assert list(found) == [output(state, amount, x_to_y=x_to_y, vault_out=vault_out) for amount in amounts_in]
