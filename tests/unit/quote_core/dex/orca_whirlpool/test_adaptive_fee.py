import pytest

from quote_core.dex.orca_whirlpool.adaptive_fee import AdaptiveFee, FeeManager
from quote_core.dex.orca_whirlpool.ticks import MAX_SQRT_PRICE_X64
from quote_core.dex.sqrt_price import MIN_SQRT_PRICE_X64


@pytest.mark.parametrize("group_reference", [7_000, -7_000])
@pytest.mark.parametrize("a_to_b", [True, False])
def test_a_core_range_outside_the_price_range_has_no_edge(group_reference: int, a_to_b: bool) -> None:
    fee = AdaptiveFee(
        filter_period_s=30,
        decay_period_s=600,
        reduction_factor=0,
        control_factor=1,
        accumulator_max=0,
        tick_group_size=64,
        major_swap_threshold_ticks=64,
        last_reference_update_unix_s=0,
        last_major_swap_unix_s=0,
        volatility_reference=0,
        group_reference=group_reference,
        accumulator=0,
    )
    manager = FeeManager(100, fee, tick=0, a_to_b=a_to_b)
    target = MIN_SQRT_PRICE_X64 if a_to_b else MAX_SQRT_PRICE_X64
    _bound, is_uncut = manager.bound(target, liquidity=1)
    assert not is_uncut
