"""The compiled ladder against the readable walk, on made-up pools that reach every branch."""

from array import array
from itertools import accumulate

from hypothesis import example, given
from hypothesis import strategies as st

from quote_core.dex.raydium_clmm._ladder import LaidLine, LineLadder
from quote_core.dex.raydium_clmm.state import ClmmState, DynamicFee, LineEnd, Tick, TickLine
from quote_core.dex.raydium_clmm.swap import EndOfLine, walk, with_references
from quote_core.dex.raydium_clmm.ticks import MAX_SQRT_PRICE_X64, sqrt_price_at_tick, tick_at_sqrt_price
from quote_core.dex.sqrt_price import MIN_SQRT_PRICE_X64
from quote_core.dex.walk import STEP_COUNT_MAX, MathOverflow, TooManySteps

NOW = 1_790_000_000
U64_MAX = 2**64 - 1
amounts = st.lists(st.integers(0, 63).flatmap(lambda bits: st.integers(0, 2**bits)), min_size=1, max_size=12)
dynamic_fees = st.builds(
    DynamicFee,
    filter_period_s=st.just(30),
    decay_period_s=st.just(600),
    reduction_factor=st.integers(0, 10_000),
    control=st.integers(0, 2**32 - 1),
    accumulator_max=st.integers(0, 2_000_000),
    index_reference=st.integers(-400, 400),
    volatility_reference=st.integers(0, 200_000),
    accumulator=st.integers(0, 200_000),
    last_update_unix_s=st.sampled_from([NOW - 5, NOW - 100, NOW - 10_000]),
)


@st.composite
def states(draw: st.DrawFn) -> ClmmState:
    spacing = draw(st.sampled_from([1, 4, 60]))
    current = draw(st.integers(-20_000, 20_000))
    gaps = draw(st.lists(st.integers(1, 60), min_size=1, max_size=10))
    split = draw(st.integers(0, len(gaps)))
    nearest = current // spacing
    below = [nearest + 1 - gap for gap in accumulate(gaps[:split])]
    above = [nearest + gap for gap in accumulate(gaps[split:])]
    sizes = st.integers(0, 2**40) if draw(st.booleans()) else st.just(0)
    liquidity = draw(st.integers(0, 60).map(lambda bits: 2**bits))
    ticks = []
    for slot in sorted({*below, *above}):
        index = slot * spacing
        nets = st.integers(0, liquidity // 12)
        net = draw(nets) if index <= current else -draw(nets)
        orders, part = draw(sizes), draw(sizes)
        ticks.append(Tick(index, sqrt_price_at_tick(index), net, 1, orders, part))
    price = draw(st.integers(sqrt_price_at_tick(current), sqrt_price_at_tick(current + 1) - 1))
    assert tick_at_sqrt_price(price) == current
    return ClmmState(
        sqrt_price_x64=price,
        tick=current,
        liquidity=liquidity,
        tick_spacing=spacing,
        trade_fee_rate=draw(st.sampled_from([0, 1, 100, 2_500, 100_000])),
        fee_on=draw(st.integers(0, 3)),
        dynamic_fee=draw(st.none() | dynamic_fees),
        line=TickLine(ticks, LineEnd(None), LineEnd(None)),
    )


def output(state: ClmmState, amount: int, *, zero_for_one: bool, vault_out: int) -> int:
    try:
        done = walk(state, zero_for_one=zero_for_one, exact_in=True, amount=amount, unix_timestamp=NOW)
    except (EndOfLine, MathOverflow, TooManySteps):
        return 0
    return done.amount_out if done.amount_out <= vault_out else 0


@given(states(), amounts, st.booleans(), st.sampled_from([U64_MAX, 10**9]))
def test_a_ladder_gives_what_single_walks_give(
    state: ClmmState, amounts_in: list[int], zero_for_one: bool, vault_out: int
):
    amounts_in.sort()
    ladder = LineLadder(
        state,
        LaidLine(state.line),
        limit_down=MIN_SQRT_PRICE_X64 + 1,
        limit_up=MAX_SQRT_PRICE_X64 - 1,
        step_count_max=STEP_COUNT_MAX,
    )
    fee = state.dynamic_fee and with_references(state.dynamic_fee, state, NOW)
    ran_out: list[None] = []
    pricing = ladder.pricing(
        zero_for_one=zero_for_one, fee=fee, vault_out=vault_out, ran_out=lambda: ran_out.append(None)
    )
    found = pricing(array("Q", amounts_in))
    expected = [output(state, amount, zero_for_one=zero_for_one, vault_out=vault_out) for amount in amounts_in]
    assert list(found) == expected


@example(amount=10**6)
@given(amount=st.integers(1, 10**12))
def test_an_order_that_is_not_used_up_keeps_the_price_at_its_tick(amount: int):
    tick = Tick(-60, sqrt_price_at_tick(-60), 0, 3, 10**15, 0)
    state = ClmmState(
        sqrt_price_x64=tick.sqrt_price_x64,
        tick=-60,
        liquidity=10**9,
        tick_spacing=60,
        trade_fee_rate=2_500,
        fee_on=0,
        dynamic_fee=None,
        line=TickLine([tick], LineEnd(None), LineEnd(None)),
    )
    done = walk(state, zero_for_one=True, exact_in=True, amount=amount, unix_timestamp=NOW)
    assert done.sqrt_price_x64 == tick.sqrt_price_x64
    assert done.tick == -60
    left = done.filled.get(-60, tick).order_total
    assert left == 10**15 - done.amount_out
