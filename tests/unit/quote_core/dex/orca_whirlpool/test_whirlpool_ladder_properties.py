"""The compiled ladder against the readable walk, on made-up pools that reach every branch."""

from array import array

from hypothesis import given, settings
from hypothesis import strategies as st

from quote_core.dex.orca_whirlpool._ladder import LaidTicks, SequenceLadder
from quote_core.dex.orca_whirlpool.adaptive_fee import AdaptiveFee
from quote_core.dex.orca_whirlpool.state import TICKS_PER_ARRAY, WhirlpoolState, WhirlpoolTickArray, array_sequence
from quote_core.dex.orca_whirlpool.swap import ArrayUnknown, SequenceEnd, targets, walk
from quote_core.dex.orca_whirlpool.ticks import MAX_SQRT_PRICE_X64, sqrt_price_at_tick
from quote_core.dex.sqrt_price import MAX_TICK, MIN_SQRT_PRICE_X64, MIN_TICK
from quote_core.dex.walk import STEP_COUNT_MAX, MathOverflow, TooManySteps

NOW = 1_790_000_000
U64_MAX = 2**64 - 1
amounts = st.lists(st.integers(0, 64).flatmap(lambda bits: st.integers(0, 2**bits - 1)), min_size=1, max_size=12)


@st.composite
def states(draw: st.DrawFn) -> WhirlpoolState:
    spacing = draw(st.sampled_from([1, 4, 64, 32896]))
    current = draw(st.integers(-20_000, 20_000) | st.integers(MIN_TICK, MAX_TICK - 1))
    liquidity = draw(st.integers(0, 100).map(lambda bits: 2**bits))
    arrays = {}
    for start in {*array_sequence(current, spacing, a_to_b=True), *array_sequence(current, spacing, a_to_b=False)}:
        if not draw(st.integers(0, 9)):
            continue  # now and then an array is unknown
        slots = draw(st.sets(st.integers(0, TICKS_PER_ARRAY - 1), max_size=4))
        nets = {}
        for slot in sorted(slots):
            tick = start + slot * spacing
            if MIN_TICK <= tick <= MAX_TICK:
                size = draw(st.integers(0, liquidity // 25))
                nets[tick] = size if tick <= current else -size
        arrays[start] = WhirlpoolTickArray(start, nets)
    adaptive = None
    if draw(st.booleans()) and spacing < 32768:
        group_size = draw(st.sampled_from([1, 4, 64]))
        accumulator_max = draw(st.integers(0, 500_000))
        adaptive = AdaptiveFee(
            filter_period_s=30,
            decay_period_s=600,
            reduction_factor=draw(st.integers(0, 10_000)),
            control_factor=draw(st.integers(0, 100_000)),
            accumulator_max=accumulator_max,
            tick_group_size=group_size,
            major_swap_threshold_ticks=64,
            last_reference_update_unix_s=draw(st.sampled_from([NOW - 5, NOW - 100, NOW - 10_000])),
            last_major_swap_unix_s=NOW - 5_000,
            volatility_reference=draw(st.integers(0, accumulator_max)),
            group_reference=current // group_size + draw(st.integers(-60, 60)),
            accumulator=draw(st.integers(0, 200_000)),
        )
    return WhirlpoolState(
        sqrt_price_x64=draw(st.integers(sqrt_price_at_tick(current), sqrt_price_at_tick(current + 1) - 1)),
        tick=current,
        liquidity=liquidity,
        tick_spacing=spacing,
        fee_rate=draw(st.sampled_from([0, 1, 400, 65_535])),
        protocol_fee_rate_bps=1_300,
        adaptive_fee=adaptive,
        fee_growth_global_a_x64=0,
        fee_growth_global_b_x64=0,
        arrays=arrays,
    )


def output(state: WhirlpoolState, amount: int, *, a_to_b: bool, vault_out: int) -> int:
    try:
        done = walk(state, a_to_b=a_to_b, exact_in=True, amount=amount, unix_timestamp=NOW)
    except (ArrayUnknown, SequenceEnd, MathOverflow, TooManySteps):
        return 0
    return done.amount_out if done.amount_out <= vault_out else 0


def laid_out(state: WhirlpoolState, *, a_to_b: bool) -> SequenceLadder:
    arrays = map(state.arrays.get, array_sequence(state.tick, state.tick_spacing, a_to_b=a_to_b))
    return SequenceLadder(
        state,
        [None if array is None else LaidTicks(array) for array in arrays],
        down=a_to_b,
        limit=MIN_SQRT_PRICE_X64 if a_to_b else MAX_SQRT_PRICE_X64,
        step_count_max=STEP_COUNT_MAX,
    )


@settings(max_examples=1_000)
@given(states(), st.booleans())
def test_the_ticks_laid_out_are_those_a_walk_may_stop_at(state: WhirlpoolState, a_to_b: bool):
    assert laid_out(state, a_to_b=a_to_b).targets() == targets(state, a_to_b=a_to_b)


@given(states(), amounts, st.booleans(), st.sampled_from([U64_MAX, 10**9]))
def test_a_ladder_gives_what_single_walks_give(
    state: WhirlpoolState, amounts_in: list[int], a_to_b: bool, vault_out: int
):
    amounts_in.sort()
    ladder = laid_out(state, a_to_b=a_to_b)
    fee = state.adaptive_fee and state.adaptive_fee.at_swap_start(tick=state.tick, unix_timestamp=NOW)
    found = ladder.pricing(fee=fee, vault_out=vault_out)(array("Q", amounts_in))
    assert list(found) == [output(state, amount, a_to_b=a_to_b, vault_out=vault_out) for amount in amounts_in]
