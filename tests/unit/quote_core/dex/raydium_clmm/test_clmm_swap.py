"""Rules of the program that few swaps meet, each worked out by hand from its formula."""

from dataclasses import replace

from quote_core.dex.raydium_clmm.state import ClmmState, DynamicFee, LineEnd, Tick, TickLine
from quote_core.dex.raydium_clmm.swap import walk
from quote_core.dex.raydium_clmm.ticks import sqrt_price_at_tick

NOW = 1_790_000_000
SPACING = 10
FEE = DynamicFee(
    filter_period_s=30,
    decay_period_s=600,
    reduction_factor=5_000,
    control=100,
    accumulator_max=350_000,
    index_reference=0,
    volatility_reference=0,
    accumulator=0,
    last_update_unix_s=NOW - 5,
)


def standing_at_0(*, orders_at: int, fee: DynamicFee = FEE) -> ClmmState:
    """No liquidity anywhere, and limit orders at one tick: the step there is uncut."""
    tick = Tick(orders_at, sqrt_price_at_tick(orders_at), 0, orders_amount=10**9)
    return ClmmState(
        sqrt_price_x64=sqrt_price_at_tick(0),
        tick=0,
        liquidity=0,
        tick_spacing=SPACING,
        trade_fee_rate=2_500,
        fee_on=0,
        dynamic_fee=fee,
        line=TickLine([tick], LineEnd(None), LineEnd(None)),
    )


def accumulator_after(state: ClmmState, *, zero_for_one: bool) -> int:
    swap = walk(state, zero_for_one=zero_for_one, exact_in=True, amount=10**6, unix_timestamp=NOW)
    assert swap.amount_out > 0
    assert swap.dynamic_fee is not None
    return swap.dynamic_fee.accumulator


def test_an_uncut_step_renews_the_accumulator_from_the_tick_it_reached() -> None:
    # Up to tick 100, a multiple of the spacing: index 10 less one. Down to tick -100: index -10.
    assert accumulator_after(standing_at_0(orders_at=100), zero_for_one=False) == 9 * 10_000
    assert accumulator_after(standing_at_0(orders_at=-100), zero_for_one=True) == 10 * 10_000


def test_the_renewed_accumulator_ends_at_its_maximum() -> None:
    assert accumulator_after(standing_at_0(orders_at=1_000), zero_for_one=False) == FEE.accumulator_max


def test_an_accumulator_at_its_maximum_is_not_renewed() -> None:
    # It stands at the maximum 40 indexes below the reference, and the way up leads closer: below it, were it renewed.
    at_maximum = replace(FEE, index_reference=40)
    state = standing_at_0(orders_at=300, fee=at_maximum)
    assert accumulator_after(state, zero_for_one=False) == FEE.accumulator_max
