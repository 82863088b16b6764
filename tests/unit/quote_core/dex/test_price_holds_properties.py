"""A pool says until when its price holds by time alone: on random pools of every DEX nothing changes before that."""

from collections.abc import Callable
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from quote_core.dex.pool import NEVER, ChainClock, Direction, Pool, SwapMode
from quote_core.errors import MarketError

OpenPool = Callable[..., Pool]

BASE: Final = 1_785_000_000
EPOCH: Final = 1_000
AMOUNTS: Final = [10**power for power in range(3, 13)]


def u16(value: int) -> bytes:
    return value.to_bytes(2, "little")


def u32(value: int) -> bytes:
    return value.to_bytes(4, "little")


def u64(value: int) -> bytes:
    return value.to_bytes(8, "little")


seconds = st.integers(BASE - 200, BASE + 200)
"""Around which everything happens: openings, stamps, clocks."""
far_seconds = seconds | st.integers(BASE - 5_000, BASE + 5_000)
short_spans = st.integers(0, 300)
levels = st.integers(0, 200_000)
Patches = dict[tuple[str, int], bytes]


def volatility_of_clmm(stamp: int, filter_s: int, decay_s: int, control: int, level: int, open_time: int) -> Patches:
    fee = u16(filter_s) + u16(decay_s) + u16(5_000) + u32(control) + u32(400_000) + (0).to_bytes(4, "little")
    return {("pool", 1096): fee + u32(level) + u32(level) + u64(stamp), ("pool", 1080): u64(open_time)}


def volatility_of_whirlpool(
    reference: int, major: int, filter_s: int, decay_s: int, control: int, level: int, opening: int, rewarded: int
) -> Patches:
    constants = u16(filter_s) + u16(decay_s) + u16(5_000) + u32(control) + u32(400_000)
    variables = u64(reference) + u64(major) + u32(level)
    return {
        ("oracle", 40): u64(opening),
        ("oracle", 48): constants,
        ("oracle", 82): variables,
        ("oracle", 106): u32(level),
        ("pool", 261): u64(rewarded),
    }


def volatility_of_dlmm(
    stamp: int, filter_s: int, decay_s: int, control: int, level: int, activation: tuple[int, int, int]
) -> Patches:
    pair_type, activation_type, point = activation
    return {
        ("pool", 10): u16(filter_s) + u16(decay_s) + u16(5_000) + u32(control) + u32(400_000),
        ("pool", 40): u32(level) + u32(level),
        ("pool", 56): u64(stamp),
        ("pool", 75): bytes([pair_type]),
        ("pool", 86): bytes([activation_type]),
        ("pool", 816): u64(point),
    }


patched_pools = st.one_of(
    st.builds(
        lambda opening, status: (
            "raydium_amm_v4",
            "sol_usdc_58oQChx4",
            {("pool", 0): u64(status), ("pool", 224): u64(opening)},
        ),
        seconds,
        st.sampled_from([1, 6, 7]),
    ),
    st.builds(
        lambda opening: ("raydium_cpmm", "sol_usdc_7JuwJuNU", {("pool", 373): u64(opening)}),
        seconds,
    ),
    st.just(("pumpswap", "pump_usdc_2uF4Xh61", {})),
    st.builds(
        lambda patches: ("raydium_clmm", "sol_usdc_3ucNos4N_jul2026", patches),
        st.just({}) | st.builds(volatility_of_clmm, seconds, short_spans, short_spans, levels, levels, seconds),
    ),
    st.builds(
        lambda patches: ("orca_whirlpool", "synthetic_adaptive_ts4_A", patches),
        st.builds(
            volatility_of_whirlpool, far_seconds, seconds, short_spans, short_spans, levels, levels, seconds, seconds
        ),
    ),
    st.builds(
        lambda patches: ("meteora_dlmm", "sol_usdc_bs4_5rCf1DM8", patches),
        st.builds(
            volatility_of_dlmm,
            seconds,
            short_spans,
            short_spans,
            levels,
            levels,
            st.tuples(st.integers(0, 3), st.integers(0, 1), seconds),
        ),
    ),
)


def told(pool: Pool, clock: ChainClock) -> list[object]:
    """All that a pool says at a clock."""
    said: list[object] = []
    for direction in Direction:
        try:
            said += [list(pool.ladder(direction, AMOUNTS, clock)), pool.fee_fraction(direction, clock)]
        except MarketError as refusal:
            said.append(str(refusal))
        try:
            swap = pool.swap(direction, SwapMode.EXACT_OUT, 10**6, clock)
            said += [swap.amount_in, swap.fee_amount]
        except MarketError as refusal:
            said.append(str(refusal))
    return said


@settings(deadline=None)
@given(patched=patched_pools, start=far_seconds, slot=seconds, later=st.data())
def test_before_the_time_a_pool_names_it_says_what_it_said(
    open_pool: OpenPool, patched: tuple[str, str, Patches], start: int, slot: int, later: st.DataObject
) -> None:
    pool = open_pool(*patched)
    clock = ChainClock(slot, start, EPOCH)
    until = pool.price_holds_until(clock)
    assert until.slot > slot
    assert until.unix_timestamp > start
    assert until.epoch > EPOCH
    last = min(until.unix_timestamp, start + 20_000) - 1
    seen = told(pool, clock)
    time = later.draw(st.just(last) | st.integers(start, last), label="unix time")
    last_slot = min(until.slot, slot + 20_000) - 1
    at_slot = later.draw(st.just(last_slot) | st.integers(slot, last_slot), label="slot")
    epoch = later.draw(st.integers(EPOCH, min(until.epoch, EPOCH + 9) - 1), label="epoch")
    assert told(pool, ChainClock(at_slot, time, epoch)) == seen


def test_a_dynamic_fee_that_has_decayed_holds_for_ever(open_pool: OpenPool) -> None:
    patches = volatility_of_dlmm(BASE, 30, 600, 40_000, 100_000, (0, 0, 0))
    pool = open_pool("meteora_dlmm", "sol_usdc_bs4_5rCf1DM8", patches)
    turns, clock = [], ChainClock(1, BASE, EPOCH)
    while (time := pool.price_holds_until(clock).unix_timestamp) < NEVER:
        turns.append(time)
        clock = ChainClock(1, time, EPOCH)
    assert turns == [BASE + 30, BASE + 600]
    fees = [pool.fee_fraction(Direction.A_TO_B, ChainClock(1, time, EPOCH)) for time in (BASE, *turns)]
    assert fees[0] > fees[1] > fees[2]
